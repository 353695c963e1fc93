"""The book on paper: every chapter, every figure, nothing cut off, every link."""

import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup, SoupStrainer, Tag
from pypdf import PdfReader

from tools import book, paper, pdf

# What is wider than the column of the text, as it is laid out for print. A formula is as wide as its parts.
OVERFULL = """() => {
    const right = document.body.getBoundingClientRect().right + 0.5;
    const reach = (one) => {
        const parts = one.localName === "math" ? [one, ...one.querySelectorAll("*")] : [one];
        return Math.max(...parts.map((part) => part.getBoundingClientRect().right));
    };
    return [...document.querySelectorAll("math, pre, table, svg, img, figure, p, h1, h2, h3")]
        .filter((one) => one.getClientRects().length && reach(one) > right)
        .map((one) => `${one.localName} ${reach(one)} ${one.textContent.slice(0, 60)}`);
}"""
SMALLEST = """() => Math.min(...[...document.querySelectorAll("math, table, pre, p, li")]
    .filter((one) => one.textContent.trim() && !one.closest("figure"))
    .map((one) => parseFloat(getComputedStyle(one).fontSize) * 72 / 96))"""
UNSEEN = """() => [...document.querySelectorAll("figure svg, figure img, img")]
    .filter((one) => one.getBoundingClientRect().height < 20 || one.naturalWidth === 0)
    .map((one) => one.outerHTML.slice(0, 80))"""
# Not among the compatible forms that Unicode lists: radicals that look as the characters do.
RADICALS = str.maketrans("\u2ec5\u2ed3\u2ed4\u2eda\u2ee2\u2ecb", "见长门页马车")


def squeezed(text: str) -> str:
    """A text without what a PDF has its own idea of: white space, and which of two characters that look the same."""
    return unicodedata.normalize("NFKC", re.sub(r"\s", "", text)).translate(RADICALS)


class Printed:
    """The PDF, and the document that it was printed from."""

    def __init__(self, root: Path) -> None:
        self.document = BeautifulSoup((root / pdf.DOCUMENT).read_text(), "lxml")
        self.address = (root / pdf.DOCUMENT).as_uri()
        self.reader = PdfReader(root / pdf.PDF)

    @cached_property
    def texts(self) -> list[str]:
        """What stands on each page."""
        return [page.extract_text() for page in self.reader.pages]

    @cached_property
    def outline(self) -> list[tuple[int, str, int]]:
        """The bookmarks: level, text and page, counted from one."""
        return list(self.bookmarks(self.reader.outline, 1))

    def bookmarks(self, items: list, level: int) -> Iterator[tuple[int, str, int]]:
        for item in items:
            if isinstance(item, list):
                yield from self.bookmarks(item, level + 1)
            else:
                yield level, squeezed(str(item.title)), number(self.reader.get_destination_page_number(item))

    @cached_property
    def contents(self) -> list[tuple[str, int]]:
        """The lines of the contents, and the page to which each leads."""
        found = []
        for link in self.document.select("#contents a"):
            destination = self.reader.named_destinations[f"/{str(link['href'])[1:]}"]
            words = link.find("span")
            assert words is not None
            found.append((squeezed(words.get_text()), number(self.reader.get_destination_page_number(destination))))
        return found


def number(index: int | None) -> int:
    """The number of a page that is there."""
    assert index is not None
    return index + 1


@pytest.fixture(scope="module")
def printed(browser: Any, built: Path) -> Printed:
    """The book, printed as `make pdf` does. The browser is asked for since without one there is no PDF."""
    made = subprocess.run([sys.executable, "-m", "tools.pdf"], cwd=book.ROOT, capture_output=True, text=True)
    if pdf.NO_CHINESE in made.stderr and os.environ.get("CI") != "true":
        pytest.skip(pdf.NO_CHINESE)
    assert made.returncode == 0, made.stdout + made.stderr
    print(made.stdout)
    return Printed(book.ROOT)


@pytest.fixture(scope="module")
def laid_out(browser: Any, printed: Printed) -> Iterator[Any]:
    """The document in the browser as it was printed."""
    page = browser.new_page()
    page.emulate_media(media="print", color_scheme="light")
    page.goto(printed.address)
    assert page.evaluate(pdf.FIT, pdf.LEAST) == []
    yield page
    page.close()


@pytest.fixture(scope="module")
def articles(built: Path) -> dict[str, Tag]:
    """The pages of the site."""
    only = SoupStrainer("article")
    names = book.pages(book.ROOT)
    return {name: BeautifulSoup((built / f"{name}.html").read_text(), "lxml", parse_only=only) for name in names}


def title(article: Tag) -> str:
    """The title of a page, without the link beside it."""
    heading = article.select_one("h1")
    assert heading is not None
    return squeezed(heading.get_text()).removesuffix("#")


def test_every_chapter_is_in_contents_and_outline_where_it_begins(printed: Printed, articles: dict[str, Tag]) -> None:
    listed = squeezed("".join(printed.texts[: printed.contents[0][1] - 1]))
    anchors = [str(link["href"])[1:] for link in printed.document.select("#contents a")]
    for name, article in articles.items():
        words = title(article)
        _, place = printed.contents[anchors.index(paper.slug(name))]
        assert (1, words, place) in printed.outline
        assert f"{words}{place}" in listed
        text = squeezed(printed.texts[place - 1])
        # the running head, the number of the page, the family of the chapter, then its title
        assert re.match(rf"{re.escape(words)}{place}.{{0,40}}?{re.escape(words)}", text), text[:200]
        assert not squeezed(printed.texts[place - 2]).startswith(words)


def test_contents_outline_and_numbers_agree(printed: Printed) -> None:
    front = {squeezed("LossBook"), squeezed("About this edition"), "Contents"}
    of_chapters = [(text, page) for level, text, page in printed.outline if level <= 2]
    begin = printed.contents[0]
    assert {text for text, _ in of_chapters[: of_chapters.index(begin)]} == front
    assert of_chapters[of_chapters.index(begin) :] == printed.contents
    listed = squeezed("".join(printed.texts[: begin[1] - 1]))
    assert [text for text, page in printed.contents if f"{text}{page}" not in listed] == []
    assert paper.UNKNOWN not in listed


def test_nothing_is_wider_than_the_column(laid_out: Any) -> None:
    assert laid_out.evaluate(OVERFULL) == []


def test_letters_are_large_enough(laid_out: Any) -> None:
    assert laid_out.evaluate(SMALLEST) >= pdf.LEAST - 0.01


def test_no_picture_is_missing(printed: Printed, laid_out: Any, articles: dict[str, Tag]) -> None:
    for name, article in articles.items():
        here = printed.document.find(id=paper.slug(name))
        assert here is not None
        for kind in ("figure", ".lb-explorer > figure", "img", ".lb-sketch"):
            assert len(here.select(kind)) == len(article.select(kind)), (name, kind)
        explorers = [one for one in here.select(".lb-explorer") if not one.select("figcaption")]
        assert explorers == [], name
    assert laid_out.evaluate(UNSEEN) == []


def test_no_formula_is_missing(printed: Printed, articles: dict[str, Tag]) -> None:
    for name, article in articles.items():
        here = printed.document.find(id=paper.slug(name))
        assert here is not None
        assert len(here.select("math")) == len(article.select("math")), name


def test_every_link_leads_somewhere(printed: Printed) -> None:
    anchors = {str(one["id"]) for one in printed.document.select("[id]")}
    inside = [str(link["href"])[1:] for link in printed.document.select("a[href^='#']")]
    assert [name for name in inside if name not in anchors] == []
    places, led = printed.reader.named_destinations, 0
    for page in printed.reader.pages:
        notes: Any = page.get("/Annots", [])
        for note in (one.get_object() for one in notes):
            if "/Dest" in note:
                assert note["/Dest"] in places
                led += 1
            else:
                assert str(note["/A"]["/URI"]).startswith(("https://", "http://")), note["/A"]
    assert led >= len(inside)


def test_no_page_is_blank_and_no_heading_ends_one(printed: Printed) -> None:
    for count, text in enumerate(printed.texts, 1):
        body = text.splitlines()
        here = {title for _, title, page in printed.outline if page == count}
        assert len(squeezed(text)) > 60, f"page {count} is blank"
        if count > 1:
            assert squeezed(body[-1]) not in here, f"a heading ends page {count}: {body[-1]}"


def test_what_needs_a_screen_is_not_printed(printed: Printed) -> None:
    whole = "".join(printed.texts)
    for words in ("needs JavaScript", "Show the code", "Show the solution", "$$", "\\("):
        assert words not in whole, words


def test_fonts_are_embedded(printed: Printed) -> None:
    seen = set()
    for page in printed.reader.pages:
        resources: Any = page["/Resources"]
        for one in resources.get("/Font", {}).values():
            font = one.get_object()
            seen.add(str(font.get("/BaseFont", "")))
            if font["/Subtype"] == "/Type0":
                descriptor = font["/DescendantFonts"][0]["/FontDescriptor"]
                assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor), font
            else:
                assert font["/Subtype"] == "/Type3" and font["/CharProcs"]
    assert len(seen) > 3


def test_title_author_language_and_tags(printed: Printed) -> None:
    root: Any = printed.reader.trailer["/Root"]
    said = printed.reader.metadata
    assert said is not None
    assert said.title == "LossBook" and said.author
    assert root["/Lang"] == "en"
    assert root["/MarkInfo"]["/Marked"] and root["/StructTreeRoot"]["/K"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert {tuple(round(float(side)) for side in page.mediabox[2:]) for page in printed.reader.pages} == {(595, 842)}
