"""Tables: aligned in text, marked up in HTML."""

import pytest

from lossbook.table import Table


def test_numbers_stand_at_the_right_and_words_at_the_left() -> None:
    table = Table(("名 name", "error"), [("MSE", "45.1"), ("均方", "-146")])
    assert repr(table).splitlines() == ["名 name  error", "MSE       45.1", "均方      -146"]
    assert '<td style="text-align: right">45.1</td>' in table._repr_html_()
    assert '<th style="text-align: left">' in table._repr_html_()


def test_markup_is_escaped() -> None:
    assert "&lt;b&gt;" in Table(("x",), [("<b>",)])._repr_html_()


def test_bad_cells_are_refused() -> None:
    with pytest.raises(ValueError, match="a row of 1 cells, expected 2"):
        Table(("a", "b"), [("1",)])
    with pytest.raises(TypeError, match="the cell 1.5 of type float"):
        Table(("a",), [(1.5,)])  # type: ignore[list-item]
