"""The two-sided losses against libraries, linear programs and naive loops that share no code with them."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from planting import planted, refused_by
from scipy import optimize, stats
from sklearn import metrics
from sklearn.linear_model import QuantileRegressor
from torch import Tensor

import lossbook as lb
from lossbook.loss import Parameter, reduce

Y_HAT, Y = 3 * torch.randn(2, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
LEVELS = (0.01, 0.1, 0.25, 0.5, 0.9, 0.99)


def naive(power: int, level: float, y_hat: Tensor, y: Tensor) -> list[float]:
    """What is missing to the truth costs `level`, what is too much costs the rest."""
    costs = []
    for p, t in zip(y_hat.flatten().tolist(), y.flatten().tolist(), strict=True):
        weight = level if t > p else 1 - level
        costs.append(weight * abs(p - t) ** power)
    return costs


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("loss", "power"), [(lb.pinball, 1), (lb.expectile, 2)], ids=["pinball", "expectile"])
def test_a_naive_loop_agrees(loss: lb.Loss, power: int, level: float) -> None:
    name = loss.parameters[0].name
    for shape in ((50,), (5, 10), (1, 2, 5, 5), (1, 1, 2, 5, 5)):
        y_hat, y = Y_HAT.reshape(shape), Y.reshape(shape)
        expected = torch.tensor(naive(power, level, y_hat, y), dtype=torch.float64)
        found = loss(y_hat, y, reduction="none", **{name: level})
        torch.testing.assert_close(found, expected.reshape(shape), rtol=1e-13, atol=0)
        assert loss(y_hat, y, reduction="sum", **{name: level}).item() == pytest.approx(expected.sum().item())
        assert loss(y_hat, y, **{name: level}).item() == pytest.approx(expected.mean().item(), rel=1e-12)


@pytest.mark.parametrize("level", LEVELS)
def test_scikit_learn_agrees(level: float) -> None:
    theirs = metrics.mean_pinball_loss(Y.numpy(), Y_HAT.numpy(), alpha=level)
    assert lb.pinball(Y_HAT, Y, quantile=level).item() == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize(("loss", "half"), [(lb.pinball, lb.mae), (lb.expectile, lb.mse)], ids=["pinball", "expectile"])
def test_the_middle_is_half_of_the_symmetric_loss_with_its_gradient(
    loss: lb.Loss, half: lb.Loss, reduction: str
) -> None:
    y_hat = torch.cat([Y_HAT, Y[:3]])  # three predictions that are exactly right
    y = torch.cat([Y, Y[:3]])
    for of in (lb.Loss.__call__, lb.Loss.gradient):
        found, expected = of(loss, y_hat, y, reduction=reduction), of(half, y_hat, y, reduction=reduction) / 2
        torch.testing.assert_close(found, expected, rtol=1e-15, atol=0)


@pytest.mark.parametrize("level", LEVELS)
def test_swapping_prediction_and_truth_swaps_the_level(level: float) -> None:
    """The mistake of the sign: tau becomes 1 - tau."""
    for loss in (lb.pinball, lb.expectile):
        name = loss.parameters[0].name
        swapped = loss(Y, Y_HAT, reduction="none", **{name: 1 - level})
        torch.testing.assert_close(loss(Y_HAT, Y, reduction="none", **{name: level}), swapped, rtol=1e-13, atol=0)


@pytest.mark.parametrize("level", LEVELS)
def test_the_best_constant_of_the_pinball_loss_is_a_quantile(level: float) -> None:
    """At most this share of the truths lies below it, and at most the rest above."""
    sums = lb.pinball(Y[:, None].expand(-1, 50), Y.expand(50, -1), quantile=level, reduction="none").sum(1)
    best = Y[sums.argmin()]
    share_below, share_above = (Y - best < 0).double().mean(), (Y - best > 0).double().mean()
    assert share_below <= level + 1e-12 and share_above <= 1 - level + 1e-12
    quantile = np.quantile(Y.numpy(), level, method="inverted_cdf")
    at_quantile = lb.pinball(torch.full_like(Y, quantile), Y, quantile=level, reduction="sum").item()
    assert at_quantile == pytest.approx(sums.min().item(), rel=1e-13)


@pytest.mark.parametrize("level", LEVELS)
def test_the_best_constant_of_the_expectile_loss_is_that_of_scipy(level: float) -> None:
    found = optimize.minimize_scalar(
        lambda t: lb.expectile(torch.full_like(Y, t), Y, expectile=level).item(), method="golden", tol=1e-12
    )
    assert found.x == pytest.approx(stats.expectile(Y.numpy(), alpha=level), abs=1e-6)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.8])
def test_the_linear_program_of_scikit_learn_finds_where_our_loss_is_least(level: float) -> None:
    """Our subgradient there contains zero: no coefficient can move either way."""
    x = torch.stack([torch.ones(50, dtype=torch.float64), Y_HAT], 1)
    model = QuantileRegressor(quantile=level, alpha=0, solver="highs").fit(Y_HAT.numpy()[:, None], Y.numpy())
    best = torch.tensor([model.intercept_, model.coef_[0]], dtype=torch.float64)

    def mean(coefficients: Tensor) -> float:
        return lb.pinball(x @ coefficients, Y, quantile=level).item()

    generator = torch.Generator().manual_seed(2)
    for size in (1e-6, 1e-3, 0.1, 3.0):
        for step in torch.randn(50, 2, dtype=torch.float64, generator=generator):
            assert mean(best + size * step) >= mean(best) - 1e-12


@pytest.mark.parametrize("level", [0.1, 0.7])
def test_the_pinball_loss_is_the_likelihood_of_the_asymmetric_laplace_distribution(level: float) -> None:
    """In SciPy's terms: kappa**2 = tau/(1 - tau), scale 1/sqrt(tau (1 - tau)). Density tau (1 - tau) exp(-loss(-x))."""
    kappa = math.sqrt(level / (1 - level))
    law = stats.laplace_asymmetric(kappa, loc=0, scale=1 / math.sqrt(level * (1 - level)))
    noise = (Y - Y_HAT).numpy()
    offset = math.log(level * (1 - level))
    ours = lb.pinball(Y_HAT, Y, quantile=level, reduction="none").numpy() - offset
    np.testing.assert_allclose(ours, -law.logpdf(noise), rtol=1e-12)


def test_at_a_right_prediction_nothing_pulls() -> None:
    right = torch.tensor([1.5], requires_grad=True)
    for loss in (lb.pinball, lb.expectile):
        name = loss.parameters[0].name
        (slope,) = torch.autograd.grad(loss(right, torch.tensor([1.5]), **{name: 0.9}), right)
        closed = loss.gradient(right.detach(), torch.tensor([1.5]), **{name: 0.9})
        assert slope.item() == closed.item() == 0.0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("loss", [lb.pinball, lb.expectile], ids=str)
def test_extremes(loss: lb.Loss, dtype: torch.dtype) -> None:
    y_hat = torch.tensor([1e4, -1e4, 0.0, 1e-30], dtype=dtype, requires_grad=True)
    value = loss(y_hat, torch.zeros_like(y_hat).detach(), reduction="none", **{loss.parameters[0].name: 0.05})
    (slope,) = torch.autograd.grad(value.sum(), y_hat)
    assert value.isfinite().all() and slope.isfinite().all() and (value >= 0).all()
    infinite = torch.tensor([math.inf, -math.inf, math.nan], dtype=dtype)
    value = loss(infinite, torch.zeros_like(infinite), reduction="none")
    assert value[:2].isinf().all() and value[2].isnan()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("level", [1e-7, 0.999, 1 - 1e-7])
def test_levels_near_the_ends_keep_their_digits(level: float, dtype: torch.dtype) -> None:
    """In float32 the difference 1 - level would be wrong by a fifth at the last of them."""
    y_hat, y = torch.tensor([[2.0, -2.0], [0.0, 0.0]], dtype=dtype)
    for loss, size in ((lb.pinball, 2), (lb.expectile, 4)):
        found = loss(y_hat, y, reduction="none", **{loss.parameters[0].name: level})
        expected = torch.tensor([size * (1 - level), size * level], dtype=dtype)
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


def test_batch_transforms() -> None:
    for loss in (lb.pinball, lb.expectile):
        level = {loss.parameters[0].name: 0.8}
        rows = torch.func.vmap(lambda a, b, loss=loss, level=level: loss(a, b, **level))(
            Y_HAT.reshape(5, 10), Y.reshape(5, 10)
        )
        assert rows.mean().item() == pytest.approx(loss(Y_HAT, Y, **level).item(), rel=1e-12)
        slope = torch.func.grad(lambda a, loss=loss, level=level: loss(a, Y, **level))(Y_HAT)
        torch.testing.assert_close(slope, loss.gradient(Y_HAT, Y, **level), rtol=1e-13, atol=0)


@pytest.mark.parametrize("wrong", [0, 1, 1.0, -0.1, 1.1, math.nan, math.inf])
def test_a_level_outside_of_zero_to_one_is_refused(wrong: float) -> None:
    for loss in (lb.pinball, lb.expectile):
        name = loss.parameters[0].name
        with pytest.raises(ValueError, match=rf"{name}: got .*, expected a number in \(0, 1\)"):
            loss(Y_HAT, Y, **{name: wrong})


def test_other_errors() -> None:
    for loss in (lb.pinball, lb.expectile):
        name = loss.parameters[0].name
        with pytest.raises(TypeError, match=f"{name}: got '0.9' of type str, expected a Python number"):
            loss(Y_HAT, Y, **{name: "0.9"})
        with pytest.raises(TypeError, match=f"{name}: got tensor"):
            loss(Y_HAT, Y, **{name: torch.tensor(0.9)})
        with pytest.raises(ValueError, match=r"target: got shape \(50, 1\), expected \(50,\)"):
            loss(Y_HAT, Y[:, None])
        with pytest.raises(ValueError, match="reduction: got 'median'"):
            loss(Y_HAT, Y, reduction="median")
        with pytest.raises(ValueError, match="input: got dtype torch.int64"):
            loss(Y_HAT.long(), Y)
        with pytest.raises(TypeError, match="input: got .* of type list"):
            loss(Y_HAT.tolist(), Y)


# --- what the checks refuse ---------------------------------------------------------------------------------


def elementwise(formula: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def code(input: Tensor, target: Tensor, *, reduction: str = "mean", **level: float) -> Tensor:
        return reduce(formula(input - target, *(level or {"": 0.5}).values()), reduction)

    return code


MISTAKES: dict[str, tuple[lb.Loss, Callable[..., Tensor]]] = {
    "the levels swapped": (lb.pinball, elementwise(lambda r, q: q * F.relu(r) + (1 - q) * F.relu(-r))),
    "the factor two of mae": (lb.pinball, elementwise(lambda r, q: 2 * (1 - q) * F.relu(r) + 2 * q * F.relu(-r))),
    "one side only": (lb.pinball, elementwise(lambda r, q: (1 - q) * F.relu(r))),
    "the sign of one side": (lb.pinball, elementwise(lambda r, q: ((r > 0).to(r.dtype) * (1 - q) + q * (r < 0)) * r)),
    "the kink rounded off": (lb.pinball, elementwise(lambda r, q: (1 - q) * r + F.softplus(-r, beta=1e3))),
    "another slope at zero": (lb.pinball, elementwise(lambda r, q: torch.maximum((1 - q) * r, -q * r))),
    "a mean of squares": (lb.pinball, elementwise(lambda r, q: ((r > 0).to(r.dtype) - q).abs() * r * r)),
    "the levels of the squares swapped": (
        lb.expectile, elementwise(lambda r, e: ((r < 0).to(r.dtype) - e).abs() * r * r)
    ),
    "the weight squared too": (
        lb.expectile, elementwise(lambda r, e: (((r > 0).to(r.dtype) - e) * r) ** 2)
    ),
    "the factor two of mse": (
        lb.expectile, elementwise(lambda r, e: 2 * ((r > 0).to(r.dtype) - e).abs() * r * r)
    ),
    "no curvature at zero": (
        lb.expectile, elementwise(lambda r, e: (1 - e) * F.relu(r) ** 2 + e * F.relu(-r) ** 2)
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_planted_mistake_is_refused(mistake: str) -> None:
    loss, code = MISTAKES[mistake]
    assert refused_by(planted(loss, code))


def test_a_wrong_gradient_is_refused() -> None:
    """Right in size, but it forgets the mean; and one that is right beside zero only."""

    def forgets_the_mean(input: Tensor, target: Tensor, *, quantile: float = 0.5, reduction: str = "mean") -> Tensor:
        r = input - target
        return torch.where(r > 0, 1 - quantile, torch.where(r < 0, -quantile, 0.0))

    def steps_at_zero(input: Tensor, target: Tensor, *, quantile: float = 0.5, reduction: str = "mean") -> Tensor:
        slope = (input >= target).to(input.dtype) - quantile
        return slope / slope.numel() if reduction == "mean" else slope

    for wrong in (forgets_the_mean, steps_at_zero):
        assert "gradient" in refused_by(planted(lb.pinball, closed_form=wrong))


CLAIMS: list[tuple[lb.Loss, dict[str, Any], str]] = [
    (lb.pinball, {"lipschitz": "quantile"}, "steepest slope"),
    (lb.pinball, {"even": True}, "even"),
    (lb.pinball, {"even": False}, "even"),  # it is, in the middle
    (lb.pinball, {"kinks": ()}, "slope jumps"),
    (lb.pinball, {"degree": 2}, "homogeneous"),
    (lb.pinball, {"convex": "quantile >= 1/2"}, "convex"),
    (lb.pinball, {"redescending": True}, "returns to zero"),
    (lb.expectile, {"curvature_jumps": ("0",)}, "curvature jumps"),  # not in the middle
    (lb.expectile, {"curvature_jumps": ()}, "curvature jumps"),
    (lb.expectile, {"curvature_jumps": ("nan",)}, "curvature jumps"),
    (lb.expectile, {"curvature_jumps": ("Piecewise((0, Eq(expectile, Rational(1, 2))), (nan, True))",)}, "curvature"),
    (lb.expectile, {"even": False}, "even"),
    (lb.expectile, {"degree": 1}, "homogeneous"),
    (lb.expectile, {"supremum": "1"}, "largest loss"),
]


@pytest.mark.parametrize(("loss", "claim", "refused"), CLAIMS, ids=[f"{x.name}-{c}" for x, c, _ in CLAIMS])
def test_every_false_claim_is_refused(loss: lb.Loss, claim: dict[str, Any], refused: str) -> None:
    assert refused in refused_by(planted(loss, traits=replace(loss.traits, **claim)))


def test_a_false_limit_is_refused() -> None:
    wrong = replace(lb.pinball.record.limits[0], text="Abs(r)")
    assert "half of the absolute error" in refused_by(planted(lb.pinball, limits=(wrong,)))


def test_the_card_says_when_the_curvature_jumps() -> None:
    assert r"| curvature jumps at | $0$ if $\tau \neq \frac{1}{2}$ |" in lb.expectile._repr_markdown_()


def test_an_excluded_upper_end() -> None:
    share = Parameter("share", "s", "s", "a share", 0.5, 0.0, 1.0, (0.1, 0.9, 0.1), open_high=True)
    assert share.interval == "(0, 1)" and share.validate(0.999) == 0.999
    assert replace(share, open_high=False).interval == "(0, 1]"
    with pytest.raises(ValueError, match=r"share: got 1.0, expected a number in \(0, 1\)"):
        share.validate(1)
