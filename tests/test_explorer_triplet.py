"""The triplet scene: its numbers and regions against torch, its page by pointer, touch and keyboard."""

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
import torch
import traitlets
from explorers import data_of, drag, finger, middle, outside, samples, state, violations, wait_until_saved

import lossbook as lb
from lossbook.explorer import embeddings, explore, island
from lossbook.explorer.payload import make_payload
from lossbook.explorer.scene import start
from lossbook.explorer.triplet import radius

LOSSES = [lb.triplet_margin, lb.quadruplet, lb.triplet_margin_with_distance]
NAMES = ("anchor", "positive", "negative", "negative2")
POINTS = [
    [[-0.4, -0.3], [0.2, -0.7], [0.4, 0.55], [1.1, 0.1]],
    [[1.2, 0.3], [-1.2, 0.7], [0.9, 0.1], [0.8, 0.2]],
    [[0.0, 0.0], [0.05, 0.0], [1.9, 1.9], [-1.9, 1.9]],
]


def in_v8(js, loss, expression, **names):
    """`expression` in V8, where `loss` is the loss of the points."""
    payload = make_payload(loss, scene="triplet")
    head = "".join(f"const {name} = {json.dumps(value)};" for name, value in names.items())
    return json.loads(
        js.eval(
            f"(() => {{ {head} const compiled = LossBook.compile({json.dumps(payload['losses'][0])});"
            f"const loss = LossBook.embeddingLoss(compiled, {json.dumps(payload['embeddings'][loss.name])});"
            f"return JSON.stringify({expression}); }})()"
        )
    )


def by_torch(loss, points, values):
    """The real loss of the points, and its own gradient by each."""
    tensors = [torch.tensor([point], dtype=torch.float64) for point in points[: len(loss.takes.names)]]
    gradient = [one[0].tolist() for one in loss.gradient(*tensors, reduction="sum", **values)]
    return float(loss(*tensors, reduction="sum", **values)), gradient + [[0, 0]] * (len(points) - len(tensors))


def settings(loss):
    own = [one for one in loss.parameters if one.name in loss.formula.parameters]
    ends = [sorted({*one.slider[:2], one.default, 0.3}) for one in own]
    return [dict(zip([one.name for one in own], values, strict=True)) for values in itertools.product(*ends)]


def defaults(loss):
    return settings(loss)[0] | {name: loss.defaults[name] for name in settings(loss)[0]}


# ---------------------------------------------------------------- the numbers


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_value_and_gradient_are_the_losss_own(js, loss):
    for values, points in itertools.product(settings(loss), POINTS):
        value, gradient = in_v8(
            js, loss, "[loss.value(points, state), loss.gradient(points, state)]", points=points, state=values
        )
        expected, slopes = by_torch(loss, points, values)
        assert value == pytest.approx(expected, rel=1e-12, abs=1e-12), (points, values)
        np.testing.assert_allclose(gradient, slopes, rtol=1e-12, atol=1e-12, err_msg=str((points, values)))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_where_all_points_are_one_there_are_numbers(js, loss):
    found = in_v8(
        js, loss, "[loss.value(points, state), ...loss.gradient(points, state).flat()]",
        points=[[0.5, 0.5]] * 4, state=defaults(loss),
    )  # fmt: skip
    assert all(one is not None and math.isfinite(one) for one in found)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_the_still_picture_has_the_same_numbers(loss):
    payload = make_payload(loss, scene="triplet")
    for points in POINTS:
        value, gradient = embeddings.pull(payload, loss, defaults(loss), points[: len(loss.takes.names)])
        expected, slopes = by_torch(loss, points[: len(loss.takes.names)], defaults(loss))
        assert value == pytest.approx(expected, abs=1e-12)
        np.testing.assert_allclose(gradient, slopes, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_outside_of_the_circle_the_real_loss_is_zero(loss):
    payload = make_payload(loss, scene="triplet")
    far = radius(payload, loss, 0.7)
    assert far > 0.7

    def at(distance):
        return by_torch(loss, [[0, 0], [0.7, 0], [0, distance], [0, 1e3]], defaults(loss))[0]

    assert at(far + 1e-5) == 0 and at(far - 1e-4) > 0


# ---------------------------------------------------------------- arguments, traits, figure


wrongly: Any = explore


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"anchor": (0, 99)}, ValueError, "anchor: got .* expected numbers from -1.9 to 1.9"),
        ({"positive": 3}, ValueError, r"positive: got an array of shape \(\), expected 2 numbers"),
        ({"negative2": (0, 0)}, TypeError, "negative2: neither a parameter of these losses"),
        ({"margin": -9.0}, ValueError, "margin: got -9.0, expected a number"),
    ],
)
def test_a_wrong_argument_is_named(options, error, message):
    with pytest.raises(error, match=message):
        wrongly(lb.triplet_margin, scene="triplet", **options)


@pytest.mark.parametrize("loss", [lb.huber, lb.contrastive, lb.cross_entropy], ids=lambda loss: loss.name)
def test_only_losses_of_distances_are_drawn(loss):
    with pytest.raises(ValueError, match=f"loss: {loss.name} is a formula in .*; the scene 'triplet' draws losses of"):
        explore(loss, scene="triplet")


def test_a_second_negative_is_there_for_quadruplets_only():
    assert "negative2" not in make_payload(lb.triplet_margin, scene="triplet")["state"]
    assert "negative2" in make_payload(lb.triplet_margin, [lb.quadruplet], scene="triplet")["state"]
    assert "negative2" in make_payload(lb.quadruplet, [lb.triplet_margin], scene="triplet")["state"]


def test_the_traits_are_the_state():
    widget = explore(lb.triplet_margin, scene="triplet", negative=(1, 1))
    assert (widget.anchor, widget.positive, widget.negative) == ([-0.4, -0.3], [0.2, -0.7], [1.0, 1.0])
    widget.positive = [-1, 0.5]
    assert start(data_of(widget.html), "positive") == [-1.0, 0.5]
    with pytest.raises(traitlets.TraitError, match="negative"):
        widget.negative = [0, 99]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_every_corner_has_a_figure(loss):
    for values in settings(loss):
        if any(not low <= values[one.name] <= high for one in loss.parameters if one.name in values
               for low, high in [one.slider[:2]]):  # fmt: skip
            continue
        text = island(loss, scene="triplet", **values)
        assert f"a negative in the plane, which way {loss.title} moves them" in text
        assert len(text) < 45_000


# ---------------------------------------------------------------- in a browser


def islands():
    """What the page holds; see the fixture `site`."""
    return [
        island(lb.triplet_margin, id="three", scene="triplet"),
        island(lb.triplet_margin, [lb.quadruplet], id="four", scene="triplet"),
    ]


def solution(page, id, name="triplet_margin"):
    return page.evaluate("([id, name]) => document.getElementById(id).lossbook.solution(name)", [id, name])


def places(page, id):
    now = state(page, id)
    return [now[name] for name in NAMES if name in now]


def press(page, id, text):
    page.locator(f"#{id} button", has_text=text).click()


@pytest.mark.parametrize("way", [0, 1], ids=["file", "http"])
def test_the_page_has_torchs_numbers(visit, way):
    page = visit(way=way)
    for id, losses in {"three": LOSSES[:1], "four": LOSSES[:2]}.items():
        now = state(page, id)
        for loss in losses:
            values = {name: now[name] for name in settings(loss)[0]}
            value, slopes = by_torch(loss, places(page, id), values)
            found = solution(page, id, loss.name)
            assert found["value"] == pytest.approx(value, abs=1e-12)
            np.testing.assert_allclose(found["gradient"], slopes, rtol=0, atol=1e-12)
    curve = samples(page, "three", "triplet_margin")
    near = math.dist(*places(page, "three")[:2])
    np.testing.assert_allclose(curve["value"], np.maximum(near + 1 - np.array(curve["x"]), 0), atol=1e-5)
    assert set(curve["slope"]) == {-1, 0}


def test_the_cases_are_what_they_say(visit):
    page = visit()
    circle = page.locator("#three .lb-sector.lb-won").bounding_box()
    for text, kind in (("Hard", "hard"), ("Semi-hard", "semi-hard"), ("Easy", "easy")):
        page.get_by_role("button", name=text, exact=True).first.click()
        found = solution(page, "three")
        anchor, positive, negative = places(page, "three")
        assert found["kind"] == kind
        assert f"The negative is {kind}: p is at" in page.locator("#three caption").text_content()
        near, far = math.dist(anchor, positive), math.dist(anchor, negative)
        assert kind == ("hard" if far < near else "semi-hard" if far < near + 1 else "easy")
        assert (found["value"] > 0) == (kind != "easy")
        assert (page.locator("#three .lb-push").first.get_attribute("d") == "") == (kind == "easy")
    # The inner circle goes through the positive.
    unit = page.locator("#three .lb-curve.lb-loss").first.bounding_box()["width"] / (2 * found["radius"])
    assert circle["width"] / 2 == pytest.approx(near * unit, rel=0.02)


def test_stepping_downhill_makes_a_negative_easy(visit):
    page = visit()
    page.get_by_role("button", name="Hard", exact=True).first.click()
    values = [solution(page, "three")["value"]]
    for _ in range(4):
        press(page, "three", "Step downhill")
        values.append(solution(page, "three")["value"])
    assert values[0] > 1 > values[1] > 0 and values[3] == values[4] == 0
    assert solution(page, "three")["kind"] == "easy"
    before = places(page, "three")
    press(page, "three", "Step downhill")
    assert places(page, "three") == before


def test_the_margin_is_the_outer_circle(visit):
    page = visit()
    near = math.dist(*places(page, "three")[:2])
    assert solution(page, "three")["radius"] == pytest.approx(near + 1, abs=1e-5)
    page.locator("#three input[type=range]").first.fill("0.2")
    assert solution(page, "three")["radius"] == pytest.approx(near + 0.2, abs=1e-5)
    assert solution(page, "three")["kind"] == "easy"


def test_the_pointer_drags_a_point_and_its_regions(visit):
    page = visit()
    before = page.locator("#three .lb-sector").first.get_attribute("cx")
    drag(page, page.get_by_role("slider", name="negative", exact=True).first.locator(".lb-dot"), -70, 60)
    assert solution(page, "three")["kind"] == "hard"
    assert page.locator("#three .lb-sector").first.get_attribute("cx") == before
    drag(page, page.get_by_role("slider", name="anchor").first.locator(".lb-dot"), -70, 60)
    assert page.locator("#three .lb-sector").first.get_attribute("cx") != before
    drag(page, page.get_by_role("slider", name="positive").first.locator(".lb-dot"), 0, 3000)
    assert state(page, "three")["positive"][1] == -1.9


def test_the_keyboard_moves_a_point(visit):
    page = visit()
    negative = page.get_by_role("slider", name="negative", exact=True).first
    negative.focus()
    for key, expected in [
        ("ArrowRight", (0.45, 0.55)), ("ArrowLeft", (0.4, 0.55)), ("ArrowUp", (0.4, 0.6)), ("PageDown", (0.4, 0.1)),
        ("End", (1.9, 0.1)), ("Home", (-1.9, 0.1)),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert state(page, "three")["negative"] == pytest.approx(expected), key
    said = negative.get_attribute("aria-valuetext")
    assert said.startswith(
        "x −1.90, y 0.10; The negative is semi-hard: p is at 0.72 from the anchor, n at 1.55, loss 0.17"
    )
    assert negative.get_attribute("aria-valuenow") == "-1.9"


def test_the_second_negative_is_pushed_by_the_quadruplet_only(visit):
    page = visit()
    arrows = page.locator("#four .lb-push.lb-loss")
    assert [arrows.nth(k).get_attribute("d") != "" for k in range(4)] == [False, True, True, True]  # drawn in reverse
    assert page.locator("#four .lb-readout tbody tr").first.locator("td").last.text_content() == "–"
    ring = page.locator("#four circle.lb-curve.lb-faint")
    assert ring.is_visible()
    page.locator("#four button[data-show=quadruplet]").click()
    assert not ring.is_visible()
    assert page.locator("#four .lb-push.lb-overlay-1").last.get_attribute("d") == ""


def test_the_address_keeps_the_state(visit):
    page = visit(way=1)
    page.get_by_role("slider", name="anchor").first.press("ArrowLeft")
    wait_until_saved(page, "three")
    assert page.url.endswith("?three.anchor=-0.45_-0.3#three")
    again = visit(page.url[page.url.index("/page.html") :], way=1)
    assert state(again, "three") == state(page, "three")
    again.locator("#three button[data-action=reset]").click()
    wait_until_saved(again, "three")
    assert again.url.endswith("/page.html#three")
    odd = visit("/page.html?three.anchor=40_9&three.positive=1&three.negative=a_b")
    assert state(odd, "three") == odd.evaluate("document.getElementById('three').lossbook.defaults")


def test_the_live_text_speaks_after_a_pause(visit):
    page = visit()
    assert page.locator("#four .lb-live").text_content() == ""
    page.get_by_role("button", name="Easy").nth(1).click()
    page.wait_for_function("document.querySelector('#four .lb-live').textContent !== ''")
    said = page.locator("#four .lb-live").text_content()
    assert said.startswith("The negative is easy: p is at 0.72 from the anchor, n at 1.82; n and n₂ are ")
    assert "loss 0.00, gradients 0.00, 0.00, 0.00." in said and "Quadruplet: loss" in said


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_nothing_overflows(visit, width):
    page = visit(width=width, has_touch=width < 500)
    assert outside(page) == []
    hit = page.locator("#three .lb-hit").first.bounding_box()
    assert min(hit["width"], hit["height"]) >= 44


def test_a_finger_drags_a_point(visit):
    page = visit(width=390, has_touch=True)
    dot = page.locator("#three .lb-dot").nth(2)
    x, y = middle(dot)
    finger(page, dot, -40, -60)
    assert middle(dot) == pytest.approx((x - 40, y - 60), abs=2)


@pytest.mark.parametrize(
    ("address", "expected"), [("/page.html", "rgb(0, 114, 178)"), ("/dark.html", "rgb(86, 180, 233)")]
)
def test_colors_follow_the_theme(visit, address, expected):
    page = visit(address)
    assert page.evaluate("getComputedStyle(document.querySelector('#three .lb-push.lb-loss')).stroke") == expected


def test_without_javascript_the_figure_is_there(visit):
    page = visit(java_script_enabled=False)
    assert page.get_by_role("img", name="An anchor, a positive and a negative").first.is_visible()
    assert page.locator(".lb-figure").count() == 2


@pytest.mark.parametrize("address", ["/page.html", "/dark.html"])
def test_axe_finds_nothing(visit, address):
    assert violations(visit, address) == []
