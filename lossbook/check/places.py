"""Where a loss is checked: hyperparameters, options, values of the formula's variables; and the loss at these."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from lossbook.check.report import Settings
from lossbook.formula import Formula, stable_functions
from lossbook.inputs import RESIDUAL, Elementwise
from lossbook.loss import Loss, Parameter
from lossbook.traits import Structured

DIGITS = 50  # that are right
WORKING = 4 * DIGITS  # that are computed with, since a difference may lose some
MOST = 24  # settings of which every combination is tried; beyond, one parameter at a time

Values = tuple[Tensor, ...]  # one tensor for each variable of the formula


# --- hyperparameters and options ----------------------------------------------------------------------------


def settings(loss: Loss, near: bool = False) -> Iterator[Settings]:
    """The numbers beside the variables that are tried: label and hyperparameters.

    Every combination of the ends of the sliders, the defaults and the values where a formula changes, as long as
    these are few; then, one parameter at a time, values between these; if `near`, values right beside as well.
    """

    def between(parameter: Parameter) -> list[float]:
        if parameter.choices:
            return list(parameter.choices)
        ends = sorted(x for x in corners(parameter) if math.isfinite(x))
        middles = [(a + b) / 2 for a, b in itertools.pairwise(ends)]
        beside = [
            y
            for x in parameter.special
            if math.isfinite(x)
            for y in (x - 1e-7, x + 1e-7)
            if parameter.low <= y <= parameter.high
        ]
        return middles + (beside if near else [])

    names = [parameter.name for parameter in loss.sliders]
    every = [corners(parameter) for parameter in loss.sliders]
    if math.prod(map(len, every)) <= MOST:
        combinations = list(itertools.product(*every))
    else:  # all at one end, and each alone at its ends
        start = tuple(loss.formula_defaults.values())
        combinations = [start, tuple(x[0] for x in every), tuple(max(x) for x in every)]
        combinations += [(*start[:i], x, *start[i + 1 :]) for i, values in enumerate(every) for x in values[1:]]
    for combination in dict.fromkeys(combinations):
        yield dict(zip(names, combination, strict=True))
    for parameter in loss.sliders:
        for value in between(parameter):
            yield {**loss.formula_defaults, parameter.name: value}


def corners(parameter: Parameter) -> list[float]:
    """The ends of the slider, the default, and where the formula changes its form; each once."""
    low, high, _ = parameter.slider
    return list(dict.fromkeys((low, parameter.default, high, *parameter.special)))


def arguments(loss: Loss, setting: Settings) -> Settings:
    """A setting as the loss takes it: the label is a tensor, not an argument."""
    return {name: value for name, value in setting.items() if name in loss.defaults}


def call_settings(loss: Loss) -> list[Settings]:
    """Each setting once that differs in what the loss is called with."""
    found: list[Settings] = []
    for setting in settings(loss):
        if (one := arguments(loss, setting)) not in found:
            found.append(one)
    return found


def options(loss: Loss, tensors: Values) -> Iterator[Settings]:
    """The options to try with these tensors: none of them, each alone, all of them."""
    tries = {option.name: list(option.tries(*tensors)) for option in loss.options}
    yield {}
    for name, values in tries.items():
        for value in values:
            yield {name: value}
    if len(tries) > 1:
        yield {name: values[-1] for name, values in tries.items() if values}


def evaluate(loss: Loss, claim: str | bool | float, setting: Settings) -> Any:
    """A claim such as "delta" or "alpha >= 1" at given parameters."""
    import sympy

    if not isinstance(claim, str):
        return claim
    names = loss.formula.claims
    # Piece by piece, since a branch that is not taken may divide by zero.
    value = _substitute(
        names.parse(claim), {names.symbols[k]: sympy.nsimplify(v) for k, v in setting.items() if k in names.symbols}
    )
    return bool(value) if value in (sympy.true, sympy.false) else float(value)


def _substitute(expression: Any, values: dict[Any, Any]) -> Any:
    import sympy

    if isinstance(expression, sympy.Piecewise):
        return next(_substitute(e, values) for e, condition in expression.args if condition.subs(values) == sympy.true)
    return expression.subs(values)


def breaks(loss: Loss, setting: Settings) -> list[float]:
    """Where the loss, its slope or its curvature jumps at these parameters; for a formula in one variable."""
    if isinstance(loss.traits, Structured):
        return []  # their kinks are surfaces
    texts = [x for name in ("kinks", "curvature_jumps", "jumps") for x in getattr(loss.traits, name, ())]
    return sorted(places_of(loss, tuple(texts), setting).values())


def places_of(loss: Loss, texts: tuple[str, ...], setting: Settings) -> dict[str, float]:
    """Where each claim says that something jumps; without those that are NaN, which say that nothing does."""
    found = {text: evaluate(loss, text, setting) for text in texts}
    return {text: place for text, place in found.items() if not math.isnan(place)}


def scales(loss: Loss, setting: Settings) -> list[float]:
    """Hyperparameters that are sizes of a residual."""
    return [setting[p.name] for p in loss.parameters if p.low >= 0] if loss.takes is RESIDUAL else []


# --- values of the variables --------------------------------------------------------------------------------


def scalar(loss: Loss) -> bool:
    """Is the formula one of a single variable, that can be tried on a dense grid?"""
    return len(loss.formula.variables) == 1 and not loss.takes.one_by_one


def domain(loss: Loss) -> list[tuple[float, float]]:
    """The bounds of each variable."""
    reach = loss.record.reach
    return [loss.takes.domain.get(name, (-reach, reach)) for name in loss.formula.variables]


def bounded(loss: Loss) -> bool:
    """Do the variables end somewhere, as probabilities do?"""
    return bool(loss.takes.domain)


def half_line(loss: Loss) -> bool:
    """Is the first variable any number above some bound?"""
    return bounded(loss) and math.isinf(domain(loss)[0][1])


def above(low: float, least: float, most: float, count: int) -> Tensor:
    """Numbers above a bound, by this much: from the least to the most, each by the same factor larger."""
    return low + torch.logspace(math.log10(least), math.log10(most), count, dtype=torch.float64)


def grid(loss: Loss, setting: Settings) -> Tensor:
    """Values of one variable: sizes from 1e-8 to 1e4, both signs, zero, and both sides of every break, in float64."""
    low, high = domain(loss)[0]
    places = doubles(*(b + e for b in breaks(loss, setting) for e in (-1e-3, 0.0, 1e-3)))
    wide = torch.logspace(-8, 4, 25, dtype=torch.float64)
    near = torch.cat([torch.linspace(0.05, 6, 24), torch.linspace(7, 40, 12)]).double()
    if half_line(loss):
        line = torch.cat([low + wide, low + near, places])
        return line[(line > low) & (line <= low + loss.record.reach)]
    if bounded(loss):
        share = torch.cat([wide[:16], 1 - wide[:16], near / 41])
        return torch.cat([low + (high - low) * share, places])
    line = torch.cat([-wide, -near, doubles(0.0), near, wide, places])
    return line[(line >= low) & (line <= high)]


def smooth_grid(loss: Loss, setting: Settings, margin: float = 0.02) -> Tensor:
    """Values of one variable, of ordinary size, that keep their distance from every break."""
    low, high = domain(loss)[0]
    line = torch.linspace(-6.03, 6, 60, dtype=torch.float64)
    if half_line(loss):
        line = above(low, 0.1, 30, 60)
    elif bounded(loss):
        line = low + (high - low) * torch.linspace(0.021, 0.98, 60, dtype=torch.float64)
    for place in breaks(loss, setting):
        line = line[(line - place).abs() > margin]
    return line


def scattered(loss: Loss, count: int = 40, wide: bool = False) -> Values:
    """Random values of several variables; if `wide`, of every size up to the loss's reach as well."""
    found = []
    count = min(count, 12) if loss.takes.one_by_one else count
    for low, high in domain(loss):
        if math.isinf(high):
            spread = 0.5 * math.log(loss.record.reach) if wide else 1.0
            found.append(low + (spread * torch.randn(count, dtype=torch.float64)).exp().clamp(max=loss.record.reach))
            continue
        if math.isfinite(low) and (low, high) != (-loss.record.reach, loss.record.reach):
            found.append(low + (high - low) * (0.01 + 0.98 * torch.rand(count, dtype=torch.float64)))
            continue
        value = 2 * torch.randn(count, dtype=torch.float64)
        if wide:
            value[::2] *= torch.logspace(-6, math.log10(loss.record.reach / 8), len(value[::2]), dtype=torch.float64)
        found.append(value)
    return loss.takes.allowed(*found)


def places(loss: Loss, setting: Settings) -> Values:
    """Where the value is compared: a grid for one variable, scattered places for several."""
    return (grid(loss, setting),) if scalar(loss) else scattered(loss, wide=True)


def rounded(loss: Loss, values: Values, dtype: torch.dtype) -> Values:
    """The values in another dtype, without those that are rounded to an end of their domain."""
    narrow = tuple(value.to(dtype) for value in values)
    inside = torch.ones(len(values[0]), dtype=torch.bool)
    for value, (low, high) in zip(narrow, domain(loss), strict=True):
        if bounded(loss):
            inside &= (value > low) & (value < high)
    return tuple(value[inside] for value in narrow)


def doubles(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


# --- the loss and its gradient there ------------------------------------------------------------------------


def value_at(loss: Loss, values: Tensor | Values, setting: Settings) -> Tensor:
    """The loss at values of its formula's variables."""
    reduction = "sum" if loss.takes.one_by_one else "none"
    values = (values,) if isinstance(values, Tensor) else values
    return torch.cat(
        [
            loss(*loss.takes.at(*some, **setting), reduction=reduction, **arguments(loss, setting)).reshape(-1)
            for some in _batches(loss, values)
        ]
    )


def slope_at(loss: Loss, values: Tensor | Values, setting: Settings) -> Tensor:
    """The closed-form gradient by the formula's variables: a row for each (or one row, if there is one variable).

    The loss's own gradient is by its tensors; the chain rule leads from these to the variables.
    """
    single = isinstance(values, Tensor)
    values = (values,) if isinstance(values, Tensor) else values
    columns = []
    for some in _batches(loss, values):
        leaves = [value.detach().clone().requires_grad_() for value in some]
        tensors = loss.takes.at(*leaves, **setting)
        found = loss.gradient(*(t.detach() for t in tensors), reduction="none", **arguments(loss, setting))
        found = found if isinstance(found, tuple) else (found,)
        learned = [t for t, name in zip(tensors, loss.takes.names, strict=True) if name in loss.takes.by]
        pairs = [(t, slope) for t, slope in zip(learned, found, strict=True) if t.requires_grad]
        slopes = torch.autograd.grad([t for t, _ in pairs], leaves, [s for _, s in pairs], allow_unused=True)
        columns.append(
            torch.stack(
                [torch.zeros_like(leaf) if slope is None else slope for leaf, slope in zip(leaves, slopes, strict=True)]
            )
        )
    rows = torch.cat([column.reshape(len(values), -1) for column in columns], dim=1)
    return rows[0] if single else rows


def _batches(loss: Loss, values: Values) -> Iterator[Values]:
    if loss.takes.one_by_one:
        yield from zip(*values, strict=True)
    else:
        yield values


def autograd(function: Callable[..., Tensor], *tensors: Tensor, by: tuple[int, ...] = (0,), **given: Any) -> Any:
    """The gradient that autograd finds, by the tensors of these numbers: one, or a tuple."""
    leaves = [t.detach().clone().requires_grad_() if i in by else t for i, t in enumerate(tensors)]
    found = torch.autograd.grad(
        function(*leaves, **given).sum(), [leaves[i] for i in by], allow_unused=True, materialize_grads=True
    )
    return found[0] if len(by) == 1 else found


def learned(loss: Loss) -> tuple[int, ...]:
    """The numbers of the tensors that the gradient is by."""
    return tuple(i for i, name in enumerate(loss.takes.names) if name in loss.takes.by)


def at_50_digits(
    loss: Loss, values: Tensor | Values, setting: Settings, derivative: int | None = None, text: str = ""
) -> Tensor:
    """The formula, a derivative or another expression in its names, in 50 digits at exactly these doubles."""
    values = (values,) if isinstance(values, Tensor) else values
    rows = tuple(zip(*(value.tolist() for value in values), strict=True))
    numbers = tuple(setting[name] for name in loss.formula.parameters)
    return doubles(*_digits(loss.formula, rows, numbers, derivative, text))


@functools.lru_cache(maxsize=4096)
def _digits(
    formula: Formula, rows: tuple[tuple[float, ...], ...], numbers: tuple[float, ...], derivative: int | None, text: str
) -> tuple[float, ...]:
    """Kept, because value and gradient, and the variants of a loss in the tests, ask for the same."""
    import mpmath
    import sympy

    if text:
        code = {name: function.code["mpmath"] for name, function in stable_functions().items()}
        function = sympy.lambdify(list(formula.symbols.values()), formula.parse(text), [code, "mpmath"])
    else:
        function = formula.function("mpmath", derivative)
    with mpmath.workdps(WORKING):
        exact = [mpmath.mpf(number) for number in numbers]
        return tuple(float(function(*map(mpmath.mpf, row), *exact)) for row in rows)


def relative(loss: Loss, setting: Settings) -> bool:
    """Is the value good to its own size, however small? A sum of several terms is good to the size of these only.

    So is the slope at a label between its bounds, which is a difference and has its zero in the middle of the line.
    """
    label = loss.takes.label
    soft = label is not None and label.low < setting[label.name] < label.high
    return scalar(loss) and elementwise(loss) and not soft


def cancelled(loss: Loss, values: Values) -> Tensor:
    """The size of the terms whose difference the value is, if the loss says that it is one."""
    sizes = torch.stack([value.double().abs() for value in values]).amax(0)
    return sizes if loss.record.cancels else torch.zeros_like(sizes)


def elementwise(loss: Loss) -> bool:
    """Does each element have a loss of its own, by the formula?"""
    return isinstance(loss.takes, Elementwise)
