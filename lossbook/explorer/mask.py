"""The mask scene: a true mask and a predicted one to paint, and which way each loss pushes every pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lossbook import plot
from lossbook.explorer import still
from lossbook.explorer.scene import Payload, Scene, cells, defaults, evaluate, start
from lossbook.loss import Loss, Parameter

SIDE = 6
OVERLAP = ("I", "P")  # of a formula in sums over all pixels, with the object's size Y as its label
STEP = 20  # the keyboard moves a probability by 1 / 20
SHARP = 150.0  # triangles grow with log(1 + SHARP |slope|); a slope of 1 fills the pixel
EDGE = 1e-12  # the slope of a logarithm at 0 is taken here, as torch does

TRUTH = "000000 011000 011100 011100 001000 000000"
PREDICTION = "111111 124641 136962 125853 112421 111111"  # in tenths
CASES = {
    "small object": "000000 000000 001100 000000 000000 000000",
    "large object": "111110 111110 111110 111110 111110 000000",
    "empty mask": "000000 000000 000000 000000 000000 000000",
}
GUESS = 0.3  # everywhere, before anything is learned
WRONG = 0.95  # a probability of 1 would make a wrong pixel's cross-entropy infinite

BRUSH = Parameter(
    "brush", "p", "brush", "probability that you paint with",
    default=0.9, low=0.0, high=1.0, slider=(0.0, 1.0, 0.05), open_low=False,
)  # fmt: skip


def _digits(text: str) -> list[int]:
    return [int(one) for one in text if one != " "]


def _payload(losses: Sequence[Loss], parameters: list[Payload]) -> Payload:
    return {
        "state": {
            "truth": cells(_digits(TRUTH), levels=1),
            "prediction": cells([one / 10 for one in _digits(PREDICTION)], levels=STEP),
        },
        "side": SIDE,
        "step": 1 / STEP,
        "cases": [[name, _digits(truth)] for name, truth in CASES.items()],
        "guess": GUESS,
        "wrong": WRONG,
        "sharp": SHARP,
        "edge": EDGE,
    }


def gradient(loss: Loss, values: Mapping[str, float], truth: Any, prediction: Any) -> np.ndarray:
    """The derivative of the loss of the whole mask by each pixel's probability."""
    y, p = np.asarray(truth, dtype=float), np.asarray(prediction, dtype=float)
    given: dict[str, Any] = {**values, "Y": y.sum(), "y": y}
    if loss.formula.variables == OVERLAP:
        value, by_overlap, by_size = evaluate(loss, given, (p * y).sum(), p.sum())
        # 0 / 0: nothing is there and nothing was predicted, which is right. A power below 1 has no slope at 0 either.
        finite = np.isfinite([value, by_overlap, by_size]).all()
        return np.where(y > 0, by_overlap + by_size, by_size) if finite else np.zeros_like(p)
    slope = evaluate(loss, given, np.clip(p, EDGE, 1 - EDGE))[1]
    return np.where(p == y, 0.0, slope) / p.size


def _picture(payload: Payload, losses: Sequence[Loss]) -> Any:
    rows = still.shown(payload, losses)
    rows = (rows[-1:] + rows[:-1])[:2]  # four panels are as many as can be read
    fig, axes = plot.figure(columns=2 + len(rows), width=6.6, height=2.6 if len(rows) == 1 else 2.2)
    truth, prediction = np.array(start(payload, "truth")), np.array(start(payload, "prediction"))
    titles = ["truth", "prediction", *(f"push of {label}" for _, _, label in rows)]
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title, fontsize=13, fontweight="normal", pad=6)
        ax.set_aspect("equal")
        ax.set_axis_off()
        ax.set_xlim(0, SIDE)
        ax.set_ylim(SIDE, 0)
    for k in range(SIDE * SIDE):
        _square(axes[0], k, plot.COLORS["muted"], 0.85 * truth[k])
        _square(axes[1], k, plot.COLORS["loss"], prediction[k])
    for ax, (loss, _, _) in zip(axes[2:], rows, strict=True):
        _pushes(ax, gradient(loss, defaults(payload), truth, prediction))
    for ax in axes:
        _grid(ax, truth)
    return fig


def _square(ax: Any, k: int, color: str, alpha: float) -> None:
    from matplotlib.patches import Rectangle

    if alpha > 0:
        ax.add_patch(Rectangle((k % SIDE, k // SIDE), 1, 1, color=color, alpha=alpha, linewidth=0))


def _pushes(ax: Any, slopes: np.ndarray) -> None:
    """Triangles that point the way the loss falls: up where p should rise."""
    sizes = np.minimum(np.log1p(SHARP * np.abs(slopes)) / np.log1p(SHARP), 1)
    for k, (slope, size) in enumerate(zip(slopes, sizes, strict=True)):
        if size > 0.02:
            x, y, half = k % SIDE + 0.5, k // SIDE + 0.5, 0.42 * size
            tip = half if slope > 0 else -half
            color = plot.COLORS["gradient" if slope > 0 else "loss"]
            ax.fill([x - half, x + half, x], [y - tip, y - tip, y + tip], color=color, linewidth=0)


def _grid(ax: Any, truth: np.ndarray) -> None:
    """The pixels, and around the object a line."""
    for k in range(SIDE + 1):
        for xs, ys in (([0, SIDE], [k, k]), ([k, k], [0, SIDE])):
            ax.plot(xs, ys, color=plot.COLORS["zero"], linewidth=0.5)
    inside = np.pad(truth.reshape(SIDE, SIDE) >= 0.5, 1)
    for row, column in np.argwhere(inside[1:] != inside[:-1]):
        ax.plot([column - 1, column], [row, row], color=plot.COLORS["ink"], linewidth=1.8)
    for row, column in np.argwhere(inside[:, 1:] != inside[:, :-1]):
        ax.plot([column, column], [row - 1, row], color=plot.COLORS["ink"], linewidth=1.8)


def _fits(loss: Loss) -> bool:
    return ("Y" if loss.formula.variables == OVERLAP else "y") in loss.formula.parameters


SCENE = Scene(
    "mask", _payload, _picture,
    describe="A true mask of 6 by 6 pixels, a predicted one to paint, and which way {title} pushes every pixel",
    summary=", 6 by 6 pixels",
    variables=(OVERLAP, ("p",)),
    draws="losses of a mask: of its overlap and size (I, P), or of each pixel's probability p and label y",
    sliders=(BRUSH,),
    label=False,
    mixed=True,
    fits=_fits,
    needs=("points",),
)  # fmt: skip
