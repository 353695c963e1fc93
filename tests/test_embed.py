"""The page of its own that each explorer has, as another site shows it."""

import re
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from explorers import PAGE, state

import lossbook as lb
from lossbook.explorer import SCENES, island, style
from tools import embed
from tools.serve import serve

OUTER = '<!doctype html><html lang="en"><title>A lesson</title><body style="margin: 0">{snippet}</body></html>'


def build(folder: Path, page: str, islands: list[str], base: str = "") -> dict[str, Any]:
    """What the extension does to a page with these explorers."""
    scripts: list[str] = []
    app: Any = SimpleNamespace(
        outdir=folder,
        builder=SimpleNamespace(name="html"),
        config=SimpleNamespace(language="en", html_title="LossBook", html_baseurl=base),
        add_js_file=lambda name, **attributes: scripts.append(name),
    )
    context = {"title": "Robust <em>losses</em>", "body": f"<p>Text.</p>{''.join(islands)}<p>More.</p>"}
    embed.explorers(app, page, "page.html", context, object())
    return context | {"scripts": scripts}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book of one chapter."""
    folder = tmp_path_factory.mktemp("book")
    made = build(folder, "chapters/robust", [island(lb.huber, [lb.mse], id="one"), island(lb.arcface, id="two")])
    script = (folder / "_static" / made["scripts"][0]).read_text()
    page = PAGE.format(attributes="", style=style(), script=script, islands=made["body"])
    (folder / "chapters").mkdir()
    (folder / "chapters" / "robust.html").write_text(page)
    return folder


def test_a_page_loads_the_script_of_its_scenes_and_a_page_without_explorers_none(tmp_path: Path) -> None:
    curve, bars = island(lb.huber, id="one"), island(lb.cross_entropy, id="two")
    assert build(tmp_path, "a", [bars, curve])["scripts"] == ["explorer/curve-bars.js"]
    assert "scenes.bars" in (tmp_path / "_static/explorer/curve-bars.js").read_text()
    assert "scenes.bars" not in (tmp_path / "_static/explorer/curve.js").read_text()
    none = build(tmp_path, "b", [])
    assert (none["scripts"], none["body"]) == ([], "<p>Text.</p><p>More.</p>")


def test_explorers_of_one_name_on_two_pages_have_two_pages(tmp_path: Path) -> None:
    for page in ("chapters/a", "chapters/b", "a"):
        build(tmp_path, page, [island(lb.huber, id="one")])
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.html"))
    assert found == ["embed/a/one.html", "embed/chapters/a/one.html", "embed/chapters/b/one.html"]
    before = [path.read_bytes() for path in sorted(tmp_path.rglob("*.*"))]
    build(tmp_path, "a", [island(lb.huber, id="one")])
    assert [path.read_bytes() for path in sorted(tmp_path.rglob("*.*"))] == before
    build(tmp_path, "a", [island(lb.huber, id="other")])
    assert [path.name for path in (tmp_path / "embed/a").iterdir()] == ["other.html"]


def test_a_page_of_its_own_is_not_for_search_engines(tmp_path: Path) -> None:
    build(tmp_path, "chapters/a", [island(lb.huber, id="one")], base="https://example.org/book/")
    text = (tmp_path / "embed/chapters/a/one.html").read_text()
    assert '<meta name="robots" content="noindex">' in text
    assert '<link rel="canonical" href="https://example.org/book/chapters/a.html">' in text
    assert "<title>Huber loss · Robust losses · LossBook</title>" in text
    assert '<html lang="en">' in text


def test_every_scene_has_its_room(browser: Any, tmp_path: Path) -> None:
    """About what it takes: the page may not jump when an explorer starts."""
    assert set(embed.ROOM) == set(SCENES)
    data: dict[str, Any] = {"sample": {"data": [1, 2, 4]}, "fit": {"data": [(0, 0), (1, 1), (2, 3)]}}
    islands = [
        island(next(loss for loss in lb.losses() if one.accepts(loss)), scene=name, id=name, **data.get(name, {}))
        for name, one in SCENES.items()
    ]
    made = build(tmp_path, "all", islands)
    text = PAGE.format(
        attributes="",
        style=style(),
        islands=made["body"],
        script=(tmp_path / "_static" / made["scripts"][0]).read_text(),
    )
    measure = "[...document.querySelectorAll('.lb-explorer')].map((one) => [one.dataset.scene, one.clientHeight])"
    for width in (360, 720):
        page = browser.new_page(viewport={"width": width, "height": 200})
        asleep = text.replace("LossBook.start();", "LossBook.start;")
        assert asleep != text
        page.set_content(asleep)
        before = page.evaluate(measure)
        page.set_content(text)
        page.evaluate("LossBook.startAll()")
        for (scene, kept), (_, taken) in zip(before, page.evaluate(measure), strict=True):
            assert abs(kept - taken) < 0.25 * taken, (scene, width, kept, taken)
        page.close()


def snippet(page: Any, id: str) -> str:
    """The HTML that a reader copies."""
    page.locator(f"#{id} [data-action=embed]").click()
    area = page.get_by_role("textbox", name="HTML that shows this explorer")
    return area.input_value()


def test_the_snippet_shows_the_state_on_another_site(browser: Any, book: Path, tmp_path: Path) -> None:
    with serve(book) as ours, serve(tmp_path) as theirs:
        assert ours != theirs
        page = browser.new_page(viewport={"width": 1000, "height": 800})
        page.goto(f"{ours}/chapters/robust.html")
        page.wait_for_selector("#one.lb-ready")
        page.locator("#one input[type=range]").fill("3")
        text = snippet(page, "one")
        assert 'title="Explorer: Huber loss"' in text
        # The next change is written too.
        page.locator("#one button[data-show=mse]").click()
        page.wait_for_function("document.querySelector('#one textarea').value.includes('one.show=none')")
        text = page.locator("#one textarea").input_value()
        address = unescape(re.findall(r'src="([^"]+)"', text)[0])
        assert address == f"{ours}/embed/chapters/robust/one.html?one.delta=3&one.show=none"

        (tmp_path / "lesson.html").write_text(OUTER.format(snippet=text))
        page.set_viewport_size({"width": 680, "height": 1000})
        faults: list[str] = []
        page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        # The browser itself asks for an icon, and complains without its name.
        page.on("response", lambda got: faults.append(got.url) if got.status >= 400 else None)
        page.goto(f"{theirs}/lesson.html")
        frame = page.frame_locator("iframe")
        frame.locator("#one.lb-ready").wait_for()
        inner = next(one for one in page.frames if one.url == address)
        assert state(inner, "one") == {"delta": 3, "show": [], "point": 1, "view": "both"}
        # It fits: nothing to scroll, and little room to spare.
        room = inner.evaluate("innerHeight - document.body.getBoundingClientRect().bottom")
        assert 0 <= room < 80
        assert inner.evaluate("document.documentElement.scrollWidth") <= 680
        # It moves, and leads home with what it shows.
        frame.locator("input[type=range]").fill("2")
        assert state(inner, "one")["delta"] == 2
        inner.wait_for_function("location.search.includes('one.delta=2')")
        with page.expect_popup() as opened:
            frame.get_by_role("link", name="Robust losses").click()
        opened.value.wait_for_selector("#one.lb-ready")
        assert opened.value.url.startswith(f"{ours}/chapters/robust.html?one.delta=2")
        assert state(opened.value, "one")["delta"] == 2
        assert [fault for fault in faults if "favicon" not in fault and "status of 404" not in fault] == []
        page.context.close()


def test_a_page_on_the_disk_offers_no_snippet(browser: Any, book: Path) -> None:
    """Its address would lead nowhere on another site, and tell where the reader keeps the book."""
    page = browser.new_page()
    page.goto((book / "chapters/robust.html").as_uri())
    page.wait_for_selector("#one.lb-ready")
    assert page.locator("#one [data-action=save]").count() == 1
    assert page.locator("#one [data-action=embed]").count() == 0
    page.close()


def test_a_page_of_its_own_works_without_a_server_and_links_to_the_chapter(browser: Any, book: Path) -> None:
    page = browser.new_page()
    page.goto(f"{(book / 'embed/chapters/robust/one.html').as_uri()}?one.delta=3")
    page.wait_for_selector("#one.lb-ready")
    assert state(page, "one")["delta"] == 3
    link = page.evaluate("document.getElementById('one').lossbook.url()")
    assert link == f"{(book / 'chapters/robust.html').as_uri()}?one.delta=3#one"
    # A frame in a frame would be of no use.
    actions = page.locator("#one [data-action]").evaluate_all("(all) => all.map((one) => one.dataset.action)")
    assert actions == ["reset", "copy", "save"]
    page.context.close()


@pytest.mark.parametrize(("asked", "scheme", "light"), [
    ("", "light", True), ("", "dark", False), ("?theme=light", "dark", True), ("?theme=dark", "light", False),
])  # fmt: skip
def test_it_has_the_theme_of_the_reader_or_the_one_asked_for(
    browser: Any, book: Path, asked: str, scheme: str, light: bool
) -> None:
    page = browser.new_page(color_scheme=scheme)
    page.goto(f"{(book / 'embed/chapters/robust/two.html').as_uri()}{asked}")
    page.wait_for_selector("#two.lb-ready")
    colors = page.evaluate("""[getComputedStyle(document.body).backgroundColor,
        getComputedStyle(document.querySelector('.lb-arm')).stroke]""")
    assert colors == (["rgb(255, 255, 255)", "rgb(0, 114, 178)"] if light else ["rgb(18, 20, 23)", "rgb(86, 180, 233)"])
    page.context.close()


def test_without_javascript_its_figure_and_the_way_home_are_there(browser: Any, book: Path) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto((book / "embed/chapters/robust/one.html").as_uri())
    assert page.get_by_role("img", name="Huber loss and its gradient").is_visible()
    assert page.get_by_role("link", name="Robust losses").is_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('.lb-explorer')).minHeight") in ("auto", "0px")
    page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_it_nor_in_what_opens(browser: Any, book: Path, theme: str) -> None:
    import axe_playwright_python

    axe = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
    page = browser.new_page()
    page.goto(f"{(book / 'embed/chapters/robust/one.html').as_uri()}?theme={theme}")
    page.wait_for_selector("#one.lb-ready")
    page.locator("#one [data-action=save]").click()
    page.evaluate(axe)
    assert page.evaluate("axe.run().then((result) => result.violations.map((one) => one.id))") == []
    page.context.close()
    page = browser.new_page(color_scheme=theme)
    with serve(book) as ours:
        page.goto(f"{ours}/chapters/robust.html")
        page.add_style_tag(content=f"body {{ background: {'#121417' if theme == 'dark' else '#fff'} }}")
        page.wait_for_selector("#one.lb-ready")
        page.locator("#one [data-action=embed]").click()
        page.evaluate(axe)
        found = page.evaluate("axe.run({ include: [['.lb-explorer']] }).then((result) => result.violations)")
    assert [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]] == []
    page.context.close()
