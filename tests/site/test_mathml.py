"""The mathematics of every page of the built site: MathML, with nothing left to be converted by a script."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from conftest import Read

from tools import book, mathematics

PAGES = [*book.pages(book.ROOT), "search", "genindex"]
WIDEST = """() => {
    const beyond = (one) => one.scrollWidth - one.clientWidth;
    const shown = [...document.querySelectorAll("div.math")].filter((one) => one.checkVisibility());
    return shown.reduce((widest, one) => (beyond(one) > beyond(widest) ? one : widest));
}"""
LATEX = re.compile(r"\$\$|\\[(\[]|\\[a-z]{2,}")


@pytest.mark.parametrize("name", PAGES)
def test_all_mathematics_is_mathml(built: Path, name: str) -> None:
    text = (built / f"{name}.html").read_text(encoding="utf-8")
    assert not re.search("mathjax", text, re.IGNORECASE)
    page = BeautifulSoup(text, "html.parser")
    assert all(len(one.find_all("math")) == 1 for one in page.select(".math"))
    for formula in page.find_all("math"):
        assert mathematics.letters(str(formula)) <= mathematics.CHARACTERS and formula.get_text().strip()
    for one in page(["script", "style", "pre", "code", "svg", "math"]):
        one.decompose()
    assert LATEX.findall(page.get_text()) == []


@pytest.mark.parametrize("way", ["http", "file"])
def test_formulas_are_set_in_the_font_of_the_site(read: Read, way: str) -> None:
    page = read("notation", way=way, theme="light")
    loaded = "[...document.fonts].filter((one) => one.family.includes('LossBook Math')).map((one) => one.status)"
    assert page.evaluate(loaded) == ["loaded"]
    assert "LossBook Math" in page.evaluate("getComputedStyle(document.querySelector('math mi')).fontFamily")


def test_a_formula_that_is_wider_than_a_phone_scrolls_and_can_be_reached(read: Read) -> None:
    page = read("catalogue", theme="light", viewport={"width": 320, "height": 740})
    # What is far below has not asked for the font yet, and would change its width.
    page.evaluate("document.fonts.load('16px \"LossBook Math\"')")
    box = page.evaluate_handle(WIDEST)
    # What is above it gets its height only now, and would push it away again.
    page.wait_for_function("(one) => { one.scrollIntoView(); return one.tabIndex === 0; }", arg=box)
    box.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("(one) => one.scrollLeft > 0", arg=box)
