"""The robust losses against the original papers' formulas, SciPy, and the constants of the literature."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, stats

import lossbook as lb

R = torch.linspace(-9, 9, 181, dtype=torch.float64)
ZERO = torch.zeros_like(R)


def test_scipy_agrees() -> None:
    """SciPy's robust losses take z = (f/scale)**2 and are half of what is minimized."""
    y = R.numpy()

    def scipy_cost(name: str) -> np.ndarray:
        return np.array(
            [optimize.least_squares(lambda _, v=v: np.array([v]), [0.0], loss=name, max_nfev=1).cost for v in y[::20]]
        )

    np.testing.assert_allclose(scipy_cost("soft_l1"), lb.charbonnier(R, ZERO, reduction="none")[::20], rtol=1e-12)
    cauchy = lb.cauchy(R, ZERO, c=1 / math.sqrt(2), reduction="none")[::20] / 2
    np.testing.assert_allclose(scipy_cost("cauchy"), cauchy, rtol=1e-12)


def test_original_scalings() -> None:
    u = R / 1.7
    for ours, original in [
        (2 * lb.charbonnier(R, ZERO, c=1.0, reduction="none"), 2 * torch.sqrt(1 + R**2) - 2),
        (lb.cauchy(R, ZERO, c=1.7, reduction="none"), torch.log(1 + u**2 / 2)),
        (lb.geman_mcclure(R, ZERO, c=0.5, reduction="none") / 2, R**2 / (1 + R**2)),
        (
            lb.welsch(R, ZERO, c=1.7 / math.sqrt(2), reduction="none") * 1.7**2 / 2,
            1.7**2 / 2 * (1 - torch.exp(-(u**2))),
        ),
    ]:
        torch.testing.assert_close(ours, original, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("alpha", "special"),
    [(1.0, lb.charbonnier), (0.0, lb.cauchy), (-2.0, lb.geman_mcclure), (-math.inf, lb.welsch)],
    ids=str,
)
@pytest.mark.parametrize("c", [0.3, 1.0, 4.0])
def test_general_robust_meets_its_special_cases(alpha: float, special: lb.Loss, c: float) -> None:
    general = lb.general_robust(R, ZERO, alpha=alpha, c=c, reduction="none")
    torch.testing.assert_close(general, special(R, ZERO, c=c, reduction="none"), rtol=1e-13, atol=1e-15)
    slopes = lb.general_robust.gradient(R, ZERO, alpha=alpha, c=c)
    torch.testing.assert_close(slopes, special.gradient(R, ZERO, c=c), rtol=1e-12, atol=1e-15)


def test_general_robust_is_half_the_square_at_two() -> None:
    half = lb.mse(R, ZERO, reduction="none") / 2
    torch.testing.assert_close(lb.general_robust(R, ZERO, alpha=2.0, reduction="none"), half)


def test_general_robust_is_continuous_where_its_formula_changes() -> None:
    for alpha in (0.0, 2.0):
        beside = [alpha - 1e-9, alpha + 1e-9] if alpha == 0 else [alpha - 1e-9]
        for near in beside:
            torch.testing.assert_close(
                lb.general_robust(R, ZERO, alpha=near), lb.general_robust(R, ZERO, alpha=alpha), rtol=1e-7, atol=0
            )


@pytest.mark.parametrize(
    ("loss", "arguments"),
    [
        (lb.huber, {"delta": 1.345}),
        (lb.tukey_biweight, {"c": 4.685}),
        (lb.cauchy, {"c": 2.385 / math.sqrt(2)}),
        (lb.welsch, {"c": 2.985 / math.sqrt(2)}),
    ],
    ids=str,
)
def test_published_constants_give_95_percent_efficiency(loss: lb.Loss, arguments: dict[str, Any]) -> None:
    """Asymptotic efficiency at the Gaussian: E[psi']**2 / E[psi**2]; by parts, E[psi'] = E[x psi]."""

    def mean(function: Callable[[float], float]) -> float:
        return integrate.quad(
            lambda x: function(x) * stats.norm.pdf(x), -12, 12, points=[-4.685, -1.345, 1.345, 4.685]
        )[0]

    def psi(x: float) -> float:
        return loss.gradient(
            torch.tensor(x, dtype=torch.float64), torch.tensor(0.0, dtype=torch.float64), **arguments
        ).item()

    efficiency = mean(lambda x: x * psi(x)) ** 2 / mean(lambda x: psi(x) ** 2)
    assert efficiency == pytest.approx(0.95, abs=5e-4)
