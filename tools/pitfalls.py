"""The index of pitfalls: the labs of the chapters, by what a reader sees when they go wrong.

A lab is a heading of a chapter below an anchor such as `(pitfall-16)=`. What it looks like, and where people met it,
is in `pitfalls.yml`, which has an entry for every lab and no other.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

INTRODUCTION = """\
---
description: >-
  NaN, a loss that never falls, a loss of the wrong size: find what you see, and open a small lab that runs
  the mistake and mends it.
---

# Pitfalls

You see something odd: look for it in bold. Below it is a lab that runs the mistake, shows the moment it goes wrong,
and repairs it. The list is made from the chapters at each build.
"""
GROUPS = {
    "nan": "NaN, infinity, or an error",
    "size": "A loss of the wrong size",
    "stuck": "Nothing is learned",
    "wrong": "The wrong thing is learned",
    "text": "A formula that is wrong",
}
# One or several anchors, other names among them perhaps, and the heading below.
LAB = re.compile(r"((?:^\([\w-]+\)=\n+)+)^#+ +(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Lab:
    """A pitfall: its chapter, its anchors and its heading."""

    page: str
    anchors: tuple[str, ...]
    heading: str


def page() -> str:
    """The page, as MyST Markdown."""
    found, known = list(labs()), entries()
    names = [lab.anchors[0] for lab in found]
    if len(set(names)) < len(names) or set(names) != known.keys():
        odd = sorted(set(names) ^ known.keys()) or sorted(name for name in names if names.count(name) > 1)
        raise ValueError(f"pitfalls.yml and the anchors of the chapters differ: {', '.join(odd)}")
    parts = [INTRODUCTION]
    for group, title in GROUPS.items():
        some = [item(lab, known[lab.anchors[0]]) for lab in found if known[lab.anchors[0]]["group"] == group]
        parts += [f"## {title}", "\n".join(some)]
    return "\n\n".join(parts) + "\n"


def item(lab: Lab, entry: dict[str, Any]) -> str:
    """One item of a list."""
    met = f" Met in {', '.join(map(thread, entry['met']))}." if "met" in entry else ""
    see = entry["see"].rstrip(".") + ("" if entry["see"].endswith(("?", '"')) else ".")
    return f"- **{see}** Lab: [{lab.heading}](#{lab.anchors[0]}), in [](/{lab.page}.ipynb).{met}"


def thread(name: str) -> str:
    """A link to an issue or a pull request, named as GitHub names it: owner/repository#number."""
    repository, _, number = name.partition("#")
    return f"[{name}](https://github.com/{repository}/issues/{number})" if number else name


def entries() -> dict[str, dict[str, Any]]:
    """What is known of each lab beside its chapter."""
    from tools.book import ROOT

    return yaml.safe_load((ROOT / "pitfalls.yml").read_text())


def labs() -> Iterator[Lab]:
    """Every lab, in the order of the book."""
    from tools.book import ROOT, pages, source

    for name in pages(ROOT):
        for match in LAB.finditer(source(name, ROOT)):
            if anchors := re.findall(r"pitfall-[\w-]+", match[1]):
                yield Lab(name, tuple(anchors), match[2].strip())
