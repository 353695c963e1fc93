"""The pair scene: two embeddings in the plane, the same or different, and the forces of a loss on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lossbook import plot
from lossbook.explorer import embeddings, still
from lossbook.explorer.scene import Payload, Scene, choice, evaluate, grid, start
from lossbook.inputs import DISTANCE
from lossbook.loss import Loss

NAMES = {"first": "1", "second": "2"}
WAYS: dict[str, embeddings.Way] = {"d": ("distance", 0, 1), "x": ("distance", 0, 1), "c": ("cosine", 0, 1)}
TOP = 2.1  # of the loss axis


def _fits(loss: Loss) -> bool:
    """Is it a loss of a pair and of its one label? The hinge embedding loss calls the distance x."""
    return len(embeddings.labels(loss)) == 1 and (loss.formula.variables != ("x",) or loss.takes is DISTANCE)


def _kind(loss: Loss) -> str:
    return WAYS[loss.formula.variables[0]][0]


def _payload(losses: Sequence[Loss], parameters: list[Payload]) -> Payload:
    turns = _kind(losses[0]) == "cosine"
    return {
        "state": {
            "first": embeddings.place(-0.1, 1.0),
            "second": embeddings.place(0.55, 0.5),
            "same": choice(1, [1, 0]),
        },
        **embeddings.about(losses, WAYS),
        "xlim": [-1.0, 1.0] if turns else [0.0, 3.0],
        "ylim": [0.0, TOP],
        "xlabel": "cosine c" if turns else "distance d",
    }


def _picture(payload: Payload, losses: Sequence[Loss]) -> Any:
    fig, (left, right) = plot.figure(columns=2, height=3.9)
    same = start(payload, "same")
    embeddings.axes(left)
    points = [start(payload, name) for name in NAMES]
    _zones(left, payload, losses, same)
    left.plot(*zip(*points, strict=True), color=plot.COLORS["muted"], linewidth=1.2, linestyle=":")
    embeddings.arrows(left, payload, losses, NAMES, same)

    xs, (first, second) = grid(payload["xlim"]), np.array(points)
    for loss, role, label in still.shown(payload, losses):
        kind = _kind(loss)
        if kind != _kind(losses[0]):
            continue
        values = embeddings.given(payload, loss, same)
        still.line(right, xs, evaluate(loss, values, xs)[0], role, label)
        here = embeddings.measure(kind, first, second, payload["embeddings"][loss.name]["shift"])[0]
        right.plot([here], [evaluate(loss, values, here)[0]], "o", color=plot.COLORS[role], markersize=8)
    right.set_xlim(*payload["xlim"])
    right.set_ylim(-0.05, TOP)
    right.set_xlabel(payload["xlabel"])
    right.set_ylabel("loss")
    still.legend(fig, left, 2)
    return fig


def _zones(ax: Any, payload: Payload, losses: Sequence[Loss], same: int) -> None:
    """Where a different second point is pushed: around the first one, or around its direction."""
    from matplotlib.patches import Wedge

    style: dict[str, Any] = {"color": plot.COLORS["loss"], "alpha": 0.05 if same else 0.16, "linewidth": 0}
    first = start(payload, "first")
    done = set()
    for loss in [losses[0], *(one for one, _, _ in still.shown(payload, losses))]:
        kind = _kind(loss)
        if kind in done:
            continue
        done.add(kind)
        values = embeddings.given(payload, loss, 0)

        def cost(x: float, loss: Loss = loss, values: dict[str, float] = values) -> float:
            return float(evaluate(loss, values, x)[0])

        if kind == "distance":
            radius = embeddings.edge(cost, 0.0, embeddings.FAR)
            if radius is not None:
                embeddings.circle(ax, first, radius, **style)
            continue
        limit = embeddings.edge(cost, 1.0, -1.0)
        if limit is not None:
            half, middle = math.degrees(math.acos(limit)), math.degrees(math.atan2(first[1], first[0]))
            ax.add_patch(Wedge((0, 0), 2 * embeddings.REACH, middle - half, middle + half, **style))
        for x, y in (first, start(payload, "second")):
            ax.plot([0, x], [0, y], color=plot.COLORS["muted"], linewidth=1.2)
        ax.plot([0], [0], "x", color=plot.COLORS["ink"], markersize=10)


SCENE = Scene(
    "pair", _payload, _picture,
    describe="Two embeddings in the plane, which way {title} moves them, and the loss over their {xlabel}",
    summary=", a pair in the plane",
    variables=(("d",), ("x",), ("c",)),
    draws="losses of a pair and its label: by the distance (d) or the cosine (c)",
    label=False,
    mixed=True,
    apart=True,
    fits=_fits,
    needs=("points", "embeddings"),
)  # fmt: skip
