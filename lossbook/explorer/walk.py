"""The walk scene: values of Sutton and Barto's five-state random walk, learned with a step size and a lambda."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lossbook import plot
from lossbook.explorer import still
from lossbook.explorer.scene import Payload, Scene, choice, defaults, start
from lossbook.loss import Loss, Parameter

RUNS, EPISODES, SEED = 50, 50, 12345
STATES, RIGHT = "ABCDE", 6  # states are 1 to 5; 0 and 6 are the ends
TRUTH = np.arange(1, RIGHT) / RIGHT
XLIM, VALUES, TOP = (0.7, 5.3), (-0.2, 1.2), 0.4
ALPHA = Parameter(
    "alpha", r"\alpha", "α", "step size", default=0.1, low=0.0, high=1.0, slider=(0.01, 0.3, 0.01)
)  # fmt: skip
COUNT = Parameter(
    "episodes", "n", "n", "episodes seen", default=20.0, low=0.0, high=EPISODES, slider=(0, EPISODES, 1),
    open_low=False, choices=tuple(range(EPISODES + 1)),
)  # fmt: skip
AXES = {"episodes": "episodes", "alpha": "step size α", "lambda_": "λ"}
# Where the errors are computed along each axis; near lambda = 1 the curve bends.
GRIDS = {
    "episodes": tuple(range(EPISODES + 1)),
    "alpha": (0.01, *(k / 40 for k in range(1, 13))),
    "lambda_": (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.975, 1.0),
}
CASES = {
    "TD(0)": {"lambda_": 0.0, "alpha": 0.1},
    "Monte Carlo": {"lambda_": 1.0, "alpha": 0.1},
    "Small steps": {"alpha": 0.02},
    "Large steps": {"alpha": 0.3},
}


def coins(seed: int) -> Iterator[int]:
    """Bits of Marsaglia's xorshift generator of 32 bits: the same in JavaScript."""
    bits = seed
    while True:
        bits ^= bits << 13 & 0xFFFFFFFF
        bits ^= bits >> 17
        bits ^= bits << 5 & 0xFFFFFFFF
        yield bits >> 31


@functools.cache
def walks(runs: int = RUNS, episodes: int = EPISODES, seed: int = SEED) -> list[list[list[int]]]:
    """The states of each episode of each run, from the middle to an end."""
    coin = coins(seed)
    return [[_walk(coin) for _ in range(episodes)] for _ in range(runs)]


def _walk(coin: Iterator[int]) -> list[int]:
    states = [RIGHT // 2]
    while 0 < states[-1] < RIGHT:
        states.append(states[-1] + (1 if next(coin) else -1))
    return states


@functools.cache
def _batches() -> list[tuple[Tensor, Tensor, Tensor]]:
    """States, rewards and discounts of one episode of all runs; the shorter ones stay at the left end."""
    found = []
    for episodes in zip(*walks(), strict=True):
        longest = max(map(len, episodes))
        states = torch.tensor([states + [0] * (longest - len(states)) for states in episodes])
        following = states[:, 1:]
        found.append((states, (following == RIGHT).double(), ((following > 0) & (following < RIGHT)).double()))
    return found


def learn(loss: Loss, values: Mapping[str, float], episodes: int = EPISODES) -> np.ndarray:
    """The estimates of all runs after each episode: (episodes + 1, runs, 5). Each moves by alpha times its errors."""
    setting = {name: values[name] for name in loss.defaults}
    table = torch.full((RUNS, RIGHT + 1), 0.5, dtype=torch.float64)
    table[:, [0, RIGHT]] = 0.0
    found = [table]
    for states, rewards, discounts in _batches()[:episodes]:
        errors = loss(table.gather(1, states), rewards, discounts, reduction="none", **setting)
        table = table.scatter_add(1, states[:, :-1], values["alpha"] * errors)
        found.append(table)
    return torch.stack(found)[:, :, 1:RIGHT].numpy()


def parts(estimates: np.ndarray) -> dict[str, np.ndarray]:
    """The error over all runs and states, and what it is made of: error² = bias² + spread²."""
    mean = estimates.mean(axis=-2, keepdims=True)
    bias, spread = ((mean - TRUTH) ** 2).mean((-2, -1)), ((estimates - mean) ** 2).mean((-2, -1))
    return {"error": np.sqrt(bias + spread), "bias": np.sqrt(bias), "spread": np.sqrt(spread)}


def _payload(losses: Sequence[Loss], parameters: list[Payload]) -> Payload:
    names = [one["name"] for one in parameters]
    return {
        "state": {
            "over": choice("episodes", [name for name in AXES if name in names]),
            "run": choice(1, range(1, RUNS + 1)),
        },
        "walks": {"runs": RUNS, "episodes": EPISODES, "seed": SEED},
        "axes": {name: text for name, text in AXES.items() if name in names},
        "grids": {name: GRIDS[name] for name in AXES if name in names},
        "letters": list(STATES),
        "xlim": XLIM,
        "values": VALUES,
        "top": TOP,
        "cases": {text: case for text, case in CASES.items() if case.keys() <= set(names)},
    }


def _curves(payload: Payload, loss: Loss) -> tuple[np.ndarray, np.ndarray]:
    """Where the errors are drawn, and all runs' estimates there."""
    values, over = defaults(payload), start(payload, "over")
    if over == "episodes":
        return np.arange(EPISODES + 1), learn(loss, values)
    count = int(values["episodes"])
    return np.array(GRIDS[over]), np.stack([learn(loss, {**values, over: x}, count)[-1] for x in GRIDS[over]])


def _picture(payload: Payload, losses: Sequence[Loss]) -> Any:
    fig, (left, right) = plot.figure(columns=2, width=7.2, height=4.2)
    values, over, run = defaults(payload), start(payload, "over"), start(payload, "run")
    now = learn(losses[0], values, int(values["episodes"]))[-1]
    places, mean, width = np.arange(1, RIGHT), now.mean(0), now.std(0)
    left.fill_between(places, mean - width, mean + width, color=plot.COLORS["overlay1"], alpha=0.22, linewidth=0)
    left.plot(places, TRUTH, "o-", color=plot.COLORS["muted"], linewidth=1.2, markerfacecolor="none", label="truth")
    _dashed(left, places, mean, "overlay2", "")
    left.plot(places, now[run - 1], "o-", color=plot.COLORS["loss"], linewidth=1.6)
    left.set_xticks(places, STATES)
    left.set(xlim=XLIM, ylim=VALUES, xlabel="state", ylabel="estimated value; rings: true")

    xs, estimates = _curves(payload, losses[0])
    found = parts(estimates)
    single = np.sqrt(((estimates[:, run - 1] - TRUTH) ** 2).mean(-1))
    right.plot(xs, single, color=plot.COLORS["loss"], linewidth=1.4, label=f"run {run}")
    _dashed(right, xs, found["spread"], "overlay1", "spread, the band")
    _dashed(right, xs, found["bias"], "overlay2", "bias, of the mean")
    right.plot(xs, found["error"], color=plot.COLORS["ink"], linewidth=2.6, label="error of all runs")
    right.plot([values[over]], parts(now)["error"], "o", color=plot.COLORS["ink"], markersize=9)
    right.set(xlim=(xs[0], xs[-1]), ylim=(0, TOP), xlabel=AXES[over], ylabel="RMS error of the values")
    still.legend(fig, right, 2)
    return fig


def _dashed(ax: Any, xs: Any, ys: Any, role: str, label: str) -> None:
    ax.plot(xs, ys, color=plot.COLORS[role], linestyle=plot.DASHES[role], linewidth=2, label=label)


SCENE = Scene(
    "walk",
    _payload,
    _picture,
    describe="A random walk of five states: the values that {title} learns, and their error over all runs, "
    "made of bias and spread",
    summary=", random walk",
    variables=(("v0", "v1", "v2"), ("v", "w")),
    draws="errors of the values of states: td_error and td_lambda_error",
    sliders=(ALPHA, COUNT),
    label=False,
    fits=lambda loss: loss.takes.scene == "walk",
    uses=("lambda_",),
)
