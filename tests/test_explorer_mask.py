"""The mask scene: its numbers against torch, its figure, its page."""

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
import torch
import traitlets
from explorers import data_of, middle, outside, samples, state, violations, wait_until_saved

import lossbook as lb
from lossbook.explorer import explore, island
from lossbook.explorer.mask import EDGE, gradient
from lossbook.explorer.payload import make_payload

LOSSES = [lb.dice, lb.jaccard, lb.tversky, lb.focal_tversky, lb.binary_cross_entropy]
TRUTH = make_payload(lb.dice)["state"]["truth"]["start"]
GUESS = make_payload(lb.dice)["state"]["prediction"]["start"]
RANDOM = torch.rand(36, generator=torch.Generator().manual_seed(1), dtype=torch.float64).tolist()


def in_v8(js, loss, truth, prediction, values):
    """The value and the gradient in V8."""
    one = json.dumps(make_payload(loss, scene="mask")["losses"][0])
    given = ", ".join(map(json.dumps, (truth, prediction, values)))
    return json.loads(js.eval(f"JSON.stringify(LossBook.maskLoss(LossBook.compile({one}), {EDGE})({given}))"))


def by_torch(loss, truth, prediction, **values):
    """The real loss of the tensors, and its closed-form gradient."""
    tensors = (torch.tensor(prediction, dtype=torch.float64), torch.tensor(truth, dtype=torch.float64))
    return float(loss(*tensors, **values)), loss.gradient(*tensors, **values)


def settings(loss):
    ends = [sorted({*one.slider[:2], one.default}) for one in loss.parameters]
    found = [dict(zip(loss.defaults, values, strict=True)) for values in itertools.product(*ends)]
    return found[:: max(1, len(found) // 12)]


# ---------------------------------------------------------------- the numbers


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_value_and_gradient_are_torchs(js, loss):
    empty, full = [0.0] * 36, [1.0] * 36
    for values, truth, prediction in itertools.product(settings(loss), (TRUTH, empty, full), (GUESS, RANDOM)):
        found = in_v8(js, loss, truth, prediction, values)
        value, slope = by_torch(loss, truth, prediction, **values)
        assert found["value"] == pytest.approx(value, rel=1e-12, abs=1e-12), values
        np.testing.assert_allclose(found["gradient"], slope, rtol=1e-12, atol=1e-12, err_msg=str(values))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_right_and_empty_masks_have_finite_numbers(js, loss):
    for truth, prediction in ((TRUTH, TRUTH), ([0.0] * 36, [0.0] * 36), ([0.0] * 36, GUESS)):
        found = in_v8(js, loss, truth, prediction, loss.defaults)
        value, slope = by_torch(loss, truth, prediction)
        assert found["value"] == pytest.approx(value, abs=1e-12)
        np.testing.assert_allclose(found["gradient"], slope, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_the_still_numbers_are_the_moving_ones(js, loss):
    found = in_v8(js, loss, TRUTH, GUESS, loss.defaults)["gradient"]
    np.testing.assert_allclose(gradient(loss, loss.defaults, TRUTH, GUESS), found, rtol=1e-12)


# ---------------------------------------------------------------- arguments, traits, figure


wrongly: Any = explore


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"truth": [0.5] * 36}, ValueError, "truth: got list .* expected 36 numbers that are 0 or 1"),
        ({"truth": [1] * 35}, ValueError, r"truth: got an array of shape \(35,\)"),
        ({"prediction": [1.5] * 36}, ValueError, "prediction: got list .* expected 36 numbers from 0 to 1"),
        ({"prediction": [math.nan] * 36}, ValueError, "prediction: got list"),
        ({"prediction": "half"}, TypeError, "prediction: got str 'half'"),
        ({"brush": 2.0}, ValueError, r"brush: got 2.0, expected a number in \[0, 1\]"),
        ({"point": 1.0}, TypeError, "point: neither"),
    ],
)
def test_a_wrong_argument_is_named(options, error, message):
    with pytest.raises(error, match=message):
        wrongly(lb.dice, **options)


def test_only_losses_of_masks_are_drawn():
    for loss in (lb.huber, lb.entropy):
        with pytest.raises(ValueError, match=f"loss: {loss.name} is a formula in .* the scene 'mask' draws losses of"):
            explore(loss, scene="mask")
    assert make_payload(lb.dice, [lb.binary_cross_entropy])["scene"] == "mask"
    assert make_payload(lb.binary_cross_entropy)["scene"] == "curve"


def test_a_mask_may_come_as_a_square():
    widget = explore(lb.dice, truth=np.eye(6), prediction=torch.full((6, 6), 0.25))
    assert widget.truth == np.eye(6).ravel().tolist()
    assert widget.prediction == [0.25] * 36


def test_the_traits_are_the_state():
    widget = explore(lb.dice, [lb.binary_cross_entropy], brush=0.5)
    assert (widget.truth, widget.prediction, widget.brush, widget.smooth) == (TRUTH, GUESS, 0.5, 1.0)
    widget.truth = [1] * 36
    assert data_of(widget.html)["state"]["truth"]["start"] == [1.0] * 36
    for name, value in {"truth": [0.5] * 36, "prediction": [2] * 36}.items():
        with pytest.raises(traitlets.TraitError, match=name):
            setattr(widget, name, value)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_every_corner_has_a_figure(loss):
    for values in settings(loss)[::4]:
        text = island(loss, scene="mask", **values)
        assert f'aria-label="A true mask of 6 by 6 pixels, a predicted one to paint, and which way {loss.title}' in text
        assert len(text) < 40_000


# ---------------------------------------------------------------- in a browser


def islands():
    """What the page holds; see the fixture `site`."""
    return [
        island(lb.dice, [lb.binary_cross_entropy], id="dice"),
        island(lb.tversky, [lb.jaccard, lb.focal_tversky, lb.binary_cross_entropy], id="many"),
    ]


def cell(page, kind, k):
    return page.locator(f"#dice .lb-{kind}-cell").nth(k)


@pytest.mark.parametrize("way", [0, 1], ids=["file", "http"])
def test_the_page_has_torchs_numbers(visit, way):
    page = visit(way=way)
    for id, losses in {"dice": [lb.dice, lb.binary_cross_entropy], "many": LOSSES[1:]}.items():
        now = state(page, id)
        for loss in losses:
            found = samples(page, id, loss.name)
            values = {name: now[name] for name in loss.defaults}
            value, slope = by_torch(loss, now["truth"], now["prediction"], **values)
            assert found["value"] == pytest.approx(value, abs=1e-12)
            np.testing.assert_allclose(found["gradient"], slope, rtol=1e-12, atol=1e-12)
            assert found["Y"] == sum(TRUTH)


def test_the_pointer_paints_both_masks(visit):
    page = visit()
    # Along the first row of the truth, fast: no pixel is skipped.
    page.mouse.move(*middle(cell(page, "true", 0)))
    page.mouse.down()
    page.mouse.move(*middle(cell(page, "true", 5)), steps=2)
    page.mouse.up()
    assert state(page, "dice")["truth"] == [1.0] * 6 + TRUTH[6:]
    assert "object Y = 15" in page.locator("#dice .lb-readout caption").text_content()
    # A second press on the object erases.
    page.mouse.click(*middle(cell(page, "true", 2)))
    assert state(page, "dice")["truth"][:6] == [1, 1, 0, 1, 1, 1]
    page.mouse.move(*middle(cell(page, "guess", 30)))
    page.mouse.down()
    page.mouse.move(*middle(cell(page, "guess", 35)), steps=2)
    page.mouse.move(2000, 0)
    page.mouse.up()
    assert state(page, "dice")["prediction"] == GUESS[:30] + [0.9] * 6
    shown = page.locator("#dice .lb-readout td").all_text_contents()
    found = samples(page, "dice", "dice")
    inside = sum(slope for slope, y in zip(found["gradient"], state(page, "dice")["truth"], strict=True) if y)
    assert float(shown[0]) == pytest.approx(found["value"], abs=6e-4)
    assert float(shown[1].replace("−", "-")) == pytest.approx(inside, abs=6e-4)


def test_the_keyboard_paints_both_masks(visit):
    page = visit()
    first = cell(page, "true", 0)
    assert first.get_attribute("role") == "checkbox"
    first.focus()
    page.keyboard.press("Space")
    assert state(page, "dice")["truth"][0] == 1 and first.get_attribute("aria-checked") == "true"
    for key in ("ArrowRight", "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowLeft", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    assert state(page, "dice")["truth"][6] == 1
    assert page.locator("#dice .lb-true-cell[tabindex='0']").count() == 1
    page.keyboard.press("Tab")
    for key, expected in [
        ("ArrowUp", 0.15), ("ArrowDown", 0.1), ("PageUp", 0.35), ("End", 1), ("Home", 0), ("Space", 0.9),
        ("PageDown", 0.65),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert state(page, "dice")["prediction"][0] == expected, key
    here = page.locator("#dice .lb-guess-cell:focus")
    assert here.get_attribute("aria-valuetext") == "0.65"
    assert here.get_attribute("aria-label") == "probability at row 1, column 1, object"
    page.keyboard.press("ArrowLeft")
    assert page.locator("#dice .lb-guess-cell:focus").get_attribute("aria-label").endswith("row 6, column 6")
    page.keyboard.press("ArrowRight")
    assert "p = 0.65" in page.locator("#dice .lb-plot").text_content()
    slope = samples(page, "dice", "dice")["gradient"][0]
    assert f"gradient {slope:.3f}".replace("-", "−") in page.locator("#dice .lb-plot").text_content()


def test_hovering_shows_a_pixels_numbers(visit):
    page = visit()
    words = page.locator("#dice .lb-plot")
    assert "p = " not in words.text_content()
    page.mouse.move(*middle(cell(page, "guess", 14)))
    assert "row 3, column 3" in words.text_content() and "p = 0.60" in words.text_content()
    page.mouse.move(5, 5)
    assert "p = " not in words.text_content()


def test_the_cases_are_set_up(visit):
    page = visit()
    for name, size in {"small object": 2, "large object": 25, "empty mask": 0}.items():
        page.locator("#dice .lb-cases").get_by_role("button", name=name).click()
        assert sum(state(page, "dice")["truth"]) == size
        assert state(page, "dice")["prediction"] == [0.3] * 36
    page.locator("#dice button[data-action=reset]").click()
    page.locator("#dice .lb-cases").get_by_role("button", name="all wrong").click()
    wrong = samples(page, "dice", "dice")["value"]
    page.locator("#dice .lb-cases").get_by_role("button", name="perfect").click()
    assert state(page, "dice")["prediction"] == state(page, "dice")["truth"] == TRUTH
    assert samples(page, "dice", "dice")["value"] == pytest.approx(0, abs=1e-12) and wrong > 0.8


def test_the_smaller_the_object_the_harder_dice_pushes(visit):
    page = visit()
    largest = {}
    for name in ("small object", "large object"):
        page.locator("#dice .lb-cases").get_by_role("button", name=name).click()
        largest[name] = [min(samples(page, "dice", loss)["gradient"]) for loss in ("dice", "binary_cross_entropy")]
    (dice, bce), (other, same) = largest["small object"], largest["large object"]
    assert dice < 2 * other and bce == pytest.approx(same)


def test_triangles_point_downhill(visit):
    page = visit()
    for i, loss in enumerate(("dice", "binary_cross_entropy")):
        slopes = np.array(samples(page, "dice", loss)["gradient"])
        for kind, count in (("rise", (slopes < 0).sum()), ("fall", (slopes > 0).sum())):
            d = page.locator(f"#dice .lb-{kind}").nth(i).get_attribute("d")
            assert d.count("M") == count, (loss, kind)
            for piece in d.split("Z")[:-1]:
                base, tip = (float(piece.split(mark)[1].split(",")[1].split("h")[0]) for mark in "ML")
                assert (tip < base) == (kind == "rise")


def test_overlays_are_switched(visit):
    page = visit()
    titles = page.locator("#many .lb-plot .lb-strong:visible")
    assert titles.count() == 6
    page.locator("#many button[data-show=jaccard]").click()
    assert titles.count() == 5
    assert page.locator("#many button[data-show=jaccard]").get_attribute("aria-pressed") == "false"


def test_the_address_keeps_the_state(visit):
    page = visit(way=1)
    page.mouse.click(*middle(cell(page, "true", 0)))
    page.mouse.click(*middle(cell(page, "guess", 1)))
    wait_until_saved(page, "dice")
    digits = "".join(f"{int(round(20 * p)):x}" if 20 * p < 16 else chr(ord("g") + round(20 * p) - 16) for p in GUESS)
    assert page.url.endswith(
        f"?dice.truth=1{''.join(str(int(y)) for y in TRUTH[1:])}&dice.prediction={digits[0]}i{digits[2:]}#dice"
    )
    again = visit(page.url[page.url.index("/page.html") :], way=1)
    assert state(again, "dice") == state(page, "dice")
    # What is on no level is written in full.
    again.evaluate("(p) => document.getElementById('dice').lossbook.set('prediction', p)", RANDOM)
    wait_until_saved(again, "dice")
    third = visit(again.url[again.url.index("/page.html") :], way=1)
    assert state(third, "dice")["prediction"] == RANDOM
    third.locator("#dice button[data-action=reset]").click()
    wait_until_saved(third, "dice")
    assert third.url.endswith("/page.html#dice")


@pytest.mark.parametrize("odd", [f"truth={'2' * 36}", "truth=010", f"prediction={'z' * 36}", f"prediction={'_' * 36}"])
def test_what_is_no_mask_is_ignored(visit, odd):
    page = visit(f"/page.html?dice.{odd}")
    assert state(page, "dice") == page.evaluate("document.getElementById('dice').lossbook.defaults")


def test_the_live_text_speaks_after_a_pause(visit):
    page = visit()
    assert page.locator("#dice .lb-live").text_content() == ""
    page.locator("#dice .lb-cases").get_by_role("button", name="small object").click()
    page.wait_for_function("document.querySelector('#dice .lb-live').textContent !== ''")
    said = page.locator("#dice .lb-live").text_content()
    assert said.startswith("The object has 2 pixels; overlap 0.60, predicted 10.80. Dice: loss ")
    assert " inside, " in said and "BCE: loss " in said


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_nothing_overflows(visit, width):
    page = visit(width=width, has_touch=width < 500)
    page.locator("#many .lb-guess-cell").first.focus()
    assert outside(page) == []
    box = cell(page, "guess", 0).bounding_box()
    assert min(box["width"], box["height"]) >= 24


def test_a_finger_paints(visit):
    page = visit(width=390, has_touch=True)
    page.touchscreen.tap(*middle(cell(page, "guess", 7)))
    assert state(page, "dice")["prediction"][7] == 0.9
    # Up and down as well: the page does not scroll instead.
    client = page.context.new_cdp_session(page)
    places = [middle(cell(page, "guess", k)) for k in (6, 18)]
    for kind, points in (("touchStart", places[:1]), ("touchMove", places[1:]), ("touchEnd", [])):
        where = [{"x": x, "y": y} for x, y in points]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where})
    page.wait_for_function("document.getElementById('dice').lossbook.state.prediction[18] === 0.9")
    assert [state(page, "dice")["prediction"][k] for k in (6, 12, 18, 24)] == [0.9, 0.9, 0.9, GUESS[24]]


@pytest.mark.parametrize(
    ("address", "expected"), [("/page.html", "rgb(0, 114, 178)"), ("/dark.html", "rgb(86, 180, 233)")]
)
def test_colors_follow_the_theme(visit, address, expected):
    page = visit(address)
    assert page.evaluate("getComputedStyle(document.querySelector('#dice .lb-rise')).fill") == expected


def test_without_javascript_the_figure_is_there(visit):
    page = visit(java_script_enabled=False)
    assert page.get_by_role("img", name="A true mask of 6 by 6 pixels").first.is_visible()
    assert page.locator(".lb-figure").count() == 2


@pytest.mark.parametrize("address", ["/page.html", "/dark.html"])
def test_axe_finds_nothing(visit, address):
    assert violations(visit, address) == []


def test_a_frame_is_short(visit):
    page = visit()
    for turn in (
        "set('prediction', Array.from({ length: 36 }, (_, k) => ((i + k) % 21) / 20))",
        "set('brush', (i % 20) / 20)",
    ):
        median = page.evaluate(f"""() => {{
            const live = document.getElementById('many').lossbook;
            live.frames.length = 0;
            for (let i = 0; i < 200; i++) live.{turn};
            return [...live.frames].sort((a, b) => a - b)[live.frames.length >> 1];
        }}""")
        assert median < 2.0
