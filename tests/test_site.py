"""The built site in a browser, with the network off: what a reader gets, on every page."""

import gzip
import http.server
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import torch

import lossbook as lb
from lossbook.explorer import usual_scene
from tools import book, catalogue

# The heaviest first, so that no worker waits for it at the end.
PAGES = sorted([*book.pages(book.ROOT), "search", "genindex"], key=lambda name: name != "catalogue")
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
QUIET = """async () => {
    if (window.MathJax?.startup) await window.MathJax.startup.promise;
    await document.fonts.ready;
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    for (const one of document.getAnimations()) one.finish();  // else a text may be half faded in
}"""
# Also what is folded is looked at; of the catalogue's folded explorers every curve, since its formula is compared with
# torch, and one for each other scene.
UNFOLD = """async () => {
    const scenes = new Set();
    for (const one of document.querySelectorAll(".bd-article details")) {
        const scene = one.querySelector(":scope > .lb-explorer")?.dataset.scene;
        one.open = scene === "curve" || !scenes.has(scene);
        if (scene) scenes.add(scene);
    }
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""
EVERY = ".lb-explorer[data-scene]"
EXPLORERS = f"{EVERY}:not(details:not([open]) *)"


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the site, made from the notebooks that ran; what did not run is run."""
    return book.make()


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def server(site: Path) -> Iterator[str]:
    """The address at which the site is served on this machine."""
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site)))
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()


Visit = Callable[..., Any]


@dataclass
class Opened:
    """A page in the browser, what it loaded, and what went wrong."""

    page: Any
    loaded: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)


@pytest.fixture(scope="class")
def opened(browser: Any) -> Iterator[dict[tuple[str, ...], Opened]]:
    """What the tests of one page share, since a chapter takes its time to load: by name, way and theme."""
    pages: dict[tuple[str, ...], Opened] = {}
    yield pages
    for one in pages.values():
        one.page.context.close()


@pytest.fixture
def visit(browser: Any, server: str, site: Path, opened: dict[tuple[str, ...], Opened]) -> Iterator[Visit]:
    """Open a page of the site; at the end of the test, fail if it asked for anything outside or had an error."""
    used: list[Opened] = []

    def open_page(name: str, *, way: str = "http", theme: str = "", viewport: dict = WIDE) -> Any:
        root = server if way == "http" else site.as_uri()
        one = opened.get((name, way, theme))
        if one is None:
            one = opened[name, way, theme] = Opened(browser.new_context(viewport=viewport).new_page())
            prepare(one, root, theme)
            one.page.goto(f"{root}/{name}.html")
            one.page.evaluate(UNFOLD)
        used.append(one)
        one.page.set_viewport_size(viewport)
        one.page.evaluate(QUIET)
        return one.page

    yield open_page
    assert [fault for one in used for fault in one.faults] == []


def prepare(one: Opened, root: str, theme: str) -> None:
    """Watch a page, and keep it from the network."""
    page = one.page
    page.context.set_default_timeout(30_000)
    if theme:  # otherwise it is a first visit
        page.add_init_script(f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')")

    def guard(route: Any) -> None:
        if route.request.url.startswith((root, "data:", "blob:")):
            route.continue_()
        else:
            one.faults.append(f"asked for {route.request.url}")
            route.abort()

    page.route("**/*", guard)
    page.on("console", lambda said: one.faults.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: one.faults.append(str(error)))
    page.on("response", lambda got: one.faults.append(f"{got.status} {got.url}") if got.status >= 400 else None)
    page.on("response", lambda got: one.loaded.add(got.url))


AXE = """(rules) => axe.run(
    "body",
    { preload: false, ...(rules.length && { runOnly: { type: "rule", values: rules } }) },
).then((result) => result.violations)"""
# What MathJax makes is most of the elements of a page, and its own affair.
WITHOUT_MATHEMATICS = """() => {
    window.formulas = [...document.querySelectorAll("mjx-container")].map((formula) => [formula, new Text("x")]);
    for (const [formula, letter] of window.formulas) formula.replaceWith(letter);
}"""
ALL: list[str] = []
COLOR = ["color-contrast"]  # most of the time that axe takes
SIZE = ["scrollable-region-focusable", "target-size"]


TWICE = """() => {
    const ids = [...document.querySelectorAll(".bd-article [id]")].filter((one) => !one.closest("mjx-container"));
    return ids.map((one) => one.id).filter((id, i, all) => all.indexOf(id) !== i);
}"""
STATE = "(one) => JSON.stringify(one.lossbook.state)"
PICTURE = "(one) => one.querySelector('svg').innerHTML + one.querySelector('.lb-panel').innerText"

OVERFLOWING = """() => {
    const wide = [];
    const edge = document.documentElement.clientWidth + 1;
    const scrolls = (one) => one && one !== document.body
        && (["auto", "scroll"].includes(getComputedStyle(one).overflowX) || scrolls(one.parentElement));
    for (const one of document.querySelectorAll(".bd-article *")) {
        const box = one.getBoundingClientRect();
        const outside = box.width && (box.right > edge || box.left < -1);
        if (outside && !scrolls(one.parentElement) && !one.closest("svg *, .sr-only, mjx-assistive-mml")) {
            wide.push(`${one.tagName}.${one.className} ${Math.round(box.left)}..${Math.round(box.right)}`);
        }
    }
    return wide;
}"""


def expected(loss: lb.Loss, places: list[float], state: dict[str, float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Value and slope of the formula as PyTorch gives them, in float64."""
    x = torch.tensor(places, dtype=torch.float64)
    numbers = [torch.tensor(state[name], dtype=torch.float64) for name in loss.formula.parameters]
    found = [loss.formula.function("torch", derivative)(x, *numbers) for derivative in (None, 0)]
    value, slope = (torch.as_tensor(one, dtype=torch.float64).expand_as(x) for one in found)
    return value, slope


class OfOnePage:
    """The tests that every page passes."""

    name: str

    @pytest.mark.parametrize("way", ["http", "file"])
    def test_page_is_whole_without_the_network(self, visit: Visit, way: str) -> None:
        page = visit(self.name, way=way, theme="" if way == "http" else "light")
        assert page.locator("main h1:visible").first.inner_text().strip()
        explorers = page.locator(EXPLORERS)
        assert explorers.count() == page.locator(f"{EXPLORERS}.lb-ready").count()
        assert page.locator("mjx-container").count() >= page.locator("div.math").count()
        assert page.locator("mjx-merror").count() == 0
        assert page.locator(".bd-article").get_by_text("$$").count() == 0
        # A heading and an explorer of one name: a link would lead to the wrong one.
        assert page.evaluate(TWICE) == []

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_axe_finds_nothing(self, visit: Visit, theme: str) -> None:
        import axe_playwright_python

        axe = Path(axe_playwright_python.__file__).parent / "axe.min.js"
        page = visit(self.name, way="file", theme=theme)
        page.evaluate(axe.read_text())
        page.evaluate(WITHOUT_MATHEMATICS)
        # What a width changes of the colors is the frame of the page, which all chapters share with the front page.
        narrow = SIZE if self.name.startswith(("chapters/", "catalogue")) else COLOR + SIZE
        told = []
        for viewport, rules in [(WIDE, ALL), (NARROW, narrow)] if theme == "light" else [(WIDE, COLOR)]:
            page.set_viewport_size(viewport)
            page.evaluate(QUIET)
            found = page.evaluate(AXE, rules)
            told += [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in found for node in one["nodes"]]
        page.evaluate("for (const [formula, letter] of window.formulas) letter.replaceWith(formula)")
        page.set_viewport_size(WIDE)  # the formulas must learn of the next change
        assert told == []

    def test_nothing_overflows_a_phone(self, visit: Visit) -> None:
        page = visit(self.name, way="file", theme="light", viewport=NARROW)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        assert page.evaluate(OVERFLOWING) == []

    def test_every_slider_moves_its_curves_to_the_values_of_torch(self, visit: Visit) -> None:
        page = visit(self.name)
        moved = 0
        for island in page.locator(f"{EXPLORERS}[data-scene=curve]").all():
            losses = [lb.get(one) for one in island.evaluate("(one) => one.lossbook.losses")]
            state: dict[str, Any] | None = None
            sliders = island.locator("input[type=range]").all()
            # as it starts, then each slider at its least, its largest and a value between
            for key, slider in [
                ("", None),
                *((key, slider) for slider in sliders for key in ("Home", "End", "PageDown")),
            ]:
                before = state
                if slider is not None:
                    slider.press(key)
                state = island.evaluate("(one) => one.lossbook.state")
                if slider is not None:
                    assert state != before
                    moved += 1
                for loss in losses:
                    drawn = island.evaluate("(one, name) => one.lossbook.samples(name)", loss.name)
                    value, slope = expected(loss, drawn["x"], state)
                    for got, wanted in ((drawn["value"], value), (drawn["slope"], slope)):
                        torch.testing.assert_close(
                            torch.tensor(got, dtype=torch.float64), wanted, rtol=1e-12, atol=1e-12
                        )
        assert moved == 3 * page.locator(f"{EXPLORERS}[data-scene=curve] input[type=range]").count()

    def test_the_keyboard_moves_every_point(self, visit: Visit) -> None:
        page = visit(self.name)
        for island in page.locator(f"{EXPLORERS}[data-scene=curve]").all():
            point = island.locator(".lb-point")
            before = float(point.get_attribute("aria-valuenow"))
            point.focus()
            page.keyboard.press("ArrowLeft")
            after = float(point.get_attribute("aria-valuenow"))
            assert after < before
            loss = lb.get(island.evaluate("(one) => one.lossbook.losses[0]"))
            value, _ = expected(loss, [after], island.evaluate("(one) => one.lossbook.state"))
            told = island.locator(".lb-readout tbody tr").first.inner_text().replace("\u2212", "-")
            numbers = [float(word) for word in re.findall(r"-?[0-9.]+(?:e[-+]?[0-9]+)?", told)]
            # three decimals, or two digits of what is smaller
            assert any(abs(number - value.item()) <= max(5.1e-4, 0.06 * abs(number)) for number in numbers), told

    def test_every_control_of_the_other_scenes_moves_something(self, visit: Visit) -> None:
        """Sliders and handles, by the keyboard: the state changes, and so does the picture or what is read there."""
        page = visit(self.name)
        for island in page.locator(f"{EXPLORERS}:not([data-scene=curve])").all():
            for control in island.locator("input[type=range], [role=slider]").all():
                moved = seen = False
                for key in ("ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown", "Home", "End"):
                    before = [island.evaluate(look) for look in (STATE, PICTURE)]
                    control.press(key)
                    after = [island.evaluate(look) for look in (STATE, PICTURE)]
                    moved, seen = moved or before[0] != after[0], seen or before[1] != after[1]
                    if moved and seen:
                        break
                assert moved and seen, control.get_attribute("aria-label") or control.get_attribute("id")

    def test_every_quiz_marks_right_and_wrong_answers(self, visit: Visit) -> None:
        page = visit(self.name)
        for form in page.locator(".lb-quiz").all():
            questions = form.locator("fieldset").all()
            for question in questions:
                right = question.get_attribute("data-right")
                if question.get_attribute("data-kind") == "choice":
                    wrong = question.locator(f"input:not([value='{right}'])").first
                    wrong.check()
                    assert question.get_attribute("data-state") == "wrong"
                    question.locator(f"input[value='{right}']").check()
                else:
                    field = question.get_by_role("textbox")
                    field.fill(str(float(right) + 3 * float(question.get_attribute("data-tolerance")) + 1))
                    question.get_by_role("button").click()
                    assert question.get_attribute("data-state") == "wrong"
                    field.fill(right)
                    field.press("Enter")
                assert question.get_attribute("data-state") == "right"
            assert form.locator(".lb-score").inner_text() == f"{len(questions)} of {len(questions)} right"

    def test_a_page_weighs_little(self, visit: Visit, opened: dict[tuple[str, ...], Opened], site: Path) -> None:
        """All that a browser without a cache loads, compressed as a server would: at most 700 KB."""
        visit(self.name).wait_for_load_state("networkidle")
        paths = [site / unquote(urlsplit(url).path).lstrip("/") for url in opened[self.name, "http", ""].loaded]
        loaded = {path.name: len(gzip.compress(path.read_bytes(), 6)) for path in paths}
        total = sum(loaded.values()) / 1000
        heaviest = sorted(loaded.items(), key=lambda item: -item[1])[:8]
        print(f"{total:.0f} KB gzipped:", ", ".join(f"{name} {size / 1000:.0f}" for name, size in heaviest))
        assert total <= 700


# A class for each page, so that one worker does all of a page's tests.
for _name in PAGES:
    _class = f"Test_{_name.replace('/', '_')}"
    globals()[_class] = type(_class, (OfOnePage,), {"name": _name})


def test_there_is_an_explorer_on_the_front_page(visit: Visit) -> None:
    page = visit("index")
    assert page.locator(f"{EXPLORERS}.lb-ready").first.is_visible()


def test_the_catalogue_has_an_explorer_for_each_loss_that_starts_when_it_is_unfolded(visit: Visit) -> None:
    page = visit("catalogue", theme="dark")
    folded = page.locator(f"details:not([open]) > {EVERY}")
    assert folded.count() and page.locator(f"details:not([open]) > {EVERY}.lb-ready").count() == 0
    name = folded.first.get_attribute("id")
    page.locator(f"details:has(> #{name}) > summary").press("Enter")
    page.locator(f"#{name}.lb-ready").wait_for()
    page.evaluate("for (const one of document.querySelectorAll('.bd-article details')) one.open = true")
    page.wait_for_function(f"document.querySelectorAll('{EVERY}:not(.lb-ready)').length === 0")
    shown = page.locator(EVERY).evaluate_all("(all) => all.map((one) => one.lossbook.losses[0])")
    assert shown == [loss.name for loss in catalogue.in_order() if usual_scene(loss)]


def test_the_catalogue_finds_by_the_keyboard(visit: Visit) -> None:
    page = visit("catalogue", way="file", theme="dark")
    shown = ".lb-entry >> xpath=ancestor::section[1] >> visible=true"
    every = len(lb.losses())
    assert page.locator(shown).count() == every
    page.keyboard.press("/")
    page.keyboard.type("smoothl1")
    assert page.locator(f"{shown} >> h3").all_inner_texts() == [lb.smooth_l1.title]
    assert page.locator(".lb-found").inner_text() == f"1 of {every} losses"
    page.keyboard.press("Escape")
    assert page.locator(shown).count() == every
    page.keyboard.type("合页")  # in Chinese
    assert {lb.hinge.title, lb.squared_hinge.title} <= set(page.locator(f"{shown} >> h3").all_inner_texts())
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    page.keyboard.type(catalogue.title("robust"))
    assert page.locator(shown).count() == len(lb.losses("robust"))
    assert page.locator(".bd-article h2:visible").count() == 1
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("no such loss")
    assert page.locator(".lb-found").inner_text() == f"0 of {every} losses"


def test_one_search_field_and_it_finds(visit: Visit) -> None:
    page = visit("index", theme="dark")  # a page that no other test looks at, since this one leaves it
    assert page.locator("form.bd-search:visible, .search-button-field:visible").count() == 1
    page.keyboard.press("Control+k")
    page.locator("#pst-search-dialog input").fill("Huber")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li")
    assert page.locator("#search-results li a").count()
