"""The scenes of classification: risk, bars, simplex; against torch and SciPy, in V8 and in the browser."""

import itertools
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import torch
import traitlets
from explorers import data_of, samples, state, wait_until_saved

import lossbook as lb
from lossbook import explorer
from lossbook.explorer import explore, island, usual_scene
from lossbook.explorer.payload import SCENES, make_payload

THREE = [loss for loss in lb.losses() if SCENES["bars"].accepts(loss)]
ONE_TRUE = [loss for loss in THREE if SCENES["simplex"].accepts(loss)]
RISKY = [loss for loss in lb.losses() if SCENES["risk"].accepts(loss)]
SURROGATES = [lb.logistic, lb.exponential, lb.squared_hinge, lb.zero_one, lb.perceptron]
# No two are a whole margin apart: at a kink there are many right slopes.
LOGITS = [
    (1.03, 2.17, -1.4),
    (6, -6, 0.53),
    (-2.51, 0.31, 0.37),
    (-20.3, 20.1, 3.7),
    (0.71, -0.23, 1.13),
    (-3, -1, -1.1),
]
BOTH = "rows.map((z) => ['lossAt', 'gradientAt'].flatMap((f) => LossBook[f](losses[0], z, target, p)))"


def run(js, expression, losses=(), **names):
    """`expression` in V8; `losses` are compiled as `losses`, `names` are at hand."""
    sources = [make_payload(loss)["losses"][0] for loss in losses]
    head = "".join(f"const {name} = {json.dumps(value)};" for name, value in names.items())
    return json.loads(
        js.eval(
            f"(() => {{ {head} const losses = {json.dumps(sources)}.map((one) => LossBook.compile(one));"
            f"return JSON.stringify({expression}); }})()"
        )
    )


def settings_of(loss):
    """Every corner of the sliders, and the defaults."""
    ends = [sorted({one.slider[0], one.default, one.slider[1]}) for one in loss.sliders]
    return [dict(zip(loss.formula_defaults, values, strict=True)) for values in itertools.product(*ends)]


def tensors_of(loss, rows, target):
    """Rows of scores and what says that class `target` (from 1) is the true one."""
    return rows, loss.takes.truth(target - 1, rows)


# ---------------------------------------------------------------- three logits


@pytest.mark.parametrize("loss", ONE_TRUE, ids=lambda loss: loss.name)
@pytest.mark.parametrize("target", [1, 2, 3])
def test_value_and_gradient_are_torchs_whichever_class_is_true(js, loss, target):
    rows = torch.tensor(LOGITS, dtype=torch.float64)
    if loss.takes.log_probabilities:
        rows = rows.log_softmax(1)
    for setting in settings_of(loss):
        found = run(
            js, BOTH, [loss], rows=rows.tolist(), target=target, p=setting,
        )  # fmt: skip
        value = loss(*tensors_of(loss, rows, target), reduction="none", **setting)
        gradient = loss.gradient(*tensors_of(loss, rows, target), reduction="none", **setting)
        expected = np.concatenate([value[:, None].numpy(), gradient.numpy()], axis=1)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12, err_msg=str(setting))


@pytest.mark.parametrize("loss", [loss for loss in THREE if loss not in ONE_TRUE], ids=lambda loss: loss.name)
def test_losses_of_several_labels_are_torchs_too(js, loss):
    rows = torch.tensor(LOGITS, dtype=torch.float64)
    for setting in settings_of(loss):
        found = run(
            js, BOTH, [loss], rows=rows.tolist(), target=1, p=setting,
        )  # fmt: skip
        leaf = rows.clone().requires_grad_()
        tensors = loss.takes.at(*leaf.T, **setting)
        value = loss(*tensors, reduction="none", **setting).detach()
        # The gradient by the tensors, carried on to the three variables.
        by_input = loss.gradient(*(one.detach() for one in tensors), reduction="none", **setting)
        (gradient,) = torch.autograd.grad(tensors[0], leaf, by_input)
        expected = np.concatenate([value[:, None].numpy(), gradient.numpy()], axis=1)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12, err_msg=str(setting))


@pytest.mark.parametrize("loss", ONE_TRUE, ids=lambda loss: loss.name)
def test_the_arrow_is_the_jacobian_of_softmax_times_the_negative_gradient(js, loss):
    p = torch.tensor([[0.2, 0.5, 0.3], [0.9, 0.05, 0.05], [0.01, 0.01, 0.98]], dtype=torch.float64)
    for target in (1, 2, 3):
        found = run(js, "ps.map((p) => LossBook.stepOf(losses[0], p, target, s))", [loss], ps=p.tolist(), target=target,
                    s=loss.formula_defaults)  # fmt: skip
        gradient = loss.gradient(*tensors_of(loss, p.log(), target), reduction="none")
        _, step = torch.autograd.functional.jvp(lambda z: z.softmax(1), p.log(), -gradient)
        np.testing.assert_allclose(found, step, rtol=0, atol=1e-12)
        np.testing.assert_allclose(np.sum(found, axis=1), 0, atol=1e-12)


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        ((0.2, 0.5, 0.3), (0.2, 0.5, 0.3)),
        ((2, -0.5, -0.5), (0.98, 0.01, 0.01)),
        ((-1, 1, 1), (0.01, 0.495, 0.495)),
        ((0.5, 0.5, 0), (0.495, 0.495, 0.01)),
        ((0.333333, 0.333333, 0.333334), (0.335, 0.335, 0.33)),
    ],
)
def test_a_dragged_point_stays_in_the_triangle(js, p, expected):
    found = run(js, "LossBook.inTriangle(p, 0.01)", p=p)
    assert found == pytest.approx(expected, abs=0.0051)
    assert sum(found) == pytest.approx(1, abs=1e-9) and min(found) >= 0.01


def test_no_point_leaves_the_triangle(js):
    points = np.random.default_rng(0).normal(0.33, 1, (500, 3)).tolist()
    found = np.array(run(js, "points.map((p) => LossBook.inTriangle(p, 0.01))", points=points))
    assert found.min() >= 0.01 and np.abs(found.sum(axis=1) - 1).max() < 1e-9


def area(path):
    """The area inside of a path of straight lines, whose pieces do not overlap."""
    total = 0.0
    for piece in re.findall(r"M([^Z]+)Z", path):
        x, y = np.array([[float(one) for one in pair.split(",")] for pair in piece.split("L")]).T
        total += abs(np.sum(x * np.roll(y, 1) - y * np.roll(x, 1))) / 2
    return total


@pytest.mark.parametrize("level", [0.05, 0.2, 0.5, 0.77, 0.9])
@pytest.mark.parametrize("corner", [0, 1, 2])
def test_contours_of_one_share_enclose_its_area(js, level, corner):
    path = run(
        js, "(() => { const mesh = LossBook.triangleMesh(40);"
        "const pixels = mesh.points.map((p) => [1000 * p[1], 1000 * p[2]]);"
        "return LossBook.regionAbove(mesh, pixels, mesh.points.map((p) => p[corner]), level); })()",
        level=level, corner=corner,
    )  # fmt: skip
    # Where one share is at least the level lies a triangle whose sides are 1 - level of the whole.
    assert area(path) == pytest.approx(500_000 * (1 - level) ** 2, rel=2e-3)


def test_contours_of_a_curved_loss_enclose_what_lies_above(js):
    path, points = run(
        js, "(() => { const mesh = LossBook.triangleMesh(40);"
        "const pixels = mesh.points.map((p) => [1000 * p[1], 1000 * p[2]]);"
        "const heights = mesh.points.map((p) => Math.hypot(p[0] - 0.3, p[1] - 0.4));"
        "return [LossBook.regionAbove(mesh, pixels, heights, 0.2), mesh.points]; })()",
    )  # fmt: skip
    assert np.shape(points) == (861, 3)
    inside = math.pi * 0.2**2 * 1e6  # p[0] and p[1] are two sides of the same drawing
    assert area(path) == pytest.approx(500_000 - inside, rel=5e-3)


# ---------------------------------------------------------------- risk


def best(js, loss, eta, xs=None, **values):
    xs = list(np.linspace(-3, 3, 401)) if xs is None else xs
    label = loss.takes.label.name if loss.takes.label else None
    return run(
        js, "(() => { const r = LossBook.conditionalRisk(losses[0], label), search = LossBook.searchGrid(xs, bounded);"
        "return LossBook.bestScores(search.grid.map(r.value(p)), r.value(p), r.slope(p), search); })()",
        [loss], label=label, xs=xs, p=loss.defaults | values | {"eta": eta}, bounded=loss.formula.variables == ("p",),
    )  # fmt: skip


def risk_at(loss, eta, **values):
    """The same risk by torch, as a function of one score."""

    def at(score):
        scores = torch.full((2,), float(score), dtype=torch.float64)
        labels = torch.tensor([1.0, 0.0 if loss.takes.label else -1.0], dtype=torch.float64)
        each = loss(scores, labels, reduction="none", **values)
        return float(eta * each[0] + (1 - eta) * each[1])

    return at


ETAS = [0.01, 0.2, 0.49, 0.7, 0.99]


@pytest.mark.parametrize("eta", ETAS)
@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (lb.logistic, scipy.special.logit),
        (lb.exponential, lambda eta: scipy.special.logit(eta) / 2),
        (lb.squared_hinge, lambda eta: 2 * eta - 1),
        (lb.modified_huber, lambda eta: 2 * eta - 1),
        (lb.hinge, lambda eta: np.sign(eta - 0.5)),
        (lb.perceptron, lambda eta: 0.0),
        (lb.binary_cross_entropy_with_logits, scipy.special.logit),
        (lb.brier_with_logits, scipy.special.logit),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_best_score_is_the_known_one(js, loss, expected, eta):
    found = best(js, loss, eta)
    assert (found["low"], found["high"]) == pytest.approx((expected(eta),) * 2, abs=1e-7)
    assert found["value"] == pytest.approx(risk_at(loss, eta)(expected(eta)), abs=1e-12)


@pytest.mark.parametrize("eta", ETAS)
def test_a_proper_loss_of_a_probability_is_best_at_the_truth(js, eta):
    found = best(js, lb.binary_cross_entropy, eta, xs=list(np.linspace(0.01, 0.99, 401)))
    assert (found["low"], found["high"]) == pytest.approx((eta, eta), abs=1e-7)


def test_the_zero_one_loss_is_best_on_a_whole_side(js):
    found = best(js, lb.zero_one, 0.7)
    assert found["low"] == pytest.approx(0, abs=1e-9) and found["high"] > 1e4
    assert found["value"] == pytest.approx(0.3)
    found = best(js, lb.zero_one, 0.2)
    assert found["low"] < -1e4 and found["high"] == pytest.approx(0, abs=1e-9)
    found = best(js, lb.hinge, 0.5)
    assert (found["low"], found["high"]) == pytest.approx((-1, 1), abs=1e-9)


@pytest.mark.parametrize(
    ("loss", "eta", "width", "count", "expected"),
    [
        (lb.hinge, 0.6, 3, 401, 1),
        (lb.hinge, 0.4, 3, 401, -1),
        (lb.hinge, 0.8, 2, 400, 1),
        (lb.squared_hinge, 0.03, 4, 201, -0.94),
        (lb.modified_huber, 0.08, 4, 301, -0.84),
    ],
)
def test_two_grid_points_that_tie_are_not_a_flat_stretch(js, loss, eta, width, count, expected):
    # The best score lies between two grid points whose risks are equal: a kink after two thirds of its cell, where
    # the slopes beside it are -0.2 and 0.4; the bottom of a parabola in the middle of a cell.
    xs = np.linspace(-width, width, count)
    at = risk_at(loss, eta)
    lowest, next_lowest = sorted(at(score) for score in xs)[:2]
    assert next_lowest - lowest < 1e-12
    found = best(js, loss, eta, xs=list(xs))
    assert (found["low"], found["high"]) == pytest.approx((expected,) * 2, abs=1e-9)
    assert found["value"] == pytest.approx(at(expected), abs=1e-12)


def test_a_risk_that_only_falls_has_no_best_score(js):
    source = '{ name: "ramp", variable: "m", parameters: [], value: "sigmoid(-m)", slope: "-sigmoid(m)*sigmoid(-m)" }'
    for eta, side in ((0.7, 1), (0.3, -1)):
        found = json.loads(
            js.eval(
                f"(() => {{ const r = LossBook.conditionalRisk(LossBook.compile({source}), null), p = {{ eta: {eta} }},"
                " search = LossBook.searchGrid(LossBook.linspace(-3, 3, 401), false); return JSON.stringify("
                "LossBook.bestScores(search.grid.map(r.value(p)), r.value(p), r.slope(p), search)); })()"
            )
        )
        assert found["falls"] == side and found["value"] == pytest.approx(0.3)


@pytest.mark.parametrize("loss", RISKY, ids=lambda loss: loss.name)
def test_no_score_is_better_than_the_best(js, loss):
    bounded = loss.formula.variables == ("p",)
    low, high = (0.01, 0.99) if bounded else (-8.0, 8.0)
    for eta in (0.2, 0.5, 0.9):
        found = best(js, loss, eta, xs=list(np.linspace(0.01, 0.99, 401)) if bounded else None)
        at = risk_at(loss, eta)
        grid = np.linspace(low, high, 161)
        start = min(grid, key=at)
        refined = scipy.optimize.minimize_scalar(
            at, bounds=(max(low, start - 0.2), min(high, start + 0.2)), method="bounded", options={"xatol": 1e-10}
        )
        assert found["value"] <= min(refined.fun, at(start)) + 1e-9, eta
        if math.isfinite(found["low"] or math.inf):
            inner = np.clip(0.4 * found["low"] + 0.6 * found["high"], -1e3, 1e3)
            assert at(inner) == pytest.approx(found["value"], abs=1e-9), eta


# ---------------------------------------------------------------- Python's side


def test_the_scene_of_a_loss_is_known_without_asking():
    assert make_payload(lb.cross_entropy)["scene"] == "bars"
    assert make_payload(lb.hinge)["scene"] == "curve"
    assert make_payload(lb.cross_entropy)["id"] == "crossentropy"
    assert make_payload(lb.cross_entropy, scene="simplex")["id"] == "crossentropy-simplex"


def test_a_name_is_declared_once_in_all_of_the_script():
    files = Path(explorer.__file__).parent.glob("*.js")  # the script itself is not indented
    names = [
        name for file in files for name in re.findall(r"^(?:function|const|let) (\w+)", file.read_text(), flags=re.M)
    ]
    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)


@pytest.mark.parametrize(
    ("widget", "good", "bad"),
    [
        (lambda: explore(lb.hinge, scene="risk"), {"eta": 0.2}, {"eta": [0.0, 1.1, "x"]}),
        (
            lambda: explore(lb.cross_entropy),
            {"logits": [0.0, -6.0, 6.0], "target": 3, "label_smoothing": 0.1},
            {"logits": [[0, 1], [0, 0, 7], "abc", None, [0, 0, math.nan]], "target": [0, 4, "1", True]},
        ),
        (
            lambda: explore(lb.cross_entropy, scene="simplex"),
            {"probabilities": [0.1, 0.2, 0.7], "target": 2},
            {"probabilities": [[0.1, 0.1, 0.1], [0, 0.5, 0.5], [0.5, 0.5]]},
        ),
    ],
    ids=["risk", "bars", "simplex"],
)
def test_the_state_is_traits_that_refuse_what_is_wrong(widget, good, bad):
    made = widget()
    assert {*made.payload["state"], *(one["name"] for one in made.payload["parameters"])} <= set(made.get_state())
    for name, value in good.items():
        setattr(made, name, value)
        assert getattr(made, name) == value
    for name, values in bad.items():
        for value in values:
            with pytest.raises(traitlets.TraitError, match=name):
                setattr(made, name, value)
        assert getattr(made, name) == good.get(name, getattr(made, name))
    now = data_of(made.html)
    for name, value in good.items():
        if name in now["state"]:
            assert now["state"][name]["start"] == value
        else:
            assert next(one for one in now["parameters"] if one["name"] == name)["default"] == value


wrongly: Any = explore


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (lambda: wrongly(lb.huber, scene="bars"), ValueError, r"loss: huber is a formula in \(r\); the scene 'bars'"),
        (lambda: wrongly(lb.cross_entropy, scene="curve"), ValueError, r"loss: cross_entropy is .* \(z1, z2, z3\)"),
        (
            lambda: wrongly(lb.hinge, scene="sample", data=[1, 2]),
            ValueError,
            "the scene 'sample' draws losses of a res",
        ),
        (lambda: wrongly(lb.hinge, [lb.huber], scene="risk"), ValueError, "compare: huber is a formula in"),
        (lambda: wrongly(lb.hinge, [lb.binary_cross_entropy], scene="risk"), ValueError, "only losses of the same"),
        (lambda: wrongly(lb.hinge, scene="risk", eta=0.0), ValueError, "eta: got 0.0"),
        (lambda: wrongly(lb.cross_entropy, logits=(0, 0)), ValueError, r"logits: got an array of shape \(2,\)"),
        (lambda: wrongly(lb.cross_entropy, target=4), ValueError, "target: got 4, expected one of 1, 2, 3"),
        (
            lambda: wrongly(lb.cross_entropy, scene="simplex", probabilities=(0.5, 0.5, 0.5)),
            ValueError,
            "whose sum is 1.5",
        ),
        (lambda: wrongly(lb.multilabel_margin, scene="simplex"), ValueError, "of which one class is true"),
        (lambda: wrongly(lb.cross_entropy, p=(0.5, 0.3, 0.2)), TypeError, "p: neither .* which takes logits, target"),
    ],
)
def test_a_wrong_argument_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        arguments()


@pytest.mark.parametrize("loss", [x for x in lb.losses() if usual_scene(x)], ids=lambda loss: loss.name)
def test_every_loss_has_an_island_in_every_scene_that_accepts_it(loss):
    fitting = [name for name, scene in SCENES.items() if scene.accepts(loss)]
    assert make_payload(loss)["scene"] in fitting
    for name in set(fitting) & {"risk", "bars", "simplex"}:
        text = island(loss, scene=name)
        assert 5_000 < len(text) < 60_000
        assert re.search(r'<svg role="img" aria-label="[^"]{40,}"', text)


# ---------------------------------------------------------------- in a browser


def islands():
    """What the page holds; see the fixture `site`."""
    return [
        island(lb.hinge, SURROGATES, scene="risk", id="risk"),
        island(lb.binary_cross_entropy, scene="risk", id="chance"),
        island(lb.cross_entropy, [lb.multi_margin, lb.categorical_hinge], id="bars", show=["multi_margin"]),
        island(lb.nll, id="logs"),
        island(lb.multilabel_margin, id="labels"),
        island(lb.cross_entropy, [lb.multi_margin], scene="simplex", id="simplex"),
        island(lb.binary_cross_entropy, id="steep", point=0.01),
    ]


IDS = ("risk", "chance", "bars", "logs", "labels", "simplex", "steep")


def solution(page, id, loss):
    return page.evaluate("([id, loss]) => document.getElementById(id).lossbook.solution(loss)", [id, loss])


def drag(page, place, dx, dy):
    """Drag the middle of a box by some pixels."""
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y + dy, steps=4)
    page.mouse.up()


@pytest.mark.parametrize("way", [0, 1], ids=["file", "http"])
def test_eta_moves_the_best_scores(visit, way):
    page = visit(way=way)
    for eta in (0.9, 0.6, 0.05):
        page.locator("#risk input[type=range]").first.fill(str(eta))
        assert solution(page, "risk", "logistic")["low"] == pytest.approx(scipy.special.logit(eta), abs=1e-7)
        found = samples(page, "risk", "exponential")
        xs = np.array(found["x"])
        np.testing.assert_allclose(found["value"], eta * np.exp(-xs) + (1 - eta) * np.exp(xs), rtol=1e-12)
        rows = page.locator("#risk .lb-readout tbody tr").all_inner_texts()
        assert rows[0].split() == ["Hinge", "1.00" if eta > 0.5 else "−1.00", "yes"]
        assert rows[-1].split() == ["Perceptron", "0.00", "undecided"]
    page.locator("#risk input[type=range]").first.fill("0.5")
    assert "−1.00 to 1.00" in page.locator("#risk .lb-readout tbody tr").first.inner_text()


def test_a_bar_is_dragged_and_the_numbers_are_torchs(visit):
    page = visit()
    drag(page, page.locator("#bars .lb-handle .lb-dot").first, 0, -60)
    z = state(page, "bars")["logits"]
    assert z[0] > 2 and z[1:] == [2, -1]
    found = samples(page, "bars", "cross_entropy")
    rows = torch.tensor([z], dtype=torch.float64)
    target = torch.tensor([0])
    assert found["value"] == pytest.approx(float(lb.cross_entropy(rows, target)), abs=1e-12)
    np.testing.assert_allclose(found["gradient"], lb.cross_entropy.gradient(rows, target)[0], atol=1e-12)
    np.testing.assert_allclose(found["probabilities"], rows.softmax(1)[0], atol=1e-12)
    page.locator("#bars button[data-target='2']").click()
    np.testing.assert_allclose(
        samples(page, "bars", "multi_margin")["gradient"],
        lb.multi_margin.gradient(rows, torch.tensor([1]))[0], atol=1e-12,
    )  # fmt: skip
    text = page.locator("#bars .lb-readout").inner_text()
    assert text.startswith("Class 2 is true: p = (") and "0.00" in text


def test_the_height_of_a_bar_is_its_number(visit):
    page = visit()
    boxes = page.locator("#bars .lb-block.lb-true").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect().height)"
    )
    ticks = page.locator("#bars .lb-axes text[text-anchor=end]").evaluate_all(
        "all => all.map(e => [Number(e.textContent.replace('−', '-')), e.getBoundingClientRect().y])"
    )
    (low, below), (high, over) = ticks[0], ticks[4]
    assert boxes[0] == pytest.approx(1.0 * (below - over) / (high - low), abs=0.5)


def test_the_point_of_the_triangle_follows_the_pointer(visit):
    page = visit()
    dot = page.locator("#simplex .lb-handle .lb-dot")
    drag(page, dot, 0, -80)
    p = state(page, "simplex")["probabilities"]
    assert p[0] > 0.3 and sum(p) == pytest.approx(1, abs=1e-9)
    found = samples(page, "simplex", "cross_entropy")
    assert found["value"] == pytest.approx(-math.log(p[0]), abs=1e-12)
    assert np.sum(found["step"]) == pytest.approx(0, abs=1e-12)
    # The step of cross-entropy moves towards the corner of the true class.
    assert found["step"][0] > 0
    drag(page, dot, 0, 2000)
    assert state(page, "simplex")["probabilities"][0] == pytest.approx(0.01, abs=0.006)


def test_the_keyboard_moves_every_handle(visit):
    page = visit()
    bar = page.get_by_role("slider", name="logit of class 2").first
    bar.focus()
    for key, expected in [("ArrowUp", 2.1), ("ArrowDown", 2.0), ("PageDown", 1.0), ("End", 6), ("Home", -6)]:
        page.keyboard.press(key)
        assert state(page, "bars")["logits"][1] == pytest.approx(expected), key
    assert bar.get_attribute("aria-valuetext").startswith("−6.00, probability ")
    point = page.get_by_role("slider", name="probabilities of the three classes")
    point.focus()
    for key, place in [
        ("ArrowUp", (0.22, 0.49, 0.29)),
        ("ArrowRight", (0.22, 0.48, 0.3)),
        ("Home", (0.01, 0.98, 0.01)),
    ]:
        page.keyboard.press(key)
        assert state(page, "simplex")["probabilities"] == pytest.approx(place, abs=0.0051), key
    page.locator("#risk input[type=range]").first.focus()
    page.keyboard.press("ArrowRight")
    assert state(page, "risk")["eta"] == pytest.approx(0.71)


@pytest.mark.parametrize("way", [0, 1], ids=["file", "http"])
def test_the_address_keeps_the_state(visit, way):
    page = visit(way=way)
    page.locator("#bars .lb-handle").nth(2).press("PageUp")
    page.locator("#bars button[data-target='3']").click()
    wait_until_saved(page, "bars")
    page.locator("#simplex .lb-handle").press("ArrowUp")
    page.locator("#simplex button[data-show=multi_margin]").click()
    wait_until_saved(page, "simplex")
    page.locator("#risk input[type=range]").first.fill("0.3")
    wait_until_saved(page, "risk")
    assert "bars.logits=1_2_0&bars.target=3" in page.url and "simplex.show=none&simplex.probabilities=" in page.url
    again = visit(page.url[page.url.index("/page.html") :], way=way)
    for id in IDS:
        assert state(again, id) == state(page, id)
    again.locator("#bars button[data-action=reset]").click()
    assert state(again, "bars") == again.evaluate("document.getElementById('bars').lossbook.defaults")


def test_what_the_address_cannot_mean_is_ignored(visit):
    page = visit(
        "/page.html?risk.eta=2&bars.logits=1_2&bars.target=9&simplex.probabilities=0.5_0.5_0.5&logs.logits=1_0_0&labels.target=2&bars.show=x"
    )
    for id in IDS:
        kept = page.evaluate("(id) => document.getElementById(id).lossbook.defaults", id)
        assert state(page, id) == kept


def test_the_live_text_says_what_is_seen(visit):
    page = visit()
    page.locator("#bars .lb-handle").first.press("ArrowUp")
    page.wait_for_function("document.querySelector('#bars .lb-live').textContent !== ''")
    text = page.locator("#bars .lb-live").text_content()
    assert (
        text.startswith("Class 1 is true. Probabilities 0.28,") and "sum 0.00" in text and "Multi-margin: loss" in text
    )
    page.locator("#simplex .lb-handle").press("ArrowUp")
    page.wait_for_function("document.querySelector('#simplex .lb-live').textContent !== ''")
    assert "Cross-entropy: loss 1.51" in page.locator("#simplex .lb-live").text_content()
    page.locator("#risk input[type=range]").first.press("End")
    page.wait_for_function("document.querySelector('#risk .lb-live').textContent !== ''")
    assert "Hinge: best score 1.00, on the likelier side: yes." in page.locator("#risk .lb-live").text_content()


def test_a_steep_slope_is_no_kink(visit):
    page = visit()
    assert page.locator("#steep caption").text_content() == "At p = 0.01"
    assert page.locator("#steep .lb-tangent").is_visible()


def test_a_gradient_without_bound_leaves_room_for_its_loss():
    low, high = make_payload(lb.binary_cross_entropy)["ylim"]["both"]
    assert high > -math.log(0.01) and -12 < low < -9
    assert make_payload(lb.binary_cross_entropy)["ylim"]["gradient"][0] < -100
    assert make_payload(lb.binary_cross_entropy, ylim=(-3, 4))["ylim"]["both"] == [-3, 4]


def test_gradient_bars_are_switched_with_their_loss(visit):
    page = visit()
    seen = "all => all.filter(e => e.style.display !== 'none').length"
    bars = page.locator("#bars rect.lb-block.lb-drawn:not(.lb-swatch *)")
    assert bars.evaluate_all(seen) == 6
    page.locator("#bars button[data-show=multi_margin]").click()
    assert bars.evaluate_all(seen) == 3
    page.locator("#bars button[data-show=categorical_hinge]").click()
    assert bars.evaluate_all(seen) == 6


@pytest.mark.parametrize("width", [360, 390, 700, 1280])
def test_nothing_overflows(visit, width):
    page = visit(width=width)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    outside = page.evaluate("""() =>
        [...document.querySelectorAll('.lb-plot text, .lb-explorer :is(button, td, caption)')]
        .filter((e) => { const b = e.getBoundingClientRect(); return b.width && (b.left < 0 || b.right > innerWidth); })
        .map((e) => e.textContent)""")
    assert outside == []
    sizes = page.evaluate(
        "[...document.querySelectorAll('.lb-plot text')].map((e) => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(sizes) >= 12


def test_targets_are_large_enough_for_fingers(visit):
    page = visit(width=390, has_touch=True)
    for hit in page.locator(".lb-handle .lb-hit").all():
        box = hit.bounding_box()
        assert min(box["width"], box["height"]) >= 44


def test_both_themes_have_their_colors(visit):
    for scheme, expected in (("light", "rgb(0, 114, 178)"), ("dark", "rgb(86, 180, 233)")):
        page = visit(color_scheme=scheme)
        assert page.evaluate("getComputedStyle(document.querySelector('#bars .lb-block.lb-true')).fill") == expected


@pytest.mark.parametrize("address", ["/page.html", "/dark.html"])
def test_axe_finds_nothing(visit, address):
    import axe_playwright_python

    page = visit(address, width=700, color_scheme="dark" if "dark" in address else "light")
    if "dark" in address:
        page.add_style_tag(content="body { background: #121417 }")
    page.evaluate((Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text())
    found = page.evaluate("axe.run({ include: [['.lb-explorer']] }).then((result) => result.violations)")
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


def test_without_javascript_the_figures_are_there(visit):
    page = visit(java_script_enabled=False)
    assert page.locator(".lb-figure").count() == len(IDS)
    assert page.get_by_role("img", name="Cross-entropy: three bars to drag").is_visible()
