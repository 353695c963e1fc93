"""Temporal-difference errors against naive loops in NumPy; the random walk, Baird's star and the A-split example."""

import itertools
import json
import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from planting import planted, refused_by
from torch import Tensor

import lossbook as lb
from lossbook.check.calls import arguments_matter
from lossbook.check.traits import trait_verdicts
from lossbook.check.values import gradient_against_autograd

F64 = torch.float64
ALL = lb.losses("temporal_difference")
OF_ACTIONS = [loss for loss in ALL if loss.takes.by == ("q",)]
WITH_SWITCH = [loss for loss in ALL if loss.options]


def samples(loss: lb.Loss, seed: int = 0) -> list[tuple[Tensor, ...]]:
    torch.manual_seed(seed)
    return list(loss.takes.samples())


# --- naive loops: one episode, one step, one number at a time -------------------------------------------------


def episodes_of(loss: lb.Loss, sample: tuple[Tensor, ...]) -> list[dict[str, np.ndarray]]:
    """Each episode of a batch, by the names of the tensors."""
    dims = 1 if loss.takes.by == ("values",) else 2
    batch = sample[0].shape[:-dims]
    given = dict(zip(loss.takes.names, sample, strict=True))
    return [{name: x[i].numpy() for name, x in given.items()} for i in itertools.product(*map(range, batch))]


def naive_target(name: str, e: dict[str, np.ndarray], t: int, lambda_: float) -> float:
    """The target of one step, as the papers write it."""
    r, g = float(e["rewards"][t]), float(e["discounts"][t])
    if name == "td_error":
        return r + g * float(e["values"][t + 1])
    if name == "td_lambda_error":
        if t == len(e["rewards"]) - 1:
            return r + g * float(e["values"][t + 1])
        later = naive_target(name, e, t + 1, lambda_)
        return r + g * ((1 - lambda_) * float(e["values"][t + 1]) + lambda_ * later)
    following = [float(x) for x in e["q"][t + 1]]
    if name == "q_learning_error":
        return r + g * max(following)
    if name == "sarsa_error":
        return r + g * following[int(e["actions"][t + 1])]
    if name == "expected_sarsa_error":
        return r + g * sum(float(p) * x for p, x in zip(e["policy"][t + 1], following, strict=True))
    best = following.index(max(following))
    return r + g * float(e["q_evaluator"][t + 1][best])


def naive(loss: lb.Loss, sample: tuple[Tensor, ...], lambda_: float = 0.9) -> np.ndarray:
    rows = []
    for e in episodes_of(loss, sample):
        for t in range(len(e["rewards"])):
            now = e["values"][t] if "values" in e else e["q"][t][int(e["actions"][t])]
            rows.append(naive_target(loss.name, e, t, lambda_) - float(now))
    return np.array(rows)


@pytest.mark.parametrize("loss", ALL, ids=str)
@pytest.mark.parametrize("lambda_", [0.0, 0.35, 0.9, 1.0])
def test_a_naive_loop_agrees(loss: lb.Loss, lambda_: float) -> None:
    given = {"lambda_": lambda_} if loss.parameters else {}
    for sample in samples(loss):
        expected = torch.from_numpy(naive(loss, sample, lambda_))
        found = loss(*sample, **given)
        rewards = sample[loss.takes.names.index("rewards")]
        assert found.shape == rewards.shape
        torch.testing.assert_close(found.flatten(), expected, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(loss(*sample, reduction="sum", **given), expected.sum(), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(loss(*sample, reduction="mean", **given), expected.mean(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("loss", WITH_SWITCH, ids=str)
@pytest.mark.parametrize("full", [False, True])
def test_the_gradient_is_that_of_the_naive_loop(loss: lb.Loss, full: bool) -> None:
    """Central differences of the loop; semi-gradient: of the prediction alone, with the target as a number."""
    for sample in samples(loss)[:3]:
        slope = loss.gradient(*sample, full_gradient=full)
        expected, h = torch.zeros_like(sample[0]), 1e-6
        fixed = naive(loss, sample)
        for i in itertools.product(*map(range, sample[0].shape)):
            ends = []
            for side in (h, -h):
                moved = sample[0].clone()
                moved[i] += side
                errors = naive(loss, (moved, *sample[1:]))
                if not full:  # only what the prediction itself changes
                    before, after = (predictions(loss, (x, *sample[1:])) for x in (sample[0], moved))
                    errors = fixed - (after - before)
                ends.append(errors.sum())
            expected[i] = (ends[0] - ends[1]) / (2 * h)
        torch.testing.assert_close(slope, expected, rtol=1e-6, atol=1e-6)


def predictions(loss: lb.Loss, sample: tuple[Tensor, ...]) -> np.ndarray:
    rows = []
    for e in episodes_of(loss, sample):
        for t in range(len(e["rewards"])):
            rows.append(e["values"][t] if "values" in e else e["q"][t][int(e["actions"][t])])
    return np.array(rows, dtype=float)


@pytest.mark.parametrize("loss", ALL, ids=str)
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_the_gradient_is_that_of_autograd(loss: lb.Loss, reduction: str) -> None:
    switches = [{"full_gradient": x} for x in (False, True)] if loss.options else [{}]
    for sample, given in itertools.product(samples(loss), switches):
        leaf = sample[0].clone().requires_grad_()
        value = loss(leaf, *sample[1:], reduction=reduction, **given).sum()
        (expected,) = torch.autograd.grad(value, leaf)
        found = loss.gradient(*sample, reduction=reduction, **given)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_numbers_by_hand() -> None:
    values = torch.tensor([0.5, 0.25, 0.75], dtype=F64)
    rewards, discounts = torch.tensor([1.0, 2.0], dtype=F64), torch.tensor([0.5, 0.0], dtype=F64)
    assert lb.td_error(values, rewards, discounts).tolist() == [0.625, 1.75]
    assert lb.td_lambda_error(values, rewards, discounts, lambda_=0.5).tolist() == [
        1 + 0.5 * (0.5 * 0.25 + 0.5 * 2) - 0.5,
        1.75,
    ]
    q = torch.tensor([[1.0, 2.0], [3.0, 7.0]], dtype=F64)
    other = torch.tensor([[0.0, 0.0], [5.0, -4.0]], dtype=F64)
    step = torch.tensor([1.0], dtype=F64), torch.tensor([0.5], dtype=F64)
    zero = torch.tensor([0])
    assert lb.q_learning_error(q, zero, *step).tolist() == [3.5]
    assert lb.sarsa_error(q, torch.tensor([0, 0]), *step).tolist() == [1.5]
    policy = torch.tensor([[0.5, 0.5], [0.25, 0.75]], dtype=F64)
    assert lb.expected_sarsa_error(q, zero, *step, policy).tolist() == [3.0]
    assert lb.double_q_learning_error(q, other, zero, *step).tolist() == [-2.0]


# --- how they belong together ---------------------------------------------------------------------------------


def test_lambda_0_is_td_and_1_is_the_return() -> None:
    for sample in samples(lb.td_lambda_error):
        values, rewards, discounts = sample
        torch.testing.assert_close(lb.td_lambda_error(*sample, lambda_=0.0), lb.td_error(*sample))
        returns = values[..., -1].clone()  # what comes after the row is the last value
        found = []
        for t in reversed(range(rewards.shape[-1])):
            returns = rewards[..., t] + discounts[..., t] * returns
            found.append(returns - values[..., t])
        monte_carlo = torch.stack(found[::-1], -1)
        torch.testing.assert_close(lb.td_lambda_error(*sample, lambda_=1.0), monte_carlo, rtol=1e-12, atol=1e-12)


def test_it_is_the_sum_of_the_coming_td_errors() -> None:
    values, rewards, discounts = samples(lb.td_lambda_error)[1]
    one = lb.td_error(values, rewards, discounts)
    for lambda_ in (0.3, 0.8):
        total, expected = torch.zeros((), dtype=F64), []
        for t in reversed(range(len(rewards))):
            total = one[t] + lambda_ * discounts[t] * total
            expected.append(total)
        found = lb.td_lambda_error(values, rewards, discounts, lambda_=lambda_)
        torch.testing.assert_close(found, torch.stack(expected[::-1]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 1000])
def test_every_length_of_an_episode(steps: int) -> None:
    """The rounds double: at powers of two one may be missing."""
    generator = np.random.default_rng(steps)
    v, r = generator.normal(size=steps + 1), generator.normal(size=steps)
    g = generator.uniform(0.8, 1.0, size=steps) * (generator.uniform(size=steps) > 0.1)
    expected, later = np.zeros(steps), v[-1]
    for t in reversed(range(steps)):
        later = r[t] + g[t] * (0.05 * v[t + 1] + 0.95 * later)
        expected[t] = later - v[t]
    found = lb.td_lambda_error(*map(torch.from_numpy, (v, r, g)), lambda_=0.95)
    torch.testing.assert_close(found, torch.from_numpy(expected), rtol=1e-12, atol=1e-12)


def test_two_episodes_in_one_row() -> None:
    """A discount of 0 lets nothing through."""
    values, rewards = torch.randn(8, dtype=F64), torch.randn(7, dtype=F64)
    discounts = torch.tensor([0.9, 0.9, 0.0, 0.9, 0.9, 0.9, 0.0], dtype=F64)
    whole = lb.td_lambda_error(values, rewards, discounts, lambda_=0.8)
    first = lb.td_lambda_error(values[:4], rewards[:3], discounts[:3], lambda_=0.8)
    second = lb.td_lambda_error(values[3:], rewards[3:], discounts[3:], lambda_=0.8)
    torch.testing.assert_close(whole, torch.cat([first, second]))
    changed = torch.cat([values[:3], values[3:] + 100])
    assert torch.equal(lb.td_error(changed, rewards, discounts)[:3], lb.td_error(values, rewards, discounts)[:3])


def test_errors_of_actions_belong_together() -> None:
    q, actions, rewards, discounts, policy = samples(lb.expected_sarsa_error)[4]
    expected = torch.zeros_like(rewards)
    for action in range(q.shape[-1]):  # the mean of SARSA's errors over the next action
        following = torch.full_like(actions[..., :1], action)
        one = [
            lb.sarsa_error(
                q[..., t : t + 2, :],
                torch.cat([actions[..., t : t + 1], following], -1),
                rewards[..., t : t + 1],
                discounts[..., t : t + 1],
            )
            for t in range(rewards.shape[-1])
        ]
        expected += policy[..., 1:, action] * torch.cat(one, -1)
    found = lb.expected_sarsa_error(q, actions, rewards, discounts, policy)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)

    greedy = torch.zeros_like(q).scatter(-1, q.argmax(-1, keepdim=True), 1.0)
    best = lb.q_learning_error(q, actions, rewards, discounts)
    torch.testing.assert_close(lb.expected_sarsa_error(q, actions, rewards, discounts, greedy), best)
    torch.testing.assert_close(lb.double_q_learning_error(q, q, actions, rewards, discounts), best)


def test_of_several_best_actions_each_has_a_part() -> None:
    q = torch.tensor([[0.0, 0.0, 0.0], [2.0, 2.0, 1.0]], dtype=F64)
    step = torch.tensor([2]), torch.tensor([0.0], dtype=F64), torch.tensor([0.5], dtype=F64)
    found = lb.q_learning_error.gradient(q, *step, full_gradient=True)
    assert found.tolist() == [[0, 0, -1], [0.25, 0.25, 0]]
    leaf = q.clone().requires_grad_()
    lb.q_learning_error(leaf, *step, full_gradient=True).sum().backward()
    torch.testing.assert_close(leaf.grad, found)


def test_huber_of_the_error_clips_it() -> None:
    """As in DQN: the gradient by a value is the error, at most 1 in size."""
    values = torch.tensor([0.0, 5.0, 4.8, 0.0], dtype=F64, requires_grad=True)
    rewards, discounts = torch.zeros(3, dtype=F64), torch.ones(3, dtype=F64)
    error = lb.td_error(values, rewards, discounts)
    lb.huber(error, torch.zeros_like(error), reduction="sum").backward()
    assert values.grad is not None
    torch.testing.assert_close(values.grad[:-1], -error.detach().clamp(-1, 1))
    assert values.grad[-1] == 0


# --- Sutton & Barto's examples --------------------------------------------------------------------------------

TRUE = np.arange(1, 6) / 6


def walks(runs: int, episodes: int, seed: int) -> list[list[list[int]]]:
    """Random walks from the middle of seven places to one of the ends."""
    generator = random.Random(seed)

    def one() -> list[int]:
        path = [3]
        while 0 < path[-1] < 6:
            path.append(path[-1] + generator.choice((-1, 1)))
        return path

    return [[one() for _ in range(episodes)] for _ in range(runs)]


def walk_loop(paths: list[list[list[int]]], alpha: float, kind: str, lambda_: float = 0.0) -> np.ndarray:
    """The RMS error after each episode, averaged over the runs: plain NumPy, one number at a time."""
    curve = np.zeros(len(paths[0]) + 1)
    for run in paths:
        v = np.array([0, 0.5, 0.5, 0.5, 0.5, 0.5, 0])
        curve[0] += math.sqrt(np.mean((v[1:6] - TRUE) ** 2)) / len(paths)
        for number, path in enumerate(run, 1):
            change = np.zeros(7)
            later = 0.0
            if kind == "td":
                for here, there in itertools.pairwise(path):
                    v[here] += alpha * ((there == 6) + v[there] - v[here])
            elif kind == "mc":
                for here in path[:-1]:
                    v[here] += alpha * ((path[-1] == 6) - v[here])
            else:  # the errors of the whole episode, at the values before it
                for here, there in reversed(list(itertools.pairwise(path))):
                    later = (there == 6) + (1 - lambda_) * v[there] + (lambda_ * later if 0 < there < 6 else 0.0)
                    change[here] += alpha * (later - v[here])
            v += change
            curve[number] += math.sqrt(np.mean((v[1:6] - TRUE) ** 2)) / len(paths)
    return curve


@pytest.mark.parametrize(("alpha", "lambda_"), [(0.1, 0.0), (0.05, 0.8), (0.02, 1.0)])
def test_the_random_walk_with_lambda(alpha: float, lambda_: float) -> None:
    """Whole episodes at once, all runs at once; the shorter ones stay at their end."""
    paths = walks(runs=25, episodes=40, seed=1)
    longest = max(len(path) for run in paths for path in run)
    places = torch.tensor([[path + [path[-1]] * (longest - len(path)) for path in run] for run in paths])
    v = torch.tensor([0, 0.5, 0.5, 0.5, 0.5, 0.5, 0], dtype=F64).repeat(len(paths), 1)
    curve = [(v[:, 1:6] - torch.from_numpy(TRUE)).square().mean(1).sqrt().mean()]
    for episode in places.unbind(1):
        here, there = episode[:, :-1], episode[:, 1:]
        rewards, discounts = ((here == 5) & (there == 6)).double(), ((there > 0) & (there < 6)).double()
        error = lb.td_lambda_error(v.gather(1, episode), rewards, discounts, lambda_=lambda_)
        v = v.scatter_add(1, here, alpha * error)
        curve.append((v[:, 1:6] - torch.from_numpy(TRUE)).square().mean(1).sqrt().mean())
    expected = walk_loop(paths, alpha, "lambda", lambda_)
    torch.testing.assert_close(torch.stack(curve), torch.from_numpy(expected), rtol=1e-11, atol=1e-12)


# RMS error after 100 episodes, averaged over 100 runs, by step size: the table of the chapter.
FIGURE = {
    ("td", 0.05): 0.036,
    ("td", 0.1): 0.056,
    ("td", 0.15): 0.071,
    ("mc", 0.01): 0.098,
    ("mc", 0.02): 0.083,
    ("mc", 0.03): 0.096,
    ("mc", 0.04): 0.110,
}


def chapter() -> dict[str, Any]:
    """The cells of the chapter that walk, run."""
    path = Path(__file__).parents[1] / "chapters" / "temporal_difference.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    found: dict[str, Any] = {"torch": torch, "lb": lb}
    torch.set_default_dtype(F64)
    try:
        for cell in cells:
            source = "".join(cell["source"])
            if cell["cell_type"] == "code" and "# the random walk" in source:
                exec(source, found)
    finally:
        torch.set_default_dtype(torch.float32)
    return found


def test_the_figure_of_the_random_walk() -> None:
    """The chapter's own code and episodes; an independent loop over the same episodes; the numbers of the text."""
    names = chapter()
    paths = names["paths"]
    assert paths.shape[:2] == (100, 100)
    plain = [[[int(x) for x in row] for row in run] for run in paths.tolist()]
    for run in plain:
        for i, row in enumerate(run):
            end = next(t for t, place in enumerate(row) if place in (0, 6))
            run[i] = row[: end + 1]
    for (kind, alpha), about in FIGURE.items():
        curve = names["curves"][kind, alpha]
        expected = walk_loop(plain, alpha, kind)
        torch.testing.assert_close(curve, torch.from_numpy(expected), rtol=1e-10, atol=1e-12)
        assert curve[100].item() == pytest.approx(about, abs=0.0006)


def test_batches_of_the_walk_end_near_the_truth() -> None:
    """Step sizes that shrink: TD and Monte Carlo go to the same values."""
    paths = walks(runs=8, episodes=300, seed=3)
    for kind in ("td", "mc"):
        assert walk_loop(paths, 0.01, kind)[-1] < 0.06


def baird(full: bool, sweeps: int) -> Tensor:
    """Seven states, eight weights, no reward, all steps to the seventh state; Sutton & Barto's numbers."""
    x = torch.zeros(7, 8, dtype=F64)
    x[:6, :6], x[:6, 7], x[6, 6], x[6, 7] = 2 * torch.eye(6, dtype=F64), 1, 1, 2
    w = torch.tensor([1.0, 1, 1, 1, 1, 1, 10, 1], dtype=F64)
    sizes = [w.norm()]
    for _ in range(sweeps):
        w = w.detach().requires_grad_()
        values = x @ w
        steps = torch.stack([values, values[6].expand(7)], -1)
        discount = torch.full((7, 1), 0.99, dtype=F64)
        error = lb.td_error(steps, torch.zeros(7, 1, dtype=F64), discount, full_gradient=full)
        loss = lb.mse(error, torch.zeros_like(error)) / 2
        (slope,) = torch.autograd.grad(loss, w)
        w = w - 0.01 * slope
        sizes.append(w.norm())
    return torch.stack(sizes).detach()


def test_bairds_star() -> None:
    semi, full = baird(False, 1000), baird(True, 1000)
    assert semi[-1] > 5 * semi[0] and semi[1000] > 1.5 * semi[500] > 1.5 * semi[0]
    assert full[-1] < full[0] and (full.diff() <= 1e-12).all()


def test_bairds_star_by_matrices() -> None:
    """The same steps as products of matrices, in NumPy."""
    x = np.zeros((7, 8))
    for i in range(6):
        x[i, i], x[i, 7] = 2, 1
    x[6, 6], x[6, 7] = 1, 2
    w = np.array([1.0, 1, 1, 1, 1, 1, 10, 1])
    semi, full = w.copy(), w.copy()
    for _ in range(200):
        semi = semi + 0.01 / 7 * x.T @ (0.99 * x[6] @ semi - x @ semi)
        error = 0.99 * x[6] @ full - x @ full
        full = full - 0.01 / 7 * (0.99 * np.tile(x[6], (7, 1)) - x).T @ error
    assert baird(False, 200)[-1].item() == pytest.approx(np.linalg.norm(semi), rel=1e-10)
    assert baird(True, 200)[-1].item() == pytest.approx(np.linalg.norm(full), rel=1e-10)


@pytest.mark.parametrize(("full", "ends"), [(False, [0.5, 1.0, 0.0]), (True, [0.5, 0.75, 0.25])])
def test_the_a_split_example(full: bool, ends: list[float]) -> None:
    """Sutton & Barto, example 11.2: A goes to B or C; B ends with 1, C with 0."""
    places = torch.tensor([[0, 1, 3], [0, 2, 3]])
    rewards, discounts = torch.tensor([[0.0, 1.0], [0.0, 0.0]], dtype=F64), torch.tensor([[1.0, 0.0]] * 2, dtype=F64)
    v = torch.zeros(4, dtype=F64)
    for _ in range(4000):
        v = v.detach().requires_grad_()
        error = lb.td_error(v[places], rewards, discounts, full_gradient=full)
        (slope,) = torch.autograd.grad(lb.mse(error, torch.zeros_like(error), reduction="sum") / 2, v)
        v = v - 0.05 * slope
    torch.testing.assert_close(v[:3], torch.tensor(ends, dtype=F64), rtol=1e-6, atol=1e-6)


# --- extremes, ways to call, errors ---------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ALL, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_finite_at_every_size(loss: lb.Loss, dtype: torch.dtype) -> None:
    for sample in samples(loss):
        named = zip(loss.takes.names, sample, strict=True)
        large = [1e4 * x.sign() if name in loss.takes.tables else x for name, x in named]
        cast = [x.to(dtype) if x.is_floating_point() else x for x in large]
        leaf = cast[0].clone().requires_grad_()
        value = loss(leaf, *cast[1:])
        (slope,) = torch.autograd.grad(value.float().sum(), leaf)
        assert value.dtype == slope.dtype == dtype and value.isfinite().all() and slope.isfinite().all()
        assert loss.gradient(*cast).isfinite().all()


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_nan_gives_nan(loss: lb.Loss) -> None:
    sample = samples(loss)[1]
    spoiled = sample[0].clone()
    spoiled[0] = math.nan
    assert loss(spoiled, *sample[1:])[0].isnan()


def test_a_nan_that_argmax_finds_is_not_replaced() -> None:
    """Both tables count: the one that chooses is NaN, the other one is a number."""
    for wrong in (0, 1):
        tensors = list(samples(lb.double_q_learning_error)[3])
        tensors[wrong] = tensors[wrong].clone()
        tensors[wrong][0, 2] = math.nan
        found = lb.double_q_learning_error(*tensors)
        assert found[0, 1].isnan() and found[1:].isfinite().all() and found[0, 3].isfinite()


@pytest.mark.parametrize("actions", [3, 70_000])
def test_probabilities_add_up_however_many_actions_there_are(actions: int) -> None:
    policy = torch.full((2, actions), 1 / actions, dtype=F64)
    q, rest = torch.ones_like(policy), (torch.tensor([1]), torch.ones(1, dtype=F64), torch.ones(1, dtype=F64))
    torch.testing.assert_close(lb.expected_sarsa_error(q, *rest, policy), torch.ones(1, dtype=F64))
    with pytest.raises(ValueError, match="policy: got probabilities that add up to 0.5"):
        lb.expected_sarsa_error(q, *rest, policy / 2)


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_no_episodes(loss: lb.Loss) -> None:
    none = [x[:0] for x in samples(loss)[3]]
    steps = none[loss.takes.names.index("rewards")].shape
    assert loss(*none).shape == steps and loss(*none, reduction="sum") == 0
    assert loss(*none, reduction="mean").isnan() and loss.gradient(*none).shape == none[0].shape


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_vmap_grad_and_compile(loss: lb.Loss) -> None:
    sample = samples(loss)[3]
    each = loss(*sample)
    torch.testing.assert_close(torch.func.vmap(loss)(*sample), each)
    single = [x[1] for x in sample]
    slope = torch.func.grad(lambda *x: loss(*x, reduction="sum"))(*single)
    torch.testing.assert_close(slope, loss.gradient(*single))
    leaf = sample[0].clone().requires_grad_()
    step = torch.compile(lambda *x: loss(*x), fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(step(leaf, *sample[1:]), each)


@pytest.mark.parametrize("loss", WITH_SWITCH, ids=str)
def test_no_gradient_goes_into_the_target_unless_asked(loss: lb.Loss) -> None:
    """Rewards too: a learned reward model is not moved toward the values."""
    sample = samples(loss)[3]
    at = loss.takes.names.index("rewards")
    rewards = sample[at].clone().requires_grad_()
    given = (*sample[:at], rewards, *sample[at + 1 :])
    leaf = given[0].clone().requires_grad_()
    loss(leaf, *given[1:], reduction="sum").backward()
    assert rewards.grad is None
    loss(leaf, *given[1:], reduction="sum", full_gradient=True).backward()
    assert rewards.grad is not None and (rewards.grad != 0).any()


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_only_the_estimates_learn(loss: lb.Loss) -> None:
    """Neither the policy, nor the discounts, nor the other table."""
    named = zip(loss.takes.names, samples(loss)[3], strict=True)
    leaves = {name: x.clone().requires_grad_(x.is_floating_point()) for name, x in named}
    loss(*leaves.values(), reduction="sum").backward()
    assert [name for name, x in leaves.items() if x.grad is not None] == list(loss.takes.by)


@pytest.mark.parametrize("loss", ALL, ids=str)
@pytest.mark.parametrize("batched", ["estimates", "steps"])
def test_vmap_over_some_tensors(loss: lb.Loss, batched: str) -> None:
    """One table for many episodes, or many tables for one episode: value and gradient."""
    sample = samples(loss)[1]
    dims = tuple(0 if (name in loss.takes.tables) == (batched == "estimates") else None for name in loss.takes.names)
    stacked = [x if dim is None else torch.stack([x, x.flip(0)]) for x, dim in zip(sample, dims, strict=True)]
    for of in (loss, loss.gradient):
        found = torch.func.vmap(of, in_dims=dims)(*stacked)
        for number in range(2):
            one = [x if dim is None else x[number] for x, dim in zip(stacked, dims, strict=True)]
            torch.testing.assert_close(found[number], of(*one))


def test_what_does_not_fit_is_refused_by_name() -> None:
    values, rewards, discounts = samples(lb.td_error)[3]
    q, actions, q_rewards, q_discounts, policy = samples(lb.expected_sarsa_error)[3]
    step = q_rewards, q_discounts
    cases: list[tuple[lb.Loss, tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
        (lb.td_error, (values[:, :1], rewards, discounts), {}, ValueError, r"values: got shape \(3, 1\), expected"),
        (lb.td_error, (values.long(), rewards, discounts), {}, ValueError, r"values: got dtype torch.int64"),
        (lb.td_error, (values, rewards[:, :-1], discounts), {}, ValueError, r"rewards: got shape \(3, 3\), .*\(3, 4\)"),
        (lb.td_error, (values, rewards, discounts[..., None]), {}, ValueError, r"discounts: got shape \(3, 4, 1\)"),
        (lb.td_error, (values, rewards, 0.9), {}, TypeError, r"discounts: got 0.9 of type float"),
        (lb.td_error, (values, rewards, discounts + 1), {}, ValueError, r"discounts: got the value .* in \[0, 1\]"),
        (lb.td_error, (values, rewards, discounts), {"full_gradient": 1}, TypeError, r"full_gradient: got 1"),
        (lb.td_error, (values, rewards, discounts), {"reduction": "batchmean"}, ValueError, r"reduction: got"),
        (lb.td_lambda_error, (values, rewards, discounts), {"lambda_": 1.5}, ValueError, r"lambda_: got 1.5"),
        (lb.td_lambda_error, (values, rewards, discounts), {"lambda_": rewards}, TypeError, r"lambda_: got"),
        (lb.q_learning_error, (q[0, 0], actions, *step), {}, ValueError, r"q: got shape \(2,\)"),
        (lb.q_learning_error, (q, actions + 1, *step), {}, ValueError, r"actions: got the action 2, expected 0 to 1"),
        (lb.q_learning_error, (q, actions - 1, *step), {}, ValueError, r"actions: got the action -1"),
        (lb.q_learning_error, (q, actions.double(), *step), {}, ValueError, r"actions: got dtype torch.float64"),
        (lb.q_learning_error, (q, actions.tolist(), *step), {}, TypeError, r"actions: got"),
        (lb.q_learning_error, (q, actions[..., None], *step), {}, ValueError, r"actions: got shape \(3, 4, 1\)"),
        (lb.sarsa_error, (q, actions, *step), {}, ValueError, r"actions: got shape \(3, 4\), expected \(3, 5\).*state"),
        (lb.expected_sarsa_error, (q, actions, *step, policy[:, 1:]), {}, ValueError, r"policy: got shape"),
        (lb.expected_sarsa_error, (q, actions, *step, policy / 2), {}, ValueError, r"policy: got .* add up to 0.5"),
        (lb.expected_sarsa_error, (q, actions, *step, policy - 1), {}, ValueError, r"policy: got the value"),
        (lb.double_q_learning_error, (q, q[..., :1], actions, *step), {}, ValueError, r"q_evaluator: got shape"),
    ]  # fmt: skip
    for loss, tensors, given, error, words in cases:
        with pytest.raises(error, match=words):
            loss(*tensors, **given)
        with pytest.raises(error, match=words):
            loss.gradient(*tensors, **given)


def test_names_in_other_libraries() -> None:
    assert lb.get("td_learning") is lb.get("TD(0)") is lb.td_error
    assert lb.get("rlax.td_lambda") is lb.td_lambda_error
    assert lb.get("Q-learning") is lb.q_learning_error and lb.get("expected_sarsa") is lb.expected_sarsa_error


# --- traits, both ways ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", ["lambda_ <= 0", "lambda_ >= 0", True, False])
def test_other_claims_of_later_rewards_are_refused(claim: str | bool) -> None:
    """(tests/test_check.py denies every claim that is a plain yes or no.)"""
    wrong = planted(lb.td_lambda_error, traits=replace(lb.td_lambda_error.traits, later_rewards=claim))
    torch.manual_seed(0)
    failed = [verdict.subject for verdict in trait_verdicts(wrong) if verdict.disagreement]
    assert failed == [f"depends on later rewards: {claim}"]


def test_a_target_that_is_not_held_reaches_the_next_state() -> None:
    def full(*tensors: Tensor, reduction: str = "none", full_gradient: bool = True, **given: Any) -> Tensor:
        return lb.q_learning_error.function(*tensors, reduction=reduction, full_gradient=True, **given)

    def slope(*tensors: Tensor, reduction: str = "none", full_gradient: bool = True, **given: Any) -> Tensor:
        return lb.q_learning_error.gradient(*tensors, reduction=reduction, full_gradient=True, **given)

    lines = refused_by(planted(lb.q_learning_error, full, closed_form=slope))
    assert "gradient reaches the next state's value: False" in lines
    assert "gradient  " in lines  # nor is it that of the formula


# --- planted mistakes -----------------------------------------------------------------------------------------

Code = Callable[..., Tensor]


def wrong_sign(values: Tensor, rewards: Tensor, discounts: Tensor, *, reduction: str, **given: Any) -> Tensor:
    return -lb.td_error.function(values, rewards, discounts, reduction=reduction, **given)


def no_discount(values: Tensor, rewards: Tensor, discounts: Tensor, *, reduction: str, **given: Any) -> Tensor:
    ones = torch.ones_like(discounts)
    return lb.td_error.function(values, rewards, ones, reduction=reduction, **given)


def forgotten_detach(values: Tensor, rewards: Tensor, discounts: Tensor, *, reduction: str, **given: Any) -> Tensor:
    return lb.td_error.function(values, rewards, discounts, full_gradient=True, reduction=reduction)


def detached_prediction(values: Tensor, rewards: Tensor, discounts: Tensor, *, reduction: str, **given: Any) -> Tensor:
    """The wrong side is held."""
    error = rewards + discounts * values[..., 1:] - values[..., :-1].detach()
    return lb.loss.reduce(error, reduction)


def mean_over_states(values: Tensor, rewards: Tensor, discounts: Tensor, *, reduction: str, **given: Any) -> Tensor:
    error = lb.td_error.function(values, rewards, discounts, reduction="none", **given)
    return error.sum() / values.numel() if reduction == "mean" else lb.loss.reduce(error, reduction)


@pytest.mark.parametrize("code", [wrong_sign, no_discount, forgotten_detach, detached_prediction, mean_over_states])
def test_td_mistakes_are_refused(code: Code) -> None:
    assert refused_by(planted(lb.td_error, code))


@pytest.mark.parametrize(
    "lambdas",
    [
        lambda x: 1 - x,  # the other way round
        lambda x: 0.0,  # ignored
    ],
)
def test_lambda_mistakes_are_refused(lambdas: Callable[[float], float]) -> None:
    def code(*tensors: Tensor, lambda_: float = 0.9, reduction: str, **given: Any) -> Tensor:
        return lb.td_lambda_error.function(*tensors, lambda_=lambdas(lambda_), reduction=reduction, **given)

    assert refused_by(planted(lb.td_lambda_error, code))


def test_a_last_value_that_is_forgotten_is_refused() -> None:
    def code(values: Tensor, *tensors: Tensor, reduction: str, **given: Any) -> Tensor:
        ends = torch.cat([values[..., :-1], torch.zeros_like(values[..., -1:])], -1)
        return lb.td_lambda_error.function(ends, *tensors, reduction=reduction, **given)

    assert refused_by(planted(lb.td_lambda_error, code))


def plant(loss: lb.Loss, error: Callable[..., Tensor]) -> lb.Loss:
    """Other code, with a target that is held."""

    def code(*tensors: Tensor, full_gradient: bool = False, reduction: str = "none") -> Tensor:
        return lb.loss.reduce(error(*tensors), reduction)

    return planted(loss, code)


def taken(q: Tensor, actions: Tensor) -> Tensor:
    return q.gather(-1, actions[..., None]).squeeze(-1)


def test_mistakes_with_actions_are_refused() -> None:
    def best_now(q: Tensor, a: Tensor, r: Tensor, g: Tensor) -> Tensor:
        return r + g * q[..., :-1, :].amax(-1).detach() - taken(q[..., :-1, :], a)

    def best_predicted(q: Tensor, a: Tensor, r: Tensor, g: Tensor) -> Tensor:
        return r + g * q[..., 1:, :].amax(-1).detach() - q[..., :-1, :].amax(-1)

    def same_action(q: Tensor, a: Tensor, r: Tensor, g: Tensor) -> Tensor:
        return r + g * taken(q[..., 1:, :], a[..., :-1]).detach() - taken(q[..., :-1, :], a[..., :-1])

    def policy_of_now(q: Tensor, a: Tensor, r: Tensor, g: Tensor, p: Tensor) -> Tensor:
        return r + g * (p[..., :-1, :] * q[..., 1:, :]).sum(-1).detach() - taken(q[..., :-1, :], a)

    def mean_value(q: Tensor, a: Tensor, r: Tensor, g: Tensor, p: Tensor) -> Tensor:
        return r + g * q[..., 1:, :].mean(-1).detach() - taken(q[..., :-1, :], a)

    def swapped(q: Tensor, other: Tensor, a: Tensor, r: Tensor, g: Tensor) -> Tensor:
        best = other[..., 1:, :].argmax(-1)
        return r + g * taken(q[..., 1:, :], best).detach() - taken(q[..., :-1, :], a)

    def both(q: Tensor, other: Tensor, a: Tensor, r: Tensor, g: Tensor) -> Tensor:
        return r + g * other[..., 1:, :].amax(-1).detach() - taken(q[..., :-1, :], a)

    assert refused_by(plant(lb.q_learning_error, best_now))
    assert refused_by(plant(lb.q_learning_error, best_predicted))
    assert refused_by(plant(lb.sarsa_error, same_action))
    lines = refused_by(plant(lb.expected_sarsa_error, policy_of_now))
    assert "zero on average at the true values: True" in lines
    assert refused_by(plant(lb.expected_sarsa_error, mean_value))
    assert refused_by(plant(lb.double_q_learning_error, swapped))
    lines = refused_by(plant(lb.double_q_learning_error, both))
    assert "positive on average where the values are noisy: False" in lines


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_wrong_derivations_are_refused(loss: lb.Loss) -> None:
    def doubled(*tensors: Tensor, reduction: str = "none", **given: Any) -> Tensor:
        return 2 * loss.gradient(*tensors, reduction=reduction, **given)

    def not_averaged(*tensors: Tensor, reduction: str = "none", **given: Any) -> Tensor:
        return loss.gradient(*tensors, reduction="sum", **given)

    for slope in (doubled, not_averaged):
        assert any(verdict.disagreement for verdict in gradient_against_autograd(planted(loss, closed_form=slope)))


@pytest.mark.parametrize("loss", WITH_SWITCH, ids=str)
def test_a_switch_that_does_nothing_is_refused(loss: lb.Loss) -> None:
    def code(*tensors: Tensor, reduction: str = "none", full_gradient: bool = False, **given: Any) -> Tensor:
        return loss.function(*tensors, reduction=reduction, **given)

    def slope(*tensors: Tensor, reduction: str = "none", full_gradient: bool = False, **given: Any) -> Tensor:
        return loss.gradient(*tensors, reduction=reduction, **given)

    (verdict,) = arguments_matter(planted(loss, code, closed_form=slope))
    assert verdict.disagreement == "with the same loss of every sample for full_gradient"
