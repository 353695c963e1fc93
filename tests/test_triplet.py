"""The triplet losses against torch, PyTorch Metric Learning, and loops that take one triplet at a time."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from planting import planted, refused_by
from pytorch_metric_learning import distances, losses, miners, reducers
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import lossbook as lb
from lossbook import triplet

MINED = (lb.batch_all_triplet, lb.semi_hard_triplet, lb.batch_hard_triplet, lb.batch_hard_quadruplet)
GIVEN = (lb.triplet_margin, lb.triplet_margin_with_distance, lb.quadruplet)
REDUCTIONS = ("none", "mean", "sum")


def points(count: int, *shape: int, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, dtype=torch.float64, generator=generator) for _ in range(count)]


def batch(samples: int = 24, dimensions: int = 5, classes: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, dimensions, dtype=torch.float64, generator=generator)
    return x, torch.randint(classes, (samples,), generator=generator) - 1


def batches() -> Iterator[tuple[Tensor, Tensor]]:
    """Many classes and few, one alone in its class, no positives, one class, one sample, all in one place, twins."""
    yield batch()
    yield batch(17, 2, 2, seed=1)
    yield batch(30, 8, 12, seed=2)
    x, y = batch(9, 3, 3, seed=3)
    yield x, torch.cat([y[:-1], torch.tensor([77])])
    yield x, torch.arange(9)
    yield x, torch.zeros(9, dtype=torch.int64)
    yield x[:1], y[:1]
    yield 0 * x + 3, y
    yield torch.cat([x, x]), torch.cat([y, y])  # which of two twins is the hardest is left to chance


# --- torch's own --------------------------------------------------------------------------------------------


def cosine(a: Tensor, b: Tensor) -> Tensor:
    return 1 - F.cosine_similarity(a, b, dim=-1)


@pytest.mark.parametrize("shape", [(4,), (1, 3), (7, 5), (2, 3, 4), (2, 1, 3, 2)], ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_triplet_margin_is_torchs(shape: tuple[int, ...], reduction: str) -> None:
    leaves: Any = [x.requires_grad_() for x in points(3, *shape)]
    for margin, p, eps, swap in itertools.product(
        (0.2, 1.0, 3.0), (1.0, 1.5, 2.0, 4.0, math.inf), (0.0, 1e-6, 0.3), (False, True)
    ):
        setting: dict[str, Any] = {"margin": margin, "p": p, "eps": eps, "swap": swap, "reduction": reduction}
        expected = F.triplet_margin_loss(*leaves, **setting)
        torch.testing.assert_close(lb.triplet_margin(*leaves, **setting), expected, rtol=1e-12, atol=1e-12)
        by_torch = torch.autograd.grad(expected.sum(), leaves)
        found = lb.triplet_margin.gradient(*leaves, **setting)
        torch.testing.assert_close(found, by_torch, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("shape", [(4,), (1, 3), (7, 5), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("function", [None, cosine, lambda a, b: (a - b).abs().amax(-1)])
def test_triplet_margin_with_distance_is_torchs(shape: Any, reduction: str, function: Any) -> None:
    leaves = [x.requires_grad_() for x in points(3, *shape, seed=1)]
    for margin, swap in itertools.product((0.2, 1.0), (False, True)):
        setting = {"margin": margin, "swap": swap, "distance_function": function, "reduction": reduction}
        expected = F.triplet_margin_with_distance_loss(*leaves, **setting)
        torch.testing.assert_close(lb.triplet_margin_with_distance(*leaves, **setting), expected)
        by_torch = torch.autograd.grad(expected.sum(), leaves)
        found = lb.triplet_margin_with_distance.gradient(*leaves, **setting)
        torch.testing.assert_close(found, by_torch, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_margin_ranking_is_torchs(shape: tuple[int, ...], reduction: str) -> None:
    x1, x2 = (x.requires_grad_() for x in points(2, *shape))
    signs = 2 * torch.randint(2, shape) - 1
    for margin, y in itertools.product((-0.5, 0.0, 1.0), (signs, signs.double())):
        expected = F.margin_ranking_loss(x1, x2, y, margin=margin, reduction=reduction)
        torch.testing.assert_close(lb.margin_ranking(x1, x2, y, margin=margin, reduction=reduction), expected)
        by_torch = torch.autograd.grad(expected.sum(), (x1, x2))
        found = lb.margin_ranking.gradient(x1, x2, y, margin=margin, reduction=reduction)
        torch.testing.assert_close(found, by_torch, rtol=1e-12, atol=1e-12)


def test_at_the_kink_the_gradient_is_torchs() -> None:
    a, p, n = (torch.tensor([x, 0.0], dtype=torch.float64, requires_grad=True) for x in (0.0, 1.0, -2.0))
    loss = lb.triplet_margin(a, p, n, eps=0.0)
    assert loss == 0
    expected = torch.autograd.grad(loss, (a, p, n))
    torch.testing.assert_close(lb.triplet_margin.gradient(a, p, n, eps=0.0), expected)
    x = torch.ones(1, dtype=torch.float64, requires_grad=True)
    other = x.detach().clone().requires_grad_()
    expected = torch.autograd.grad(lb.margin_ranking(x, other, torch.ones(1)), (x, other))
    torch.testing.assert_close(lb.margin_ranking.gradient(x, other, torch.ones(1)), expected)
    assert expected[0] == -1  # equal scores move apart


def test_swap_shares_a_tie_as_torch_does() -> None:
    """Anchor and positive in one place: both sides to the negative are equally long."""
    a, n = points(2, 3, 4)
    leaves = [a.clone().requires_grad_(), a.clone().requires_grad_(), n.requires_grad_()]
    for loss, more in (
        (lb.triplet_margin, {"eps": 0.0}),
        (lb.triplet_margin, {}),
        (lb.triplet_margin_with_distance, {}),
    ):
        setting: dict[str, Any] = {"swap": True, "margin": 9.0, **more}
        expected = torch.autograd.grad(loss(*leaves, **setting), leaves)
        torch.testing.assert_close(loss.gradient(*leaves, **setting), expected, rtol=1e-12, atol=1e-12)


# --- one triplet at a time ----------------------------------------------------------------------------------


def naive_triplets(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[int, float, float]]:
    """Anchor, distance to the positive and distance to the negative, of every triplet."""
    for a, p, n in itertools.product(range(len(x)), repeat=3):
        if a != p and y[a] == y[p] and y[a] != y[n]:
            yield a, math.dist(x[a], x[p]), math.dist(x[a], x[n])


def naive(loss: lb.Loss, x: Tensor, y: Tensor, **setting: float) -> tuple[list[float], int, int]:
    """The loss of each anchor, how many of what the mean is over there are, and how many of these are not zero."""
    rows, labels = x.numpy(), y.numpy()
    every = list(naive_triplets(rows, labels))
    each = [0.0] * len(rows)
    terms: list[float] = []
    if loss in (lb.batch_all_triplet, lb.semi_hard_triplet):
        margin = setting["margin"]
        for a, dp, dn in every:
            if loss is lb.batch_all_triplet or dp < dn < dp + margin:
                terms.append(max(dp - dn + margin, 0.0))
                each[a] += terms[-1]
        return each, len(terms), sum(x > 0 for x in terms)
    for a in sorted({a for a, _, _ in every}):
        dp = max(d for b, d, _ in every if a == b)
        dn = min(d for b, _, d in every if a == b)
        others = [
            math.dist(rows[k], rows[j])
            for k, j in itertools.combinations(range(len(rows)), 2)
            if len({labels[a], labels[k], labels[j]}) == 3
        ]
        if loss is lb.batch_hard_triplet:
            terms.append(max(dp - dn + setting["margin"], 0.0))
        else:
            first = max(dp - dn + setting["margin1"], 0.0)
            terms.append(first + (max(dp - min(others) + setting["margin2"], 0.0) if others else 0.0))
        each[a] = terms[-1]
    return each, len(terms), sum(x > 0 for x in terms)


SETTINGS: list[tuple[lb.Loss, dict[str, float]]] = [
    *((loss, {"margin": m}) for loss in MINED[:3] for m in (0.0, 0.3, 1.0, 4.0)),
    *((lb.batch_hard_quadruplet, {"margin1": a, "margin2": b}) for a in (0.0, 1.0) for b in (0.0, 0.5, 2.0)),
]


@pytest.mark.parametrize(("loss", "setting"), SETTINGS, ids=str)
def test_a_naive_loop_agrees(loss: lb.Loss, setting: dict[str, float]) -> None:
    for x, y in batches():
        each, counted, positive = naive(loss, x, y, **setting)
        expected = torch.tensor(each, dtype=torch.float64)
        torch.testing.assert_close(loss(x, y, reduction="none", **setting), expected, rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(loss(x, y, reduction="sum", **setting), expected.sum(), rtol=1e-11, atol=1e-11)
        mean = expected.sum() / max(counted, 1)
        torch.testing.assert_close(loss(x, y, **setting), mean, rtol=1e-11, atol=1e-11)
        if "nonzero" in {option.name for option in loss.options}:
            mean = expected.sum() / max(positive, 1)
            torch.testing.assert_close(loss(x, y, nonzero=True, **setting), mean, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("loss", "setting"), SETTINGS, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_the_gradient_is_that_of_autograd(loss: lb.Loss, setting: dict[str, Any], reduction: str) -> None:
    for x, y in list(batches())[:-1]:
        x = x.requires_grad_()
        for option in ({}, {"nonzero": True}) if loss.options else ({},):
            given = {**setting, **option, "reduction": reduction}
            (expected,) = torch.autograd.grad(loss(x, y, **given).sum(), x)
            torch.testing.assert_close(loss.gradient(x, y, **given), expected, rtol=1e-9, atol=1e-9)


def test_quadruplet_by_hand() -> None:
    a, p, n1, n2 = points(4, 6, 3)
    for squared, m1, m2 in itertools.product((False, True), (0.0, 1.0), (0.0, 0.5, 3.0)):
        power = 2 if squared else 1
        expected = [
            max(math.dist(w, x) ** power - math.dist(w, y) ** power + m1, 0)
            + max(math.dist(w, x) ** power - math.dist(y, z) ** power + m2, 0)
            for w, x, y, z in zip(a, p, n1, n2, strict=True)
        ]
        setting: dict[str, Any] = {"margin1": m1, "margin2": m2, "squared": squared}
        found = lb.quadruplet(a, p, n1, n2, reduction="none", **setting)
        torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-13, atol=1e-13)
        leaves = [x.clone().requires_grad_() for x in (a, p, n1, n2)]
        slopes = torch.autograd.grad(lb.quadruplet(*leaves, **setting), leaves)
        torch.testing.assert_close(lb.quadruplet.gradient(a, p, n1, n2, **setting), slopes, rtol=1e-11, atol=1e-12)


def test_the_mined_quadruplet_is_a_quadruplet() -> None:
    """Where the nearest negative is one of the closest two others, the two losses are the same number."""
    x = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.5, 2.5], [0.5, 3.5]], dtype=torch.float64)
    y = torch.tensor([4, 4, 5, 6])
    found = lb.batch_hard_quadruplet(x, y, reduction="none")
    torch.testing.assert_close(found[0], lb.quadruplet(x[0], x[1], x[2], x[3]))
    assert found[0] > lb.batch_hard_triplet(x, y, reduction="none")[0] and (found[2:] == 0).all()


def test_a_quadruplet_of_two_classes_is_a_triplet() -> None:
    x, y = batch(20, 4, 2)
    torch.testing.assert_close(
        lb.batch_hard_quadruplet(x, y, reduction="none"), lb.batch_hard_triplet(x, y, reduction="none")
    )


# --- PyTorch Metric Learning --------------------------------------------------------------------------------

LENGTH = distances.LpDistance(normalize_embeddings=False)


def metric_learning(x: Tensor, y: Tensor, margin: float, miner: Any, mean: str) -> Tensor:
    reducer = {"nonzero": reducers.AvgNonZeroReducer, "all": reducers.MeanReducer}[mean]()
    loss = losses.TripletMarginLoss(margin=margin, distance=LENGTH, reducer=reducer)
    return loss(x, y, miner(x, y) if miner else None)


@pytest.mark.parametrize("margin", [0.1, 0.5, 1.0, 3.0])
def test_pytorch_metric_learning_agrees(margin: float) -> None:
    hard = miners.BatchHardMiner(distance=LENGTH)
    semi = miners.TripletMarginMiner(margin=margin, type_of_triplets="semihard", distance=LENGTH)
    for x, y in list(batches())[:4]:
        x = x.requires_grad_()
        for loss, miner, mean, option in (
            (lb.batch_hard_triplet, hard, "all", {}),
            (lb.batch_hard_triplet, hard, "nonzero", {"nonzero": True}),
            (lb.batch_all_triplet, None, "all", {}),
            (lb.batch_all_triplet, None, "nonzero", {"nonzero": True}),
            (lb.semi_hard_triplet, semi, "all", {}),
            (lb.semi_hard_triplet, semi, "nonzero", {}),
        ):
            expected = metric_learning(x, y, margin, miner, mean)
            found = loss(x, y, margin=margin, **option)
            torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
            slopes = [torch.autograd.grad(one, x)[0] for one in (found, expected)]
            torch.testing.assert_close(*slopes, rtol=1e-8, atol=1e-8)
            torch.testing.assert_close(loss.gradient(x, y, margin=margin, **option), slopes[1], rtol=1e-8, atol=1e-8)


def test_n_pairs_is_pytorch_metric_learnings() -> None:
    a, p = (x.requires_grad_() for x in points(2, 7, 4))
    both, y = torch.cat([a, p]), torch.arange(7).repeat(2)
    found = lb.n_pairs(a, p)
    expected = losses.NPairsLoss(distance=distances.DotProductSimilarity(normalize_embeddings=False))(both, y)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(lb.n_pairs.gradient(a, p), torch.autograd.grad(expected, (a, p)))


def test_n_pairs_leaves_out_its_own_class() -> None:
    a, p = points(2, 6, 3)
    y = torch.tensor([5, 5, 1, 2, 1, 5])
    expected = [
        math.log(1 + sum(math.exp(a[i] @ p[j] - a[i] @ p[i]) for j in range(6) if y[i] != y[j])) for i in range(6)
    ]
    each = lb.n_pairs(a, p, labels=y, reduction="none")
    torch.testing.assert_close(each, torch.tensor(expected, dtype=torch.float64))
    torch.testing.assert_close(lb.n_pairs(a, p, labels=torch.arange(6)), lb.n_pairs(a, p))
    same = torch.zeros(6, dtype=torch.int64)
    assert lb.n_pairs(a, p, labels=same) == 0
    assert all((slope == 0).all() for slope in lb.n_pairs.gradient(a, p, labels=same))


# --- which mean, collapse -----------------------------------------------------------------------------------


def test_the_two_means() -> None:
    """The numbers of pitfall 14: 2 of 8 triplets are not zero, and each of these is 0.2."""
    x = torch.tensor([[0.0], [0.3], [0.9], [1.2]], dtype=torch.float64)
    y = torch.tensor([0, 0, 1, 1])
    assert lb.batch_all_triplet(x, y, margin=0.5).item() == pytest.approx(0.05)
    assert lb.batch_all_triplet(x, y, margin=0.5, nonzero=True).item() == pytest.approx(0.20)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("loss", MINED, ids=str)
def test_all_alike_is_the_margin_and_moves_nothing(loss: lb.Loss, dtype: torch.dtype) -> None:
    y = torch.tensor([0, 0, 1, 1, 2, 2])
    expected = {"batch_hard_quadruplet": 1.5, "semi_hard_triplet": 0.0}.get(loss.name, 1.0)
    for place in (0.0, 0.1, -3.0, 1e4, 1e-30):
        x = torch.full((6, 7), place, dtype=dtype).requires_grad_()
        value = loss(x, y)
        assert value.dtype == dtype and value.item() == expected
        assert (torch.autograd.grad(value, x)[0] == 0).all()
        assert (loss.gradient(x, y) == 0).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("loss", MINED, ids=str)
def test_finite_in_every_odd_batch(loss: lb.Loss, dtype: torch.dtype) -> None:
    far = 100.0 if dtype == torch.float16 else 1e4
    for x, y in batches():
        for size in (1.0, 1e-6, far):
            leaf = (size * x).to(dtype).requires_grad_()
            for reduction in REDUCTIONS:
                value = loss(leaf, y, reduction=reduction)
                if dtype != torch.float16 or reduction != "sum":
                    assert value.isfinite().all()
                (slope,) = torch.autograd.grad(value.sum(), leaf)
                assert slope.isfinite().all() and loss.gradient(leaf, y, reduction=reduction).isfinite().all()


@pytest.mark.parametrize("loss", GIVEN, ids=str)
def test_points_in_one_place(loss: lb.Loss) -> None:
    """Pitfall 13: the square root at zero."""
    for dtype in (torch.float64, torch.float32):
        same = torch.ones(2, 3, dtype=dtype)
        leaves = [same.clone().requires_grad_() for _ in loss.takes.names]
        value = loss(*leaves)
        assert value.item() == pytest.approx(1.5 if loss is lb.quadruplet else 1.0)
        for slope in (*torch.autograd.grad(value, leaves), *loss.gradient(*leaves)):
            assert slope.isfinite().all()


def test_what_eps_does_in_one_place() -> None:
    """The numbers of pitfall 13: eps makes a direction out of nothing."""
    a, p, n = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64), torch.full((3,), 0.1)
    slope = lb.triplet_margin.gradient(a, p, n.double())[1]
    torch.testing.assert_close(slope, torch.full((3,), -1 / math.sqrt(3), dtype=torch.float64))
    assert (lb.triplet_margin.gradient(a, p, n.double(), eps=0.0)[1] == 0).all()


def test_who_does_not_count() -> None:
    x, _ = batch(5, 3)
    y = torch.tensor([0, 0, 1, 2, 3])
    for loss in MINED:
        each = (
            loss(x, y, margin=50.0, reduction="none")
            if loss.defaults.keys() == {"margin"}
            else loss(x, y, reduction="none")
        )
        assert (each[2:] == 0).all()
    assert (
        lb.batch_hard_triplet(x, y, margin=9.0) == lb.batch_hard_triplet(x, y, margin=9.0, reduction="none")[:2].mean()
    )


@pytest.mark.parametrize("loss", MINED, ids=str)
def test_nan_stays_nan(loss: lb.Loss) -> None:
    x, y = batch()
    x[3, 1] = math.nan
    assert loss(x, y).isnan() and loss.gradient(x, y).isnan().any()


def test_nan_stays_nan_where_scores_are_ranked() -> None:
    x, y = torch.tensor([math.nan, 1.0]), torch.ones(2)
    for slope in lb.margin_ranking.gradient(x, torch.zeros(2), y, margin=9.0):
        assert slope.isnan().tolist() == [True, False]


@pytest.mark.parametrize("labels", [None, torch.tensor([0, 0, 1], device="meta")])
def test_gradients_of_n_pairs_stay_on_their_device(labels: Tensor | None) -> None:
    x = torch.empty(3, 2, device="meta")
    for slope in lb.n_pairs.gradient(x, x, labels=labels):
        assert slope.device == x.device and slope.shape == x.shape


@pytest.mark.parametrize("loss", [lb.batch_all_triplet, lb.batch_hard_triplet], ids=str)
def test_some_sample_of_the_checks_has_easy_anchors(loss: lb.Loss) -> None:
    """Without one, `nonzero` would be an option that changes nothing, and nobody would see it ignored."""
    assert any(loss(*sample, nonzero=True) > loss(*sample) for sample in loss.takes.samples())


# --- the Gram matrix ----------------------------------------------------------------------------------------


def test_how_many_digits_the_gram_matrix_keeps() -> None:
    """In float32 squares are off by a ten-millionth of the squared length: distances by 0.0003 lengths at worst."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 32, generator=generator)
    x[1:32] = x[0] + 1e-4 * torch.randn(31, 32, generator=generator)  # a clump, far from the middle
    exact = torch.cdist(x.double(), x.double(), compute_mode="donot_use_mm_for_euclid_dist")
    length = (x - x.mean(0)).norm(dim=1).max()
    error = (triplet._root(triplet._squares(x)).double() - exact).abs()
    assert 1e-5 * length < error.max() < 6e-4 * length
    # Far from the origin: without centering, nothing would be left of a distance.
    moved = x + 1000
    naive = (moved.square().sum(1)[:, None] + moved.square().sum(1) - 2 * moved @ moved.T).clamp(min=0).sqrt()
    exact = torch.cdist(moved.double(), moved.double(), compute_mode="donot_use_mm_for_euclid_dist")
    assert (naive.double() - exact).abs().max() > 1
    assert (triplet._root(triplet._squares(moved)).double() - exact).abs().max() < 6e-4 * length


def test_the_hardest_distances_are_exact_in_float32() -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(40, 16, generator=generator) * 1e-3 + 5
    y = torch.arange(40) % 8
    for loss, to in ((lb.batch_hard_triplet, 1e-6), (lb.batch_hard_quadruplet, 1e-6), (lb.batch_all_triplet, 1e-4)):
        expected = loss(x.double(), y)
        assert abs(loss(x, y).double() - expected) < to * expected


class Largest(TorchDispatchMode):
    """Remembers the largest tensor that any operation makes."""

    numel = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = function(*args, **(kwargs or {}))
        for one in found if isinstance(found, (tuple, list)) else (found,):
            if isinstance(one, Tensor):
                self.numel = max(self.numel, one.numel())
        return found


@pytest.mark.parametrize("loss", MINED, ids=str)
def test_nothing_large_is_made(loss: lb.Loss) -> None:
    x, y = batch(64, 48, 8)
    x = x.requires_grad_()
    with Largest() as largest:
        torch.autograd.grad(loss(x, y), x)
        loss.gradient(x, y)
    assert 64 * 64 <= largest.numel <= 2 * 64 * 64


# --- torch.func, torch.compile ------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", MINED, ids=str)
@pytest.mark.filterwarnings("error:There is a performance drop")
def test_many_batches_at_once(loss: lb.Loss) -> None:
    x = torch.randn(5, 12, 3, dtype=torch.float64)
    y = torch.randint(3, (5, 12))
    for reduction in REDUCTIONS:
        expected = torch.stack([loss(a, b, reduction=reduction) for a, b in zip(x, y, strict=True)])
        found = torch.func.vmap(lambda a, b, r=reduction: loss(a, b, reduction=r))(x, y)
        torch.testing.assert_close(found, expected)
    slopes = torch.func.vmap(torch.func.grad(lambda a, b: loss(a, b)))(x, y)
    expected = torch.stack([loss.gradient(a, b) for a, b in zip(x, y, strict=True)])
    torch.testing.assert_close(slopes, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("loss", MINED, ids=str)
def test_compiles_without_a_break(loss: lb.Loss) -> None:
    x, y = batch()
    step = torch.compile(lambda a, b: loss(a, b), fullgraph=True, backend="aot_eager")
    x = x.requires_grad_()
    torch.testing.assert_close(torch.autograd.grad(step(x, y), x), torch.autograd.grad(loss(x, y), x))


@pytest.mark.parametrize("loss", MINED, ids=str)
def test_any_integers_are_labels(loss: lb.Loss) -> None:
    x, y = batch()
    expected = loss(x, y)
    for other in (y + 2**40, -7 * y, (y + 1).to(torch.uint8), y.to(torch.int32)):
        torch.testing.assert_close(loss(x, other), expected)


# --- errors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", MINED, ids=str)
def test_a_batch_that_does_not_fit_is_refused_by_name(loss: lb.Loss) -> None:
    x, y = batch()
    cases: list[tuple[Any, type[Exception], str]] = [
        ((x.long(), y), ValueError, "embeddings: got dtype torch.int64"),
        ((x.tolist(), y), TypeError, "embeddings: got "),
        ((x[0], y), ValueError, r"embeddings: got shape \(5,\), expected \(B, D\)"),
        ((x[None], y), ValueError, r"embeddings: got shape \(1, 24, 5\), expected \(B, D\)"),
        ((x[:0], y[:0]), ValueError, r"embeddings: got shape \(0, 5\)"),
        ((x, y[:5]), ValueError, r"labels: got shape \(5,\), expected \(24,\): class labels, one for each row"),
        ((x, y[:, None]), ValueError, r"labels: got shape \(24, 1\)"),
        ((x, y.double()), ValueError, "labels: got dtype torch.float64"),
        ((x, y > 0), ValueError, "labels: got dtype torch.bool"),
        ((x, y.tolist()), TypeError, "labels: got "),
    ]
    for tensors, error, words in cases:
        with pytest.raises(error, match=words):
            loss(*tensors)
    name = next(iter(loss.defaults))
    with pytest.raises(ValueError, match=rf"{name}: got -0.1, expected a number in \[0, inf\)"):
        loss(x, y, **{name: -0.1})
    with pytest.raises(ValueError, match="reduction: got 'batchmean'"):
        loss(x, y, reduction="batchmean")


@pytest.mark.parametrize("loss", GIVEN, ids=str)
def test_points_that_do_not_fit_are_refused_by_name(loss: lb.Loss) -> None:
    x: Any = points(len(loss.takes.names), 4, 3)
    nothing: Any = None
    for i, name in enumerate(loss.takes.names):
        with pytest.raises(ValueError, match=f"{name}: got dtype torch.int64"):
            loss(*x[:i], x[i].long(), *x[i + 1 :])
        with pytest.raises(TypeError, match=f"{name}: got "):
            loss(*x[:i], nothing, *x[i + 1 :])
        with pytest.raises(ValueError, match=r"got shape \(1, 3\)|got shape \(4, 3\), expected \(1, 3\)"):
            loss(*x[:i], x[i][:1], *x[i + 1 :])
    with pytest.raises(ValueError, match="anchor: got a single number"):
        loss(*(torch.tensor(1.0) for _ in x))


@pytest.mark.parametrize(
    ("loss", "setting", "error", "words"),
    [
        (lb.triplet_margin, {"margin": 0}, ValueError, r"margin: got 0.0, expected a number in \(0, inf\)"),
        (lb.triplet_margin, {"p": 0.5}, ValueError, "p: got 0.5, expected a number from 1 to inf"),
        (lb.triplet_margin, {"p": "2"}, TypeError, "p: got '2'"),
        (lb.triplet_margin, {"p": math.nan}, ValueError, "p: got nan"),
        (lb.triplet_margin, {"eps": -1e-6}, ValueError, "eps: got -1e-06"),
        (lb.triplet_margin, {"swap": 1}, TypeError, "swap: got 1 of type int, expected True or False"),
        (lb.triplet_margin_with_distance, {"distance_function": 2}, TypeError, "distance_function: got 2"),
        (lb.quadruplet, {"squared": "yes"}, TypeError, "squared: got 'yes'"),
        (lb.quadruplet, {"margin2": -1}, ValueError, r"margin2: got -1.0, expected a number in \[0, inf\)"),
    ],
)
def test_arguments_out_of_range(loss: lb.Loss, setting: dict[str, Any], error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        loss(*points(len(loss.takes.names), 4, 3), **setting)


def test_pairs_and_scores_that_do_not_fit() -> None:
    a, p = points(2, 4, 3)
    for arguments, words in (
        (((a, p[:3]), {}), r"positive: got shape \(3, 3\), expected \(4, 3\)"),
        (((a[0], p[0]), {}), r"anchor: got shape \(3,\), expected \(N, D\)"),
        (((a, p), {"labels": torch.arange(3)}), r"labels: got shape \(3,\)"),
    ):
        with pytest.raises(ValueError, match=words):
            lb.n_pairs(*arguments[0], **arguments[1])
    x = a[:, 0]
    ones = torch.ones(4)
    with pytest.raises(ValueError, match=r"input2: got shape \(3,\), expected \(4,\)"):
        lb.margin_ranking(x, x[:3], ones)
    with pytest.raises(ValueError, match=r"target: got shape \(4, 1\)"):
        lb.margin_ranking(x, x, ones[:, None])
    with pytest.raises(ValueError, match=r"target: got the label 0, expected only -1 and 1"):
        lb.margin_ranking(x, x, ones.long() - 1)
    with pytest.raises(TypeError, match="nonzero: got 1"):
        lb.batch_hard_triplet(a, torch.arange(4), nonzero=1)


# --- planted mistakes -----------------------------------------------------------------------------------------


def _wrong_way(a: Tensor, p: Tensor, n: Tensor, **given: Any) -> Tensor:
    return F.triplet_margin_loss(a, n, p, **given)


def _squared(a: Tensor, p: Tensor, n: Tensor, *, margin: float = 1.0, reduction: str, **given: Any) -> Tensor:
    each = F.relu((a - p).square().sum(-1) - (a - n).square().sum(-1) + margin)
    return each if reduction == "none" else getattr(each, reduction)()


def _without_eps(a: Tensor, p: Tensor, n: Tensor, **given: Any) -> Tensor:
    return F.triplet_margin_loss(a, p, n, **{**given, "eps": 0.0})


def _no_swap(a: Tensor, p: Tensor, n: Tensor, *, swap: bool = False, **given: Any) -> Tensor:
    return F.triplet_margin_with_distance_loss(a, p, n, **given)


def _one_margin(a: Tensor, p: Tensor, n1: Tensor, n2: Tensor, *, margin2: float = 0.5, **given: Any) -> Tensor:
    return lb.quadruplet.function(a, p, n1, n2, margin2=given.get("margin1", 1.0), **given)


def _from_the_anchor(a: Tensor, p: Tensor, n1: Tensor, n2: Tensor, **given: Any) -> Tensor:
    """The second term with the anchor instead of the other negative."""
    return lb.quadruplet.function(a, p, n1, n1 + n2 - a, **given)


def _easiest(x: Tensor, y: Tensor, *, margin: float = 1.0, reduction: str, nonzero: bool = False) -> Tensor:
    """The nearest positive and the farthest negative."""
    d, positive, negative = triplet._exactly(x, y)
    dp = d.masked_fill(~positive, math.inf).amin(1)
    dn = d.masked_fill(~negative, -math.inf).amax(1)
    counts = positive.any(1) & negative.any(1)
    each = torch.where(counts, F.relu(dp - dn + margin), 0)
    return triplet._mean(each, (each > 0 if nonzero else counts).sum(), reduction)


def _own_positive(x: Tensor, y: Tensor, *, reduction: str, nonzero: bool = False, margin: float = 1.0) -> Tensor:
    """Everyone is a positive of its own: anchors that are alone count."""
    d, _, negative = triplet._exactly(x, y)
    dp = d.masked_fill(negative, -math.inf).amax(1)
    dn = d.masked_fill(~negative, math.inf).amin(1)
    each = F.relu(dp - dn + margin)
    counts = negative.any(1)
    return triplet._mean(each, (each > 0 if nonzero else counts).sum(), reduction)


def _all_anchors(x: Tensor, y: Tensor, *, reduction: str, **given: Any) -> Tensor:
    each = lb.batch_hard_triplet.function(x, y, reduction="none", **given)
    return each if reduction == "none" else getattr(each, reduction)()


def _always_nonzero(x: Tensor, y: Tensor, *, nonzero: bool = False, **given: Any) -> Tensor:
    return lb.batch_all_triplet.function(x, y, nonzero=True, **given)


def _hard_ones_too(x: Tensor, y: Tensor, **given: Any) -> Tensor:
    return lb.batch_all_triplet.function(x, y, nonzero=True, **given)


def _empty_mask(x: Tensor, y: Tensor, *, margin1: float = 1.0, margin2: float = 0.5, reduction: str) -> Tensor:
    """The note's mask: a negative that is a positive."""
    return lb.batch_hard_triplet.function(x, y, margin=margin1, reduction=reduction)


def _any_two_classes(x: Tensor, y: Tensor, *, margin1: float = 1.0, margin2: float = 0.5, reduction: str) -> Tensor:
    """The closest two of different classes, of which one may be the anchor's."""
    d, positive, negative = triplet._exactly(x, y)
    first = lb.batch_hard_triplet.function(x, y, margin=margin1, reduction="none")
    dp, dnn = d.masked_fill(~positive, 0).amax(1), d.masked_fill(~negative, math.inf).min()
    counts = positive.any(1) & negative.any(1)
    each = first + torch.where(counts, F.relu(dp - dnn + margin2), 0)
    return triplet._mean(each, counts.sum(), reduction)


def _by_columns(a: Tensor, p: Tensor, **given: Any) -> Tensor:
    return lb.n_pairs.function(p, a, **given)


def _turned(x1: Tensor, x2: Tensor, y: Tensor, **given: Any) -> Tensor:
    return F.margin_ranking_loss(x2, x1, y, **given)


@pytest.mark.parametrize(
    ("loss", "wrong"),
    [
        (lb.triplet_margin, _wrong_way),
        (lb.triplet_margin, _squared),
        (lb.triplet_margin, _without_eps),
        (lb.triplet_margin_with_distance, _no_swap),
        (lb.quadruplet, _one_margin),
        (lb.quadruplet, _from_the_anchor),
        (lb.batch_hard_triplet, _easiest),
        (lb.batch_hard_triplet, _own_positive),
        (lb.batch_hard_triplet, _all_anchors),
        (lb.batch_all_triplet, _always_nonzero),
        (lb.semi_hard_triplet, _hard_ones_too),
        (lb.batch_hard_quadruplet, _empty_mask),
        (lb.batch_hard_quadruplet, _any_two_classes),
        (lb.n_pairs, _by_columns),
        (lb.margin_ranking, _turned),
    ],
    ids=lambda x: getattr(x, "__name__", str(x)),
)
def test_a_wrong_loss_is_refused(loss: lb.Loss, wrong: Callable[..., Tensor]) -> None:
    assert refused_by(planted(loss, wrong))


def _anchor_forgotten(a: Tensor, p: Tensor, n: Tensor, **given: Any) -> tuple[Tensor, ...]:
    return torch.zeros_like(a), *triplet._triplet_margin_gradient(a, p, n, **given)[1:]


def _towards(a: Tensor, p: Tensor, n: Tensor, **given: Any) -> tuple[Tensor, ...]:
    by_a, by_p, by_n = triplet._triplet_margin_gradient(a, p, n, **given)
    return by_a, by_p, -by_n


def _sum_for_mean(x: Tensor, y: Tensor, *, reduction: str, **given: Any) -> Tensor:
    return triplet._batch_hard_triplet_gradient(x, y, reduction="sum", **given)


def _anchors_only(x: Tensor, y: Tensor, *, reduction: str, **given: Any) -> Tensor:
    """Each pair pulls at its anchor; the other end is held."""
    by_distances, triplet._by_distances = triplet._by_distances, _one_way
    try:
        return triplet._batch_all_triplet_gradient(x, y, reduction=reduction, **given)
    finally:
        triplet._by_distances = by_distances


def _one_way(weights: Tensor, d: Tensor, x: Tensor) -> Tensor:
    pull = weights / torch.where(d == 0, math.inf, d)
    return pull.sum(1, keepdim=True) * x - pull @ x


def _of_squares(x: Tensor, y: Tensor, *, reduction: str, **given: Any) -> Tensor:
    """2 (x - y), the slope of the squared distance."""
    by_distances, triplet._by_distances = triplet._by_distances, _twice_the_difference
    try:
        return triplet._semi_hard_triplet_gradient(x, y, reduction=reduction, **given)
    finally:
        triplet._by_distances = by_distances


def _twice_the_difference(weights: Tensor, d: Tensor, x: Tensor) -> Tensor:
    pull = 2 * (weights + weights.T)
    return pull.sum(1, keepdim=True) * x - pull @ x


def _second_term_held(x: Tensor, y: Tensor, *, margin1: float = 1.0, margin2: float = 0.5, reduction: str) -> Tensor:
    return triplet._batch_hard_triplet_gradient(x, y, margin=margin1, reduction=reduction)


def _second_negative_held(*tensors: Tensor, **given: Any) -> tuple[Tensor, ...]:
    *others, last = triplet._quadruplet_gradient(*tensors, **given)
    return *others, 0 * last


def _not_transposed(a: Tensor, p: Tensor, **given: Any) -> tuple[Tensor, Tensor]:
    by_a, _ = triplet._n_pairs_gradient(a, p, **given)
    return by_a, triplet._n_pairs_gradient(p, a, **given)[0]


def _same_sign(x1: Tensor, x2: Tensor, y: Tensor, **given: Any) -> tuple[Tensor, Tensor]:
    first, _ = triplet._margin_ranking_gradient(x1, x2, y, **given)
    return first, first


def _no_chain(a: Tensor, p: Tensor, n: Tensor, **given: Any) -> tuple[Tensor, ...]:
    """Euclid's slope, whatever the distance."""
    given.pop("distance_function", None)
    return triplet._triplet_margin_gradient(a, p, n, **given)


@pytest.mark.parametrize(
    ("loss", "wrong"),
    [
        (lb.triplet_margin, _anchor_forgotten),
        (lb.triplet_margin, _towards),
        (lb.triplet_margin_with_distance, _no_chain),
        (lb.quadruplet, _second_negative_held),
        (lb.batch_hard_triplet, _sum_for_mean),
        (lb.batch_all_triplet, _anchors_only),
        (lb.semi_hard_triplet, _of_squares),
        (lb.batch_hard_quadruplet, _second_term_held),
        (lb.n_pairs, _not_transposed),
        (lb.margin_ranking, _same_sign),
    ],
    ids=lambda x: getattr(x, "__name__", str(x)),
)
def test_a_wrong_gradient_is_refused(loss: lb.Loss, wrong: Callable[..., Any]) -> None:
    assert "gradient" in refused_by(planted(loss, closed_form=wrong))
