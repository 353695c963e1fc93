"""The fit scene: points in the plane, and the straight line that fits them best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lossbook import plot
from lossbook.explorer import still
from lossbook.explorer.scene import Payload, Scene, check_data, defaults, evaluate, inside, limits, points, room, start
from lossbook.loss import Loss


def _payload(
    losses: Sequence[Loss], parameters: list[Payload], *, data: Any = None, xlim: tuple[float, float] | None = None
) -> Payload:
    pairs = check_data("data", data, 2, 3)
    xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
    if max(xs) == min(xs):
        raise ValueError(f"data: all {len(xs)} points have x = {xs[0]:g}, expected at least two different x for a line")
    wide = room(xs) if xlim is None else inside(limits("xlim", xlim), xs)
    return {
        "state": {"data": points(pairs, [wide, room(ys)], 3)},
        "xlim": wide,
        "ylim": room(ys),
        "xlabel": "x",
        "ylabel": "y",
        "caption": "The line with the smallest sum",
    }


def _picture(payload: Payload, losses: Sequence[Loss]) -> Any:
    fig, ax = plot.figure(xlabel=payload["xlabel"], ylabel=payload["ylabel"], height=3.8)
    x, y = np.array(start(payload, "data")).T
    ends = np.array(payload["xlim"])
    for loss, role, label in still.shown(payload, losses):
        intercept, slope = best_line(loss, defaults(payload), x, y)
        still.line(ax, ends, intercept + slope * ends, role, label)
    ax.plot(x, y, "o", color=plot.COLORS["ink"], markersize=8)
    ax.set_xlim(*payload["xlim"])
    ax.set_ylim(*payload["ylim"])
    still.legend(fig, ax, 3)
    return fig


def best_line(loss: Loss, values: dict[str, float], x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """To what an eye can see: reweighted, from least squares and from the best line through two points."""

    def cost(line: tuple[float, float]) -> float:
        return float(evaluate(loss, values, line[0] + line[1] * x - y)[0].sum())

    def refine(line: tuple[float, float]) -> tuple[float, float]:
        for _ in range(200):
            r = line[0] + line[1] * x - y
            r = np.where(np.abs(r) < 1e-9, 1e-9, r)
            weights = np.maximum(0, evaluate(loss, values, r)[1] / r)
            if np.count_nonzero(weights) < 2:
                break
            slope, intercept = np.polyfit(x, y, 1, w=np.sqrt(weights))
            if not cost((intercept, slope)) < cost(line):
                break
            line = (float(intercept), float(slope))
        return line

    pairs = [(i, j) for i in range(len(x)) for j in range(i) if x[i] != x[j]]
    slopes = [(y[i] - y[j]) / (x[i] - x[j]) for i, j in pairs]
    through = min(((y[i] - s * x[i], s) for (i, _), s in zip(pairs, slopes, strict=True)), key=cost)
    slope, intercept = np.polyfit(x, y, 1)
    return min((through, refine((float(intercept), float(slope))), refine(through)), key=cost)


SCENE = Scene(
    "fit",
    _payload,
    _picture,
    describe="{title}: data points in the plane, and the line that minimizes the sum of their losses",
    summary=", best line",
    variables=(("r",),),
    draws="losses of a residual",
    needs=("solve", "points"),
)
