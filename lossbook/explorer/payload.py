"""What the page's JavaScript needs to know of an explorer, as one JSON object; and every check of the arguments."""

from __future__ import annotations

import json
import math
import numbers
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lossbook.loss import Loss, Parameter

SCENES = ("curve", "sample", "fit")
SAMPLES = 401  # points of a curve; odd, so that the middle of a symmetric range, a usual kink, is one of them
MAX_COMPARE = 5

Payload = dict[str, Any]


def make_payload(
    loss: Loss,
    compare: Sequence[Loss] = (),
    *,
    scene: str = "curve",
    data: Sequence[Any] | None = None,
    id: str | None = None,
    point: float | None = None,
    xlim: tuple[float, float] | None = None,
    show: Sequence[str] | None = None,
    **values: float,
) -> Payload:
    """Everything that the scene draws from. Raises TypeError or ValueError naming the argument that is wrong."""
    losses = _losses(loss, compare)
    if scene not in SCENES:
        raise ValueError(f"scene: got {scene!r}, expected one of {', '.join(map(repr, SCENES))}")
    if scene == "curve" and data is not None:
        raise ValueError("data: given for the scene 'curve', which shows no data; use scene='sample' or scene='fit'")
    if scene != "curve" and point is not None:
        raise ValueError(f"point: given for the scene {scene!r}, which has data to drag; only 'curve' has a point")

    parameters = _parameters(losses, values)
    payload: Payload = {
        "id": _id(id, losses, scene),
        "scene": scene,
        "losses": [_loss(one) for one in losses],
        "parameters": parameters,
        "show": _show(show, losses),
        "samples": SAMPLES,
    }
    if scene == "curve":
        payload |= _curve(losses, parameters, point, xlim)
    elif scene == "sample":
        payload |= _sample(losses, data, xlim)
    else:
        payload |= _fit(losses, data, xlim)
    payload["describe"] = describe(payload)
    return payload


def defaults(payload: Payload) -> dict[str, float]:
    """The starting value of every parameter."""
    return {one["name"]: one["default"] for one in payload["parameters"]}


def summary(payload: Payload) -> str:
    """One line: ``Explorer: Huber loss with MSE, MAE (delta = 1)``."""
    first, *others = payload["losses"]
    rest = f" with {', '.join(one['label'] for one in others)}" if others else ""
    scene = {"curve": "", "sample": ", best constant", "fit": ", best line"}[payload["scene"]]
    settings = ", ".join(f"{name} = {value:g}" for name, value in defaults(payload).items())
    return f"Explorer: {first['title']}{rest}{scene}" + (f" ({settings})" if settings else "")


def describe(payload: Payload) -> str:
    """The picture in words, for readers who do not see it."""
    first, *others = payload["losses"]
    rest = f", compared with {', '.join(one['label'] for one in others)}" if others else ""
    what = {
        "curve": f"{first['title']} and its gradient over the {payload.get('xlabel')}",
        "sample": f"{first['title']}: data points on a line, and the constant that minimizes the sum of their losses",
        "fit": f"{first['title']}: data points in the plane, and the line that minimizes the sum of their losses",
    }[payload["scene"]] + rest
    settings = ", ".join(f"{name} = {value:g}" for name, value in defaults(payload).items())
    return what + (f"; {settings}." if settings else ".")


def island_json(payload: Payload) -> str:
    """JSON that may stand inside a script element."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")


def check_data(scene: str, data: Any, name: str = "data") -> list[Any]:
    """The data as plain floats, or an error that says what is wrong with it."""
    what = "numbers" if scene == "sample" else "(x, y) pairs of numbers"
    least = 2 if scene == "sample" else 3
    if data is None:
        raise ValueError(f"{name}: got None, expected at least {least} {what} for the scene {scene!r}")
    try:
        array = np.asarray(data, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: got {_short(data)}, expected {what}") from None
    shape_ok = array.ndim == 1 if scene == "sample" else array.ndim == 2 and array.shape[1] == 2
    if not shape_ok or not least <= len(array) <= 20:
        raise ValueError(f"{name}: got an array of shape {array.shape}, expected {least} to 20 {what}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: got {_short(data)}, expected finite numbers")
    return [float(x) for x in array] if scene == "sample" else [[float(x), float(y)] for x, y in array]


def _losses(loss: Loss, compare: Sequence[Loss]) -> tuple[Loss, ...]:
    if isinstance(compare, (Loss, str)) or not isinstance(compare, Sequence):
        raise TypeError(f"compare: got {_short(compare)}, expected a list of losses, such as [lb.mse, lb.mae]")
    for name, one in [("loss", loss), *(("compare", other) for other in compare)]:
        if not isinstance(one, Loss):
            hint = "; lb.get(name) looks one up" if isinstance(one, str) else ""
            raise TypeError(f"{name}: got {_short(one)}, expected a loss such as lb.huber{hint}")
        if len(one.formula.variables) != 1:
            variables = ", ".join(one.formula.variables)
            raise ValueError(
                f"{name}: {one.name} is a formula in ({variables}); this scene draws losses of one variable"
            )
        if one.formula.variables != loss.formula.variables:
            raise ValueError(
                f"{name}: {one.name} is a formula in {one.formula.variables[0]} and {loss.name} in "
                f"{loss.formula.variables[0]}; only losses of one variable share an axis"
            )
    if len(compare) > MAX_COMPARE:
        raise ValueError(f"compare: got {len(compare)} losses, expected at most {MAX_COMPARE}")
    losses = (loss, *compare)
    names = [one.name for one in losses]
    if len(set(names)) < len(names):
        raise ValueError(f"compare: got {', '.join(names)}; each loss may appear once")
    return losses


def _parameters(losses: Sequence[Loss], values: Mapping[str, float]) -> list[dict[str, Any]]:
    """One slider for each name: losses that share `c` share its slider, which is the first one's."""
    found: dict[str, Parameter] = {}
    for loss in losses:
        for parameter in loss.parameters:
            found.setdefault(parameter.name, parameter)
    unknown = sorted(set(values) - set(found))
    if unknown:
        raise TypeError(f"{unknown[0]}: these losses have no such parameter; they have {', '.join(found) or 'none'}")
    result = []
    for name, parameter in found.items():
        value = values.get(name, parameter.default)
        parameter.validate(value)
        low, high, step = parameter.slider
        if not low <= value <= high:
            raise ValueError(f"{name}: got {value!r}, expected a value on the slider, from {low:g} to {high:g}")
        result.append(
            {"name": name, "symbol": parameter.symbol, "meaning": parameter.meaning}
            | {"default": float(value), "low": float(low), "high": float(high), "step": float(step)}
        )
    return result


def _id(id: str | None, losses: Sequence[Loss], scene: str) -> str:
    if id is None:
        name = "-".join(loss.name.replace("_", "") for loss in losses)
        return name if scene == "curve" else f"{name}-{scene}"
    if not isinstance(id, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", id):
        raise ValueError(f"id: got {id!r}, expected a letter and then letters, digits and hyphens")
    return id


def _show(show: Sequence[str] | None, losses: Sequence[Loss]) -> list[str]:
    names = [loss.name for loss in losses[1:]]
    return names if show is None else check_show(show, names)


def check_show(show: Any, names: Sequence[str]) -> list[str]:
    """The switched-on losses in the order of `compare`."""
    if isinstance(show, str) or not isinstance(show, Sequence) or not set(show) <= set(names):
        raise ValueError(f"show: got {show!r}, expected a list of names out of {list(names)}")
    return [name for name in names if name in show]


def _loss(loss: Loss) -> dict[str, Any]:
    return {
        "name": loss.name,
        "title": loss.title,
        "label": loss.record.short,
        "variable": loss.formula.variables[0],
        "parameters": list(loss.formula.parameters),
        "value": loss.formula.javascript,
        "slope": loss.formula.gradient_javascript[0],
    }


def _limits(name: str, limits: Any) -> list[float]:
    try:
        low, high = (float(value) for value in limits)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: got {_short(limits)}, expected two numbers (low, high)") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"{name}: got {limits!r}, expected two finite numbers with low < high")
    return [low, high]


def _curve(
    losses: Sequence[Loss], parameters: list[dict[str, Any]], point: float | None, xlim: tuple[float, float] | None
) -> Payload:
    loss = losses[0]
    if xlim is None:
        # Twice the largest scale, so that what a parameter does lies in view; three where there is none.
        reach = max([3.0, *(2 * abs(one["default"]) for one in parameters if one["name"] in loss.formula.parameters)])
        half = next(nice for nice in (3, 4, 5, 6, 8, 10, 15, 20, 50, 100, 1000) if nice >= min(reach, 1000))
        limits = [-float(half), float(half)]
    else:
        limits = _limits("xlim", xlim)
    start = round(limits[0] + 2 / 3 * (limits[1] - limits[0]), 2) if point is None else point
    if isinstance(start, bool) or not isinstance(start, numbers.Real):
        raise TypeError(f"point: got {_short(point)}, expected a number")
    if not limits[0] <= start <= limits[1]:
        raise ValueError(f"point: got {point!r}, expected a number from {limits[0]:g} to {limits[1]:g}")
    return {
        "point": float(start),
        "xlim": limits,
        "ylim": _ylim(losses, parameters, limits),
        "xlabel": loss.record.variable.label,
    }


def grid(xlim: Sequence[float]) -> np.ndarray:
    """Where a curve is sampled."""
    return np.linspace(xlim[0], xlim[1], SAMPLES)


def curves(loss: Loss, values: Mapping[str, float], xs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Loss and gradient on a grid, in NumPy."""
    arguments = [values[name] for name in loss.formula.parameters]
    with np.errstate(all="ignore"):
        value, slope = (loss.formula.function("numpy", index)(xs, *arguments) for index in (None, 0))
    return np.broadcast_to(value, xs.shape), np.broadcast_to(slope, xs.shape)


def _ylim(losses: Sequence[Loss], parameters: list[dict[str, Any]], xlim: Sequence[float]) -> dict[str, list[float]]:
    """A vertical range for each view, which stays while sliders move: the reader must see the change.

    The first loss and its gradient at the starting values set it; what the compared losses and the sliders' ends
    reach widens it, by half at most.
    """
    start = {one["name"]: one["default"] for one in parameters}
    xs = grid(xlim)
    core = curves(losses[0], start, xs)
    others = [curves(loss, start, xs) for loss in losses[1:]]
    for one in parameters:
        others += [curves(losses[0], start | {one["name"]: end}, xs) for end in (one["low"], one["high"])]

    def span(kinds: tuple[int, ...], wide: tuple[int, ...]) -> list[float]:
        inner = np.concatenate([core[kind] for kind in kinds])
        low, high = _extent(inner)
        room = 0.5 * (high - low) or 1.0
        outer = np.concatenate([inner, *(pair[kind] for pair in others for kind in wide)])
        outer = outer[np.isfinite(outer)]
        low, high = max(float(outer.min()), low - room), min(float(outer.max()), high + room)
        margin = 0.06 * (high - low) or 1.0
        return [float(f"{low - margin:.3g}"), float(f"{high + margin:.3g}")]

    return {"both": span((0, 1), (0,)), "loss": span((0,), (0,)), "gradient": span((1,), (1,))}


def _extent(values: np.ndarray) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    return float(finite.min()), float(finite.max())


def _sample(losses: Sequence[Loss], data: Any, xlim: tuple[float, float] | None) -> Payload:
    points = check_data("sample", data)
    return {
        "data": points,
        "xlim": _room(points) if xlim is None else _inside(_limits("xlim", xlim), points),
        "ylim": {},
        "xlabel": "value of the points; prediction θ",
        "ylabel": "sum of losses (largest here = 1)",
        "caption": "The constant with the smallest sum",
    }


def _fit(losses: Sequence[Loss], data: Any, xlim: tuple[float, float] | None) -> Payload:
    points = check_data("fit", data)
    xs, ys = [x for x, _ in points], [y for _, y in points]
    if max(xs) == min(xs):
        raise ValueError(f"data: all {len(xs)} points have x = {xs[0]:g}, expected at least two different x for a line")
    return {
        "data": points,
        "xlim": _room(xs) if xlim is None else _inside(_limits("xlim", xlim), xs),
        "ylim": {"data": _room(ys)},
        "xlabel": "x",
        "ylabel": "y",
        "caption": "The line with the smallest sum",
    }


def _room(values: Sequence[float]) -> list[float]:
    """A range with room to drag on both sides."""
    low, high = min(values), max(values)
    margin = 0.15 * (high - low) or 1.0
    return [float(f"{low - margin:.3g}"), float(f"{high + margin:.3g}")]


def _inside(limits: list[float], values: Sequence[float]) -> list[float]:
    if min(values) < limits[0] or max(values) > limits[1]:
        raise ValueError(f"xlim: got {tuple(limits)}, expected a range that holds the data")
    return limits


def _short(value: object) -> str:
    return f"{type(value).__name__} {repr(value)[:60]}"
