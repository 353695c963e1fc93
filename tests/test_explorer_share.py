"""What an explorer gives away, when it starts, and for whom it is made: files, snippets, print, the keyboard."""

import io
import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest
from explorers import PAGE, state
from PIL import Image

import lossbook as lb
from lossbook.explorer import SCENES, island, script, style

SVG = "{http://www.w3.org/2000/svg}"
FAR = '<p style="height: 6000px">Far.</p>'


def islands():
    """One at the top, others far below, one folded away."""
    return [
        island(lb.huber, [lb.mse, lb.mae], id="first"),
        FAR,
        '<p><a href="#nowhere" id="before">before</a></p>',
        island(lb.general_robust, [lb.cauchy], id="second"),
        f"<details><summary>More</summary>{island(lb.cross_entropy, id='folded')}</details>",
        FAR,
        island(lb.iou, [lb.giou, lb.diou], id="boxes"),
        island(lb.arcface, [lb.cosface], id="plane"),
        FAR,
    ]


def ready(page):
    return page.evaluate("[...document.querySelectorAll('.lb-explorer.lb-ready')].map((one) => one.id)")


def saved(page, id, kind):
    """The file that a reader gets."""
    explorer = page.locator(f"#{id}")
    button = explorer.locator("[data-action=save]")
    if button.get_attribute("aria-expanded") == "false":
        button.click()
    with page.expect_download() as download:
        explorer.locator(f"[data-save={kind}]").click()
    assert download.value.suggested_filename == f"{id}.{kind}"
    return download.value.path().read_bytes()


def parsed(data) -> Any:
    return ElementTree.fromstring(data)


def texts(data):
    return [one.text for one in parsed(data).iter(f"{SVG}text")]


# ---------------------------------------------------------------- when it starts


def test_an_explorer_starts_when_it_comes_near_the_window(visit):
    page = visit(start=False)
    page.wait_for_selector("#first.lb-ready")
    assert ready(page) == ["first"]
    assert page.locator("#second .lb-figure").count() == 1
    page.evaluate("scrollTo(0, document.getElementById('second').offsetTop - 1500)")
    page.wait_for_selector("#second.lb-ready")
    assert ready(page) == ["first", "second"]
    page.locator("summary").click()
    page.wait_for_selector("#folded.lb-ready")
    assert page.locator("#boxes.lb-ready").count() == 0


def test_all_start_at_once_when_asked_but_those_folded_away(visit):
    page = visit()
    assert ready(page) == ["first", "second", "boxes", "plane"]


@pytest.mark.parametrize(("id", "address"), [
    ("boxes", "boxes.rate=3#boxes"), ("folded", "folded.target=2#folded"),
])  # fmt: skip
def test_a_link_leads_to_an_explorer_and_shows_its_state(visit, id, address):
    page = visit(f"/page.html?{address}", start=False)
    page.wait_for_selector(f"#{id}.lb-ready")
    name, value = address.partition("#")[0].split(".")[1].split("=")
    assert state(page, id)[name] == int(value)
    page.wait_for_function(f"Math.abs(document.getElementById('{id}').getBoundingClientRect().top) < 200")


def test_a_state_without_a_place_starts_the_explorer_where_it_is(visit):
    page = visit("/page.html?second.alpha=-2", start=False)
    page.wait_for_selector("#second.lb-ready")
    assert state(page, "second")["alpha"] == -2
    assert page.evaluate("scrollY") == 0


def test_a_later_link_starts_it_too(visit):
    page = visit(start=False)
    page.wait_for_selector("#first.lb-ready")
    page.evaluate("location.hash = 'plane'")
    page.wait_for_selector("#plane.lb-ready")
    page.wait_for_function("Math.abs(document.getElementById('plane').getBoundingClientRect().top) < 200")


def test_the_keyboard_does_not_pass_by_one_that_has_not_started(visit):
    page = visit(start=False)
    page.wait_for_selector("#first.lb-ready")
    page.evaluate("document.getElementById('boxes').focus({ preventScroll: true })")
    assert page.evaluate("document.activeElement.closest('.lb-explorer').id") == "boxes"
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"
    assert page.locator("#boxes").get_attribute("tabindex") is None


def test_a_script_of_some_scenes_draws_them_and_is_small(browser):
    page = browser.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    for scene in SCENES:
        loss = next(loss for loss in lb.losses() if SCENES[scene].accepts(loss))
        data: Any = {"sample": {"data": [1, 2, 4]}, "fit": {"data": [(0, 0), (1, 1), (2, 3)]}}.get(scene, {})
        one = island(loss, scene=scene, id="one", **data)
        page.set_content(PAGE.format(attributes="", style=style(), script=script(scene), islands=one))
        page.wait_for_selector("#one.lb-ready")
        before = page.evaluate("JSON.stringify(document.getElementById('one').lossbook.state)")
        for control in page.locator("#one :is(input[type=range], [role=slider])").all():
            control.press("ArrowRight")
            control.press("PageUp")
        assert page.evaluate("JSON.stringify(document.getElementById('one').lossbook.state)") != before, scene
        for action in page.locator("#one .lb-actions button:not([data-action])").all():
            action.click()
        assert errors == [], scene
        assert len(script(scene)) < 0.4 * len(script()), scene
    page.close()
    with pytest.raises(ValueError, match=r"got 'curves', expected some of 'curve'"):
        script("curves")


# ---------------------------------------------------------------- the picture as a file


@pytest.mark.parametrize("way", [0, 1], ids=["file", "http"])
def test_the_saved_svg_stands_by_itself(visit, way):
    page = visit("/page.html?first.delta=2&first.show=mse", way=way)
    data = saved(page, "first", "svg").decode()
    root = parsed(data)
    assert not re.search(r"var\(|light-dark|color-mix|color\(|class=| style=|href", data)
    assert root.find(f"{SVG}title").text == "Huber loss"
    assert root.find(f"{SVG}desc").text.endswith("compared with MSE, MAE; delta = 2.")
    said = texts(data)
    assert {"Huber", "its gradient", "MSE", "At r = 1.00", "0.500", "δ = 2", "residual r = ŷ − y"} <= set(said)
    assert "MAE" not in said  # it is switched off
    where = {0: "LossBook", 1: f"LossBook · {page.url.split('?')[0]}#first"}[way]
    assert where in " ".join(said)
    assert "tmp" not in data  # no place on the reader's machine
    colors = {one.get("stroke") for one in root.iter(f"{SVG}path")}
    assert {"#0072b2", "#c24e00", "#00795a"} <= colors
    assert root.find(f"{SVG}rect").get("fill") == "#ffffff"
    # The reader's page is as it was.
    assert page.locator(".lb-scratch").count() == 0
    assert ready(page) == ["first", "second", "boxes", "plane"]


def test_the_saved_picture_has_the_theme_that_is_seen_and_one_size(visit):
    pictures = [parsed(saved(visit(width=width, color_scheme=scheme), "first", "svg"))
                for width, scheme in ((360, "dark"), (1280, "light"))]  # fmt: skip
    assert [one.find(f"{SVG}rect").get("fill") for one in pictures] == ["#121417", "#ffffff"]
    assert pictures[0].get("width") == pictures[1].get("width")


@pytest.mark.parametrize("id", ["first", "boxes", "plane"])
def test_no_text_of_a_saved_picture_reaches_out_of_it(visit, id):
    page = visit(width=360)
    data = saved(page, id, "svg").decode()
    page.set_content(data[data.index("<svg") :])
    outside = page.evaluate("""() => {
        const frame = document.querySelector('svg').getBoundingClientRect();
        return [...document.querySelectorAll('text')].filter((one) => {
            const box = one.getBoundingClientRect();
            return box.left < frame.left || box.right > frame.right || box.bottom > frame.bottom;
        }).map((one) => one.textContent);
    }""")
    assert outside == []


@pytest.mark.parametrize("way", [0, 1], ids=["file", "http"])
def test_the_saved_png_is_the_picture_at_two_pixels_each(visit, way):
    page = visit(way=way)
    size = parsed(saved(page, "plane", "svg"))
    image = Image.open(io.BytesIO(saved(page, "plane", "png"))).convert("RGB")
    assert image.size == (2 * int(size.get("width")), 2 * int(size.get("height")))
    pixels = np.asarray(image).reshape(-1, 3)
    assert (pixels[0] == 255).all()
    blue = (np.abs(pixels - np.array([0x00, 0x72, 0xB2])) < 8).all(axis=1)
    assert blue.sum() > 1000
    assert 0.01 < (pixels.min(axis=1) < 128).mean() < 0.5


def test_a_live_widget_saves_its_picture_and_has_no_link(visit):
    from lossbook.explorer.payload import make_payload

    page = visit()
    made = make_payload(lb.huber, [lb.mse], id="live")
    page.evaluate(
        """(payload) => {
        const values = { payload, delta: 3, show: [], point: 1, view: 'both' };
        const none = () => {};
        const model = { get: (name) => values[name], set: none, save_changes: none, on: none, off: none };
        const el = document.body.appendChild(document.createElement('div'));
        el.id = 'live';
        LossBook.render({ model, el });
    }""",
        made,
    )
    assert page.locator("#live [data-action]").evaluate_all("(all) => all.map((one) => one.dataset.action)") == [
        "reset",
        "save",
    ]
    said = texts(saved(page, "live", "svg"))
    assert {"δ = 3", "LossBook"} <= set(said)
    assert "MSE" not in said


# ---------------------------------------------------------------- for whom it is made


def test_a_part_opens_and_closes_by_the_keyboard(visit):
    page = visit()
    button = page.locator("#first [data-action=save]")
    part = page.locator(f"#{button.get_attribute('aria-controls')}")
    assert (button.get_attribute("aria-expanded"), part.is_visible()) == ("false", False)
    button.press("Enter")
    assert (button.get_attribute("aria-expanded"), part.is_visible()) == ("true", True)
    part.get_by_role("button", name="Save as SVG").focus()
    page.keyboard.press("Escape")
    assert (button.get_attribute("aria-expanded"), part.is_visible()) == ("false", False)
    assert button.evaluate("(one) => one === document.activeElement")


def test_the_keyboard_goes_through_in_order_sees_where_it_is_and_gets_out(visit):
    page = visit()
    page.locator("#first button").first.focus()
    places = []
    for _ in range(30):
        if page.evaluate("document.activeElement.id") == "before":
            break
        places.append(
            page.evaluate("""() => {
            const one = document.activeElement;
            const ring = one.querySelector('.lb-ring');
            const style = getComputedStyle(ring || one);
            const seen = ring ? style.stroke !== 'rgba(0, 0, 0, 0)'
                : style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
            return [one.getBoundingClientRect().top + scrollY, seen];
        }""")
        )
        page.keyboard.press("Tab")
    else:
        pytest.fail("the keyboard does not get out")
    assert len(places) >= 8
    assert all(seen for _, seen in places)


def test_every_control_is_large_enough_for_a_finger(visit):
    page = visit(width=360, has_touch=True, is_mobile=True)
    assert page.evaluate("matchMedia('(pointer: coarse)').matches")
    page.locator("#first [data-action=save]").click()
    heights = page.locator("#first :is(button, input)").evaluate_all(
        "(all) => all.filter((one) => one.checkVisibility()).map((one) => one.getBoundingClientRect().height)"
    )
    assert len(heights) >= 9
    assert min(heights) >= 44
    small = (
        visit(width=1280)
        .locator(".lb-ready :is(button, input)")
        .evaluate_all(
            "(all) => all.filter((one) => one.checkVisibility()).map((one) => one.getBoundingClientRect().height)"
        )
    )
    assert min(small) >= 24


def test_pictures_have_words_and_the_words_follow_the_sliders(visit):
    page = visit()
    for id in ("first", "second", "boxes", "plane"):
        picture = page.locator(f"#{id} .lb-plot")
        assert picture.get_attribute("role") == "group"
        assert picture.get_attribute("aria-label").endswith(".")
    page.locator("#first input[type=range]").fill("3")
    page.wait_for_selector('#first .lb-plot[aria-label$="; delta = 3."]')


def test_who_asks_for_less_motion_gets_none(visit):
    page = visit(reduced_motion="reduce")
    frames = page.evaluate("""() => {
        const boxes = document.getElementById('boxes').lossbook;
        const before = boxes.frames.length;
        const buttons = [...document.querySelectorAll('#boxes .lb-actions button')];
        buttons.find((one) => one.textContent === 'Descend').click();
        return boxes.frames.length - before;
    }""")
    assert frames == 1  # there at once
    moving = page.evaluate("""[...document.querySelectorAll('.lb-explorer, .lb-explorer *')].filter((one) => {
        const { animationName, transitionDuration } = getComputedStyle(one);
        return animationName !== 'none' || transitionDuration.split(',').some((time) => parseFloat(time) > 0);
    }).length""")
    assert moving == 0


def test_print_has_the_picture_in_light_colors_and_no_buttons(visit):
    page = visit("/dark.html?first.delta=3", start=False)
    page.wait_for_selector("#first.lb-ready")
    page.emulate_media(media="print")
    assert page.locator("#first button:visible").evaluate_all("(all) => all.map((one) => one.className)") == [
        "lb-toggle",
        "lb-toggle",
    ]
    assert page.locator("#first input:visible, #first textarea:visible").count() == 0
    assert page.locator("#first .lb-value").inner_text() == "3.0"
    assert page.evaluate("getComputedStyle(document.querySelector('#first path.lb-loss')).stroke") == "rgb(0, 114, 178)"
    assert page.locator("#boxes .lb-figure svg").is_visible()  # not started: as it was
    assert page.pdf()[:5] == b"%PDF-"


def test_words_are_seen_in_forced_colors(visit):
    page = visit("/dark.html", forced_colors="active", color_scheme="light")
    colors = page.evaluate("""() => {
        const probe = document.body.appendChild(document.createElement('div'));
        probe.style.cssText = 'color: CanvasText; background: Canvas';
        const { color, backgroundColor } = getComputedStyle(probe);
        const text = document.querySelector('#first .lb-axes text');
        return [color, backgroundColor, getComputedStyle(text).fill];
    }""")
    assert colors[0] != colors[1]
    assert colors[2] == colors[0]


def test_nothing_jumps_while_a_reader_scrolls(visit):
    page = visit(start=False)
    page.add_init_script("""
        window.shifts = 0;
        new PerformanceObserver((list) => {
            for (const one of list.getEntries()) window.shifts += one.value;
        }).observe({ type: 'layout-shift', buffered: true });
    """)
    page.reload()
    page.wait_for_selector("#first.lb-ready")
    page.evaluate("shifts = 0")  # this page keeps no room for its first one; the book does
    while page.evaluate("scrollY + innerHeight < document.documentElement.scrollHeight - 2"):
        page.mouse.wheel(0, 400)
        page.evaluate("new Promise(requestAnimationFrame).then(() => new Promise(requestAnimationFrame))")
    assert ready(page) == ["first", "second", "boxes", "plane"]
    assert page.evaluate("shifts") < 0.02
