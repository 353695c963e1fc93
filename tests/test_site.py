"""The built site in a browser, with the network off: what a reader gets, on every page."""

import gzip
import http.server
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import torch

import lossbook as lb
from lossbook.explorer import usual_scene
from tools import book, catalogue

PAGES = [*book.pages(book.ROOT), "search", "genindex"]
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
QUIET = """async () => {
    if (window.MathJax?.startup) await window.MathJax.startup.promise;
    await document.fonts.ready;
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    for (const one of document.getAnimations()) one.finish();  // else a text may be half faded in
}"""
EXPLORERS = ".lb-explorer[data-scene]"


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


@pytest.fixture
def visit(browser: Any, server: str, site: Path) -> Iterator[Visit]:
    """Open a page of the site; at the end of the test, fail if it asked for anything outside or had an error."""
    contexts, faults = [], []

    def open_page(name: str, *, way: str = "http", theme: str = "", viewport: dict = WIDE, **options: Any) -> Any:
        root = server if way == "http" else site.as_uri()
        context = browser.new_context(viewport=viewport, **options)
        if theme:  # otherwise it is a first visit
            context.add_init_script(
                f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')"
            )
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()

        def guard(route: Any) -> None:
            if route.request.url.startswith((root, "data:", "blob:")):
                route.continue_()
            else:
                faults.append(f"asked for {route.request.url}")
                route.abort()

        page.route("**/*", guard)
        page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("response", lambda got: faults.append(f"{got.status} {got.url}") if got.status >= 400 else None)
        page.goto(f"{root}/{name}.html")
        page.evaluate(QUIET)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


@pytest.mark.parametrize("way", ["http", "file"])
@pytest.mark.parametrize("name", PAGES)
def test_page_is_whole_without_the_network(visit: Visit, name: str, way: str) -> None:
    page = visit(name, way=way)
    assert page.locator("main h1:visible").first.inner_text().strip()
    explorers = page.locator(EXPLORERS)
    assert explorers.count() == page.locator(f"{EXPLORERS}.lb-ready").count()
    assert page.locator("mjx-container").count() >= page.locator("div.math").count()
    assert page.locator("mjx-merror").count() == 0
    assert page.locator(".bd-article").get_by_text("$$").count() == 0
    # A heading and an explorer of one name: a link would lead to the wrong one.
    assert page.evaluate(TWICE) == []


# What MathJax makes is many elements and its own affair.
AXE = """(rules) => axe.run(
    { include: [["body"]], exclude: [["mjx-container"]] },
    { preload: false, ...(rules.length && { runOnly: { type: "rule", values: rules } }) },
).then((result) => result.violations)"""
ALL: list[str] = []
COLOR = ["color-contrast"]  # most of the time that axe takes
SIZE = ["scrollable-region-focusable", "target-size"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(visit: Visit, name: str, theme: str) -> None:
    import axe_playwright_python

    axe = Path(axe_playwright_python.__file__).parent / "axe.min.js"
    page = visit(name, theme=theme)
    page.evaluate("for (const one of document.querySelectorAll('.bd-article details')) one.open = true")
    page.evaluate(axe.read_text())
    # What a width changes of the colors is the frame of the page, which all chapters share with the front page.
    narrow = SIZE if name.startswith(("chapters/", "catalogue")) else COLOR + SIZE
    for viewport, rules in [(WIDE, ALL), (NARROW, narrow)] if theme == "light" else [(WIDE, COLOR)]:
        page.set_viewport_size(viewport)
        page.evaluate(QUIET)
        found = page.evaluate(AXE, rules)
        told = [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in found for node in one["nodes"]]
        assert told == []


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


@pytest.mark.parametrize("name", PAGES)
def test_nothing_overflows_a_phone(visit: Visit, name: str) -> None:
    page = visit(name, viewport=NARROW)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    assert page.evaluate(OVERFLOWING) == []


def expected(loss: lb.Loss, places: list[float], state: dict[str, float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Value and slope of the formula as PyTorch gives them, in float64."""
    x = torch.tensor(places, dtype=torch.float64)
    numbers = [torch.tensor(state[name], dtype=torch.float64) for name in loss.formula.parameters]
    found = [loss.formula.function("torch", derivative)(x, *numbers) for derivative in (None, 0)]
    value, slope = (torch.as_tensor(one, dtype=torch.float64).expand_as(x) for one in found)
    return value, slope


@pytest.mark.parametrize("name", PAGES)
def test_every_slider_moves_its_curves_to_the_values_of_torch(visit: Visit, name: str) -> None:
    page = visit(name)
    moved = 0
    for island in page.locator(f"{EXPLORERS}[data-scene=curve]").all():
        losses = [lb.get(one) for one in island.evaluate("(one) => one.lossbook.losses")]
        state: dict[str, Any] | None = None
        sliders = island.locator("input[type=range]").all()
        # as it starts, then each slider at its least, its largest and a value between
        for key, slider in [("", None), *((key, slider) for slider in sliders for key in ("Home", "End", "PageDown"))]:
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
                    torch.testing.assert_close(torch.tensor(got, dtype=torch.float64), wanted, rtol=1e-12, atol=1e-12)
    assert moved == 3 * page.locator(f"{EXPLORERS}[data-scene=curve] input[type=range]").count()


@pytest.mark.parametrize("name", PAGES)
def test_the_keyboard_moves_every_point(visit: Visit, name: str) -> None:
    page = visit(name)
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


@pytest.mark.parametrize("name", PAGES)
def test_every_control_of_the_other_scenes_moves_something(visit: Visit, name: str) -> None:
    """Sliders and handles, by the keyboard: the state changes, and so does the picture or what is read beside it."""
    page = visit(name)
    islands = page.locator(f"{EXPLORERS}:not([data-scene=curve])").all()
    if name == "catalogue":  # one for each scene: the others have the same code and other formulas
        islands = [page.locator(f"{EXPLORERS}[data-scene={scene}]").first for scene in ("bars", "plane")]
    for island in islands:
        for control in island.locator("input[type=range], [role=slider]").all():
            moved = seen = False
            for key in ("ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown", "Home", "End"):
                before = [island.evaluate(look) for look in (STATE, PICTURE)]
                control.press(key)
                after = [island.evaluate(look) for look in (STATE, PICTURE)]
                moved, seen = moved or before[0] != after[0], seen or before[1] != after[1]
            assert moved and seen, control.get_attribute("aria-label") or control.get_attribute("id")


@pytest.mark.parametrize("name", PAGES)
def test_every_quiz_marks_right_and_wrong_answers(visit: Visit, name: str) -> None:
    page = visit(name)
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


def test_there_is_an_explorer_on_the_front_page(visit: Visit) -> None:
    page = visit("index")
    assert page.locator(f"{EXPLORERS}.lb-ready").first.is_visible()


def test_the_catalogue_has_an_explorer_for_each_loss(visit: Visit) -> None:
    page = visit("catalogue")
    shown = page.locator(EXPLORERS).evaluate_all("(all) => all.map((one) => one.lossbook.losses[0])")
    assert shown == [loss.name for loss in catalogue.in_order() if usual_scene(loss)]


def test_one_search_field_and_it_finds(visit: Visit) -> None:
    page = visit("index")
    assert page.locator("form.bd-search:visible, .search-button-field:visible").count() == 1
    page.keyboard.press("Control+k")
    page.locator("#pst-search-dialog input").fill("Huber")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li")
    assert page.locator("#search-results li a").count()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_weighs_little(browser: Any, server: str, site: Path, name: str) -> None:
    """All that a browser without a cache loads, compressed as a server would: at most 700 KB."""
    loaded: dict[str, int] = {}

    def weigh(response: Any) -> None:
        path = site / unquote(urlsplit(response.url).path).lstrip("/")
        loaded[path.name] = len(gzip.compress(path.read_bytes(), 6))

    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    page.on("response", weigh)
    page.goto(f"{server}/{name}.html", wait_until="networkidle")
    page.evaluate(QUIET)
    context.close()
    total = sum(loaded.values()) / 1000
    heaviest = sorted(loaded.items(), key=lambda item: -item[1])[:8]
    print(f"{total:.0f} KB gzipped:", ", ".join(f"{name} {size / 1000:.0f}" for name, size in heaviest))
    assert total <= 700
