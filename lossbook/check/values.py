"""Verdicts on values and gradients: each yields what it found."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from lossbook.check.places import (
    Values,
    arguments,
    at_50_digits,
    autograd,
    breaks,
    call_settings,
    cancelled,
    doubles,
    elementwise,
    grid,
    half_line,
    learned,
    options,
    places,
    relative,
    rounded,
    scalar,
    scales,
    scattered,
    settings,
    slope_at,
    smooth_grid,
    value_at,
)  # fmt: skip
from lossbook.check.report import Row, Settings, Verdict, compare
from lossbook.loss import Loss

HALVES = (torch.bfloat16, torch.float16)


def value_against_formula(loss: Loss) -> Iterator[Verdict]:
    def rows() -> Iterator[Row]:
        if elementwise(loss):
            for setting, (input, target) in itertools.product(call_settings(loss), loss.takes.samples()):
                expected = loss.from_formula(input, target, **setting)
                found = loss(input, target, reduction="none", **setting)
                yield setting, loss.takes.of(input, target), found, expected, expected.abs().clamp(min=1)
            return
        for setting in settings(loss):
            values = scattered(loss)
            expected = _by_formula(loss, values, setting)
            yield setting, values, value_at(loss, values, setting), expected, expected.abs().clamp(min=1)

    yield compare("value", "its formula", 1e-12, rows())


def _by_formula(loss: Loss, values: Values, setting: Settings) -> Tensor:
    numbers = [torch.tensor(setting[name], dtype=torch.float64) for name in loss.formula.parameters]
    return torch.as_tensor(loss.formula.function("torch")(*values, *numbers)).expand_as(values[0])


def every_way_to_call(loss: Loss) -> Iterator[Verdict]:
    """Each shape, dtype, reduction and memory layout, with autograd on and off."""
    yield compare(
        "every way to call it", "its formula", 1e-12, _elementwise_ways(loss) if elementwise(loss) else _ways(loss)
    )


def _elementwise_ways(loss: Loss) -> Iterator[Row]:
    for dtype, sample in itertools.product((torch.float64, torch.float32), loss.takes.samples()):
        input, target = (x.to(dtype) for x in sample)
        if input.dim() > 1:
            input, target = input.transpose(0, -1), target.transpose(0, -1)  # not contiguous
        for setting, reduction in itertools.product(({}, _somewhere(loss), _somewhere(loss)), loss.takes.reductions):
            full = {**loss.defaults, **setting}
            values = loss.from_formula(input.double(), target.double(), **full)
            slopes = loss.by_formula(input.double(), target.double(), full)
            if reduction != "none":
                values = values.sum()
            if reduction == "mean":
                values, slopes = values / target.numel(), slopes / target.numel()
            leaf, fixed = input.detach().clone().requires_grad_(), target.detach().clone()
            by_residual = loss.takes.variable == "r"  # the only losses that are symmetric in prediction and truth
            leaves = [leaf, fixed.requires_grad_()] if by_residual else [leaf]
            value = loss(leaf, fixed, reduction=reduction, **setting)
            found = torch.autograd.grad(value.sum(), leaves)
            closed = loss.gradient(input, target, reduction=reduction, **setting)
            plain = loss(input, target, reduction=reduction, **setting)
            pairs = [(value.detach(), values), (plain, values), (found[0], slopes), (closed, slopes)]
            for got, expected in pairs + ([(found[1], -slopes)] if by_residual else []):
                if got.dtype != dtype:
                    raise TypeError(f"the result is of dtype {got.dtype}, expected {dtype}")
                size = (expected.abs().amax() + 1) * (1 if dtype == torch.float64 else 1e7)
                place = loss.takes.of(input, target).expand(expected.shape or target.shape)
                yield full, place, got.double(), expected, size


def _ways(loss: Loss) -> Iterator[Row]:
    """A loss of several numbers: every way must agree with one call of each sample in float64, not reduced."""
    for sample, setting in itertools.product(loss.takes.samples(), ({}, _somewhere(loss))):
        for option in options(loss, sample):
            for dtype, reduction in itertools.product((torch.float64, torch.float32), loss.takes.reductions):
                yield from _one_way(loss, sample, {**setting, **option}, dtype, reduction)


def _one_way(loss: Loss, sample: Values, given: Settings, dtype: torch.dtype, reduction: str) -> Iterator[Row]:
    tensors = tuple(_strided(x) for x in _in(dtype, sample))
    cast = dict(zip(given, _in(dtype, tuple(given.values())), strict=True))
    expected = loss(*sample, reduction=reduction, **given)
    each = loss(*sample, reduction="none", **given)
    if reduction == "sum":
        expected = each.sum()
    elif reduction == "mean" and given.keys() <= loss.defaults.keys():
        counted = loss.takes.counted(*sample)
        if counted or (counted is None and not _ignored(sample)):
            expected = each.sum() / (counted or each.numel())
    slopes = _tuple(loss.gradient(*sample, reduction=reduction, **given))
    leaves = [x.detach().clone().requires_grad_() if i in learned(loss) else x for i, x in enumerate(tensors)]
    value = loss(*leaves, reduction=reduction, **cast)
    found = torch.autograd.grad(value.sum(), [leaves[i] for i in learned(loss)])
    closed = _tuple(loss.gradient(*tensors, reduction=reduction, **cast))
    plain = loss(*tensors, reduction=reduction, **cast)
    pairs = [(value.detach(), expected), (plain, expected), *zip((*found, *closed), 2 * slopes, strict=True)]
    for got, wanted in pairs:
        if got.dtype != dtype:
            raise TypeError(f"the result is of dtype {got.dtype}, expected {dtype}")
        size = (wanted.abs().max() + 1) * (1 if dtype == torch.float64 else 1e8)
        yield {**given, "reduction": reduction}, _words(sample), got.double(), wanted, size


def _in(dtype: torch.dtype, values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(x.to(dtype) if isinstance(x, Tensor) and x.is_floating_point() else x for x in values)


def _strided(tensor: Tensor) -> Tensor:
    """The same numbers, not contiguous in memory."""
    return tensor.repeat_interleave(2, dim=-1)[..., ::2] if tensor.dim() > 1 else tensor


def _ignored(sample: Values) -> bool:
    return any(bool((x < 0).any()) for x in sample if not x.is_floating_point())


def _tuple(found: Any) -> tuple[Tensor, ...]:
    return found if isinstance(found, tuple) else (found,)


def _somewhere(loss: Loss) -> Settings:
    """Parameters at random places of their sliders."""
    draw = torch.rand(len(loss.parameters)).tolist()
    return {
        p.name: p.choices[int(share * len(p.choices))]
        if p.choices
        else p.slider[0] + share * (p.slider[1] - p.slider[0])
        for p, share in zip(loss.parameters, draw, strict=True)
    }


def value_against_digits(loss: Loss) -> Iterator[Verdict]:
    def rows(dtype: torch.dtype) -> Iterator[Row]:
        for setting in settings(loss, near=True):
            values = rounded(loss, places(loss, setting), dtype)
            exact = tuple(value.double() for value in values)
            expected = at_50_digits(loss, exact, setting)
            # A variable's own rounding moves the loss by its value times the slope: it counts where the loss is small.
            moved = sum((x * s).abs() for x, s in zip(exact, slope_at(loss, exact, setting), strict=True))
            size = (
                expected.abs()
                + moved
                + cancelled(loss, exact)
                + (1e5 * torch.finfo(dtype).tiny if relative(loss, setting) else 1)
            )
            yield setting, values, value_at(loss, values, setting).double(), expected, size

    reach = f"50 digits, up to {loss.record.reach:g}"
    yield compare("value", reach, 1e-12, rows(torch.float64))
    yield compare("value in float32", reach, 1e-5, rows(torch.float32))


def value_in_half_precision(loss: Loss) -> Iterator[Verdict]:
    def rows(dtype: torch.dtype) -> Iterator[Row]:
        for setting in settings(loss):
            values = rounded(loss, places(loss, setting), dtype)
            expected = _exactly(loss, values, setting).to(dtype).double()
            size = expected.abs() + (torch.finfo(dtype).tiny if relative(loss, setting) else 1)
            size = size + 1e-4 * cancelled(loss, values)  # computed in float32
            yield setting, values, value_at(loss, values, setting).double(), expected, size

    for dtype in HALVES:
        yield compare(f"value in {str(dtype).removeprefix('torch.')}", "50 digits, rounded", 1e-2, rows(dtype))


def _exactly(loss: Loss, values: Values, setting: Settings) -> Tensor:
    """What halves of these values should give; where they make the tensors, it is these that are rounded."""
    if not loss.takes.one_by_one:
        return at_50_digits(loss, tuple(value.double() for value in values), setting)
    rows = [loss.takes.at(*row, **setting) for row in zip(*values, strict=True)]
    exact = [[x.double() if x.is_floating_point() else x for x in tensors] for tensors in rows]
    return torch.stack([loss(*x, reduction="sum", **arguments(loss, setting)) for x in exact])


def against_builtin(loss: Loss) -> Iterator[Verdict]:
    """The formula too is compared, so that a loss that calls the built-in is not compared with itself alone."""
    builtin = loss.record.builtin
    if builtin is None:
        return
    name = f"torch.nn.functional.{getattr(builtin, '__name__', '')}"

    def calls() -> Iterator[tuple[Values, Settings]]:
        for sample, setting in itertools.product(loss.takes.samples(), call_settings(loss)):
            for option in options(loss, sample):
                for reduction in loss.takes.reductions:
                    yield sample, {**setting, **option, "reduction": reduction}

    def values() -> Iterator[Row]:
        for sample, given in calls():
            expected = builtin(*sample, **given)
            yield given, _words(sample), loss(*sample, **given), expected, expected.abs().clamp(min=1)
            if elementwise(loss) and given.keys() <= {*loss.defaults, "reduction"}:
                setting = {name: value for name, value in given.items() if name != "reduction"}
                each = loss.from_formula(*sample, **setting)
                found = each if given["reduction"] == "none" else getattr(each, given["reduction"])()
                yield given, _words(sample), found, expected, expected.abs().clamp(min=1)

    def gradients() -> Iterator[Row]:
        for sample, given in calls():
            found = _tuple(autograd(builtin, *sample, by=learned(loss), **given))
            for got, expected in zip(_tuple(loss.gradient(*sample, **given)), found, strict=True):
                yield given, _words(sample), got, expected, expected.abs().clamp(min=1)

    what = "formula and value" if elementwise(loss) else "value"
    yield compare(f"{what}, every reduction and option", name, 1e-12, values())
    yield compare("gradient, every reduction and option", name, 1e-12, gradients())


def _words(sample: Values) -> str:
    return f"a sample of shape {tuple(sample[0].shape)}"


def gradient_against_autograd(loss: Loss) -> Iterator[Verdict]:
    yield compare("gradient, every reduction", "autograd", 1e-10, _dense_autograd(loss))
    if not elementwise(loss) or loss.options:
        yield compare("gradient of samples, every option", "autograd", 1e-10, _sampled_autograd(loss))


def _dense_autograd(loss: Loss) -> Iterator[Row]:
    """At the variables' places; and, for a residual, at a target that is not zero."""
    shift = torch.round(4 * torch.randn(1, dtype=torch.float64)) / 4
    for setting in settings(loss, near=True):
        values = places(loss, setting)
        for reduction in loss.takes.reductions:
            if loss.takes.one_by_one:
                break  # samples do it
            tensors = loss.takes.at(*values, **setting)
            if loss.formula.variables == ("r",) and reduction != "none":
                tensors = (tensors[0] + shift, tensors[1] + shift)
            given = {**arguments(loss, setting), "reduction": reduction}
            found = _tuple(autograd(loss, *tensors, by=learned(loss), **given))
            for got, expected in zip(_tuple(loss.gradient(*tensors, **given)), found, strict=True):
                # Far out autograd may subtract nearly equal terms: a part of the largest slope is allowed for.
                place = values[0] if expected.shape == values[0].shape else _words(tensors)
                yield setting, place, got, expected, expected.abs() + 1e-4 * expected.abs().max()


def _sampled_autograd(loss: Loss) -> Iterator[Row]:
    for sample, setting in itertools.product(loss.takes.samples(), call_settings(loss)):
        for option, reduction in itertools.product(options(loss, sample), loss.takes.reductions):
            given = {**setting, **option, "reduction": reduction}
            found = _tuple(autograd(loss, *sample, by=learned(loss), **given))
            for got, expected in zip(_tuple(loss.gradient(*sample, **given)), found, strict=True):
                yield given, _words(sample), got, expected, 1 + expected.abs().max()


def gradient_against_differences(loss: Loss) -> Iterator[Verdict]:
    if loss.formula.holds:
        yield _held(loss)
    elif scalar(loss):
        yield compare("gradient", "fourth-order differences", 1e-9, _dense_differences(loss))
    else:
        yield compare(
            "gradient in a random direction", "fourth-order differences", 1e-7, _directional_differences(loss)
        )


def _dense_differences(loss: Loss) -> Iterator[Row]:
    for setting in settings(loss):
        # The step goes with the sharpest scale: the formula's own error is h**4 times the fifth derivative.
        h = 1e-3 * min([1.0, *scales(loss, setting)])
        x = smooth_grid(loss, setting, margin=3 * h)
        if loss.takes.domain:  # a bounded variable is steepest at its ends
            h = h / (10 if half_line(loss) else 100)
        f = {k: value_at(loss, x + k * h, setting) for k in (-2, -1, 1, 2)}
        found = (f[-2] - 8 * f[-1] + 8 * f[1] - f[2]) / (12 * h)
        yield setting, x, slope_at(loss, x, setting), found, found.abs().clamp(min=1)


def _directional_differences(loss: Loss) -> Iterator[Row]:
    """Random places may lie at a kink: two steps that tell different slopes give such a place away."""
    for setting in settings(loss):
        values = scattered(loss)
        ways = tuple(torch.randn_like(value) * 0.5 for value in values)
        fast = 1e-3 / max([1.0, *(abs(x) for x in arguments(loss, setting).values())])

        def along(h: float, values: Values = values, ways: Values = ways, setting: Settings = setting) -> Tensor:
            f = {
                k: value_at(loss, tuple(v + k * h * w for v, w in zip(values, ways, strict=True)), setting)
                for k in (-2, -1, 1, 2)
            }
            return (f[-2] - 8 * f[-1] + 8 * f[1] - f[2]) / (12 * h)

        found, finer = along(fast), along(fast / 3)
        expected = sum(slope * way for slope, way in zip(slope_at(loss, values, setting), ways, strict=True))
        smooth = (found - finer).abs() <= 1e-6 * (1 + found.abs())
        if smooth.double().mean() < 0.7:
            raise ValueError(f"differences of two steps disagree at most places, {setting}")
        yield (
            setting,
            tuple(v[smooth] for v in values),
            expected[smooth],
            finer[smooth],
            finer[smooth].abs().clamp(min=1),
        )


def _held(loss: Loss) -> Verdict:
    """Where a part is held, differences must tell another slope: otherwise nothing is held."""
    rows = list(_directional_differences(loss))
    apart = any(((found - expected).abs() > 1e-4 * size).any() for _, _, found, expected, size in rows)
    complaint = None if apart else "with differences that agree everywhere"
    return Verdict("gradient, a part held fixed: not the value's", "fourth-order differences", "holds", complaint)


def gradient_against_digits(loss: Loss) -> Iterator[Verdict]:
    def rows() -> Iterator[Row]:
        for setting in settings(loss, near=True):
            values = places(loss, setting)
            expected = torch.stack(
                [at_50_digits(loss, values, setting, derivative=i) for i in range(len(loss.formula.variables))]
            )
            size = expected.abs() + (1e-300 if relative(loss, setting) else 1)
            yield setting, values, slope_at(loss, values, setting), expected, size

    yield compare("gradient", f"50 digits, up to {loss.record.reach:g}", 1e-12 if scalar(loss) else 1e-11, rows())


def second_derivative(loss: Loss) -> Iterator[Verdict]:
    if loss.formula.holds:
        return  # the gradient is nobody's slope, so that it has no Hessian
    complaint = None
    for setting in settings(loss):
        if scalar(loss):
            x = smooth_grid(loss, setting)[::7]
            if 0.0 not in breaks(loss, setting) and not loss.takes.domain:
                x = torch.cat([x, doubles(0.0)])  # a perfect prediction, where second-order methods end
            values: Values = (x,)
        else:
            values = scattered(loss, 1 if loss.takes.one_by_one else 3)
        leaves = tuple(value.clone().requires_grad_() for value in values)
        try:
            torch.autograd.gradgradcheck(
                lambda *x, s=setting: value_at(loss, x, s).sum(), leaves, atol=1e-4
            )  # fmt: skip
        except RuntimeError as error:
            complaint = f"at {setting}: {' '.join(str(error).split())[:200]}"
    yield Verdict("second derivative, away from breaks", "gradgradcheck", "holds", complaint)


def finite(loss: Loss) -> Iterator[Verdict]:
    complaint = None
    reach = loss.record.reach
    for setting, dtype in itertools.product(settings(loss, near=True), (torch.float64, torch.float32, torch.bfloat16)):
        for values in _extreme_values(loss, reach, dtype):
            found = {
                "value": value_at(loss, values, setting),
                "gradient": slope_at(loss, values, setting),
                "autograd's gradient": _autograd_at(loss, values, setting),
            }
            for what, tensor in found.items():
                if not torch.isfinite(tensor).all():
                    complaint = f"{what} in {dtype} at {setting}: {tensor.tolist()}"
    yield Verdict(f"value and gradient up to {reach:g}", "NaN and infinity", "finite", complaint)


def _extreme_values(loss: Loss, reach: float, dtype: torch.dtype) -> Iterator[Values]:
    sizes = [0.0, 1e-30, 1e-4, 1.0, reach / 100, reach]
    line = torch.tensor([*sizes, *(-x for x in sizes)], dtype=dtype)
    if loss.takes.domain:
        yield tuple(
            value.to(dtype) for value in (places(loss, loss.formula_defaults) if scalar(loss) else scattered(loss))
        )
    elif scalar(loss):
        yield (line,)
    else:
        count = len(loss.formula.variables)
        corners = torch.tensor(list(itertools.product((0.0, 1e-4, reach, -reach), repeat=count)), dtype=dtype)
        yield loss.takes.allowed(*corners.unbind(-1))


def _autograd_at(loss: Loss, values: Values, setting: Settings) -> Tensor:
    leaves = [value.detach().clone().requires_grad_() for value in values]
    found = torch.autograd.grad(value_at(loss, tuple(leaves), setting).sum(), leaves, materialize_grads=True)
    return torch.stack(found)


def limits(loss: Loss) -> Iterator[Verdict]:
    for limit in loss.record.limits:
        setting = {**loss.formula_defaults, **limit.parameters}
        if not scalar(loss):
            values = scattered(loss)
        elif loss.takes.domain:
            values = (grid(loss, setting),)
        else:
            line = torch.logspace(-3, min(3.0, torch.log10(torch.tensor(loss.record.reach)).item()), 25)
            values = (torch.cat([line.double(), -line.double()]),)
        expected = at_50_digits(loss, values, setting, text=limit.text)
        size = expected.abs() + cancelled(loss, values) + (0 if relative(loss, setting) else 1)
        yield compare(
            limit.claim,
            "the limit",
            limit.tolerance,
            [(setting, values, value_at(loss, values, setting), expected, size)],
        )


VERDICTS = (
    value_against_formula,
    every_way_to_call,
    value_against_digits,
    value_in_half_precision,
    against_builtin,
    gradient_against_autograd,
    gradient_against_differences,
    gradient_against_digits,
    second_derivative,
    finite,
    limits,
)
