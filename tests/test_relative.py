"""The losses of positive numbers against libraries, densities and loops that share no code with them; and mistakes."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from planting import planted, refused_by
from scipy import stats
from sklearn import metrics
from torch import Tensor

import lossbook as lb
from lossbook.check.forecasts import AVERAGES, FORECASTS, weighted_median
from lossbook.loss import Best, Loss, reduce

REDUCTIONS = ("none", "mean", "sum")
SHAPES = ((), (1,), (7,), (3, 4), (2, 3, 4), (2, 3, 1, 2), (2, 1, 3, 2, 2))
FAMILY = lb.losses("relative")
POINTS = [loss for loss in FAMILY if loss.name not in ("poisson_nll", "gaussian_nll")]
POWERS = (1.0, 1.000001, 1.2, 1.5, 1.9, 1.999999, 2.0)


def positive(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).exp()


def counts(*shape: int) -> Tensor:
    return torch.randint(6, shape, generator=torch.Generator().manual_seed(1)).double()


def tensor(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def assert_same(
    loss: Loss, other: Callable[..., Tensor], *tensors: Tensor, by: tuple[int, ...] = (0,), **options: Any
) -> None:
    """Value and every gradient, in every reduction."""
    close: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-12}
    for reduction in REDUCTIONS:
        given = {**options, "reduction": reduction}
        torch.testing.assert_close(loss(*tensors, **given), other(*tensors, **given), **close)
        leaves = [x.clone().requires_grad_() if i in by else x for i, x in enumerate(tensors)]
        expected = torch.autograd.grad(other(*leaves, **given).sum(), [leaves[i] for i in by])
        own = torch.autograd.grad(loss(*leaves, **given).sum(), [leaves[i] for i in by])
        closed = loss.gradient(*tensors, **given)
        for found in (own, closed if isinstance(closed, tuple) else (closed,)):
            torch.testing.assert_close(tuple(found), tuple(expected), **close)


# --- other libraries ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("full", [False, True])
def test_torch_agrees_on_poisson(shape: tuple[int, ...], full: bool) -> None:
    z, y = positive(*shape) - 1, counts(*shape)
    assert_same(lb.poisson_nll, F.poisson_nll_loss, z, y, full=full)
    for eps in (1e-8, 0.5):
        given: dict[str, Any] = {"log_input": False, "full": full, "eps": eps}
        assert_same(lb.poisson_nll, F.poisson_nll_loss, positive(*shape), y, **given)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("eps", [1e-6, 0.5])
def test_torch_agrees_on_gaussian(shape: tuple[int, ...], full: bool, eps: float) -> None:
    """Also where variances are clamped, and where there is one for each last row."""
    mean, y = positive(*shape) - 1, positive(*shape, seed=2)
    for var in {shape, (*shape[:-1], 1), shape[:-1]} if shape else {shape}:
        variances = positive(*var, seed=3)
        if variances.numel() > 1:
            variances.view(-1)[0] = 0.0
        given: dict[str, Any] = {"full": full, "eps": eps}
        assert_same(lb.gaussian_nll, F.gaussian_nll_loss, mean, y, variances, by=(0, 2), **given)


def test_scikit_learn_agrees() -> None:
    y_hat, y = positive(50), positive(50, seed=1)
    truth, forecast = y.numpy(), y_hat.numpy()
    tiny = float(np.finfo(np.float64).eps)
    pairs = [
        (lb.mape(y_hat, y), metrics.mean_absolute_percentage_error(truth, forecast)),
        (lb.msle(y_hat, y), metrics.mean_squared_log_error(truth, forecast)),
        (lb.gamma_deviance(y_hat, y), metrics.mean_gamma_deviance(truth, forecast)),
        (lb.tweedie_deviance(y_hat, y, power=1.0), metrics.mean_poisson_deviance(truth, forecast)),
    ]
    with_zeros = counts(50)
    assert (with_zeros == 0).any()
    for power in (1.0, 1.2, 1.5, 1.9):
        theirs = metrics.mean_tweedie_deviance(with_zeros.numpy(), forecast, power=power)
        pairs.append((lb.tweedie_deviance(y_hat, with_zeros, power=power), theirs))
    pairs.append((lb.tweedie_deviance(y_hat, y, power=2.0), metrics.mean_tweedie_deviance(truth, forecast, power=2)))
    theirs = metrics.mean_absolute_percentage_error(with_zeros.numpy(), forecast)
    pairs.append((lb.mape(y_hat, with_zeros, eps=tiny), theirs))
    assert theirs > 1e14  # pitfall 16
    for ours, expected in pairs:
        assert ours.item() == pytest.approx(expected, rel=1e-12)


def test_keras_agrees() -> None:
    y_hat, y = positive(4, 5), counts(4, 5)
    y[0, 0] = 0.0  # both have eps = 1e-7, and Keras a factor of 100
    for ours, theirs in [
        (100 * lb.mape(y_hat, y, reduction="none"), keras.losses.mean_absolute_percentage_error(y, y_hat)),
        (lb.msle(y_hat, y, reduction="none"), keras.losses.mean_squared_logarithmic_error(y, y_hat)),
        (lb.poisson_nll(y_hat, y, log_input=False, reduction="none"), keras.losses.poisson(y, y_hat)),
    ]:
        torch.testing.assert_close(ours.mean(-1), theirs.cpu().double(), rtol=1e-5, atol=1e-5)


def test_keras_clamps_negative_forecasts_and_we_do_not() -> None:
    """Pitfall 17."""
    y_hat = torch.tensor([-0.5, -0.1], requires_grad=True)
    keras.losses.mean_squared_logarithmic_error(torch.ones(2), y_hat).sum().backward()
    assert y_hat.grad is not None and y_hat.grad.tolist() == [0, 0]
    assert (lb.msle.gradient(y_hat.detach(), torch.ones(2)) < -0.5).all()


def test_a_plain_loop_agrees() -> None:
    pairs = list(zip(positive(30).tolist(), positive(30, seed=1).tolist(), strict=True))
    pairs += [(-1.5, 2.0), (0.0, 2.0), (0.0, 0.0), (1e-9, 1e-9), (3.0, 0.0), (2.0, -1.0)]
    expected = [2 * abs(a - b) / max(abs(a) + abs(b), 1e-7) for a, b in pairs]
    y_hat, y = torch.tensor(pairs, dtype=torch.float64).T
    torch.testing.assert_close(lb.smape(y_hat, y, reduction="none"), tensor(*expected), rtol=1e-14, atol=0)
    leaf = y_hat.clone().requires_grad_()
    lb.smape(leaf, y).backward()
    torch.testing.assert_close(lb.smape.gradient(y_hat, y), leaf.grad, rtol=1e-12, atol=1e-12)


# --- likelihoods --------------------------------------------------------------------------------------------


def test_likelihoods_are_those_of_scipy() -> None:
    mean, y, v = positive(40), positive(40, seed=1), positive(40, seed=2)
    expected = -stats.norm(mean.numpy(), v.sqrt().numpy()).logpdf(y.numpy())
    ours = lb.gaussian_nll(mean, y, v, full=True, reduction="none").numpy()
    np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-12)
    n = counts(40)
    ours = lb.poisson_nll(mean.log(), n, reduction="none") + torch.lgamma(n + 1)
    np.testing.assert_allclose(ours.numpy(), -stats.poisson(mean.numpy()).logpmf(n.numpy()), rtol=1e-12, atol=1e-12)


def test_deviances_are_twice_what_the_truth_would_gain() -> None:
    """With the rate or mean at the truth instead of at the forecast."""
    y_hat, y, n = positive(40), positive(40, seed=1), 1 + counts(40)
    gain = stats.poisson(n.numpy()).logpmf(n.numpy()) - stats.poisson(y_hat.numpy()).logpmf(n.numpy())
    ours = lb.tweedie_deviance(y_hat, n, power=1.0, reduction="none").numpy()
    np.testing.assert_allclose(ours, 2 * gain, rtol=1e-10, atol=1e-12)
    shape = 3.0  # any: the deviance is in units of the variance over the squared mean, 1/shape
    at_truth, at_forecast = (stats.gamma(shape, scale=m.numpy() / shape).logpdf(y.numpy()) for m in (y, y_hat))
    ours = lb.gamma_deviance(y_hat, y, reduction="none").numpy()
    np.testing.assert_allclose(ours, 2 * (at_truth - at_forecast) / shape, rtol=1e-10, atol=1e-12)


def test_tweedie_is_an_integral() -> None:
    """The deviance is twice the integral of (y - m)/m**power from the forecast to the truth."""
    for power in POWERS:
        for y_hat, y in ((0.5, 2.0), (3.0, 0.25), (1.0, 1.001)):
            m = np.linspace(y_hat, y, 20001)
            expected = 2 * np.trapezoid((y - m) / m**power, m)
            found = lb.tweedie_deviance(tensor(y_hat), tensor(y), power=power).item()
            assert found == pytest.approx(expected, rel=1e-6)


def test_powers_next_to_one_and_two_lose_nothing() -> None:
    y_hat, y = positive(30), positive(30, seed=1)
    for end in (1.0, 2.0):
        exact = lb.tweedie_deviance(y_hat, y, power=end, reduction="none")
        for step in (1e-6, 1e-10, 1e-15):
            beside = lb.tweedie_deviance(y_hat, y, power=end + step if end == 1 else end - step, reduction="none")
            torch.testing.assert_close(beside, exact, rtol=20 * step + 1e-13, atol=20 * step + 1e-13)
    torch.testing.assert_close(
        lb.tweedie_deviance(y_hat, y, power=2.0), lb.gamma_deviance(y_hat, y), rtol=1e-13, atol=0
    )


# --- what is fitted -----------------------------------------------------------------------------------------


def test_the_mean_of_each_loss_by_gradient_descent() -> None:
    """An independent route to the best constant: steps on its logarithm."""
    y = positive(201) * 3
    fits = {
        lb.mape: weighted_median(y, 1 / y),
        lb.msle: (1 + y).log().mean().exp() - 1,
        lb.gamma_deviance: y.mean(),
        lb.tweedie_deviance: y.mean(),
    }
    for loss, expected in fits.items():
        log = torch.zeros((), dtype=torch.float64)
        for step in range(3000):
            c = log.exp()
            log = log - 0.2 / (1 + step / 50) * c * loss.gradient(c.expand_as(y), y).sum()
        assert log.exp().item() == pytest.approx(expected.item(), rel=1e-2), loss.name
    assert fits[lb.mape] < fits[lb.msle] < fits[lb.gamma_deviance]


def test_mape_fits_the_weighted_median_whatever_the_weights() -> None:
    """By hand: of 1, 2, 6 the weights are 6, 3, 1 tenths, so that 1 has more than half."""
    y = tensor(1.0, 2.0, 6.0)
    risks = {c: lb.mape(torch.full_like(y, c), y).item() for c in (0.9, 1.0, 1.1, 2.0, 3.0)}
    assert min(risks, key=lambda c: risks[c]) == 1.0 == weighted_median(y, 1 / y).item()


def test_percentages_below_the_truth_are_bounded() -> None:
    y = torch.ones(3, dtype=torch.float64)
    assert lb.mape(tensor(0.0, 1e-9, 3.0), y, reduction="none").tolist() == pytest.approx([1, 1, 2])


# --- what is documented -------------------------------------------------------------------------------------


def test_zeros_and_negatives() -> None:
    assert lb.smape(tensor(0.0), tensor(0.0)) == 0 and lb.smape.gradient(tensor(0.0), tensor(0.0)) == 0
    assert lb.smape(tensor(-5.0), tensor(1.0)) == 2 and lb.smape.gradient(tensor(-5.0), tensor(1.0)) == 0
    assert lb.mape(tensor(1.0), tensor(0.0)).item() == pytest.approx(1e7)
    assert lb.mape(tensor(-3.0), tensor(-2.0)) == 0.5
    assert lb.msle(tensor(-0.5), tensor(0.0)).item() == pytest.approx(math.log(2) ** 2)
    for power in (1.0, 1.5, 1.9):
        leaf = tensor(4.0).requires_grad_()
        value = lb.tweedie_deviance(leaf, tensor(0.0), power=power)
        value.backward()
        assert value.item() == pytest.approx(2 * 4 ** (2 - power) / (2 - power), rel=1e-14)
        assert leaf.grad is not None and leaf.grad.item() == pytest.approx(2 * 4 ** (1 - power), rel=1e-14)


def test_clamped_variance_keeps_its_gradient() -> None:
    """Pitfall 23: the value at 1e-6, and the slope there; not at zero, where both would be infinite."""
    mean, y, var = tensor(0.0), tensor(1.0), tensor(0.0).requires_grad_()
    value = lb.gaussian_nll(mean, y, var)
    value.backward()
    assert value.item() == pytest.approx(5e5, rel=1e-4)
    assert var.grad is not None and var.grad.item() == pytest.approx(-5e11, rel=1e-4)
    numbers = lb.poisson_nll(tensor(2.0), tensor(2.0)), lb.poisson_nll(tensor(2.0), tensor(2.0), log_input=False)
    assert [round(x.item(), 3) for x in numbers] == [3.389, 0.614]


@pytest.mark.parametrize(
    ("loss", "tensors", "options", "message"),
    [
        (lb.msle, (-1.0, 1.0), {}, r"input: got the value -1, expected predictions in \(-1, inf\)"),
        (lb.msle, (1.0, -2.0), {}, r"target: got the value -2, expected truths in \(-1, inf\)"),
        (lb.gamma_deviance, (0.0, 1.0), {}, r"input: got the value 0, expected predictions in \(0, inf\)"),
        (lb.gamma_deviance, (1.0, 0.0), {}, r"target: got the value 0, expected truths in \(0, inf\)"),
        (lb.tweedie_deviance, (0.0, 1.0), {}, r"input: got the value 0, expected predictions in \(0, inf\)"),
        (lb.tweedie_deviance, (1.0, -1.0), {}, r"target: got the value -1, expected truths in \[0, inf\)"),
        (lb.tweedie_deviance, (1.0, 0.0), {"power": 2}, r"target: got the value 0, expected truths, since power is 2"),
        (lb.tweedie_deviance, (1.0, 1.0), {"power": 0.5}, r"power: got 0.5, expected a number in \[1, 2\]"),
        (lb.poisson_nll, (1.0, -1.0), {}, r"target: got the value -1, expected counts in \[0, inf\)"),
        (
            lb.poisson_nll,
            (-1.0, 1.0),
            {"log_input": False},
            r"input: got the value -1, expected rates, since log_input",
        ),
        (lb.gaussian_nll, (1.0, 1.0, -1.0), {}, r"var: got the value -1, expected variances in \[0, inf\)"),
        (lb.mape, (1.0, 1.0), {"eps": 0.0}, r"eps: got 0.0, expected a number in \(0, inf\)"),
        (lb.mape, (1.0, 1.0), {"eps": 10**400}, r"eps: got 10+, expected a number in \(0, inf\)"),
        (lb.smape, (1.0, 1.0), {"eps": math.nan}, r"eps: got nan, expected a number in \(0, inf\)"),
    ],
)
def test_values_out_of_range_are_refused(
    loss: Loss, tensors: tuple[float, ...], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        loss(*map(tensor, tensors), **options)


def test_wrong_arguments_are_refused() -> None:
    x = torch.ones(2, 3)
    for loss in FAMILY:
        others = (x,) if "var" in loss.takes.names else ()
        with pytest.raises(ValueError, match=r"target: got shape \(3, 2\), expected \(2, 3\)"):
            loss(x, x.T, *others)
    with pytest.raises(ValueError, match=r"var: got shape \(3,\), expected \(2, 3\) or \(2, 1\) or \(2,\)"):
        lb.gaussian_nll(x, x, torch.ones(3))
    with pytest.raises(TypeError, match="eps: got '1' of type str, expected a Python number"):
        lb.mape(x, x, eps="1")
    with pytest.raises(TypeError, match="log_input: got 1 of type int, expected True or False"):
        lb.poisson_nll(x, x, log_input=1)


@pytest.mark.parametrize("loss", POINTS, ids=lambda loss: loss.name)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_wide_ratios_are_finite(loss: Loss, dtype: torch.dtype) -> None:
    y_hat, y = torch.tensor([[1e-8, 1e4, 1e4, 1e-8], [1e4, 1e-8, 1e4, 1e-8]], dtype=dtype)
    leaf = y_hat.clone().requires_grad_()
    value = loss(leaf, y, reduction="none")
    value.sum().backward()
    assert leaf.grad is not None
    for found in (value, leaf.grad, loss.gradient(y_hat, y)):
        assert found.isfinite().all()
    assert (value >= 0).all() and (value[2:] == 0).all()


@pytest.mark.parametrize("loss", FAMILY, ids=lambda loss: loss.name)
def test_empty_is_zero_in_sum_and_nan_in_mean(loss: Loss) -> None:
    empty = [torch.zeros(0, 3) for _ in loss.takes.names]
    assert loss(*empty, reduction="sum") == 0 and loss(*empty).isnan()


@pytest.mark.parametrize("loss", FAMILY, ids=lambda loss: loss.name)
def test_nan_stays_nan(loss: Loss) -> None:
    """In value and gradient, and nowhere else."""
    for place in range(len(loss.takes.names)):
        tensors = [positive(3, seed=number) for number in range(len(loss.takes.names))]
        tensors[place][1] = math.nan
        slopes = loss.gradient(*tensors, reduction="none")
        for found in (loss(*tensors, reduction="none"), *(slopes if isinstance(slopes, tuple) else (slopes,))):
            assert found.isnan().tolist() == [False, True, False], place


def test_an_infinite_variance_knows_nothing() -> None:
    mean, y, var = tensor(0.0), tensor(1.0), tensor(math.inf)
    assert lb.gaussian_nll(mean, y, var) == F.gaussian_nll_loss(mean, y, var) == math.inf
    assert [slope.item() for slope in lb.gaussian_nll.gradient(mean, y, var)] == [0.0, 0.0]


def test_one_variance_a_row_in_a_square() -> None:
    """The shape (3,) would broadcast along the other axis as well."""
    mean, y, var = positive(3, 3), positive(3, 3, seed=1), positive(3, seed=2)
    assert_same(lb.gaussian_nll, lb.gaussian_nll, mean, y, var, by=(0, 2))
    found = lb.gaussian_nll(mean, y, var, reduction="none")
    torch.testing.assert_close(found, lb.gaussian_nll(mean, y, var[:, None].expand(3, 3), reduction="none"))
    assert_same(lb.gaussian_nll, F.gaussian_nll_loss, mean, y, var, by=(0, 2))


@pytest.mark.parametrize("size", [1e10, 1e17, 1e30])
def test_gradients_of_forecasts_that_are_far_off(size: float) -> None:
    y_hat, y = tensor(0.0, size, -0.5, size, 3.0), tensor(size, 0.0, size, -0.5, 3.0)
    expected = tensor(*(2 * (math.log1p(a) - math.log1p(b)) / (1 + a) for a, b in zip(y_hat, y, strict=True)))
    torch.testing.assert_close(lb.msle.gradient(y_hat, y, reduction="none"), expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("power", [1.0, 1.5, 1.9])
def test_the_closed_form_at_a_truth_of_zero(power: float) -> None:
    y_hat, y = tensor(0.1, 4.0), tensor(0.0, 0.0)
    expected = 2 * y_hat ** (1 - power)
    torch.testing.assert_close(lb.tweedie_deviance.gradient(y_hat, y, power=power, reduction="none"), expected)


# --- planted mistakes ---------------------------------------------------------------------------------------


def simple(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def code(input: Tensor, target: Tensor, reduction: str = "mean", **given: Any) -> Tensor:
        return reduce(function(input, target, **given), reduction)

    return code


def mape_of_the_forecast(input: Tensor, target: Tensor, eps: float = 1e-7) -> Tensor:
    return (input - target).abs() / input.abs().clamp(min=eps)


def gaussian(wrong: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def code(
        input: Tensor, target: Tensor, var: Tensor, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
    ) -> Tensor:
        var = var.unsqueeze(-1) if var.dim() < input.dim() else var
        v = var.detach().clamp(min=eps) + (var - var.detach())
        return reduce(wrong(input - target, v) + full * math.log(2 * math.pi) / 2, reduction)

    return code


def ungraduated(input: Tensor, target: Tensor, var: Tensor, **given: Any) -> tuple[Tensor, Tensor]:
    """The gradient by the standard deviation instead of by the variance."""
    by_mean, by_var = lb.gaussian_nll.gradient(input, target, var, **given)
    return by_mean, by_var * 2 * var.sqrt()


MISTAKES: dict[str, tuple[Loss, str]] = {
    "mape that divides by the forecast": (planted(lb.mape, simple(mape_of_the_forecast)), "its formula"),
    "mape with a factor of 100": (planted(lb.mape, simple(lambda i, t, eps=1e-7: 100 * (i - t).abs() / t)), "value"),
    "mape whose eps is added": (
        planted(lb.mape, simple(lambda i, t, eps=1e-7: (i - t).abs() / (t + eps * 1e5))),
        "its formula",
    ),
    "mape that ignores eps": (planted(lb.mape, simple(lambda i, t, eps=1e-7: (i - t).abs() / t)), "every option"),
    "mape of sums": (
        planted(
            lb.mape,
            lambda i, t, eps=1e-7, reduction="mean": (
                (i - t).abs().sum() / t.sum() if reduction == "mean" else lb.mape(i, t, eps=eps, reduction=reduction)
            ),
        ),
        "every way to call it",
    ),
    "smape without the 2": (planted(lb.smape, simple(lambda i, t, eps=1e-7: (i - t).abs() / (i + t))), "value"),
    "smape whose denominator is held": (
        planted(lb.smape, simple(lambda i, t, eps=1e-7: 2 * (i - t).abs() / (i.detach() + t).clamp(min=eps))),
        "autograd",
    ),
    "msle without the 1": (planted(lb.msle, simple(lambda i, t: (i / t).log() ** 2)), "value"),
    "msle filed under the name mape (note N10)": (
        planted(lb.mape, simple(lambda i, t, eps=1e-7: (torch.log1p(i) - torch.log1p(t)) ** 2)),
        "its formula",
    ),
    "msle whose gradient forgets 1/(1 + input)": (
        planted(
            lb.msle,
            closed_form=lambda i, t, reduction="mean": (
                2 * (torch.log1p(i) - torch.log1p(t)) / (i.numel() if reduction == "mean" else 1)
            ),
        ),
        "gradient",
    ),
    "poisson_nll of the rate": (
        planted(lb.poisson_nll, lambda i, t, **given: lb.poisson_nll(i, t, **{**given, "log_input": False})),
        "with ValueError",
    ),
    "poisson_nll whose full is ignored": (
        planted(lb.poisson_nll, lambda i, t, **given: lb.poisson_nll(i, t, **{**given, "full": False})),
        "poisson_nll_loss",
    ),
    "gaussian_nll without the logarithm": (planted(lb.gaussian_nll, gaussian(lambda r, v: r**2 / v / 2)), "value"),
    "gaussian_nll of a standard deviation": (
        planted(lb.gaussian_nll, gaussian(lambda r, v: v.log() + (r / v) ** 2 / 2)),
        "value",
    ),
    "gaussian_nll with the gradient of the spread": (planted(lb.gaussian_nll, closed_form=ungraduated), "gradient"),
    "gamma_deviance turned round": (
        planted(lb.gamma_deviance, simple(lambda i, t: 2 * (i / t - (i / t).log() - 1))),
        "value",
    ),
    "gamma_deviance without the 2": (
        planted(lb.gamma_deviance, simple(lambda i, t: t / i - (t / i).log() - 1)),
        "value",
    ),
    "tweedie_deviance that cancels near its ends": (
        planted(
            lb.tweedie_deviance,
            simple(
                lambda i, t, power=1.5: (
                    lb.tweedie_deviance(i, t, power=power, reduction="none")
                    if power in (1.0, 2.0)
                    else 2
                    * (
                        t ** (2 - power) / ((1 - power) * (2 - power))
                        - t * i ** (1 - power) / (1 - power)
                        + i ** (2 - power) / (2 - power)
                    )
                )
            ),
        ),
        "50 digits",
    ),
    "tweedie_deviance whose gradient has the wrong power": (
        planted(
            lb.tweedie_deviance,
            closed_form=lambda i, t, power=1.5, reduction="mean": (
                2 * (i - t) * i ** (1 - power) / (i.numel() if reduction == "mean" else 1)
            ),
        ),
        "gradient",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_planted_mistakes_are_refused(name: str) -> None:
    wrong, by = MISTAKES[name]
    assert by in refused_by(wrong)


WRONG_CLAIMS: list[tuple[Loss, str, Any]] = [
    (lb.mape, "convex", False),
    (lb.gamma_deviance, "convex", True),
    (lb.tweedie_deviance, "convex", "power <= 2"),
    (lb.tweedie_deviance, "convex", False),
    (lb.gaussian_nll, "convex", True),
    (lb.mape, "unit", "1"),
    (lb.mape, "unit", False),
    (lb.msle, "unit", "0"),
    (lb.tweedie_deviance, "unit", "power - 2"),
    (lb.gaussian_nll, "unit", "0"),
    (lb.mape, "symmetric", True),
    (lb.smape, "symmetric", False),
    (lb.gaussian_nll, "symmetric", False),
    (lb.mape, "under", "oo"),
    (lb.mape, "under", "2"),
    (lb.mape, "under", "y"),  # right at y = 1 alone
    (lb.msle, "under", "log(2)**2"),
    (lb.smape, "over", "oo"),
    (lb.gamma_deviance, "over", "100"),
    (lb.mape, "kinks", ()),
    (lb.mape, "kinks", ("1",)),
    (lb.msle, "kinks", ("y",)),
]


@pytest.mark.parametrize(("loss", "trait", "claim"), WRONG_CLAIMS, ids=lambda x: str(getattr(x, "name", x)))
def test_wrong_claims_are_refused(loss: Loss, trait: str, claim: Any) -> None:
    assert refused_by(planted(loss, traits=replace(loss.traits, **{trait: claim})))


@pytest.mark.parametrize("loss", FAMILY, ids=lambda loss: loss.name)
def test_only_one_average_is_the_fitted_one(loss: Loss) -> None:
    torch.manual_seed(7)  # other data than those of `lossbook.check`
    claims = [claim for claim in Best if FORECASTS["fits"](loss, claim, loss.formula_defaults)]
    assert claims == [loss.traits.fits]


def test_averages_differ() -> None:
    y = positive(25)
    found = [average(y).item() for average in AVERAGES.values()]
    assert len({round(x, 2) for x in found}) == len(found) == 4
