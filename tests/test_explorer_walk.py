"""The walk scene: values of a random walk, learned from the real losses' errors; its page."""

import json
from typing import Any

import numpy as np
import pytest
import torch
import traitlets
from explorers import data_of, drag, finger, middle, outside, samples, state, violations, wait_until_saved

import lossbook as lb
from lossbook.explorer import explore, island
from lossbook.explorer.payload import SCENES, make_payload, usual_scene
from lossbook.explorer.walk import (
    AXES,
    CASES,
    EPISODES,
    GRIDS,
    RUNS,
    SEED,
    STATES,
    TOP,
    TRUTH,
    learn,
    parts,
    walks,
)

WALKS = {"runs": RUNS, "episodes": EPISODES, "seed": SEED}
SETTINGS = [(0.0, 0.1), (0.35, 0.05), (0.9, 0.1), (0.9, 0.2), (1.0, 0.01), (1.0, 0.1)]
ROWS = ("error", "bias", "spread", "run")
VALUES = [0.0, 0.3, 0.1, 0.7, 0.4, 0.9, 0.0]


def in_v8(js, expression, **names):
    head = "".join(f"const {name} = {json.dumps(value)};" for name, value in names.items())
    plain = "(key, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value)"
    return json.loads(js.eval(f"(() => {{ {head} return JSON.stringify({expression}, {plain}); }})()"))


def learned(js, lambda_, alpha, run=1, since=0, until=EPISODES):
    return in_v8(
        js, "LossBook.learnWalks(LossBook.makeWalks(walks), p, run, since, until)",
        walks=WALKS, p={"lambda_": lambda_, "alpha": alpha}, run=run, since=since, until=until,
    )  # fmt: skip


def summed(js, episode, lambda_):
    """The errors of one episode, added up for each of the seven places."""
    add = "((sums) => { LossBook.addErrors(states, 0, states.length - 1, v, lambda, sums); return sums; })"
    return in_v8(js, f"{add}(Array(7).fill(0))", states=episode, v=VALUES, **{"lambda": lambda_})


def naive(episode, values, lambda_):
    """Sutton and Barto's (12.3): the mean of the n-step returns, weighted by powers of lambda."""
    last = len(episode) - 1
    end = float(episode[-1] == 6)
    errors = []
    for t in range(last):
        steps = [values[episode[t + n]] for n in range(1, last - t)]
        weights = [(1 - lambda_) * lambda_**n for n in range(len(steps))]
        errors.append(np.dot(weights, steps) + lambda_ ** len(steps) * end - values[episode[t]])
    return errors


# ---------------------------------------------------------------- the walks


def test_the_walks_are_the_same_in_both_languages(js):
    found = in_v8(js, "LossBook.makeWalks(walks)", walks=WALKS)
    episodes = [episode for run in walks() for episode in run]
    assert found["states"] == [place for episode in episodes for place in episode]
    assert np.diff(found["first"]).tolist() == [len(episode) for episode in episodes]


def test_the_walks_are_fair():
    episodes = [episode for run in walks() for episode in run]
    assert all(episode[0] == 3 and episode[-1] in (0, 6) for episode in episodes)
    assert all(abs(a - b) == 1 for episode in episodes for a, b in zip(episode, episode[1:], strict=False))
    # From the middle a walk takes 3 * 3 steps on the average, with a variance of 48.
    lengths = [len(episode) - 1 for episode in episodes]
    assert np.mean(lengths) == pytest.approx(9, abs=4 * (48 / len(episodes)) ** 0.5)
    assert np.mean([episode[-1] == 6 for episode in episodes]) == pytest.approx(0.5, abs=2 / len(episodes) ** 0.5)
    assert len({tuple(map(tuple, run)) for run in walks()}) == RUNS


def test_the_truth_is_the_share_of_walks_that_end_on_the_right():
    ends = [(place, episode[-1] == 6) for run in walks() for episode in run for place in episode[:-1]]
    shares = [np.mean([right for place, right in ends if place == s]) for s in range(1, 6)]
    np.testing.assert_allclose(shares, TRUTH, atol=0.03)


# ---------------------------------------------------------------- the numbers


@pytest.mark.parametrize("lambda_", [0.0, 0.35, 0.9, 1.0])
def test_the_errors_are_those_of_the_loss(js, lambda_):
    for episode in [*walks()[0][:12], [3, 2, 1, 0], [3, 4, 5, 6]]:
        values = torch.tensor(VALUES, dtype=torch.float64)[torch.tensor(episode)]
        rewards, discounts = torch.zeros(2, len(episode) - 1, dtype=torch.float64)
        rewards[-1] = float(episode[-1] == 6)
        discounts[:-1] = 1.0
        errors = lb.td_lambda_error(values, rewards, discounts, lambda_=lambda_)
        expected = np.bincount(episode[:-1], errors.numpy(), minlength=7)
        np.testing.assert_allclose(summed(js, episode, lambda_), expected, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(errors, naive(episode, VALUES, lambda_), rtol=1e-12, atol=1e-12)
        if lambda_ == 0:
            np.testing.assert_allclose(errors, lb.td_error(values, rewards, discounts), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("episode", [[2, 1, 0], [4, 5, 6]])
def test_two_steps_are_the_formula(js, episode):
    source = make_payload(lb.td_lambda_error)["losses"][0]
    p = {"r1": 0, "r2": int(episode[-1] == 6), "gamma": 1, "lambda_": 0.3}
    value = in_v8(
        js, "LossBook.compile(source).value(v, p)", source=source, v=[VALUES[place] for place in episode], p=p
    )
    assert sum(summed(js, episode, 0.3)) == pytest.approx(value, abs=1e-15)


@pytest.mark.parametrize(("lambda_", "alpha"), SETTINGS)
def test_what_is_learned_is_what_the_real_loss_teaches(js, lambda_, alpha):
    found = learned(js, lambda_, alpha, run=3)
    estimates = learn(lb.td_lambda_error, {"lambda_": lambda_, "alpha": alpha})
    close: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(found["one"], estimates[:, 2].ravel(), **close)
    np.testing.assert_allclose(found["mean"], estimates.mean(1).ravel(), **close)
    np.testing.assert_allclose(found["width"], estimates.std(1).ravel(), **close)
    for name, row in parts(estimates).items():
        np.testing.assert_allclose(found["errors"][name], row, err_msg=name, **close)
    np.testing.assert_allclose(found["errors"]["run"], ((estimates[:, 2] - TRUTH) ** 2).mean(-1) ** 0.5, **close)
    # A setting along an axis needs the last number of episodes alone.
    last = learned(js, lambda_, alpha, run=3, since=7, until=7)["errors"]
    assert last == {name: [found["errors"][name][7]] for name in ROWS}


def test_every_episode_moves_the_values_by_alpha_times_its_errors():
    """The offline lambda-return algorithm, one number at a time."""
    estimates = learn(lb.td_lambda_error, {"lambda_": 0.6, "alpha": 0.2}, 8)
    values = np.array([0, *[0.5] * 5, 0])
    for n, episode in enumerate(walks()[4][:8]):
        np.testing.assert_allclose(estimates[n, 4], values[1:6], rtol=1e-12)
        moved = values.copy()
        for place, error in zip(episode, naive(episode, values, 0.6), strict=False):
            moved[place] += 0.2 * error
        values = moved
    np.testing.assert_allclose(estimates[8, 4], values[1:6], rtol=1e-12)


def test_td_0_is_lambda_0():
    zero = learn(lb.td_lambda_error, {"lambda_": 0.0, "alpha": 0.1}, 20)
    np.testing.assert_allclose(learn(lb.td_error, {"alpha": 0.1}, 20), zero, rtol=1e-12)


def test_the_error_is_made_of_bias_and_spread():
    estimates = learn(lb.td_lambda_error, {"lambda_": 0.9, "alpha": 0.1}, 20)
    found = parts(estimates)
    np.testing.assert_allclose(found["error"], ((estimates - TRUTH) ** 2).mean((1, 2)) ** 0.5, rtol=1e-12)
    np.testing.assert_allclose(found["error"] ** 2, found["bias"] ** 2 + found["spread"] ** 2, rtol=1e-12)
    assert found["spread"][0] == 0 and found["error"][0] == pytest.approx((((np.arange(5) - 2) / 6) ** 2).mean() ** 0.5)


# ---------------------------------------------------------------- what the note says


def after(count, lambda_, alpha):
    found = parts(learn(lb.td_lambda_error, {"lambda_": lambda_, "alpha": alpha}, count))
    return {name: row[count] for name, row in found.items()}


@pytest.mark.parametrize("count", [5, 20])
def test_a_small_lambda_has_more_bias_and_less_spread(count):
    found = [after(count, lambda_, 0.1) for lambda_ in (0.0, 0.5, 0.9)]
    monte_carlo = after(count, 1.0, 0.1)
    assert found[0]["bias"] > found[1]["bias"] > found[2]["bias"] and found[0]["bias"] > 1.15 * monte_carlo["bias"]
    assert found[0]["spread"] < found[1]["spread"] < found[2]["spread"] < monte_carlo["spread"]
    assert monte_carlo["spread"] > 4 * found[0]["spread"]


@pytest.mark.parametrize("lambda_", [0.0, 0.5, 0.9])
def test_a_large_step_learns_fast_and_then_jitters(lambda_):
    small, large = ({n: after(n, lambda_, alpha) for n in (3, EPISODES)} for alpha in (0.02, 0.2))
    assert large[3]["bias"] < small[3]["bias"] and large[EPISODES]["spread"] > 3 * small[EPISODES]["spread"]


def test_small_steps_and_large_ones_are_worse_than_the_best():
    errors = [after(10, 0.9, alpha)["error"] for alpha in GRIDS["alpha"]]
    assert 0 < int(np.argmin(errors)) < len(errors) - 1
    assert errors[0] < TOP


# ---------------------------------------------------------------- arguments, traits, figure


wrongly: Any = explore


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"alpha": 0.5}, ValueError, "alpha: got 0.5, expected a value on the slider, from 0.01 to 0.3"),
        ({"alpha": 0.0}, ValueError, "alpha: got 0.0"),
        ({"episodes": 3.5}, ValueError, "episodes: got 3.5"),
        ({"episodes": 51}, ValueError, "episodes: got 51"),
        ({"lambda_": 1.5}, ValueError, "lambda_: got 1.5"),
        ({"over": "gamma"}, ValueError, "over: got 'gamma', expected one of 'episodes', 'alpha', 'lambda_'"),
        ({"run": 0}, ValueError, "run: got 0"),
        ({"gamma": 0.9}, TypeError, "gamma: neither a parameter of these losses, which have alpha, episodes, lambda_"),
    ],
)
def test_a_wrong_argument_is_named(options, error, message):
    with pytest.raises(error, match=message):
        wrongly(lb.td_lambda_error, **options)


def test_it_draws_the_errors_of_state_values():
    accepted = [loss.name for loss in lb.losses() if SCENES["walk"].accepts(loss)]
    assert accepted == ["td_error", "td_lambda_error"]
    assert {usual_scene(lb.td_error), usual_scene(lb.td_lambda_error)} == {"walk"}
    with pytest.raises(ValueError, match=r"loss: huber is a formula in \(r\); the scene 'walk' draws errors of the va"):
        make_payload(lb.huber, scene="walk")


def test_without_a_lambda_there_is_no_slider_for_it():
    payload = make_payload(lb.td_error)
    assert [one["name"] for one in payload["parameters"]] == ["alpha", "episodes"]
    assert payload["state"]["over"]["values"] == ["episodes", "alpha"]
    assert set(payload["cases"]) == {"Small steps", "Large steps"}
    with pytest.raises(ValueError, match="over: got 'lambda_'"):
        make_payload(lb.td_error, over="lambda_")


def test_the_traits_are_the_state():
    widget = explore(lb.td_lambda_error, lambda_=0.5, episodes=10, run=4)
    assert (widget.lambda_, widget.alpha, widget.episodes, widget.run, widget.over) == (0.5, 0.1, 10, 4, "episodes")
    widget.over = "lambda_"
    widget.episodes = 11
    data = data_of(widget.html)
    assert data["state"]["over"]["start"] == "lambda_" and data["parameters"][1]["default"] == 11
    for name, value in [("episodes", 2.5), ("run", 51), ("over", "alph")]:
        with pytest.raises(traitlets.TraitError, match=name):
            setattr(widget, name, value)


@pytest.mark.parametrize("loss", [lb.td_error, lb.td_lambda_error], ids=lambda loss: loss.name)
def test_every_loss_has_a_figure(loss):
    for over in make_payload(loss)["axes"]:
        text = island(loss, over=over, run=7, episodes=5)
        assert 'aria-label="A random walk of five states: the values that TD' in text
        assert f">{AXES[over].split()[0]}" in text and ">run 7<" in text and len(text) < 40_000


# ---------------------------------------------------------------- in a browser


def islands():
    """What the page holds; see the fixture `site`."""
    return [island(lb.td_lambda_error, id="walk"), island(lb.td_error, id="zero")]


def handle(page, id="walk"):
    return page.locator(f"#{id} .lb-data")


def slider(page, name, id="walk"):
    return page.locator(f"#{id} .lb-slider", has_text=name).locator("input")


def numbers(page, id="walk"):
    """The last column of the table."""
    return [float(text) for text in page.locator(f"#{id} .lb-readout td").all_text_contents()]


@pytest.mark.parametrize("way", [0, 1], ids=["file", "http"])
def test_the_page_has_torchs_numbers(visit, way):
    page = visit(way=way)
    for id, loss in (("walk", lb.td_lambda_error), ("zero", lb.td_error)):
        now, found = state(page, id), samples(page, id, loss.name)
        estimates = learn(loss, now)
        count = now["episodes"]
        for name, row in parts(estimates).items():
            np.testing.assert_allclose(found[name], row, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(found["values"], estimates[count, now["run"] - 1], rtol=1e-12)
        np.testing.assert_allclose(found["mean"], estimates[count].mean(0), rtol=1e-12)
        np.testing.assert_allclose(found["width"], estimates[count].std(0), rtol=1e-12)
        expected = [found[name][count] for name in ROWS]
        assert numbers(page, id) == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize("over", ["alpha", "lambda_"])
def test_along_an_axis_the_page_has_torchs_numbers(visit, over):
    page = visit()
    page.locator(f"#walk [data-over={over}]").click()
    other = next(name for name in ("lambda_", "alpha") if name != over)
    for name, value in [("run", 2), ("episodes", 8), (other, 0.2)]:
        page.evaluate("(given) => document.getElementById('walk').lossbook.set(...given)", [name, value])
        now, found = state(page, "walk"), samples(page, "walk", "td_lambda_error")
        assert found["x"] == list(GRIDS[over])
        for k in (0, 5, 12):
            estimates = learn(lb.td_lambda_error, {**now, over: found["x"][k]}, now["episodes"])[-1]
            expected = parts(estimates) | {"run": ((estimates[now["run"] - 1] - TRUTH) ** 2).mean() ** 0.5}
            assert [found[row][k] for row in ROWS] == pytest.approx([expected[row] for row in ROWS], rel=1e-12)
    assert page.locator("#walk [data-over][aria-pressed=true]").get_attribute("data-over") == over


def test_the_pointer_drags_the_point(visit):
    page = visit()
    drag(page, handle(page), 60, 0)
    now = state(page, "walk")
    assert 23 < now["episodes"] < 40 and now["episodes"] % 1 == 0
    assert page.locator("#walk caption").text_content() == f"After {now['episodes']} episodes, λ = 0.90, α = 0.10"
    page.locator("#walk [data-over=lambda_]").click()
    drag(page, handle(page), -100, 0)
    after = state(page, "walk")
    assert 0.5 < after["lambda_"] < 0.8 and after["episodes"] == now["episodes"]
    assert round(after["lambda_"] / 0.05, 6) % 1 == 0
    page.locator("#walk [data-over=alpha]").click()
    drag(page, handle(page), -2000, 0)
    assert state(page, "walk")["alpha"] == 0.01
    # A press in the left picture changes nothing.
    before = state(page, "walk")
    page.mouse.click(*middle(page.locator("#walk .lb-plot .lb-ring-line").nth(2)))
    assert state(page, "walk") == before


def test_the_keyboard_moves_the_point(visit):
    page = visit()
    handle(page).focus()
    for key, expected in [
        ("ArrowRight", 21), ("ArrowDown", 20), ("PageUp", 30), ("End", 50), ("ArrowUp", 50), ("Home", 0),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert state(page, "walk")["episodes"] == expected, key
    assert handle(page).get_attribute("aria-valuetext") == "episodes 0, error 0.24, bias 0.24, spread 0.00"
    page.locator("#walk [data-over=alpha]").click()
    handle(page).focus()
    for key, value in [("ArrowRight", 0.11), ("PageDown", 0.01), ("ArrowLeft", 0.01), ("End", 0.3)]:
        page.keyboard.press(key)
        assert state(page, "walk")["alpha"] == value, key
    assert handle(page).get_attribute("aria-label") == "step size α"
    assert [handle(page).get_attribute(f"aria-value{end}") for end in ("min", "max", "now")] == ["0.01", "0.3", "0.3"]


def test_a_larger_lambda_moves_the_error_from_bias_to_spread(visit):
    page = visit()
    found = []
    for value in (0, 0.5, 0.9):
        slider(page, "trust").fill(str(value))
        found.append(numbers(page))
    assert found[0][1] > found[1][1] > found[2][1] and found[0][2] < found[1][2] < found[2][2]
    estimates = learn(lb.td_lambda_error, state(page, "walk"), 20)[-1]
    assert found[2][:3] == pytest.approx(list(parts(estimates).values()), abs=6e-4)


def test_the_drawn_points_are_the_run(visit):
    page = visit()
    values = samples(page, "walk", "td_lambda_error")["values"]

    def heights(mark):
        marks = page.locator(f"#walk .lb-plot {mark}").all()
        return np.array([float(one.get_attribute("cy")) for one in marks])

    rings, dots = heights(".lb-ring-line"), heights("g[clip-path] > .lb-dot")
    unit = (rings[0] - rings[4]) / (TRUTH[4] - TRUTH[0])
    np.testing.assert_allclose(TRUTH[0] + (rings[0] - dots) / unit, values, atol=0.1 / unit)


def test_the_next_run_is_shown(visit):
    page = visit()
    page.locator("#walk").get_by_role("button", name="Next run").click()
    estimates = learn(lb.td_lambda_error, state(page, "walk"))
    assert state(page, "walk")["run"] == 2
    assert samples(page, "walk", "td_lambda_error")["values"] == pytest.approx(estimates[20, 1].tolist(), rel=1e-12)
    assert page.locator("#walk .lb-readout tbody th").last.text_content() == "run 2"
    page.evaluate("document.getElementById('walk').lossbook.set('run', 50)")
    page.locator("#walk").get_by_role("button", name="Next run").click()
    assert state(page, "walk")["run"] == 1


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_set_up(visit, name):
    page = visit()
    before = state(page, "walk")
    page.locator("#walk").get_by_role("button", name=name, exact=True).click()
    assert state(page, "walk") == before | CASES[name]
    page.locator("#walk button[data-action=reset]").click()
    assert state(page, "walk") == before


def test_the_address_keeps_the_state(visit):
    page = visit(way=1)
    handle(page).press("ArrowLeft")
    page.locator("#walk [data-over=lambda_]").click()
    slider(page, "step size").fill("0.05")
    wait_until_saved(page, "walk")
    assert page.url.endswith("?walk.alpha=0.05&walk.episodes=19&walk.over=lambda_#walk")
    again = visit(page.url[page.url.index("/page.html") :], way=1)
    assert state(again, "walk") == state(page, "walk")
    odd = visit("/page.html?walk.alpha=7&walk.episodes=2.5&walk.over=x&walk.run=0&zero.over=lambda_")
    for id in ("walk", "zero"):
        assert state(odd, id) == odd.evaluate("(id) => document.getElementById(id).lossbook.defaults", id)


def test_the_live_text_speaks_after_a_pause(visit):
    page = visit()
    assert page.locator("#walk .lb-live").text_content() == ""
    handle(page).press("ArrowRight")
    page.wait_for_function("document.querySelector('#walk .lb-live').textContent !== ''")
    said = page.locator("#walk .lb-live").text_content()
    assert said.startswith("After 21 episodes with λ = 0.90, α = 0.10 the error over all runs is 0.")
    assert all(f"{letter} 0." in said for letter in STATES)


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_nothing_overflows(visit, width):
    page = visit(width=width, has_touch=width < 500)
    assert outside(page) == []
    # A large error leaves the picture at the top, and the handle stays in it.
    page.locator("#walk").get_by_role("button", name="Monte Carlo").click()
    page.locator("#walk").get_by_role("button", name="Large steps").click()
    assert outside(page) == [] and "lb-outside" in handle(page).get_attribute("class")
    top = page.locator("#walk .lb-press").bounding_box()["y"]
    assert middle(handle(page).locator(".lb-dot"))[1] == pytest.approx(top, abs=2)
    if width < 500:  # the sliders follow the picture
        panel, first = page.locator("#walk .lb-panel").bounding_box(), page.locator("#walk .lb-sliders").bounding_box()
        assert first["y"] < panel["y"]


def test_a_finger_drags_the_point(visit):
    page = visit(width=390, has_touch=True)
    finger(page, handle(page).locator(".lb-dot"), 60, 5)
    assert 24 < state(page, "walk")["episodes"] < 40


@pytest.mark.parametrize(
    ("address", "expected"), [("/page.html", "rgb(31, 35, 40)"), ("/dark.html", "rgb(230, 233, 236)")]
)
def test_colors_follow_the_theme(visit, address, expected):
    page = visit(address)
    assert page.evaluate("getComputedStyle(document.querySelector('#walk .lb-curve.lb-total')).stroke") == expected


def test_without_javascript_the_figure_is_there(visit):
    page = visit(java_script_enabled=False)
    assert page.get_by_role("img", name="A random walk of five states").first.is_visible()
    assert page.locator(".lb-figure").count() == 2


@pytest.mark.parametrize("address", ["/page.html", "/dark.html"])
def test_axe_finds_nothing(visit, address):
    assert violations(visit, address) == []
