"""The regression losses against libraries that share no code with them."""

import math
from typing import Any

import keras
import mpmath
import pytest
import torch
import torch.nn.functional as F
from scipy import optimize, special
from sklearn import metrics

import lossbook as lb

Y_HAT, Y = 3 * torch.randn(2, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_keras_agrees() -> None:
    y, y_hat = Y.numpy()[None], Y_HAT.numpy()[None]  # Keras takes the mean over the last axis only
    for ours, theirs in [
        (lb.mse(Y_HAT, Y), keras.losses.mean_squared_error(y, y_hat)),
        (lb.mae(Y_HAT, Y), keras.losses.mean_absolute_error(y, y_hat)),
        (lb.huber(Y_HAT, Y, delta=1.7), keras.losses.huber(y, y_hat, delta=1.7)),
        (lb.log_cosh(Y_HAT, Y), keras.losses.log_cosh(y, y_hat)),
    ]:
        # Keras computes in float32 unless told otherwise.
        assert ours.item() == pytest.approx(float(theirs[0]), rel=1e-5)


def test_scikit_learn_and_scipy_agree() -> None:
    assert lb.mse(Y_HAT, Y).item() == pytest.approx(metrics.mean_squared_error(Y, Y_HAT), rel=1e-12)
    assert lb.mae(Y_HAT, Y).item() == pytest.approx(metrics.mean_absolute_error(Y, Y_HAT), rel=1e-12)
    huber = special.huber(1.3, (Y_HAT - Y).numpy())
    assert lb.huber(Y_HAT, Y, delta=1.3).item() == pytest.approx(huber.mean(), rel=1e-12)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_smooth_l1_times_beta_is_huber(reduction: str) -> None:
    for beta in (0.1, 1.0, 4.0):
        ours = beta * lb.smooth_l1(Y_HAT, Y, beta=beta, reduction=reduction)
        torch.testing.assert_close(ours, lb.huber(Y_HAT, Y, delta=beta, reduction=reduction), rtol=1e-13, atol=0)


@pytest.mark.parametrize("exponent", range(-8, 5))
def test_log_cosh_at_50_digits(exponent: int) -> None:
    for mantissa in (1.0, 2.5, 7.3):
        r = mantissa * 10.0**exponent
        with mpmath.workdps(50):
            exact = float(mpmath.log(mpmath.cosh(mpmath.mpf(r))))
        ours = lb.log_cosh(torch.tensor([r], dtype=torch.float64), torch.zeros(1, dtype=torch.float64)).item()
        assert ours == pytest.approx(exact, rel=1e-14)


def test_log_cosh_keeps_float32_digits_where_the_usual_forms_give_zero() -> None:
    r = torch.tensor([1e-4])
    assert lb.log_cosh(r, torch.zeros(1)).item() == pytest.approx(5e-9, rel=1e-6)
    assert (r + F.softplus(-2 * r) - math.log(2)).item() == 0.0


@pytest.mark.parametrize(
    ("loss", "arguments", "best"),
    [
        (lb.mse, {}, "mean"),
        (lb.mae, {}, "median"),
        (lb.huber, {"delta": 1e6}, "mean"),
        (lb.smooth_l1, {"beta": 1e-9}, "median"),
    ],
    ids=str,
)
def test_best_constant(loss: lb.Loss, arguments: dict[str, Any], best: str) -> None:
    y = torch.tensor([0.3, 1.0, 1.1, 2.0, 40.0], dtype=torch.float64)
    found = optimize.minimize_scalar(
        lambda t: loss(torch.full_like(y, t), y, **arguments).item(),
        bounds=(0, 41),
        method="bounded",
        options={"xatol": 1e-10},
    )
    assert found.x == pytest.approx(getattr(y, best)().item(), abs=1e-6)


def test_out_of_range_square_overflows_only_in_half_precision() -> None:
    """The documented bound: 300 squared is 90,000, and float16 ends at 65,504."""
    r, zero = torch.tensor([300.0]), torch.zeros(1)
    assert lb.mse(r.half(), zero.half()).isinf()
    assert lb.mse(r.bfloat16(), zero.bfloat16()).isfinite() and lb.mse(r, zero) == 90_000
