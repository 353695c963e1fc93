"""What the scenes of embeddings share: points to drag in the plane, and losses of their distances or cosines."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lossbook import plot
from lossbook.explorer import still
from lossbook.explorer.plane import own
from lossbook.explorer.scene import Payload, defaults, evaluate, start, vector
from lossbook.loss import Loss

REACH = 2.0  # the plane is drawn from -REACH to REACH
RIM = 0.16  # of a point in the still picture
EDGE = 1.9  # how far out a point may lie
STEP = 0.2  # how much of the gradient an arrow shows, from the rim of the point on, and a step goes
FAR = 1e6  # a distance at which nothing pushes any more

Way = tuple[str, int, int]  # "distance" or "cosine", of which two points


def place(x: float, y: float) -> Payload:
    """The state of one point."""
    return vector([x, y], [[-EDGE, EDGE]] * 2)


def labels(loss: Loss) -> tuple[Any, ...]:
    """What the formula names of the target."""
    return loss.sliders[: len(loss.sliders) - len(loss.parameters)]


def about(losses: Sequence[Loss], ways: Mapping[str, Way]) -> Payload:
    """How each loss reads the points; labels have the value of a different and of a same pair."""
    return {
        "reach": REACH,
        "step": STEP,
        "embeddings": {
            loss.name: {
                "ways": [list(ways[name]) for name in loss.formula.variables],
                # Torch's distance adds a little to every difference, to have a slope at zero.
                "shift": getattr(loss.takes, "eps", 0.0),
                "labels": {one.name: [one.low, one.high] for one in labels(loss)},
            }
            for loss in losses
        },
    }


def given(payload: Payload, loss: Loss, same: int = 1) -> dict[str, float]:
    """The number of every slider and label of the loss."""
    labels = payload["embeddings"][loss.name]["labels"]
    return own(loss, defaults(payload) | {name: values[same] for name, values in labels.items()})


def measure(kind: str, a: np.ndarray, b: np.ndarray, shift: float) -> tuple[float, np.ndarray, np.ndarray]:
    """The distance or cosine of two points, and its derivative by either."""
    if kind == "distance":
        way = a - b + shift
        size = math.hypot(*way)
        slope = way / size if size else 0 * way
        return size, slope, -slope
    aa, bb = a @ a + 1e-12, b @ b + 1e-12  # as torch, because the origin has no direction
    cosine = a @ b / math.sqrt(aa * bb)
    return cosine, b / math.sqrt(aa * bb) - cosine * a / aa, a / math.sqrt(aa * bb) - cosine * b / bb


def pull(payload: Payload, loss: Loss, values: Mapping[str, float], points: Any) -> tuple[float, np.ndarray]:
    """The loss of these points, and its gradient by each."""
    one = payload["embeddings"][loss.name]
    array = np.asarray(points, dtype=float)
    measured = [measure(kind, array[i], array[j], one["shift"]) for kind, i, j in one["ways"]]
    value, *slopes = evaluate(loss, values, *(found[0] for found in measured))
    gradient = np.zeros_like(array)
    for (_, i, j), slope, (_, by_a, by_b) in zip(one["ways"], slopes, measured, strict=True):
        gradient[i] += slope * by_a
        gradient[j] += slope * by_b
    return float(value), gradient


def edge(cost: Callable[[float], float], inside: float, outside: float) -> float | None:
    """Where a cost that falls from `inside` to `outside` becomes zero; None where it never does, or always is."""
    if not (cost(inside) > 0 and cost(outside) == 0):
        return None
    for _ in range(60):
        middle = 0.5 * (inside + outside)
        if cost(middle) > 0:
            inside = middle
        else:
            outside = middle
    return outside


def axes(ax: Any) -> None:
    """The plane, with both units alike."""
    ax.set_aspect("equal")
    ax.set_xlim(-REACH, REACH)
    ax.set_ylim(-REACH, REACH)
    ticks = range(-int(REACH), int(REACH) + 1)
    ax.set_xticks(ticks)
    ax.set_yticks(ticks)


def circle(ax: Any, center: Any, radius: float, **style: Any) -> None:
    """A circle in the plane."""
    from matplotlib.patches import Circle

    ax.add_patch(Circle(center, radius, **style))


def arrows(ax: Any, payload: Payload, losses: Sequence[Loss], names: Mapping[str, str], same: int = 1) -> None:
    """The points, by their letters, and for each loss an arrow downhill at each of them."""
    points = [start(payload, name) for name in names]
    for loss, role, label in still.shown(payload, losses):
        _, gradient = pull(payload, loss, given(payload, loss, same), points)
        color = plot.COLORS[role]
        ax.plot([], [], color=color, linestyle=plot.DASHES[role], label=label)
        for point, slope in zip(points, gradient, strict=True):
            size = math.hypot(*slope)
            if STEP * size < 0.01:
                continue
            rim = point - RIM * slope / size
            ax.annotate(
                "", rim - STEP * slope, rim,
                arrowprops={"arrowstyle": "->", "color": color, "linewidth": 2.2, "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip
    for (x, y), letter in zip(points, names.values(), strict=True):
        ax.plot([x], [y], "o", color=plot.COLORS["ink"], markersize=12)
        ax.text(
            x, y, letter, color=plot.COLORS["page"], ha="center", va="center_baseline", fontweight="bold", fontsize=9
        )
