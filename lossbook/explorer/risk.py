"""The risk scene: what a loss costs on average at one score, when y = 1 has a known probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lossbook import plot
from lossbook.explorer import still
from lossbook.explorer.scene import Payload, Scene, defaults, evaluate, grid, limits
from lossbook.inputs import LABEL, Parameter
from lossbook.loss import Loss

ETA = Parameter(
    "eta", r"\eta", "η", "probability of y = 1", default=0.7, low=0.0, high=1.0, slider=(0.01, 0.99, 0.01)
)  # fmt: skip
# The axis, and the head of its column in the table.
NAMES = {"m": ("score f", "best score"), "z": ("logit z", "best logit"), "p": ("predicted probability p", "best p")}


def _payload(losses: Sequence[Loss], parameters: list[Payload], *, xlim: tuple[float, float] | None = None) -> Payload:
    loss = losses[0]
    variable = loss.formula.variables[0]
    wide = limits("xlim", (loss.takes.xlim or (-3.0, 3.0)) if xlim is None else xlim)
    values = {one["name"]: one["default"] for one in parameters}
    return {
        "state": {},
        "xlim": wide,
        "ylim": _ylim(losses, values, wide),
        "xlabel": NAMES[variable][0],
        "best": NAMES[variable][1],
        "middle": _middle(loss),
        "target": loss.takes.label.name if loss.takes.label else None,
    }


def _fits(loss: Loss) -> bool:
    """A margin holds its label; a logit or a probability needs one that is 0 or 1."""
    return loss.formula.variables == ("m",) or loss.takes.label == LABEL


def _middle(loss: Loss) -> float:
    """The prediction that favors neither side."""
    return 0.5 if loss.formula.variables == ("p",) else 0.0


def _ylim(losses: Sequence[Loss], values: Mapping[str, float], xlim: Sequence[float]) -> list[float]:
    """Three times what indecision costs, which no best risk exceeds; it stays while sliders move."""
    middle = np.array([_middle(losses[0])])
    undecided = [float(risk(loss, {**values, "eta": 0.5}, middle)[0]) for loss in losses]
    even = np.concatenate([risk(loss, {**values, "eta": 0.5}, grid(xlim)) for loss in losses])
    even = even[np.isfinite(even)]
    top = 3 * max(undecided) or float(even.max())
    low = min(0.0, float(even.min()))
    return [float(f"{low - 0.04 * (top - low):.3g}"), float(f"{top:.3g}")]


def risk(loss: Loss, values: Mapping[str, float], scores: np.ndarray) -> np.ndarray:
    """The mean of the loss over both labels, y = 1 with probability eta."""
    eta = values["eta"]
    if loss.takes.label is None:  # a margin: the other label turns the score around
        yes, no = (evaluate(loss, values, sign * scores)[0] for sign in (1, -1))
    else:
        yes, no = (evaluate(loss, {**values, loss.takes.label.name: y}, scores)[0] for y in (1, 0))
    return eta * yes + (1 - eta) * no


def _picture(payload: Payload, losses: Sequence[Loss]) -> Any:
    fig, ax = plot.figure(xlabel=payload["xlabel"], ylabel="risk: mean loss over both labels")
    values = defaults(payload)
    xs = grid(payload["xlim"])
    low, high = payload["ylim"]
    middle = payload["middle"]
    better = (middle, xs[-1]) if values["eta"] > 0.5 else (xs[0], middle)
    if values["eta"] != 0.5:
        ax.axvspan(*better, color=plot.COLORS["grid"], linewidth=0)
    for loss, role, label in still.shown(payload, losses):
        risks = risk(loss, values, xs)
        still.line(ax, xs, risks, role, label)
        best = xs[risks <= risks.min() + 1e-9]
        # Two points of the grid may tie on both sides of a kink.
        if best[-1] - best[0] > 2 * (xs[1] - xs[0]):
            ax.plot([best[0], best[-1]], [low, low], color=plot.COLORS[role], linewidth=6, clip_on=False)
        elif xs[0] < best[0] < xs[-1]:
            ax.plot([best.mean()], [risks.min()], "o", color=plot.COLORS[role], markersize=8)
    ax.set_xlim(*payload["xlim"])
    ax.set_ylim(low, high)
    still.legend(fig, ax, 3)
    return fig


SCENE = Scene(
    "risk",
    _payload,
    _picture,
    describe="{title}: the mean loss over both labels at each {xlabel}, and where it is lowest",
    summary=", conditional risk",
    variables=(("m",), ("z",), ("p",)),
    draws="losses of a margin, or of a logit or probability and its label",
    sliders=(ETA,),
    label=False,
    fits=_fits,
    needs=("solve", "points"),
)
