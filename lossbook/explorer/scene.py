"""What a scene is, and the values that its reader moves: one description for Python's traits and the page's address."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossbook.loss import Loss, Parameter

Payload = dict[str, Any]
SAMPLES = 401  # points of a curve; odd, so that the middle of a symmetric range, a usual kink, is one of them


@dataclass(frozen=True)
class Scene:
    """One way to show losses. Its JavaScript is the file of the same name.

    `payload` is called as ``payload(losses, parameters, **options)`` and returns what the scene's JavaScript needs
    beside the losses and sliders: `state` (see the functions below), ``xlim`` and so on. Its keyword-only arguments,
    and the names of its `state`, are what `explore` takes for this scene.
    """

    name: str
    payload: Callable[..., Payload]
    picture: Callable[[Payload, Sequence[Loss]], Any]  # a matplotlib figure of the starting values
    describe: str  # the picture in words: a template in the payload's keys and {title}
    summary: str = ""  # what `repr` says after the losses, such as ", best line"
    variables: tuple[tuple[str, ...], ...] = ()  # the formulas it draws; none named: those of one variable
    draws: str = "losses of one variable"  # the same in words
    sliders: tuple[Parameter, ...] = ()  # of the scene itself, before those of the losses
    label: bool = True  # does the label of a loss (y) get a slider?
    mixed: bool = False  # may losses of different variables share the picture?
    apart: bool = False  # does a parameter that means something else in another loss get a slider of its own?
    fits: Callable[[Loss], bool] = lambda loss: True  # what the names of the variables do not tell
    uses: tuple[str, ...] | None = None  # the parameters of losses that get a slider; None: those of their formulas
    needs: tuple[str, ...] = ()  # the JavaScript files that its own builds on, beside those of every page

    def accepts(self, loss: Loss) -> bool:
        """Can this scene draw the loss?"""
        variables = loss.formula.variables
        named = variables in self.variables if self.variables else len(variables) == 1
        return named and self.fits(loss)


# The kinds of state. Each has `start`, and `key` where the page's address calls it otherwise.


def number(start: float, low: float, high: float, key: str | None = None) -> Payload:
    """A number from `low` to `high`."""
    return {"kind": "number", "start": float(start), "low": float(low), "high": float(high)} | _key(key)


def choice(start: Any, values: Sequence[Any], key: str | None = None) -> Payload:
    """One of some values."""
    return {"kind": "choice", "start": start, "values": list(values)} | _key(key)


def some(start: Sequence[str], values: Sequence[str]) -> Payload:
    """Any of some names, in their order."""
    return {"kind": "some", "start": list(start), "values": list(values)}


def vector(
    start: Sequence[float], limits: Sequence[Sequence[float]], key: str | None = None, total: float | None = None
) -> Payload:
    """Numbers, each within its limits; `total` is their sum where it is fixed."""
    spec = {"kind": "vector", "start": list(map(float, start)), "limits": [list(map(float, pair)) for pair in limits]}
    return spec | ({} if total is None else {"total": float(total)}) | _key(key)


def points(start: list[Any], limits: Sequence[Sequence[float]], least: int, most: int = 20) -> Payload:
    """A list of numbers (one pair of limits) or of (x, y) pairs (two)."""
    return {"kind": "points", "start": start, "limits": [list(pair) for pair in limits], "least": least, "most": most}


def cells(start: Sequence[float], levels: int, key: str | None = None) -> Payload:
    """Numbers from 0 to 1, one for each cell of a grid; with 1 level they are 0 or 1.

    Where all of them are multiples of 1 / `levels` the page's address has one character for each.
    """
    return {"kind": "cells", "start": list(map(float, start)), "levels": levels} | _key(key)


def box(start: Sequence[float], limits: Sequence[float], least: float) -> Payload:
    """A box by two of its corners, (x1, y1, x2, y2), each side at least `least` long."""
    return {"kind": "box", "start": list(map(float, start)), "limits": list(map(float, limits)), "least": float(least)}


def _key(key: str | None) -> Payload:
    return {} if key is None else {"key": key}


def check_state(name: str, spec: Payload, value: Any) -> Any:
    """The value in its plain form, or an error that says what is wrong with it."""
    return _CHECKS[spec["kind"]](name, spec, value)


def _check_number(name: str, spec: Payload, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: got {short(value)}, expected a number")
    if not spec["low"] <= value <= spec["high"]:
        raise ValueError(f"{name}: got {value!r}, expected a number from {spec['low']:g} to {spec['high']:g}")
    return float(value)


def _check_choice(name: str, spec: Payload, value: Any) -> Any:
    if isinstance(value, bool) or value not in spec["values"]:
        raise ValueError(f"{name}: got {value!r}, expected one of {', '.join(map(repr, spec['values']))}")
    return value


def _check_some(name: str, spec: Payload, value: Any) -> list[str]:
    names = spec["values"]
    if isinstance(value, str) or not isinstance(value, Sequence) or not set(value) <= set(names):
        raise ValueError(f"{name}: got {value!r}, expected a list of names out of {names}")
    return [one for one in names if one in value]


def _check_vector(name: str, spec: Payload, value: Any) -> list[float]:
    limits, total = spec["limits"], spec.get("total")
    array = _array(name, value, f"{len(limits)} numbers")
    if array.shape != (len(limits),):
        raise ValueError(f"{name}: got an array of shape {array.shape}, expected {len(limits)} numbers")
    for x, (low, high) in zip(array, limits, strict=True):
        if not low <= x <= high:
            raise ValueError(f"{name}: got {short(value)}, expected numbers from {low:g} to {high:g}")
    if total is not None and not math.isclose(array.sum(), total, rel_tol=1e-6):
        raise ValueError(f"{name}: got {short(value)}, whose sum is {array.sum():g}, expected a sum of {total:g}")
    return [float(x) for x in array]


def _check_cells(name: str, spec: Payload, value: Any) -> list[float]:
    count, hard = len(spec["start"]), spec["levels"] == 1
    what = f"{count} numbers " + ("that are 0 or 1" if hard else "from 0 to 1")
    array = _array(name, value, what)
    if array.size != count:
        raise ValueError(f"{name}: got an array of shape {array.shape}, expected {what}")
    if not (np.isin(array, (0, 1)) if hard else (array >= 0) & (array <= 1)).all():
        raise ValueError(f"{name}: got {short(value)}, expected {what}")
    return [float(x) for x in array.ravel()]


def _check_box(name: str, spec: Payload, value: Any) -> list[float]:
    (low, high), least = spec["limits"], spec["least"]
    what = f"x1, y1, x2, y2 from {low:g} to {high:g} with x1 + {least:g} <= x2 and y1 + {least:g} <= y2"
    array = _array(name, value, what)
    if array.shape != (4,):
        raise ValueError(f"{name}: got an array of shape {array.shape}, expected {what}")
    if not (array.min() >= low and array.max() <= high and (array[:2] + least <= array[2:] + 1e-9).all()):
        raise ValueError(f"{name}: got {short(value)}, expected {what}")
    return [float(x) for x in array]


def _check_points(name: str, spec: Payload, value: Any) -> list[Any]:
    return check_data(name, value, len(spec["limits"]), spec["least"], spec["most"])


def check_data(name: str, data: Any, width: int, least: int, most: int = 20) -> list[Any]:
    """Data points as plain floats: numbers (`width` 1) or (x, y) pairs (2)."""
    what = "numbers" if width == 1 else "(x, y) pairs of numbers"
    if data is None:
        raise ValueError(f"{name}: got None, expected at least {least} {what}")
    array = _array(name, data, what)
    shape_ok = array.ndim == 1 if width == 1 else array.ndim == 2 and array.shape[1] == 2
    if not shape_ok or not least <= len(array) <= most:
        raise ValueError(f"{name}: got an array of shape {array.shape}, expected {least} to {most} {what}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: got {short(data)}, expected finite numbers")
    return [float(x) for x in array] if width == 1 else [[float(x), float(y)] for x, y in array]


_CHECKS: dict[str, Callable[[str, Payload, Any], Any]] = {
    "number": _check_number,
    "choice": _check_choice,
    "some": _check_some,
    "vector": _check_vector,
    "cells": _check_cells,
    "box": _check_box,
    "points": _check_points,
}


def _array(name: str, value: Any, what: str) -> np.ndarray:
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: got {short(value)}, expected {what}") from None


# What scenes share.


def defaults(payload: Payload) -> dict[str, float]:
    """The starting value of every slider."""
    return {one["name"]: one["default"] for one in payload["parameters"]}


def start(payload: Payload, name: str) -> Any:
    """The starting value of one name of the state."""
    return payload["state"][name]["start"]


def limits(name: str, value: Any) -> list[float]:
    """A range (low, high) as two floats."""
    try:
        low, high = (float(one) for one in value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: got {short(value)}, expected two numbers (low, high)") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"{name}: got {value!r}, expected two finite numbers with low < high")
    return [low, high]


def room(values: Sequence[float]) -> list[float]:
    """A range with room to drag on both sides."""
    low, high = min(values), max(values)
    margin = 0.15 * (high - low) or 1.0
    return [float(f"{low - margin:.3g}"), float(f"{high + margin:.3g}")]


def inside(limits: list[float], values: Sequence[float]) -> list[float]:
    """The horizontal range, which has to hold the data."""
    if min(values) < limits[0] or max(values) > limits[1]:
        raise ValueError(f"xlim: got {tuple(limits)}, expected a range that holds the data")
    return limits


def grid(xlim: Sequence[float]) -> np.ndarray:
    """Where a curve is sampled."""
    return np.linspace(xlim[0], xlim[1], SAMPLES)


def evaluate(loss: Loss, values: Mapping[str, float], *variables: Any) -> tuple[np.ndarray, ...]:
    """The loss and its derivative by each variable, in NumPy. `values` holds the sliders, the variables broadcast."""
    # NumPy's numbers: a branch that is not taken may divide by zero, where Python's would raise.
    arguments = [np.float64(values[name]) for name in loss.formula.parameters]
    arrays = [np.asarray(one, dtype=float) for one in variables]
    shape = np.broadcast_shapes(*(one.shape for one in arrays))
    which = [None, *range(len(arrays))]
    with np.errstate(all="ignore"):
        found = [loss.formula.function("numpy", index)(*arrays, *arguments) for index in which]
    return tuple(np.broadcast_to(np.asarray(one, dtype=float), shape) for one in found)


def short(value: object) -> str:
    """A value for an error message."""
    return f"{type(value).__name__} {repr(value)[:60]}"
