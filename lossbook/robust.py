"""Robust losses: their slope stays bounded, or goes back to zero, so that outliers lose their say.

All but Tukey's are written as in Barron (2019): dimensionless, with curvature ``1/c**2`` at zero, so that
`general_robust` meets each of them exactly. Each docstring says how the original paper scales its own.
"""

import math

import torch
from torch import Tensor

from lossbook.loss import Limit, Parameter, Reduction, Traits, loss, reduce

SCALE = Parameter(
    "c", "c", "c", "scale: residuals well below it count as ordinary",
    default=1.0, low=0.0, high=math.inf, slider=(0.2, 5.0, 0.1),
)  # fmt: skip


@loss(
    title="Charbonnier loss",
    chinese="Charbonnier 损失（伪 Huber 损失）",
    formula="sqrt(1 + (r/c)**2) - 1",
    parameters=(SCALE,),
    traits=Traits(convex=True, lipschitz="1/c", supremum="oo", redescending=False),
    aliases={"also": ("pseudo-Huber", "L1-L2")},
    references=("charbonnier1997", "barron2019"),
    use="You want an absolute error without its kink: image restoration, optical flow.",
    avoid="Outliers should have no say at all: their pull never vanishes.",
    limits=(
        Limit("c → ∞, times c², is half of the squared error", "(r/c)**2/2", {"c": 1e9}, tolerance=1e-9),
        Limit("twice the loss at c = 1 is Charbonnier's own function", "(2*sqrt(1 + r**2) - 2)/2", {"c": 1.0}),
    ),
)
def charbonnier(input: Tensor, target: Tensor, *, c: float = 1.0, reduction: Reduction = "mean") -> Tensor:
    """A hyperbola: quadratic near zero, a line far away, smooth everywhere.

    ``sqrt(1 + (r/c)**2) - 1`` with ``r = input - target``; dimensionless. Times ``c**2`` it is the pseudo-Huber
    loss with ``delta = c``; Charbonnier's own function is twice this at ``c = 1``.

    Parameters
    ----------
    input, target
        Predictions and truths: floating-point tensors of one shape, any number of dimensions.
    c
        Positive scale, in the unit of the target.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for the shape of the input.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; a `c` that is not positive and finite;
        an unknown reduction.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> lb.charbonnier(torch.tensor([0.75]), torch.tensor([0.0]))
    tensor(0.2500)

    References
    ----------
    Charbonnier, Blanc-Féraud, Aubert and Barlaud (1997), *Deterministic edge-preserving regularization in
    computed imaging*.

    See Also
    --------
    huber : the piecewise cousin.
    general_robust : this loss at ``alpha = 1``.
    """
    u = (input - target) / c
    # Not `sqrt(1 + u*u) - 1`, which is 0 for a small u: the two ones
    # cancel. And hypot, because u*u overflows for a large one.
    return reduce(u * (u / (1 + torch.hypot(u, torch.ones_like(u)))), reduction)


@loss(
    title="Cauchy loss",
    chinese="柯西损失（Lorentzian 损失）",
    formula="log(1 + (r/c)**2/2)",
    parameters=(SCALE,),
    traits=Traits(convex=False, lipschitz="1/(sqrt(2)*c)", supremum="oo", redescending=True),
    aliases={"also": ("Lorentzian",), "SciPy": ("cauchy",)},
    references=("holland1977", "black1996", "barron2019"),
    use="Errors have heavy tails: it is the likelihood of the Cauchy distribution.",
    avoid="You cannot afford a good starting point: the objective can have several minima.",
    limits=(Limit("c → ∞, times c², is half of the squared error", "(r/c)**2/2", {"c": 1e9}, tolerance=1e-9),),
)
def cauchy(input: Tensor, target: Tensor, *, c: float = 1.0, reduction: Reduction = "mean") -> Tensor:
    """Logarithmic growth: the negative log-likelihood of Cauchy noise, up to a constant.

    ``log(1 + (r/c)**2 / 2)`` with ``r = input - target``; dimensionless. The pull of an error is largest at
    ``|r| = sqrt(2) c`` and falls beyond. SciPy's ``loss="cauchy"`` is ``log(1 + r**2)``: this at
    ``c = 1/sqrt(2)``.

    Parameters
    ----------
    input, target
        Predictions and truths: floating-point tensors of one shape, any number of dimensions.
    c
        Positive scale, in the unit of the target. With unit Gaussian noise, 2.385/sqrt(2) keeps 95 % of the
        efficiency of least squares.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for the shape of the input.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; a `c` that is not positive and finite;
        an unknown reduction.

    Notes
    -----
    The square overflows, and the loss becomes infinite, from ``|r| = 1.8e19 c`` in float32 and bfloat16.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> lb.cauchy(torch.tensor([2.0]), torch.tensor([0.0]))
    tensor(1.0986)

    References
    ----------
    Black and Anandan (1996), *The robust estimation of multiple motions*, where it is called Lorentzian.

    See Also
    --------
    general_robust : this loss at ``alpha = 0``.
    """
    u = (input - target) / c
    return reduce(torch.log1p(u * u / 2), reduction)


@loss(
    title="Geman-McClure loss",
    chinese="Geman–McClure 损失",
    formula="2*(r/c)**2/((r/c)**2 + 4)",
    parameters=(SCALE,),
    traits=Traits(convex=False, lipschitz="3*sqrt(3)/(8*c)", supremum="2", redescending=True),
    aliases={"also": ("GM",)},
    references=("geman1985", "barron2019"),
    use="Gross outliers must be ignored and a rough fit is at hand to start from.",
    avoid="You start far away: the gradient is almost zero there.",
    limits=(
        Limit("c → ∞, times c², is half of the squared error", "(r/c)**2/2", {"c": 1e9}, tolerance=1e-9),
        Limit("half of it at c = 1/2 is the original r²/(1 + r²)", "2*r**2/(1 + r**2)", {"c": 0.5}),
    ),
)
def geman_mcclure(input: Tensor, target: Tensor, *, c: float = 1.0, reduction: Reduction = "mean") -> Tensor:
    """A bounded loss: far errors all cost 2 and pull with a force that falls as their cube.

    ``2 (r/c)**2 / ((r/c)**2 + 4)`` with ``r = input - target``; dimensionless. The original ``r**2/(1 + r**2)``
    is half of this at ``c = 1/2``.

    Parameters
    ----------
    input, target
        Predictions and truths: floating-point tensors of one shape, any number of dimensions.
    c
        Positive scale, in the unit of the target.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for the shape of the input.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; a `c` that is not positive and finite;
        an unknown reduction.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> lb.geman_mcclure(torch.tensor([2.0]), torch.tensor([0.0]))
    tensor(1.)

    References
    ----------
    Geman and McClure (1985), *Bayesian image analysis: an application to single photon emission tomography*.

    See Also
    --------
    general_robust : this loss at ``alpha = -2``.
    welsch : bounded too, with a faster fall.
    """
    # Beyond 1e9 the loss is 2 to the last digit; a larger square could
    # overflow, and infinity over infinity is NaN.
    u = ((input - target) / c).clamp(-1e9, 1e9)
    square = u * u
    return reduce(2 * square / (square + 4), reduction)


@loss(
    title="Welsch loss",
    chinese="Welsch 损失（Leclerc 损失）",
    formula="1 - exp(-(r/c)**2/2)",
    parameters=(SCALE,),
    traits=Traits(convex=False, lipschitz="exp(-Rational(1, 2))/c", supremum="1", redescending=True),
    aliases={"also": ("Leclerc", "correntropy")},
    references=("holland1977", "barron2019"),
    use="Anything a few scales away is certainly an outlier: registration, correspondence.",
    avoid="You start far away: the gradient vanishes exponentially.",
    limits=(
        Limit("c → ∞, times c², is half of the squared error", "(r/c)**2/2", {"c": 1e9}, tolerance=1e-9),
        Limit("the original (k²/2)(1 - exp(-(r/k)²)) with k = sqrt(2) c is this times c²",
              "((sqrt(2)*c)**2/2*(1 - exp(-(r/(sqrt(2)*c))**2)))/c**2", {"c": 1.7}),
    ),
)  # fmt: skip
def welsch(input: Tensor, target: Tensor, *, c: float = 1.0, reduction: Reduction = "mean") -> Tensor:
    """One minus a Gaussian bell: bounded by 1, blind to what is far away.

    ``1 - exp(-(r/c)**2 / 2)`` with ``r = input - target``; dimensionless. Holland and Welsch write
    ``(k**2/2)(1 - exp(-(r/k)**2))``: this times ``c**2``, with ``k = sqrt(2) c``.

    Parameters
    ----------
    input, target
        Predictions and truths: floating-point tensors of one shape, any number of dimensions.
    c
        Positive scale, in the unit of the target. With unit Gaussian noise, 2.985/sqrt(2) keeps 95 % of the
        efficiency of least squares.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for the shape of the input.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; a `c` that is not positive and finite;
        an unknown reduction.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> lb.welsch(torch.tensor([2.0]), torch.tensor([0.0]))
    tensor(0.8647)

    References
    ----------
    Holland and Welsch (1977), *Robust regression using iteratively reweighted least-squares*.

    See Also
    --------
    general_robust : this loss at ``alpha = -inf``.
    tukey_biweight : reaches its bound at a finite distance.
    """
    u = (input - target) / c
    return reduce(-torch.expm1(u * u / -2), reduction)


@loss(
    title="Tukey's biweight loss",
    chinese="Tukey 双权损失",
    formula="Piecewise((c**2/6*(1 - (1 - (r/c)**2)**3), Abs(r) <= c), (c**2/6, True))",
    parameters=(
        Parameter(
            "c", "c", "c", "residual from which an error no longer counts",
            default=4.685, low=0.0, high=math.inf, slider=(0.5, 8.0, 0.005),
        ),
    ),
    # No jump of the second derivative: it falls to zero at c, where only the third jumps.
    traits=Traits(convex=False, lipschitz="16*c/(25*sqrt(5))", supremum="c**2/6", redescending=True),
    aliases={"also": ("bisquare", "biweight", "Tukey")},
    references=("beaton1974", "holland1977"),
    use="Outliers should have no say at all, and a robust start (a Huber fit, say) is at hand.",
    avoid="You start from nothing: points beyond c have a gradient of exactly zero.",
    limits=(Limit("c → ∞ is half of the squared error", "r**2/2", {"c": 1e9}, tolerance=1e-9),),
)  # fmt: skip
def tukey_biweight(input: Tensor, target: Tensor, *, c: float = 4.685, reduction: Reduction = "mean") -> Tensor:
    """Bounded at a finite distance: beyond `c` the loss is constant and its gradient exactly zero.

    ``c**2/6 (1 - (1 - (r/c)**2)**3)`` where ``|r| <= c``, else ``c**2/6``, with ``r = input - target``; in the
    squared unit of the target.

    Parameters
    ----------
    input, target
        Predictions and truths: floating-point tensors of one shape, any number of dimensions.
    c
        Positive cut-off, in the unit of the target. With unit Gaussian noise, the default 4.685 keeps 95 % of
        the efficiency of least squares.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for the shape of the input.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; a `c` that is not positive and finite;
        an unknown reduction.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> lb.tukey_biweight(torch.tensor([1.0, 9.0]), torch.zeros(2), c=6.0, reduction="none")
    tensor([0.4862, 6.0000])

    References
    ----------
    Beaton and Tukey (1974), *The fitting of power series, meaning polynomials, illustrated on band-spectroscopic
    data*; the constant is from Holland and Welsch (1977).

    See Also
    --------
    huber : bounded pull instead of none.
    """
    # Clamping the residual keeps the gradient exactly zero outside;
    # 1 - (1 - v)**3 would cancel for a small v.
    r = (input - target).clamp(-c, c)
    v = (r / c) ** 2
    return reduce(r * r * (3 - 3 * v + v * v) / 6, reduction)


@loss(
    title="General robust loss",
    chinese="通用鲁棒损失（Barron 损失）",
    formula=(
        "Piecewise(((r/c)**2/2, Eq(alpha, 2)), (log(1 + (r/c)**2/2), Eq(alpha, 0)), "
        "(1 - exp(-(r/c)**2/2), Eq(alpha, -oo)), "
        "((2 - alpha)/alpha*((1 + (r/c)**2/(2 - alpha))**(alpha/2) - 1), True))"
    ),
    parameters=(
        Parameter(
            "alpha", r"\alpha", "α", "shape: 2 is half of the square; lower is more robust",
            default=1.0, low=-math.inf, high=2.0, slider=(-4.0, 2.0, 0.05), open_low=False,
            special=(-math.inf, 0.0, 2.0),
        ),
        SCALE,
    ),
    traits=Traits(
        convex="alpha >= 1",
        lipschitz=(
            "Piecewise((oo, alpha > 1), (1/c, Eq(alpha, 1)), (exp(-Rational(1, 2))/c, Eq(alpha, -oo)), "
            "(((alpha - 2)/(alpha - 1))**((alpha - 1)/2)/c, True))"
        ),
        supremum="Piecewise((1, Eq(alpha, -oo)), ((alpha - 2)/alpha, alpha < 0), (oo, True))",
        redescending="alpha < 1",
    ),
    aliases={"also": ("Barron", "adaptive robust loss")},
    references=("barron2019",),
    use="You want one knob from the square to a bounded loss: to tune it, to anneal it, to compare.",
    avoid="A named special case will do: its code is shorter and faster.",
    limits=(
        Limit("alpha = 2 is half of the squared error", "(r/c)**2/2", {"alpha": 2.0}),
        Limit("alpha = 1 is charbonnier", "sqrt(1 + (r/c)**2) - 1", {"alpha": 1.0}),
        Limit("alpha = 0 is cauchy", "log(1 + (r/c)**2/2)", {"alpha": 0.0}),
        Limit("alpha = -2 is geman_mcclure", "2*(r/c)**2/((r/c)**2 + 4)", {"alpha": -2.0}),
        Limit("alpha = -inf is welsch", "1 - exp(-(r/c)**2/2)", {"alpha": -math.inf}),
        Limit("alpha → 0 tends to cauchy", "log(1 + (r/c)**2/2)", {"alpha": 1e-12}, tolerance=1e-9),
        Limit("alpha → -∞ tends to welsch", "1 - exp(-(r/c)**2/2)", {"alpha": -1e10}, tolerance=1e-6),
    ),
)  # fmt: skip
def general_robust(
    input: Tensor, target: Tensor, *, alpha: float = 1.0, c: float = 1.0, reduction: Reduction = "mean"
) -> Tensor:
    """Barron's family: one shape parameter from the square through Cauchy to a bounded loss.

    ``(b/alpha) ((1 + (r/c)**2/b)**(alpha/2) - 1)`` with ``b = 2 - alpha`` and ``r = input - target``, and its
    limits where that is undefined; dimensionless. Convex from ``alpha = 1`` up; from there down the pull of far
    errors falls.

    Parameters
    ----------
    input, target
        Predictions and truths: floating-point tensors of one shape, any number of dimensions.
    alpha
        Shape, at most 2; minus infinity is allowed. (The paper's formula goes on above 2, where the loss grows
        faster than the square and is no longer robust.)
    c
        Positive scale, in the unit of the target.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for the shape of the input.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; an `alpha` above 2 or NaN; a `c` that is
        not positive and finite; an unknown reduction.

    Notes
    -----
    From ``|r| = 1.8e19 c`` the square overflows in float32 and bfloat16. For ``alpha >= 0`` the loss is then
    infinite, and for ``0 < alpha < 2`` autograd's gradient is NaN; for ``alpha < 0`` both stay right. `gradient`
    loses digits below an `alpha` of about -1e6, where the loss is Welsch's to six digits; minus infinity itself is
    exact.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> r, zero = torch.tensor([2.0]), torch.tensor([0.0])
    >>> [round(lb.general_robust(r, zero, alpha=a).item(), 4) for a in (2.0, 1.0, 0.0, -2.0, -float("inf"))]
    [2.0, 1.2361, 1.0986, 1.0, 0.8647]

    References
    ----------
    Barron (2019), *A general and adaptive robust loss function*.

    See Also
    --------
    mse, charbonnier, cauchy, geman_mcclure, welsch : its special cases.
    """
    u = (input - target) / c
    square = u * u
    if alpha == 2:
        return reduce(square / 2, reduction)
    if alpha == -math.inf:
        return reduce(-torch.expm1(-square / 2), reduction)
    b = 2 - alpha
    log = torch.log1p(square / b)
    if alpha == 0:
        return reduce(log, reduction)
    # expm1 and log1p, not a power minus one: nothing cancels near
    # alpha = 0 and near r = 0.
    return reduce((b / alpha) * torch.expm1(alpha / 2 * log), reduction)
