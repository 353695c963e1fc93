"""The simplex scene: every way to share probability among three classes is a point of a triangle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lossbook import plot
from lossbook.explorer import logits, still
from lossbook.explorer.scene import Payload, Scene, defaults, start, vector
from lossbook.loss import Loss

START = (0.2, 0.5, 0.3)
LEAST = 0.01  # of each probability: the logarithm of 0 is nowhere
CORNERS = np.array([[0.0, np.sqrt(3) / 2], [-0.5, 0.0], [0.5, 0.0]])  # class 1 on top, 2 left, 3 right


def _payload(losses: Sequence[Loss], parameters: list[Payload]) -> Payload:
    return {
        "state": {
            "probabilities": vector(START, [(LEAST, 1 - 2 * LEAST)] * 3, total=1),
            "target": logits.target(losses),
        }
    }


def descent(loss: Loss, values: Mapping[str, float], p: Any, target: int) -> tuple[float, np.ndarray]:
    """The loss at p, and how p moves under a small step of the logits against their gradient: -(diag(p) - p pᵀ) g."""
    p = np.asarray(p)
    value, gradient = logits.at(loss, values, np.log(p), target)
    return float(value), p * (p @ gradient - gradient)


def _picture(payload: Payload, losses: Sequence[Loss]) -> Any:
    fig, ax = plot.figure(height=4.4)
    values, target = defaults(payload), start(payload, "target")
    shares = np.linspace(LEAST, 1 - 2 * LEAST, 61)
    mesh = np.array([(a, b, 1 - a - b) for a in shares for b in shares if a + b <= 1 - LEAST + 1e-9])
    heights = logits.at(losses[0], values, np.log(mesh).T, target)[0]
    levels = np.linspace(heights.min(), np.quantile(heights, 0.85), 11)  # beyond, contours would crowd
    if levels[0] < levels[-1]:
        ax.tricontour(*(mesh @ CORNERS).T, heights, levels=levels, colors=plot.COLORS["loss"], linewidths=1)
    ax.plot(*CORNERS[[0, 1, 2, 0]].T, color=plot.COLORS["muted"], linewidth=1.2)
    p = np.array(start(payload, "probabilities"))
    place = p @ CORNERS
    for loss, role, label in still.shown(payload, losses):
        color = plot.COLORS["gradient" if role == "loss" else role]
        step = descent(loss, values, p, target)[1] @ CORNERS
        ax.annotate("", place + 0.6 * step, place, arrowprops={"arrowstyle": "->", "color": color, "linewidth": 2})
        ax.plot([], [], color=color, label=f"−gradient of {label}")
    ax.plot(*place, "o", color=plot.COLORS["loss"], markersize=9)
    for k, (corner, up) in enumerate(zip(CORNERS, (0.03, -0.09, -0.09), strict=True), 1):
        ax.text(*(corner + (0, up)), f"class {k}" + (", true" if k == target else ""), ha="center")
    ax.set_aspect("equal")
    ax.axis("off")
    still.legend(fig, ax, 2)
    return fig


SCENE = Scene(
    "simplex",
    _payload,
    _picture,
    describe="{title} over the triangle of three class probabilities, and where a gradient step moves a point of it",
    summary=", probability triangle",
    variables=logits.VARIABLES,
    draws=logits.DRAWS + " of which one class is true",
    fits=logits.one_true,
    needs=("points", "logits"),
)
