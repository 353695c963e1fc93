"""The description and the card of a page, without the site."""

import json
import re
from pathlib import Path

import pytest

import lossbook as lb
from tools import book, cards, meta


def test_every_page_has_a_description() -> None:
    assert all(meta.description(name) for name in book.pages(book.ROOT))


def test_a_page_without_a_description_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("---\nlang: zh\n---\n\n# Title\n")
    with pytest.raises(book.BookError, match="page does not say what it is for"):
        meta.description("page", tmp_path)


def test_the_card_is_drawn_from_the_first_explorer_and_each_time_the_same(tmp_path: Path) -> None:
    body = lb.explorer.island(lb.hinge, [lb.logistic]) + lb.explorer.island(lb.mse)
    payload, losses = cards.explorer(body)
    assert losses == [lb.hinge, lb.logistic]
    assert payload == json.loads(re.findall(r"(\{.*?\})</script>", body)[0])
    once, again, other = (
        cards.draw(title, body, tmp_path / f"{number}.png").read_bytes()
        for number, title in enumerate(["Margins", "Margins", "Margin"])
    )
    assert once == again != other


def test_a_page_without_an_explorer_has_the_card_of_huber() -> None:
    assert cards.explorer("<p>Words.</p>")[1][0] is lb.huber
