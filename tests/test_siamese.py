"""The losses of pairs against torch, PyTorch Metric Learning, scikit-learn and loops; and the two networks."""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from planting import planted, refused_by
from torch import Tensor, nn

import lossbook as lb
from lossbook import siamese

ALL = (lb.contrastive, lb.cosine_embedding, lb.verification)


def pairs(count: int = 40, size: int = 3, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(count + size)
    first, second = torch.randn(2, count, size, dtype=torch.float64, generator=generator)
    return first.to(dtype), second.to(dtype), torch.randint(2, (count,), generator=generator)


def given(loss: lb.Loss, count: int = 40, size: int = 3, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    """The tensors of any of the three."""
    first, second, same = pairs(count, size, dtype)
    if loss is lb.verification:
        return first, second, same, torch.linspace(-1, 0.5, size, dtype=dtype), torch.tensor(0.4, dtype=dtype)
    return first, second, 2 * same - 1 if loss is lb.cosine_embedding else same


# --- contrastive ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("margin", [0.3, 1.0, 2.0, 4.0])
def test_contrastive_is_a_loop(margin: float) -> None:
    for count, size in ((40, 3), (1, 5), (30, 1)):
        first, second, same = pairs(count, size)
        expected = []
        for a, b, y in zip(first.tolist(), second.tolist(), same.tolist(), strict=True):
            d = math.dist(a, b)
            expected.append(d**2 if y else max(0.0, margin - d) ** 2)
        each = torch.tensor(expected, dtype=torch.float64)
        for label in (same, same.bool(), same.double(), same.to(torch.uint8)):
            found = lb.contrastive(first, second, label, margin=margin, reduction="none")
            torch.testing.assert_close(found, each, rtol=1e-13, atol=1e-13)
        torch.testing.assert_close(lb.contrastive(first, second, same, margin=margin), each.mean())
        torch.testing.assert_close(lb.contrastive(first, second, same, margin=margin, reduction="sum"), each.sum())


def metric_learning(first: Tensor, second: Tensor, same: Tensor, power: int, reducer: Any, margin: float) -> Any:
    """PyTorch Metric Learning's loss of the same pairs, without its normalization."""
    from pytorch_metric_learning.distances import LpDistance
    from pytorch_metric_learning.losses import ContrastiveLoss

    loss = ContrastiveLoss(
        neg_margin=margin, distance=LpDistance(normalize_embeddings=False, power=power), reducer=reducer
    )
    positive, negative = same.nonzero().flatten(), (1 - same).nonzero().flatten()
    return loss(torch.cat([first, second]), None, (positive, positive + len(same), negative, negative + len(same)))


@pytest.mark.parametrize("margin", [1.5, 3.0])
def test_contrastive_is_that_of_pytorch_metric_learning_where_it_computes_the_same(margin: float) -> None:
    from pytorch_metric_learning.reducers import AvgNonZeroReducer, DoNothingReducer

    first, second, same = pairs()
    ours = lb.contrastive(first, second, same, margin=margin, reduction="none")
    squared = metric_learning(first, second, same, 2, DoNothingReducer(), margin)
    torch.testing.assert_close(squared["pos_loss"]["losses"], ours[same == 1])
    d = (first - second).norm(dim=1)
    torch.testing.assert_close(squared["neg_loss"]["losses"], (margin - d**2).relu()[same == 0])  # as documented
    plain = metric_learning(first, second, same, 1, DoNothingReducer(), margin)
    torch.testing.assert_close(plain["pos_loss"]["losses"] ** 2, ours[same == 1])
    torch.testing.assert_close(plain["neg_loss"]["losses"] ** 2, ours[same == 0])
    # Its own reducer: the mean over the pairs of each kind that have a loss.
    reduced = metric_learning(first, second, same, 1, AvgNonZeroReducer(), margin)
    roots = ours.sqrt()
    kinds = (roots[(same == 1) & (roots > 0)], roots[(same == 0) & (roots > 0)])
    torch.testing.assert_close(reduced, sum(x.mean() for x in kinds))


def test_contrastive_has_a_gradient_at_distance_zero() -> None:
    """The root has none: NaN, although its factor is zero, or although its branch is not taken."""
    equal = torch.tensor([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]], dtype=torch.float64, requires_grad=True)
    fixed = equal.detach().clone()
    same = torch.tensor([0, 1, 0])
    for margin in (0.5, 2.0):
        loss = lb.contrastive(equal, fixed, same, margin=margin, reduction="none")
        assert loss.tolist() == [margin**2, 0, margin**2]
        (found,) = torch.autograd.grad(loss.sum(), equal)
        assert (found == 0).all()
        assert all((g == 0).all() for g in lb.contrastive.gradient(equal.detach(), fixed, same, margin=margin))
    root = (equal - fixed).square().sum(1).sqrt()
    naive = torch.where(same == 1, root**2, (1 - root).relu() ** 2)
    assert torch.autograd.grad(naive.sum(), equal)[0].isnan().all()


def test_contrastive_of_a_same_pair_is_curved_at_distance_zero() -> None:
    zero = torch.zeros(3, dtype=torch.float64)
    curvature = torch.func.hessian(lambda x: lb.contrastive(x, zero, torch.tensor(1)))(zero)
    torch.testing.assert_close(curvature, 2 * torch.eye(3, dtype=torch.float64))


def test_contrastive_pushes_with_twice_what_is_missing_and_not_beyond_the_margin() -> None:
    first = torch.tensor([[3.0, 0.0], [0.5, 0.0], [1.0, 0.0], [2.0, 0.0]], dtype=torch.float64)
    found, other = lb.contrastive.gradient(
        first, torch.zeros_like(first), torch.tensor([1, 0, 0, 0]), margin=1.0, reduction="sum"
    )
    assert found[:, 0].tolist() == [6.0, -1.0, 0.0, 0.0] and (found[:, 1] == 0).all()
    assert torch.equal(found, -other)


# --- verification ---------------------------------------------------------------------------------------------


def test_verification_is_a_loop_and_the_log_loss_of_scikit_learn() -> None:
    from sklearn.metrics import log_loss

    first, second, same, weight, bias = given(lb.verification)
    probabilities, expected = [], []
    for a, b, y in zip(first.tolist(), second.tolist(), same.tolist(), strict=True):
        z = bias.item() + sum(w * (s - t) ** 2 for w, s, t in zip(weight.tolist(), a, b, strict=True))
        p = 1 / (1 + math.exp(-z))
        probabilities.append(p)
        expected.append(-y * math.log(p) - (1 - y) * math.log(1 - p))
    each = torch.tensor(expected, dtype=torch.float64)
    for label in (same, same.bool(), same.double()):
        found = lb.verification(first, second, label, weight, bias, reduction="none")
        torch.testing.assert_close(found, each, rtol=1e-12, atol=1e-12)
    mean = lb.verification(first, second, same, weight, bias)
    assert mean.item() == pytest.approx(log_loss(same.numpy(), probabilities), rel=1e-12)


def test_verification_takes_the_weight_and_bias_of_a_linear_layer() -> None:
    first, second, same, *_ = given(lb.verification)
    layer = nn.Linear(3, 1, dtype=torch.float64)
    logit = layer((first - second) ** 2).squeeze(1)
    expected = F.binary_cross_entropy_with_logits(logit, same.double())
    found = lb.verification(first, second, same, layer.weight, layer.bias)
    torch.testing.assert_close(found, expected)
    slopes = torch.autograd.grad(expected, (layer.weight, layer.bias))
    closed = lb.verification.gradient(first, second, same, layer.weight.detach(), layer.bias.detach())
    torch.testing.assert_close(closed[2:], slopes)


def test_verification_is_a_softmax_of_two() -> None:
    """Zheng et al. learn two logits; one sigmoid of their difference is the same."""
    first, second, same, *_ = given(lb.verification)
    layer = nn.Linear(3, 2, dtype=torch.float64)
    expected = F.cross_entropy(layer((first - second) ** 2), same)
    weight, bias = layer.weight[1] - layer.weight[0], layer.bias[1] - layer.bias[0]
    torch.testing.assert_close(lb.verification(first, second, same, weight, bias), expected)


def test_verification_far_from_zero_keeps_its_digits() -> None:
    first, second = torch.tensor([[100.0]], dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    bias = torch.tensor(0.0, dtype=torch.float64)
    for sign, same in ((1.0, 1), (-1.0, 0)):  # surely right
        weight = torch.tensor([sign * 0.005], dtype=torch.float64)
        arguments = (first, second, torch.tensor([same]), weight, bias)
        assert lb.verification(*arguments).item() == pytest.approx(math.log1p(math.exp(-50)), rel=1e-12)
        slope = lb.verification.gradient(*arguments)[3].item()
        assert slope == pytest.approx(-sign / (1 + math.exp(50)), rel=1e-12)
    wrong = lb.verification(first, second, torch.tensor([0]), torch.tensor([1e4], dtype=torch.float64), bias)
    assert wrong.item() == pytest.approx(1e8)


# --- cosine embedding -----------------------------------------------------------------------------------------


def cosine_cases(dtype: torch.dtype) -> list[tuple[Tensor, Tensor, Tensor]]:
    first, second, same = pairs(dtype=dtype)
    target = 2 * same - 1
    odd = torch.tensor([[0.0, 0.0], [1.0, 2.0], [1.0, 2.0], [1e-7, 1e-7], [3.0, 4.0], [1.0, 0.0]], dtype=dtype)
    partner = torch.tensor([[0.6, 0.8], [1.0, 2.0], [-1.0, -2.0], [1e-7, 0.0], [0.0, 0.0], [0.0, 1.0]], dtype=dtype)
    cases = [(first, second, target), (first, second, target.to(dtype)), (first[0], second[0], target[0])]
    cases += [(first[:1], second[:1], target[:1]), (first[0], second[0], -target[0].to(dtype))]
    return cases + [(odd, partner, torch.full((6,), label)) for label in (1, -1)]


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("margin", [-1.0, -0.3, 0.0, 0.5, 1.0])
def test_cosine_embedding_is_torch(margin: float, reduction: str) -> None:
    arguments: dict[str, Any] = {"margin": margin, "reduction": reduction}
    for dtype in (torch.float64, torch.float32):
        for first, second, target in cosine_cases(dtype):
            found = lb.cosine_embedding(first, second, target, **arguments)
            assert torch.equal(found, F.cosine_embedding_loss(first, second, target, **arguments))
    for first, second, target in cosine_cases(torch.float64):
        leaves = (first.requires_grad_(), second.requires_grad_())
        expected = torch.autograd.grad(F.cosine_embedding_loss(*leaves, target, **arguments).sum(), leaves)
        closed = lb.cosine_embedding.gradient(first.detach(), second.detach(), target, **arguments)
        torch.testing.assert_close(closed, expected, rtol=1e-10, atol=1e-12)


def test_cosine_embedding_of_a_zero_vector() -> None:
    """As documented: the cosine 0, and a gradient of about 1e6."""
    zero, other = torch.zeros(1, 2, dtype=torch.float64), torch.tensor([[0.6, 0.8]], dtype=torch.float64)
    assert lb.cosine_embedding(zero, other, torch.tensor([1])) == 1
    assert lb.cosine_embedding(zero, other, torch.tensor([-1])) == 0
    steep, flat = lb.cosine_embedding.gradient(zero, other, torch.tensor([1]))
    torch.testing.assert_close(steep, -1e6 * other)
    assert (flat == 0).all()


def test_cosine_embedding_pushes_at_the_margin_and_not_below() -> None:
    first = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    second = torch.tensor([[0.1, 1.0], [0.0, 1.0], [-0.1, 1.0]], dtype=torch.float64)
    by_second = lb.cosine_embedding.gradient(first, second, -torch.ones(3), reduction="sum")[1]
    assert (by_second[:, 0] > 0).tolist() == [True, True, False]


def test_labels_of_zero_are_no_labels_in_torch_and_refused_here() -> None:
    first, second, same = pairs()
    silent = F.cosine_embedding_loss(first, second, same, reduction="none")
    assert (silent[same == 0] == 0).all() and (silent[same == 1] > 0).all()
    with pytest.raises(ValueError, match="target: got the label 0, expected only -1 for a pair that differs"):
        lb.cosine_embedding(first, second, same)


# --- all three ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ALL, ids=str)
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_the_gradient_is_that_of_autograd(loss: lb.Loss, reduction: str) -> None:
    for count, size in ((40, 3), (1, 5), (17, 2)):
        tensors = given(loss, count, size)
        leaves = tuple(x.requires_grad_() for x in tensors if x.is_floating_point())
        expected = torch.autograd.grad(loss(*tensors, reduction=reduction).sum(), leaves)
        found = loss.gradient(*(x.detach() for x in tensors), reduction=reduction)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_one_pair_without_its_axis(loss: lb.Loss) -> None:
    first, second, label, *shared = given(loss)
    each = loss(first, second, label, *shared, reduction="none")
    alone = loss(first[3], second[3], label[3], *shared)
    assert alone.shape == () and torch.allclose(alone, each[3])
    assert loss.gradient(first[3], second[3], label[3], *shared)[0].shape == first[3].shape
    mapped = torch.func.vmap(lambda a, b, y: loss(a, b, y, *shared))(first, second, label)
    torch.testing.assert_close(mapped, each)
    slopes = torch.func.vmap(torch.func.grad(lambda a, b, y: loss(a, b, y, *shared)))(first, second, label)
    torch.testing.assert_close(
        slopes, loss.gradient(first, second, label, *shared, reduction="none")[0], rtol=1e-10, atol=1e-12
    )


@pytest.mark.parametrize("loss", ALL, ids=str)
@pytest.mark.parametrize("label", [0, 1])
def test_one_kind_of_pairs_only_and_equal_embeddings(loss: lb.Loss, label: int) -> None:
    kind = 2 * label - 1 if loss is lb.cosine_embedding else label
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        for count in (1, 7):
            first, second, _, *shared = given(loss, count, 3, dtype)
            steep = loss is lb.cosine_embedding and dtype == torch.float16  # 1e6 at a zero vector, as documented
            for partner in (second, first) if steep else (second, first, torch.zeros_like(first)):
                tensors = (first.requires_grad_(), partner.detach(), torch.full((count,), kind), *shared)
                value = loss(*tensors)
                (slope,) = torch.autograd.grad(value, first)
                closed = loss.gradient(*(x.detach() for x in tensors))
                assert value.isfinite() and value.dtype == dtype
                assert slope.isfinite().all() and all(x.isfinite().all() for x in closed)


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_the_order_of_a_pair_does_not_matter(loss: lb.Loss) -> None:
    first, second, label, *shared = given(loss)
    torch.testing.assert_close(loss(first, second, label, *shared), loss(second, first, label, *shared))
    there = loss.gradient(first, second, label, *shared)
    back = loss.gradient(second, first, label, *shared)
    torch.testing.assert_close(there[:2], back[1::-1])


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_no_pairs(loss: lb.Loss) -> None:
    tensors = given(loss, 0)
    assert loss(*tensors).isnan() and loss(*tensors, reduction="sum") == 0
    assert loss.gradient(*tensors)[0].shape == (0, 3)


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_compiles_without_a_break(loss: lb.Loss) -> None:
    first, *rest = given(loss)
    step = torch.compile(lambda *x: loss(*x), fullgraph=True, backend="aot_eager")
    first.requires_grad_()
    expected = torch.autograd.grad(loss(first, *rest), first)
    torch.testing.assert_close(torch.autograd.grad(step(first, *rest), first), expected)


# --- errors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_what_does_not_fit_is_refused_by_name(loss: lb.Loss) -> None:
    first, second, label, *shared = given(loss)
    name = loss.takes.names[2]
    cases: list[tuple[Any, type[Exception], str]] = [
        ((first.long(), second, label), ValueError, "input1: got dtype torch.int64"),
        ((first, second.tolist(), label), TypeError, "input2: got "),
        ((first[None], second[None], label), ValueError, r"input1: got shape \(1, 40, 3\), expected \(N, D\)"),
        ((first, second[:1], label), ValueError, r"input2: got shape \(1, 3\), expected \(40, 3\).* broadcast"),
        ((first, second, 1), TypeError, f"{name}: got 1 of type int, expected a torch.Tensor of labels"),
        ((first, second, label[:5]), ValueError, rf"{name}: got shape \(5,\), expected \(40,\): one label"),
        ((first, second, label[:, None]), ValueError, rf"{name}: got shape \(40, 1\), expected \(40,\)"),
        ((first, second, label + 2), ValueError, f"{name}: got the label"),
        ((first, second, label * math.nan), ValueError, f"{name}: got the label nan"),
        ((first, second, label.to(torch.complex64)), ValueError, f"{name}: got dtype torch.complex64"),
    ]
    for tensors, error, words in cases:
        with pytest.raises(error, match=words):
            loss(*tensors, *shared)
        with pytest.raises(error, match=words):
            loss.gradient(*tensors, *shared)
    with pytest.raises(ValueError, match="reduction: got 'batchmean'"):
        loss(first, second, label, *shared, reduction="batchmean")


def test_the_wrong_kind_of_label_is_refused() -> None:
    first, second, same = pairs()
    with pytest.raises(ValueError, match="same: got the label -1, expected only 0 for a pair that differs and 1"):
        lb.contrastive(first, second, 2 * same - 1)
    with pytest.raises(ValueError, match="same: got the label -1"):
        lb.verification(first, second, 2 * same - 1, torch.ones(3), torch.zeros(()))
    with pytest.raises(ValueError, match=r"target: got dtype torch.bool, expected numbers in \{-1, 1\}"):
        lb.cosine_embedding(first, second, same.bool())
    with pytest.raises(TypeError, match="contrastive: got no 'same'"):
        lb.contrastive(first, second)


@pytest.mark.parametrize(
    ("loss", "setting", "words"),
    [
        (lb.contrastive, {"margin": 0}, r"margin: got 0.0, expected a number in \(0, inf\)"),
        (lb.contrastive, {"margin": -1.0}, "margin: got -1.0"),
        (lb.contrastive, {"margin": math.inf}, "margin: got inf"),
        (lb.cosine_embedding, {"margin": 1.5}, r"margin: got 1.5, expected a number in \[-1, 1\]"),
        (lb.cosine_embedding, {"margin": math.nan}, "margin: got nan"),
    ],
)
def test_parameters_out_of_range(loss: lb.Loss, setting: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        loss(*given(loss), **setting)


def test_a_weight_that_does_not_fit() -> None:
    first, second, same, weight, bias = given(lb.verification)
    cases: list[tuple[Any, Any, type[Exception], str]] = [
        (weight[:2], bias, ValueError, r"weight: got shape \(2,\), expected \(3,\): one for each number"),
        (weight[:, None], bias, ValueError, r"weight: got shape \(3, 1\)"),
        (weight.long(), bias, ValueError, "weight: got dtype torch.int64"),
        (weight, 0.4, TypeError, "bias: got 0.4 of type float"),
        (weight, bias.expand(2), ValueError, r"bias: got shape \(2,\), expected one number"),
    ]
    for wrong_weight, wrong_bias, error, words in cases:
        with pytest.raises(error, match=words):
            lb.verification(first, second, same, wrong_weight, wrong_bias)


# --- the networks ---------------------------------------------------------------------------------------------


def test_the_gradient_of_shared_weights_is_the_sum_over_both_inputs() -> None:
    torch.manual_seed(0)
    branch = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    first, second = torch.randn(2, 8, 4, dtype=torch.float64)
    same = torch.arange(8) % 2
    shared = lb.SiameseNetwork(copy.deepcopy(branch))
    apart = lb.PseudoSiameseNetwork(copy.deepcopy(branch), copy.deepcopy(branch))
    for network in (shared, apart):
        lb.contrastive(*network(first, second), same, margin=2.0).backward()
    assert len(list(apart.parameters())) == 2 * len(list(shared.parameters()))
    both = zip(apart.branch1.parameters(), apart.branch2.parameters(), strict=True)
    for weight, (one, other) in zip(shared.parameters(), both, strict=True):
        torch.testing.assert_close(weight.grad, one.grad + other.grad)
        assert not torch.allclose(one.grad, other.grad)


def test_only_the_siamese_network_gives_equal_inputs_equal_embeddings() -> None:
    torch.manual_seed(0)
    x, other = torch.randn(2, 5, 4)
    shared = lb.SiameseNetwork(nn.Linear(4, 2))
    apart = lb.PseudoSiameseNetwork(nn.Linear(4, 2), nn.Linear(4, 2))
    assert torch.equal(*shared(x, x)) and not torch.allclose(*apart(x, x))

    def distance(network: nn.Module, a: Tensor, b: Tensor) -> Tensor:
        f, g = network(a, b)
        return (f - g).norm(dim=1)

    torch.testing.assert_close(distance(shared, x, other), distance(shared, other, x))
    assert not torch.allclose(distance(apart, x, other), distance(apart, other, x))
    different = lb.PseudoSiameseNetwork(nn.Linear(4, 2), nn.Linear(9, 2))
    assert different(x, torch.randn(5, 9))[1].shape == (5, 2)


def test_branches_that_share_weights_are_refused() -> None:
    branch = nn.Linear(4, 2)
    tied = nn.Linear(4, 2)
    tied.weight = branch.weight
    with pytest.raises(ValueError, match="branch2: got a module that shares the parameter 'weight'"):
        lb.PseudoSiameseNetwork(branch, branch)
    with pytest.raises(ValueError, match="branch2: got a module that shares the parameter 'weight'"):
        lb.PseudoSiameseNetwork(branch, tied)
    flat = nn.Flatten()
    with pytest.raises(ValueError, match="branch2: got a module that shares everything"):
        lb.PseudoSiameseNetwork(flat, flat)
    with pytest.raises(TypeError, match="branch: got .*, expected a torch.nn.Module"):
        lb.SiameseNetwork(lambda x: x)
    with pytest.raises(TypeError, match="branch2: got None"):
        lb.PseudoSiameseNetwork(branch, None)


# --- planted mistakes -----------------------------------------------------------------------------------------


def _labels_reversed(f: Tensor, g: Tensor, same: Tensor, *, margin: float = 1.0, reduction: str) -> Tensor:
    """1 = different: what half of the codes write."""
    return lb.contrastive.function(f, g, 1 - same.to(f.dtype), margin=margin, reduction=reduction)


def _not_squared(f: Tensor, g: Tensor, same: Tensor, *, margin: float = 1.0, reduction: str) -> Tensor:
    d = (f - g).norm(dim=-1)
    same = same.to(d.dtype)
    return siamese.reduce(same * d + (1 - same) * (margin - d).relu(), reduction)


def _margin_minus_square(f: Tensor, g: Tensor, same: Tensor, *, margin: float = 1.0, reduction: str) -> Tensor:
    """The square of the distance against the margin, as with power=2 in PyTorch Metric Learning."""
    square = (f - g).square().sum(-1)
    same = same.to(square.dtype)
    return siamese.reduce(same * square + (1 - same) * (margin - square).relu(), reduction)


def _eps_in_the_distance(f: Tensor, g: Tensor, same: Tensor, *, margin: float = 1.0, reduction: str) -> Tensor:
    """torch's pairwise_distance adds 1e-6 to every difference."""
    d = F.pairwise_distance(f, g)
    same = same.to(d.dtype)
    return siamese.reduce(same * d**2 + (1 - same) * (margin - d).relu() ** 2, reduction)


def _no_clamp(f: Tensor, g: Tensor, same: Tensor, *, margin: float = 1.0, reduction: str) -> Tensor:
    """Pairs that are far apart are pulled back to the margin."""
    d = (f - g).norm(dim=-1)
    same = same.to(d.dtype)
    return siamese.reduce(same * d**2 + (1 - same) * (margin - d) ** 2, reduction)


def _literal_probability(f: Tensor, g: Tensor, same: Tensor, weight: Tensor, bias: Tensor, *, reduction: str) -> Tensor:
    """-y log p(y|f) - (1-y) log(1 - p(y|f)), with p(y|f) the probability of the label y, read as it is written."""
    every = torch.ones_like(same)
    return lb.verification.function(f, g, every, weight, bias, reduction=reduction)


def _plain_difference(f: Tensor, g: Tensor, same: Tensor, weight: Tensor, bias: Tensor, *, reduction: str) -> Tensor:
    logit = (f - g) @ weight.reshape(-1) + bias.reshape(())
    return F.binary_cross_entropy_with_logits(logit, same.to(logit.dtype), reduction=reduction)


def _square_of_the_sum(f: Tensor, g: Tensor, same: Tensor, weight: Tensor, bias: Tensor, *, reduction: str) -> Tensor:
    logit = ((f - g) @ weight.reshape(-1)).square() + bias.reshape(())
    return F.binary_cross_entropy_with_logits(logit, same.to(logit.dtype), reduction=reduction)


def _always_clamped(f: Tensor, g: Tensor, y: Tensor, *, margin: float = 0.0, reduction: str) -> Tensor:
    c = F.cosine_similarity(f, g, dim=-1)
    return siamese.reduce(torch.where(y == 1, 1 - c, c.relu() - margin), reduction)


def _inner_product(f: Tensor, g: Tensor, y: Tensor, *, margin: float = 0.0, reduction: str) -> Tensor:
    c = (f * g).sum(-1)
    return siamese.reduce(torch.where(y == 1, 1 - c, (c - margin).relu()), reduction)


def _squared_cosine_terms(f: Tensor, g: Tensor, y: Tensor, *, margin: float = 0.0, reduction: str) -> Tensor:
    c = F.cosine_similarity(f, g, dim=-1)
    return siamese.reduce(torch.where(y == 1, 1 - c, (c - margin).relu()) ** 2, reduction)


@pytest.mark.parametrize(
    ("loss", "wrong"),
    [
        (lb.contrastive, _labels_reversed),
        (lb.contrastive, _not_squared),
        (lb.contrastive, _margin_minus_square),
        (lb.contrastive, _eps_in_the_distance),
        (lb.contrastive, _no_clamp),
        (lb.verification, _literal_probability),
        (lb.verification, _plain_difference),
        (lb.verification, _square_of_the_sum),
        (lb.cosine_embedding, _always_clamped),
        (lb.cosine_embedding, _inner_product),
        (lb.cosine_embedding, _squared_cosine_terms),
    ],
    ids=lambda x: getattr(x, "__name__", str(x)),
)
def test_a_wrong_loss_is_refused(loss: lb.Loss, wrong: Callable[..., Tensor]) -> None:
    assert "its formula" in refused_by(planted(loss, wrong))


def _both_pulled_the_same_way(*tensors: Tensor, **arguments: Any) -> tuple[Tensor, Tensor]:
    first, _ = siamese._contrastive_gradient(*tensors, **arguments)
    return first, first


def _distance_held_fixed(f: Tensor, g: Tensor, same: Tensor, *, margin: float = 1.0, reduction: str) -> Any:
    """The slope by the distance, without the direction of length 1."""
    difference = f - g
    same = same.to(f.dtype).unsqueeze(-1)
    d = difference.norm(dim=-1, keepdim=True)
    slope = siamese._mean(2 * same * d - 2 * (1 - same) * (margin - d).relu(), same.numel(), reduction)
    return slope * difference, -slope * difference


def _one_over_n_missing(*tensors: Tensor, reduction: str, **arguments: Any) -> tuple[Tensor, Tensor]:
    return siamese._contrastive_gradient(*tensors, reduction="none", **arguments)


def _factor_two_missing(*tensors: Tensor, reduction: str) -> tuple[Tensor, ...]:
    first, second, weight, bias = siamese._verification_gradient(*tensors, reduction=reduction)
    return first / 2, second / 2, weight, bias


def _bias_of_the_last_pair(*tensors: Tensor, reduction: str) -> tuple[Tensor, ...]:
    *others, bias = siamese._verification_gradient(*tensors, reduction=reduction)
    last = [x[-1:] if x.shape[:1] == tensors[2].shape and i < 3 else x for i, x in enumerate(tensors)]
    return *others, siamese._verification_gradient(*last, reduction="sum")[3].reshape(bias.shape)


def _lengths_held_fixed(f: Tensor, g: Tensor, y: Tensor, *, margin: float = 0.0, reduction: str) -> Any:
    """The term of the quotient rule that keeps the gradient at right angles is dropped."""
    lengths = f.norm(dim=-1, keepdim=True) * g.norm(dim=-1, keepdim=True)
    cosine = (f * g).sum(-1, keepdim=True) / lengths
    slope = torch.where(y.unsqueeze(-1) == 1, -1.0, (cosine > margin).to(f.dtype))
    slope = siamese._mean(slope, y.numel(), reduction)
    return slope * g / lengths, slope * f / lengths


def _pushed_below_the_margin(f: Tensor, g: Tensor, y: Tensor, *, margin: float = 0.0, reduction: str) -> Any:
    return siamese._cosine_embedding_gradient(f, g, y, margin=-2.0, reduction=reduction)


@pytest.mark.parametrize(
    ("loss", "wrong"),
    [
        (lb.contrastive, _both_pulled_the_same_way),
        (lb.contrastive, _distance_held_fixed),
        (lb.contrastive, _one_over_n_missing),
        (lb.verification, _factor_two_missing),
        (lb.verification, _bias_of_the_last_pair),
        (lb.cosine_embedding, _lengths_held_fixed),
        (lb.cosine_embedding, _pushed_below_the_margin),
    ],
    ids=lambda x: getattr(x, "__name__", str(x)),
)
def test_a_wrong_gradient_is_refused(loss: lb.Loss, wrong: Callable[..., Any]) -> None:
    assert "gradient" in refused_by(planted(loss, closed_form=wrong))


@pytest.mark.parametrize(
    ("loss", "claims", "words"),
    [
        (lb.contrastive, {"length": True}, "free of the embeddings' lengths"),
        (lb.contrastive, {"translation": False}, "unchanged by translation"),
        (lb.contrastive, {"kinks": ("d - margin",)}, "the slope jumps"),
        (lb.verification, {"rotation": True}, "unchanged by rotation"),
        (lb.cosine_embedding, {"kinks": ()}, "the slope jumps"),
        (lb.cosine_embedding, {"supremum": "1 - margin"}, "largest loss"),
    ],
    ids=str,
)
def test_a_wrong_claim_is_refused(loss: lb.Loss, claims: dict[str, Any], words: str) -> None:
    from dataclasses import replace

    assert words in refused_by(planted(loss, traits=replace(loss.traits, **claims)))
