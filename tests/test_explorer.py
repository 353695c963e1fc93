"""The explorer: its JavaScript against torch and SciPy, its widget, its page."""

import itertools
import json
import math
import re
import subprocess
import sys
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.optimize
import torch
import traitlets
from explorers import PAGE, data_of, samples, state, wait_until_saved

import lossbook as lb
from lossbook.check.places import slope_at, value_at
from lossbook.explorer import explore, island, module, script, style
from lossbook.explorer.payload import SCENES, island_json, make_payload

EXPLORABLE = [loss for loss in lb.losses() if SCENES["curve"].accepts(loss)]
SAMPLE = [1.0, 2.0, 2.5, 3.0, 4.0, 9.0]
PLANE = [(0, 0.2), (1, 1.1), (2, 1.8), (3, 3.2), (4, 4.1), (5, 4.8), (6, 12)]


def payload(loss, compare=(), **options):
    return make_payload(loss, compare, **options)


def call(js, loss, expression, **names):
    """`expression` in V8, where `loss` is the compiled loss and `names` are at hand."""
    source = json.dumps(payload(loss)["losses"][0])
    head = "".join(f"const {name} = {json.dumps(value)};" for name, value in names.items())
    return json.loads(
        js.eval(f"(() => {{ {head} const loss = LossBook.compile({source}); return JSON.stringify({expression}); }})()")
    )


def slider_grid(one):
    low, high, step = one["low"], one["high"], one["step"]
    # As in controls.js: a step's rounding error must not miss alpha = 0.
    return [min(high, max(low, round(low + k * step, 6))) for k in range(round((high - low) / step) + 1)]


# ---------------------------------------------------------------- the formula in JavaScript


def numbers(loss):
    """Values of the one variable, inside of its domain."""
    low, high = loss.takes.domain.get(loss.formula.variables[0], (-math.inf, math.inf))
    if math.isfinite(high):
        return np.linspace(low, high, 27)[1:-1].tolist()
    return [x for x in sorted({*np.linspace(-3, 3, 25), *np.linspace(-20, 20, 11), 1e-6, -1e-6}) if x > low]


@pytest.mark.parametrize("loss", EXPLORABLE, ids=lambda loss: loss.name)
def test_javascript_equals_torch_over_every_slider(js, loss):
    sliders = payload(loss)["parameters"]
    names = [one["name"] for one in sliders]
    settings = [dict(zip(names, values, strict=True)) for values in itertools.product(*map(slider_grid, sliders))]
    settings.append(loss.formula_defaults)
    xs = numbers(loss)
    found = np.array(
        call(
            js, loss,
            "settings.map((p) => ['value', 'slope'].map((kind) => Array.from(loss.fill(kind, xs, [], p))))",
            settings=settings, xs=xs,
        ),
        dtype=float,
    )  # fmt: skip

    def by_torch(setting):
        variable = torch.tensor(xs, dtype=torch.float64)
        return value_at(loss, variable, setting).numpy(), slope_at(loss, variable, setting).numpy()

    expected = np.array([by_torch(setting) for setting in settings])
    assert found.shape == expected.shape
    error = np.abs(found - expected) / np.maximum(1, np.abs(expected))
    worst = np.unravel_index(np.argmax(error), error.shape)
    assert error.max() <= 1e-12, (settings[worst[0]], ("value", "slope")[worst[1]], xs[worst[2]])


@pytest.mark.parametrize("loss", EXPLORABLE, ids=lambda loss: loss.name)
def test_one_number_and_the_grid_agree(js, loss):
    one, grid = call(
        js,
        loss,
        "[xs.map((x) => loss.slope(x, p)), loss.fill('slope', xs, [], p)]",
        xs=[-1.5, 0, 0.3, 2],
        p=loss.formula_defaults,
    )
    assert one == grid


HARD = [-1e4, -750.0, -37.0, -1.3, -1e-9, 0.0, 1e-9, 0.4, 37.0, 750.0, 1e4]


def test_every_function_of_formulas_is_there_and_stays_exact(js):
    from lossbook.formula import stable_functions

    intervals = [(0, 2, 1, 4), (0, 2, 0, 2), (0, 4, 1, 2), (0, 1, 1, 2), (3, 5, 0, 2)]
    angles = [(m, c) for m in (1, 2, 3, 4) for c in (-0.97, -0.4, 0.1, 0.8)]
    places: dict[str, list[Any]] = {
        "xlogy": [(0.0, 0.0), (1.0, 1e-300), (0.3, 0.7)],
        "psi": angles, "psi_slope": angles,
        "overlap": intervals, "hull": intervals, "meets": [(end, *x) for end in (1, 2) for x in intervals],
        "before": [(0, 1), (1, 1), (2, 1)],
    }  # fmt: skip
    with mpmath.workdps(50):
        for name, function in stable_functions().items():
            single = [(x,) for x in HARD]
            triples = [(x, 0.7, -x) for x in HARD] + [(1.0, 1.0, 1.0), (2.0, 1e4, 1e4)]
            for arguments in places.get(name, single if getattr(function, "nargs", None) == {1} else triples):
                names = [f"x{i}" for i in range(len(arguments))]
                source = {"variables": names, "parameters": [], "value": f"{name}({', '.join(names)})", "slopes": []}
                value = arguments[0] if len(arguments) == 1 else list(arguments)
                found = js.eval(f"LossBook.compile({json.dumps(source)}).value({json.dumps(value)}, {{}})")
                expected = float(function.code["mpmath"](*map(mpmath.mpf, arguments)))
                assert found == pytest.approx(expected, rel=1e-13, abs=1e-300), (name, arguments)


def test_the_script_is_classic_and_the_module_is_not():
    assert not re.search(r"^\s*(import|export)\b", script(), flags=re.M)
    assert module().rstrip().endswith("export default { render: LossBook.render };")
    assert "LossBook.start();" not in module()
    for text in (script(), style()):
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)


@pytest.mark.parametrize(
    ("low", "high", "count", "expected"),
    [
        (-3, 3, 8, [-3, -2, -1, 0, 1, 2, 3]),
        (0, 1, 4, [0, 0.5, 1]),
        (-0.3, 0.3, 6, [-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3]),
        (0, 1e6, 2, [0, 5e5, 1e6]),
    ],
)
def test_ticks_are_round(js, low, high, count, expected):
    assert json.loads(js.eval(f"JSON.stringify(LossBook.ticks({low}, {high}, {count}))")) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.00"),
        (-0.0, "0.00"),
        (-1.5, "−1.50"),
        (-1e-17, "0.00"),
        (1e-4, "1.0e−4"),
        (1e6, "1.00e+6"),
        (0.004, "4.0e−3"),
    ],
)
def test_numbers_are_written_for_readers(js, value, text):
    assert js.eval(f"LossBook.format({value!r})").replace("-", "−") == text


# ---------------------------------------------------------------- the best constant


def minimizer(js, loss, data, **values):
    return call(js, loss, "LossBook.minimizer(loss, p, data)", data=list(data), p=loss.defaults | values)


def best_constant(loss, data, **values):
    """The lowest of many bounded searches, by SciPy on torch's loss."""
    points = torch.tensor(data, dtype=torch.float64)

    def objective(theta):
        return float(loss(torch.full_like(points, float(theta)), points, reduction="sum", **values))

    grid = np.linspace(min(data), max(data), 400)
    starts = sorted(grid, key=objective)[:5]
    width = grid[1] - grid[0]
    found = [
        scipy.optimize.minimize_scalar(
            objective, bounds=(s - width, s + width), method="bounded", options={"xatol": 1e-12}
        )
        for s in starts
    ]
    best = min(found, key=lambda one: one.fun)
    return best.x, best.fun


def test_the_square_gives_the_mean(js):
    for data in (SAMPLE, [-1.0, 5.0], [0.1, 0.2, 0.7]):
        found = minimizer(js, lb.mse, data)
        assert found["low"] == found["high"] == pytest.approx(np.mean(data), rel=1e-12)
        assert found["ties"] == []


def test_the_absolute_value_gives_the_median_or_all_medians(js):
    found = minimizer(js, lb.mae, [5, 1, 2.5, 9, 2])
    assert (found["low"], found["high"]) == (2.5, 2.5)
    found = minimizer(js, lb.mae, SAMPLE)
    assert (found["low"], found["high"]) == (2.5, 3.0)
    found = minimizer(js, lb.mae, [1.0, 1.0])
    assert (found["low"], found["high"]) == (1.0, 1.0)


def test_huber_has_an_interval_too_where_no_point_is_near(js):
    found = minimizer(js, lb.huber, [0, 1, 9, 10], delta=0.5)
    # Between 1.5 and 8.5 two points pull each way with the same force.
    assert found["low"] == pytest.approx(1.5, abs=1e-5)
    assert found["high"] == pytest.approx(8.5, abs=1e-5)


@pytest.mark.parametrize(
    "loss", [loss for loss in EXPLORABLE if loss.formula.variables == ("r",)], ids=lambda loss: loss.name
)
def test_the_minimizer_is_scipys(js, loss):
    generator = np.random.default_rng(3)
    samples = [
        SAMPLE,
        [-3.0, -2.9, -2.8, 4.0, 4.1],
        [0.0, 10.0, 10.5],
        *(generator.standard_t(1.5, n).round(2).tolist() for n in (5, 9, 16)),
    ]
    for data in samples:
        for end in range(3):
            values = {
                one["name"]: (one["default"], one["low"], one["high"])[end] for one in payload(loss)["parameters"]
            }
            found = minimizer(js, loss, data, **values)
            theta, value = best_constant(loss, data, **values)
            assert found["value"] <= value + 1e-9 * max(1, abs(value)), (data, values)
            # SciPy's place is as exact as the root of a rounding error, ours is where the slope is zero.
            hit = any(one["low"] - 1e-5 <= theta <= one["high"] + 1e-5 for one in [found, *found["ties"]])
            assert hit or found["value"] < value - 1e-9, (data, values, theta, found)


@pytest.mark.parametrize("loss", [lb.huber, lb.log_cosh, lb.charbonnier, lb.smooth_l1], ids=lambda loss: loss.name)
def test_the_slope_vanishes_at_the_minimizer(js, loss):
    data = [0.3, 1.1, 1.7, 2.0, 8.0]
    found = minimizer(js, loss, data)
    theta = torch.full((5,), found["low"], dtype=torch.float64)
    gradient = loss.gradient(theta, torch.tensor(data, dtype=torch.float64), reduction="none")
    assert abs(float(gradient.sum())) < 1e-10


def test_two_equally_good_minimizers_are_both_told(js):
    found = minimizer(js, lb.welsch, [-5.0, 5.0], c=0.5)
    assert found["low"] == pytest.approx(-5, abs=1e-9)
    assert [one["low"] for one in found["ties"]] == pytest.approx([5], abs=1e-9)


# Written here and not taken from the formula: its values overflow beyond 710, and round to 0 below 1e-8.
NAIVE_LOG_COSH = "{ value: (r) => Math.log(Math.cosh(r)), slope: Math.tanh }"


def best_of(js, source, data):
    """The best constant of a loss given as JavaScript."""
    return json.loads(js.eval(f"JSON.stringify(LossBook.minimizer({source}, {{}}, {json.dumps(data)}))"))


@pytest.mark.parametrize("data", [[0, 0.3, 0.5, 700, 1000], [1, 2, 2.5, 3, 4, 1e6], [-1e6, 0, 1, 2, 3]])
def test_values_that_overflow_do_not_hide_the_minimizer(js, data):
    root = scipy.optimize.brentq(lambda theta: np.tanh(theta - np.array(data)).sum(), min(data), max(data), xtol=1e-14)
    for found in (best_of(js, NAIVE_LOG_COSH, data), minimizer(js, lb.log_cosh, data)):
        assert found["low"] == found["high"] == pytest.approx(root, rel=1e-9)
        assert found["ties"] == []


@pytest.mark.parametrize("value", ["NaN", "Infinity", "r < -2 ? NaN : r * r"])
@pytest.mark.parametrize("slope", ["NaN", "0", "Infinity"])
def test_a_loss_without_numbers_throws_nothing(js, value, slope):
    source = f"{{ value: (r) => {value}, slope: (r) => {slope} }}"
    assert 1 <= best_of(js, source, [1, 2, 5])["low"] <= 5
    found = json.loads(js.eval(f"JSON.stringify(LossBook.line({source}, {{}}, [[0, 1], [1, 2], [2, 5]]))"))
    assert math.isfinite(found["intercept"]) and math.isfinite(found["slope"])


@pytest.mark.parametrize("far", [1e3, 1e6, 1e9])
def test_an_outlier_does_not_hide_that_every_median_is_best(js, far):
    generator = np.random.default_rng(4)
    for data in ([1, 2, 2.5, 3, 4, far], [1, 1, 3, far], *(generator.normal(0, 1, n).tolist() + [far] for n in (5, 8))):
        found = minimizer(js, lb.mae, data)
        ordered = np.sort(data)
        assert (found["low"], found["high"]) == (ordered[(len(data) - 1) // 2], ordered[len(data) // 2])


@pytest.mark.parametrize("c", [0.2, 1.0, 5.0])
def test_a_slope_that_only_fades_has_one_minimizer(js, c):
    for loss, values in ((lb.charbonnier, {"c": c}), (lb.general_robust, {"alpha": 1.0, "c": c}), (lb.log_cosh, {})):
        found = minimizer(js, loss, [0, 1e6], **values)
        assert found["low"] == found["high"] == pytest.approx(5e5, rel=1e-9), loss.name
        # Here each slope's own last bit moves the place: the objective is the same to 18 digits.
        found = minimizer(js, loss, [1, 1.1, 1.2, 1e6, 1e6 + 0.1, 1e6 + 0.05], **values)
        assert found["low"] == found["high"] == pytest.approx(5e5, rel=1e-3), loss.name
    found = minimizer(js, lb.huber, [0, 1e6], delta=c)
    assert (found["low"], found["high"]) == pytest.approx((c, 1e6 - c), rel=1e-9)


@pytest.mark.parametrize("unit", [1e-12, 1e-9, 1e-6])
@pytest.mark.parametrize(
    "loss", [loss for loss in EXPLORABLE if loss.formula.variables == ("r",)], ids=lambda loss: loss.name
)
def test_the_unit_of_the_data_does_not_matter(js, loss, unit):
    # Every loss is a parabola so near zero, but for those with a kink there, which are at their default symmetric.
    data = np.array([1.0, 2.0, 5.0]) * unit
    found = minimizer(js, loss, data)
    expected = np.median(data) if loss.traits.kinks else np.mean(data)
    assert found["low"] == found["high"] == pytest.approx(expected, rel=1e-6)
    assert found["ties"] == []
    x, y = np.arange(6.0), np.array([0, 1, 2.5, 2.6, 4.2, 7]) * unit
    if not loss.traits.kinks:
        found = fitted(js, loss, zip(x, y, strict=True))
        assert (found["slope"], found["intercept"]) == pytest.approx(tuple(np.polyfit(x, y, 1)), rel=1e-6)


# ---------------------------------------------------------------- the best line


def fitted(js, loss, data, **values):
    return call(js, loss, "LossBook.line(loss, p, data)", data=[list(pair) for pair in data], p=loss.defaults | values)


def cost(loss, line, data, **values):
    x, y = torch.tensor(data, dtype=torch.float64).T
    return float(loss(line["intercept"] + line["slope"] * x, y, reduction="sum", **values))


def test_the_square_gives_least_squares(js):
    found = fitted(js, lb.mse, PLANE)
    x, y = np.array(PLANE).T
    slope, intercept = np.polyfit(x, y, 1)
    assert (found["slope"], found["intercept"]) == pytest.approx((slope, intercept), rel=1e-12)


def test_the_absolute_value_gives_the_linear_programs_optimum(js):
    generator = np.random.default_rng(0)
    for n in (4, 7, 12):
        x, y = generator.uniform(-3, 3, n).round(2), generator.standard_t(2, n).round(2)
        ones, eye = np.ones(n), np.eye(n)
        # min sum(t) with -t <= a + b x - y <= t
        program = scipy.optimize.linprog(
            np.r_[0, 0, ones],
            A_ub=np.block([[np.c_[ones, x], -eye], [-np.c_[ones, x], -eye]]),
            b_ub=np.r_[y, -y],
            bounds=[(None, None)] * 2 + [(0, None)] * n,
        )
        data = list(zip(x.tolist(), y.tolist(), strict=True))
        found = fitted(js, lb.mae, data)
        assert found["value"] == pytest.approx(program.fun, rel=1e-12)
        assert sum(np.abs(found["intercept"] + found["slope"] * x - y) < 1e-12) >= 2  # it goes through two points


@pytest.mark.parametrize("loss", [lb.huber, lb.smooth_l1, lb.log_cosh, lb.charbonnier], ids=lambda loss: loss.name)
def test_a_convex_losss_line_is_scipys(js, loss):
    generator = np.random.default_rng(1)
    for data in (PLANE, list(zip(range(8), generator.standard_t(1.5, 8).round(2).tolist(), strict=True))):
        for end in range(3):
            values = {
                one["name"]: (one["default"], one["low"], one["high"])[end] for one in payload(loss)["parameters"]
            }
            best = scipy.optimize.minimize(
                lambda p, data=data, values=values: cost(loss, {"intercept": p[0], "slope": p[1]}, data, **values),
                np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-13, "maxiter": 4000},
            )  # fmt: skip
            found = fitted(js, loss, data, **values)
            assert found["value"] == pytest.approx(cost(loss, found, data, **values), rel=1e-12)
            assert found["value"] <= best.fun * (1 + 1e-7) + 1e-10, (data, values)


@pytest.mark.parametrize("loss", [lb.tukey_biweight, lb.welsch, lb.geman_mcclure], ids=lambda loss: loss.name)
def test_a_redescending_loss_finds_the_line_that_leaves_outliers_alone(js, loss):
    data = [(x, 1 + 0.5 * x) for x in range(7)] + [(20, -30.0), (20.5, -31.0), (21, -30.5), (20, -31.0)]
    found = fitted(js, loss, data)
    assert (found["intercept"], found["slope"]) == pytest.approx((1, 0.5), abs=0.05)


def lowest_cost(loss, data, **values):
    """The lowest of searches from the lines through every two points, by SciPy on torch's loss."""
    starts = [
        ((y - v) / (x - u), y - (y - v) / (x - u) * x) for (x, y), (u, v) in itertools.combinations(data, 2) if x != u
    ]

    def at(place):
        return cost(loss, {"slope": place[0], "intercept": place[1]}, data, **values)

    return min(scipy.optimize.minimize(at, start, method="Nelder-Mead").fun for start in sorted(starts, key=at)[:20])


@pytest.mark.parametrize("seed", [7, 13, 19, 30])
def test_the_best_of_many_local_minima_is_found(js, seed):
    generator = np.random.default_rng(seed)
    x = np.arange(9.0)
    y = (0.7 * x + generator.normal(0, 1, 9) + (generator.random(9) < 0.3) * generator.uniform(-15, 15, 9)).round(3)
    data = list(zip(x.tolist(), y.tolist(), strict=True))
    for loss, values in ((lb.tukey_biweight, {"c": 0.5}), (lb.welsch, {"c": 0.2})):
        assert fitted(js, loss, data, **values)["value"] <= lowest_cost(loss, data, **values) * (1 + 1e-6), loss.name


@pytest.mark.parametrize("unit", [1e-9, 1e-6, 1e6])
def test_the_unit_of_the_line_does_not_matter(js, unit):
    x, y = np.arange(3.0), np.array([0, 1, 2.5])
    slope, intercept = np.polyfit(x, y, 1)  # all residuals lie within the parabolas
    for loss in (lb.mse, lb.huber, lb.smooth_l1):
        found = fitted(js, loss, zip(unit * x, y, strict=True))
        assert (found["slope"] * unit, found["intercept"]) == pytest.approx((slope, intercept), rel=1e-9)
    # Through the first point and the last: the middle one is 0.25 below.
    assert fitted(js, lb.mae, zip(unit * x, y, strict=True))["value"] == pytest.approx(0.25)


def test_a_line_of_values_that_overflow_is_still_a_line(js):
    data = [(0, 0), (1, 1), (2, 2.1), (3, 2.9), (4, 1e6)]
    found = json.loads(js.eval(f"JSON.stringify(LossBook.line({NAIVE_LOG_COSH}, {{}}, {json.dumps(data)}))"))
    x, y = np.array(data).T
    pulls = np.tanh(found["intercept"] + found["slope"] * x - y)
    assert (pulls.sum(), (pulls * x).sum()) == pytest.approx((0, 0), abs=1e-4)


# ---------------------------------------------------------------- the widget


def test_parameters_are_traits_to_read_set_observe_and_link():
    one, two = explore(lb.huber, [lb.mse]), explore(lb.huber)
    seen = []
    one.observe(lambda change: seen.append(change["new"]), "delta")
    assert one.delta == 1.0
    one.delta = 2.5
    one.delta = 3
    assert seen == [2.5, 3.0]
    traitlets.link((one, "delta"), (two, "delta"))
    one.delta = 0.5
    assert two.delta == 0.5
    two.point = -1.5
    assert two.point == -1.5


@pytest.mark.parametrize("loss", EXPLORABLE, ids=lambda loss: loss.name)
def test_every_corner_of_the_sliders_reaches_its_callback(loss):
    widget = explore(loss)
    sliders = payload(loss)["parameters"]
    calls = []
    for one in sliders:
        widget.observe(lambda change: calls.append((change["name"], change["new"])), one["name"])
    for corner in itertools.product(*([one["low"], one["default"], one["high"]] for one in sliders)):
        for one, value in zip(sliders, corner, strict=True):
            setattr(widget, one["name"], value)
            assert getattr(widget, one["name"]) == value
        assert widget.html
    assert {name for name, _ in calls} == {one["name"] for one in sliders}


def test_every_trait_refuses_what_is_out_of_range():
    widget = explore(lb.huber, [lb.mse])
    wrong: dict[str, list] = {
        "delta": [0.0, -1, math.nan, "1"],
        "point": [99, math.nan],
        "show": [["mae"], "mae"],
        "view": ["x"],
    }
    for name, value in [(name, value) for name, values in wrong.items() for value in values]:
        with pytest.raises(traitlets.TraitError, match=name):
            setattr(widget, name, value)
    with pytest.raises(traitlets.TraitError, match="delta: got 0.0, expected a number in"):
        widget.delta = 0.0
    assert (widget.delta, widget.point, widget.show) == (1.0, 1.0, ["mse"])
    sample = explore(lb.mse, scene="sample", data=SAMPLE)
    with pytest.raises(traitlets.TraitError, match="data"):
        sample.data = [1.0, math.inf]
    sample.data = [1, 2, 3]
    assert sample.data == [1.0, 2.0, 3.0]


def test_losses_share_the_slider_of_one_name():
    widget = explore(lb.welsch, [lb.cauchy, lb.geman_mcclure])
    assert [one["name"] for one in widget.payload["parameters"]] == ["c"]
    widget = explore(lb.tukey_biweight, [lb.welsch])
    assert widget.c == lb.tukey_biweight.defaults["c"]


def test_the_widget_is_an_anywidget_whose_sources_belong_to_the_class():
    from lossbook.explorer.widget import Explorer

    one, two = explore(lb.huber), explore(lb.general_robust)
    assert isinstance(one, Explorer)
    assert str(Explorer._esm) == module()
    assert str(Explorer._css) == style()
    assert one.get_state()["_esm"] == module()
    assert one.get_state()["delta"] == 1.0
    assert not two.has_trait("delta")
    assert one.get_state()["_anywidget_id"] == two.get_state()["_anywidget_id"] == "lossbook.explorer.widget.Explorer"


def test_the_bundle_is_the_same_every_time():
    bundles = [explore(lb.huber, [lb.mse, lb.mae])._repr_mimebundle_()[0] for _ in range(2)]
    assert bundles[0]["text/html"] == bundles[1]["text/html"] == island(lb.huber, [lb.mse, lb.mae])
    assert bundles[0]["text/plain"] == "Explorer: Huber loss with MSE, MAE (delta = 1)"
    assert "application/vnd.jupyter.widget-view+json" in bundles[0]


def test_the_bundle_shows_the_values_of_the_moment():
    widget = explore(lb.huber, [lb.mse, lb.mae])
    widget.delta = 2.0
    widget.show = ["mae"]
    assert repr(widget) == "Explorer: Huber loss with MSE, MAE (delta = 2)"
    now = data_of(widget.html)
    assert now["parameters"][0]["default"] == 2.0
    assert now["state"]["show"]["start"] == ["mae"]


wrongly: Any = explore  # the type checker would refuse these calls too


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (lambda: wrongly("huber"), TypeError, r"loss: got str 'huber', expected a loss such as lb.huber; lb.get"),
        (lambda: wrongly(torch.nn.functional.mse_loss), TypeError, "loss: got function"),
        (lambda: wrongly(lb.huber, lb.mse), TypeError, "compare: got Loss"),
        (lambda: wrongly(lb.huber, [lb.mse, "mae"]), TypeError, "compare: got str 'mae'"),
        (lambda: wrongly(lb.huber, [lb.huber]), ValueError, "compare: got huber, huber; each loss may appear once"),
        (lambda: wrongly(lb.huber, scene="pie"), ValueError, "scene: got 'pie', expected one of 'curve'"),
        (lambda: wrongly(lb.huber, data=[1, 2]), TypeError, "data: neither .* which have delta, nor .* takes point,"),
        (lambda: wrongly(lb.huber, scene="sample"), ValueError, "data: got None, expected at least 2 numbers"),
        (lambda: wrongly(lb.huber, scene="sample", data=["a", "b"]), TypeError, "data: got list"),
        (lambda: wrongly(lb.huber, scene="sample", data=[[1, 2], [3, 4]]), ValueError, r"array of shape \(2, 2\)"),
        (lambda: wrongly(lb.huber, scene="sample", data=[1.0, math.nan]), ValueError, "data: got .* expected finite"),
        (lambda: wrongly(lb.huber, scene="sample", data=[1.0]), ValueError, "data: got an array of shape"),
        (lambda: wrongly(lb.huber, scene="fit", data=[1, 2, 3]), ValueError, r"data: got an array of shape \(3,\)"),
        (lambda: wrongly(lb.huber, scene="fit", data=[(1, 1), (1, 2), (1, 3)]), ValueError, "data: all 3 points"),
        (lambda: wrongly(lb.huber, id="no spaces"), ValueError, "id: got 'no spaces'"),
        (lambda: wrongly(lb.huber, point=9), ValueError, "point: got 9, expected a number from -3 to 3"),
        (lambda: wrongly(lb.huber, xlim=(1, 1)), ValueError, "xlim: got"),
        (lambda: wrongly(lb.huber, xlim=3), TypeError, "xlim: got int 3"),
        (lambda: wrongly(lb.huber, [lb.mse], show=["mae"]), ValueError, "show: got"),
        (lambda: wrongly(lb.huber, delta=0.0), ValueError, "delta: got 0.0"),
        (lambda: wrongly(lb.huber, delta=99.0), ValueError, "delta: got 99.0, expected a value on the slider"),
        (lambda: wrongly(lb.huber, gamma=1.0), TypeError, "gamma: neither a parameter of these losses"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        arguments()


def test_neither_the_island_nor_the_import_loads_what_it_does_not_need():
    code = (
        "import sys, lossbook as lb; early = {'sympy', 'matplotlib', 'anywidget', 'ipywidgets'} & set(sys.modules);"
        "from lossbook.explorer import island; island(lb.huber);"
        "print(sorted(early), 'anywidget' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == "[] False False\n"


# ---------------------------------------------------------------- the island


def test_the_island_has_a_described_figure_and_its_data():
    text = island(lb.huber, [lb.mse], id="first", delta=2.0)
    assert text.startswith(
        '<div class="lb-explorer" id="first" data-scene="curve"><figure class="lb-figure"><svg role="img"'
    )
    data = data_of(text)
    assert data["id"] == "first"
    assert data["parameters"][0]["default"] == 2.0
    assert 'aria-label="Huber loss and its gradient over the residual' in text


def test_the_figure_shows_the_view_that_is_asked_for():
    both, loss, gradient = (island(lb.huber, view=view) for view in ("both", "loss", "gradient"))
    assert "gradient of Huber" in both and "gradient of Huber" in gradient
    assert "gradient of Huber" not in loss
    assert data_of(gradient)["state"]["view"]["start"] == "gradient"


def test_nothing_in_the_data_can_end_the_script():
    assert "</" not in island_json({"title": "</script><b>"})


@pytest.mark.parametrize(("scene", "data"), [("sample", SAMPLE), ("fit", PLANE)])
def test_scenes_with_data_have_their_figure(scene, data):
    text = island(lb.mse, [lb.mae, lb.huber], scene=scene, data=data)
    assert 'id="mse-mae-huber-' + scene in text
    assert "var(--lb-overlay-2" in text
    assert len(text) < 20_000


def test_the_still_line_is_the_moving_line(js):
    from lossbook.explorer.fit import best_line

    for loss in (lb.mse, lb.mae, lb.huber, lb.tukey_biweight):
        intercept, slope = best_line(loss, loss.defaults, *np.array(PLANE, dtype=float).T)
        found = fitted(js, loss, PLANE)
        assert (intercept, slope) == pytest.approx((found["intercept"], found["slope"]), abs=1e-4), loss


def test_the_vertical_range_holds_the_starting_curves():
    for loss in EXPLORABLE:
        made = payload(loss)
        low, high = made["ylim"]["both"]
        xs = torch.tensor(np.linspace(made["xlim"][0], made["xlim"][1], 101))
        if loss.formula.variables == ("r",):
            values = loss(xs, torch.zeros_like(xs), reduction="none")
            assert low < float(values.min()) <= float(values.max()) < high, loss


# ---------------------------------------------------------------- in a browser


def islands():
    """What the page holds; see the fixture `site`."""
    return [
        island(lb.huber, [lb.mse, lb.mae], id="first"),
        island(lb.general_robust, [lb.mae], id="second"),
        island(lb.mse, [lb.mae, lb.huber], scene="sample", data=SAMPLE, id="sample"),
        island(lb.huber, [lb.mse, lb.mae], scene="fit", data=PLANE, id="fit"),
    ]


@pytest.mark.parametrize("way", [0, 1], ids=["file", "http"])
def test_a_slider_moves_the_curve_to_torchs_values(visit, way):
    page = visit(way=way)
    slider = page.locator("#first input[type=range]")
    path = page.locator("#first path.lb-curve.lb-loss")
    before = path.get_attribute("d")
    for delta in (0.1, 2.0, 5.0):
        slider.fill(str(delta))
        found = samples(page, "first", "huber")
        xs = torch.tensor(found["x"], dtype=torch.float64)
        assert len(xs) == 401
        expected = lb.huber(xs, torch.zeros_like(xs), delta=delta, reduction="none")
        slope = lb.huber.gradient(xs, torch.zeros_like(xs), delta=delta, reduction="none")
        np.testing.assert_allclose(found["value"], expected.numpy(), rtol=0, atol=1e-12)
        np.testing.assert_allclose(found["slope"], slope.numpy(), rtol=0, atol=1e-12)
        assert path.get_attribute("d") != before
        before = path.get_attribute("d")
    # And the path is where the samples say.
    assert state(page, "second")["c"] == 1


def test_the_path_lies_where_the_samples_are(visit):
    page = visit()
    found = samples(page, "first", "huber")
    numbers = [
        float(part) for part in re.findall(r"-?[\d.]+", page.locator("#first path.lb-curve.lb-loss").get_attribute("d"))
    ]
    px, py = np.array(numbers[::2]), np.array(numbers[1::2])
    # The ticks say where values lie: the first and the last of each axis give the scale.
    for anchor, place, pixels, values in [("middle", "x", px, found["x"]), ("end", "y", py, found["value"])]:
        ticks = page.locator(f"#first .lb-axes text[text-anchor={anchor}]:not(.lb-axis-name)").all()
        ends = [
            (float(t.text_content().replace("−", "-")), float(t.get_attribute(place))) for t in (ticks[0], ticks[-1])
        ]
        scale = (ends[1][1] - ends[0][1]) / (ends[1][0] - ends[0][0])
        expected = ends[0][1] + scale * (np.array(values) - ends[0][0])
        assert np.abs(expected - pixels).max() < 0.2, place


def test_a_jump_of_the_gradient_is_a_gap(visit):
    page = visit("/page.html?first.view=gradient&first.show=mae")
    visible = [p for p in page.locator("#first path.lb-curve.lb-overlay-2").all() if p.is_visible()]
    assert len(visible) == 1
    assert visible[0].get_attribute("d").count("M") >= 2


def test_a_kink_has_no_tangent_and_says_so(visit):
    page = visit()
    assert page.locator("#first .lb-tangent").is_visible()
    text = PAGE.format(attributes="", style=style(), script=script(), islands=island(lb.mae, point=0.0))
    page.set_content(text)
    page.wait_for_selector("#mae.lb-ready")
    assert not page.locator("#mae .lb-tangent").is_visible()
    assert page.locator("#mae caption").text_content() == "At r = 0.00: a kink, the slope jumps from −1.00 to 1.00"


def test_a_point_is_named_as_on_the_axis(visit):
    page = visit()
    for loss, name in ((lb.mape, "ŷ"), (lb.poisson_nll, "z"), (lb.hinge, "m")):
        page.set_content(PAGE.format(attributes="", style=style(), script=script(), islands=island(loss, point=2.0)))
        page.wait_for_selector(".lb-ready")
        assert page.locator("caption").text_content() == f"At {name} = 2.00"


def test_the_keyboard_moves_point_and_slider(visit):
    page = visit()
    point = page.get_by_role("slider", name="point on the curve")
    point.first.focus()
    for key, expected in [
        ("ArrowRight", 1.1),
        ("ArrowLeft", 1.0),
        ("PageUp", 2.0),
        ("PageDown", 1.0),
        ("Home", -3),
        ("End", 3),
    ]:
        page.keyboard.press(key)
        assert state(page, "first")["point"] == pytest.approx(expected), key
    assert point.first.get_attribute("aria-valuetext") == "r 3.00, loss 2.50, slope 1.00"
    slider = page.locator("#first input[type=range]")
    slider.focus()
    for key, expected in [("ArrowRight", 1.1), ("End", 5), ("ArrowRight", 5), ("Home", 0.1), ("PageUp", 1.1)]:
        page.keyboard.press(key)
        assert state(page, "first")["delta"] == pytest.approx(expected), key
    slider.dispatch_event("dblclick")
    assert state(page, "first")["delta"] == 1


def test_the_pointer_drags_the_point_along_the_curve(visit):
    page = visit()
    box = page.locator("#first .lb-point .lb-dot").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 300, y + 30, steps=5)
    page.mouse.up()
    moved = page.locator("#first .lb-point .lb-dot").bounding_box()
    assert moved["x"] + moved["width"] / 2 == pytest.approx(x - 300, abs=2)
    r = state(page, "first")["point"]
    assert page.locator("#first .lb-readout caption").text_content() == f"At r = {r:.2f}".replace("-", "−")
    shown = float(page.locator("#first .lb-readout td").first.text_content())
    assert shown == pytest.approx(float(lb.huber(torch.tensor([r]), torch.zeros(1))), abs=5e-4)


def test_touch_drags_too_and_targets_are_large(visit):
    page = visit(width=390, has_touch=True)
    hit = page.locator("#first .lb-point .lb-hit").bounding_box()
    assert min(hit["width"], hit["height"]) >= 44
    assert page.evaluate("getComputedStyle(document.querySelector('#first .lb-point')).touchAction") == "none"
    plot_box = page.locator("#first .lb-plot").bounding_box()
    page.touchscreen.tap(plot_box["x"] + plot_box["width"] / 2, plot_box["y"] + 60)
    assert abs(state(page, "first")["point"]) < 0.6


def test_the_live_text_speaks_after_a_pause(visit):
    page = visit()
    live = page.locator("#first .lb-live")
    assert live.get_attribute("aria-live") == "polite"
    said = page.evaluate("""() => {
        const input = document.querySelector('#first input[type=range]');
        input.value = 2;
        input.dispatchEvent(new Event('input'));
        return document.querySelector('#first .lb-live').textContent;
    }""")
    assert said == ""
    page.wait_for_function("document.querySelector('#first .lb-live').textContent !== ''")
    assert live.text_content().startswith("At r = 1.00 the loss is 0.50 and the slope is 1.00.")


@pytest.mark.parametrize("way", [0, 1], ids=["file", "http"])
def test_the_address_keeps_the_state(visit, way):
    page = visit(way=way)
    page.locator("#first input[type=range]").fill("2")
    page.get_by_role("slider", name="point on the curve").first.press("PageUp")
    page.locator("#first button[data-show=mse]").click()
    wait_until_saved(page, "first")
    page.locator("#second input[type=range]").first.fill("-2")
    wait_until_saved(page, "second")
    address = page.url
    assert address.endswith("?first.delta=2&first.show=mae&first.r=2&second.alpha=-2#second")
    again = visit(address[address.index("/page.html") :], way=way)
    for id in ("first", "second", "sample", "fit"):
        assert state(again, id) == state(page, id)
    assert again.evaluate("document.getElementById('first').lossbook.url()").endswith("#first")
    again.locator("#first button[data-action=reset]").click()
    wait_until_saved(again, "first")
    assert again.url.endswith("?second.alpha=-2#first")


def test_no_overlay_at_all_is_a_state_too(visit):
    page = visit()
    for name in ("mse", "mae"):
        page.locator(f"#first button[data-show={name}]").click()
    wait_until_saved(page, "first")
    assert "first.show=none" in page.url
    assert state(visit(page.url[page.url.index("/page.html") :]), "first")["show"] == []


def test_what_the_address_cannot_mean_is_ignored(visit):
    page = visit(
        "/page.html?first.delta=NaN&first.r=99&first.show=nothing&first.view=x&first.other=1&second.c=&sample.data=1_x&fit.data=1_2_3"
    )
    for id in ("first", "second", "sample", "fit"):
        assert page.evaluate(
            "(id) => { const e = document.getElementById(id).lossbook; return [e.state, e.defaults] }", id
        )[0] == page.evaluate("(id) => document.getElementById(id).lossbook.defaults", id)


def test_the_link_is_copied(visit):
    page = visit(way=1, permissions=["clipboard-read", "clipboard-write"])
    page.locator("#first input[type=range]").fill("3")
    page.locator("#first button[data-action=copy]").click()
    page.wait_for_function("document.querySelector('#first button[data-action=copy]').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()").endswith("/page.html?first.delta=3#first")


def test_overlays_are_switched(visit):
    page = visit()
    button = page.locator("#first button[data-show=mse]")
    assert button.get_attribute("aria-pressed") == "true"
    assert page.locator("#first path.lb-overlay-1").last.is_visible()
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert [p for p in page.locator("#first path.lb-overlay-1").all() if p.is_visible()] == []


def test_the_sample_follows_its_points(visit):
    page = visit()
    points = page.locator("#sample .lb-data")
    assert points.count() == 6
    points.nth(5).focus()
    page.keyboard.press("Home")
    data = state(page, "sample")["data"]
    solution = page.evaluate("document.getElementById('sample').lossbook.solution('mse')")
    assert solution["low"] == pytest.approx(np.mean(data), rel=1e-12)
    assert "any value from 2 to 2.5" in page.locator("#sample .lb-readout").inner_text()
    page.get_by_role("button", name="Remove the point").first.click()
    assert points.count() == 5
    page.get_by_role("button", name="Add a point").first.click()
    assert points.count() == 6
    assert len(state(page, "sample")["data"]) == 6
    wait_until_saved(page, "sample")
    again = visit(page.url[page.url.index("/page.html") :])
    assert state(again, "sample") == state(page, "sample")


def test_close_points_are_taken_apart_and_a_touch_moves_none(visit):
    page = visit("/page.html?sample.data=2_2.2_8")
    dots = page.locator("#sample .lb-data .lb-dot")
    dots.first.scroll_into_view_if_needed()
    boxes = [dots.nth(i).bounding_box() for i in range(3)]
    centers = [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes]
    assert abs(centers[0][0] - centers[1][0]) < 23  # each lies under the other's target
    for i in (0, 1):
        page.mouse.move(centers[i][0] + (3 if i else -3), centers[i][1])
        page.mouse.down()
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == f"point {i + 1} of 3"
        page.mouse.up()
    assert state(page, "sample")["data"] == [2, 2.2, 8]
    page.mouse.down()
    page.mouse.move(centers[1][0] + 203, centers[1][1], steps=4)
    page.mouse.up()
    assert state(page, "sample")["data"][::2] == [2, 8]
    moved = dots.nth(1).bounding_box()
    assert moved["x"] + moved["width"] / 2 == pytest.approx(centers[1][0] + 200, abs=2)


def test_a_dragged_outlier_moves_least_squares_and_not_the_median_line(visit):
    page = visit()
    before = {
        name: page.evaluate("(n) => document.getElementById('fit').lossbook.solution(n)", name)
        for name in ("mse", "mae")
    }
    point = page.locator("#fit .lb-data").nth(6)
    point.scroll_into_view_if_needed()
    box = point.locator(".lb-dot").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 60, steps=4)
    page.mouse.up()
    after = {
        name: page.evaluate("(n) => document.getElementById('fit').lossbook.solution(n)", name)
        for name in ("mse", "mae")
    }
    assert after["mse"]["slope"] < before["mse"]["slope"] - 0.1
    assert after["mae"]["slope"] == pytest.approx(before["mae"]["slope"])
    x, y = np.array(state(page, "fit")["data"]).T
    slope, intercept = np.polyfit(x, y, 1)
    assert (after["mse"]["slope"], after["mse"]["intercept"]) == pytest.approx((slope, intercept), rel=1e-9)


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_nothing_overflows(visit, width):
    page = visit(width=width)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    outside = page.evaluate("""() => {
        const out = (b) => b.width && (b.left < 0 || b.right > innerWidth);
        return [...document.querySelectorAll('.lb-plot text, .lb-explorer button, .lb-explorer td')]
            .filter((e) => out(e.getBoundingClientRect())).map((e) => e.textContent);
    }""")
    assert outside == []
    sizes = page.evaluate(
        "[...document.querySelectorAll('.lb-plot text')].map((e) => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(sizes) >= 12


def test_a_narrower_page_draws_again(visit):
    page = visit(width=1000)
    page.set_viewport_size({"width": 500, "height": 800})
    page.wait_for_function("document.querySelector('#first .lb-plot').viewBox.baseVal.width < 500")


@pytest.mark.parametrize(("address", "scheme", "expected"), [
    ("/page.html", "light", "rgb(0, 114, 178)"),
    ("/page.html", "dark", "rgb(86, 180, 233)"),
    ("/dark.html", "light", "rgb(86, 180, 233)"),
])  # fmt: skip
def test_colors_follow_the_theme(visit, address, scheme, expected):
    page = visit(address, color_scheme=scheme)
    assert page.evaluate("getComputedStyle(document.querySelector('#first path.lb-loss')).stroke") == expected


def test_without_javascript_the_figure_is_there(visit):
    page = visit(java_script_enabled=False)
    assert page.get_by_role("img", name="Huber loss and its gradient").is_visible()
    assert page.locator(".lb-figure").count() == 4


def test_a_frame_is_short(visit):
    page = visit()
    least = page.evaluate("""() => {
        const input = document.querySelector('#first input[type=range]');
        const rounds = [];
        for (let k = 0; k < 21; k++) {
            const begin = performance.now();
            for (let i = 0; i < 20; i++) {
                input.value = 0.5 + ((k + i) % 20) / 10;
                input.dispatchEvent(new Event('input'));
            }
            rounds.push((performance.now() - begin) / 20);
        }
        return Math.min(...rounds); // other work on the machine only adds
    }""")
    assert least < 1.0


def test_a_live_view_follows_its_model_and_cleans_up(visit):
    """The widget's render function, with a model made of plain JavaScript."""
    page = visit("/page.html")
    made = payload(lb.huber, [lb.mse])
    result = page.evaluate(
        """(payload) => {
        const values = { payload, delta: 1, show: ['mse'], point: 1, view: 'both' };
        const listeners = {};
        let saves = 0;
        const model = {
            get: (name) => values[name],
            set: (name, value) => { values[name] = value; },
            save_changes: () => { saves += 1; },
            on: (event, f) => { (listeners[event] = listeners[event] || []).push(f); },
            off: (event, f) => { listeners[event] = listeners[event].filter((one) => one !== f); },
        };
        const el = document.body.appendChild(document.createElement('div'));
        const clean = LossBook.render({ model, el });
        const live = el.firstChild.lossbook;
        values.delta = 2;
        listeners['change:delta'].forEach((f) => f());
        const fromPython = [live.state.delta, saves];
        const input = el.querySelector('input[type=range]');
        input.value = 3;
        input.dispatchEvent(new Event('input'));
        const fromPage = [values.delta, saves, el.querySelector('[data-action=copy]')];
        clean();
        const left = Object.values(listeners).flat().length;
        return { fromPython, fromPage, left, inside: el.firstChild.childNodes.length };
    }""",
        made,
    )
    assert result == {"fromPython": [2, 0], "fromPage": [3, 1, None], "left": 0, "inside": 0}
