"""The archive to take along: unpacked anywhere, opened as files, without a network."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from browsing import WIDE, Opened, settle

from tools import book, offline

PAGES = ("index", "chapters/robust", "chapters/quantile", "chapters/imbalance")
STATE = "(one) => JSON.stringify(one.lossbook.state)"
PICTURE = "(one) => one.querySelector('svg').innerHTML"


@pytest.fixture(scope="module")
def unpacked(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a reader gets, under a name that needs quoting in an address."""
    folder = tmp_path_factory.mktemp("out") / "my books 书 #1"
    target = folder.with_suffix(".zip")
    offline.write(offline.files(built), target)
    with zipfile.ZipFile(target) as archive:
        archive.extractall(folder)
    return folder / offline.FOLDER


@pytest.fixture(scope="module")
def tab(browser: Any) -> Iterator[Any]:
    """A browser without a network."""
    context = browser.new_context(viewport=WIDE, offline=True)
    yield context
    context.close()


@pytest.fixture
def opened(tab: Any, unpacked: Path) -> Iterator[Opened]:
    """A page; at the end it must have had no fault, and have asked for nothing outside the folder."""
    one = Opened(tab.new_page(), unpacked.as_uri())
    one.prepare("")
    yield one
    one.page.close()
    assert one.faults == []


@pytest.mark.parametrize("name", PAGES)
def test_sliders_move_the_pictures(opened: Opened, unpacked: Path, name: str) -> None:
    page = opened.page
    page.goto((unpacked / f"{name}.html").as_uri())
    page.evaluate("window.LossBook.startAll()")
    settle(page)
    island = page.locator(".lb-explorer.lb-ready:has(input[type=range])").first
    slider = island.locator("input[type=range]").first
    before = island.evaluate(STATE), island.evaluate(PICTURE)
    slider.press("End")
    slider.press("PageDown")
    settle(page)
    assert island.evaluate(STATE) != before[0]
    assert island.evaluate(PICTURE) != before[1]


def test_links_lead_from_page_to_page(opened: Opened, unpacked: Path) -> None:
    page = opened.page
    page.goto((unpacked / "index.html").as_uri())
    page.locator(".bd-article a[href='chapters/foundations.html']").first.click()
    page.wait_for_url("**/chapters/foundations.html")
    assert page.locator(".bd-article h1").inner_text().startswith("What a loss is")
    page.locator(".bd-article a[href^='../glossary.html#']").first.click()
    page.wait_for_url("**/glossary.html#*")


def test_search_finds(opened: Opened, unpacked: Path) -> None:
    page = opened.page
    page.goto(f"{(unpacked / 'search.html').as_uri()}?q=Huber")
    found = page.locator("#search-results li a")
    found.first.wait_for()
    assert any("regression.html" in link for link in found.evaluate_all("(all) => all.map((one) => one.href)"))


def test_every_file_that_a_page_names_is_there(unpacked: Path) -> None:
    missing = set()
    for path in unpacked.rglob("*.html"):
        for name in re.findall(r'(?:href|src)="([^"#?:]+)["#?]', path.read_text()):
            if not name.startswith("//") and not (path.parent / unquote(name)).exists():
                missing.add((path.relative_to(unpacked).as_posix(), name))
    assert missing == set()


def test_the_archive_has_the_book_and_says_where_to_begin(unpacked: Path) -> None:
    assert [name for name in book.pages(book.ROOT) if not (unpacked / f"{name}.html").exists()] == []
    told = (unpacked.parent / "README.txt").read_text()
    (named,) = re.findall(r"open (\S+\.html)", told)
    assert (unpacked.parent / named).exists()


def test_the_same_book_gives_the_same_bytes(built: Path, tmp_path: Path) -> None:
    held = offline.files(built)
    offline.write(held, tmp_path / "one.zip")
    offline.write(dict(reversed(held.items())), tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert (tmp_path / "one.zip").stat().st_size < 20e6
