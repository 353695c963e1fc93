"""The picture of an explorer that does not move: what a reader without JavaScript sees, and what a page shows first."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lossbook import plot
from lossbook.explorer.payload import Payload, curves, defaults, describe, grid, island_json
from lossbook.loss import Loss

_ROLES = ("loss", "overlay1", "overlay2", "overlay3", "overlay4", "overlay5")


def island_html(payload: Payload, losses: Sequence[Loss]) -> str:
    """The figure, and beside it what the script needs to bring it to life."""
    figure = plot.picture(_DRAW[payload["scene"]](payload, losses), describe(payload)).html
    return (
        f'<div class="lb-explorer" id="{html.escape(payload["id"])}" data-scene="{payload["scene"]}">{figure}'
        f'<script type="application/json">{island_json(payload)}</script></div>'
    )


def _shown(payload: Payload, losses: Sequence[Loss]) -> list[tuple[Loss, str, str]]:
    """Loss, color and label of each curve; the first loss comes last and so lies on top."""
    labels = [one["label"] for one in payload["losses"]]
    rows = [
        (loss, role, label)
        for loss, role, label in zip(losses, _ROLES, labels, strict=False)
        if loss is losses[0] or loss.name in payload["show"]
    ]
    return rows[1:] + rows[:1]


def _line(ax: Any, xs: Any, ys: Any, role: str, label: str) -> None:
    ax.plot(
        xs,
        ys,
        color=plot.COLORS[role],
        linestyle=plot.DASHES[role],
        label=label,
        linewidth=2.6 if role == "loss" else 2,
    )


def _legend(fig: Any, ax: Any, columns: int) -> None:
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles[::-1], labels[::-1], loc="outside upper left", ncols=columns, columnspacing=1.5)


def _curve(payload: Payload, losses: Sequence[Loss]) -> Any:
    fig, ax = plot.figure(xlabel=payload["xlabel"], ylabel="loss and gradient")
    xs = grid(payload["xlim"])
    values = defaults(payload)
    for loss, role, label in _shown(payload, losses):
        value, slope = curves(loss, values, xs)
        if role == "loss":
            _line(ax, xs, _broken(slope), "gradient", f"gradient of {label}")
        _line(ax, xs, value, role, label)
    x = payload["point"]
    y = curves(losses[0], values, np.array([x]))[0][0]
    low, high = payload["ylim"]["both"]
    ax.plot([x], [np.clip(y, low, high)], "o", color=plot.COLORS["loss"], markersize=9, clip_on=False)
    ax.set_xlim(*payload["xlim"])
    ax.set_ylim(low, high)
    _legend(fig, ax, 2)
    return fig


def _broken(slope: np.ndarray) -> np.ndarray:
    """A gradient that jumps is not joined by a line: a steep step between calm neighbors is cut."""
    steps = np.abs(np.diff(slope))
    calm = np.minimum(np.append(steps[1:], np.inf), np.insert(steps[:-1], 0, np.inf))
    cut = (steps > 8 * calm) & (steps > 0.05 * np.ptp(slope))
    broken = np.array(slope, dtype=float)
    broken[1:][cut] = np.nan
    return broken


def _minimize(f: Callable[[np.ndarray], np.ndarray], low: float, high: float) -> float:
    """The lowest point of a curve, to what an eye can see: three finer and finer grids."""
    for _ in range(3):
        fine = np.linspace(low, high, 801)
        best = int(np.argmin(f(fine)))
        low, high = fine[max(0, best - 1)], fine[min(800, best + 1)]
    return 0.5 * float(low + high)


def _sample(payload: Payload, losses: Sequence[Loss]) -> Any:
    fig, ax = plot.figure(xlabel=payload["xlabel"], ylabel=payload["ylabel"], height=3.8)
    data = np.array(payload["data"])
    values = defaults(payload)
    thetas = grid(payload["xlim"])
    for loss, role, label in _shown(payload, losses):

        def objective(theta: np.ndarray, loss: Loss = loss) -> np.ndarray:
            return curves(loss, values, theta[:, None] - data)[0].sum(axis=1)

        sums = objective(thetas)
        best = _minimize(objective, data.min(), data.max())
        lowest = objective(np.array([best]))[0]
        _line(ax, thetas, sums / sums.max(), role, label)
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
    _legend(fig, ax, 3)
    return fig


def _fit(payload: Payload, losses: Sequence[Loss]) -> Any:
    fig, ax = plot.figure(xlabel=payload["xlabel"], ylabel=payload["ylabel"], height=3.8)
    x, y = np.array(payload["data"]).T
    ends = np.array(payload["xlim"])
    for loss, role, label in _shown(payload, losses):
        intercept, slope = _best_line(loss, defaults(payload), x, y)
        _line(ax, ends, intercept + slope * ends, role, label)
    ax.plot(x, y, "o", color=plot.COLORS["ink"], markersize=8)
    ax.set_xlim(*payload["xlim"])
    ax.set_ylim(*payload["ylim"]["data"])
    _legend(fig, ax, 3)
    return fig


def _best_line(loss: Loss, values: dict[str, float], x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """To what an eye can see: reweighted, from least squares and from the best line through two points."""

    def cost(line: tuple[float, float]) -> float:
        return float(curves(loss, values, line[0] + line[1] * x - y)[0].sum())

    def refine(line: tuple[float, float]) -> tuple[float, float]:
        for _ in range(200):
            r = line[0] + line[1] * x - y
            r = np.where(np.abs(r) < 1e-9, 1e-9, r)
            weights = np.maximum(0, curves(loss, values, r)[1] / r)
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


_DRAW = {"curve": _curve, "sample": _sample, "fit": _fit}
