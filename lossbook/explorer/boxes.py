"""The boxes scene: a true box and a predicted one to drag, and which way each loss pulls its corners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lossbook import plot
from lossbook.explorer import still
from lossbook.explorer.plane import own
from lossbook.explorer.scene import Payload, Scene, box, choice, defaults, evaluate, start
from lossbook.loss import Loss, Parameter

CORNERS = ("x1", "y1", "x2", "y2")
TRUE_CORNERS = ("u1", "v1", "u2", "v2")
SIDE = 10.0  # of the plane
LEAST = 0.5  # length of a side: shorter boxes cannot be taken hold of
SHARP = 60.0  # arrows grow with log(1 + SHARP |slope|)
LONGEST = 2.6  # arrow, where the slope is 1
STEPS = 240  # of a descent, each shorter than the one before: at a kink equal steps would jump to and fro

CASES = {
    "overlapping": ([4.5, 4.0, 8.5, 7.5], [2.0, 2.5, 6.0, 5.5]),
    "apart": ([6.0, 6.0, 9.0, 8.5], [1.5, 1.5, 3.5, 3.5]),
    "inside": ([2.0, 2.0, 8.5, 8.0], [3.0, 3.0, 5.5, 5.0]),
    "same center": ([2.0, 4.0, 8.0, 6.0], [4.0, 2.5, 6.0, 7.5]),
}

RATE = Parameter(
    "rate", r"\eta", "η", "learning rate of a step",
    default=2.0, low=0.0, high=5.0, slider=(0.1, 5.0, 0.1),
)  # fmt: skip


def _payload(losses: Sequence[Loss], parameters: list[Payload]) -> Payload:
    truth, prediction = CASES["overlapping"]
    names = [loss.name for loss in losses]
    return {
        "state": {
            "prediction": box(prediction, (0, SIDE), LEAST),
            "truth": box(truth, (0, SIDE), LEAST),
            "descend": choice(names[0], names),
        },
        "corners": TRUE_CORNERS,
        "cases": [[name, *boxes] for name, boxes in CASES.items()],
        "side": SIDE,
        "sharp": SHARP,
        "longest": LONGEST,
        "steps": STEPS,
    }


def pull(loss: Loss, values: Mapping[str, float], prediction: Any, truth: Any) -> np.ndarray:
    """The gradient by the corners of the predicted box."""
    given = own(loss, {**values, **dict(zip(TRUE_CORNERS, truth, strict=True))})
    return np.array([float(one) for one in evaluate(loss, given, *prediction)[1:]])


def _picture(payload: Payload, losses: Sequence[Loss]) -> Any:
    fig, ax = plot.figure(xlabel="x", ylabel="y, downward", height=5.4)
    truth, prediction = np.array(start(payload, "truth")), np.array(start(payload, "prediction"))
    both = np.stack([truth, prediction])
    hull = [*both[:, :2].min(0), *both[:, 2:].max(0)]
    overlap = [*both[:, :2].max(0), *both[:, 2:].min(0)]
    _box(ax, hull, "muted", fill=0.06, linestyle=":", linewidth=1.2)
    _box(ax, truth, "ink", fill=0.0, linewidth=2.4)
    _box(ax, prediction, "loss", fill=0.12, linewidth=2.4)
    if overlap[0] < overlap[2] and overlap[1] < overlap[3]:
        _box(ax, overlap, "loss", fill=0.3, linewidth=0)
    centers = (both[:, :2] + both[:, 2:]) / 2
    ax.plot(*centers.T, color=plot.COLORS["muted"], linestyle=":", linewidth=1.4)
    rows = still.shown(payload, losses)
    for loss, role, label in rows:
        slope = pull(loss, defaults(payload), prediction, truth)
        ax.plot([], [], color=plot.COLORS[role], linestyle=plot.DASHES[role], label=label)
        for k in (0, 2):
            _arrow(ax, prediction[k : k + 2], slope[k : k + 2], plot.COLORS[role])
    ax.text(truth[2], truth[3] + 0.1, "truth", ha="right", va="top", color=plot.COLORS["ink"])
    ax.text(prediction[0], prediction[1] - 0.15, "prediction", ha="left", va="bottom", color=plot.COLORS["loss"])
    ax.set(xlim=(0, SIDE), ylim=(SIDE, 0), aspect="equal")
    still.legend(fig, ax, 4)
    return fig


def _box(ax: Any, corners: Any, role: str, fill: float, **style: Any) -> None:
    from matplotlib.patches import Rectangle

    x1, y1, x2, y2 = corners
    color = plot.COLORS[role]
    if fill:
        ax.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, color=color, alpha=fill, linewidth=0))
    if style["linewidth"]:
        ax.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=color, **style))


def _arrow(ax: Any, corner: np.ndarray, slope: np.ndarray, color: str) -> None:
    """Downhill from a corner."""
    size = float(np.hypot(*slope))
    length = LONGEST * min(np.log1p(SHARP * size) / np.log1p(SHARP), 1.5)
    if length > 0.05:
        ax.annotate(
            "", corner - length * slope / size, corner,
            arrowprops={"arrowstyle": "->", "color": color, "linewidth": 2.2, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip


SCENE = Scene(
    "boxes", _payload, _picture,
    describe="A true box and a predicted one in the plane, and which way {title} pulls the predicted one",
    summary=", two boxes",
    variables=(CORNERS,),
    draws="losses of a box by its corners (x1, y1, x2, y2)",
    sliders=(RATE,),
    label=False,
    apart=True,
    fits=lambda loss: set(TRUE_CORNERS) <= set(loss.formula.parameters),
    needs=("points",),
)  # fmt: skip
