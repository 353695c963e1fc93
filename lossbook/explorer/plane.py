"""The plane scene: a feature among three class directions, and the sectors that margins leave to the true class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossbook import plot
from lossbook.explorer import still
from lossbook.explorer.scene import Payload, Scene, choice, defaults, evaluate, short, start, vector
from lossbook.formula import Formula
from lossbook.loss import Loss

ANGLES = (90.0, 210.0, 330.0)
CENTER = 1.0  # how far from the origin a class center lies
SHORTEST = 0.05  # a feature of no length has no direction
COSINES = {"c1", "c2", "c3"}
NAMES = COSINES | {"n", "z1", "z2", "z3", "x1", "x2"}


@dataclass(frozen=True)
class _Plane(Scene):
    def accepts(self, loss: Loss) -> bool:
        # Two numbers may be anything, such as two pixels: here they are a feature's way from its center.
        enough = len(loss.formula.variables) > 2 or loss.takes.scene == "plane"
        return enough and set(loss.formula.variables) <= NAMES


def _payload(losses: Sequence[Loss], parameters: list[Payload], *, reach: float | None = None) -> Payload:
    used = {name for loss in losses for name in loss.formula.variables}
    if reach is None:
        # Cosines do not see the length; logits need long features before a class is probable.
        reach = 1.3 if used <= COSINES else 2.0 if used <= {"x1", "x2"} else 4.0
    if isinstance(reach, bool) or not isinstance(reach, (int, float)):
        raise TypeError(f"reach: got {short(reach)}, expected a number, the longest length of the feature")
    if not 2 * SHORTEST <= reach <= 1000:
        raise ValueError(f"reach: got {reach!r}, expected a length from {2 * SHORTEST:g} to 1000")
    length = min(1.0, reach) if reach <= 2 else round(0.65 * reach, 2)
    circle = [0, 360]
    return {
        "state": {
            "feature": vector([38, length], [circle, [SHORTEST, reach]]),
            "angles": vector(ANGLES, [circle] * 3),
            "target": choice(1, [1, 2, 3]),
        },
        "reach": float(reach),
        "center": CENTER,
        "logarithm": any("c1" in (v := loss.formula.variables) and "n" not in v for loss in losses),
        "logits": {loss.name: [one.javascript for one in logits(loss.formula)] for loss in losses},
    }


def logits(formula: Formula) -> list[Formula]:
    """The logits that the formula's softmax is taken of, the true class first; none if it has no softmax of three."""
    found = [_logit(formula.expression, j) for j in range(3)]
    if None in found:
        return []
    return [Formula(str(one), formula.variables, formula.parameters, formula.positive) for one in found]


def _logit(expression: Any, j: int) -> Any:
    import sympy

    softmaxes = [part for part in sympy.preorder_traversal(expression) if _is_softmax(part)]
    # Label smoothing adds the log-probabilities of the other classes: that of the true one has its logit in front.
    own = [part for part in softmaxes if {s.name for s in part.args[0].free_symbols} & {"c1", "z1"}]
    cases = [part for part in expression.atoms(sympy.Piecewise) if any(map(_is_softmax, part.atoms(sympy.Function)))]
    if cases:
        branches = [(_logit(value, j), condition) for value, condition in cases[0].args]
        return None if any(value is None for value, _ in branches) else sympy.Piecewise(*branches)
    return own[0].args[j] if own else None


def _is_softmax(part: Any) -> bool:
    return part.func.__name__ in ("logsumexp", "softmax", "logsoftmax") and len(part.args) == 3


def own(loss: Loss, values: Mapping[str, float]) -> dict[str, float]:
    """The loss's own parameters, by the names of its formula, from the values of all sliders."""
    known = {**loss.formula_defaults, **values}
    return {name: known.get(f"{loss.name}_{name}", known[name]) for name in loss.formula.parameters}


@dataclass(frozen=True)
class Place:
    """A feature by its angle in degrees, which may be many, and its length; the directions; which class is true."""

    angle: Any
    length: float
    angles: Sequence[float]
    target: int

    def names(self) -> dict[str, Any]:
        """What a formula may speak of, the true class first."""
        here, there = np.deg2rad(self.angle), np.deg2rad(self.angles[self.target - 1])
        names: dict[str, Any] = {"n": self.length + 0 * here}
        order = [self.target, *(k for k in (1, 2, 3) if k != self.target)]
        for j, k in enumerate(order, start=1):
            cosine = np.cos(np.deg2rad(self.angle - self.angles[k - 1]))
            names |= {f"c{j}": cosine, f"z{j}": self.length * cosine}
        names["x1"] = self.length * np.cos(here) - CENTER * np.cos(there)
        names["x2"] = self.length * np.sin(here) - CENTER * np.sin(there)
        return names

    def wins(self, loss: Loss, values: Mapping[str, float]) -> Any:
        """Is the true class's logit the largest? None where the formula has no logits."""
        parts = logits(loss.formula)
        if not parts:
            return None
        names = self.names()
        known = names | own(loss, values)
        arguments = [known[name] for name in (*loss.formula.variables, *loss.formula.parameters)]
        with np.errstate(all="ignore"):
            first, *others = (part.function("numpy")(*np.broadcast_arrays(*arguments)) for part in parts)
        return first > np.maximum(*others)

    def downhill(self, loss: Loss, values: Mapping[str, float]) -> np.ndarray:
        """Minus the gradient by the two coordinates, by central differences: enough for an arrow."""
        x, y = self.length * np.cos(np.deg2rad(self.angle)), self.length * np.sin(np.deg2rad(self.angle))
        slope = []
        for dx, dy in ((1e-6, 0.0), (0.0, 1e-6)):
            ends = []
            for sign in (1, -1):
                u, v = x + sign * dx, y + sign * dy
                there = Place(np.rad2deg(np.arctan2(v, u)), float(np.hypot(u, v)), self.angles, self.target)
                names = there.names()
                ends.append(
                    float(evaluate(loss, own(loss, values), *(names[name] for name in loss.formula.variables))[0])
                )
            slope.append((ends[0] - ends[1]) / 2e-6)
        return -np.array(slope)


def _picture(payload: Payload, losses: Sequence[Loss]) -> Any:
    from matplotlib.patches import Circle, Wedge

    fig, ax = plot.figure(height=5.4)
    values = defaults(payload)
    angle, length = start(payload, "feature")
    angles, target = start(payload, "angles"), start(payload, "target")
    rim = 1.12 * payload["reach"]
    home = angles[target - 1]
    for radius, dashes in ((rim, "-"), (1.0, ":")):
        ax.add_patch(Circle((0, 0), radius, fill=False, color=plot.COLORS["zero"], linewidth=0.9, linestyle=dashes))

    def spoke(degrees: float, **style: Any) -> None:
        ax.plot([0, rim * math.cos(math.radians(degrees))], [0, rim * math.sin(math.radians(degrees))], **style)

    for low, high in _halves(angles, target) if payload["logits"][losses[0].name] else []:
        ax.add_patch(Wedge((0, 0), rim, home + low, home + high, color=plot.COLORS["loss"], alpha=0.08, linewidth=0))
    turns = np.linspace(-180, 180, 1441)
    for loss, role, label in still.shown(payload, losses):
        wins = Place(home + turns, length, angles, target).wins(loss, values)
        ax.plot([], [], color=plot.COLORS[role], linestyle=plot.DASHES[role], label=label)
        for low, high in _runs(turns, wins):
            if loss is losses[0]:
                wedge = Wedge((0, 0), rim, home + low, home + high, color=plot.COLORS[role], alpha=0.16, linewidth=0)
                ax.add_patch(wedge)
            for edge in (low, high):
                spoke(home + edge, color=plot.COLORS[role], linestyle=plot.DASHES[role])
    for k, one in enumerate(angles, start=1):
        true = k == target
        spoke(one, color=plot.COLORS["ink" if true else "muted"], linewidth=2 if true else 1.2)
        x, y = rim * math.cos(math.radians(one)), rim * math.sin(math.radians(one))
        ax.plot([x], [y], "o", color=plot.COLORS["ink" if true else "muted"], markersize=20, clip_on=False)
        ax.text(x, y, str(k), color=plot.COLORS["page"], ha="center", va="center", fontweight="bold")
        if "x1" in losses[0].formula.variables:
            ax.plot([CENTER * x / rim], [CENTER * y / rim], "x", color=plot.COLORS["ink"], markersize=9)
    _feature(ax, payload, losses, Place(angle, length, angles, target), values)
    ax.set_aspect("equal")
    ax.set_axis_off()
    still.legend(fig, ax, 3)
    return fig


def _feature(ax: Any, payload: Payload, losses: Sequence[Loss], place: Place, values: Mapping[str, float]) -> None:
    """The feature, and for each loss an arrow downhill."""
    x = place.length * math.cos(math.radians(place.angle))
    y = place.length * math.sin(math.radians(place.angle))
    ax.plot([0, x], [0, y], color=plot.COLORS["ink"], linewidth=2.4)
    for loss, role, _ in still.shown(payload, losses):
        way = place.downhill(loss, values)
        size = float(np.hypot(*way))
        if not size > 1e-6:
            continue
        if payload["logarithm"]:
            way *= min(math.log1p(size) / 8, 1) * payload["reach"] / size
        ax.annotate(
            "", (x + way[0], y + way[1]), (x, y),
            arrowprops={"arrowstyle": "->", "color": plot.COLORS[role], "linewidth": 2.2, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
    ax.plot([x], [y], "o", color=plot.COLORS["loss"], markersize=10)


def _halves(angles: Sequence[float], target: int) -> list[tuple[float, float]]:
    """Where the true direction is the nearest, in degrees from it."""
    turns = [(angle - angles[target - 1]) % 360 for k, angle in enumerate(angles, start=1) if k != target]
    return [((max(turns) - 360) / 2, min(turns) / 2)]


def _runs(turns: np.ndarray, wins: Any) -> list[tuple[float, float]]:
    """The stretches on which it holds."""
    if wins is None:
        return []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(wins, dtype=int), [0]])))
    return [(float(turns[a]), float(turns[b - 1])) for a, b in zip(edges[::2], edges[1::2], strict=True)]


SCENE = _Plane(
    "plane", _payload, _picture,
    describe="A feature in the plane, the directions of three classes, and where {title} lets the true one win",
    summary=", in the plane",
    draws="losses of a feature among class directions: cosines (c1, c2, c3), logits or the way to a center",
    mixed=True,
    apart=True,
    label=False,
    needs=("points",),
)  # fmt: skip
