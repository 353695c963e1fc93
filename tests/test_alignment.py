"""The losses of matching against PyTorch Metric Learning, cross-entropy, and DAMSM as the paper writes it, in loops."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from planting import planted, refused_by
from torch import Tensor

import lossbook as lb
from lossbook import alignment

PAIRS = (lb.info_nce, lb.nt_xent, lb.clip)
DAMSM = (lb.damsm_sentence, lb.damsm_word, lb.damsm)
ALL = (*PAIRS, lb.supervised_contrastive, *DAMSM)
DOUBLE = torch.float64


def rows(number: int, size: int, seed: int = 0) -> Tensor:
    return 2 * torch.randn(number, size, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed + number + size))


def captions(batch: int = 4, size: int = 3, regions: int = 5, words: int = 4, seed: int = 0) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    v = torch.randn(batch, size, regions, dtype=DOUBLE, generator=generator)
    e = torch.randn(batch, size, words, dtype=DOUBLE, generator=generator)
    return v, e, torch.randint(1, words + 1, (batch,), generator=generator)


def some(loss: lb.Loss, batch: int = 4, seed: int = 0) -> tuple[Any, ...]:
    """A batch for any loss of the family."""
    if loss in PAIRS:
        return rows(batch, 5, seed), rows(batch, 5, seed + 1)
    if loss is lb.supervised_contrastive:
        return rows(batch, 5, seed), torch.arange(batch) // 2
    words = captions(batch, seed=seed)
    sentences = rows(batch, 6, seed), rows(batch, 6, seed + 1)
    return {
        lb.damsm_word: (*words, None),
        lb.damsm_sentence: (*sentences, None),
        lb.damsm: (*words, *sentences, None),
    }[loss]


def learned(loss: lb.Loss, tensors: tuple[Any, ...]) -> list[Tensor]:
    return [x for x, name in zip(tensors, loss.takes.names, strict=True) if name in loss.takes.by]


def leaves(loss: lb.Loss, tensors: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        x.detach().clone().requires_grad_() if name in loss.takes.by else x
        for x, name in zip(tensors, loss.takes.names, strict=True)
    )


def by_autograd(loss: lb.Loss, tensors: tuple[Any, ...], **given: Any) -> tuple[Tensor, ...]:
    ready = leaves(loss, tensors)
    return torch.autograd.grad(loss(*ready, **given).sum(), learned(loss, ready))


def closed(loss: lb.Loss, tensors: tuple[Any, ...], **given: Any) -> tuple[Tensor, ...]:
    found = loss.gradient(*tensors, **given)
    return found if isinstance(found, tuple) else (found,)


# --- other libraries ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("temperature", [0.05, 0.5, 1.0])
def test_info_nce_is_cross_entropy_of_cosines(reduction: str, temperature: float) -> None:
    for queries, keys in ((1, 1), (4, 4), (4, 11)):
        q, k = rows(queries, 5).requires_grad_(), rows(keys, 5, 1).requires_grad_()
        logits = F.normalize(q) @ F.normalize(k).T / temperature
        expected = F.cross_entropy(logits, torch.arange(queries), reduction=reduction)
        found = lb.info_nce(q, k, temperature=temperature, reduction=reduction)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
        slopes = torch.autograd.grad(expected.sum(), (q, k))
        gradient = lb.info_nce.gradient(q.detach(), k.detach(), temperature=temperature, reduction=reduction)
        torch.testing.assert_close(gradient, slopes, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_clip_is_the_mean_of_both_directions(reduction: str) -> None:
    a, b = rows(6, 4).requires_grad_(), rows(6, 4, 1).requires_grad_()
    logits = F.cosine_similarity(a[:, None], b[None], dim=-1) / 0.2
    own = torch.arange(6)
    both = [F.cross_entropy(z, own, reduction=reduction) for z in (logits, logits.T)]
    expected = (both[0] + both[1]) / 2
    found = lb.clip(a, b, temperature=0.2, reduction=reduction)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    slopes = torch.autograd.grad(expected.sum(), (a, b))
    gradient = lb.clip.gradient(a.detach(), b.detach(), temperature=0.2, reduction=reduction)
    torch.testing.assert_close(gradient, slopes, rtol=1e-10, atol=1e-11)
    there, back = (lb.info_nce(*x, temperature=0.2, reduction=reduction) for x in ((a, b), (b, a)))
    torch.testing.assert_close(found, (there + back) / 2)
    half = lb.damsm_sentence(a, b, gamma3=5.0, reduction=reduction) / 2
    torch.testing.assert_close(found, half)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_nt_xent_is_that_of_pytorch_metric_learning(temperature: float) -> None:
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    for pairs in (2, 7):
        a, b = rows(pairs, 5).requires_grad_(), rows(pairs, 5, 1).requires_grad_()
        labels = torch.arange(pairs).repeat(2)
        expected = losses.NTXentLoss(temperature=temperature)(torch.cat([a, b]), labels)
        torch.testing.assert_close(lb.nt_xent(a, b, temperature=temperature), expected, rtol=1e-9, atol=1e-9)
        slopes = torch.autograd.grad(expected, (a, b))
        gradient = lb.nt_xent.gradient(a.detach(), b.detach(), temperature=temperature)
        torch.testing.assert_close(gradient, slopes, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_supervised_contrastive_is_that_of_pytorch_metric_learning(temperature: float) -> None:
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    for labels in ([0, 1, 0, 1, 1, 2], [3, 3, 4, 4]):
        y, x = torch.tensor(labels), rows(len(labels), 5).requires_grad_()
        expected = losses.SupConLoss(temperature=temperature)(x, y)
        found = lb.supervised_contrastive(x, y, temperature=temperature)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
        (slope,) = torch.autograd.grad(expected, x)
        gradient = lb.supervised_contrastive.gradient(x.detach(), y, temperature=temperature)
        torch.testing.assert_close(gradient, slope, rtol=1e-7, atol=1e-9)


def test_two_views_of_each_class_are_nt_xent() -> None:
    a, b = rows(5, 4), rows(5, 4, 1)
    both, labels = torch.cat([a, b]), torch.arange(5).repeat(2)
    found = lb.supervised_contrastive(both, labels, temperature=0.3, reduction="none")
    torch.testing.assert_close(found, lb.nt_xent(a, b, temperature=0.3, reduction="none"))


def test_the_sum_over_positives_is_outside_of_the_logarithm() -> None:
    """Khosla et al., equation 2, in loops; equation 3, with the sum inside, is never more (Jensen)."""
    x, y, t = F.normalize(rows(7, 3)), [0, 0, 0, 1, 1, 2, 0], 0.4
    s = (x @ x.T / t).tolist()
    outside, inside = [], []
    for i in range(7):
        positives = [p for p in range(7) if p != i and y[p] == y[i]]
        total = sum(math.exp(s[i][a]) for a in range(7) if a != i)
        shares = [math.exp(s[i][p]) / total for p in positives]
        outside.append(-sum(map(math.log, shares)) / len(shares) if shares else 0.0)
        inside.append(-math.log(sum(shares) / len(shares)) if shares else 0.0)
    each = lb.supervised_contrastive(x, torch.tensor(y), temperature=t, reduction="none")
    torch.testing.assert_close(each, torch.tensor(outside, dtype=DOUBLE), rtol=1e-12, atol=1e-12)
    assert all(a <= b + 1e-12 for a, b in zip(inside, outside, strict=True)) and inside != outside
    mean = lb.supervised_contrastive(x, torch.tensor(y), temperature=t)
    assert mean.item() == pytest.approx(sum(outside) / 6)  # the one of class 2 is not counted


# --- DAMSM, as the paper writes it ----------------------------------------------------------------------------


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def shares(numbers: list[float]) -> list[float]:
    total = sum(map(math.exp, numbers))
    return [math.exp(number) / total for number in numbers]


def looks(v: list[list[float]], e: list[list[float]], gamma1: float) -> list[list[float]]:
    """Equations 7 to 9: v holds regions, e words."""
    s = [[dot(word, region) for region in v] for word in e]
    normal = [shares([s[i][j] for i in range(len(e))]) for j in range(len(v))]  # for each region, over the words
    return [shares([gamma1 * normal[j][i] for j in range(len(v))]) for i in range(len(e))]


def score(v: list[list[float]], e: list[list[float]], gamma1: float, gamma2: float) -> float:
    """Equation 10."""
    total = 0.0
    for word, alpha in zip(e, looks(v, e, gamma1), strict=True):
        c = [sum(a * region[k] for a, region in zip(alpha, v, strict=True)) for k in range(len(word))]
        total += math.exp(gamma2 * dot(c, word) / math.sqrt(dot(c, c) * dot(word, word)))
    return math.log(total ** (1 / gamma2))


def score_matrix(v: Tensor, e: Tensor, lengths: Tensor, gamma1: float = 4.0, gamma2: float = 5.0) -> list[list[float]]:
    images = v.transpose(1, 2).tolist()
    texts = [rows[:count] for rows, count in zip(e.transpose(1, 2).tolist(), lengths.tolist(), strict=True)]
    return [[score(image, text, gamma1, gamma2) for text in texts] for image in images]


def matched(scores: list[list[float]], classes: list[int], gamma3: float) -> list[float]:
    """Equations 11 to 13, for each pair: both directions."""
    found = []
    for i in range(len(scores)):
        kept = [j for j in range(len(scores)) if j == i or classes[j] != classes[i]]
        across = sum(math.exp(gamma3 * scores[i][j]) for j in kept)
        down = sum(math.exp(gamma3 * scores[j][i]) for j in kept)
        found.append(math.log(across) + math.log(down) - 2 * gamma3 * scores[i][i])
    return found


@pytest.mark.parametrize("gammas", [(4.0, 5.0, 10.0), (0.0, 1.0, 2.0), (12.0, 9.0, 30.0)], ids=str)
@pytest.mark.parametrize("classes", [None, [0, 1, 2, 3], [7, 3, 7, 7], [5, 5, 5, 5]], ids=str)
def test_damsm_is_the_paper_in_loops(classes: list[int] | None, gammas: tuple[float, float, float]) -> None:
    v, e, lengths = captions()
    names = dict(zip(("gamma1", "gamma2", "gamma3"), gammas, strict=True))
    own = None if classes is None else torch.tensor(classes)
    expected = matched(score_matrix(v, e, lengths, *gammas[:2]), classes or [0, 1, 2, 3], gammas[2])
    each = torch.tensor(expected, dtype=DOUBLE)
    found = lb.damsm_word(v, e, lengths, own, reduction="none", **names)
    torch.testing.assert_close(found, each, rtol=1e-11, atol=1e-11)
    a, b = rows(4, 6), rows(4, 6, 1)
    cosines = F.cosine_similarity(a[:, None], b[None], dim=-1).tolist()
    other = torch.tensor(matched(cosines, classes or [0, 1, 2, 3], gammas[2]), dtype=DOUBLE)
    found = lb.damsm_sentence(a, b, own, gamma3=gammas[2], reduction="none")
    torch.testing.assert_close(found, other, rtol=1e-11, atol=1e-11)
    for reduction, total in (("none", each + other), ("sum", (each + other).sum()), ("mean", (each + other).mean())):
        found = lb.damsm(v, e, lengths, a, b, own, reduction=reduction, **names)
        torch.testing.assert_close(found, total, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("shape", [(1, 2, 1, 1), (3, 2, 1, 4), (3, 4, 6, 1), (5, 3, 2, 7)], ids=str)
def test_other_sizes_and_their_gradients(shape: tuple[int, ...]) -> None:
    v, e, lengths = captions(*shape)
    classes = torch.arange(shape[0]) % 2
    expected = torch.tensor(matched(score_matrix(v, e, lengths), classes.tolist(), 10.0), dtype=DOUBLE)
    tensors = (v, e, lengths, classes)
    torch.testing.assert_close(lb.damsm_word(*tensors, reduction="none"), expected, rtol=1e-11, atol=1e-11)
    for reduction in ("none", "mean", "sum"):
        slopes = by_autograd(lb.damsm_word, tensors, reduction=reduction)
        found = lb.damsm_word.gradient(*tensors, reduction=reduction)
        torch.testing.assert_close(found, slopes, rtol=1e-9, atol=1e-11)


def test_attention_and_scores_of_any_images_and_captions() -> None:
    v, _, _ = captions(3)
    _, e, lengths = captions(5, seed=1)
    attention = lb.damsm_attention(v, e, lengths, gamma1=3.0)
    scores = lb.damsm_scores(v, e, lengths, gamma1=3.0, gamma2=2.0)
    assert attention.shape == (3, 5, 4, 5) and scores.shape == (3, 5)
    expected = torch.tensor(score_matrix(v, e, lengths, 3.0, 2.0), dtype=DOUBLE)
    torch.testing.assert_close(scores, expected, rtol=1e-12, atol=1e-12)
    for n in range(3):
        for m, count in enumerate(lengths.tolist()):
            one = looks(v[n].T.tolist(), e[m].T[:count].tolist(), 3.0)
            torch.testing.assert_close(attention[n, m, :count], torch.tensor(one, dtype=DOUBLE))
            assert (attention[n, m, count:] == 0).all()
    assert lb.damsm_attention(v.bfloat16(), e.bfloat16(), lengths).dtype == torch.bfloat16
    assert lb.damsm_scores(v.half(), e.half(), lengths.int()).dtype == torch.float16
    with pytest.raises(ValueError, match=r"gamma1: got -1.0, expected a number in \[0, inf\)"):
        lb.damsm_attention(v, e, lengths, gamma1=-1)
    with pytest.raises(ValueError, match=r"gamma2: got 0.0"):
        lb.damsm_scores(v, e, lengths, gamma2=0)
    with pytest.raises(ValueError, match=r"lengths: got shape \(4,\), expected \(5,\)"):
        lb.damsm_scores(v, e, lengths[:4])


def test_the_published_listing_leaves_out_one_over_gamma2() -> None:
    """log(sum(exp(5 R))) * 10 in place of log(sum(exp(5 R)))/5 * 10: our gamma3 is 5 times theirs."""
    v, e, lengths = captions()
    scores = torch.tensor(score_matrix(v, e, lengths), dtype=DOUBLE)
    own = torch.arange(4)
    listing = F.cross_entropy(10 * 5 * scores, own) + F.cross_entropy(10 * 5 * scores.T, own)
    torch.testing.assert_close(lb.damsm_word(v, e, lengths, gamma3=50.0), listing)


def test_one_word_looks_at_all_regions_alike() -> None:
    v, e, _ = captions()
    one = torch.ones(4, dtype=torch.int64)
    for gamma1 in (0.0, 4.0, 100.0):
        attention = lb.damsm_attention(v, e, one, gamma1=gamma1)[:, :, 0]
        torch.testing.assert_close(attention, torch.full_like(attention, 1 / 5))


# --- padding, classes, batches --------------------------------------------------------------------------------


@pytest.mark.parametrize("filling", [0.0, 1e30, math.inf, math.nan])
def test_padding_is_ignored_whatever_it_is(filling: float) -> None:
    v, e, lengths = captions()
    padded = torch.cat([e, torch.zeros(4, 3, 2, dtype=DOUBLE)], dim=2)
    padding = torch.arange(6) >= lengths[:, None]
    padded = padded.masked_fill(padding[:, None], filling)
    expected = lb.damsm_word(v, e, lengths, reduction="none")
    torch.testing.assert_close(lb.damsm_word(v, padded, lengths, reduction="none"), expected)
    by_v, by_e = lb.damsm_word.gradient(v, e, lengths)
    for found in (lb.damsm_word.gradient(v, padded, lengths), by_autograd(lb.damsm_word, (v, padded, lengths, None))):
        torch.testing.assert_close(found[0], by_v)
        torch.testing.assert_close(found[1][:, :, :4], by_e)
        assert (found[1].transpose(1, 2)[padding] == 0).all()


@pytest.mark.parametrize("loss", DAMSM, ids=str)
def test_pairs_of_one_class_are_no_negatives(loss: lb.Loss) -> None:
    tensors = some(loss)[:-1]
    different = loss(*tensors, torch.tensor([3, 1, 4, 2]))
    nothing: Any = None
    assert loss(*tensors) == loss(*tensors, nothing) == different == loss(*tensors, classes=None)
    one = torch.full((4,), 6)
    assert loss(*tensors, one) == 0 and (loss(*tensors, one, reduction="none") == 0).all()
    assert all((slope == 0).all() for slope in loss.gradient(*tensors, one))
    assert all((slope == 0).all() for slope in by_autograd(loss, (*tensors, one)))
    # Two alike: as if each of them had been in the batch without the other.
    alike = loss(*tensors, torch.tensor([0, 1, 1, 2]), reduction="none")
    for gone, kept in ((2, [0, 1, 3]), (1, [0, 2, 3])):
        rest = loss(*(x[kept] for x in tensors), reduction="none")
        torch.testing.assert_close(alike[3 - gone], rest[1])
    for reduction in ("none", "mean", "sum"):
        some_alike = (*tensors, torch.tensor([0, 1, 1, 0]))
        slopes = by_autograd(loss, some_alike, reduction=reduction)
        torch.testing.assert_close(loss.gradient(*some_alike, reduction=reduction), slopes, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_a_batch_of_one_has_nothing_to_lose(loss: lb.Loss) -> None:
    tensors = some(loss, 1)
    for reduction in ("none", "mean", "sum"):
        assert (loss(*tensors, reduction=reduction) == 0).all()
        for found in (closed(loss, tensors, reduction=reduction), by_autograd(loss, tensors, reduction=reduction)):
            assert all((slope == 0).all() for slope in found)


def test_three_positives_share_in_all_digits() -> None:
    """A third of float32 is no third."""
    x, y = rows(5, 3), torch.tensor([2, 2, 2, 2, 0])
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(lb.supervised_contrastive(leaf, y), leaf)
    torch.testing.assert_close(lb.supervised_contrastive.gradient(x, y), expected, rtol=1e-12, atol=1e-12)


def test_supervised_contrastive_with_one_class_and_with_none_alike() -> None:
    x = rows(5, 3)
    different = torch.arange(5)
    assert lb.supervised_contrastive(x, different) == 0
    assert (lb.supervised_contrastive.gradient(x, different) == 0).all()
    one = torch.zeros(5, dtype=torch.int64)
    assert lb.supervised_contrastive(x, one) >= math.log(4)
    assert lb.supervised_contrastive(torch.ones(5, 3, dtype=DOUBLE), one).item() == pytest.approx(math.log(4))


@pytest.mark.parametrize("loss", ALL, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_finite_at_every_odd_place(loss: lb.Loss, dtype: torch.dtype) -> None:
    """Zero vectors, identical ones, opposite ones, tiny and huge ones."""

    def like(change: Callable[[Tensor], Tensor]) -> tuple[Any, ...]:
        return tuple(
            change(x).to(dtype) if name in loss.takes.by else x
            for x, name in zip(some(loss), loss.takes.names, strict=True)
        )

    huge = 100.0 if dtype == torch.float16 else 1e4
    changes: list[Callable[[Tensor], Tensor]] = [
        torch.zeros_like,
        torch.ones_like,
        lambda x: torch.cat([0 * x[:1], x[1:]]),
        lambda x: torch.cat([x[:1], -x[:1], x[:1], x[:1]]),
        lambda x: 1e-30 * x,
        lambda x: 1e-13 * x,
        lambda x: 1e-6 * x,
        lambda x: huge * x,
        lambda x: x * torch.tensor([1.0, -1.0, 0.0, 1.0], dtype=DOUBLE).reshape(-1, *[1] * (x.dim() - 1)),
    ]
    sharp = {p.name: 0.01 if p.name == "temperature" else 100.0 for p in loss.parameters}
    for change in changes:
        for setting in ({}, sharp):
            tensors = like(change)
            value = loss(*tensors, reduction="none", **setting)
            assert value.isfinite().all() and value.dtype == dtype
            for found in (closed(loss, tensors, **setting), by_autograd(loss, tensors, **setting)):
                finite = all(slope.isfinite().all() for slope in found)
                assert finite or dtype == torch.float16  # its largest number is 65504
                assert not any(slope.isnan().any() for slope in found)


def test_the_documented_gradient_at_zero_vectors() -> None:
    """A vector without length is treated as one of length 1, without the part along it."""
    for loss in ALL:
        tensors = some(loss)
        for x in learned(loss, tensors):
            x[0] = 0
        slopes = by_autograd(loss, tensors)
        torch.testing.assert_close(closed(loss, tensors), slopes, rtol=1e-9, atol=1e-11)
        assert max(slope.abs().max() for slope in slopes) < 1e3
    q, k = torch.zeros(1, 2, dtype=DOUBLE), torch.eye(2, dtype=DOUBLE)
    torch.testing.assert_close(
        lb.info_nce.gradient(q, k, temperature=1.0)[0], torch.tensor([[-0.5, 0.5]], dtype=DOUBLE)
    )


def test_a_large_gamma2_neither_overflows_nor_vanishes() -> None:
    v, e, lengths = (x.float() if x.is_floating_point() else x for x in captions())
    for sign in (1, -1):
        scores = lb.damsm_scores(v, sign * v[..., :4], lengths, gamma2=1000.0)
        assert scores.isfinite().all()
    naive = torch.log(torch.exp(1000 * torch.tensor([0.9, 0.8])).sum()) / 1000
    assert naive.isinf()


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_compiles_without_a_break_and_maps(loss: lb.Loss) -> None:
    tensors = leaves(loss, some(loss))
    step = torch.compile(lambda *x: loss(*x), fullgraph=True, backend="aot_eager")
    expected = torch.autograd.grad(loss(*tensors), learned(loss, tensors))
    torch.testing.assert_close(torch.autograd.grad(step(*tensors), learned(loss, tensors)), expected)
    first = learned(loss, tensors)[0].detach()
    rest = tuple(x.detach() if isinstance(x, Tensor) else x for x in tensors[1:])
    stretched = torch.stack([first, 2 * first + 0.1])
    mapped = torch.func.vmap(torch.func.grad(lambda x: loss(x, *rest)))(stretched)
    for one, found in zip(stretched, mapped, strict=True):
        torch.testing.assert_close(found, closed(loss, (one, *rest))[0], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_the_small_case_of_the_formula(loss: lb.Loss) -> None:
    """`at` makes the one batch whose summed losses are the formula."""
    generator = torch.Generator().manual_seed(3)
    for _ in range(3):
        numbers = 0.6 * torch.rand(len(loss.formula.variables), dtype=DOUBLE, generator=generator) - 0.3
        setting = loss.defaults
        parameters = [torch.tensor(setting[name], dtype=DOUBLE) for name in loss.formula.parameters]
        expected = loss.formula.function("torch")(*numbers, *parameters)
        found = loss(*loss.takes.at(*numbers), reduction="sum", **setting)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_no_tensor_of_pairs_and_components() -> None:
    """The four losses of cosines make nothing larger than (N, M)."""
    from torch.utils._python_dispatch import TorchDispatchMode

    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal largest
            found = function(*args, **(kwargs or {}))
            for x in found if isinstance(found, (tuple, list)) else (found,):
                if isinstance(x, Tensor):
                    largest = max(largest, x.numel())
            return found

    batch = 16
    for loss in (*PAIRS, lb.supervised_contrastive, lb.damsm_sentence):
        largest = 0
        tensors = leaves(loss, some(loss, batch))
        with Watch():
            torch.autograd.grad(loss(*tensors), learned(loss, tensors))
            closed(loss, tuple(x.detach() if isinstance(x, Tensor) else x for x in tensors))
        assert largest <= (2 * batch) ** 2
    v, e, lengths = captions(8, 6, 5, 7)
    largest = 0
    with Watch():
        torch.autograd.grad(lb.damsm_word(v.requires_grad_(), e.requires_grad_(), lengths), (v, e))
        lb.damsm_word.gradient(v.detach(), e.detach(), lengths)
    assert largest == 8 * 8 * 7 * 6


# --- errors ---------------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_refused_by_name() -> None:
    a, b = rows(4, 3), rows(4, 3, 1)
    v, e, lengths = captions()
    y = torch.arange(4)
    cases: list[tuple[lb.Loss, tuple[Any, ...], type[Exception], str]] = [
        (lb.info_nce, (a.long(), b), ValueError, "query: got dtype torch.int64"),
        (lb.info_nce, (a.tolist(), b), TypeError, "query: got "),
        (lb.info_nce, (a[0], b), ValueError, r"query: got shape \(3,\), expected \(N, D\)"),
        (lb.info_nce, (a[:0], b), ValueError, r"query: got shape \(0, 3\)"),
        (lb.info_nce, (a, b[:, :2]), ValueError, "key: got 2 components, expected 3"),
        (lb.info_nce, (a, b[:3]), ValueError, "key: got 3 rows, expected at least 4"),
        (lb.nt_xent, (a, b[:3]), ValueError, "input2: got 3 rows, expected 4"),
        (lb.nt_xent, (a, b[None]), ValueError, r"input2: got shape \(1, 4, 3\)"),
        (lb.nt_xent, (a, b[:, :2]), ValueError, "input2: got 2 components"),
        (lb.clip, (a, b[:2]), ValueError, "text: got 2 rows, expected 4: row i belongs to row i of image"),
        (lb.clip, (a, b[:, 1:]), ValueError, "text: got 2 components"),
        (lb.supervised_contrastive, (a, y.double()), ValueError, "labels: got dtype torch.float64"),
        (lb.supervised_contrastive, (a, y[:3]), ValueError, r"labels: got shape \(3,\), expected \(4,\)"),
        (lb.supervised_contrastive, (a, [0, 1, 2, 3]), TypeError, "labels: got "),
        (lb.damsm_sentence, (a, b, y[:2]), ValueError, r"classes: got shape \(2,\)"),
        (lb.damsm_sentence, (a, b, y.bool()), ValueError, "classes: got dtype torch.bool"),
        (lb.damsm_sentence, (a, b[:2], None), ValueError, "sentences: got 2 rows"),
        (lb.damsm_word, (v[0], e, lengths), ValueError, r"regions: got shape \(3, 5\), expected \(B, D, R\)"),
        (lb.damsm_word, (v, e[:, :, :0], lengths), ValueError, r"words: got shape \(4, 3, 0\)"),
        (lb.damsm_word, (v, e[:, :2], lengths), ValueError, "words: got 2 components, expected 3"),
        (lb.damsm_word, (v[:2], e, lengths), ValueError, "words: got 4 rows, expected 2"),
        (lb.damsm_word, (v, e, lengths.double()), ValueError, "lengths: got dtype torch.float64"),
        (lb.damsm_word, (v, e, lengths[:2]), ValueError, r"lengths: got shape \(2,\)"),
        (lb.damsm_word, (v, e, 0 * lengths), ValueError, "lengths: got 0, expected 1 to 4 words"),
        (lb.damsm_word, (v, e, lengths + 4), ValueError, "lengths: got [5-8], expected 1 to 4 words"),
        (lb.damsm_word, (v, e, lengths, y.double()), ValueError, "classes: got dtype torch.float64"),
        (lb.damsm, (v, e, lengths, a[:2], b[:2]), ValueError, "images: got 2 rows, expected 4"),
        (lb.damsm, (v, e, lengths, a, b[:2]), ValueError, "sentences: got 2 rows"),
        (lb.damsm, (v, e, lengths, a), TypeError, "damsm: got no 'sentences'"),
    ]
    for loss, tensors, error, words in cases:
        with pytest.raises(error, match=words):
            loss(*tensors)
        if error is ValueError:
            with pytest.raises(error, match=words):
                loss.gradient(*tensors)


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_parameters_out_of_range(loss: lb.Loss) -> None:
    tensors = some(loss)
    for parameter in loss.parameters:
        lowest = -0.5 if parameter.name == "gamma1" else 0.0
        for wrong in (lowest, math.nan, math.inf):
            with pytest.raises(ValueError, match=f"{parameter.name}: got {wrong}"):
                loss(*tensors, **{parameter.name: wrong})
    with pytest.raises(ValueError, match="reduction: got 'batchmean'"):
        loss(*tensors, reduction="batchmean")


# --- planted mistakes -----------------------------------------------------------------------------------------


def _with_itself(a: Tensor, b: Tensor, *, temperature: float = 0.07, reduction: str) -> Tensor:
    """The diagonal of a view with itself left in: the largest similarity of all."""
    z = F.normalize(torch.cat([a, b]), dim=-1)
    return F.cross_entropy(z @ z.T / temperature, torch.arange(len(z)).roll(len(a)), reduction=reduction)


def _times_temperature(a: Tensor, b: Tensor, *, temperature: float = 0.07, reduction: str) -> Tensor:
    return lb.info_nce.function(a, b, temperature=1 / temperature, reduction=reduction)


def _one_direction(a: Tensor, b: Tensor, *, temperature: float = 0.07, reduction: str) -> Tensor:
    return lb.info_nce.function(a, b, temperature=temperature, reduction=reduction)


def _sum_inside(x: Tensor, y: Tensor, *, temperature: float = 0.1, reduction: str) -> Tensor:
    """The positives' probabilities are averaged before the logarithm."""
    logits, positive = alignment._among_classes(x, y, temperature)
    count = positive.sum(1).clamp(min=1)
    mean = logits.log_softmax(1).masked_fill(~positive, -1e4).logsumexp(1) - count.log()
    each = torch.where(positive.any(1), -mean, 0)
    return each.sum() / alignment._some(positive.sum(1)) if reduction == "mean" else alignment._reduced(each, reduction)


def _mean_over_all(x: Tensor, y: Tensor, *, temperature: float = 0.1, reduction: str) -> Tensor:
    """Embeddings without a positive are counted too."""
    each = lb.supervised_contrastive.function(x, y, temperature=temperature, reduction="none")
    return each.mean() if reduction == "mean" else alignment._reduced(each, reduction)


def _dot_products(a: Tensor, b: Tensor, classes: Tensor | None, *, gamma3: float = 10.0, reduction: str) -> Tensor:
    """Nothing is normalized: right where all lengths are 1, as in the formula's small case."""
    return alignment._both_ways(alignment._without_their_class(gamma3 * a @ b.T, classes), reduction)


def _no_padding(v: Tensor, e: Tensor, lengths: Tensor, classes: Tensor | None = None, **arguments: Any) -> Tensor:
    """Padding is taken for words."""
    return lb.damsm_word.function(v, e, torch.full_like(lengths, e.shape[2]), classes, **arguments)


def _no_root(
    v: Tensor, e: Tensor, lengths: Tensor, classes: Tensor | None = None, *,
    gamma1: float = 4.0, gamma2: float = 5.0, gamma3: float = 10.0, reduction: str,
) -> Tensor:  # fmt: skip
    """The published listing: no division by gamma2."""
    return lb.damsm_word.function(
        v, e, lengths, classes, gamma1=gamma1, gamma2=gamma2, gamma3=gamma2 * gamma3, reduction=reduction
    )


@pytest.mark.parametrize(
    ("loss", "wrong", "line"),
    [
        (lb.info_nce, _times_temperature, "its formula"),
        (lb.nt_xent, _with_itself, "its formula"),
        (lb.clip, _one_direction, "its formula"),
        (lb.supervised_contrastive, _sum_inside, "its formula"),
        (lb.supervised_contrastive, _mean_over_all, "every way to call it"),
        (lb.damsm_sentence, _dot_products, "lengths"),
        (lb.damsm_word, _no_padding, "its formula"),
        (lb.damsm_word, _no_root, "its formula"),
    ],
    ids=lambda x: getattr(x, "__name__", str(x)),
)
def test_a_wrong_loss_is_refused(loss: lb.Loss, wrong: Callable[..., Tensor], line: str) -> None:
    assert line in refused_by(planted(loss, wrong))


def _without_the_projection(q: Tensor, k: Tensor, **arguments: Any) -> tuple[Tensor, Tensor]:
    """By the directions, without the way back to the vectors."""
    return alignment._info_nce_gradient(F.normalize(q), F.normalize(k), **arguments)


def _pulled_from_one_end(
    a: Tensor, b: Tensor, *, temperature: float = 0.07, reduction: str = "mean"
) -> tuple[Tensor, ...]:
    """Each view is an anchor as well as somebody's negative: only the first is counted."""
    both = torch.cat([a, b])
    logits, partner = alignment._views(a, b, temperature)
    pull = alignment._pull(logits, partner, reduction) / temperature
    return alignment._turn(pull @ alignment._unit(both), both).split(len(a))


def _attention_held_fixed(*tensors: Any, **arguments: Any) -> tuple[Tensor, Tensor]:
    """The attention is taken for a constant, as if it were detached."""
    back, alignment._softmax_back = alignment._softmax_back, lambda shares, by_shares, dim: 0 * shares
    try:
        return alignment._damsm_word_gradient(*tensors, **arguments)
    finally:
        alignment._softmax_back = back


def _sentences_forgotten(*tensors: Any, **arguments: Any) -> tuple[Tensor, ...]:
    found = alignment._damsm_gradient(*tensors, **arguments)
    return *found[:3], 0 * found[3]


def _one_over_n_missing(*tensors: Any, reduction: str, **arguments: Any) -> tuple[Tensor, Tensor]:
    return alignment._clip_gradient(*tensors, reduction="none", **arguments)


@pytest.mark.parametrize(
    ("loss", "wrong"),
    [
        (lb.info_nce, _without_the_projection),
        (lb.nt_xent, _pulled_from_one_end),
        (lb.clip, _one_over_n_missing),
        (lb.damsm_word, _attention_held_fixed),
        (lb.damsm, _sentences_forgotten),
    ],
    ids=lambda x: getattr(x, "__name__", str(x)),
)
def test_a_wrong_gradient_is_refused(loss: lb.Loss, wrong: Callable[..., Any]) -> None:
    assert "gradient" in refused_by(planted(loss, closed_form=wrong))
