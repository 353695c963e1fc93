"""Every explorer of the built site has a page of its own, and every page only the scripts that it needs."""

import re
from pathlib import Path

from browsing import NARROW, OVERFLOWING, Read

from lossbook.explorer import SCENES
from tools import book, embed

SCRIPT = re.compile(r'<script[^>]* src="([^"?]*/explorer/[\w-]+\.js)')


def test_every_explorer_has_a_page_of_its_own(built: Path) -> None:
    found = 0
    for name in book.pages(book.ROOT):
        path = built / f"{name}.html"
        text = path.read_text()
        islands = embed.ISLAND.findall(re.sub(r' style="--lb-[^"]*" data-embed="[^"]*"', "", text))
        places = re.findall(r' data-embed="([^"]*)"', text)
        assert len(places) == len(islands), name
        scripts = SCRIPT.findall(text)
        assert len(scripts) == bool(islands), name
        if not islands:
            continue
        scenes = {scene for _, scene, *_ in islands}
        assert set(Path(scripts[0]).stem.split("-")) == scenes, name
        assert (path.parent / scripts[0]).exists()
        for (id, *_), place in zip(islands, places, strict=True):
            own = (path.parent / place).resolve()
            page = own.read_text()
            assert f'id="{id}"' in page
            assert (own.parent / SCRIPT.findall(page)[0]).exists()
            home = re.findall(r'data-home="([^"]*)"', page)[0]
            assert (own.parent / home).resolve() == path.resolve()
            found += 1
    assert found > 80


def test_no_scene_overflows_a_frame_on_a_phone(read: Read, built: Path) -> None:
    found: dict[str, Path] = {}
    for path in sorted((built / embed.FOLDER).rglob("*.html")):
        found.setdefault(re.findall(r'data-scene="(\w+)"', path.read_text())[0], path)
    assert set(found) == set(SCENES)
    for path in found.values():
        name = str(path.relative_to(built).with_suffix(""))
        page = read(name, way="file", viewport=NARROW)
        page.locator(".lb-explorer.lb-ready").wait_for()
        assert page.evaluate(OVERFLOWING) == [], name
