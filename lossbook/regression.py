"""Regression losses: squared, absolute, and the three that join both (Smooth L1, Huber, log-cosh).

`mse`, `mae`, `smooth_l1` and `huber` call the kernels that torch has fused: no composition of tensor
operations is as fast. Their formulas are declared here independently of those kernels, and the checks
compare the two.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lossbook.loss import Limit, Parameter, Reduction, Traits, loss, reduce


@loss(
    title="Mean squared error",
    short="MSE",
    chinese="均方误差损失（L2 损失）",
    formula="r**2",
    traits=Traits(convex=True, lipschitz="oo", supremum="oo", redescending=False, degree=2),
    aliases={
        "PyTorch": ("torch.nn.MSELoss", "F.mse_loss"),
        "Keras": ("MeanSquaredError", "mean_squared_error"),
        "scikit-learn": ("mean_squared_error",),
        "Optax": ("squared_error",),
        "also": ("L2", "quadratic"),
    },
    references=("legendre1805", "gauss1809"),
    use="The errors are roughly Gaussian, and large ones deserve the most attention. It estimates the mean.",
    avoid="Some targets are wrong or far out: one outlier moves the fit as far as it likes.",
    builtin=F.mse_loss,
)
def mse(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Squared error, averaged: the loss whose best constant is the mean.

    ``r**2`` with ``r = input - target``, in the squared unit of the target. There is no factor of one half,
    as in `torch.nn.functional.mse_loss`; scikit-learn's ``HalfSquaredError``, Optax's ``l2_loss`` and others named
    L2 have one.

    Parameters
    ----------
    input, target
        Predictions and truths: floating-point tensors of one shape, any number of dimensions.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for the shape of the input.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; an unknown reduction.

    Notes
    -----
    The square overflows to infinity from about 256 in float16 and 1.8e19 in float32 and bfloat16.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> y_hat, y = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 5.0])
    >>> lb.mse(y_hat, y)
    tensor(4.5000)
    >>> lb.mse.gradient(y_hat, y)
    tensor([ 0., -3.])

    References
    ----------
    Legendre (1805), *Nouvelles méthodes pour la détermination des orbites des comètes*; Gauss (1809),
    *Theoria motus corporum coelestium*.

    See Also
    --------
    mae : less sensitive to outliers.
    huber : a square near zero, a line far away.
    """
    return F.mse_loss(input, target, reduction=reduction)


@loss(
    title="Mean absolute error",
    short="MAE",
    chinese="平均绝对误差损失（L1 损失）",
    formula="Abs(r)",
    traits=Traits(convex=True, lipschitz="1", supremum="oo", redescending=False, kinks=("0",), degree=1),
    aliases={
        "PyTorch": ("torch.nn.L1Loss", "F.l1_loss"),
        "Keras": ("MeanAbsoluteError", "mean_absolute_error"),
        "scikit-learn": ("mean_absolute_error", "absolute_error"),
        "also": ("L1", "least absolute deviations"),
    },
    references=("boscovich1757", "laplace1774"),
    use="Outliers should count no more than their distance. It estimates the median.",
    avoid="You need a smooth gradient near the optimum: its size does not shrink as the error does.",
    builtin=F.l1_loss,
)
def mae(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Absolute error, averaged: the loss whose best constant is the median.

    ``|r|`` with ``r = input - target``, in the unit of the target. The slope is -1 or +1; at ``r = 0``, where
    there is none, 0 is returned, as by `torch.nn.functional.l1_loss`.

    Parameters
    ----------
    input, target
        Predictions and truths: floating-point tensors of one shape, any number of dimensions.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for the shape of the input.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; an unknown reduction.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> y_hat, y = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 5.0])
    >>> lb.mae(y_hat, y)
    tensor(1.5000)
    >>> lb.mae.gradient(y_hat, y)
    tensor([ 0.0000, -0.5000])

    References
    ----------
    Boscovich (1757) fitted a line by absolute deviations; Laplace (1774) showed that the posterior median
    minimizes the expected absolute error.

    See Also
    --------
    mse : estimates the mean.
    huber, smooth_l1, log_cosh : smooth at zero.
    """
    return F.l1_loss(input, target, reduction=reduction)


@loss(
    title="Smooth L1 loss",
    chinese="平滑 L1 损失",
    formula="Piecewise((r**2/(2*beta), Abs(r) < beta), (Abs(r) - beta/2, True))",
    parameters=(
        Parameter(
            "beta", r"\beta", "β", "residual at which the parabola turns into a line",
            default=1.0, low=0.0, high=math.inf, slider=(0.1, 5.0, 0.1), open_low=False,
        ),
    ),
    traits=Traits(
        convex=True, lipschitz="1", supremum="oo", redescending=False, curvature_jumps=("-beta", "beta")
    ),
    aliases={"PyTorch": ("torch.nn.SmoothL1Loss", "F.smooth_l1_loss")},
    references=("girshick2015",),
    use="You want the slope of the mean absolute error far away whatever beta is: box regression in detectors.",
    avoid="You tune beta as if it were Huber's delta: the curvature at zero is 1/beta here and 1 there.",
    builtin=F.smooth_l1_loss,
    limits=(
        Limit("beta = 0 is the absolute error", "Abs(r)", {"beta": 0.0}),
        Limit("beta → ∞ is r²/(2 beta)", "r**2/(2*beta)", {"beta": 1e9}),
        Limit("it is Huber at delta = beta, divided by beta",
              "Piecewise((r**2/2, Abs(r) <= beta), (beta*(Abs(r) - beta/2), True))/beta", {"beta": 2.5}),
    ),
)  # fmt: skip
def smooth_l1(input: Tensor, target: Tensor, *, beta: float = 1.0, reduction: Reduction = "mean") -> Tensor:
    """Absolute error with its kink rounded off: quadratic below `beta`, slope 1 beyond.

    ``r**2 / (2 beta)`` where ``|r| < beta``, else ``|r| - beta/2``, with ``r = input - target``; in the unit of
    the target. It is ``huber(delta=beta) / beta``: the slope far away stays 1 and the curvature changes.

    Parameters
    ----------
    input, target
        Predictions and truths: floating-point tensors of one shape, any number of dimensions.
    beta
        Where the parabola meets the line, in the unit of the target; 0 gives `mae`.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for the shape of the input.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; a negative, infinite or NaN `beta`; an
        unknown reduction.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> y_hat, y = torch.tensor([0.5, 2.0]), torch.zeros(2)
    >>> lb.smooth_l1(y_hat, y, beta=0.1, reduction="none")
    tensor([0.4500, 1.9500])

    References
    ----------
    Girshick (2015), *Fast R-CNN*, equation 3 (there with beta = 1).

    See Also
    --------
    huber : the same curve times `beta`.
    mae : its limit at ``beta = 0``.
    """
    return F.smooth_l1_loss(input, target, beta=beta, reduction=reduction)


@loss(
    title="Huber loss",
    chinese="Huber 损失（胡贝尔损失）",
    formula="Piecewise((r**2/2, Abs(r) <= delta), (delta*(Abs(r) - delta/2), True))",
    parameters=(
        Parameter(
            "delta", r"\delta", "δ", "residual at which the parabola turns into a line",
            default=1.0, low=0.0, high=math.inf, slider=(0.1, 5.0, 0.1),
        ),
    ),
    traits=Traits(
        convex=True, lipschitz="delta", supremum="oo", redescending=False, curvature_jumps=("-delta", "delta")
    ),
    aliases={
        "PyTorch": ("torch.nn.HuberLoss", "F.huber_loss"),
        "Keras": ("Huber", "huber"),
        "scikit-learn": ("HuberLoss",),
        "Optax": ("huber_loss",),
    },
    references=("huber1964",),
    use="Most errors are well behaved and a few are not. It is nearly as good as least squares without outliers.",
    avoid="Outliers should have no say at all: their pull is bounded by delta and never vanishes.",
    builtin=F.huber_loss,
    limits=(
        Limit("delta → ∞ is half of the squared error", "r**2/2", {"delta": 1e9}),
        Limit("delta → 0, divided by delta, is the absolute error", "delta*Abs(r)", {"delta": 1e-12}, tolerance=1e-9),
    ),
)  # fmt: skip
def huber(input: Tensor, target: Tensor, *, delta: float = 1.0, reduction: Reduction = "mean") -> Tensor:
    """Squared error for small residuals, absolute error for large ones.

    ``r**2 / 2`` where ``|r| <= delta``, else ``delta (|r| - delta/2)``, with ``r = input - target``; in the
    squared unit of the target. The slope is the residual, clipped to ``[-delta, delta]``.

    Parameters
    ----------
    input, target
        Predictions and truths: floating-point tensors of one shape, any number of dimensions.
    delta
        Positive; the residual from which an error counts as large, in the unit of the target. With unit
        Gaussian noise, 1.345 keeps 95 % of the efficiency of least squares.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for the shape of the input.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; a `delta` that is not positive and
        finite; an unknown reduction.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> y_hat, y = torch.tensor([0.5, 3.0]), torch.zeros(2)
    >>> lb.huber(y_hat, y, reduction="none")
    tensor([0.1250, 2.5000])
    >>> lb.huber.gradient(y_hat, y, reduction="none")
    tensor([0.5000, 1.0000])

    References
    ----------
    Huber (1964), *Robust estimation of a location parameter*.

    See Also
    --------
    smooth_l1 : the same curve divided by `delta`.
    tukey_biweight : gives far outliers no weight at all.
    """
    return F.huber_loss(input, target, delta=delta, reduction=reduction)


@loss(
    title="Log-cosh loss",
    chinese="对数双曲余弦损失（log-cosh 损失）",
    formula="log(cosh(r))",
    traits=Traits(convex=True, lipschitz="1", supremum="oo", redescending=False),
    aliases={
        "Keras": ("LogCosh", "log_cosh"),
        "Optax": ("log_cosh",),
        "torchmetrics": ("LogCoshError",),
        "also": ("logcosh",),
    },
    references=("green1990",),
    limits=(Limit("it is the log of the mean of exp(r) and exp(-r)", "log((exp(r) + exp(-r))/2)"),),
    use="You want Huber's shape with continuous derivatives of every order.",
    avoid="The residual at which the square should end is not near 1 in your unit: rescale first, or use huber.",
)
def log_cosh(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """The logarithm of the hyperbolic cosine: a Huber-like curve that is smooth everywhere.

    ``log(cosh(r))`` with ``r = input - target``: ``r**2 / 2`` near zero, ``|r| - log 2`` far away; its slope is
    ``tanh(r)``. The residual should be dimensionless, with 1 a typical error.

    Parameters
    ----------
    input, target
        Predictions and truths: floating-point tensors of one shape, any number of dimensions.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for the shape of the input.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; an unknown reduction.

    Notes
    -----
    Computed as ``log1p(sinh(r)**2) / 2``, since ``cosh**2 = 1 + sinh**2``: nothing cancels near zero. Beyond 20 it
    goes on as a line, which is exact there in float64.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> lb.log_cosh(torch.tensor([1e-4, 100.0]), torch.zeros(2), reduction="none")
    tensor([5.0000e-09, 9.9307e+01])

    References
    ----------
    Green (1990), *Bayesian reconstructions from emission tomography data using a modified EM algorithm*.

    See Also
    --------
    huber : the piecewise cousin, with a place to choose.
    charbonnier : the other smooth cousin.
    """
    r = input - target
    # Beyond 20 the curve is a line to the last digit; there sinh would
    # overflow. The clamp comes first: inf times zero is NaN in a gradient.
    sinh = torch.sinh(r.clamp(-20, 20))
    line = F.softshrink(r, 20).abs()  # what |r| has above 20
    return reduce(torch.log1p(sinh * sinh) / 2 + line, reduction)
