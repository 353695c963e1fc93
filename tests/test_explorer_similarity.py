"""The similarity scene: losses of a small matrix, against torch and NumPy; its page."""

import dataclasses
import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
import scipy.special
import torch
import traitlets
from explorers import data_of, drag, finger, middle, outside, samples, state, violations, wait_until_saved

import lossbook as lb
from lossbook.explorer import explore, island
from lossbook.explorer.payload import SCENES, make_payload
from lossbook.explorer.similarity import START, WHOLE, at, cases, count, height, softmax
from lossbook.loss import Loss

LOSSES = [loss for loss in lb.losses() if SCENES["similarity"].accepts(loss)]
ROWS = [loss for loss in LOSSES if loss.formula.variables not in WHOLE]


def in_v8(js, loss, expression, size, **names):
    """`expression` in V8, where `loss` is the loss of a matrix with this side."""
    payload = make_payload(loss)
    names |= {"size": size, "source": payload["losses"][0], "count": payload["counts"].get(loss.name)}
    head = "".join(f"const {name} = {json.dumps(value)};" for name, value in names.items())
    head += "const loss = LossBook.similarityLoss(LossBook.compile(source), size, count);"
    return json.loads(js.eval(f"(() => {{ {head} return JSON.stringify({expression}); }})()"))


def matrices(size):
    return [START[:size, :size], *cases(size).values()]


def settings(loss):
    ends = [sorted({*one.slider[:2], one.default}) for one in loss.parameters]
    return [dict(zip(loss.defaults, values, strict=True)) for values in itertools.product(*ends)]


def real(loss, s, setting):
    """The loss itself at tensors that have these similarities, and its own gradient carried on to them."""
    s = torch.tensor(s, dtype=torch.float64, requires_grad=True)
    tensors = loss.takes.at(*s, **setting)
    plain = [one.detach() for one in tensors]
    slopes = loss.gradient(*plain, reduction="sum", **setting)
    learned = [one for one, name in zip(tensors, loss.takes.names, strict=True) if name in loss.takes.by]
    reached = [(one, slope) for one, slope in zip(learned, slopes, strict=True) if one.requires_grad]
    (gradient,) = torch.autograd.grad([one for one, _ in reached], s, [slope for _, slope in reached])
    return loss(*plain, reduction="sum", **setting).item(), gradient.tolist()


# ---------------------------------------------------------------- the numbers


@pytest.mark.parametrize("size", [2, 3])
def test_a_row_at_a_time_is_torchs_cross_entropy(js, size):
    for matrix, temperature in itertools.product(matrices(size), (0.02, 0.07, 1.0)):
        p = {"temperature": temperature}
        found = in_v8(
            js, lb.info_nce, "[loss.value(s, p), ...loss.gradient(s, p)]", size, s=matrix.ravel().tolist(), p=p
        )
        s = torch.tensor(matrix, requires_grad=True)
        expected = torch.nn.functional.cross_entropy(s / temperature, torch.arange(size))
        (slope,) = torch.autograd.grad(expected, s)
        np.testing.assert_allclose(found, [expected.item(), *slope.ravel()], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_value_and_gradient_are_those_of_the_loss_itself(js, loss):
    size = make_payload(loss)["size"]
    for matrix, setting in itertools.product([0.7 * START, 0.5 * START.T, np.full((3, 3), 0.5)], settings(loss)):
        s = matrix[:size, :size]
        found = in_v8(js, loss, "[loss.value(s, p), ...loss.gradient(s, p)]", size, s=s.ravel().tolist(), p=setting)
        if loss.formula.variables in WHOLE:
            value, gradient = real(loss, s.ravel().tolist(), setting)
            expected = np.array([value, *gradient]) / count(loss)
        else:
            # The true similarity comes first, and goes back to its place.
            rows = [real(loss, np.roll(row, -i).tolist(), setting) for i, row in enumerate(s)]
            gradients = [np.roll(gradient, i) for i, (_, gradient) in enumerate(rows)]
            expected = np.array([sum(value for value, _ in rows), *np.ravel(gradients)]) / size
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * max(1, abs(expected).max()))
        value, gradient = at(loss, setting, s)
        np.testing.assert_allclose([value, *gradient.ravel()], found, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("loss", [one for one in LOSSES if one not in ROWS], ids=lambda loss: loss.name)
def test_the_mean_is_over_as_many_losses_as_the_formula_sums_up(loss):
    tensors = loss.takes.at(*torch.tensor([0.3, 0.2, 0.1, 0.4], dtype=torch.float64), **loss.defaults)
    assert loss(*tensors).item() * count(loss) == pytest.approx(loss(*tensors, reduction="sum").item(), rel=1e-12)


@pytest.mark.parametrize("size", [2, 3])
def test_the_softmax_is_torchs(js, size):
    for matrix, columns in itertools.product(matrices(size), (False, True)):
        s = matrix.ravel().tolist()
        found = in_v8(js, lb.info_nce, "LossBook.softmaxOf(s, size, 20, columns)", size, s=s, columns=columns)
        axis = 0 if columns else 1
        expected = torch.tensor(20 * matrix).softmax(axis)
        np.testing.assert_allclose(found, expected.ravel(), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(softmax(20 * matrix, axis), expected, rtol=1e-12, atol=1e-14)


def test_the_hardest_negative_takes_all_of_the_push_as_the_temperature_falls(js):
    found = {}
    for temperature in (1.0, 0.1, 0.02):
        found[temperature] = in_v8(
            js, lb.info_nce, "LossBook.hardestNegative(loss.gradient(s, p), size)", 3,
            s=START.ravel().tolist(), p={"temperature": temperature},
        )  # fmt: skip
        shares = scipy.special.softmax(START / temperature, axis=1)
        negatives = shares[~np.eye(3, dtype=bool)]
        assert found[temperature]["share"] == pytest.approx(negatives.max() / negatives.sum(), rel=1e-12)
    assert {one["k"] for one in found.values()} == {1}
    assert found[1.0]["share"] < 0.25 < 0.4 < found[0.1]["share"] < 0.8 < found[0.02]["share"]


def test_where_all_are_alike_the_gradient_grows_like_the_inverse_temperature(js):
    s = cases(3)["All alike"].ravel().tolist()
    slopes = [in_v8(js, lb.info_nce, "loss.gradient(s, p)", 3, s=s, p={"temperature": t}) for t in (1.0, 0.1)]
    np.testing.assert_allclose(slopes[1], 10 * np.array(slopes[0]), rtol=1e-12)
    value = in_v8(js, lb.info_nce, "loss.value(s, p)", 3, s=s, p={"temperature": 0.1})
    assert value == pytest.approx(math.log(3))


@pytest.mark.parametrize("size", [2, 3])
def test_the_cases_are_what_they_are_called(size):
    found = cases(size)
    assert np.ptp(found["All alike"]) == 0
    confused = found["One confused pair"]
    assert [row.argmax() for row in confused] == [1, *range(1, size)]
    perfect = found["Perfect"]
    # Cosines of real directions: no eigenvalue of their matrix is negative, but for the rounding to two decimals.
    assert np.linalg.eigvalsh(perfect).min() > -0.01 and np.allclose(perfect.sum(axis=1), 0, atol=0.02)
    assert all(np.abs(one).max() <= 1 for one in [*found.values(), START])


def test_the_longest_bar_is_the_steepest_slope():
    assert height(np.array([2.0, -2.0, 0.0]), 2.0) == pytest.approx([1, -1, 0])
    payload = make_payload(lb.info_nce)
    low = payload["parameters"][0]["low"]
    assert payload["steepest"] == pytest.approx(1 / (3 * low), rel=0.01)


# ---------------------------------------------------------------- arguments, traits, figure


wrongly: Any = explore


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"similarities": [0.5]}, ValueError, r"similarities: got an array of shape \(1,\), expected 9 numbers"),
        ({"similarities": [2] * 9}, ValueError, "similarities: got .* expected numbers from -1 to 1"),
        ({"temperature": 0.0}, ValueError, "temperature: got 0.0"),
        ({"target": 1}, TypeError, "target: neither"),
    ],
)
def test_a_wrong_argument_is_named(options, error, message):
    with pytest.raises(error, match=message):
        wrongly(lb.info_nce, **options)


def test_only_losses_of_similarities_are_drawn():
    with pytest.raises(ValueError, match=r"loss: huber is a formula in \(r\); the scene 'similarity' draws"):
        make_payload(lb.huber, scene="similarity")
    assert {loss.name for loss in LOSSES} >= {"info_nce", "clip", "damsm_sentence"}


def test_losses_share_as_many_pairs_as_both_know():
    """A formula of a row of three is drawn at two as well, where the whole matrix is one of two."""
    assert make_payload(lb.info_nce)["size"] == 3
    assert make_payload(lb.info_nce, [lb.clip])["size"] == make_payload(lb.clip, [lb.info_nce])["size"] == 2
    larger = dataclasses.replace(lb.clip.formula, variables=next(names for names in WHOLE if len(names) == 9))
    other = Loss(lb.clip.function, dataclasses.replace(lb.clip.record, formula=larger))
    other.__name__ = "clip3"
    with pytest.raises(ValueError, match=r"compare: got formulas of different numbers of pairs \(clip 2, clip3 3\)"):
        make_payload(lb.clip, [other])


def test_the_traits_are_the_state():
    widget = explore(lb.clip, similarities=[0.5, 0.1, 0, 1], temperature=0.2)
    assert (widget.similarities, widget.temperature) == ([0.5, 0.1, 0.0, 1.0], 0.2)
    widget.similarities = [1, 0, 0, 1]
    assert data_of(widget.html)["state"]["similarities"]["start"] == [1.0, 0.0, 0.0, 1.0]
    with pytest.raises(traitlets.TraitError, match="similarities"):
        widget.similarities = [1, 0, 0, 9]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_every_loss_has_a_figure(loss):
    text = island(loss)
    size = make_payload(loss)["size"]
    assert f'aria-label="A matrix of {size} by {size} similarities, true pairs on the diagonal' in text
    assert ("softmax of columns" in text) == (loss.formula.variables in WHOLE)
    assert len(text) < 50_000


# ---------------------------------------------------------------- in a browser


def islands():
    """What the page holds; see the fixture `site`."""
    return [island(lb.info_nce, id="rows"), island(lb.clip, [lb.info_nce], id="clip")]


def cell(page, id, k):
    return page.locator(f"#{id} [role=slider]").nth(k)


@pytest.mark.parametrize("way", [0, 1], ids=["file", "http"])
def test_the_page_has_torchs_numbers(visit, way):
    page = visit(way=way)
    for id, loss in (("rows", lb.info_nce), ("clip", lb.info_nce), ("clip", lb.clip)):
        now = state(page, id)
        size = math.isqrt(len(now["similarities"]))
        s = torch.tensor(now["similarities"], dtype=torch.float64).reshape(size, size) / now["temperature"]
        rows, columns = (torch.nn.functional.cross_entropy(one, torch.arange(size)).item() for one in (s, s.T))
        found = samples(page, id, loss.name)
        expected = rows if loss is lb.info_nce else (rows + columns) / 2
        assert found["value"] == pytest.approx(expected, abs=1e-12)
        assert found["rows"] == pytest.approx(s.softmax(1).ravel().tolist(), abs=1e-12)
        assert found["columns"] == pytest.approx(s.softmax(0).ravel().tolist(), abs=1e-12)


def test_the_pointer_drags_a_similarity(visit):
    page = visit()
    loss = page.locator("#rows .lb-readout td").first
    before = loss.text_content()
    one = cell(page, "rows", 1)
    side = one.bounding_box()["height"]
    drag(page, one, 0, -side / 4)  # a whole cell is the way from -1 to 1
    assert state(page, "rows")["similarities"][:3] == pytest.approx([0.5, 0.95, -0.2])
    assert loss.text_content() != before
    assert one.locator("text").text_content() == "0.95"
    assert float(loss.text_content()) == pytest.approx(samples(page, "rows", "info_nce")["value"], abs=6e-4)
    drag(page, one, 0, 2 * side)
    assert state(page, "rows")["similarities"][1] == -1
    # A press without a way changes nothing.
    page.mouse.click(*middle(one))
    assert state(page, "rows")["similarities"][1] == -1


def test_the_keyboard_moves_a_similarity(visit):
    page = visit()
    one = cell(page, "rows", 0)
    one.focus()
    for key, expected in [
        ("ArrowUp", 0.55), ("ArrowLeft", 0.5), ("PageDown", 0), ("End", 1), ("ArrowUp", 1), ("Home", -1),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert state(page, "rows")["similarities"][0] == pytest.approx(expected), key
    assert one.get_attribute("aria-label") == "similarity of query 1, key 1, a true pair"
    assert cell(page, "rows", 1).get_attribute("aria-label") == "similarity of query 1, key 2"
    text = one.get_attribute("aria-valuetext").replace("\u2212", "-")
    assert text.startswith("-1.00, softmax 0.00, gradient -")
    assert one.get_attribute("aria-valuenow") == "-1"


def test_a_small_temperature_sharpens_the_picture(visit):
    page = visit()
    share = page.locator("#rows .lb-readout td").nth(2)
    slider = page.locator("#rows input[type=range]")
    found = []
    for value in (1, 0.2, 0.02):
        slider.fill(str(value))
        found.append(int(share.text_content().removesuffix("\u00a0%")))
    assert found == sorted(found) and found[0] < 30 and found[-1] > 80
    assert page.locator("#rows caption").text_content() == "The hardest negative: query 1, key 2"


@pytest.mark.parametrize("name", ["All alike", "One confused pair", "Perfect"])
def test_a_case_is_set_up(visit, name):
    page = visit()
    page.locator("#clip").get_by_role("button", name=name).click()
    assert state(page, "clip")["similarities"] == cases(2)[name].ravel().tolist()
    page.locator("#clip button[data-action=reset]").click()
    assert state(page, "clip")["similarities"] == START[:2, :2].ravel().tolist()


def test_overlays_are_switched(visit):
    page = visit()
    bars = page.locator("#clip .lb-drawn.lb-overlay-1:not(.lb-swatch *)")
    assert sum(bar.is_visible() for bar in bars.all()) > 0
    button = page.locator("#clip button[data-show=info_nce]")
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert sum(bar.is_visible() for bar in bars.all()) == 0


def test_the_address_keeps_the_state(visit):
    page = visit(way=1)
    cell(page, "clip", 1).press("Home")
    wait_until_saved(page, "clip")
    assert page.url.endswith("?clip.s=0.5_-1_0.3_0.6#clip")
    again = visit(page.url[page.url.index("/page.html") :], way=1)
    assert state(again, "clip") == state(page, "clip")
    odd = visit("/page.html?clip.s=0.6_-3_0.1_0.7&rows.s=1_1")
    for id in ("clip", "rows"):
        assert state(odd, id) == odd.evaluate("(id) => document.getElementById(id).lossbook.defaults", id)


def test_the_live_text_speaks_after_a_pause(visit):
    page = visit()
    assert page.locator("#rows .lb-live").text_content() == ""
    cell(page, "rows", 1).press("End")
    page.wait_for_function("document.querySelector('#rows .lb-live').textContent !== ''")
    said = page.locator("#rows .lb-live").text_content()
    assert "The hardest negative, query 1, key 2, takes" in said and said.startswith("InfoNCE: loss ")


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_nothing_overflows(visit, width):
    page = visit(width=width, has_touch=width < 500)
    assert outside(page) == []
    box = cell(page, "rows", 0).bounding_box()
    assert min(box["width"], box["height"]) >= 44


def test_a_finger_moves_a_similarity(visit):
    page = visit(width=390, has_touch=True)
    one = cell(page, "rows", 1)
    x, y = middle(one)
    page.touchscreen.tap(x, y)
    assert one.evaluate("(e) => e === document.activeElement")
    assert state(page, "rows")["similarities"] == START.ravel().tolist()
    finger(page, one, 0, -one.bounding_box()["height"] / 4)
    assert state(page, "rows")["similarities"][1] == pytest.approx(0.95)


@pytest.mark.parametrize(
    ("address", "expected"), [("/page.html", "rgb(194, 78, 0)"), ("/dark.html", "rgb(240, 146, 59)")]
)
def test_colors_follow_the_theme(visit, address, expected):
    page = visit(address)
    assert page.evaluate("getComputedStyle(document.querySelector('#rows .lb-drawn.lb-gradient')).stroke") == expected


def test_without_javascript_the_figure_is_there(visit):
    page = visit(java_script_enabled=False)
    assert page.get_by_role("img", name="A matrix of 3 by 3 similarities").is_visible()
    assert page.locator(".lb-figure").count() == 2


@pytest.mark.parametrize("address", ["/page.html", "/dark.html"])
def test_axe_finds_nothing(visit, address):
    assert violations(visit, address) == []
