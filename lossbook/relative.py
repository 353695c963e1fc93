"""Losses of positive numbers: percentage errors, logarithms, and the likelihoods of counts, amounts and spreads.

Each fits a different average of the truths: the mean, a median that favors small truths, a geometric mean.
"""

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lossbook.inputs import beginning, describe, extremes, floating, switch
from lossbook.loss import (
    Best,
    Elementwise,
    Inputs,
    Limit,
    Option,
    Parameter,
    Reduction,
    RelativeTraits,
    loss,
    reduce,
    validate_pair,
)  # fmt: skip

TRUTH = Parameter("y", "y", "y", "truth", default=1.0, low=0.0, high=math.inf, slider=(0.25, 3.0, 0.25))
FORECAST_IS_F = MappingProxyType({"f": r"\hat{y}"})
ABOVE_ZERO = MappingProxyType({"f": (0.0, math.inf)})


# --- what these losses take ---------------------------------------------------------------------------------


def _least(name: str, tensor: Tensor, low: float, what: str, open_low: bool = True) -> None:
    """Raise if one of the first values is too small; see `lossbook.inputs` for where values are read."""
    tensor = beginning(tensor)
    found = extremes(tensor)
    if found and math.isnan(found[0]):
        found = extremes(tensor[~tensor.isnan()])
    if found and (found[0] < low or (open_low and found[0] == low)):
        bracket = "(" if open_low else "["
        raise ValueError(f"{name}: got the value {found[0]:.10g}, expected {what} in {bracket}{low:g}, inf)")


def _above_minus_one(input: Any, target: Any) -> None:
    validate_pair(input, target)
    _least("input", input, -1.0, "predictions")
    _least("target", target, -1.0, "truths")


def _positive(input: Any, target: Any) -> None:
    validate_pair(input, target)
    _least("input", input, 0.0, "predictions")
    _least("target", target, 0.0, "truths")


@dataclass(frozen=True)
class Forecast(Elementwise):
    """A prediction and a truth that is positive, or is meant to be."""

    symbols = FORECAST_IS_F

    def forecast(self, prediction: Tensor, truth: Tensor, spread: float = 1.0) -> tuple[Tensor, ...]:
        """The tensors for predictions in the unit of the truth; `spread` is for losses that take a variance."""
        return prediction, truth

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Random positive numbers of four shapes."""
        for shape in ((), (1,), (5,), (2, 3, 5)):
            yield tuple(torch.randn(2, *shape, dtype=torch.float64).exp().unbind(0))


FORECAST = Forecast(
    variable="f",
    axis="forecast ŷ",
    latex=r"\hat{y}",
    of=lambda input, target: input,
    slope=lambda input, target: 1.0,
    pair=lambda f, y: (f, y),
    label=TRUTH,
    domain=ABOVE_ZERO,
    xlim=(0.2, 5.0),
)


@dataclass(frozen=True)
class Rate(Forecast):
    """The logarithm of a Poisson rate, and a count; or the rate itself."""

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        validate_pair(*tensors)
        input, target = tensors
        _least("target", target, 0.0, "counts", open_low=False)
        if arguments.get("log_input") is False:
            _least("input", input, 0.0, "rates, since log_input is False,", open_low=False)

    def forecast(self, prediction: Tensor, truth: Tensor, spread: float = 1.0) -> tuple[Tensor, ...]:
        """Logarithms of the predictions, and the truths."""
        return prediction.log(), truth

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Logarithms of rates of four shapes, those of larger ones positive, and counts."""
        for shape in ((), (1,), (5,), (2, 3, 5)):
            input = torch.randn(shape, dtype=torch.float64)
            yield input.abs() if input.numel() > 1 else input, torch.randint(9, shape).double()


@dataclass(frozen=True)
class Target(Forecast):
    """A positive prediction and a truth that may be zero, where the power allows it."""

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        validate_pair(*tensors)
        _least("input", tensors[0], 0.0, "predictions")
        gamma = arguments.get("power") == 2
        _least("target", tensors[1], 0.0, "truths, since power is 2," if gamma else "truths", open_low=gamma)


class Bell(Inputs):
    """A mean, a truth and a variance: of the same shape, or one variance for each last row."""

    names = ("input", "target", "var")
    by = ("input", "var")
    symbols = FORECAST_IS_F
    labels = (replace(TRUTH, low=-math.inf),)
    domain = MappingProxyType({"v": (0.0, math.inf)})
    where = "one prediction ŷ with its variance v"

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        input, target, var = tensors
        floating(input=input, target=target, var=var)
        validate_pair(input, target)
        shapes = (input.shape, *((*input.shape[:-1], *last) for last in ((1,), ()) if input.dim()))
        if tuple(var.shape) not in map(tuple, shapes):
            expected = " or ".join(str(tuple(shape)) for shape in dict.fromkeys(map(tuple, shapes)))
            raise ValueError(f"var: got shape {tuple(var.shape)}, expected {expected}")
        _least("var", var, 0.0, "variances", open_low=False)

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Mean, truth and variance."""
        mean, variance = values
        return mean, torch.full_like(mean, setting["y"]), variance

    def allowed(self, *values: Tensor) -> tuple[Tensor, ...]:
        """Variances that are not clamped."""
        mean, variance = values
        return mean, variance.clamp(min=1e-3)

    def forecast(self, prediction: Tensor, truth: Tensor, spread: float = 1.0) -> tuple[Tensor, ...]:
        """Predictions with one standard deviation for all of them."""
        return prediction, truth, torch.full_like(prediction, spread**2)

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Each shape of the variance: that of the input, and one for each last row."""
        for shape, var in (
            ((), ()), ((1,), (1,)), ((5,), (5,)), ((5,), ()), ((4, 3), (4, 1)), ((2, 3, 5), (2, 3)), ((2, 3), (2, 3)),
        ):  # fmt: skip
            input, target = 2 * torch.randn(2, *shape, dtype=torch.float64)
            yield input, target, torch.randn(var, dtype=torch.float64).exp() + 0.01


def _floor(default: float, meaning: str, tried: bool = True) -> Option:
    """The option `eps`: a small positive number."""

    def validate(value: Any, *tensors: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"eps: got {describe(value)}, expected a Python number in (0, inf)")
        if not 0 < value <= sys.float_info.max:  # an integer may be larger
            raise ValueError(f"eps: got {value!r}, expected a number in (0, inf)")

    return Option("eps", meaning, default, validate, lambda *tensors: (0.5,) if tried else ())


def _reduced(slopes: Tensor, reduction: Reduction) -> Tensor:
    return slopes / slopes.numel() if reduction == "mean" else slopes


# --- percentage errors --------------------------------------------------------------------------------------


@loss(
    title="Mean absolute percentage error",
    short="MAPE",
    chinese="平均绝对百分比误差（MAPE）",
    formula="Abs(f - y)/y",
    takes=FORECAST,
    options=(_floor(1e-7, "what a truth nearer to zero is replaced by in the denominator"),),
    traits=RelativeTraits(
        convex=True, fits=Best.WEIGHTED_MEDIAN, unit="0", symmetric=False, under="1", over="oo", kinks=("y",)
    ),
    aliases={
        "Keras": ("MeanAbsolutePercentageError", "mean_absolute_percentage_error"),
        "scikit-learn": ("mean_absolute_percentage_error",),
        "torchmetrics": ("MeanAbsolutePercentageError",),
        "also": ("mean absolute percentage deviation", "MAPD"),
    },
    references=("gneiting2011", "hyndman2006"),
    use="Errors are judged in percent of the truth, and no truth is near zero.",
    avoid="Forecasts must not be too low on average: it favors low ones. Or a truth may be zero.",
)
def mape(input: Tensor, target: Tensor, *, eps: float = 1e-7, reduction: Reduction = "mean") -> Tensor:
    """Absolute error as a fraction of the truth: the loss that pulls forecasts down.

    ``|input - target| / max(|target|, eps)``: 0.2 is 20 %. There is no factor of 100, as in scikit-learn and
    torchmetrics; Keras has one. The `eps` is that of Keras; scikit-learn has 2.2e-16 and torchmetrics 1.17e-6.

    Parameters
    ----------
    input, target
        Forecasts and truths: floating-point tensors of one shape, any number of dimensions. Of a negative truth
        the size counts.
    eps
        Positive; a truth of a smaller size counts as one of this size in the denominator.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for the shape of the input.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; an `eps` that is not positive and finite;
        an unknown reduction.

    Notes
    -----
    A truth of zero makes an error 1/eps times as large, ten million times by default, and its gradient as steep:
    leave such truths out. The best constant is the median of the truths, each weighted by 1/truth.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> y_hat, y = torch.tensor([110.0, 5.0]), torch.tensor([100.0, 10.0])
    >>> lb.mape(y_hat, y, reduction="none")
    tensor([0.1000, 0.5000])
    >>> lb.mape.gradient(y_hat, y, reduction="none")
    tensor([ 0.0100, -0.1000])

    References
    ----------
    Gneiting (2011), *Making and evaluating point forecasts*, for what it fits; Hyndman and Koehler (2006), *Another
    look at measures of forecast accuracy*.

    See Also
    --------
    smape : divides by the sum of forecast and truth.
    msle : of ratios, too, without the pull.
    mae : in the unit of the truth.
    """
    return reduce((input - target).abs() / target.abs().clamp(min=eps), reduction)


@mape.closed_form
def _mape_gradient(input: Tensor, target: Tensor, *, eps: float = 1e-7, reduction: Reduction = "mean") -> Tensor:
    r = input - target
    slopes = r.sign() / target.abs().clamp(min=eps)
    return _reduced(torch.where(r.isnan(), r, slopes), reduction)  # the sign of NaN is 0


@loss(
    title="Symmetric mean absolute percentage error",
    short="sMAPE",
    chinese="对称平均绝对百分比误差（sMAPE）",
    formula="2*Abs(f - y)/(f + y)",
    takes=FORECAST,
    options=(_floor(1e-7, "the least denominator"),),
    traits=RelativeTraits(
        convex=False, fits=Best.OTHER, unit="0", symmetric=True, under="2", over="2", kinks=("y",)
    ),
    aliases={"torchmetrics": ("SymmetricMeanAbsolutePercentageError",)},
    references=("makridakis1993", "goodwin1999"),
    use="You report to people who rank forecasts by it; forecast and truth count alike, and it is never above 2.",
    avoid="You train with it: it is not convex, and far from the truth its gradient fades.",
    limits=(Limit("it is 2 tanh(|log(ŷ/y)|/2)", "2*tanh(Abs(log(f/y))/2)"),),
)  # fmt: skip
def smape(input: Tensor, target: Tensor, *, eps: float = 1e-7, reduction: Reduction = "mean") -> Tensor:
    """Absolute error as a fraction of the mean of forecast and truth.

    ``2 |input - target| / max(|input| + |target|, eps)``, from 0 to 2, as in torchmetrics. Others leave out the 2, or
    multiply by 100. Of positive numbers it depends on their ratio alone, and the ratio may be turned round.

    Parameters
    ----------
    input, target
        Forecasts and truths: floating-point tensors of one shape, any number of dimensions.
    eps
        Positive; the least denominator. If both are zero, so is the loss.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for the shape of the input.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; an `eps` that is not positive and finite;
        an unknown reduction.

    Notes
    -----
    Where forecast and truth differ in sign, or the truth is zero, the loss is 2 whatever the forecast, and its gradient
    is zero: nothing tells a negative forecast of a positive truth to rise.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> lb.smape(torch.tensor([110.0, 90.0]), torch.tensor([100.0, 100.0]), reduction="none")
    tensor([0.0952, 0.1053])

    References
    ----------
    Makridakis (1993), *Accuracy measures: theoretical and practical concerns*; Goodwin and Lawton (1999), *On the
    asymmetry of the symmetric MAPE*.

    See Also
    --------
    mape : divides by the truth.
    msle : convex in the logarithm, if ones are added.
    """
    return reduce(2 * (input - target).abs() / (input.abs() + target.abs()).clamp(min=eps), reduction)


@smape.closed_form
def _smape_gradient(input: Tensor, target: Tensor, *, eps: float = 1e-7, reduction: Reduction = "mean") -> Tensor:
    side, total = (input - target).sign(), input.abs() + target.abs()
    # 1 + 1 where both have one sign, 1 - 1 where they differ.
    alike = 1 + input.sign() * target.sign()
    slopes = 2 * side * alike * (target.abs() / total.clamp(min=eps)) / total.clamp(min=eps)
    return _reduced(torch.where(total < eps, 2 * side / eps, slopes), reduction)


@loss(
    title="Mean squared logarithmic error",
    short="MSLE",
    chinese="均方对数误差（MSLE）",
    formula="(log(1 + f) - log(1 + y))**2",
    takes=replace(FORECAST, check=_above_minus_one),
    traits=RelativeTraits(
        convex=False, fits=Best.GEOMETRIC, unit=False, symmetric=True, under="log(1 + y)**2", over="oo"
    ),
    aliases={
        "Keras": ("MeanSquaredLogarithmicError", "mean_squared_logarithmic_error"),
        "scikit-learn": ("mean_squared_log_error",),
        "torchmetrics": ("MeanSquaredLogError",),
    },
    references=("gneiting2011",),
    use="Truths are counts or amounts over several orders of magnitude, zeros among them, and ratios matter.",
    avoid="Totals must be right: the best constant is a geometric mean, which is below the mean.",
)
def msle(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Squared error of log(1 + x): about the squared ratio error of large numbers, the squared error of small ones.

    ``(log(1 + input) - log(1 + target))**2``. The unit matters: the 1 that is added is one of the unit.

    Parameters
    ----------
    input, target
        Forecasts and truths above -1: floating-point tensors of one shape, any number of dimensions.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for the shape of the input.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; on the CPU a number of -1 or less among the
        first 65,536; an unknown reduction.

    Notes
    -----
    Keras clamps forecasts to be positive, where the gradient is then zero. Here a forecast between -1 and 0 has its
    loss and gradient, and one below -1 is refused, or gives NaN where values are not read. A model that can only say
    positive numbers, by an exponential or a softplus at its end, needs neither.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> y_hat, y = torch.tensor([0.0, 999.0]), torch.tensor([1.0, 99.0])
    >>> lb.msle(y_hat, y, reduction="none")
    tensor([0.4805, 5.3019])
    >>> lb.msle.gradient(y_hat, y, reduction="none")
    tensor([-1.3863,  0.0046])

    References
    ----------
    Gneiting (2011), *Making and evaluating point forecasts*: the squared error of a transformed truth fits the mean of
    the transform.

    See Also
    --------
    mape : a ratio error that takes no zeros.
    mse : the same without the logarithm.
    """
    return F.mse_loss(torch.log1p(input), torch.log1p(target), reduction=reduction)


@msle.closed_form
def _msle_gradient(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    # The logarithm of the ratio of 1 + input and 1 + target, the larger above: it keeps its digits, near 1 and far off.
    r = input - target
    size = torch.log1p(r.abs() / (1 + torch.minimum(input, target)))
    return _reduced(2 * torch.copysign(size, r) / (1 + input), reduction)


# --- likelihoods --------------------------------------------------------------------------------------------

_LOG_INPUT = replace(
    switch("log_input", "is `input` the logarithm of the rate?", default=True),
    tries=lambda input, *others: (False,) if bool((input > 0).all()) else (),
)


@loss(
    title="Poisson negative log-likelihood",
    short="Poisson NLL",
    chinese="泊松负对数似然损失",
    formula="exp(z) - y*z",
    takes=Rate(
        variable="z",
        axis="logarithm of the rate z",
        latex="z",
        of=lambda input, target: input,
        slope=lambda input, target: 1.0,
        pair=lambda z, y: (z, y),
        label=TRUTH,
        xlim=(-3.0, 3.0),
    ),
    options=(
        _LOG_INPUT,
        switch("full", "add Stirling's approximation of log(target!), which no gradient sees"),
        _floor(1e-8, "added to a rate before its logarithm, if `log_input` is False", tried=False),
    ),
    traits=RelativeTraits(convex=True, fits=Best.MEAN, unit=False, symmetric=False, under="oo", over="oo"),
    aliases={
        "PyTorch": ("torch.nn.PoissonNLLLoss", "F.poisson_nll_loss"),
        "Keras": ("Poisson", "poisson"),
        "Optax": ("poisson_nll_loss",),
    },
    references=("mccullagh1989",),
    use="Truths are counts. It fits the mean, and any positive number may stand in for a count.",
    avoid="Counts vary far more than their mean, which a Poisson variable cannot.",
    builtin=F.poisson_nll_loss,
    reach=80.0,
)
def poisson_nll(
    input: Tensor,
    target: Tensor,
    *,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: Reduction = "mean",
) -> Tensor:
    """How unlikely a count is if the rate is exp(input), up to what the rate does not change.

    ``exp(input) - target * input``; with ``log_input=False``, ``input - target * log(input + eps)``. It may be
    negative: its least value is ``target - target * log(target)``.

    Parameters
    ----------
    input
        Logarithms of rates, or rates: floating-point, any number of dimensions.
    target
        Counts, or other numbers from 0: of the shape of `input`, floating-point.
    log_input
        False if `input` is the rate itself, as in Keras. True is a safe end of a model: any number is allowed.
    full
        Add ``target log(target) - target + log(2 pi target)/2`` where the count is above 1: about ``log(target!)``.
    eps
        Positive; keeps the logarithm of a rate of zero finite, if `log_input` is False.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for the shape of the input.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; on the CPU a negative count, or a negative rate
        if `log_input` is False, among the first 65,536; an `eps` that is not positive; an unknown reduction.

    Notes
    -----
    ``exp(input)`` is infinite from about 88.7 in float32 and bfloat16, 11.1 in float16.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> z, y = torch.tensor([0.0, 2.0]), torch.tensor([3.0, 3.0])
    >>> lb.poisson_nll(z, y, reduction="none")
    tensor([1.0000, 1.3891])
    >>> lb.poisson_nll.gradient(z, y, reduction="none")
    tensor([-2.0000,  4.3891])

    References
    ----------
    McCullagh and Nelder (1989), *Generalized linear models*.

    See Also
    --------
    tweedie_deviance : at ``power=1``, twice this, made zero at the truth.
    gaussian_nll : for any real number, with a variance of its own.
    """
    each = torch.exp(input) - target * input if log_input else input - target * torch.log(input + eps)
    if full:
        # Only counts above 1 have it; the clamp keeps the others' logarithms finite.
        y = target.clamp(min=1)
        each = each + torch.where(target > 1, y * torch.log(y) - y + torch.log(2 * math.pi * y) / 2, 0 * target)
    return reduce(each, reduction)


@poisson_nll.closed_form
def _poisson_gradient(
    input: Tensor,
    target: Tensor,
    *,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: Reduction = "mean",
) -> Tensor:
    return _reduced(torch.exp(input) - target if log_input else 1 - target / (input + eps), reduction)


@loss(
    title="Gaussian negative log-likelihood",
    short="Gaussian NLL",
    chinese="高斯负对数似然损失",
    formula="log(v)/2 + (f - y)**2/(2*v)",
    variables=("f", "v"),
    takes=Bell(),
    options=(
        switch("full", "add log(2 pi)/2, which no gradient sees"),
        _floor(1e-6, "the least variance; the gradient by a smaller one is that at this one"),
    ),
    traits=RelativeTraits(
        convex=False, fits=Best.MEAN_AND_VARIANCE, unit=False, symmetric=True, under=None, over=None,
        kinks=None, curvature_jumps=None,
    ),
    aliases={"PyTorch": ("torch.nn.GaussianNLLLoss", "F.gaussian_nll_loss")},
    references=("nix1994",),
    use="The model shall say how sure it is: it learns a mean and a variance for each input.",
    avoid="A few truths can be hit exactly: there the variance shrinks, and the gradient grows without limit.",
    builtin=F.gaussian_nll_loss,
)  # fmt: skip
def gaussian_nll(
    input: Tensor,
    target: Tensor,
    var: Tensor,
    *,
    full: bool = False,
    eps: float = 1e-6,
    reduction: Reduction = "mean",
) -> Tensor:
    """How unlikely a truth is under a bell curve with a mean and a variance, both learned.

    ``(log(v) + (input - target)**2 / v) / 2`` with ``v = max(var, eps)``, in the terms of
    `torch.nn.functional.gaussian_nll_loss`. It may be negative.

    Parameters
    ----------
    input, target
        Means and truths: floating-point tensors of one shape, any number of dimensions.
    var
        Variances, not standard deviations and not logarithms, from 0: of the shape of `input`; or one for each last
        row, its last dimension 1 or missing.
    full
        Add ``log(2 pi)/2``, so that the loss is the negative logarithm of the density.
    eps
        Positive; the least variance.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for the shape of the input.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; on the CPU a negative variance among the first
        65,536; an `eps` that is not positive and finite; an unknown reduction.

    Notes
    -----
    As in torch, a variance below `eps` counts as `eps`, and its gradient is the one at `eps`: so it can grow again,
    although the value does not change with it. `gradient` returns a tuple, by `input` and by `var`.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> mean, y, var = torch.tensor([0.0, 0.0]), torch.tensor([2.0, 2.0]), torch.tensor([1.0, 4.0])
    >>> lb.gaussian_nll(mean, y, var, reduction="none")
    tensor([2.0000, 1.1931])
    >>> lb.gaussian_nll.gradient(mean, y, var, reduction="none")
    (tensor([-2.0000, -0.5000]), tensor([-1.5000,  0.0000]))

    References
    ----------
    Nix and Weigend (1994), *Estimating the mean and variance of the target probability distribution*.

    See Also
    --------
    mse : twice this, with one variance of 1 for all, up to a constant.
    poisson_nll : for counts, whose variance is their mean.
    """
    if var.dim() < input.dim():
        var = var.unsqueeze(-1)
    # The value of the clamped variance, the slope of the given one.
    v = var.clone()
    with torch.no_grad():
        v.clamp_(min=eps)
    each = (torch.log(v) + (input - target) ** 2 / v) / 2
    return reduce(each + math.log(2 * math.pi) / 2 if full else each, reduction)


@gaussian_nll.closed_form
def _gaussian_gradient(
    input: Tensor,
    target: Tensor,
    var: Tensor,
    *,
    full: bool = False,
    eps: float = 1e-6,
    reduction: Reduction = "mean",
) -> tuple[Tensor, Tensor]:
    v = (var.unsqueeze(-1) if var.dim() < input.dim() else var).clamp(min=eps)
    pull = (input - target) / v
    by_var = (1 / v - pull**2) / 2
    if var.shape != input.shape:  # one variance for a row: its gradients add up
        by_var = by_var.sum(-1).reshape(var.shape)
    count = input.numel() if reduction == "mean" else 1
    return pull / count, by_var / count


@loss(
    title="Gamma deviance",
    chinese="伽马偏差（Gamma 偏差损失）",
    formula="2*(y/f - log(y/f) - 1)",
    takes=replace(FORECAST, check=_positive),
    traits=RelativeTraits(convex=False, fits=Best.MEAN, unit="0", symmetric=False, under="oo", over="oo"),
    aliases={"scikit-learn": ("mean_gamma_deviance",), "also": ("Itakura-Saito divergence, twice",)},
    references=("mccullagh1989",),
    use="Truths are positive amounts whose spread grows with their mean, and the mean must be right.",
    avoid="A truth may be zero, or forecasts are not kept positive.",
)
def gamma_deviance(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """A ratio error that fits the mean: the likelihood of amounts whose spread is a fraction of their mean.

    ``2 (target/input - log(target/input) - 1)``: zero where both are equal, and a function of their ratio alone.

    Parameters
    ----------
    input, target
        Positive forecasts and truths: floating-point tensors of one shape, any number of dimensions.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for the shape of the input.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; on the CPU a number of zero or less among the
        first 65,536; an unknown reduction.

    Notes
    -----
    With ``u = log(input/target)`` it is ``2 (u + expm1(-u))``: convex in the logarithm of the forecast, not in the
    forecast itself. Low forecasts cost much more than high ones: 8 times too low costs 9.84, 8 times too high 2.41.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> lb.gamma_deviance(torch.tensor([0.125, 8.0]), torch.ones(2), reduction="none")
    tensor([9.8411, 2.4089])

    References
    ----------
    McCullagh and Nelder (1989), *Generalized linear models*.

    See Also
    --------
    tweedie_deviance : this loss at ``power=2``.
    mape : a ratio error that fits a low median.
    """
    u = torch.log(input / target)
    return reduce(2 * (u + torch.expm1(-u)), reduction)


@gamma_deviance.closed_form
def _gamma_gradient(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    return _reduced(2 * ((input - target) / input) / input, reduction)


def _grown(u: Tensor, power: float) -> Tensor:
    """(exp(power u) - 1)/power, which is u at a power of zero, and nearly u beside it."""
    return torch.expm1(power * u) / power if power else u


@loss(
    title="Tweedie deviance",
    chinese="Tweedie 偏差（特威迪偏差损失）",
    formula="Piecewise((2*(y*log(y/f) - y + f), Eq(power, 1)), (2*(y/f - log(y/f) - 1), Eq(power, 2)), "
    "(2*(y**(2 - power)/((1 - power)*(2 - power)) - y*f**(1 - power)/(1 - power)"
    " + f**(2 - power)/(2 - power)), True))",
    takes=Target(**vars(FORECAST)),
    parameters=(
        Parameter(
            "power", "p", "p", "the variance grows as the mean to this power",
            default=1.5, low=1.0, high=2.0, slider=(1.0, 2.0, 0.05), open_low=False, special=(1.0, 2.0),
        ),
    ),
    traits=RelativeTraits(
        convex="Eq(power, 1)", fits=Best.MEAN, unit="2 - power", symmetric=False, under="oo", over="oo"
    ),
    aliases={
        "scikit-learn": ("mean_tweedie_deviance", "mean_poisson_deviance"),
        "torchmetrics": ("TweedieDevianceScore",),
        "also": ("Poisson deviance, at power 1",),
    },
    references=("jorgensen1987", "mccullagh1989"),
    use="Truths are amounts of which many are zero, such as rain or claims, and the mean must be right.",
    avoid="Forecasts are not kept positive; or the spread does not grow with the mean.",
    limits=(
        Limit("power = 1 is the Poisson deviance", "2*(y*log(y/f) - y + f)", {"power": 1.0}),
        Limit("power → 1 is the Poisson deviance", "2*(y*log(y/f) - y + f)", {"power": 1 + 1e-12}, 1e-9),
        Limit("power = 2 is the gamma deviance", "2*(y/f - log(y/f) - 1)", {"power": 2.0}),
        Limit("power → 2 is the gamma deviance", "2*(y/f - log(y/f) - 1)", {"power": 2 - 1e-12}, 1e-9),
    ),
)  # fmt: skip
def tweedie_deviance(input: Tensor, target: Tensor, *, power: float = 1.5, reduction: Reduction = "mean") -> Tensor:
    """From counts to amounts: the deviance of truths whose variance grows as a power of their mean.

    With p the `power`, and y the target,
    ``2 (y**(2-p)/((1-p)(2-p)) - y input**(1-p)/(1-p) + input**(2-p)/(2-p))``; at ``p = 1`` the Poisson deviance, at
    ``p = 2`` the gamma deviance, in between that of a sum of a random number of random amounts.

    Parameters
    ----------
    input
        Positive forecasts: floating-point, any number of dimensions.
    target
        Truths from 0, or above 0 if `power` is 2: of the shape of `input`, floating-point.
    power
        From 1 to 2. scikit-learn takes others, too: 0 is the squared error, 3 the inverse Gaussian.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for the shape of the input.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; a `power` outside of [1, 2]; on the CPU a
        forecast that is not positive, or a truth that is not allowed, among the first 65,536; an unknown reduction.

    Notes
    -----
    Of the ratio x of forecast and truth, it is ``2 y**(2-p) (E(2-p) - E(1-p))`` with ``E(a) = (x**a - 1)/a``, which is
    ``log(x)`` at ``a = 0``: so nothing is lost where the power is near 1 or 2, and the formula above cancels.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> y_hat, y = torch.tensor([4.0, 4.0]), torch.tensor([0.0, 1.0])
    >>> lb.tweedie_deviance(y_hat, y, power=1.5, reduction="none")
    tensor([8., 2.])
    >>> lb.tweedie_deviance.gradient(y_hat, y, power=1.5, reduction="none")
    tensor([1.0000, 0.7500])

    References
    ----------
    Jørgensen (1987), *Exponential dispersion models*; McCullagh and Nelder (1989), *Generalized linear models*.

    See Also
    --------
    gamma_deviance : this loss at ``power=2``.
    poisson_nll : half of this loss at ``power=1``, up to what the forecast does not change.
    """
    y = torch.where(target == 0, 1, target)  # its logarithm is finite
    u = torch.log(input / y)
    each = 2 * y ** (2 - power) * (_grown(u, 2 - power) - _grown(u, 1 - power))
    if power < 2:
        each = torch.where(target == 0, 2 * input ** (2 - power) / (2 - power), each)
    return reduce(each, reduction)


@tweedie_deviance.closed_form
def _tweedie_gradient(input: Tensor, target: Tensor, *, power: float = 1.5, reduction: Reduction = "mean") -> Tensor:
    return _reduced(2 * (input - target) * input**-power, reduction)
