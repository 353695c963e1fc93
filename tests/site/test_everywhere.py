"""The built site for every reader: in Firefox, without JavaScript, on paper, by keyboard, by touch, without motion."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from browsing import NARROW, OVERFLOWING, TABLET, WIDE, Read, settle
from explorers import finger
from firefox import Firefox

from tools import book

PAGES = [*book.pages(book.ROOT), "search", "genindex"]
# The front page and chapters whose explorers are of many kinds.
FEW = ["index", "chapters/robust", "chapters/boxes", "chapters/segmentation"]
START = "() => window.LossBook?.startAll()"
FLAT = """() => [...document.querySelectorAll("math")]
    .filter((one) => !one.closest("details:not([open])") && one.getBoundingClientRect().height < 4)
    .map((one) => one.outerHTML.slice(0, 200))"""

LOOK = """(which, number) => {
    const island = document.querySelectorAll(which)[number].closest(".lb-explorer");
    return [JSON.stringify(island.lossbook.state), island.querySelector("svg").innerHTML + island.innerText];
}"""
PLACE = """(which, number) => {
    const one = document.querySelectorAll(which)[number];
    one.scrollIntoView({ block: "center", behavior: "instant" });
    const box = one.getBoundingClientRect();
    return [box.x, box.y, box.width, box.height];
}"""
SLIDERS = ".lb-ready input[type=range]"
HANDLES = ".lb-ready [role=slider]:not([tabindex='-1'])"  # of a grid, the one that Tab reaches


def place(firefox: Firefox, which: str, number: int) -> tuple[float, ...]:
    """The middle of a control, and its width, after it was scrolled into view."""
    x, y, width, height = firefox.evaluate(PLACE, which, number)
    return x + width / 2, y + height / 2, width


def pull(firefox: Firefox, which: str, number: int, way: tuple[int, int]) -> None:
    """Drag a point; a slider, from a place that depends on the way."""
    x, y, width = place(firefox, which, number)
    dx, dy = way
    firefox.drag(x + (0 if which == HANDLES else width * (-0.2 if dx > 0 else 0.2)), y, dx, dy)


def on_top(firefox: Firefox, which: str, number: int) -> bool:
    """Whether nothing lies over the middle of a control; points of one picture may lie on each other."""
    x, y, _ = place(firefox, which, number)
    over = "(which, i, x, y) => document.querySelectorAll(which)[i].contains(document.elementFromPoint(x, y))"
    return firefox.evaluate(over, which, number, x, y)


def moved(firefox: Firefox, which: str, number: int, act: Callable[..., Any], ways: Sequence[Any]) -> bool:
    """Whether an act in one of several ways changes the state of a control's explorer, and its picture."""
    for way in ways:
        before = firefox.evaluate(LOOK, which, number)
        act(way)
        after = firefox.evaluate(LOOK, which, number)
        if before[0] != after[0] and before[1] != after[1]:
            return True
    return False


class TestFirefox:
    """What Chromium is asked on every page, in short, and that everything moves."""

    @pytest.mark.parametrize("name", PAGES)
    def test_a_page_is_whole(self, firefox: Firefox, built: Path, name: str) -> None:
        firefox.size(**WIDE)
        firefox.goto(f"{built.as_uri()}/{name}.html")
        firefox.evaluate(START)
        assert firefox.evaluate("() => [...document.querySelectorAll('main h1')].some((one) => one.innerText.trim())")
        assert firefox.evaluate("() => document.querySelectorAll('.lb-explorer:not(.lb-ready, details *)').length") == 0
        assert firefox.evaluate(FLAT) == []
        lost = "async () => { await document.fonts.ready; return [...document.fonts].map((one) => one.status); }"
        assert "error" not in firefox.evaluate(lost)
        firefox.size(**NARROW)
        assert firefox.evaluate(OVERFLOWING) == []
        assert firefox.faults() == []
        assert [url for url in firefox.requests() if not url.startswith(("file:", "data:", "blob:"))] == []

    @pytest.mark.parametrize("name", FEW)
    def test_a_served_page_asks_for_nothing_else(self, firefox: Firefox, served: str, name: str) -> None:
        firefox.goto(f"{served}/{name}.html")
        firefox.evaluate(START)
        asked = [url for url in firefox.requests() if not url.startswith(("data:", "blob:"))]
        assert f"{served}/{name}.html" in asked
        assert [url for url in asked if not url.startswith(served) or "fontawesome" in url] == []
        assert firefox.faults() == []

    @pytest.mark.parametrize("name", FEW)
    def test_sliders_and_points_move_by_keys_and_by_the_mouse(self, firefox: Firefox, built: Path, name: str) -> None:
        firefox.size(**WIDE)
        firefox.goto(f"{built.as_uri()}/{name}.html")
        firefox.evaluate(START)
        counts = "(all) => all.map((which) => document.querySelectorAll(which).length)"
        sliders, handles = firefox.evaluate(counts, [SLIDERS, HANDLES])
        dragged = 0
        for which, i in [*((SLIDERS, i) for i in range(sliders)), *((HANDLES, i) for i in range(handles))]:
            firefox.evaluate("(which, i) => document.querySelectorAll(which)[i].focus()", which, i)
            assert moved(firefox, which, i, firefox.press, ("ArrowRight", "ArrowUp", "Home", "End")), (which, i)
            if on_top(firefox, which, i):
                ways = ((30, 0), (-30, 0), (0, 30), (0, -30))
                assert moved(firefox, which, i, partial(pull, firefox, which, i), ways), (which, i)
                dragged += 1
        assert dragged > sliders > 0  # every slider, and some point
        assert firefox.faults() == []

    def test_a_quiz_marks_answers(self, firefox: Firefox, built: Path) -> None:
        firefox.size(**WIDE)
        firefox.goto(f"{built.as_uri()}/chapters/robust.html")
        choice = ".lb-quiz [data-kind=choice]"
        right = firefox.evaluate("(which) => document.querySelector(which).dataset.right", choice)
        for value, state in [(str(1 - min(int(right), 1)), "wrong"), (right, "right")]:
            x, y, _ = place(firefox, f"{choice} input[value='{value}']", 0)
            firefox.drag(x, y, 0, 0)
            assert firefox.evaluate("(which) => document.querySelector(which).dataset.state", choice) == state

    def test_the_catalogue_finds(self, firefox: Firefox, built: Path) -> None:
        firefox.goto(f"{built.as_uri()}/catalogue.html")
        firefox.press("/", *"huber")
        shown = "() => [...document.querySelectorAll('.lb-entry')].filter((one) => one.checkVisibility()).length"
        count = firefox.evaluate(shown)
        assert 0 < count < 20
        assert firefox.evaluate("() => document.querySelector('.lb-found').innerText").startswith(f"{count} of ")

    def test_the_theme_can_be_changed(self, firefox: Firefox, built: Path) -> None:
        firefox.goto(f"{built.as_uri()}/index.html")
        light = "() => getComputedStyle(document.body).backgroundColor"
        seen = set()
        for _ in range(3):  # light, dark, as the system says
            firefox.evaluate("() => document.querySelector('.theme-switch-button').focus()")
            firefox.press("Enter")
            seen.add((firefox.evaluate("() => document.documentElement.dataset.theme"), firefox.evaluate(light)))
        assert {theme for theme, _ in seen} == {"light", "dark"} and len(seen) == 2
        firefox.evaluate("() => localStorage.clear()")


class TestLinks:
    """A link within a page leads to its place, though what is far from the window is laid out late."""

    @pytest.mark.parametrize("viewport", [NARROW, WIDE], ids=["phone", "desktop"])
    def test_headings_are_where_links_lead(self, read: Read, built: Path, viewport: dict[str, int]) -> None:
        page = read("chapters/robust", way="file", viewport=viewport)
        headings = page.locator("main section[id]:not(section:has(> h1))").evaluate_all(
            "(all) => all.map((one) => one.id)"
        )
        assert len(headings) > 15
        for heading in headings[::3]:
            page.goto("about:blank")  # each time the page is new
            page.goto(f"{built.as_uri()}/chapters/robust.html#{heading}")
            settle(page)
            top = "(id) => document.getElementById(id).getBoundingClientRect().top"
            page.wait_for_function(f"(id) => Math.abs(({top})(id) - 60) < 80", arg=heading)


# What a page has and does not show, but for what is folded and what only a script needs.
HIDDEN = """() => [...document.querySelectorAll(".bd-article *")].filter((one) =>
    [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim())
    && !one.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    && !one.closest("details:not([open]) > :not(summary), script, style, template, math, .headerlink")
    && !one.closest(".lb-filter, .lb-quiz button, .lb-score, .lb-verdict, .expanded, .citation > :not(p)")
).map((one) => one.outerHTML.slice(0, 200))"""
PICTURES = """() => [...document.querySelectorAll(".lb-explorer")].map((one) => {
    const picture = one.querySelector("svg[role=img]:is([aria-label], :has(> title)), img[alt]");
    if (one.closest("details")) return "";  // the catalogue's, which repeat what the chapters show
    const shown = picture?.getBoundingClientRect().width > 200;
    return picture && shown ? "" : one.outerHTML.slice(0, 200);
}).filter(Boolean)"""


class TestWithoutJavaScript:
    """All is there to be read, and nothing promises what it cannot do."""

    @pytest.mark.parametrize("name", PAGES)
    def test_a_page_shows_what_it_has(self, read: Read, name: str) -> None:
        page = read(name, way="file", viewport=NARROW, java_script_enabled=False)
        assert page.evaluate(OVERFLOWING) == []
        assert page.evaluate(FLAT) == []
        assert page.evaluate(HIDDEN) == []
        assert page.evaluate(PICTURES) == []
        idle = page.locator("button:visible, [role=button]:visible, [role=slider]:visible, input[type=range]:visible")
        assert [one.evaluate("(one) => one.outerHTML") for one in idle.all()] == []

    def test_what_is_folded_unfolds(self, read: Read) -> None:
        page = read("chapters/robust", way="file", java_script_enabled=False)
        folded = page.locator(".bd-article details:not(details details)")
        assert folded.count() > 3
        for one in folded.all():
            one.locator("> summary").click()
            assert one.locator("> :not(summary)").first.is_visible()

    @pytest.mark.parametrize("viewport", [NARROW, WIDE], ids=["phone", "desktop"])
    def test_from_a_chapter_to_the_contents_and_the_next(self, read: Read, viewport: dict[str, int]) -> None:
        page = read("chapters/robust", way="file", viewport=viewport, java_script_enabled=False)
        start = page.url
        with page.expect_navigation():  # loaded: the title for print is hidden by the style sheet
            page.locator("a.right-next").press("Enter")  # a click may miss: what comes into view is laid out anew
        assert page.url != start and page.locator("main h1:visible").count() == 1
        page.go_back()
        with page.expect_navigation():
            page.locator("a[href$='index.html']:visible, a[href$='index.html#']:visible").first.press("Enter")
        assert page.url.split("#")[0].endswith("/index.html")
        assert page.locator("main a[href*='chapters/']:visible").count() >= 20
        page.goto(start)

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_text_can_be_read(self, read: Read, scheme: str) -> None:
        """The page is light then: only a script chooses the dark theme. So must the pictures be."""
        page = read("index", way="file", java_script_enabled=False, color_scheme=scheme)
        ground = page.locator("body").evaluate("(one) => getComputedStyle(one).backgroundColor")
        for text in ("main p", ".lb-explorer"):
            color = page.locator(text).first.evaluate("(one) => getComputedStyle(one).color")
            assert lightness(color) < 100 < 200 < lightness(ground)


def lightness(color: str) -> float:
    """The mean of red, green and blue."""
    return sum(float(part) for part in color[color.index("(") + 1 : -1].split(",")[:3]) / 3


# On paper nothing scrolls: what is wider than its box is cut.
CUT = """() => [...document.querySelectorAll("main *")].filter((one) =>
    one.scrollWidth > one.clientWidth + 1 && one.clientWidth && one.checkVisibility()
    && getComputedStyle(one).overflowX !== "visible" && !one.closest("svg, math, .sr-only")
).map((one) => `${one.scrollWidth} in ${one.clientWidth}: ${one.outerHTML.slice(0, 200)}`)"""
PAPER = {"width": 718, "height": 1046}  # A4 at 96 pixels to an inch, less its margins


class TestPrint:
    """A chapter on paper: all of its text, none of its furniture, black on white."""

    @pytest.mark.parametrize("name", FEW)
    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_a_page_prints(self, read: Read, name: str, theme: str) -> None:
        page = read(name, way="file", theme=theme, viewport=PAPER)
        page.emulate_media(media="print")
        furniture = (
            ".bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, .prev-next-footer, dialog, .skip-link"
        )
        assert (
            page.locator(f":is({furniture}, main button:not(.lb-toggle), main input[type=range]):visible").count() == 0
        )
        assert page.evaluate(CUT) == [] and page.evaluate(OVERFLOWING) == []
        for part in ("body", "main p", "main h1", ".lb-explorer"):
            one = page.locator(part).first
            if one.count():
                color = one.evaluate("(one) => getComputedStyle(one).color")
                assert lightness(color) < 110, part
        grounds = page.evaluate(
            "() => [...document.querySelectorAll('html, body, main, main section, .lb-explorer, .lb-figure, main pre')]"
            ".map((one) => getComputedStyle(one).backgroundColor).filter((color) => !color.endsWith(', 0)'))"
        )
        assert all(lightness(ground) > 235 for ground in grounds), grounds
        page.emulate_media(media="screen")


# Each element that had the focus, and how it looked then.
WATCH = """() => {
    window.looks = (one) => [one, ...one.querySelectorAll("*"), one.parentElement].slice(0, 30).map((part) => {
        const style = getComputedStyle(part);
        const outline = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 ? style.outline : "";
        const { boxShadow, backgroundColor, stroke, strokeWidth, borderColor } = style;
        return [outline, boxShadow, backgroundColor, stroke, strokeWidth, borderColor].join();
    }).join("|");
    window.focused = new Map();
    document.addEventListener("focusin", ({ target }) => {
        const box = target.getBoundingClientRect();
        // The skip link comes in from above.
        const inside = (box.bottom > 0 && box.top < innerHeight && box.right > 0) || target.closest(".skip-link");
        window.focused.set(target, { look: looks(target), inside });
    });
}"""
TOLD = """() => {
    document.activeElement.blur();
    const say = (one) => one.outerHTML.slice(0, 160);
    const told = { first: say(window.focused.keys().next().value), unseen: [], outside: [], missed: [] };
    for (const one of document.getAnimations()) one.finish();
    for (const [one, { look, inside }] of window.focused) {
        if (!one.isConnected) continue;
        if (looks(one) === look) told.unseen.push(say(one));
        if (!inside) told.outside.push(say(one));
    }
    const able = "a[href], button:enabled, input:enabled, select, textarea, summary, [tabindex='0']";
    for (const one of document.querySelectorAll(able)) {
        const quiet = one.tabIndex < 0 || one.closest("details:not([open]) > :not(summary), dialog:not([open])")
            || !one.checkVisibility({ visibilityProperty: true });
        const other = one.type === "radio" && [...window.focused.keys()].some((seen) => seen.name === one.name);
        if (!quiet && !other && !window.focused.has(one)) told.missed.push(say(one));
    }
    return told;
}"""


class TestKeyboard:
    """Who has no pointer gets everywhere, and sees where."""

    @pytest.mark.parametrize("name", ["index", "chapters/boxes"])
    def test_the_focus_goes_through_the_whole_page(self, read: Read, name: str) -> None:
        page = read(name, way="file", theme="light")
        page.evaluate(START)
        page.evaluate(WATCH)
        for _ in range(900):
            page.keyboard.press("Tab")
            if page.evaluate("() => document.activeElement === document.body"):
                break
        else:
            pytest.fail("the focus does not leave the page")
        told = page.evaluate(TOLD)
        assert "Skip to main content" in told.pop("first")
        assert told == {"unseen": [], "outside": [], "missed": []}

    def test_the_search_gives_the_focus_back(self, read: Read) -> None:
        page = read("index", way="file", theme="light")
        opener = page.locator(".search-button:visible, .search-button__button:visible").first
        opener.focus()
        page.keyboard.press("Enter")
        dialog = page.locator("#pst-search-dialog")
        assert dialog.is_visible()
        assert dialog.evaluate("(one) => one.contains(document.activeElement)")
        page.keyboard.press("Escape")
        dialog.wait_for(state="hidden")
        page.wait_for_function("(one) => one === document.activeElement", arg=opener.element_handle())

    def test_the_contents_of_a_phone_give_the_focus_back(self, read: Read) -> None:
        page = read("index", way="file", theme="light", viewport=NARROW)
        opener = page.locator(".primary-toggle:visible")
        opener.focus()
        page.keyboard.press("Enter")
        dialog = page.locator("#pst-primary-sidebar-modal")
        assert dialog.is_visible()
        page.keyboard.press("Tab")
        assert dialog.evaluate("(one) => one.contains(document.activeElement)")
        assert dialog.locator("a[href*='chapters/']").count() >= 20
        page.keyboard.press("Escape")
        dialog.wait_for(state="hidden")
        page.wait_for_function("(one) => one === document.activeElement", arg=opener.element_handle())

    def test_a_link_of_the_contents_leads_there_and_closes_them(self, read: Read) -> None:
        page = read("chapters/regression", way="file", theme="light", viewport=NARROW)
        page.locator(".secondary-toggle:visible").focus()
        page.keyboard.press("Enter")
        link = page.locator("#pst-secondary-sidebar-modal a[href='#quiz']")
        link.focus()
        page.keyboard.press("Enter")
        page.locator("#pst-secondary-sidebar-modal").wait_for(state="hidden")
        page.wait_for_function("Math.abs(document.getElementById('quiz').getBoundingClientRect().top - 64) < 4")

    def test_the_menu_opens_where_the_reader_is(self, read: Read) -> None:
        page = read("chapters/sequence", way="file", theme="light", viewport=NARROW)
        page.locator(".primary-toggle:visible").focus()
        page.keyboard.press("Enter")
        here = "#pst-primary-sidebar-modal .toctree-l1.current > a"
        inside = "(one) => one.getBoundingClientRect().top > 0 && one.getBoundingClientRect().bottom < innerHeight"
        page.locator(here).wait_for()
        page.wait_for_function(inside, arg=page.locator(here).element_handle())
        page.keyboard.press("Escape")


MOVING = """() => [...document.querySelectorAll("*")].filter((one) => {
    const style = getComputedStyle(one);
    const long = (times) => times.split(",").some((time) => parseFloat(time) > (time.endsWith("ms") ? 1 : 0.001));
    return long(style.transitionDuration) || (style.animationName !== "none" && long(style.animationDuration))
        || (style.scrollBehavior === "smooth");
}).map((one) => one.outerHTML.slice(0, 120))"""


class TestReducedMotion:
    """Nothing moves by itself for a reader who asked for that."""

    @pytest.mark.parametrize("name", FEW)
    def test_nothing_moves(self, read: Read, name: str) -> None:
        page = read(name, way="file", reduced_motion="reduce")
        page.evaluate(START)
        assert page.evaluate(MOVING) == []
        states = "() => JSON.stringify([...document.querySelectorAll('.lb-ready')].map((one) => one.lossbook.state))"
        before = page.evaluate(states)
        settle(page)
        assert page.evaluate(states) == before
        assert page.evaluate("() => document.getAnimations().length") == 0


class TestTouch:
    """Fingers on a tablet."""

    @pytest.mark.parametrize("name", FEW)
    def test_sliders_and_points_follow_a_finger(self, read: Read, name: str) -> None:
        page = read(name, way="file", viewport=TABLET, has_touch=True)
        page.evaluate(START)
        for island in page.locator(".lb-ready:visible").all():
            for slider in island.locator("input[type=range]").all():
                assert any(self.follows(page, island, slider, way) for way in ((60, 0), (-60, 0)))
            for handle in island.locator("[role=slider]").all()[:1]:  # of many points the first will do
                assert any(self.follows(page, island, handle, way) for way in ((40, 0), (0, 40), (-40, 0), (0, -40)))

    def follows(self, page: Any, island: Any, control: Any, way: tuple[int, int]) -> bool:
        """Whether a finger that drags a control changes the state of its explorer."""
        state = "(one) => JSON.stringify(one.lossbook.state)"
        before = island.evaluate(state)
        control.evaluate("(one) => one.scrollIntoView({ block: 'center', behavior: 'instant' })")
        settle(page)  # what comes into view may move what is below
        finger(page, control, *way)
        return island.evaluate(state) != before
