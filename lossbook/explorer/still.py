"""What the pictures of explorers share: what a reader without JavaScript sees, and what a page shows first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lossbook import plot
from lossbook.explorer.scene import Payload, start
from lossbook.loss import Loss

_ROLES = ("loss", "overlay1", "overlay2", "overlay3", "overlay4", "overlay5", "overlay6")


def shown(payload: Payload, losses: Sequence[Loss]) -> list[tuple[Loss, str, str]]:
    """Loss, color and label of each curve; the first loss comes last and so lies on top."""
    labels = [one["label"] for one in payload["losses"]]
    rows = [
        (loss, role, label)
        for loss, role, label in zip(losses, _ROLES, labels, strict=False)
        if loss is losses[0] or loss.name in start(payload, "show")
    ]
    return rows[1:] + rows[:1]


def line(ax: Any, xs: Any, ys: Any, role: str, label: str) -> None:
    """A curve in the color and dashes of its role."""
    ax.plot(
        xs,
        _broken(ys) if len(xs) > 2 else ys,
        color=plot.COLORS[role],
        linestyle=plot.DASHES[role],
        label=label,
        linewidth=2.6 if role == "loss" else 2,
    )


def legend(fig: Any, ax: Any, columns: int) -> None:
    """One legend above the axes; the first loss, drawn last, is named first."""
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles[::-1], labels[::-1], loc="outside upper left", ncols=columns, columnspacing=1.5)


def _broken(ys: np.ndarray) -> np.ndarray:
    """A curve that jumps is not joined by a line: a steep step between calm neighbors is cut."""
    steps = np.abs(np.diff(ys))
    calm = np.minimum(np.append(steps[1:], np.inf), np.insert(steps[:-1], 0, np.inf))
    cut = (steps > 8 * calm) & (steps > 0.05 * np.ptp(ys))
    broken = np.array(ys, dtype=float)
    broken[1:][cut] = np.nan
    return broken


def cells(
    ax: Any,
    title: str,
    heights: np.ndarray,
    numbers: np.ndarray,
    low: float,
    roles: Sequence[str] = ("loss",),
    true: bool = True,
) -> None:
    """A matrix of cells, each with its number and a bar from zero; a cell reaches from `low` to 1.

    `roles` are the colors of the rows, or the one color of all. `true`: are the pairs on the diagonal the true ones?
    """
    from matplotlib.patches import Rectangle

    rows, columns = heights.shape
    size = 0.94  # of a cell; the rest is the gap
    for (i, j), value in np.ndenumerate(heights):
        left, bottom = j - size / 2, i + size / 2  # the first row is on top: the axis is turned
        edge, width = ("ink", 1.8) if true and i == j else ("zero", 0.8)
        ax.add_patch(Rectangle((left, i - size / 2), size, size, fill=False, color=plot.COLORS[edge], linewidth=width))
        zero, tall = bottom + size * low / (1 - low), size * np.clip(value, low, 1) / (1 - low)
        color = plot.COLORS[roles[i % len(roles)]]
        ax.add_patch(Rectangle((j - 0.38, zero), 0.76, -tall, color=color, alpha=0.55, linewidth=0))
        if low < 0:
            ax.plot([left, left + size], [zero, zero], color=plot.COLORS["zero"], linewidth=0.8)
        text = f"{numbers[i, j]:.2f}".replace("-0.00", "0.00").replace("-", "−")
        ax.text(j, i - 0.28 if low == 0 or value <= 0 else i + 0.28, text, ha="center", va="center", fontsize=12)
    ax.set_title(title, fontsize=13, fontweight="normal")
    ax.set(xlim=(-0.55, columns - 0.45), ylim=(rows - 0.45, -0.55), aspect="equal")
    ax.set_xticks(range(columns), range(1, columns + 1))
    ax.set_yticks(range(rows), range(1, rows + 1))
    ax.xaxis.tick_top()
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
