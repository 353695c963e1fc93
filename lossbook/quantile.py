"""Losses that see two sides: what falls short may cost more than what goes over.

Both weigh the residual by its sign. `pinball` weighs its size, and fits a quantile; `expectile` weighs its square.
"""

import torch.nn.functional as F
from torch import Tensor

from lossbook.loss import Limit, Parameter, Reduction, Traits, loss, reduce


def _share(name: str, meaning: str) -> Parameter:
    """The weight of residuals below zero; those above have what is left of 1."""
    return Parameter(
        name, r"\tau", "τ", meaning,
        default=0.5, low=0.0, high=1.0, slider=(0.05, 0.95, 0.05), open_high=True, special=(0.5,),
    )  # fmt: skip


@loss(
    title="Pinball loss",
    chinese="分位数损失（pinball 损失）",
    formula="Piecewise(((1 - quantile)*r, r > 0), (-quantile*r, r < 0), (0, True))",
    parameters=(_share("quantile", "quantile level: the share of truths below the best constant"),),
    traits=Traits(
        convex=True, lipschitz="Max(quantile, 1 - quantile)", supremum="oo", redescending=False, kinks=("0",),
        even="Eq(quantile, Rational(1, 2))", degree=1,
    ),
    aliases={
        "scikit-learn": ("mean_pinball_loss", "PinballLoss"),
        "CatBoost": ("Quantile",),
        "TensorFlow Addons": ("tfa.losses.PinballLoss", "pinball_loss"),
        "PyTorch Forecasting": ("QuantileLoss",),
        "also": ("check loss", "tilted absolute error"),
    },
    references=("koenker1978",),
    use="You need a range and not one number: fit a low and a high quantile. Or one side costs more than the other.",
    avoid="You fit several quantiles with models that know nothing of each other: they can cross.",
    limits=(
        Limit("quantile = 0.5 is half of the absolute error", "Abs(r)/2", {"quantile": 0.5}),
        Limit("it is the larger of two lines", "Max((1 - quantile)*r, -quantile*r)", {"quantile": 0.9}),
    ),
)  # fmt: skip
def pinball(input: Tensor, target: Tensor, *, quantile: float = 0.5, reduction: Reduction = "mean") -> Tensor:
    """Absolute error with two slopes: the loss whose best constant is a quantile.

    With ``r = input - target``: ``(1 - quantile) r`` where the prediction is too high, ``-quantile r`` where it is
    too low; in the unit of the target. With ``quantile=0.9`` a prediction that is too low costs nine times as much
    as one that is too high by the same amount.

    Parameters
    ----------
    input, target
        Predictions and truths: floating-point tensors of one shape, any number of dimensions.
    quantile
        Between 0 and 1, both excluded: the share of truths that should lie below the prediction.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for the shape of the input.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; a `quantile` outside of (0, 1); an unknown
        reduction.

    Notes
    -----
    At ``quantile=0.5`` it is half of `mae`, as scikit-learn's ``mean_pinball_loss`` is; GluonTS doubles it. The slope
    jumps at ``r = 0``, where 0 is returned: it lies between the two slopes, and `mae` returns it too.

    Several quantiles at once are one call for each: ``pinball(q[:, 0], y, quantile=0.1) + ...``.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> y_hat, y = torch.tensor([1.0, 1.0]), torch.tensor([0.0, 2.0])
    >>> lb.pinball(y_hat, y, quantile=0.75, reduction="none")
    tensor([0.2500, 0.7500])
    >>> lb.pinball.gradient(y_hat, y, quantile=0.75, reduction="none")
    tensor([ 0.2500, -0.7500])

    References
    ----------
    Koenker and Bassett (1978), *Regression quantiles*.

    See Also
    --------
    mae : twice this at ``quantile=0.5``.
    expectile : the same two weights on the square.
    """
    r = input - target
    # One term for each side. `torch.maximum` of the two lines is the same, and its backward pass takes far longer.
    return reduce((1 - quantile) * F.relu(r) + quantile * F.relu(-r), reduction)


@loss(
    title="Expectile loss",
    chinese="期望分位数损失（expectile 损失）",
    formula="Piecewise(((1 - expectile)*r**2, r > 0), (expectile*r**2, True))",
    parameters=(_share("expectile", "expectile level: the share of the total distance below the best constant"),),
    traits=Traits(
        convex=True, lipschitz="oo", supremum="oo", redescending=False,
        curvature_jumps=("Piecewise((0, Ne(expectile, Rational(1, 2))), (nan, True))",),
        even="Eq(expectile, Rational(1, 2))", degree=2,
    ),
    aliases={"CatBoost": ("Expectile",), "also": ("asymmetric squared error", "asymmetric least squares")},
    references=("newey1987",),
    use="One side costs more than the other and large errors count most. The gradient has no jump.",
    avoid="You need a range that holds a given share of the truths: that is what a quantile is, and this is none.",
    limits=(
        Limit("expectile = 0.5 is half of the squared error", "r**2/2", {"expectile": 0.5}),
        Limit("it is the pinball loss times |r|", "Abs(r)*Max((1 - expectile)*r, -expectile*r)", {"expectile": 0.9}),
    ),
)  # fmt: skip
def expectile(input: Tensor, target: Tensor, *, expectile: float = 0.5, reduction: Reduction = "mean") -> Tensor:
    """Squared error with two weights: the loss whose best constant is a mean that leans to one side.

    With ``r = input - target``: ``(1 - expectile) r**2`` where the prediction is too high, ``expectile r**2`` where
    it is too low; in the squared unit of the target. The best constant is the mean of the truths, where those above
    it have the weight `expectile` and those below have ``1 - expectile``.

    Parameters
    ----------
    input, target
        Predictions and truths: floating-point tensors of one shape, any number of dimensions.
    expectile
        Between 0 and 1, both excluded. At the best constant, this share of the total distance to all truths belongs
        to those below.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for the shape of the input.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; an `expectile` outside of (0, 1); an unknown
        reduction.

    Notes
    -----
    At ``expectile=0.5`` it is half of `mse`. The square overflows to infinity from about 1.8e19 in float32 and
    bfloat16.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> y_hat, y = torch.tensor([2.0, 2.0]), torch.tensor([0.0, 4.0])
    >>> lb.expectile(y_hat, y, expectile=0.75, reduction="none")
    tensor([1., 3.])
    >>> lb.expectile.gradient(y_hat, y, expectile=0.75, reduction="none")
    tensor([ 1., -3.])

    References
    ----------
    Newey and Powell (1987), *Asymmetric least squares estimation and testing*.

    See Also
    --------
    mse : twice this at ``expectile=0.5``.
    pinball : the same two weights on the size.
    """
    r = input - target
    # Two relus would lose the curvature at zero. 1 - expectile is a Python number: in float32 it would lose its digits.
    above = (r > 0).to(r.dtype)
    return reduce(((1 - expectile) * above + expectile * (1 - above)) * r * r, reduction)
