"""Small tables for chapters and reports: HTML on a page, aligned columns in plain text."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Rows under a header. Cells are text; numbers are formatted by whoever knows their digits.

    Examples
    --------
    >>> Table(("loss", "error"), [("MSE", "45.1"), ("MAE", "46.4")])
    loss  error
    MSE    45.1
    MAE    46.4
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"rows: got a row of {len(row)} cells, expected {len(self.header)}, as in the header")
            for cell in row:
                if not isinstance(cell, str):
                    raise TypeError(f"rows: got the cell {cell!r} of type {type(cell).__name__}, expected a text")

    def __repr__(self) -> str:
        right = self._numeric()
        lines = [self.header, *self.rows]
        widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
        padded = ([_pad(*cell) for cell in zip(line, widths, right, strict=True)] for line in lines)
        return "\n".join("  ".join(line).rstrip() for line in padded)

    def _repr_html_(self) -> str:
        right = self._numeric()

        def row(tag: str, cells: Sequence[str]) -> str:
            style = [' style="text-align: right"' if r else ' style="text-align: left"' for r in right]
            made = (f"<{tag}{s}>{html.escape(cell)}</{tag}>" for s, cell in zip(style, cells, strict=True))
            return f"<tr>{''.join(made)}</tr>"

        body = "".join(row("td", cells) for cells in self.rows)
        return f'<table class="lb-table"><thead>{row("th", self.header)}</thead><tbody>{body}</tbody></table>'

    def _numeric(self) -> list[bool]:
        """Whether every cell below the header is a number: such a column is aligned at the right."""
        return [bool(column) and all(map(_is_number, column)) for column in zip(*self.rows, strict=True)] or [
            False for _ in self.header
        ]


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace("−", "-").removesuffix("%").strip())
    except ValueError:
        return False
    return True


def _width(cell: str) -> int:
    # A Chinese character takes the place of two.
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in cell)


def _pad(cell: str, width: int, right: bool) -> str:
    space = " " * (width - _width(cell))
    return space + cell if right else cell + space
