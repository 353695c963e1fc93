"""The bars scene: three logits to drag, their probabilities, and the gradient of the loss by each."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from lossbook import plot
from lossbook.explorer import logits, still
from lossbook.explorer.scene import Payload, Scene, defaults, start, vector
from lossbook.loss import Loss

REACH = 6.0
STARTS = {
    "softmax": (1.0, 2.0, -1.0),
    "sigmoid": (0.5, -1.0, 0.8),
    "exp": (-1.2, -0.4, -3.7),  # the logarithms of 0.30, 0.67, 0.02
}


def _payload(losses: Sequence[Loss], parameters: list[Payload]) -> Payload:
    shares = logits.shares(losses[0])
    high = 0.0 if shares == "exp" else REACH  # no probability is above one
    where = losses[0].takes.where
    return {
        "state": {"logits": vector(STARTS[shares], [(-REACH, high)] * 3), "target": logits.target(losses)},
        "steepest": _steepest(losses, parameters),
        "shares": shares,
        "names": [
            "log-probabilities z: drag" if shares == "exp" else "logits z: drag",
            f"{shares} of z",
            "gradient by z",
        ],
        "note": "" if logits.one_true(losses[0]) else f"{where[0].upper()}{where[1:]}.",
    }


def _steepest(losses: Sequence[Loss], parameters: list[Payload]) -> float:
    """What the gradient's axis reaches: the steepest slope among usual logits, 4 at most; bars beyond are cut."""
    values = {one["name"]: one["default"] for one in parameters}
    places = np.array(list(itertools.product((-4.0, 0.0, 4.0), repeat=3))).T
    slopes = np.concatenate([np.abs(logits.at(loss, values, places, 1)[1]).ravel() for loss in losses])
    return float(np.clip(1.15 * np.max(slopes, where=np.isfinite(slopes), initial=0), 0.5, 4))


def _picture(payload: Payload, losses: Sequence[Loss]) -> Any:
    fig, (left, middle, right) = plot.figure(columns=3, width=6.6, height=3.0)
    values, z, target = defaults(payload), start(payload, "logits"), start(payload, "target")
    only = target if logits.one_true(losses[0]) else None
    names = [f"{k}\ntrue" if k == only else f"{k}" for k in logits.CLASSES]
    color = [plot.COLORS["loss" if k == only else "muted"] for k in logits.CLASSES]
    left.bar(names, z, color=color)
    low, high = payload["state"]["logits"]["limits"][0]
    left.set_ylim(low, high)
    left.set_yticks(np.linspace(low, high, 5))
    middle.bar(names, logits.probabilities(payload["shares"], z), color=color)
    middle.set_ylim(0, 1)
    middle.set_yticks([0, 0.5, 1])
    rows = still.shown(payload, losses)
    rows = rows[-1:] + rows[:-1]
    for i, (loss, role, label) in enumerate(rows):
        slopes = logits.at(loss, values, z, target)[1]
        place = np.arange(3) + 0.8 * ((i + 0.5) / len(rows) - 0.5)
        shade = plot.COLORS["gradient" if role == "loss" else role]
        right.bar(place, slopes, width=0.8 / len(rows), color=shade, label=label)
    right.set_xticks(range(3), names)
    right.set_ylim(-payload["steepest"], payload["steepest"])
    for ax, title in zip((left, middle, right), payload["names"], strict=True):
        ax.set_title(title.removesuffix(": drag"), fontsize=13, fontweight="normal")
        ax.axhline(0, color=plot.COLORS["zero"], linewidth=1.2)
        ax.grid(axis="x", visible=False)
    if len(rows) > 1:
        fig.legend(loc="outside upper left", ncols=3)
    return fig


SCENE = Scene(
    "bars",
    _payload,
    _picture,
    describe="{title}: three bars to drag, their probabilities ({shares}), and the gradient by each",
    summary=", three logits",
    variables=logits.VARIABLES,
    draws=logits.DRAWS,
    needs=("points", "logits"),
)
