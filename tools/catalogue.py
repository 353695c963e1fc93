"""The catalogue page: every loss of the book, made from the records at each build."""

import ast
import html
import inspect
import itertools
import textwrap

from lossbook.card import advice, definition, elsewhere, properties
from lossbook.loss import Loss
from lossbook.traits import WORDS

INTRODUCTION = """\
---
description: >-
  Every loss function on one page, with search: formula, gradient, parameters, tested properties, code, and
  its name in PyTorch, Keras and others.
---

# Catalogue

Every loss of the book: what it is, when to use it, its gradient and parameters, what is claimed of it (each claim is
tested), our code, and what other libraries call it. This page is made from the same definitions that the code runs on:
a loss that is added to the package appears here by itself.
"""

# The script of the page, _static/lossbook.js, makes it work; without it the page is whole, and the field is not shown.
FILTER = """\
```{{raw}} html
<form class="lb-filter" role="search">
<label for="lb-find">Find a loss</label>
<input id="lb-find" type="search" autocomplete="off" spellcheck="false" aria-describedby="lb-hint">
<label for="lb-family">Chapter</label>
<select id="lb-family"><option value="">all</option>{families}</select>
<p id="lb-hint">A name here or in PyTorch, Keras or another library, in English or Chinese; or a property, such as
<em>convex</em>, <em>proper</em>, <em>symmetric</em>. <span class="lb-keys">Press / to come back here.</span></p>
<p class="lb-found" role="status"></p>
</form>
```"""


def page() -> str:
    """The page, as MyST Markdown."""
    families = [(family, list(losses)) for family, losses in itertools.groupby(in_order(), lambda loss: loss.family)]
    options = "".join(f'<option value="{family}">{title(family)}</option>' for family, _ in families)
    parts = [INTRODUCTION, FILTER.format(families=options)]
    for family, losses in families:
        parts += [f"## {chapter(family)}", *map(section, losses)]
    return "\n\n".join(parts) + "\n"


def in_order() -> list[Loss]:
    """All losses: families as the table of contents has their chapters, then as declared."""
    import lossbook as lb
    from tools.book import ROOT, pages

    place = {name: number for number, name in enumerate(pages(ROOT))}
    return sorted(lb.losses(), key=lambda loss: (place.get(f"chapters/{loss.family}", len(place)), loss.family))


def section(loss: Loss) -> str:
    """All that is declared of one loss; its formula and what it is for at a glance, the rest folded."""
    return "\n\n".join(
        [
            f"({anchor(loss)})=\n### {loss.title}",
            entry(loss),
            f'<span lang="zh">{loss.chinese}</span> · `lossbook.{loss.name}`{card(loss)}',
            *definition(loss),
            *advice(loss),
            *folded("Gradient, parameters, properties", properties(loss)),
            *folded("Explorer", explorer(loss)),
            *folded("Code", [f"```python\n{code(loss)}\n```", f"From `lossbook/{loss.family}.py`."]),
            *elsewhere(loss),
            f"**References:** {references(loss)}.",
        ]
    )


def entry(loss: Loss) -> str:
    """What the filter reads."""
    said = [words for name, words in WORDS.items() if getattr(loss.traits, name, None) is True]
    called = [name for library, names in loss.aliases.items() for name in (library, *names)]
    words = [loss.name, loss.name.replace("_", " "), loss.title, loss.chinese, loss.family, *called, *said]
    return f'<span class="lb-entry" data-family="{loss.family}" data-words="{html.escape(" ".join(words))}"></span>'


def folded(summary: str, blocks: list[str]) -> list[str]:
    """Blocks behind a summary; nothing where there are none."""
    return [f"<details><summary>{summary}</summary>", *blocks, "</details>"] if blocks else []


def explorer(loss: Loss) -> list[str]:
    """The explorer of a loss that some scene draws. It starts when it is unfolded; the figure is in the chapter."""
    from lossbook import explorer

    if not explorer.usual_scene(loss):
        return []
    # Not the loss's own name: the heading may have that.
    island = explorer.island(loss, id=f"explore-{loss.name.replace('_', '-')}", figure=False)
    return [f"`````{{raw}} html\n{island}\n`````"]


def code(loss: Loss) -> str:
    """The function as it is written, without its decorator and docstring."""
    source = textwrap.dedent(inspect.getsource(loss.function))
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    first = function.body[ast.get_docstring(function) is not None]
    lines = source.splitlines()
    signature = lines[function.lineno - 1 : function.body[0].lineno - 1]
    return "\n".join([*signature, *lines[first.lineno - 1 :]])


def anchor(loss: Loss) -> str:
    """The stable name of a loss's section."""
    return f"catalogue-{loss.name.replace('_', '-')}"


def title(family: str) -> str:
    """What the chapter of a family is called."""
    from tools.book import ROOT, heading

    return heading(f"chapters/{family}", ROOT) or family


def chapter(family: str) -> str:
    """A link to the chapter that derives the losses of a family."""
    from tools.book import ROOT, pages

    name = f"chapters/{family}"
    return f"[{title(family)}](/{name}.ipynb)" if name in pages(ROOT) else family


def card(loss: Loss) -> str:
    """A link to the card in the chapter that derives the loss; nothing where there is no such chapter."""
    from tools.book import ROOT, pages
    from tools.opening import anchor as card_of

    name = f"chapters/{loss.family}"
    return f' · <a href="{name}.html#{card_of(loss.name)}">in its chapter</a>' if name in pages(ROOT) else ""


def references(loss: Loss) -> str:
    """The papers of a loss."""
    return ", ".join(f"{{cite:t}}`{key}`" for key in loss.references) or "none"
