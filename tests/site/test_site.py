"""The built site in a browser, with the network off: what a reader gets, on every page."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from browsing import DESKTOP, NARROW, OVERFLOWING, TABLET, WIDE, Opened, Read, settle

import lossbook as lb
from lossbook.explorer import usual_scene
from tools import book, catalogue, weight

# The heaviest first, so that no worker waits for it at the end.
PAGES = sorted([*book.pages(book.ROOT), "search", "genindex"], key=lambda name: name != "catalogue")
# Also what is folded is looked at, and what is laid out only when it comes near. Of the catalogue's folded explorers
# every curve, since its formula is compared with torch, and one for each other scene.
UNFOLD = """async () => {
    for (const one of document.querySelectorAll("section")) one.style.contentVisibility = "visible";
    const scenes = new Set();
    for (const one of document.querySelectorAll(".bd-article details")) {
        const scene = one.querySelector(":scope > .lb-explorer")?.dataset.scene;
        one.open = scene === "curve" || !scenes.has(scene);
        if (scene) scenes.add(scene);
    }
    window.LossBook?.startAll();  // else an explorer starts when it comes near the window
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""
EVERY = ".lb-explorer[data-scene]"
EXPLORERS = f"{EVERY}:not(details:not([open]) *)"


@pytest.fixture
def visit(read: Read) -> Read:
    """Open a page of the site with all that it folds."""

    def open_page(name: str, **options: Any) -> Any:
        page = read(name, **options)
        page.evaluate(UNFOLD)
        return page

    return open_page


AXE = """(options) => axe.run(
    "body", { preload: false, resultTypes: ["violations"], selectors: false, ...options },
).then((result) => result.violations)"""
# Contrast is most of the time that axe takes, and formulas are most of a page. So it is looked at apart, with a letter
# in the place of each formula, which has its color.
LETTERS = """() => {
    window.formulas = [...document.querySelectorAll("math")].map((formula) => [formula, new Text("x")]);
    for (const [formula, letter] of window.formulas) formula.replaceWith(letter);
}"""
FORMULAS = """() => {
    for (const [formula, letter] of window.formulas || []) letter.replaceWith(formula);
    for (const one of document.querySelectorAll("section")) one.style.contentVisibility = "visible";
}"""
BUT_COLOR: dict[str, Any] = {"rules": {"color-contrast": {"enabled": False}}}
COLOR: dict[str, Any] = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
SIZE = {"runOnly": {"type": "rule", "values": ["scrollable-region-focusable", "target-size"]}}


TWICE = """() => {
    const ids = [...document.querySelectorAll(".bd-article [id]")].map((one) => one.id);
    return ids.filter((id, i) => ids.indexOf(id) !== i);
}"""
# What a screen reader goes by, and axe does not ask for; a heading may go up by any number of levels, down by one.
STRUCTURE = """() => {
    const told = [];
    const others = (one) => (one.getAttribute("aria-labelledby") || "").split(" ");
    const name = (one) => (one.getAttribute("aria-label") || one.getAttribute("alt")
        || others(one).map((id) => document.getElementById(id)?.textContent).join("")
        || one.querySelector(":scope > title, :scope > figcaption")?.textContent || one.title || "").trim();
    const say = (fault, one) => told.push(`${fault}: ${one.outerHTML.slice(0, 150)}`);
    const spoken = (one) => !one.closest("[aria-hidden=true], [hidden], dialog:not([open])") && one.checkVisibility();
    if (!document.documentElement.lang) told.push("no language");
    if ([...document.querySelectorAll("h1")].filter(spoken).length !== 1) told.push("not one h1");
    let level = 0;
    for (const one of document.querySelectorAll("main :is(h1, h2, h3, h4, h5, h6)")) {
        if (!spoken(one)) continue;
        if (+one.tagName[1] > level + 1) say("a level was left out", one);
        level = +one.tagName[1];
    }
    for (const one of ["main", "header", "footer", "nav"]) if (!document.querySelector(one)) told.push(`no ${one}`);
    const navigations = [...document.querySelectorAll("nav")].filter(spoken);
    for (const one of navigations) if (navigations.length > 1 && !name(one)) say("which navigation", one);
    for (const one of document.querySelectorAll("figure, img, svg")) {
        const part = one.closest("svg") !== one && one.closest("svg");
        const mark = one.alt === "" && one.closest("a")?.textContent.trim();
        const named = mark || name(one) || one.querySelector("img[alt], svg[role=img]");
        if (spoken(one) && !part && !named) say("no name", one);
    }
    for (const one of document.querySelectorAll("a[href], button")) {
        const image = [...one.querySelectorAll("[aria-label], img[alt]")].map(name).join("");
        if (spoken(one) && !(one.textContent.trim() || name(one) || image)) say("says nothing", one);
    }
    for (const one of document.querySelectorAll("main table:not(.indextable)")) {
        if (!one.querySelector("th")) say("no header", one);
    }
    return told;
}"""
STATE = "(one) => JSON.stringify(one.lossbook.state)"
PICTURE = "(one) => one.querySelector('svg').innerHTML + one.querySelector('.lb-panel').innerText"


def axe() -> str:
    """The script that looks for what keeps a reader out."""
    import axe_playwright_python

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()


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
    def test_page_is_whole_without_the_network(self, visit: Read, way: str) -> None:
        page = visit(self.name, way=way, theme="" if way == "http" else "light")
        assert page.locator("main h1:visible").first.inner_text().strip()
        explorers = page.locator(EXPLORERS)
        assert explorers.count() == page.locator(f"{EXPLORERS}.lb-ready").count()
        assert page.locator("div.math math[display=block]").count() == page.locator("div.math").count()
        assert page.locator("merror").count() == 0
        assert page.locator(".bd-article").get_by_text("$$").count() == 0
        # A heading and an explorer of one name: a link would lead to the wrong one.
        assert page.evaluate(TWICE) == []

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_axe_finds_nothing(self, visit: Read, theme: str) -> None:
        page = visit(self.name, way="file", theme=theme)
        page.evaluate(axe())
        runs = [(WIDE, LETTERS, COLOR)]
        if theme == "light":
            runs += [(WIDE, FORMULAS, BUT_COLOR), (NARROW, FORMULAS, SIZE)]
            # What a width changes of the colors is the frame of the page, which all chapters share with the front page.
            if not self.name.startswith(("chapters/", "catalogue")):
                runs.append((NARROW, LETTERS, COLOR))
        told = []
        for viewport, content, options in runs:
            page.set_viewport_size(viewport)
            page.evaluate(content)
            settle(page)
            found = page.evaluate(AXE, options)
            told += [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in found for node in one["nodes"]]
        page.evaluate(FORMULAS)
        assert told == []

    @pytest.mark.parametrize("viewport", [NARROW, TABLET, DESKTOP], ids=["phone", "tablet", "desktop"])
    def test_nothing_overflows(self, visit: Read, viewport: dict[str, int]) -> None:
        assert visit(self.name, way="file", theme="light", viewport=viewport).evaluate(OVERFLOWING) == []

    def test_a_screen_reader_finds_its_way(self, visit: Read) -> None:
        assert visit(self.name).evaluate(STRUCTURE) == []

    def test_every_slider_moves_its_curves_to_the_values_of_torch(self, visit: Read) -> None:
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

    def test_the_keyboard_moves_every_point(self, visit: Read) -> None:
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

    def test_every_control_of_the_other_scenes_moves_something(self, visit: Read) -> None:
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

    def test_every_quiz_marks_right_and_wrong_answers(self, visit: Read) -> None:
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

    def test_a_page_weighs_little(self, visit: Read, opened: dict[tuple, Opened], built: Path) -> None:
        """All that a browser without a cache loads, compressed as a server would, without figures."""
        visit(self.name).wait_for_load_state("networkidle")
        one = opened[self.name, "http", ""]
        found = weight.weigh(built, [url for url in one.loaded if url.startswith(one.root)])
        print(found)
        assert found.total <= weight.LIMIT


# A class for each page, so that one worker does all of a page's tests.
for _name in PAGES:
    _class = f"Test_{_name.replace('/', '_')}"
    globals()[_class] = type(_class, (OfOnePage,), {"name": _name})


def test_there_is_an_explorer_on_the_front_page(visit: Read) -> None:
    page = visit("index")
    assert page.locator(f"{EXPLORERS}.lb-ready").first.is_visible()


def test_the_catalogue_has_an_explorer_for_each_loss_that_starts_when_it_is_unfolded(visit: Read) -> None:
    page = visit("catalogue", theme="dark")
    folded = page.locator(f"details:not([open]) > {EVERY}")
    assert folded.count() and page.locator(f"details:not([open]) > {EVERY}.lb-ready").count() == 0
    name = folded.first.get_attribute("id")
    page.locator(f"details:has(> #{name}) > summary").press("Enter")
    page.locator(f"#{name}.lb-ready").wait_for()
    page.evaluate("for (const one of document.querySelectorAll('.bd-article details')) one.open = true")
    page.evaluate("LossBook.startAll()")
    page.wait_for_function(f"document.querySelectorAll('{EVERY}:not(.lb-ready)').length === 0")
    shown = page.locator(EVERY).evaluate_all("(all) => all.map((one) => one.lossbook.losses[0])")
    assert shown == [loss.name for loss in catalogue.in_order() if usual_scene(loss)]


def test_the_catalogue_finds_by_the_keyboard(visit: Read) -> None:
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


def test_one_search_field_and_it_finds(visit: Read) -> None:
    page = visit("index", theme="dark")  # a page that no other test looks at, since this one leaves it
    assert page.locator("form.bd-search:visible, .search-button-field:visible").count() == 1
    page.keyboard.press("Control+k")
    page.locator("#pst-search-dialog input").fill("Huber")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li")
    assert page.locator("#search-results li a").count()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_who_is_lost_is_led_back(read: Read, built: Path, scheme: str) -> None:
    page = read("404", way="file", viewport=NARROW, color_scheme=scheme)
    assert page.evaluate(OVERFLOWING) == []
    page.evaluate(axe())
    assert page.evaluate(AXE, {}) == []
    ways = page.locator("a").evaluate_all("(all) => all.map((one) => one.href)")
    ways.append(page.locator("form").evaluate("(one) => one.action"))
    # The page is shown at any address, so that its links are whole.
    base = re.sub(r"[^/]*$", "", page.locator("form").evaluate("(one) => one.action"))
    assert base.startswith("https://") and len(ways) > 3
    for way in ways:
        assert way.startswith(base) and (built / way.removeprefix(base)).is_file(), way
