"""Chapters open alike, and each card has a name to link to."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from docutils import nodes
from docutils.core import publish_doctree

import lossbook as lb
from tools import book, notebooks, opening

CHAPTERS = [path for path in notebooks.notebooks(book.ROOT) if path.parts[0] == "chapters"]
APP: Any = SimpleNamespace(
    builder=SimpleNamespace(get_relative_uri=lambda here, there: f"../{there}.html"),
    env=SimpleNamespace(docname="chapters/regression"),
    srcdir=str(book.ROOT),
)


@pytest.mark.parametrize("path", CHAPTERS, ids=str)
def test_a_chapter_says_what_it_teaches_and_how_long_it_takes(path: Any) -> None:
    first = notebooks.read(book.ROOT / path).cells[0]
    assert first.cell_type == "markdown"
    blocks = first.source.split("\n\n")
    assert re.match(r"# \S", blocks[0])
    assert blocks[1] == opening.OBJECTIVES
    aims = opening.objectives(first.source)
    assert 2 <= len(aims) <= 7
    assert all(aim.endswith(";") for aim in aims[:-1]) and aims[-1].endswith(".")
    assert all(aim[0].islower() for aim in aims)
    assert 5 <= (opening.minutes(first.source) or 0) <= 90
    assert blocks[3].startswith("About ") and len(blocks) == 4


def test_what_is_missing_is_not_found() -> None:
    assert opening.minutes("It takes about 5 minutes.") is None
    assert opening.objectives("# A title\n\n- a list\n- of something else") == []


SOURCE = """\
Title
=====

After this chapter you will be able to

- see;
- hear.

About 5 minutes. You need nothing.

Then it begins.
"""


def test_the_opening_is_one_box() -> None:
    tree = publish_doctree(SOURCE)
    opening.open_chapter(APP, tree)
    (box,) = tree.findall(nodes.container)
    assert [type(one).__name__ for one in box.children] == ["paragraph", "bullet_list", "paragraph"]
    assert box["classes"] == ["lb-opening"] and box.children[2]["classes"] == ["lb-needs"]
    assert box.parent.children[-1].astext() == "Then it begins."


@pytest.mark.parametrize("missing", ["- see;\n- hear.\n", "About 5 minutes. You need nothing.\n\nThen it begins.\n"])
def test_an_opening_without_a_part_is_refused_with_its_page(missing: str) -> None:
    with pytest.raises(ValueError, match=f"{APP.env.docname}: after .* expected a list and then a paragraph"):
        opening.open_chapter(APP, publish_doctree(SOURCE.replace(missing, "")))


CARDS = """\
**Mean squared error** · 均方误差 · ``lossbook.mse``

A formula.

**Mean absolute error** · 平均绝对误差 · ``lossbook.mae``

Another one.

**Bold words** that begin a paragraph about ``lossbook.mae``, and do not end there.
"""


def test_cards_are_framed_and_named() -> None:
    tree = publish_doctree(CARDS)
    opening.frame_cards(APP, tree)
    first, second = tree.findall(nodes.container)
    assert first["ids"] == ["card-mse"] and second["ids"] == ["card-mae"]
    assert len(first.children) == 2 and len(second.children) == 3
    assert 'href="../catalogue.html#catalogue-mse"' in first.children[0].children[-1].astext()
    assert 'href="#card-mae" aria-label="Link to this card: Mean absolute error"' in second.children[0].astext()


def test_every_loss_has_a_card_in_its_chapter() -> None:
    for loss in lb.losses():
        cells = notebooks.code_cells(notebooks.read(book.ROOT / "chapters" / f"{loss.family}.ipynb"))
        shown = [
            one.data["text/markdown"]
            for cell in cells
            for one in cell.outputs
            if "text/markdown" in one.get("data", {})
        ]
        found = [text for text in shown if f" · `lossbook.{loss.name}`\n" in text]
        assert len(found) == 1, loss.name


def test_above_the_title_stand_part_and_minutes() -> None:
    time = opening.minutes(book.source("chapters/regression", book.ROOT))
    context = {"body": '<section id="x">\n<h1>Squared error</h1>\n<h1>Another</h1>'}
    opening.name_part(APP, "chapters/regression", "", context, None)
    line = f'<p class="lb-kicker">Regression · {time} minutes</p>'
    assert context["body"].startswith(f'<section id="x">\n{line}\n<h1>Squared')
    assert context["body"].count("lb-kicker") == 1
    for page in ("catalogue", "index", "search"):
        plain = {"body": "<h1>A page to look things up</h1>"}
        opening.name_part(APP, page, "", plain, None)
        assert "lb-kicker" not in plain["body"]
