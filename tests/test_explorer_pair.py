"""The pair scene: its numbers against torch, its page by pointer, touch and keyboard."""

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
import torch
import traitlets
from explorers import data_of, finger, middle, outside, samples, state, violations, wait_until_saved

import lossbook as lb
from lossbook.explorer import embeddings, explore, island
from lossbook.explorer.payload import make_payload

LOSSES = [lb.contrastive, lb.cosine_embedding, lb.hinge_embedding]
POINTS = [
    [[0.0, 0.8], [0.55, 0.35]],
    [[1.5, -1.25], [-0.3, 0.4]],
    [[0.25, 0.1], [0.25, 0.3]],
    [[-1.9, 0.01], [-1.0, 0.0]],
]


def in_v8(js, loss, expression, **names):
    """`expression` in V8, where `loss` is the loss of two points."""
    payload = make_payload(loss, scene="pair")
    head = "".join(f"const {name} = {json.dumps(value)};" for name, value in names.items())
    return json.loads(
        js.eval(
            f"(() => {{ {head} const compiled = LossBook.compile({json.dumps(payload['losses'][0])});"
            f"const loss = LossBook.embeddingLoss(compiled, {json.dumps(payload['embeddings'][loss.name])});"
            f"return JSON.stringify({expression}); }})()"
        )
    )


def by_torch(loss, points, same, values):
    """The real loss of the two points, and its own gradient by each."""
    a, b = (torch.tensor([point], dtype=torch.float64) for point in points)
    sign = torch.tensor([1.0 if same else -1.0], dtype=torch.float64)
    if loss is lb.hinge_embedding:  # takes the distance itself
        distance = torch.linalg.vector_norm(a - b, dim=-1)
        slope = loss.gradient(distance, sign, reduction="sum", **values)[:, None] * (a - b) / distance[:, None]
        return float(loss(distance, sign, reduction="sum", **values)), [slope[0].tolist(), (-slope[0]).tolist()]
    label = torch.tensor([same], dtype=torch.float64) if loss is lb.contrastive else sign
    gradient = loss.gradient(a, b, label, reduction="sum", **values)
    return float(loss(a, b, label, reduction="sum", **values)), [one[0].tolist() for one in gradient]


def settings(loss):
    ends = [sorted({*one.slider[:2], one.default, 0.9}) for one in loss.parameters if one.name == "margin"]
    return [{"margin": value} for (value,) in itertools.product(*ends)]


# ---------------------------------------------------------------- the numbers


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_value_and_gradient_are_the_losss_own(js, loss):
    for values, same, points in itertools.product(settings(loss), (0, 1), POINTS):
        value, gradient = in_v8(
            js, loss, "[loss.value(points, state), loss.gradient(points, state)]",
            points=points, state=values | {"same": same},
        )  # fmt: skip
        expected, slopes = by_torch(loss, points, same, values)
        assert value == pytest.approx(expected, rel=1e-12, abs=1e-12), (points, same, values)
        np.testing.assert_allclose(gradient, slopes, rtol=1e-12, atol=1e-12, err_msg=str((points, same, values)))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_where_there_is_no_direction_there_are_numbers(js, loss):
    for points, same in itertools.product(([[0, 0], [1, 0]], [[0.5, 0.5], [0.5, 0.5]], [[0, 0], [0, 0]]), (0, 1)):
        found = in_v8(
            js, loss, "[loss.value(points, state), ...loss.gradient(points, state).flat()]",
            points=points, state=loss.defaults | {"same": same},
        )  # fmt: skip
        assert all(one is not None and math.isfinite(one) for one in found), points


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_the_still_arrows_are_the_moving_ones(js, loss):
    for points, same in itertools.product(POINTS, (0, 1)):
        payload = make_payload(loss, scene="pair")
        value, gradient = embeddings.pull(payload, loss, embeddings.given(payload, loss, same), points)
        found = in_v8(
            js, loss, "[loss.value(points, state), loss.gradient(points, state)]",
            points=points, state=loss.defaults | {"same": same},
        )  # fmt: skip
        assert found[0] == pytest.approx(value, abs=1e-12)
        np.testing.assert_allclose(found[1], gradient, rtol=1e-12, atol=1e-12)


def test_the_margin_is_where_a_different_pair_costs_nothing(js):
    cost = "LossBook.edgeOf((x) => loss.at([x], state), inside, outside)"

    def edge(loss, margin, inside, outside):
        return in_v8(js, loss, cost, state={"same": 0, "margin": margin}, inside=inside, outside=outside)

    assert edge(lb.contrastive, 1.3, 0, 1e6) == pytest.approx(1.3)
    assert edge(lb.contrastive, 0.0, 0, 1e6) is None
    assert edge(lb.cosine_embedding, 0.4, 1, -1) == pytest.approx(0.4)
    assert in_v8(js, lb.contrastive, cost, state={"same": 1, "margin": 1}, inside=0.1, outside=9) is None
    assert embeddings.edge(lambda x: max(1.3 - x, 0), 0, 1e6) == pytest.approx(1.3)
    assert embeddings.edge(lambda x: 1 + x, 0, 1e6) is None


# ---------------------------------------------------------------- arguments, traits, figure


wrongly: Any = explore


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"first": (0, 99)}, ValueError, "first: got .* expected numbers from -1.9 to 1.9"),
        ({"second": (0,)}, ValueError, r"second: got an array of shape \(1,\), expected 2 numbers"),
        ({"same": 2}, ValueError, "same: got 2, expected one of 1, 0"),
        ({"margin": -9.0}, ValueError, "margin: got -9.0, expected a number"),
        ({"anchor": (0, 0)}, TypeError, "anchor: neither a parameter of these losses"),
    ],
)
def test_a_wrong_argument_is_named(options, error, message):
    with pytest.raises(error, match=message):
        wrongly(lb.contrastive, scene="pair", **options)


@pytest.mark.parametrize("loss", [lb.huber, lb.hinge, lb.cross_entropy], ids=lambda loss: loss.name)
def test_only_losses_of_a_pair_are_drawn(loss):
    with pytest.raises(
        ValueError, match=rf"loss: {loss.name} is a formula in .*; the scene 'pair' draws losses of a pair"
    ):
        explore(loss, scene="pair")


def test_each_margin_has_its_own_slider_and_labels_have_none():
    widget = explore(lb.contrastive, [lb.cosine_embedding], scene="pair", cosine_embedding_margin=0.2)
    assert [one["name"] for one in widget.payload["parameters"]] == ["margin", "cosine_embedding_margin"]
    assert (widget.margin, widget.cosine_embedding_margin) == (1.0, 0.2)


def test_the_traits_are_the_state():
    widget = explore(lb.contrastive, scene="pair", first=(1, 1), same=0)
    assert (widget.first, widget.second, widget.same) == ([1.0, 1.0], [0.55, 0.5], 0)
    widget.second = [-1, 0.5]
    widget.same = 1
    assert data_of(widget.html)["state"]["second"]["start"] == [-1.0, 0.5]
    for name, value in {"first": [0, 99], "same": -1}.items():
        with pytest.raises(traitlets.TraitError, match=name):
            setattr(widget, name, value)


@pytest.mark.parametrize("same", [0, 1])
def test_every_corner_has_a_figure(same):
    for loss in LOSSES:
        for values in settings(loss):
            if values["margin"] < loss.parameters[0].slider[0]:
                continue
            text = island(loss, scene="pair", same=same, **values)
            assert f'aria-label="Two embeddings in the plane, which way {loss.title}' in text
            assert len(text) < 45_000


# ---------------------------------------------------------------- in a browser


def islands():
    """What the page holds; see the fixture `site`."""
    return [
        island(lb.contrastive, [lb.hinge_embedding, lb.cosine_embedding], id="pair", scene="pair"),
        island(lb.cosine_embedding, id="turn", scene="pair", same=0),
    ]


def solution(page, id, name):
    return page.evaluate("([id, name]) => document.getElementById(id).lossbook.solution(name)", [id, name])


def distance(now):
    return math.dist(now["first"], now["second"])


@pytest.mark.parametrize("way", [0, 1], ids=["file", "http"])
def test_the_page_has_torchs_numbers(visit, way):
    page = visit(way=way)
    for id, losses in {"pair": LOSSES, "turn": [lb.cosine_embedding]}.items():
        now = state(page, id)
        for loss in losses:
            values = {"margin": now.get(f"{loss.name}_margin", now["margin"])}
            value, slopes = by_torch(loss, [now["first"], now["second"]], now["same"], values)
            found = solution(page, id, loss.name)
            assert found["value"] == pytest.approx(value, abs=1e-12)
            np.testing.assert_allclose(found["gradient"], slopes, rtol=0, atol=1e-12)
    curve = samples(page, "pair", "contrastive")
    np.testing.assert_allclose(curve["value"], np.square(curve["x"]), rtol=1e-12)
    np.testing.assert_allclose(curve["slope"], 2 * np.array(curve["x"]), rtol=1e-12)


def test_the_pointer_drags_a_point(visit):
    page = visit()
    second = page.get_by_role("slider", name="second embedding").first
    x, y = middle(second.locator(".lb-dot"))
    before = page.locator("#pair .lb-bottom.lb-loss").get_attribute("cx")
    page.mouse.move(x + 4, y + 3)
    page.mouse.down()
    assert state(page, "pair")["second"] == [0.55, 0.5]  # touching it does not move it
    page.mouse.move(x + 74, y + 63, steps=4)
    page.mouse.up()
    assert middle(second.locator(".lb-dot")) == pytest.approx((x + 70, y + 60), abs=2)
    now = state(page, "pair")
    assert now["first"] == [-0.1, 1.0] and now["second"] != [0.55, 0.5]
    assert page.locator("#pair .lb-bottom.lb-loss").get_attribute("cx") != before
    assert f"distance {distance(now):.2f}" in page.locator("#pair caption").text_content()
    assert float(page.locator("#pair .lb-readout td").first.text_content()) == pytest.approx(
        distance(now) ** 2, abs=0.006
    )
    page.mouse.move(x + 70, y + 60)
    page.mouse.down()
    page.mouse.move(x + 70, y + 3000)
    page.mouse.up()
    assert state(page, "pair")["second"][1] == -1.9  # not out of the plane


def test_the_keyboard_moves_a_point(visit):
    page = visit()
    first = page.get_by_role("slider", name="first embedding").first
    first.focus()
    for key, expected in [
        ("ArrowRight", (-0.05, 1)), ("ArrowLeft", (-0.1, 1)), ("ArrowUp", (-0.1, 1.05)), ("PageDown", (-0.1, 0.55)),
        ("End", (1.9, 0.55)), ("Home", (-1.9, 0.55)),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert state(page, "pair")["first"] == pytest.approx(expected), key
    assert first.get_attribute("aria-valuetext").startswith("x −1.90, y 0.55; distance 2.45, cosine −0.52, loss ")
    assert first.get_attribute("aria-valuenow") == "-1.9"


def test_the_same_attract_and_different_ones_repel_within_the_margin(visit):
    page = visit()

    def after_steps(count):
        for _ in range(count):
            page.locator("#pair .lb-actions button", has_text="Step downhill").click()
        return distance(state(page, "pair"))

    begin = distance(state(page, "pair"))
    assert after_steps(1) == pytest.approx(0.2 * begin, abs=0.002)  # each a fifth of 2 d
    page.locator("#pair button[data-same='0']").click()
    assert page.locator("#pair button[data-same][aria-pressed=true]").text_content() == "different"
    assert after_steps(9) == pytest.approx(1, abs=0.003)
    value, gradient = solution(page, "pair", "contrastive").values()
    assert value == pytest.approx(0, abs=1e-5) and np.abs(gradient).max() < 0.01
    circle = page.locator("#pair .lb-unit").bounding_box()
    page.locator("#pair input[type=range]").first.fill("0.5")
    assert page.locator("#pair .lb-unit").bounding_box()["width"] == pytest.approx(circle["width"] / 2, rel=0.05)


def test_the_cosine_turns_the_points(visit):
    page = visit()
    gradient = solution(page, "turn", "cosine_embedding")["gradient"]
    now = state(page, "turn")
    for slope, point in zip(gradient, (now["first"], now["second"]), strict=True):
        assert np.dot(slope, point) == pytest.approx(0, abs=1e-11) and math.hypot(*slope) > 0.1
    for _ in range(3):
        page.get_by_role("slider", name="second embedding").last.press("PageDown")
    assert solution(page, "turn", "cosine_embedding")["value"] == 0
    assert page.locator("#turn .lb-push").first.get_attribute("d") == ""


def test_overlays_are_switched(visit):
    page = visit()
    button = page.locator("#pair button[data-show=hinge_embedding]")
    parts = page.locator("#pair :is(.lb-push, .lb-curve, .lb-bottom).lb-overlay-1").locator("visible=true")
    assert parts.count() == 4  # two arrows, the curve, its dot
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert parts.count() == 0
    # The wedge is that of the cosine, the circle that of the distance.
    wedge = page.locator("#pair path.lb-sector")
    assert wedge.is_visible()
    page.locator("#pair button[data-show=cosine_embedding]").click()
    assert not wedge.is_visible() and page.locator("#pair circle.lb-sector").is_visible()


def test_the_address_keeps_the_state(visit):
    page = visit(way=1)
    page.locator("#pair button[data-same='0']").click()
    page.get_by_role("slider", name="first embedding").first.press("ArrowLeft")
    wait_until_saved(page, "pair")
    assert page.url.endswith("?pair.first=-0.15_1&pair.same=0#pair")
    again = visit(page.url[page.url.index("/page.html") :], way=1)
    assert state(again, "pair") == state(page, "pair")
    again.locator("#pair button[data-action=reset]").click()
    wait_until_saved(again, "pair")
    assert again.url.endswith("/page.html#pair")
    odd = visit("/page.html?pair.first=40_9&pair.same=5&pair.second=1")
    assert state(odd, "pair") == odd.evaluate("document.getElementById('pair').lossbook.defaults")


def test_the_live_text_speaks_after_a_pause(visit):
    page = visit()
    assert page.locator("#pair .lb-live").text_content() == ""
    page.locator("#pair button[data-same='0']").click()
    page.wait_for_function("document.querySelector('#pair .lb-live').textContent !== ''")
    said = page.locator("#pair .lb-live").text_content()
    assert said.startswith("Different: distance 0.82, cosine 0.60. Contrastive: loss 0.03, gradients 0.36 and 0.36.")
    assert "Cosine embedding: loss 0.60" in said


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_nothing_overflows(visit, width):
    page = visit(width=width, has_touch=width < 500)
    assert outside(page) == []
    hit = page.locator("#pair .lb-hit").first.bounding_box()
    assert min(hit["width"], hit["height"]) >= 44


def test_a_finger_drags_a_point(visit):
    page = visit(width=390, has_touch=True)
    dot = page.locator("#pair .lb-dot").nth(1)
    x, y = middle(dot)
    finger(page, dot, -40, 60)
    assert middle(dot) == pytest.approx((x - 40, y + 60), abs=2)


@pytest.mark.parametrize(
    ("address", "expected"), [("/page.html", "rgb(0, 114, 178)"), ("/dark.html", "rgb(86, 180, 233)")]
)
def test_colors_follow_the_theme(visit, address, expected):
    page = visit(address)
    assert page.evaluate("getComputedStyle(document.querySelector('#pair .lb-push.lb-loss')).stroke") == expected


def test_without_javascript_the_figure_is_there(visit):
    page = visit(java_script_enabled=False)
    assert page.get_by_role("img", name="Two embeddings in the plane").first.is_visible()
    assert page.locator(".lb-figure").count() == 2


@pytest.mark.parametrize("address", ["/page.html", "/dark.html"])
def test_axe_finds_nothing(visit, address):
    assert violations(visit, address) == []
