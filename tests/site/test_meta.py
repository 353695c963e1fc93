"""What search engines and shared links are told of each page."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup
from PIL import Image

from tools import book, cards

BASE = book.addresses(book.ROOT)["Homepage"]
PAGES = book.pages(book.ROOT)


def head(site: Path, name: str) -> Any:
    text = (site / f"{name}.html").read_text(encoding="utf-8")
    return BeautifulSoup(text.partition("</head>")[0], "html.parser")


def said(site: Path, name: str, key: str) -> str:
    """What the one meta element of this name says."""
    page = head(site, name)
    (found,) = page.find_all("meta", {"name": key}) + page.find_all("meta", {"property": key})
    return found["content"]


def test_the_site_has_one_address() -> None:
    assert BASE.startswith("https://") and BASE.endswith("/")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_it_is_for_and_where_it_is(built: Path, name: str) -> None:
    page = head(built, name)
    assert len(page.find_all("title")) == 1 and page.title.get_text(strip=True)
    assert page.html["lang"] == "en"
    description = said(built, name, "description")
    # a Chinese sign says as much as three letters
    assert (30 if name == "chinese" else 90) <= len(description) <= 160 and description[-1] in ".。"
    assert said(built, name, "og:description") == description
    assert said(built, name, "og:title") in page.title.get_text()
    address = f"{BASE}{name}.html"
    assert [link["href"] for link in page.find_all("link", rel="canonical")] == [address]
    assert said(built, name, "og:url") == address


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_a_card(built: Path, name: str) -> None:
    address = said(built, name, "og:image")
    assert address.startswith(BASE)
    path = built / address.removeprefix(BASE)
    assert path.stat().st_size < 60_000
    with Image.open(path) as card:
        assert card.size == (1200, 630) == (cards.WIDTH, cards.HEIGHT)
        assert [said(built, name, f"og:image:{side}") for side in ("width", "height")] == ["1200", "630"]


@pytest.mark.parametrize("what", ["title", "description", "og:title"])
def test_no_two_pages_say_the_same(built: Path, what: str) -> None:
    found = [head(built, name).title.get_text() if what == "title" else said(built, name, what) for name in PAGES]
    assert len(set(found)) == len(PAGES)


def test_no_two_chapters_have_one_card(built: Path) -> None:
    chapters = [name for name in PAGES if name.startswith("chapters/")]
    pictures = {(built / said(built, name, "og:image").removeprefix(BASE)).read_bytes() for name in chapters}
    assert len(pictures) == len(chapters)


def test_the_site_map_names_every_page_and_nothing_else(built: Path) -> None:
    places = [
        place.text or "" for place in ElementTree.parse(built / "sitemap.xml").iter() if place.tag.endswith("}loc")
    ]
    assert sorted(places) == sorted(f"{BASE}{name}.html" for name in PAGES)
    assert f"Sitemap: {BASE}sitemap.xml\n" in (built / "robots.txt").read_text()
