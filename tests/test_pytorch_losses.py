"""Every loss class of torch.nn has a row and agrees with ours; the two losses of this family against loops."""

import inspect
import math
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from planting import planted, refused_by
from torch import Tensor, nn

import lossbook as lb
from lossbook import pytorch_losses
from lossbook.pytorch_losses import ROWS, TASKS

ROOT = Path(__file__).parents[1]
CLASSES = lb.torch_loss_classes()
# The headings of the notes, and the list of losses.
NOTES = ("L1Loss", "SmoothL1Loss", "MSELoss", "CrossEntropyLoss", "BCELoss", "NLLLoss", "NLLLoss2d")
LISTED = (
    "L1", "MSE", "CrossEntropy", "CTC", "NLL", "PoissonNLL", "GaussianNLL", "KLDiv", "BCE", "BCEWithLogits",
    "MarginRanking", "HingeEmbedding", "MultiLabelMargin", "Huber", "SmoothL1", "SoftMargin", "MultiLabelSoftMargin",
    "CosineEmbedding", "MultiMargin", "TripletMargin", "TripletMarginWithDistance", "AdaptiveLogSoftmaxWith",
)  # fmt: skip
SOFTMAX = lb.get("cross_entropy")  # for mypy the module has the name
COME_AND_GO = {"LinearCrossEntropyLoss", "NLLLoss2d"}  # not in every release that is supported


def names(classes: list[type[nn.Module]]) -> set[str]:
    return {found.__name__ for found in classes}


def unaccounted(namespace: ModuleType = nn) -> set[str]:
    """The classes that have no row, or no loss of the book."""
    found = names(lb.torch_loss_classes(namespace))
    missing = found - ROWS.keys()
    for name in found:
        try:
            lb.get(f"torch.nn.{name}")
        except ValueError:
            missing.add(name)
    return missing


# --- the inspection ------------------------------------------------------------------------------------------


def test_every_class_has_a_row_and_a_loss_of_the_book() -> None:
    assert unaccounted() == set(), "a class of torch.nn needs a row in pytorch_losses.ROWS and an alias in a record"


def test_the_inspection_finds_what_is_known() -> None:
    assert names(CLASSES) >= {*NOTES, *(f"{name}Loss" for name in LISTED)}
    exported = {name for name in nn.modules.loss.__all__ if inspect.isclass(getattr(nn.modules.loss, name))}
    assert names(CLASSES) >= exported
    derived = {
        name
        for name, value in vars(nn).items()
        if inspect.isclass(value) and issubclass(value, nn.modules.loss._Loss) and not name.startswith("_")
    }
    assert names(CLASSES) >= derived


def test_no_row_is_left_over() -> None:
    assert ROWS.keys() - names(CLASSES) <= COME_AND_GO
    for row in ROWS.values():
        assert row.task in TASKS and row.shapes and row.gotcha


def test_the_right_loss_has_the_name() -> None:
    """Aliases are compared without case and underscores: no class may land on a namesake."""
    for found in CLASSES:
        assert f"torch.nn.{found.__name__}" in lb.get(found.__name__).aliases["PyTorch"]


def made(name: str, *bases: type, module: str = "torch.nn.modules.loss", **members: Any) -> type:
    return type(name, bases or (nn.Module,), {"__module__": module, **members})


@pytest.mark.parametrize(
    "new",
    [
        made("BrandNewLoss"),
        made("Tversky", nn.modules.loss._Loss, module="torch.nn.modules.tversky"),
        made("LogSoftmaxWithLossAndMore", module="torch.nn.modules.adaptive"),
        made("InfoNCE", module="torch.nn", forward=lambda self, input, target: input),
        made("ContrastCriterion", module="torch.nn.contrast"),
    ],
    ids=lambda new: new.__name__,
)
def test_a_new_class_makes_the_test_fail(new: type) -> None:
    """In a copy of the namespace, so that torch stays as it is."""
    copy = ModuleType("torch.nn")
    vars(copy).update(vars(nn))
    assert unaccounted(copy) == unaccounted()
    setattr(copy, new.__name__, new)
    assert unaccounted(copy) - unaccounted() == {new.__name__}


@pytest.mark.parametrize(
    "no_loss",
    [made("_HiddenLoss"), made("MyLoss", module="elsewhere"), made("Lossy", object), made("Target"), F.l1_loss, 3],
    ids=lambda thing: getattr(thing, "__name__", str(thing)),
)
def test_what_is_no_loss_class_is_left_out(no_loss: Any) -> None:
    copy = ModuleType("torch.nn")
    copy.thing = no_loss  # type: ignore[attr-defined]
    assert lb.torch_loss_classes(copy) == []


def test_modules_that_nobody_imported_are_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "fake_nn"
    (package / "deep").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "deep" / "__init__.py").touch()
    (package / "deep" / "losses.py").write_text("import torch\nclass DeepLoss(torch.nn.Module): pass\n")
    (package / "broken.py").write_text("import warnings\nwarnings.warn('old')\nraise ImportError('not installed')\n")
    monkeypatch.syspath_prepend(tmp_path)
    namespace = __import__("fake_nn")
    try:
        assert "fake_nn.deep.losses" not in sys.modules
        assert names(lb.torch_loss_classes(namespace)) == {"DeepLoss"}
    finally:
        for name in [name for name in sys.modules if name.startswith("fake_nn")]:
            del sys.modules[name]


# --- both, side by side --------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_torch_and_ours_agree(cls: type[nn.Module]) -> None:
    found = lb.torch_agreement(cls)
    assert found.disagreement == "" and found.calls >= 9


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_argument_of_a_class_is_tried(cls: type[nn.Module]) -> None:
    """What the class takes and the run leaves at its default is named here, with the reason."""
    ours, row = lb.get(cls.__name__), ROWS[cls.__name__]
    tried = {"reduction"} | {
        name for _, given in pytorch_losses._calls(cls, ours, row) for name in given if name != "reduction"
    }
    left = set(inspect.signature(cls.__init__).parameters) - {"self"} - tried
    deprecated, of_the_layer = {"size_average", "reduce"}, {"device", "dtype", "in_features"}
    left -= deprecated | of_the_layer
    allowed = {
        "LinearCrossEntropyLoss": {"num_classes", "out_features", "bias", "options"},
        "AdaptiveLogSoftmaxWithLoss": {"n_classes", "cutoffs", "div_value"},
    }
    assert left == allowed.get(cls.__name__, set())


@pytest.mark.parametrize(
    ("cls", "wrong"),
    [
        (nn.MSELoss, planted(lb.mse, lambda a, b, reduction: 1.001 * lb.mse(a, b, reduction=reduction))),
        (nn.L1Loss, planted(lb.mae, closed_form=lambda a, b, reduction: -lb.mae.gradient(a, b, reduction=reduction))),
        (nn.NLLLoss, planted(lb.nll, lambda z, y, reduction, **given: -lb.nll(z, y, reduction=reduction, **given))),
        (nn.KLDivLoss, planted(lb.kl_divergence, lambda q, p, reduction, **given: lb.kl_divergence(q, p, **given))),
        (
            nn.CrossEntropyLoss,  # an option that is ignored
            planted(SOFTMAX, lambda z, y, reduction, **given: SOFTMAX(z, y, reduction=reduction)),
        ),
    ],
    ids=["value", "gradient", "sign", "reduction", "option"],
)
def test_a_disagreement_is_told(cls: type[nn.Module], wrong: lb.Loss, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pytorch_losses, "get", lambda name: wrong)
    assert re.match(r"with .*reduction = .*: (value|gradient by)", lb.torch_agreement(cls).disagreement)


def test_a_class_without_a_row_is_refused() -> None:
    with pytest.raises(ValueError, match="cls: got Linear, expected a class that has a row"):
        lb.torch_agreement(nn.Linear)


def test_every_link_leads_to_a_lab() -> None:
    chapters = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "chapters").glob("*.ipynb"))
    assert [row.link for row in ROWS.values() if f"({row.link})=" not in chapters] == []


# --- the two losses with a layer -----------------------------------------------------------------------------


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed + sum(shape)))


def hierarchy(samples: int = 12, frequent: int = 3, rare: int = 4) -> tuple[Tensor, ...]:
    """Features, head, both projections; every class occurs."""
    target = torch.arange(samples) % (frequent + rare)
    return rand(samples, 5), rand(frequent + 1, 5), rand(2, 5, seed=1), rand(rare, 2), target


def naive_adaptive(
    x: np.ndarray, head: np.ndarray, down: np.ndarray, up: np.ndarray, y: int, bias: np.ndarray
) -> float:
    scores = np.exp(head @ x + bias)
    frequent = len(head) - 1
    if y < frequent:
        return float(-np.log(scores[y] / scores.sum()))
    within = np.exp(up @ (down @ x))
    return float(-np.log(scores[-1] / scores.sum() * within[y - frequent] / within.sum()))


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("shape", [(12, 3, 4), (1, 1, 2), (5, 1, 1), (9, 6, 2)], ids=str)
def test_adaptive_against_a_loop(shape: tuple[int, int, int], with_bias: bool) -> None:
    tensors = hierarchy(*shape)
    bias = rand(len(tensors[1])) if with_bias else None
    x, head, down, up, y = (t.numpy() for t in tensors)
    added = np.zeros(len(head)) if bias is None else bias.numpy()
    expected = [naive_adaptive(row, head, down, up, int(own), added) for row, own in zip(x, y, strict=True)]
    each = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(lb.adaptive_log_softmax(*tensors, head_bias=bias, reduction="none"), each)
    torch.testing.assert_close(lb.adaptive_log_softmax(*tensors, head_bias=bias), each.mean())
    alone = lb.adaptive_log_softmax(tensors[0][0], *tensors[1:4], tensors[4][0], head_bias=bias)
    torch.testing.assert_close(alone, each[0])
    by_input = lb.adaptive_log_softmax.gradient(tensors[0][0], *tensors[1:4], tensors[4][0])[0]
    assert by_input.shape == tensors[0][0].shape


@pytest.mark.parametrize("cutoffs", [[3], [2, 5], [1, 2, 4]], ids=str)
@pytest.mark.parametrize("with_bias", [False, True])
def test_log_probabilities_are_those_of_the_module(cutoffs: list[int], with_bias: bool) -> None:
    torch.manual_seed(0)
    module = nn.AdaptiveLogSoftmaxWithLoss(8, 9, cutoffs, div_value=2.0, head_bias=with_bias, dtype=torch.float64)
    x, y = rand(9, 8), torch.arange(9)
    weights = [weight for name, weight in module.named_parameters() if name.startswith("tail")]
    tails = list(zip(weights[::2], weights[1::2], strict=True))
    bias = module.head.bias if with_bias else None
    found = lb.adaptive_log_probabilities(x, module.head.weight, *tails, head_bias=bias)
    torch.testing.assert_close(found, module.log_prob(x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.exp().sum(1), torch.ones(9, dtype=torch.float64))
    torch.testing.assert_close(found.gather(1, y[:, None])[:, 0], module(x, y).output)
    torch.testing.assert_close(
        lb.adaptive_log_probabilities(x[0], module.head.weight, *tails, head_bias=bias), found[0]
    )
    if len(cutoffs) == 1:
        loss = lb.adaptive_log_softmax(x, module.head.weight, *tails[0], y, head_bias=bias)
        torch.testing.assert_close(loss, module(x, y).loss, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(-loss, found.gather(1, y[:, None]).mean())


def test_a_frequent_class_does_not_reach_the_tail() -> None:
    x, head, down, up, _ = hierarchy()
    gradients = lb.adaptive_log_softmax.gradient(x, head, down, up, torch.arange(12) % 3)
    assert gradients[1].abs().min() > 0 and not gradients[2].any() and not gradients[3].any()
    # Nor does a tail that is infinite there.
    leaf = x.clone().requires_grad_()
    lb.adaptive_log_softmax(leaf, head, 1e4 * down, 1e4 * up, torch.zeros(12, dtype=torch.int64)).backward()
    assert leaf.grad is not None and leaf.grad.isfinite().all()


def test_linear_against_two_steps() -> None:
    x, w, bias, weight = rand(7, 4), rand(3, 4), rand(3), torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64)
    y = torch.tensor([0, 1, 2, 0, 1, 2, 2])
    p = (x @ w.T + bias).softmax(1).numpy()
    each = [-float(weight[k]) * math.log(p[n, int(k)]) for n, k in enumerate(y)]
    found = lb.linear_cross_entropy(x, w, y, linear_bias=bias, weight=weight, reduction="none")
    torch.testing.assert_close(found, torch.tensor(each, dtype=torch.float64))
    mean = lb.linear_cross_entropy(x, w, y, linear_bias=bias, weight=weight)
    assert mean.item() == pytest.approx(sum(each) / float(weight[y].sum()))
    assert lb.linear_cross_entropy(x[0], w, y[0]).shape == ()
    by_x, by_w = lb.linear_cross_entropy.gradient(x[0], w, y[0])
    assert by_x.shape == (4,) and by_w.shape == w.shape
    torch.testing.assert_close(by_w, torch.outer((w @ x[0]).softmax(0) - F.one_hot(y[0], 3), x[0]))


def test_nothing_that_counts() -> None:
    x, w, ignored = rand(3, 2), rand(4, 2), torch.full((3,), -100)
    assert lb.linear_cross_entropy(x, w, ignored).isnan()
    assert lb.linear_cross_entropy(x, w, ignored, reduction="sum") == 0
    assert not any(slope.any() for slope in lb.linear_cross_entropy.gradient(x, w, ignored))
    empty = torch.zeros(0, dtype=torch.int64)
    assert lb.adaptive_log_softmax(rand(0, 5), *hierarchy()[1:4], empty, reduction="sum") == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({0: torch.zeros(2, 2, 5)}, r"input: got shape \(2, 2, 5\), expected \(N, D\)"),
        ({1: torch.zeros(4, 3)}, r"head: got shape \(4, 3\), expected two dimensions, the second of length 5"),
        ({1: torch.zeros(1, 5)}, r"head: got shape \(1, 5\), expected two rows or more"),
        ({2: torch.zeros(2)}, r"down: got shape \(2,\), expected two dimensions"),
        ({3: torch.zeros(4, 3)}, r"up: got shape \(4, 3\), expected two dimensions, the second of length 2"),
        ({4: torch.full((12,), 7)}, "target: got the class index 7, expected 0 to 6"),
        ({4: torch.zeros(12)}, "target: got dtype torch.float32, expected class indices"),
        ({4: torch.zeros(11, dtype=torch.int64)}, r"target: got shape \(11,\), expected \(12,\)"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_adaptive_refuses(change: dict[int, Tensor], message: str) -> None:
    tensors = list(hierarchy())
    for place, tensor in change.items():
        tensors[place] = tensor
    with pytest.raises(ValueError, match=message):
        lb.adaptive_log_softmax(*tensors)


def test_other_errors_name_the_argument() -> None:
    x, head, down, up, y = hierarchy()
    with pytest.raises(ValueError, match=r"head_bias: got shape \(3,\) and dtype torch.float64, expected .* \(4,\)"):
        lb.adaptive_log_softmax(x, head, down, up, y, head_bias=rand(3))
    with pytest.raises(TypeError, match="head_bias: got 1.0 of type float, expected None or a tensor of 4"):
        lb.adaptive_log_softmax(x, head, down, up, y, head_bias=1.0)
    with pytest.raises(ValueError, match="head: got 1 rows, expected more than 1, the number of clusters"):
        lb.adaptive_log_probabilities(x, head[:1], (down, up))
    with pytest.raises(ValueError, match=r"up: got shape \(4, 5\)"):
        lb.adaptive_log_probabilities(x, head, (down, rand(4, 5)))
    w = rand(3, 5)
    with pytest.raises(ValueError, match=r"linear_weight: got shape \(5, 3\), expected two dimensions"):
        lb.linear_cross_entropy(x, w.T, torch.zeros(12, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"target: got shape \(12,\) and dtype torch.float64, expected class prob"):
        lb.linear_cross_entropy(x, w, rand(12))
    with pytest.raises(ValueError, match="target: got the class index 3, expected 0 to 2, or -100"):
        lb.linear_cross_entropy(x, w, torch.full((12,), 3))
    with pytest.raises(ValueError, match=r"weight: got shape \(5,\).*\(3,\)"):
        lb.linear_cross_entropy(x, w, torch.zeros(12, dtype=torch.int64), weight=rand(5))
    with pytest.raises(ValueError, match="ignore_index: got 1, expected nothing"):
        lb.linear_cross_entropy(x, w, rand(12, 3).softmax(1), ignore_index=1)


def test_log_probabilities_refuse_what_the_loss_refuses() -> None:
    x, head, down, up, _ = hierarchy()
    with pytest.raises(ValueError, match=r"head_bias: got shape \(1,\) and dtype torch.float64, expected .* \(4,\)"):
        lb.adaptive_log_probabilities(x, head, (down, up), head_bias=rand(1))  # it would broadcast
    with pytest.raises(TypeError, match="head_bias: got 1.0 of type float, expected None or a tensor of 4"):
        lb.adaptive_log_probabilities(x, head, (down, up), head_bias=1.0)
    for tails in ((down, up), (down,), ((down, up, up),)):
        with pytest.raises(TypeError, match="tails: got a .*, expected for each cluster a pair of tensors"):
            lb.adaptive_log_probabilities(x, head, *tails)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_log_probabilities_of_other_dtypes(dtype: torch.dtype) -> None:
    """Computed in float32 and rounded once; promoted where they differ."""
    x, head, down, up, _ = (tensor.to(dtype) if tensor.is_floating_point() else tensor for tensor in hierarchy())
    bias = rand(4)
    exact = lb.adaptive_log_probabilities(
        *(t.double() for t in (x, head)), (down.double(), up.double()), head_bias=bias
    )
    found = lb.adaptive_log_probabilities(x, head, (down, up), head_bias=bias)
    assert found.dtype == dtype
    torch.testing.assert_close(found, exact.to(dtype), rtol=torch.finfo(dtype).eps, atol=1e-5)
    mixed = lb.adaptive_log_probabilities(x, head, (down.double(), up.double()), head_bias=bias)
    torch.testing.assert_close(mixed, exact)


def test_what_is_no_class_is_refused() -> None:
    with pytest.raises(TypeError, match="cls: got 'HuberLoss' of type str, expected a loss class of torch.nn"):
        lb.torch_agreement("HuberLoss")
    with pytest.raises(TypeError, match=r"namespace: got 'torch.nn' of type str, expected a module"):
        lb.torch_loss_classes("torch.nn")


# --- planted mistakes ----------------------------------------------------------------------------------------


def test_a_tail_that_forgets_its_cluster_is_refused() -> None:
    def forgetful(
        input: Tensor, head: Tensor, down: Tensor, up: Tensor, target: Tensor, *, reduction: str, **_: Any
    ) -> Tensor:
        scores = torch.cat([(input @ head.T)[:, :-1], input @ down.T @ up.T], 1)
        return F.cross_entropy(scores, target, reduction=reduction)

    assert "value" in refused_by(planted(lb.adaptive_log_softmax, forgetful))


@pytest.mark.parametrize("by", [0, 1, 2, 3], ids=["input", "head", "down", "up"])
def test_a_gradient_that_lacks_a_part_is_refused(by: int) -> None:
    def wrong(*tensors: Tensor, **given: Any) -> tuple[Tensor, ...]:
        found = list(pytorch_losses._adaptive_gradient(*tensors, **given))
        found[by] = found[by] * 0.9
        return tuple(found)

    assert "autograd" in refused_by(planted(lb.adaptive_log_softmax, closed_form=wrong))


def test_a_tail_that_learns_from_frequent_classes_is_refused() -> None:
    def wrong(
        input: Tensor, head: Tensor, down: Tensor, up: Tensor, target: Tensor, **given: Any
    ) -> tuple[Tensor, ...]:
        found = pytorch_losses._adaptive_gradient(input, head, down, up, target, **given)
        return *found[:3], found[3] + 0.01 * (target < len(head) - 1).sum()

    assert "gradient of samples" in refused_by(planted(lb.adaptive_log_softmax, closed_form=wrong))


@pytest.mark.parametrize("argument", ["linear_bias", "weight", "label_smoothing", "ignore_index"])
def test_an_argument_that_is_ignored_is_refused(argument: str) -> None:
    def careless(*tensors: Tensor, **given: Any) -> Tensor:
        given.pop(argument, None)
        return lb.linear_cross_entropy.function(*tensors, **given)

    assert refused_by(planted(lb.linear_cross_entropy, careless))


def test_rows_with_the_wrong_gradient_are_refused() -> None:
    def wrong(input: Tensor, linear_weight: Tensor, target: Tensor, **given: Any) -> tuple[Tensor, Tensor]:
        by_x, by_w = pytorch_losses._linear_gradient(input, linear_weight, target, **given)
        return by_x, by_w / max(len(input), 2)  # the mean, taken twice

    assert "gradient" in refused_by(planted(lb.linear_cross_entropy, closed_form=wrong))


def test_a_false_claim_is_refused() -> None:
    from dataclasses import replace

    traits = lb.adaptive_log_softmax.traits
    for claim in ({"lipschitz": "sqrt(2)"}, {"convex": False}, {"shift_invariant": False}, {"supremum": "10"}):
        assert refused_by(planted(lb.adaptive_log_softmax, traits=replace(traits, **claim)))
