"""The triplet scene: an anchor, a positive and a negative in the plane, and where the negative is hard or easy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lossbook import plot
from lossbook.explorer import embeddings, still
from lossbook.explorer.scene import Payload, Scene, evaluate, start
from lossbook.loss import Loss

POINTS = {
    "anchor": ("a", -0.4, -0.3), "positive": ("p", 0.2, -0.7), "negative": ("n", 0.4, 0.55),
    "negative2": ("n₂", 1.1, 0.1),
}  # fmt: skip
WAYS: dict[str, embeddings.Way] = {"dp": ("distance", 0, 1), "dn": ("distance", 0, 2), "dnn": ("distance", 2, 3)}


def _payload(losses: Sequence[Loss], parameters: list[Payload]) -> Payload:
    names = list(POINTS)[: 4 if any("dnn" in loss.formula.variables for loss in losses) else 3]
    return {
        "state": {name: embeddings.place(*POINTS[name][1:]) for name in names},
        "letters": {name: POINTS[name][0] for name in names},
        **embeddings.about(losses, WAYS),
    }


def radius(payload: Payload, loss: Loss, dp: float) -> float:
    """How far the negative must be from the anchor to cost nothing, where the positive is at `dp`."""

    def cost(dn: float) -> float:
        distances = (dp, dn, embeddings.FAR)[: len(loss.formula.variables)]
        return float(evaluate(loss, embeddings.given(payload, loss), *distances)[0])

    if cost(dp) == 0:
        return dp
    found = embeddings.edge(cost, dp, embeddings.FAR)
    return math.inf if found is None else found


def _picture(payload: Payload, losses: Sequence[Loss]) -> Any:
    fig, ax = plot.figure(height=5.2)
    embeddings.axes(ax)
    places = {name: np.array(start(payload, name)) for name in payload["letters"]}
    anchor = places["anchor"]
    dp = math.dist(anchor, places["positive"])
    for loss, role, _ in still.shown(payload, losses):
        far = radius(payload, loss, dp)
        if not math.isfinite(far):
            continue
        if loss is losses[0]:
            for size in (dp, far):
                embeddings.circle(ax, anchor, size, color=plot.COLORS[role], alpha=0.1, linewidth=0)
            for size, word in ((0.6 * dp, "hard"), (0.5 * (dp + far), "semi-hard"), (far + 0.12, "easy")):
                ax.text(*(anchor + (0, size)), word, ha="center", va="center", color=plot.COLORS["muted"], clip_on=True)
        embeddings.circle(
            ax, anchor, far, fill=False, color=plot.COLORS[role], linestyle=plot.DASHES[role], linewidth=1.4
        )
    embeddings.circle(ax, anchor, dp, fill=False, color=plot.COLORS["muted"], linewidth=1.2)
    for other, dashes in (("positive", "-"), ("negative", ":")):
        ax.plot(*zip(anchor, places[other], strict=True), color=plot.COLORS["muted"], linewidth=1.2, linestyle=dashes)
    if "negative2" in places:
        ends = zip(places["negative"], places["negative2"], strict=True)
        ax.plot(*ends, color=plot.COLORS["muted"], linewidth=1.2, linestyle=":")
    embeddings.arrows(ax, payload, losses, payload["letters"])
    still.legend(fig, ax, 3)
    return fig


SCENE = Scene(
    "triplet", _payload, _picture,
    describe="An anchor, a positive and a negative in the plane, which way {title} moves them, and where around the "
    "anchor a negative is hard, semi-hard or easy",
    summary=", a triplet in the plane",
    variables=(("dp", "dn"), ("dp", "dn", "dnn")),
    draws="losses of the distances of a triplet (dp, dn) or of a quadruplet (dp, dn, dnn)",
    label=False,
    mixed=True,
    apart=True,
    needs=("points", "embeddings"),
)  # fmt: skip
