"""The curve scene: a loss and its gradient over its one variable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lossbook import plot
from lossbook.explorer import still
from lossbook.explorer.scene import Payload, Scene, choice, defaults, evaluate, grid, limits, number, start
from lossbook.loss import Loss

VIEWS = ("both", "loss", "gradient")


def _payload(
    losses: Sequence[Loss],
    parameters: list[Payload],
    *,
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
) -> Payload:
    loss = losses[0]
    usual = loss.takes.xlim or _wide(loss, parameters)
    wide = limits("xlim", usual if xlim is None else xlim)
    middle = round(wide[0] + 2 / 3 * (wide[1] - wide[0]), 2)
    return {
        "state": {
            "point": number(middle, wide[0], wide[1], key=loss.formula.variables[0]),
            "view": choice("both", VIEWS),
        },
        "xlim": wide,
        "ylim": _ylim(losses, parameters, wide) | ({} if ylim is None else dict.fromkeys(VIEWS, limits("ylim", ylim))),
        "xlabel": loss.takes.axis,
    }


def _wide(loss: Loss, parameters: list[Payload]) -> list[float]:
    """Twice the largest scale, so that what a parameter does lies in view; three where there is none."""
    reach = max([3.0, *(2 * abs(one["default"]) for one in parameters if one["name"] in loss.formula.parameters)])
    half = next(nice for nice in (3, 4, 5, 6, 8, 10, 15, 20, 50, 100, 1000) if nice >= min(reach, 1000))
    return [-float(half), float(half)]


def _ylim(losses: Sequence[Loss], parameters: list[Payload], xlim: Sequence[float]) -> dict[str, list[float]]:
    """A vertical range for each view, which stays while sliders move: the reader must see the change.

    The first loss and its gradient at the starting values set it; what the compared losses and the sliders' ends
    reach widens it, by half at most.
    """
    values = {one["name"]: one["default"] for one in parameters}
    xs = grid(xlim)
    core = evaluate(losses[0], values, xs)
    others = [evaluate(loss, values, xs) for loss in losses[1:]]
    for one in parameters:
        others += [evaluate(losses[0], values | {one["name"]: end}, xs) for end in (one["low"], one["high"])]

    # Beside its loss, a gradient has no more than twice the loss's height.
    low, high = _extent(core[0])
    room = 2 * (high - low) or np.inf
    tame = np.clip(core[1], low - room, high + room)

    def span(inner: np.ndarray, wide: tuple[int, ...]) -> list[float]:
        low, high = _extent(inner)
        room = 0.5 * (high - low) or 1.0
        outer = np.concatenate([inner, *(pair[kind] for pair in others for kind in wide)])
        outer = outer[np.isfinite(outer)]
        low, high = max(float(outer.min()), low - room), min(float(outer.max()), high + room)
        margin = 0.06 * (high - low) or 1.0
        return [float(f"{low - margin:.3g}"), float(f"{high + margin:.3g}")]

    return {
        "both": span(np.concatenate([core[0], tame]), (0,)),
        "loss": span(core[0], (0,)),
        "gradient": span(core[1], (1,)),
    }


def _extent(values: np.ndarray) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    return float(finite.min()), float(finite.max())


def _picture(payload: Payload, losses: Sequence[Loss]) -> Any:
    view = start(payload, "view")
    fig, ax = plot.figure(xlabel=payload["xlabel"], ylabel={"both": "loss and gradient"}.get(view, view))
    xs = grid(payload["xlim"])
    values = defaults(payload)
    for loss, role, label in still.shown(payload, losses):
        value, slope = evaluate(loss, values, xs)
        if view == "gradient" or (view == "both" and role == "loss"):
            still.line(ax, xs, slope, "gradient" if role == "loss" else role, f"gradient of {label}")
        if view != "gradient":
            still.line(ax, xs, value, role, label)
    x = start(payload, "point")
    y = evaluate(losses[0], values, [x])[view == "gradient"][0]
    low, high = payload["ylim"][view]
    color = plot.COLORS["gradient" if view == "gradient" else "loss"]
    ax.plot([x], [np.clip(y, low, high)], "o", color=color, markersize=9, clip_on=False)
    ax.set_xlim(*payload["xlim"])
    ax.set_ylim(low, high)
    still.legend(fig, ax, 2)
    return fig


SCENE = Scene(
    "curve",
    _payload,
    _picture,
    describe="{title} and its gradient over the {xlabel}",
    fits=lambda loss: hasattr(loss.takes, "axis"),  # a variable that has a name on an axis
)
