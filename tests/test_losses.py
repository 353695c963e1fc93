"""The sweep: what holds for every loss of the book, picked up from the registry."""

import functools
import inspect
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import lossbook as lb
from lossbook.check import settings as parameter_settings
from lossbook.loss import RESIDUAL, Loss

ALL = pytest.mark.parametrize("loss", lb.losses(), ids=lambda loss: loss.name)
RESIDUALS = [loss for loss in lb.losses() if loss.takes is RESIDUAL]
OF_RESIDUAL = pytest.mark.parametrize("loss", RESIDUALS, ids=lambda loss: loss.name)
FINITE = st.floats(-1e4, 1e4, allow_subnormal=False)


def tensor(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


@ALL
def test_importable_by_name_and_documented(loss: Loss) -> None:
    assert getattr(lb, loss.name) is loss and loss.name in lb.__all__
    doc = inspect.getdoc(loss) or ""
    arguments = [*loss.takes.names, *loss.defaults, *(option.name for option in loss.options)]
    for part in ("Parameters\n", "Raises\n", "Examples\n", "References\n", "See Also\n", *arguments):
        assert part in doc, f"the docstring of {loss.name} lacks {part!r}"


@ALL
def test_record_is_complete(loss: Loss) -> None:
    assert loss.title and loss.record.use and loss.record.avoid and loss.references
    assert any("\u4e00" <= character <= "\u9fff" for character in loss.chinese)
    for parameter in loss.sliders:
        low, high, step = parameter.slider
        for value in (low, parameter.default, high, *parameter.special):
            parameter.validate(value)
        assert low <= parameter.default <= high and 0 < step <= high - low
        assert ((parameter.default - low) / step) == pytest.approx(round((parameter.default - low) / step))


@OF_RESIDUAL
@given(pairs=st.lists(st.tuples(FINITE, FINITE), min_size=1, max_size=20), data=st.data())
@settings(max_examples=40, deadline=None)
def test_value_and_gradient_everywhere(loss: Loss, pairs: list[tuple[float, float]], data: Any) -> None:
    setting = data.draw(st.sampled_from(list(parameter_settings(loss))))
    y_hat, y = torch.tensor(pairs, dtype=torch.float64).T.contiguous()
    each = loss(y_hat, y, reduction="none", **setting)
    assert torch.isfinite(each).all() and (each >= 0).all()
    assert torch.equal(loss(y, y, reduction="none", **setting), torch.zeros_like(y))
    if loss.traits.even is True:
        assert torch.equal(each, loss(y, y_hat, reduction="none", **setting))
    torch.testing.assert_close(loss(y_hat, y, **setting), each.mean(), rtol=1e-12, atol=0)
    torch.testing.assert_close(loss(y_hat, y, reduction="sum", **setting), each.sum(), rtol=1e-12, atol=0)
    leaf = y_hat.clone().requires_grad_()
    loss(leaf, y, **setting).backward()
    assert leaf.grad is not None
    # Where the slope fades away autograd is left with its rounding errors, so an absolute bound as well.
    torch.testing.assert_close(leaf.grad, loss.gradient(y_hat, y, **setting), rtol=1e-9, atol=1e-12)


def samples(loss: Loss, dtype: torch.dtype = torch.float64) -> list[tuple[Tensor, ...]]:
    torch.manual_seed(0)
    return [tuple(x.to(dtype) if x.is_floating_point() else x for x in sample) for sample in loss.takes.samples()]


def leaves(loss: Loss, sample: tuple[Tensor, ...]) -> list[Tensor]:
    """The tensors of a sample, those that are learned with gradients."""
    return [
        x.detach().clone().requires_grad_(name in loss.takes.by)
        for x, name in zip(sample, loss.takes.names, strict=True)
    ]


def usual(loss: Loss) -> dict[str, str]:
    """The reduction to one number: a loss's own; the mean, where it returns errors of single steps."""
    return {"reduction": "mean" if loss.default_reduction == "none" else loss.default_reduction}


def many(found: Any) -> tuple[Tensor, ...]:
    return found if isinstance(found, tuple) else (found,)


@ALL
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_dtype_and_shape_are_kept(loss: Loss, dtype: torch.dtype) -> None:
    for sample in samples(loss, dtype):
        tensors = leaves(loss, sample)
        value = loss(*tensors, **usual(loss))
        value.backward()
        assert value.dtype == dtype and value.shape == ()
        learned = [x for x in tensors if x.requires_grad]
        for x, slope in zip(learned, many(loss.gradient(*sample, reduction="none")), strict=True):
            assert x.grad is not None and x.grad.dtype == slope.dtype == dtype
            assert x.grad.shape == slope.shape == x.shape


@ALL
def test_reductions_belong_together(loss: Loss) -> None:
    for sample in samples(loss):
        each = loss(*sample, reduction="none")
        torch.testing.assert_close(loss(*sample, reduction="sum"), each.sum(), rtol=1e-12, atol=1e-12)
        # Losses of class indices divide by the number of samples that count.
        counted = loss.takes.counted(*sample)
        if counted == 0:  # only the loss itself knows
            continue
        counted = counted or each.numel() - sum(int((x == -100).sum()) for x in sample)
        torch.testing.assert_close(loss(*sample, reduction="mean"), each.sum() / counted, rtol=1e-12, atol=1e-12)


@ALL
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32], ids=str)
def test_labels_of_any_integer_dtype_mean_the_same(loss: Loss, dtype: torch.dtype) -> None:
    """Also where a narrow dtype wraps around: 156 as uint8 is -100 as int8."""
    for sample in samples(loss):
        if not any(x.dtype == torch.int64 and (dtype != torch.uint8 or (x >= 0).all()) for x in sample):
            continue
        narrow = tuple(x.to(dtype) if x.dtype == torch.int64 else x for x in sample)
        assert torch.equal(loss(*narrow), loss(*sample))
        for slope, expected in zip(many(loss.gradient(*narrow)), many(loss.gradient(*sample)), strict=True):
            assert torch.equal(slope, expected)


def test_a_class_that_wraps_around_is_counted() -> None:
    logits, target = torch.randn(2, 200, dtype=torch.float64), torch.tensor([156, 3])
    for loss in (lb.cross_entropy, lb.focal, lb.poly1_cross_entropy, lb.generalized_cross_entropy, lb.multi_margin):
        assert torch.equal(loss(logits, target.to(torch.uint8)), loss(logits, target))
        assert loss.gradient(logits, target.to(torch.uint8)).abs().sum(1).min() > 0


@ALL
def test_tensors_may_be_given_by_name(loss: Loss) -> None:
    sample = samples(loss)[0]
    by_name = dict(zip(loss.takes.names, sample, strict=True))
    assert torch.equal(loss(**by_name), loss(*sample))
    needed = [name for name in loss.takes.names if name not in loss.takes.optional]
    with pytest.raises(TypeError, match=f"{loss.name}: got no '{needed[-1]}'"):
        loss(*sample[: len(needed) - 1])
    with pytest.raises(ValueError, match="reduction: got 'avg'"):
        loss(*sample, reduction="avg")
    with pytest.raises(TypeError, match="unexpected argument 'epsilonn'"):
        loss(*sample, epsilonn=1.0)


@OF_RESIDUAL
@pytest.mark.parametrize("order", [(torch.float16, torch.float32), (torch.float32, torch.float64)], ids=str)
def test_mixed_precision_promotes(loss: Loss, order: tuple[torch.dtype, torch.dtype]) -> None:
    low, high = order
    y_hat = torch.randn(5, dtype=low, requires_grad=True)
    value = loss(y_hat, torch.zeros(5, dtype=high))
    value.backward()
    assert value.dtype == high and y_hat.grad is not None and y_hat.grad.dtype == low


@OF_RESIDUAL
def test_non_contiguous_scalar_and_empty_input(loss: Loss) -> None:
    wide = torch.randn(6, 4, dtype=torch.float64)
    torch.testing.assert_close(
        loss(wide.T[::2], wide.T[1::2]), loss(wide.T[::2].contiguous(), wide.T[1::2].contiguous())
    )
    assert loss(torch.tensor(1.5), torch.tensor(0.0)).shape == ()
    assert loss(torch.zeros(0, 3), torch.zeros(0, 3), reduction="sum") == 0
    assert loss.gradient(torch.zeros(0, 3), torch.zeros(0, 3)).shape == (0, 3)


@OF_RESIDUAL
def test_nan_gives_nan(loss: Loss) -> None:
    r = tensor(float("nan"), 1.0)
    for found in (loss(r, tensor(0.0, 0.0), reduction="none"), loss.gradient(r, tensor(0.0, 0.0))):
        assert found.isnan().tolist() == [True, False]


@ALL
def test_nan_is_never_hidden(loss: Loss) -> None:
    """Where a tensor counts at all, NaN in its place makes the loss NaN, or is refused."""
    for sample in samples(loss):
        slopes = iter(many(loss.gradient(*sample)))
        for i, name in enumerate(loss.takes.names):
            if name not in loss.takes.by or not next(slopes).any():
                continue
            spoiled = [*sample[:i], torch.full_like(sample[i], float("nan")), *sample[i + 1 :]]
            assert refused_as_nan(loss, spoiled) or loss(*spoiled, **usual(loss)).isnan()


def refused_as_nan(loss: Loss, tensors: list[Tensor]) -> bool:
    try:
        loss(*tensors)
    except ValueError as error:
        return "got NaN" in str(error)
    return False


@OF_RESIDUAL
def test_largest_floats_give_no_nan(loss: Loss) -> None:
    """Infinite where the loss or its square is; never NaN, and never small again."""
    for size in (1e19, 3e30):
        r = torch.tensor([size, -size])
        value = loss(r, torch.zeros(2), reduction="none")
        assert (value >= loss(r / r.abs() * 1e4, torch.zeros(2), reduction="none") * (1 - 1e-6)).all()
        assert not loss.gradient(r, torch.zeros(2)).isnan().any()


@ALL
def test_functional_transforms(loss: Loss) -> None:
    sample = samples(loss)[-1]
    by = tuple(i for i, name in enumerate(loss.takes.names) if name in loss.takes.by)
    reduced = functools.partial(loss, **usual(loss))
    found = torch.func.grad(reduced, argnums=by)(*sample)
    for slope, expected in zip(found, many(loss.gradient(*sample, **usual(loss))), strict=True):
        torch.testing.assert_close(slope, expected)
    stacked = tuple(torch.stack([x, x]) for x in sample)
    twice = torch.func.vmap(reduced)(*stacked)
    torch.testing.assert_close(twice, reduced(*sample).expand(2))


@ALL
def test_compiles_without_a_graph_break(loss: Loss) -> None:
    torch._dynamo.reset()
    how = usual(loss)
    compiled = torch.compile(lambda *tensors: loss(*tensors, **how), fullgraph=True, backend="aot_eager")
    sample = samples(loss, torch.float32)[-1]
    tensors = leaves(loss, sample)
    value = compiled(*tensors)
    value.backward()
    torch.testing.assert_close(value, loss(*sample, **how))
    learned = [x for x in tensors if x.requires_grad]
    for x, slope in zip(learned, many(loss.gradient(*sample, **how)), strict=True):
        torch.testing.assert_close(x.grad, slope, rtol=1e-4, atol=1e-5)


@ALL
def test_validation_reads_no_value(loss: Loss) -> None:
    """On the meta device there are no values: whatever reads one, and so would wait for a GPU, raises."""
    meta = [x.to("meta") for x in samples(loss, torch.float32)[-1]]
    assert loss(*meta, **usual(loss)).shape == ()


@ALL
def test_wrong_tensors_are_refused_by_name(loss: Loss) -> None:
    sample = list(samples(loss)[-1])
    for i, name in enumerate(loss.takes.names):
        wrongs: list[tuple[Any, type[Exception]]] = [
            ("no tensor", TypeError),
            (torch.zeros(2, 9, 2, 9, 7, 3, 1), ValueError),
        ]
        for wrong, error in wrongs:
            if len(sample) == 1 and error is ValueError:
                continue  # a loss of one tensor may take any shape
            with pytest.raises(error, match=rf"\b({'|'.join(loss.takes.names)}): got "):
                loss(*sample[:i], wrong, *sample[i + 1 :])
        if sample[i].is_floating_point():
            with pytest.raises(ValueError, match=f"{name}: got dtype torch.complex64"):
                loss(*sample[:i], sample[i].to(torch.complex64), *sample[i + 1 :])


@pytest.mark.parametrize("loss", [x for x in RESIDUALS if not x.traits.kinks], ids=lambda loss: loss.name)
def test_newton_lands_on_the_optimum(loss: Loss) -> None:
    """Gradient and curvature together: from near the optimum, Newton's method finds the constant y."""
    theta = tensor(0.2)
    for _ in range(60):
        slope = loss.gradient(theta, tensor(0.05))
        curvature = torch.func.jacfwd(lambda t: loss.gradient(t, tensor(0.05)))(theta).reshape(1)
        theta = theta - slope / curvature
    torch.testing.assert_close(theta, tensor(0.05))
