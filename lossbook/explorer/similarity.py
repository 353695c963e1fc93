"""The similarity scene: a small matrix of similarities, its softmax, and which way a loss pushes each of them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from lossbook import plot
from lossbook.explorer import logits, still
from lossbook.explorer.scene import Payload, Scene, defaults, evaluate, start, vector
from lossbook.loss import Loss

SIZES = (2, 3)
# The formula of one row, its true similarity first, or of the whole matrix.
ROW = {tuple(f"s{j}" for j in range(1, n + 1)): n for n in SIZES}
WHOLE = {tuple(f"s{i}{j}" for i in range(1, n + 1) for j in range(1, n + 1)): n for n in SIZES}
SCALES = {"temperature": -1, "gamma3": 1}  # softmax is taken of the similarities times this power of the parameter
START = np.array([[0.5, 0.45, -0.2], [0.3, 0.6, 0.4], [-0.1, 0.3, 0.55]])


def cases(size: int) -> dict[str, np.ndarray]:
    """Matrices that a button calls up."""
    confused = np.full((size, size), 0.1) + 0.7 * np.eye(size)
    confused[0, 1] = 0.9
    # Directions that are as far apart as they can be have the cosine -1/(n - 1).
    perfect = np.where(np.eye(size), 1.0, -1 / (size - 1))
    found = {"All alike": np.full((size, size), 0.5), "One confused pair": confused, "Perfect": perfect}
    return {name: matrix.round(2) for name, matrix in found.items()}


@functools.cache
def count(loss: Loss) -> int:
    """How many losses the formula of a whole matrix sums up."""
    numbers = (torch.tensor(0.1 * k, dtype=torch.float64) for k in range(len(loss.formula.variables)))
    tensors = loss.takes.at(*numbers, **loss.formula_defaults)
    return loss.takes.counted(*tensors) or loss(*tensors, reduction="none").numel()


def at(loss: Loss, values: Mapping[str, float], matrix: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean loss of a matrix of similarities whose true pairs are on the diagonal, and its gradient."""
    variables, size = loss.formula.variables, len(matrix)
    if variables in WHOLE:
        value, *slopes = evaluate(loss, values, *matrix.ravel())
        return float(value) / count(loss), np.reshape(slopes, matrix.shape) / count(loss)
    # A formula of more keys than there are: the others are infinitely unlike.
    padded = np.pad(matrix, ((0, 0), (0, len(variables) - size)), constant_values=-np.inf)
    rows = [logits.at(loss, values, row, i) for i, row in enumerate(padded, start=1)]
    return float(sum(value for value, _ in rows)) / size, np.stack([slope[:size] for _, slope in rows]) / size


def softmax(z: np.ndarray, axis: int) -> np.ndarray:
    """The shares along an axis."""
    return np.exp(z - np.logaddexp.reduce(z, axis=axis, keepdims=True))


def _payload(losses: Sequence[Loss], parameters: list[Payload]) -> Payload:
    size, first = _size(losses), losses[0]
    names = {one["name"] for one in parameters}
    return {
        "state": {"similarities": vector(START[:size, :size].ravel().tolist(), [(-1, 1)] * size**2, key="s")},
        "size": size,
        "names": [name.removesuffix("s") for name in first.takes.names[:2]],
        "counts": {loss.name: count(loss) for loss in losses if loss.formula.variables in WHOLE},
        "scale": next(([name, power] for name, power in SCALES.items() if name in names), None),
        "cases": {name: matrix.ravel().tolist() for name, matrix in cases(size).items()},
        "steepest": _steepest(losses, parameters, size),
    }


def _size(losses: Sequence[Loss]) -> int:
    """How many pairs all of the losses can draw."""
    found = {loss.name: (ROW | WHOLE)[loss.formula.variables] for loss in losses}
    fixed = {found[loss.name] for loss in losses if loss.formula.variables in WHOLE}
    if len(fixed) > 1 or (fixed and min(fixed) > min(found.values())):
        sizes = ", ".join(f"{name} {size}" for name, size in found.items())
        raise ValueError(f"compare: got formulas of different numbers of pairs ({sizes}), which share no picture")
    return min(found.values())


def _steepest(losses: Sequence[Loss], parameters: list[Payload], size: int) -> float:
    """The steepest slope of all cases at both ends of the sliders, which the longest bar stands for."""
    ends = [{one["name"]: one[end] for one in parameters} for end in ("low", "high")]
    matrices = [START[:size, :size], *cases(size).values()]
    slopes = [at(loss, end, matrix)[1] for loss in losses for end in ends for matrix in matrices]
    return float(np.max(np.abs(slopes)))


def _picture(payload: Payload, losses: Sequence[Loss]) -> Any:
    values = defaults(payload)
    s = np.reshape(start(payload, "similarities"), (payload["size"], payload["size"]))
    name, power = payload["scale"] or ("", 0)
    scaled = s * values.get(name, 1.0) ** power
    push = -at(losses[0], values, s)[1]
    panels = [("similarities", s, -1.0), ("softmax of rows", softmax(scaled, 1), 0.0)]
    if any(loss.formula.variables in WHOLE for loss in losses):
        panels.append(("softmax of columns", softmax(scaled, 0), 0.0))
    fig, axes = plot.figure(columns=len(panels) + 1, width=7.6, height=7.6 / (len(panels) + 1) + 0.4)
    for ax, (title, matrix, low) in zip(axes, panels, strict=False):
        still.cells(ax, title, matrix, matrix, low)
    still.cells(axes[-1], "push: −gradient", height(push, payload["steepest"]), push, -1.0, ["gradient"])
    return fig


def height(push: np.ndarray, steepest: float) -> np.ndarray:
    """A logarithm, for a small temperature makes slopes a hundred times steeper."""
    return np.sign(push) * np.log1p(10 * np.abs(push)) / np.log1p(10 * steepest)


SCENE = Scene(
    "similarity",
    _payload,
    _picture,
    describe="A matrix of {size} by {size} similarities, true pairs on the diagonal, its softmax, and how {title} "
    "pushes each of them",
    summary=", similarities",
    variables=(*ROW, *WHOLE),
    draws="losses of the similarities of a row (s1, s2), the true one first, or of all pairs (s11, s12, s21, s22)",
    mixed=True,
    fits=lambda loss: loss.takes.scene == "similarity",
    needs=("points", "logits", "cells"),
)
