"""The sample scene: numbers on a line, and the constant that fits them best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lossbook import plot
from lossbook.explorer import still
from lossbook.explorer.scene import (
    Payload,
    Scene,
    check_data,
    defaults,
    evaluate,
    grid,
    inside,
    limits,
    points,
    room,
    start,
)
from lossbook.loss import Loss


def _payload(
    losses: Sequence[Loss], parameters: list[Payload], *, data: Any = None, xlim: tuple[float, float] | None = None
) -> Payload:
    numbers = check_data("data", data, 1, 2)
    wide = room(numbers) if xlim is None else inside(limits("xlim", xlim), numbers)
    return {
        "state": {"data": points(numbers, [wide], 2)},
        "xlim": wide,
        "xlabel": "value of the points; prediction θ",
        "ylabel": "sum of losses (largest here = 1)",
        "caption": "The constant with the smallest sum",
    }


def _minimize(f: Callable[[np.ndarray], np.ndarray], low: float, high: float) -> float:
    """The lowest point of a curve, to what an eye can see: three finer and finer grids."""
    for _ in range(3):
        fine = np.linspace(low, high, 801)
        best = int(np.argmin(f(fine)))
        low, high = fine[max(0, best - 1)], fine[min(800, best + 1)]
    return 0.5 * float(low + high)


def _picture(payload: Payload, losses: Sequence[Loss]) -> Any:
    fig, ax = plot.figure(xlabel=payload["xlabel"], ylabel=payload["ylabel"], height=3.8)
    data = np.array(start(payload, "data"))
    values = defaults(payload)
    thetas = grid(payload["xlim"])
    for loss, role, label in still.shown(payload, losses):

        def objective(theta: np.ndarray, loss: Loss = loss) -> np.ndarray:
            return evaluate(loss, values, theta[:, None] - data)[0].sum(axis=1)

        sums = objective(thetas)
        best = _minimize(objective, data.min(), data.max())
        lowest = objective(np.array([best]))[0]
        still.line(ax, thetas, sums / sums.max(), role, label)
        flat = thetas[sums <= lowest + 1e-9 * sums.max()]
        if len(flat) > 1:  # every value between is equally good
            ax.plot([flat[0], flat[-1]], [-0.06, -0.06], color=plot.COLORS[role], linewidth=6, solid_capstyle="butt")
            continue
        ax.plot([best, best], [-0.1, lowest / sums.max()], color=plot.COLORS[role], linewidth=1.2)
        ax.plot([best], [-0.1], "^", color=plot.COLORS[role], markersize=9)
    ax.plot(data, np.full(len(data), -0.22), "o", color=plot.COLORS["ink"], markersize=8, clip_on=False)
    ax.set_yticks([0, 1])
    ax.set_ylim(-0.3, 1.05)
    ax.set_xlim(*payload["xlim"])
    still.legend(fig, ax, 3)
    return fig


SCENE = Scene(
    "sample",
    _payload,
    _picture,
    describe="{title}: data points on a line, and the constant that minimizes the sum of their losses",
    summary=", best constant",
    variables=(("r",),),
    draws="losses of a residual",
    needs=("solve", "points"),
)
