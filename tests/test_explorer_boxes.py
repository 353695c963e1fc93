"""The boxes scene: its numbers against torch, its steps, its figure, its page."""

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
import traitlets
from explorers import data_of, drag, middle, outside, samples, state, violations, wait_until_saved

import lossbook as lb
from lossbook.explorer import explore, island
from lossbook.explorer.boxes import CASES, LEAST, SIDE, STEPS, TRUE_CORNERS, pull
from lossbook.explorer.payload import make_payload

LOSSES = [lb.iou, lb.giou, lb.diou, lb.ciou]
TRUTH, GUESS = CASES["overlapping"]
MORE = {
    "equal": ([2.0, 2.0, 6.0, 5.0], [2.0, 2.0, 6.0, 5.0]),
    "an edge in common": ([2.0, 2.0, 6.0, 5.0], [6.0, 3.0, 8.0, 5.0]),
    "a cross": ([2.0, 4.0, 9.0, 5.0], [4.5, 0.5, 6.0, 9.5]),
    "far and thin": ([0.0, 0.0, 0.5, 10.0], [9.5, 9.5, 10.0, 10.0]),
}


def in_v8(js, loss, expression, **names):
    """`expression` in V8, where `loss` is the loss of the two boxes."""
    one = json.dumps(make_payload(loss, scene="boxes")["losses"][0])
    head = "".join(f"const {name} = {json.dumps(value)};" for name, value in names.items())
    made = f"const loss = LossBook.boxLoss(LossBook.compile({one}), {json.dumps(TRUE_CORNERS)});"
    return json.loads(js.eval(f"(() => {{ {head} {made} return JSON.stringify({expression}); }})()"))


def by_torch(loss, truth, box):
    """The real loss of the two boxes, and its closed-form gradient."""
    tensors = (torch.tensor(box, dtype=torch.float64), torch.tensor(truth, dtype=torch.float64))
    return float(loss(*tensors)), loss.gradient(*tensors).tolist()


def overlap(truth, box):
    return 1 - by_torch(lb.iou, truth, box)[0]


# ---------------------------------------------------------------- the numbers


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_value_and_gradient_are_torchs(js, loss):
    corners = SIDE * np.random.default_rng(0).random((40, 2, 2, 2))
    random = [(np.sort(pair, axis=1) + [[[0], [0.1]]]).reshape(2, 4).tolist() for pair in corners]
    for truth, box in [*CASES.values(), *MORE.values(), *random]:
        value, slope = by_torch(loss, truth, box)
        found = in_v8(js, loss, "[loss.value(box, truth, {}), loss.gradient(box, truth, {})]", truth=truth, box=box)
        assert found[0] == pytest.approx(value, abs=1e-12), (truth, box)
        np.testing.assert_allclose(found[1], slope, rtol=0, atol=1e-12, err_msg=str((truth, box)))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_the_still_arrows_are_the_moving_ones(js, loss):
    for truth, box in CASES.values():
        found = in_v8(js, loss, "loss.gradient(box, truth, {})", truth=truth, box=box)
        np.testing.assert_allclose(pull(loss, loss.defaults, box, truth), found, atol=1e-12)


def test_a_step_goes_down_the_slope_and_keeps_a_box(js):
    def step(box, gradient, rate=1.0):
        return json.loads(js.eval(f"JSON.stringify(LossBook.stepBox({box}, {gradient}, {rate}, {LEAST}, {SIDE}))"))

    assert step([2, 3, 5, 6], [0.5, -0.25, 1, 0], 2) == [1, 3.5, 3, 6]
    assert step([0, 3, 5, 10], [1, 0, 0, -1]) == [0, 3, 5, 10]
    assert step([4, 3, 5, 6], [-2, 0, 2, 0]) == pytest.approx([4.25, 3, 4.75, 6])
    assert step([9, 3, 10, 6], [-3, 0, 0, 0]) == pytest.approx([9.5, 3, 10, 6])


# ---------------------------------------------------------------- arguments, traits, figure


wrongly: Any = explore


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"prediction": (5, 1, 3, 4)}, ValueError, r"prediction: got tuple \(5, 1, 3, 4\), expected x1, y1, x2, y2"),
        ({"prediction": (1, 1, 1.2, 4)}, ValueError, r"prediction: got .* from 0 to 10 with x1 \+ 0.5 <= x2"),
        ({"truth": (1, 2, 3)}, ValueError, r"truth: got an array of shape \(3,\), expected x1, y1, x2, y2"),
        ({"truth": (1, 2, 3, 11)}, ValueError, "truth: got tuple"),
        ({"truth": (math.nan, 2, 3, 5)}, ValueError, "truth: got tuple"),
        ({"truth": "box"}, TypeError, "truth: got str 'box'"),
        ({"descend": "giou"}, ValueError, "descend: got 'giou', expected one of 'iou'"),
        ({"rate": 0.0}, ValueError, r"rate: got 0.0, expected a number in \(0, 5\]"),
    ],
)
def test_a_wrong_argument_is_named(options, error, message):
    with pytest.raises(error, match=message):
        wrongly(lb.iou, **options)


def test_only_losses_of_boxes_are_drawn():
    with pytest.raises(ValueError, match=r"loss: huber is a formula in \(r\); the scene 'boxes' draws losses of a box"):
        explore(lb.huber, scene="boxes")
    assert all(make_payload(loss)["scene"] == "boxes" for loss in LOSSES)


def test_the_traits_are_the_state():
    widget = explore(lb.iou, [lb.giou], prediction=(1, 1, 2, 2), descend="giou", rate=0.5)
    assert (widget.prediction, widget.truth, widget.descend, widget.rate) == ([1, 1, 2, 2], TRUTH, "giou", 0.5)
    widget.truth = torch.tensor([0.0, 0.0, 4.0, 4.0])
    assert data_of(widget.html)["state"]["truth"]["start"] == [0, 0, 4, 4]
    for name, value in {"truth": [3, 3, 2, 2], "prediction": [0, 0, 0, 0], "descend": "diou"}.items():
        with pytest.raises(traitlets.TraitError, match=name):
            setattr(widget, name, value)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_every_case_has_a_figure(loss):
    for truth, box in CASES.values():
        text = island(loss, truth=truth, prediction=box)
        assert f'aria-label="A true box and a predicted one in the plane, and which way {loss.title} pulls' in text
        assert len(text) < 40_000


# ---------------------------------------------------------------- in a browser


def islands():
    """What the page holds; see the fixture `site`."""
    return [island(lb.iou, [lb.giou, lb.diou, lb.ciou], id="all"), island(lb.ciou, id="one")]


def dot(page, name):
    return page.locator(f"#all [aria-label='{name}'] .lb-dot")


def unit(page):
    """Pixels of one unit of the plane."""
    near, far = (middle(dot(page, f"prediction: corner {name}"))[0] for name in ("x1, y1", "x2, y2"))
    box = state(page, "all")["prediction"]
    return (far - near) / (box[2] - box[0])


@pytest.mark.parametrize("way", [0, 1], ids=["file", "http"])
def test_the_page_has_torchs_numbers(visit, way):
    page = visit(way=way)
    for name in CASES:
        page.locator("#all .lb-cases").get_by_role("button", name=name).click()
        now = state(page, "all")
        assert (now["truth"], now["prediction"]) == CASES[name]
        for loss in LOSSES:
            found = samples(page, "all", loss.name)
            value, slope = by_torch(loss, now["truth"], now["prediction"])
            assert found["value"] == pytest.approx(value, abs=1e-12)
            np.testing.assert_allclose(found["gradient"], slope, atol=1e-12)
        shown = page.locator("#all .lb-readout td").all_text_contents()
        assert float(shown[0]) == pytest.approx(by_torch(lb.iou, *CASES[name])[0], abs=6e-4)
        assert page.locator("#all .lb-readout caption").text_content() == f"IoU {overlap(*CASES[name]):.3f}"


def test_the_pointer_moves_and_resizes(visit):
    page = visit()
    one = unit(page)
    drag(page, dot(page, "prediction: the whole box"), one, 2 * one)
    assert state(page, "all")["prediction"] == pytest.approx([3, 4.5, 7, 7.5], abs=0.05)
    # Anywhere inside of a box moves it; here both lie, and the predicted one is meant.
    drag(page, page.locator("#all .lb-overlap"), -one, 0)
    assert state(page, "all")["prediction"] == pytest.approx([2, 4.5, 6, 7.5], abs=0.08)
    drag(page, dot(page, "truth: corner x2, y1"), one, -one)
    assert state(page, "all")["truth"] == pytest.approx([4.5, 3, 9.5, 7.5], abs=0.05)
    drag(page, dot(page, "prediction: corner x1, y2"), -one, one)
    assert state(page, "all")["prediction"] == pytest.approx([1, 4.5, 6, 8.5], abs=0.1)
    # No corner passes the other one, and nothing leaves the plane.
    drag(page, dot(page, "prediction: corner x2, y2"), -900, -900)
    box = state(page, "all")["prediction"]
    assert box[2] - box[0] == pytest.approx(LEAST) and box[3] - box[1] == pytest.approx(LEAST)
    drag(page, dot(page, "truth: the whole box"), 900, 900)
    assert state(page, "all")["truth"][2:] == [SIDE, SIDE]


def test_the_keyboard_moves_and_resizes(visit):
    page = visit()
    page.locator("#all [aria-label='prediction: the whole box']").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "PageDown"):
        page.keyboard.press(key)
    assert state(page, "all")["prediction"] == pytest.approx([2.2, 3.4, 6.2, 6.4])
    corner = page.locator("#all [aria-label='prediction: corner x1, y1']")
    corner.focus()
    for key in ("ArrowLeft", "ArrowDown"):
        page.keyboard.press(key)
    assert state(page, "all")["prediction"] == pytest.approx([2.1, 3.5, 6.2, 6.4])
    assert corner.get_attribute("aria-valuetext").startswith("x 2.10, y 3.50, loss 0.")
    page.keyboard.press("End")
    assert state(page, "all")["prediction"][0] == pytest.approx(6.2 - LEAST)
    page.keyboard.press("Home")
    assert state(page, "all")["prediction"][0] == 0


def test_a_step_is_one_of_gradient_descent(visit):
    page = visit()
    for loss in LOSSES:
        page.locator("#all button[data-action=reset]").click()
        page.locator(f"#all button[data-descend={loss.name}]").click()
        assert page.locator("#all button[data-descend][aria-pressed=true]").text_content() == loss.record.short
        page.locator("#all").get_by_role("button", name="Step", exact=True).click()
        slope = np.array(by_torch(loss, TRUTH, GUESS)[1])
        assert state(page, "all")["prediction"] == pytest.approx((GUESS - 2.0 * slope).tolist(), abs=1e-4)


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_apart_only_iou_stays_where_it_is(visit, motion):
    page = visit(reduced_motion=motion)
    ends = {}
    for loss in (lb.iou, lb.giou, lb.diou):
        page.locator("#all .lb-cases").get_by_role("button", name="apart").click()
        page.locator(f"#all button[data-descend={loss.name}]").click()
        page.locator("#all").get_by_role("button", name="Descend").click()
        if motion == "reduce" or loss is lb.iou:
            ends[loss.name] = state(page, "all")["prediction"]
            continue
        # Step by step, until another hand takes the box.
        page.wait_for_function("document.getElementById('all').lossbook.frames.length > 12")
        page.evaluate("document.getElementById('all').lossbook.set('prediction', [1, 1, 2, 2])")
        page.wait_for_timeout(100)
        assert state(page, "all")["prediction"] == [1, 1, 2, 2]
        return
    truth, box = CASES["apart"]
    assert ends["iou"] == box and STEPS > 100
    assert overlap(truth, ends["giou"]) > 0.8 and overlap(truth, ends["diou"]) > 0.8


def test_arrows_point_downhill(visit):
    page = visit()
    page.locator("#all .lb-cases").get_by_role("button", name="apart").click()
    arrows = page.locator("#all .lb-push.lb-loss")
    assert [arrows.nth(k).get_attribute("d") for k in (0, 1)] == ["", ""]
    slope = samples(page, "all", "diou")["gradient"]
    for k in (0, 1):
        shaft = page.locator("#all .lb-push.lb-overlay-2").nth(k).get_attribute("d")[1:].split("M")[0]
        start, end = (np.array(piece.split(","), dtype=float) for piece in shaft.split("L"))
        way, downhill = end - start, -np.array(slope[2 * k : 2 * k + 2])
        np.testing.assert_allclose(way / np.hypot(*way), downhill / np.hypot(*downhill), atol=0.02)


def test_overlays_are_switched(visit):
    page = visit()
    arrow = page.locator("#all .lb-push.lb-overlay-3").first
    assert arrow.get_attribute("d")
    page.locator("#all button[data-show=ciou]").click()
    assert not arrow.get_attribute("d")
    assert page.locator("#one button[data-descend]").count() == 0


def test_the_address_keeps_the_state(visit):
    page = visit(way=1)
    page.locator("#all [aria-label='prediction: corner x2, y2']").press("ArrowRight")
    page.locator("#all button[data-descend=diou]").click()
    wait_until_saved(page, "all")
    assert page.url.endswith("?all.prediction=2_2.5_6.1_5.5&all.descend=diou#all")
    again = visit(page.url[page.url.index("/page.html") :], way=1)
    assert state(again, "all") == state(page, "all")
    again.locator("#all button[data-action=reset]").click()
    wait_until_saved(again, "all")
    assert again.url.endswith("/page.html#all")


@pytest.mark.parametrize(
    "odd", ["prediction=5_5_4_6", "prediction=1_1_1.2_6", "truth=1_2_3", "truth=1_2_3_11", "truth=1_1_x_3"]
)
def test_what_is_no_box_is_ignored(visit, odd):
    page = visit(f"/page.html?all.{odd}")
    assert state(page, "all") == page.evaluate("document.getElementById('all').lossbook.defaults")


def test_the_live_text_speaks_after_a_pause(visit):
    page = visit()
    assert page.locator("#all .lb-live").text_content() == ""
    page.locator("#all .lb-cases").get_by_role("button", name="apart").click()
    page.wait_for_function("document.querySelector('#all .lb-live').textContent !== ''")
    said = page.locator("#all .lb-live").text_content()
    assert said.startswith("IoU 0.000. IoU: loss 1.000, slope 0.000. GIoU: loss 1.")


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_nothing_overflows(visit, width):
    page = visit(width=width, has_touch=width < 500)
    assert outside(page) == []
    hit = page.locator("#all .lb-corner .lb-hit").first.bounding_box()
    assert min(hit["width"], hit["height"]) >= 44


def test_a_finger_drags_a_box(visit):
    page = visit(width=390, has_touch=True)
    one = unit(page)
    x, y = middle(dot(page, "prediction: the whole box"))
    touch = page.context.new_cdp_session(page)
    # From the inside of the box, far from its handles, and straight down.
    for kind, *fingers in (
        ("touchStart", (x - one, y - 0.1 * one)), ("touchMove", (x - one, y + one)),
        ("touchMove", (x - one, y + 1.9 * one)), ("touchEnd",),
    ):  # fmt: skip
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": u, "y": v} for u, v in fingers]})
        page.evaluate("new Promise(requestAnimationFrame)")
    assert state(page, "all")["prediction"] == pytest.approx([2, 4.5, 6, 7.5], abs=0.1)


@pytest.mark.parametrize(
    ("address", "expected"), [("/page.html", "rgb(0, 114, 178)"), ("/dark.html", "rgb(86, 180, 233)")]
)
def test_colors_follow_the_theme(visit, address, expected):
    page = visit(address)
    assert page.evaluate("getComputedStyle(document.querySelector('#all .lb-frame.lb-guess')).stroke") == expected


def test_without_javascript_the_figure_is_there(visit):
    page = visit(java_script_enabled=False)
    assert page.get_by_role("img", name="A true box and a predicted one").first.is_visible()
    assert page.locator(".lb-figure").count() == 2


@pytest.mark.parametrize("address", ["/page.html", "/dark.html"])
def test_axe_finds_nothing(visit, address):
    assert violations(visit, address) == []


def test_a_frame_is_short(visit):
    page = visit()
    for turn in ("set('prediction', [1 + (i % 30) / 10, 2, 6, 5])", "set('truth', [1 + (i % 30) / 10, 3, 6, 8])"):
        median = page.evaluate(f"""() => {{
            const live = document.getElementById('all').lossbook;
            live.frames.length = 0;
            for (let i = 0; i < 200; i++) live.{turn};
            return [...live.frames].sort((a, b) => a - b)[live.frames.length >> 1];
        }}""")
        assert median < 2.0
