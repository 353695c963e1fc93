"""Verdicts on the traits of forecasts of positive numbers: above all, which average of the truths each loss fits."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from lossbook.check.places import Values, arguments, doubles, evaluate, half_line, scalar, scattered, value_at
from lossbook.check.report import Settings, first_disagreement
from lossbook.loss import Loss
from lossbook.traits import Best

Test = Callable[[Loss, Any, Settings], bool]  # does the claim hold, at this setting?


def _each(loss: Loss, prediction: Tensor, truth: Tensor, setting: Settings, spread: float = 1.0) -> Tensor:
    """The loss of each prediction, in the unit of the truth."""
    tensors = loss.takes.forecast(prediction, truth, spread)
    return loss(*tensors, reduction="none", **arguments(loss, setting))


def _convex(loss: Loss, claimed: bool, setting: Settings) -> bool:
    """In all variables of the formula together, for every label."""
    if not scalar(loss):
        pairs = [(scattered(loss, 400), scattered(loss, 400))]
    else:
        line = torch.logspace(-6, 6, 200, dtype=torch.float64)
        if not half_line(loss):
            line = torch.linspace(-20, 20, 201, dtype=torch.float64)
        a, b = torch.meshgrid(line, line, indexing="ij")
        pairs = [((a.flatten(),), (b.flatten(),))]
    sags = any(_sags(loss, a, b, one) for a, b in pairs for one in _labels(loss, setting))
    return sags != claimed


def _sags(loss: Loss, a: Values, b: Values, setting: Settings) -> bool:
    middle = tuple((x + y) / 2 for x, y in zip(a, b, strict=True))
    la, lb, lm = (value_at(loss, x, setting) for x in (a, b, middle))
    return bool((lm > (la + lb) / 2 + 1e-9 * (la.abs() + lb.abs()) + 1e-12).any())


def _labels(loss: Loss, setting: Settings) -> Iterator[Settings]:
    for label in loss.sliders[: len(loss.sliders) - len(loss.parameters)]:
        low, high, _ = label.slider
        for value in (low, label.default, high):
            yield {**setting, label.name: value}


# --- the average that is fitted -----------------------------------------------------------------------------


def _truths() -> Iterator[Tensor]:
    """Data that are skewed in their logarithms, too, so that no two averages are near; one median each."""
    for spread, size in ((0.8, 1.0), (1.2, 20.0), (1.6, 0.3)):
        yield size * (spread * torch.empty(51, dtype=torch.float64).exponential_()).exp()


def weighted_median(y: Tensor, weight: Tensor) -> Tensor:
    """The number below and above which there is at most half of the weight each."""
    ordered, order = y.sort()
    share = weight[order].cumsum(0) / weight.sum()
    return ordered[int((share < 0.5).sum())]


AVERAGES: dict[Best, Callable[[Tensor], Tensor]] = {
    Best.MEAN: lambda y: y.mean(),
    Best.MEDIAN: lambda y: y.median(),
    Best.WEIGHTED_MEDIAN: lambda y: weighted_median(y, 1 / y),
    Best.GEOMETRIC: lambda y: y.log1p().mean().expm1(),
}


def _fits(loss: Loss, claimed: Best, setting: Settings) -> bool:
    data = list(_truths())
    if not scalar(loss):
        right = all(_mean_and_variance(loss, y, setting) for y in data)
        return claimed is (Best.MEAN_AND_VARIANCE if right else Best.OTHER)
    best = [_best_constant(loss, y, setting) for y in data]
    fitted = [
        name
        for name, average in AVERAGES.items()
        if all(abs(found / average(y).item() - 1) < 1e-4 for found, y in zip(best, data, strict=True))
    ]
    return claimed is (fitted[0] if len(fitted) == 1 else Best.OTHER)


def _best_constant(loss: Loss, y: Tensor, setting: Settings) -> float:
    """The constant with the least mean loss: on finer and finer grids, and among the truths."""
    center, half = 0.0, math.log(1e7)
    for _ in range(12):
        tried = (center + torch.linspace(-half, half, 401, dtype=torch.float64)).exp()
        tried = torch.cat([tried, y])
        constants, truths = torch.broadcast_tensors(tried[:, None], y)
        means = _each(loss, constants, truths, setting).mean(1)
        center, half = math.log(tried[means.argmin()].item()), half / 6
    return math.exp(center)


def _mean_and_variance(loss: Loss, y: Tensor, setting: Settings) -> bool:
    """Is the mean loss least where prediction and variance are those of the data?"""
    mean, variance = y.mean(), y.var(correction=0)

    def risk(a: float, b: float) -> float:
        shifted, scaled = mean + a * variance.sqrt(), variance * math.exp(b)
        tensors = (shifted.expand_as(y), y, scaled.expand_as(y))
        return loss(*tensors, reduction="mean", **arguments(loss, setting)).item()

    steps = (-1.0, -0.1, -0.01, 0.0, 0.01, 0.1, 1.0)
    return all(risk(0.0, 0.0) < risk(a, b) for a, b in itertools.product(steps, steps) if (a, b) != (0.0, 0.0))


# --- ratios -------------------------------------------------------------------------------------------------


def _unit(loss: Loss, claimed: float | bool, setting: Settings) -> bool:
    """Does the loss grow as that power of a factor of forecast and truth? False: as no power of it."""
    prediction, truth = torch.randn(2, 40, dtype=torch.float64).exp()
    once = _each(loss, prediction, truth, setting)
    twice = _each(loss, 3 * prediction, 3 * truth, setting, spread=3.0)
    if claimed is False:
        power = (twice[0] / once[0]).abs().log() / math.log(3)
        return first_disagreement(twice, 3**power * once, 1e-6 * (1 + twice.abs())) is not None
    return first_disagreement(twice, 3.0**claimed * once, 1e-9 * (1 + twice.abs())) is None


def _symmetric(loss: Loss, claimed: bool, setting: Settings) -> bool:
    one, other = torch.randn(2, 40, dtype=torch.float64).exp()
    there, back = _each(loss, one, other, setting), _each(loss, other, one, setting)
    return (first_disagreement(there, back, 1e-12 * (1 + back.abs())) is None) == claimed


def _side(loss: Loss, claim: str, setting: Settings, sign: int) -> bool:
    """The least upper bound of the losses on one side of the truth, for every label."""

    def holds(one: Settings) -> bool:
        bound = evaluate(loss, claim, one)
        truth = doubles(one["y"]).expand(200)
        before, largest = (
            _each(loss, truth * 10.0 ** (sign * torch.linspace(1e-9, far, 200).double()), truth, one).max().item()
            for far in (5, 15)
        )
        return largest > 1.5 * before if math.isinf(bound) else 0.99999 * bound <= largest <= bound * (1 + 1e-12)

    return all(map(holds, _labels(loss, setting)))


# A claim about the truth is a formula in it, so that these two evaluate it themselves.
FORECASTS: dict[str, Test] = {
    "convex": _convex,
    "fits": _fits,
    "unit": _unit,
    "symmetric": _symmetric,
    "under": lambda loss, claimed, setting: _side(loss, loss.traits.under, setting, -1),
    "over": lambda loss, claimed, setting: _side(loss, loss.traits.over, setting, 1),
}
