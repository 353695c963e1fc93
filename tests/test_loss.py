"""The record, the registry and the validation that every loss shares."""

import importlib
import inspect
import pickle
import re
import subprocess
import sys
from typing import Any

import pytest
import torch

import lossbook as lb
from lossbook.inputs import beginning
from lossbook.loss import Parameter, Traits, loss

X, Y = torch.tensor([0.5, 3.0]), torch.zeros(2)
TRAITS = Traits(convex=True, lipschitz="oo", supremum="oo", redescending=False)
WORDS: dict[str, Any] = {"title": "T", "chinese": "C", "references": (), "use": "u", "avoid": "a", "traits": TRAITS}


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: lb.huber(X, Y[:1]), ValueError, ["target", "(1,)", "(2,)"]),
        (lambda: lb.mse(torch.zeros(3), torch.zeros(3, 1)), ValueError, ["target", "(3, 1)", "(3,)", "broadcast"]),
        (lambda: lb.huber("x", Y), TypeError, ["input", "'x'", "torch.Tensor"]),
        (lambda: lb.huber(X, [0.0, 0.0]), TypeError, ["target", "list", "torch.Tensor"]),
        (lambda: lb.huber(X.long(), Y), ValueError, ["input", "torch.int64", "float32"]),
        (lambda: lb.huber(X, Y.to("meta")), ValueError, ["target", "meta", "cpu"]),
        (lambda: lb.huber(X, Y, reduction="avg"), ValueError, ["reduction", "'avg'", "'mean'"]),
        (lambda: lb.huber(X, Y, delta=0.0), ValueError, ["delta", "0.0", "(0, inf)"]),
        (lambda: lb.huber(X, Y, delta=-1), ValueError, ["delta", "-1", "(0, inf)"]),
        (lambda: lb.huber(X, Y, delta=float("nan")), ValueError, ["delta", "nan", "(0, inf)"]),
        (lambda: lb.huber(X, Y, delta=float("inf")), ValueError, ["delta", "inf", "(0, inf)"]),
        (lambda: lb.huber(X, Y, delta="1"), TypeError, ["delta", "'1'", "number"]),
        (lambda: lb.huber(X, Y, delta=True), TypeError, ["delta", "True", "number"]),
        (lambda: lb.huber(X, Y, delta=torch.ones(())), TypeError, ["delta", "Tensor", "number"]),
        (lambda: lb.huber(X, Y, delta=10**400), ValueError, ["delta", "integer", "(0, inf)"]),
        (lambda: lb.huber(X.to(torch.float8_e5m2), Y), ValueError, ["input", "float8", "float32"]),
        (lambda: lb.smooth_l1(X, Y, beta=-0.1), ValueError, ["beta", "-0.1", "[0, inf)"]),
        (lambda: lb.general_robust(X, Y, alpha=2.5), ValueError, ["alpha", "2.5", "[-inf, 2]"]),
        (lambda: lb.huber(X, Y, beta=1.0), TypeError, ["huber", "'beta'", "delta, reduction"]),
        (lambda: lb.huber.gradient(X, Y[:1]), ValueError, ["target", "(1,)", "(2,)"]),
        (lambda: lb.huber.gradient(X, Y, delta=0.0), ValueError, ["delta", "0.0", "(0, inf)"]),
        (lambda: lb.get("hubr"), ValueError, ["'hubr'", "did you mean 'huber'"]),
        (lambda: lb.get(3), TypeError, ["name", "3", "string"]),  # type: ignore[arg-type]
        (lambda: lb.losses("regresion"), ValueError, ["family", "'regresion'", "regression"]),
        (lambda: lb.check(torch.nn.functional.mse_loss), TypeError, ["loss", "function"]),  # type: ignore[arg-type]
    ],
)
def test_bad_input_names_argument_value_and_expectation(call: Any, error: type, words: list[str]) -> None:
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


def test_look_up_by_any_name() -> None:
    for name in ("huber", "HuberLoss", "torch.nn.HuberLoss", "F.huber_loss", "Huber"):
        assert lb.get(name) is lb.huber
    assert lb.get("mean_squared_error") is lb.mse
    assert lb.get("softmax loss") is lb.get("SoftmaxLoss") is lb.cross_entropy


def test_a_loss_reads_as_the_function_it_wraps() -> None:
    assert lb.huber.__doc__ is not None and lb.huber.__doc__.startswith("Squared error for small residuals")
    assert lb.huber.name == "huber" and lb.huber.family == "regression"
    assert lb.huber.defaults == {"delta": 1.0}
    assert pickle.loads(pickle.dumps(lb.huber)) is lb.huber
    assert "**Huber loss**" in lb.huber._repr_markdown_()


def test_defaults_of_code_and_record_must_agree() -> None:
    delta = Parameter("delta", "", "", "", default=1.0, low=0.0, high=9.0, slider=(0.1, 5.0, 0.1))
    with pytest.raises(ValueError, match="defaults"):

        @loss(formula="r**2", parameters=(delta,), **WORDS)
        def off_by_one(input: Any, target: Any, *, delta: float = 2.0, reduction: str = "mean") -> Any:
            return input


def test_two_losses_cannot_share_an_alias() -> None:
    with pytest.raises(ValueError, match="belongs to huber"):

        @loss(formula="r**2", aliases={"PyTorch": ("torch.nn.HuberLoss",)}, **WORDS)
        def not_huber(input: Any, target: Any, *, reduction: str = "mean") -> Any:
            return input

    assert "not_huber" not in {found.name for found in lb.losses()}


def test_an_integer_is_a_number() -> None:
    assert lb.huber(X, Y, delta=1) == lb.huber(X, Y, delta=1.0)
    assert lb.welsch(X, Y, c=2**70) < 1e-40  # larger than any integer of torch


def test_the_mean_of_nothing_is_nan_as_in_torch() -> None:
    assert lb.cauchy(torch.zeros(0), torch.zeros(0)).isnan()


def test_import_loads_nothing_that_a_loss_does_not_need() -> None:
    code = (
        "import sys, lossbook; print([m for m in ('sympy', 'matplotlib', 'anywidget', 'IPython') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize("family", sorted({loss.family for loss in lb.losses()}))
def test_a_family_imports_no_other(family: str) -> None:
    source = inspect.getsource(importlib.import_module(f"lossbook.{family}"))
    imported = set(re.findall(r"^\s*(?:from|import) lossbook\.(\w+)", source, flags=re.MULTILINE))
    assert not imported & {loss.family for loss in lb.losses()}


def test_an_unknown_attribute_says_where_to_look() -> None:
    with pytest.raises(AttributeError, match=r"lossbook\.losses\(\)"):
        _ = lb.hubber


def test_the_labels_of_a_large_tensor_are_read_in_its_beginning() -> None:
    """What is read has a bounded cost, whatever the layout: the first rows."""
    good = torch.ones(300, 1000)
    assert beginning(good).shape == (66, 1000) and beginning(good.T).shape == (219, 300)
    lb.hinge(good, good)
    bad = good.clone()
    bad[3, 7] = 0
    with pytest.raises(ValueError, match="target: got the label 0, expected only -1 and 1"):
        lb.hinge(good, bad)
    with pytest.raises(ValueError, match="target: got the label 0"):
        lb.hinge(good.T, bad.T)
    with pytest.raises(ValueError, match="target: got the value 7, expected labels"):
        lb.binary_cross_entropy_with_logits(good, 7 * good)
