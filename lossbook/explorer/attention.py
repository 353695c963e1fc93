"""The attention scene: how each word of a caption looks at the regions of an image, and the score of the two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from lossbook import plot
from lossbook.explorer import still
from lossbook.explorer.scene import Payload, Scene, defaults, start, vector
from lossbook.loss import Loss

WORDS, REGIONS = ("a", "b", "c"), (1, 2, 3, 4)
ROLES = ("loss", "overlay1", "overlay2")  # the colors of the words
START = {"words": (85.0, 215.0, 305.0), "regions": (60.0, 120.0, 200.0, 350.0)}
CASES = {
    "A region for each word": {"words": (90.0, 210.0, 330.0), "regions": (90.0, 210.0, 330.0, 30.0)},
    "Nothing for one word": {"words": (90.0, 210.0, 330.0), "regions": (80.0, 110.0, 190.0, 220.0)},
    "All regions alike": {"words": (90.0, 210.0, 330.0), "regions": (90.0,) * 4},
}


def _payload(losses: Sequence[Loss], parameters: list[Payload]) -> Payload:
    return {
        "state": {name: vector(angles, [(0, 360)] * len(angles)) for name, angles in START.items()},
        "words": WORDS,
        "regions": REGIONS,
        "cases": CASES,
    }


def directions(angles: Any) -> np.ndarray:
    """Unit vectors as columns, from angles in degrees."""
    turns = np.deg2rad(angles)
    return np.array([np.cos(turns), np.sin(turns)])


def attend(words: Any, regions: Any, gamma1: float, gamma2: float) -> tuple[np.ndarray, float]:
    """The attention of each word to each region, and the score, as DAMSM computes them."""
    from lossbook.alignment import damsm_attention, damsm_scores

    image, caption = (torch.tensor(directions(angles))[None] for angles in (regions, words))
    lengths = torch.tensor([len(words)])
    attention = damsm_attention(image, caption, lengths, gamma1=gamma1)[0, 0]
    return attention.numpy(), damsm_scores(image, caption, lengths, gamma1=gamma1, gamma2=gamma2).item()


def _picture(payload: Payload, losses: Sequence[Loss]) -> Any:
    fig, (left, right) = plot.figure(columns=2, width=7.2, height=3.9)
    values, words, regions = defaults(payload), start(payload, "words"), start(payload, "regions")
    attention, score = attend(words, regions, values["gamma1"], values["gamma2"])
    turns = np.linspace(0, 2 * np.pi, 181)
    left.plot(np.cos(turns), np.sin(turns), color=plot.COLORS["zero"], linewidth=0.9)
    for (x, y), (sx, sy), letter, row, role in zip(
        1.2 * directions(words).T, attention @ directions(regions).T, WORDS, attention, ROLES, strict=True
    ):
        color = plot.COLORS[role]
        left.plot([0, x], [0, y], color=plot.COLORS["muted"], linewidth=0.9)
        for region, weight in zip(directions(regions).T, row, strict=True):
            left.plot([x, region[0]], [y, region[1]], color=color, linewidth=6 * weight, alpha=0.3)
        left.annotate("", (sx, sy), (0, 0), arrowprops={"arrowstyle": "->", "color": color, "linewidth": 2.2})
        _mark(left, x, y, letter, color)
    for (x, y), number in zip(directions(regions).T, REGIONS, strict=True):
        _mark(left, x, y, str(number), plot.COLORS["muted"])
    left.set_aspect("equal")
    left.set_axis_off()
    left.set_title(f"score of image and caption: {score:.2f}".replace("-", "−"), fontsize=13, fontweight="normal")
    still.cells(right, "attention: each row sums to 1", attention, attention, 0.0, ROLES, true=False)
    right.set_yticks(range(len(WORDS)), WORDS)
    return fig


def _mark(ax: Any, x: float, y: float, text: str, color: str) -> None:
    ax.plot([x], [y], "o", color=color, markersize=18, clip_on=False)
    ax.text(x, y, text, color=plot.COLORS["page"], ha="center", va="center", fontweight="bold")


SCENE = Scene(
    "attention",
    _payload,
    _picture,
    describe="Three words and four image regions as directions, what each word looks at, and the score that {title} "
    "compares",
    summary=", words and regions",
    variables=(("r11", "r12", "r13", "r21", "r22", "r23"),),
    draws="DAMSM's losses of words and image regions",
    fits=lambda loss: loss.takes.scene == "attention",
    uses=("gamma1", "gamma2"),
    needs=("logits", "cells"),
)
