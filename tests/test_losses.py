"""The sweep: what holds for every loss of the book, picked up from the registry."""

import inspect
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import lossbook as lb
from lossbook.check import settings as parameter_settings
from lossbook.loss import Loss

ALL = pytest.mark.parametrize("loss", lb.losses(), ids=lambda loss: loss.name)
FINITE = st.floats(-1e4, 1e4, allow_subnormal=False)


def tensor(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


@ALL
def test_importable_by_name_and_documented(loss: Loss) -> None:
    assert getattr(lb, loss.name) is loss and loss.name in lb.__all__
    doc = inspect.getdoc(loss) or ""
    for part in ("Parameters\n", "Raises\n", "Examples\n", "References\n", "See Also\n", *loss.defaults):
        assert part in doc, f"the docstring of {loss.name} lacks {part!r}"


@ALL
def test_record_is_complete(loss: Loss) -> None:
    assert loss.title and loss.record.use and loss.record.avoid and loss.references
    assert any("\u4e00" <= character <= "\u9fff" for character in loss.chinese)
    for parameter in loss.parameters:
        low, high, step = parameter.slider
        for value in (low, parameter.default, high, *parameter.special):
            parameter.validate(value)
        assert low <= parameter.default <= high and 0 < step < high - low
        assert ((parameter.default - low) / step) == pytest.approx(round((parameter.default - low) / step))


@ALL
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


@ALL
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_dtype_and_shape_are_kept(loss: Loss, dtype: torch.dtype) -> None:
    y_hat = torch.randn(2, 3, 4, dtype=dtype, requires_grad=True)
    y = torch.randn(2, 3, 4, dtype=dtype)
    value = loss(y_hat, y)
    value.backward()
    assert value.dtype == dtype and value.shape == ()
    assert y_hat.grad is not None and y_hat.grad.dtype == dtype
    gradient = loss.gradient(y_hat.detach(), y, reduction="none")
    assert gradient.dtype == dtype and gradient.shape == y_hat.shape
    assert loss(y_hat, y, reduction="none").shape == y_hat.shape


@ALL
@pytest.mark.parametrize("order", [(torch.float16, torch.float32), (torch.float32, torch.float64)], ids=str)
def test_mixed_precision_promotes(loss: Loss, order: tuple[torch.dtype, torch.dtype]) -> None:
    low, high = order
    y_hat = torch.randn(5, dtype=low, requires_grad=True)
    value = loss(y_hat, torch.zeros(5, dtype=high))
    value.backward()
    assert value.dtype == high and y_hat.grad is not None and y_hat.grad.dtype == low


@ALL
def test_non_contiguous_scalar_and_empty_input(loss: Loss) -> None:
    wide = torch.randn(6, 4, dtype=torch.float64)
    torch.testing.assert_close(
        loss(wide.T[::2], wide.T[1::2]), loss(wide.T[::2].contiguous(), wide.T[1::2].contiguous())
    )
    assert loss(torch.tensor(1.5), torch.tensor(0.0)).shape == ()
    assert loss(torch.zeros(0, 3), torch.zeros(0, 3), reduction="sum") == 0
    assert loss.gradient(torch.zeros(0, 3), torch.zeros(0, 3)).shape == (0, 3)


@ALL
def test_nan_gives_nan(loss: Loss) -> None:
    r = tensor(float("nan"), 1.0)
    for found in (loss(r, tensor(0.0, 0.0), reduction="none"), loss.gradient(r, tensor(0.0, 0.0))):
        assert found.isnan().tolist() == [True, False]


@ALL
def test_largest_floats_give_no_nan(loss: Loss) -> None:
    """Infinite where the loss or its square is; never NaN, and never small again."""
    for size in (1e19, 3e30):
        r = torch.tensor([size, -size])
        value = loss(r, torch.zeros(2), reduction="none")
        assert (value >= loss(r / r.abs() * 1e4, torch.zeros(2), reduction="none") * (1 - 1e-6)).all()
        assert not loss.gradient(r, torch.zeros(2)).isnan().any()


@ALL
def test_functional_transforms(loss: Loss) -> None:
    y_hat, y = torch.randn(2, 6, dtype=torch.float64)
    torch.testing.assert_close(torch.func.grad(loss)(y_hat, y), loss.gradient(y_hat, y))
    each = torch.func.vmap(loss)(y_hat[:, None], y[:, None])
    torch.testing.assert_close(each, loss(y_hat, y, reduction="none"))
    slopes = torch.func.vmap(torch.func.grad(loss))(y_hat, y)
    torch.testing.assert_close(slopes, loss.gradient(y_hat, y, reduction="none"))


@ALL
def test_compiles_without_a_graph_break(loss: Loss) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(lambda a, b: loss(a, b), fullgraph=True, backend="aot_eager")
    y_hat, y = torch.randn(9, requires_grad=True), torch.randn(9)
    value = compiled(y_hat, y)
    value.backward()
    torch.testing.assert_close(value, loss(y_hat, y))
    torch.testing.assert_close(y_hat.grad, loss.gradient(y_hat.detach(), y))


@ALL
def test_validation_reads_no_value(loss: Loss) -> None:
    """On the meta device there are no values: whatever reads one, and so would wait for a GPU, raises."""
    meta = torch.empty(4, device="meta")
    assert loss(meta, meta).shape == ()


@pytest.mark.parametrize("loss", [x for x in lb.losses() if not x.traits.kinks], ids=lambda loss: loss.name)
def test_newton_lands_on_the_optimum(loss: Loss) -> None:
    """Gradient and curvature together: from near the optimum, Newton's method finds the constant y."""
    theta = tensor(0.2)
    for _ in range(60):
        slope = loss.gradient(theta, tensor(0.05))
        curvature = torch.func.jacfwd(lambda t: loss.gradient(t, tensor(0.05)))(theta).reshape(1)
        theta = theta - slope / curvature
    torch.testing.assert_close(theta, tensor(0.05))
