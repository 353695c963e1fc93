"""The lattice scene: its walk over paths against CTC's loss and gradient and against its formula; its page."""

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
import traitlets
from explorers import data_of, drag, finger, middle, outside, samples, state, violations, wait_until_saved

import lossbook as lb
from lossbook.explorer import explore, island
from lossbook.explorer.lattice import CASES, CLASSES, TEXTS, normalized, paths
from lossbook.explorer.payload import SCENES, make_payload

torch.manual_seed(0)
PLACES = [
    *(np.reshape(rows, (-1, 3)) for rows in CASES.values()),
    torch.randn(5, 3, dtype=torch.float64).softmax(1).numpy(),
    (5 * torch.randn(7, 3, dtype=torch.float64)).softmax(1).numpy(),
    torch.randn(2, 3, dtype=torch.float64).softmax(1).numpy(),
]
WORDS = [*TEXTS, "", "b", "bb", "abba"]


def in_v8(js, p, text):
    given = json.dumps([np.asarray(p).tolist(), [CLASSES.index(letter) for letter in text]])
    # JSON has no infinity.
    return json.loads(
        js.eval(f"JSON.stringify(LossBook.latticeOf(...{given}), (_, x) => x === Infinity ? 1e999.toString() : x)")
    )


def in_torch(p, text):
    """The loss, and the gradient by the logits."""
    logits = torch.tensor(np.asarray(p), dtype=torch.float64).log().requires_grad_()
    letters = torch.tensor([CLASSES.index(letter) for letter in text], dtype=torch.int64)
    loss = lb.ctc(logits.log_softmax(1), letters, len(p), len(text), reduction="sum")
    return loss.item(), torch.autograd.grad(loss, logits)[0].numpy()


# ---------------------------------------------------------------- the numbers


@pytest.mark.parametrize("text", WORDS)
def test_loss_and_gradient_are_those_of_ctc(js, text):
    for place in PLACES:
        p = place / place.sum(1, keepdims=True)
        found, (loss, gradient) = in_v8(js, p, text), in_torch(p, text)
        assert float(found["loss"]) == pytest.approx(loss, rel=1e-12, abs=1e-12)
        if math.isfinite(loss):
            np.testing.assert_allclose(found["gradient"], gradient, rtol=1e-12, atol=1e-12)
        else:
            assert not np.any(found["gradient"]) and found["paths"] == 0


def test_two_frames_are_the_formula(js):
    given = torch.randn(20, 2, 2, dtype=torch.float64).log_softmax(2)
    compiled = lb.ctc.formula.function("numpy")
    for a1, b1, a2, b2 in given.flatten(1).tolist():
        found = in_v8(js, np.exp([[b1, a1], [b2, a2]]), "a")
        assert found["loss"] == pytest.approx(float(compiled(a1, b1, a2, b2)), rel=1e-12)
        slopes = [float(lb.ctc.formula.function("numpy", i)(a1, b1, a2, b2)) for i in range(4)]
        shares = np.array(found["occupancy"])[:, ::-1].ravel()
        np.testing.assert_allclose(-shares, slopes, rtol=1e-12)


@pytest.mark.parametrize("text", TEXTS)
def test_steps_and_states_are_those_of_the_picture(js, text):
    """Each share is also the change of the loss where this step is taken away; and they add up."""
    for place in PLACES[:4]:
        p = place / place.sum(1, keepdims=True)
        found, (loss, nodes, steps) = in_v8(js, p, text), paths(p, text)
        assert found["loss"] == pytest.approx(loss, rel=1e-12)
        np.testing.assert_allclose(found["nodes"], nodes, rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(np.sum(found["nodes"], axis=1), 1, rtol=1e-12)
        for one in found["steps"]:
            expected = steps[one["t"] - 1, one["from"], one["to"]]
            assert one["share"] == pytest.approx(expected, rel=1e-11, abs=1e-14)
        assert sum(one["share"] for one in found["steps"]) == pytest.approx(len(p) - 1)


def test_paths_are_counted(js):
    for text in ("a", "ab", "aba"):
        found = in_v8(js, PLACES[0], text)
        assert found["paths"] == math.comb(5 + len(text), 2 * len(text))
    assert in_v8(js, PLACES[0], "aa")["paths"] == math.comb(6, 4)


def test_the_cases_read_as_they_are_called(js):
    chance = {name: {text: in_v8(js, CASES[name], text)["total"] for text in ("ab", "ba")} for name in CASES}
    assert chance["clearly ab"]["ab"] > 0.5 > 0.05 > chance["clearly ab"]["ba"]
    assert chance["clearly ba"]["ba"] > 0.5 > 0.05 > chance["clearly ba"]["ab"]
    assert chance["unsure"]["ab"] == pytest.approx(chance["unsure"]["ba"])


# ---------------------------------------------------------------- arguments, traits, figure


wrongly: Any = explore


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"probabilities": [0.5] * 6}, ValueError, r"probabilities: got an array of shape \(6,\), expected 15 numbers"),
        ({"probabilities": [0.0] * 15}, ValueError, "probabilities: got .* expected numbers from 0.001 to 1"),
        ({"text": "cat"}, ValueError, "text: got 'cat', expected one of 'a', 'ab', 'aa', 'aba'"),
    ],
)
def test_a_wrong_argument_is_named(options, error, message):
    with pytest.raises(error, match=message):
        wrongly(lb.ctc, **options)


def test_it_is_the_scene_of_ctc_alone():
    assert [loss.name for loss in lb.losses() if SCENES["lattice"].accepts(loss)] == ["ctc"]
    assert make_payload(lb.ctc)["scene"] == "lattice"
    with pytest.raises(ValueError, match="loss: clip is a formula in .* the scene 'lattice' draws CTC"):
        make_payload(lb.clip, scene="lattice")


def test_the_traits_are_the_state():
    widget = explore(lb.ctc, text="aa")
    assert widget.text == "aa" and len(widget.probabilities) == 15
    widget.text = "a"
    assert data_of(widget.html)["state"]["text"]["start"] == "a"
    with pytest.raises(traitlets.TraitError, match="text"):
        widget.text = "abc"


def test_the_figure_has_the_numbers_of_the_loss():
    given = [0.2, 0.7, 0.1] * 5
    text = island(lb.ctc, probabilities=given, text="aba")
    loss, gradient = in_torch(normalized(given), "aba")
    assert 'aria-label="Probabilities of a blank and two letters in 5 frames' in text and len(text) < 60_000
    assert f"loss {loss:.2f}<" in text and f"{-gradient[0, 0]:.2f}<".replace("-", "−") in text


# ---------------------------------------------------------------- in a browser


def islands():
    """What the page holds; see the fixture `site`."""
    return [island(lb.ctc, id="ctc")]


def cell(page, name, frame):
    return page.get_by_role("slider", name=f"probability of {name} in frame {frame}")


def frames(page):
    return normalized(state(page, "ctc")["probabilities"])


@pytest.mark.parametrize("way", [0, 1], ids=["file", "http"])
def test_the_page_has_torchs_numbers(visit, way):
    page = visit(way=way)
    for text in TEXTS:
        page.get_by_role("button", name=f"text {text}", exact=True).click()
        found, (loss, gradient) = samples(page, "ctc", "ctc"), in_torch(frames(page), text)
        assert found["loss"] == pytest.approx(loss, rel=1e-12)
        np.testing.assert_allclose(found["gradient"], gradient, atol=1e-12)
        readout = page.locator("#ctc .lb-readout td").all_text_contents()
        assert readout == [f"{loss:.3f}", f"{math.exp(-loss):.3f}", str(found["paths"])]
        circles = page.locator("#ctc circle.lb-block").count()
        assert circles == 5 * (2 * len(text) + 1)


def test_the_pointer_raises_a_probability(visit):
    page = visit()
    before = samples(page, "ctc", "ctc")["loss"]
    drag(page, cell(page, "a", 1), 0, -25)
    p = frames(page)
    assert 0.6 < p[0, 1] <= 0.96 and p[0, 0] == pytest.approx(p[0, 2], abs=2e-3)
    np.testing.assert_allclose(p[1:], 1 / 3)
    assert samples(page, "ctc", "ctc")["loss"] < before
    page.mouse.click(*middle(cell(page, "b", 3)))
    np.testing.assert_allclose(frames(page), p)


def test_the_keyboard_moves_it(visit):
    page = visit()
    one = cell(page, "blank", 3)
    one.focus()
    for key, expected in [("ArrowUp", 0.38), ("ArrowDown", 0.33), ("End", 0.96), ("Home", 0.02)]:
        page.keyboard.press(key)
        assert frames(page)[2, 0] == pytest.approx(expected, abs=3e-3), key
    assert one.get_attribute("aria-valuetext").startswith("0.02, share of the right paths 0.")


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_set_up(visit, name):
    page = visit()
    page.get_by_role("button", name=name).click()
    np.testing.assert_allclose(frames(page), np.array(CASES[name]) / np.sum(CASES[name], axis=1, keepdims=True))
    page.locator("button[data-action=reset]").click()
    np.testing.assert_allclose(frames(page), 1 / 3)


def test_the_address_keeps_the_state(visit):
    page = visit(way=1)
    page.get_by_role("button", name="text aba").click()
    cell(page, "a", 5).press("ArrowUp")
    wait_until_saved(page, "ctc")
    assert "ctc.text=aba" in page.url and page.url.endswith("#ctc")
    again = visit(page.url[page.url.index("/page.html") :], way=1)
    assert state(again, "ctc") == state(page, "ctc")
    odd = visit("/page.html?ctc.text=cat&ctc.p=1_2")
    assert state(odd, "ctc") == odd.evaluate("document.getElementById('ctc').lossbook.defaults")


def test_the_live_text_speaks_after_a_pause(visit):
    page = visit()
    cell(page, "a", 2).press("ArrowUp")
    page.wait_for_function("document.querySelector('#ctc .lb-live').textContent !== ''")
    said = page.locator("#ctc .lb-live").text_content()
    assert said.startswith("Text ab: loss ") and "35 paths. The strongest push up is on " in said


@pytest.mark.parametrize("width", [360, 390, 1280])
@pytest.mark.parametrize("text", ["a", "aba"])
def test_nothing_overflows(visit, width, text):
    page = visit(f"/page.html?ctc.text={text}", width=width, has_touch=width < 500)
    assert outside(page) == []
    hit = cell(page, "a", 1).bounding_box()
    assert min(hit["width"], hit["height"]) >= 44


def test_a_finger_moves_it(visit):
    page = visit(width=390, has_touch=True)
    finger(page, cell(page, "b", 5), 0, -20)
    assert frames(page)[4, 2] > 0.5


@pytest.mark.parametrize(
    ("address", "expected"), [("/page.html", "rgb(0, 114, 178)"), ("/dark.html", "rgb(86, 180, 233)")]
)
def test_colors_follow_the_theme(visit, address, expected):
    page = visit(address)
    assert page.evaluate("getComputedStyle(document.querySelector('#ctc .lb-look.lb-loss')).stroke") == expected


def test_a_change_is_drawn_in_time_for_the_next_frame(visit):
    page = visit()
    for _ in range(20):
        cell(page, "a", 2).press("ArrowUp")
        cell(page, "a", 2).press("ArrowDown")
    spent = page.evaluate("document.getElementById('ctc').lossbook.frames")
    assert len(spent) >= 20


def test_without_javascript_the_figure_is_there(visit):
    page = visit(java_script_enabled=False)
    assert page.get_by_role("img", name="Probabilities of a blank and two letters").is_visible()


@pytest.mark.parametrize("address", ["/page.html", "/dark.html"])
def test_axe_finds_nothing(visit, address):
    assert violations(visit, address) == []
