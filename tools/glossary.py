"""The glossary: the terms of `glossary.yml`, English and Chinese, and the name of every loss.

A chapter links to a term as {term}`risk`; a term that has no entry fails the build.
"""

from typing import Any

import yaml

INTRODUCTION = """\
---
description: >-
  Terms of loss functions in English and Chinese, each explained in a sentence or two, and the name of every
  loss in both languages.
---

# Glossary

The words of the book, in English and Chinese. 术语表：英文与中文。
"""
LOSSES = """\
## Losses

The name of every loss, from the same records as the catalogue. 各损失函数的名称。
"""


def page() -> str:
    """The page, as MyST Markdown."""
    terms = "\n\n".join(entry(term, known) for term, known in sorted(entries().items(), key=lambda x: x[0].casefold()))
    return "\n\n".join([INTRODUCTION, f"```{{glossary}}\n{terms}\n```", LOSSES, losses()]) + "\n"


def entries() -> dict[str, dict[str, Any]]:
    """Each term: its Chinese names, what it means, and the chapter that explains it."""
    from tools.book import ROOT

    return yaml.safe_load((ROOT / "glossary.yml").read_text())


def entry(term: str, known: dict[str, Any]) -> str:
    """A term with its meaning, as the glossary directive reads it."""
    see = f" See [](/chapters/{known['chapter']}.ipynb)." if "chapter" in known else ""
    return f'{term}\n  <span lang="zh">{known["chinese"]}</span>. {known["meaning"].strip()}{see}'


def losses() -> str:
    """A table of all losses in both languages."""
    from tools.catalogue import anchor, in_order

    rows = [f'| [{loss.title}](#{anchor(loss)}) | <span lang="zh">{loss.chinese}</span> |' for loss in in_order()]
    return "\n".join(["| English | 中文 |", "|---|---|", *rows])
