"""CTC against every path written down, against torch's built-in, against counting, and against its own mistakes."""

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from planting import planted, refused_by
from torch import Tensor

import lossbook as lb
from lossbook import sequence
from lossbook.check.sequences import TESTS
from lossbook.check.traits import trait_verdicts

DOUBLE = torch.float64
BUILTIN: Any = F.ctc_loss
Sample = tuple[Any, ...]


def frames(count: int, texts: int = 1, classes: int = 3, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed + 10 * count + texts)
    return 2 * torch.randn(count, texts, classes, dtype=DOUBLE, generator=generator)


def sample(texts: list[list[int]], lengths: list[int], classes: int = 5, seed: int = 0) -> Sample:
    longest = max(map(len, texts))
    padded = torch.tensor([[*text, *[-7] * (longest - len(text))] for text in texts], dtype=torch.int64)
    logits = frames(max(lengths), len(texts), classes, seed)
    sizes = torch.tensor([*map(len, texts)])
    return logits.log_softmax(2), padded.reshape(len(texts), longest), torch.tensor(lengths), sizes


USUAL = sample([[1, 2, 3], [], [3, 3], [4]], [7, 4, 6, 1])


def slope(function: Callable[..., Any], log_probs: Tensor, *others: Any, **given: Any) -> Tensor:
    leaf = log_probs.detach().clone().requires_grad_()
    return torch.autograd.grad(function(leaf, *others, **given).sum(), leaf)[0]


def by_logits(function: Callable[..., Any]) -> Callable[..., Tensor]:
    return lambda logits, *others, **given: function(logits.log_softmax(-1), *others, **given)


# --- every path ---------------------------------------------------------------------------------------------------


def read(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    """What a path reads as: equal neighbors merged, then no blanks."""
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def every_path(log_probs: Tensor, blank: int) -> dict[tuple[int, ...], tuple[float, list[list[float]]]]:
    """For each text its probability and, by frame and class, that of its paths there. log_probs is (T, C)."""
    numbers, (count, classes) = log_probs.tolist(), log_probs.shape
    found: dict[tuple[int, ...], tuple[float, list[list[float]]]] = {}
    for path in itertools.product(range(classes), repeat=count):
        text, p = read(path, blank), math.exp(sum(row[label] for row, label in zip(numbers, path, strict=True)))
        total, shares = found.get(text, (0.0, [[0.0] * classes for _ in range(count)]))
        for row, label in zip(shares, path, strict=True):
            row[label] += p
        found[text] = total + p, shares
    return found


@pytest.mark.parametrize("blank", [0, 1, 2])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_sum_over_every_path(count: int, blank: int) -> None:
    log_probs = frames(count).log_softmax(2)[:, 0]
    letters = [label for label in range(3) if label != blank]
    paths = every_path(log_probs, blank)
    for size in range(5):
        for text in itertools.product(letters, repeat=size):
            tensors = log_probs, torch.tensor(text, dtype=torch.int64), torch.tensor(count), torch.tensor(size)
            total, each = paths.get(text, (0.0, [[0.0] * 3] * count))
            shares = torch.tensor(each, dtype=DOUBLE) / (total or 1.0)
            loss = lb.ctc(*tensors, blank=blank, reduction="none").item()
            assert loss == pytest.approx(-math.log(total) if total else math.inf, rel=1e-12, abs=1e-14)
            torch.testing.assert_close(lb.ctc_occupancy(*tensors, blank=blank), shares, rtol=1e-10, atol=1e-13)
            found = slope(lb.ctc, *tensors, blank=blank, reduction="none")
            torch.testing.assert_close(found, -shares, rtol=1e-10, atol=1e-13)


def test_the_forward_table_sums_the_beginnings() -> None:
    log_probs, count = frames(4).log_softmax(2)[:, 0], 4
    table = lb.ctc_forward(log_probs, torch.tensor([1, 1]), torch.tensor(4), torch.tensor(2)).exp()
    states = [0, 1, 0, 1, 0]
    steps = {(s, s) for s in range(5)} | {(s, s + 1) for s in range(4)}  # no skip: the labels are equal
    expected = torch.zeros(4, 5, dtype=DOUBLE)
    for t in range(count):
        for path in itertools.product(range(5), repeat=t + 1):
            if path[0] < 2 and all(step in steps for step in itertools.pairwise(path)):
                expected[t, path[-1]] += math.exp(sum(log_probs[i, states[s]].item() for i, s in enumerate(path)))
    torch.testing.assert_close(table, expected, rtol=1e-12, atol=0)
    loss = lb.ctc(log_probs, torch.tensor([1, 1]), torch.tensor(4), torch.tensor(2), reduction="none")
    assert -table[-1, -2:].sum().log().item() == pytest.approx(loss.item())


@pytest.mark.parametrize(("count", "text"), [(50, [1, 2] * 5), (60, [3] * 7), (40, [1, 1, 2, 3, 3, 3]), (9, [])])
def test_counted_alignments(count: int, text: list[int]) -> None:
    """Uniform frames: a text of L labels with r equal neighbors has binomial(T + L - r, 2 L) paths."""
    repeats = sum(a == b for a, b in itertools.pairwise(text))
    paths = math.comb(count + len(text) - repeats, 2 * len(text))
    log_probs = torch.full((count, 4), 0.25, dtype=DOUBLE).log()
    loss = lb.ctc(log_probs, torch.tensor(text, dtype=torch.int64), count, len(text), reduction="sum")
    assert loss.item() == pytest.approx(count * math.log(4) - math.log(paths), rel=1e-12)


def test_a_mean_that_divides_by_the_length_of_the_text() -> None:
    """The numbers of pytorch#18215: a third of the loss, for three labels."""
    tensors = torch.full((4, 1, 3), 1 / 3, dtype=DOUBLE).log(), torch.tensor([[1, 2, 1]]), (4,), (3,)
    assert lb.ctc(*tensors, reduction="sum").item() == pytest.approx(2.449, abs=5e-4)
    assert lb.ctc(*tensors).item() == pytest.approx(0.816, abs=5e-4)


# --- torch's built-in ---------------------------------------------------------------------------------------------


def packed(sample: Sample) -> Sample:
    """The same texts, one after the other."""
    log_probs, targets, lengths, sizes = sample
    return log_probs, torch.cat([row[:size] for row, size in zip(targets, sizes, strict=True)]), lengths, sizes


def renamed(sample: Sample, blank: int) -> Sample:
    log_probs, targets, *rest = sample
    return log_probs, torch.where(targets == blank, 0, targets), *rest


SHORT = sample([[1, 2], [2, 2], [1, 1, 1]], [4, 2, 5])  # the second cannot be read from two frames
CASES = {
    "usual": USUAL,
    "one after the other": packed(USUAL),
    "impossible": SHORT,
    "one frame": sample([[1], [], [2]], [1, 1, 1]),
    "batch of one": sample([[1, 1, 2]], [6]),
    "no text at all": sample([[], []], [3, 2]),
    "no frames": sample([[1], []], [2, 0]),
    "one text": (USUAL[0][:, 0], USUAL[1][0], USUAL[2][0], USUAL[3][0]),
    "one text, lengths of one dimension": (USUAL[0][:, 2], USUAL[1][2, :2], USUAL[2][2:3], USUAL[3][2:3]),
    "long": sample([[1, 2, 2, 3] * 8, [4] * 30], [90, 70], seed=3),
}


@pytest.mark.parametrize("zero_infinity", [False, True])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("blank", [0, 4, 2])
@pytest.mark.parametrize("case", CASES)
def test_ctc_is_the_builtin(case: str, blank: int, reduction: str, zero_infinity: bool) -> None:
    logits, *rest = renamed(CASES[case], blank)
    given = {"blank": blank, "reduction": reduction, "zero_infinity": zero_infinity}
    found, expected = by_logits(lb.ctc)(logits, *rest, **given), by_logits(BUILTIN)(logits, *rest, **given)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    ours, theirs = (slope(by_logits(f), logits, *rest, **given) for f in (lb.ctc, BUILTIN))
    torch.testing.assert_close(ours, theirs.nan_to_num(), rtol=1e-9, atol=1e-12)
    closed = lb.ctc.gradient(logits.log_softmax(-1), *rest, **given)
    torch.testing.assert_close(slope(lb.ctc, logits.log_softmax(-1), *rest, **given), closed, rtol=1e-9, atol=1e-12)


def test_the_builtins_slope_is_by_the_logits() -> None:
    """The built-in's gradient by log_probs is p minus the occupancy; ours is minus the occupancy."""
    given: dict[str, Any] = {"reduction": "none"}
    log_probs, _, lengths, _ = USUAL
    within = (torch.arange(len(log_probs))[:, None] < lengths)[:, :, None]
    counts = lb.ctc_occupancy(*USUAL)
    torch.testing.assert_close(slope(BUILTIN, *USUAL, **given), within * log_probs.exp() - counts)
    torch.testing.assert_close(slope(lb.ctc, *USUAL, **given), -counts)
    torch.testing.assert_close(counts.sum(2), within[:, :, 0].double())
    # Only the latter is what differences find.
    tensors = [x.double() if x.is_floating_point() else x for x in USUAL]
    assert torch.autograd.gradcheck(lambda x: lb.ctc(x, *tensors[1:]), tensors[0].clone().requires_grad_())
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        torch.autograd.gradcheck(lambda x: BUILTIN(x, *tensors[1:]), tensors[0].clone().requires_grad_())


def test_lengths_may_be_numbers() -> None:
    log_probs, targets, lengths, sizes = USUAL
    for kind in (tuple, list):
        found = lb.ctc(log_probs, targets, kind(lengths.tolist()), kind(sizes.tolist()))
        assert torch.equal(found, lb.ctc(*USUAL))
        counts = lb.ctc_occupancy(log_probs, targets, kind(lengths.tolist()), kind(sizes.tolist()))
        assert torch.equal(counts, lb.ctc_occupancy(*USUAL))
    alone = log_probs[:, 0], targets[0]
    assert torch.equal(lb.ctc(*alone, 7, 3), lb.ctc(*alone, torch.tensor(7), torch.tensor(3)))


# --- where the built-in fails -------------------------------------------------------------------------------------


def test_an_impossible_text_has_no_slope() -> None:
    loss = lb.ctc(*SHORT, reduction="none")
    assert loss.isinf().tolist() == [False, True, False] and lb.ctc(*SHORT).isinf()
    assert slope(BUILTIN, *SHORT).isnan().any()
    for found in (slope(lb.ctc, *SHORT), lb.ctc.gradient(*SHORT), slope(lb.ctc, *SHORT, zero_infinity=True)):
        assert found.isfinite().all() and not found[:, 1].any() and found[:, 0].any() and found[:, 2].any()
    assert lb.ctc(*SHORT, zero_infinity=True, reduction="none")[1] == 0


@pytest.mark.parametrize("barred", [4, 1, 0], ids=["in no text", "a label", "the blank"])
def test_a_class_without_probability(barred: int) -> None:
    """log_softmax of a logit that was masked with -inf: the built-in's gradient is NaN there."""
    logits = USUAL[0].clone()
    logits[2:4, :, barred] = -math.inf
    tensors = logits.log_softmax(2), *USUAL[1:]
    expected = BUILTIN(*tensors, reduction="none")
    torch.testing.assert_close(lb.ctc(*tensors, reduction="none"), expected, rtol=1e-12, atol=0)
    assert slope(BUILTIN, *tensors).isnan().any()
    for found in (slope(lb.ctc, *tensors), lb.ctc.gradient(*tensors)):
        assert found.isfinite().all() and not found[2:4, :, barred].any()
    torch.testing.assert_close(slope(lb.ctc, *tensors), lb.ctc.gradient(*tensors), rtol=1e-9, atol=1e-12)
    # As of probabilities so small that nobody sees them.
    nearly = tensors[0].clamp(min=-700.0), *USUAL[1:]
    possible = expected.isfinite()
    torch.testing.assert_close(lb.ctc.gradient(*tensors)[:, possible], lb.ctc.gradient(*nearly)[:, possible])


def test_frames_without_any_probability() -> None:
    log_probs = USUAL[0].clone()
    log_probs[1] = -math.inf
    loss = lb.ctc(log_probs, *USUAL[1:], reduction="none")
    assert loss.isinf().tolist() == [True, True, True, False]  # the last has one frame
    assert slope(lb.ctc, log_probs, *USUAL[1:]).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("size", [1e4, -1e4, 300.0])
def test_numbers_that_are_no_log_probabilities(size: float, dtype: torch.dtype) -> None:
    """Adding to a frame takes off the loss, however much it is; the built-in's gradient overflows."""
    torch.manual_seed(0)
    moved = (USUAL[0] + size * torch.rand(7, 1, 1, dtype=DOUBLE)).to(dtype)
    tensors = moved, *USUAL[1:]
    expected = lb.ctc(*(x.double() if x.is_floating_point() else x for x in tensors), reduction="none")
    rough = {torch.float64: 1e-12, torch.float32: 1e-6, torch.bfloat16: 1e-2}[dtype]
    torch.testing.assert_close(lb.ctc(*tensors, reduction="none").double(), expected, rtol=rough, atol=rough)
    if size > 0 and dtype != torch.float64:
        assert not slope(BUILTIN, moved.float() + size, *USUAL[1:]).isfinite().all()
    counts = slope(lb.ctc, *tensors, reduction="sum").double()
    assert counts.isfinite().all()
    torch.testing.assert_close(counts, lb.ctc.gradient(*tensors, reduction="sum").double(), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("shift", [0.0, 2.0, 5.0, 9.0, 9.99])
def test_slopes_of_numbers_that_are_a_little_above_zero(shift: float) -> None:
    """The kernel's slope is p less the occupancy: where p is thousands, digits are lost in float32."""
    log_probs, *others = USUAL
    moved = (log_probs + shift).float()
    expected = lb.ctc.gradient(moved.double(), *others, reduction="sum").float()
    leaf = moved.clone().requires_grad_()
    (found,) = torch.autograd.grad(lb.ctc(leaf, *others, reduction="sum"), leaf)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("table", [lb.ctc_forward, lb.ctc_occupancy])
def test_tables_of_other_dtypes(table: Callable[..., Tensor]) -> None:
    log_probs, targets, frames, letters = USUAL
    expected = table(*USUAL)
    for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32):
        assert table(log_probs, targets.to(dtype), frames.to(dtype), letters.to(dtype)).equal(expected)
    for half in (torch.float16, torch.bfloat16):  # rounded once, at the end
        found = table(log_probs.to(half), targets, frames, letters)
        exact = table(log_probs.to(half).double(), targets, frames, letters).to(half)
        assert found.dtype == half
        torch.testing.assert_close(found, exact, rtol=torch.finfo(half).eps, atol=1e-6)


def test_frames_behind_the_last_are_not_looked_at() -> None:
    spoiled = USUAL[0].clone()
    for i, length in enumerate(USUAL[2].tolist()):
        spoiled[length:, i] = math.nan
    for what in (lb.ctc, lb.ctc.gradient, lb.ctc_occupancy):
        torch.testing.assert_close(what(spoiled, *USUAL[1:]), what(*USUAL))
    torch.testing.assert_close(slope(lb.ctc, spoiled, *USUAL[1:]), slope(lb.ctc, *USUAL))


def test_nan_gives_nan_to_its_own_text() -> None:
    spoiled = USUAL[0].clone()
    spoiled[1, 0, 1] = math.nan
    assert lb.ctc(spoiled, *USUAL[1:], reduction="none").isnan().tolist() == [True, False, False, False]
    assert lb.ctc.gradient(spoiled, *USUAL[1:], reduction="none").isnan().any((0, 2)).tolist() == [True] + 3 * [False]


# --- what autograd can ask for ------------------------------------------------------------------------------------


def loop(tensors: Sample, blank: int = 0) -> Tensor:
    """The loss of each text by the forward recursion under plain autograd."""
    lattice = sequence._lattice(tensors, blank)
    last = sequence._forward(lattice).gather(0, tensors[2][None, :, None].expand(1, *lattice.ends.shape))[0]
    return -torch.logsumexp(last + lattice.ends, 1)


def test_the_loop_and_the_kernel_are_one_loss() -> None:
    torch.testing.assert_close(loop(USUAL), lb.ctc(*USUAL, reduction="none"), rtol=1e-12, atol=0)
    found = slope(lambda x: loop((x, *USUAL[1:])), USUAL[0])
    torch.testing.assert_close(found, lb.ctc.gradient(*USUAL, reduction="sum"))


def test_second_derivatives() -> None:
    log_probs, *rest = sample([[1, 1], [2]], [4, 3], classes=3)

    def loss(x: Tensor) -> Tensor:
        return lb.ctc(x, *rest, reduction="sum")

    assert torch.autograd.gradgradcheck(loss, log_probs.clone().requires_grad_())
    expected = torch.autograd.functional.hessian(lambda x: loop((x, *rest)).sum(), log_probs)
    torch.testing.assert_close(torch.autograd.functional.hessian(loss, log_probs), expected, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(torch.func.hessian(loss)(log_probs), expected, rtol=1e-10, atol=1e-12)
    impossible = torch.autograd.functional.hessian(lambda x: lb.ctc(x, *SHORT[1:]), SHORT[0])
    assert impossible.isfinite().all()


def test_functional_transforms() -> None:
    log_probs, targets, lengths, sizes = USUAL
    found: Any = torch.func.jvp(lambda x: lb.ctc(x, *USUAL[1:]), (log_probs,), (torch.ones_like(log_probs),))
    torch.testing.assert_close(found[1], lb.ctc.gradient(*USUAL).sum())
    # Each text as a batch of its own: log-probabilities only, then all tensors.
    each = torch.func.vmap(lambda x: lb.ctc(x, *(y[:1] for y in USUAL[1:])))(torch.stack([log_probs[:, :1]] * 3))
    torch.testing.assert_close(each, lb.ctc(log_probs[:, :1], *(y[:1] for y in USUAL[1:])).expand(3))
    alone = torch.func.vmap(lambda *x: lb.ctc(*x, reduction="sum"), in_dims=(1, 0, 0, 0))
    torch.testing.assert_close(alone(log_probs, targets, lengths, sizes), lb.ctc(*USUAL, reduction="none"))
    one = torch.func.grad(lambda *x: lb.ctc(*x, reduction="sum"))
    slopes = torch.func.vmap(one, in_dims=(1, 0, 0, 0), out_dims=1)(log_probs, targets, lengths, sizes)
    torch.testing.assert_close(slopes, lb.ctc.gradient(*USUAL, reduction="sum"))


# --- mistakes of the caller ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "wrong", "error", "message"),
    [
        (0, torch.zeros(7), ValueError, r"log_probs: got shape \(7,\), expected \(T, N, C\) or \(T, C\)"),
        (0, torch.zeros(7, 0, 5), ValueError, r"log_probs: got shape \(7, 0, 5\), expected"),
        (0, torch.zeros(7, 4, 5).long(), ValueError, "log_probs: got dtype torch.int64, expected float64"),
        (1, torch.zeros(4, 3), ValueError, "targets: got dtype torch.float32, expected class indices"),
        (1, torch.ones(3, 3).long(), ValueError, r"targets: got shape \(3, 3\), expected \(4, S\), or \(sum"),
        (1, torch.ones(4, 3).long() * 5, ValueError, "targets: got the class index 5, expected 0 to 4"),
        (1, torch.ones(4, 3).long() * -1, ValueError, "targets: got the class index -1, expected 0 to 4"),
        (1, torch.zeros(4, 3).long(), ValueError, "targets: got the class index 0, the blank"),
        (1, torch.ones(7).long(), ValueError, "target_lengths: got the sum 6, expected 7"),
        (2, torch.tensor([7, 8, 1, 1]), ValueError, "input_lengths: got 8, expected 0 to 7 frames"),
        (2, torch.tensor([7, -1, 1, 1]), ValueError, "input_lengths: got -1, expected 0 to 7 frames"),
        (2, torch.tensor([7.0] * 4), ValueError, "input_lengths: got dtype torch.float32, expected integers"),
        (2, (7, 7.0, 7, 7), TypeError, r"input_lengths: got \(7, 7.0, 7, 7\) of type tuple, expected"),
        (2, 7, ValueError, r"input_lengths: got shape \(\), expected \(4,\)"),
        (3, torch.tensor([4, 0, 2, 1]), ValueError, "target_lengths: got 4, expected 0 to 3 labels"),
        (3, torch.tensor([3, 0, 2]), ValueError, r"target_lengths: got shape \(3,\), expected \(4,\)"),
        (3, True, TypeError, "target_lengths: got True of type bool, expected"),
    ],
)
def test_tensors_that_do_not_fit(place: int, wrong: Any, error: type[Exception], message: str) -> None:
    tensors: list[Any] = list(USUAL)
    tensors[place] = wrong
    for function in (lb.ctc, lb.ctc.gradient, lb.ctc_forward, lb.ctc_occupancy):
        with pytest.raises(error, match=message):
            function(*tensors)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"blank": 5}, ValueError, "blank: got 5, expected 0 to 4"),
        ({"blank": -1}, ValueError, "blank: got -1, expected 0 to 4"),
        ({"blank": 1.0}, TypeError, "blank: got 1.0 of type float, expected an integer"),
        ({"blank": True}, TypeError, "blank: got True of type bool"),
        ({"blank": 3}, ValueError, "targets: got the class index 3, the blank"),
        ({"zero_infinity": 1}, TypeError, "zero_infinity: got 1 of type int, expected True or False"),
    ],
)
def test_options_that_do_not_fit(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        lb.ctc(*USUAL, **given)


def test_what_is_behind_a_text_is_not_looked_at() -> None:
    other = torch.where(USUAL[1] == -7, 0, USUAL[1])
    assert torch.equal(lb.ctc(USUAL[0], other, *USUAL[2:]), lb.ctc(*USUAL))
    assert torch.equal(lb.ctc.gradient(USUAL[0], other, *USUAL[2:]), lb.ctc.gradient(*USUAL))


# --- planted mistakes ---------------------------------------------------------------------------------------------


def variant(
    change: Callable[[Any], Any] = lambda lattice: lattice,
    add: Callable[[Tensor, Tensor], Tensor] = torch.add,
    final: Callable[..., Tensor] = lambda each, sizes, how: sequence._reduced(each, sizes, how),
    heed: bool = True,
) -> Callable[..., Tensor]:
    """CTC by the loop, with another lattice or another reduction."""

    def code(
        x: Tensor, y: Tensor, n: Tensor, m: Tensor, *, blank: int = 0, zero_infinity: bool = False, reduction: str
    ) -> Tensor:
        lattice = change(sequence._lattice((x, y, n, m), blank if heed else 0))
        last = sequence._forward(lattice).gather(0, n.reshape(1, -1, 1).expand(1, *lattice.ends.shape))[0]
        each = -torch.logsumexp(add(last, lattice.ends), 1)
        each = each.masked_fill(each > sequence.TOO_LONG, 0 if zero_infinity and heed else math.inf)
        return final(each if x.dim() == 3 else each[0], m, reduction)

    return code


def no_blank_between(lattice: Any) -> Any:
    return lattice._replace(skips=lattice.labels != lattice.labels[:, :1])


def ends_with_a_blank(lattice: Any) -> Any:
    return lattice._replace(ends=torch.where(lattice.ends.roll(-1, 1) == 0, sequence.NEVER, lattice.ends))


def no_skips(lattice: Any) -> Any:
    return lattice._replace(skips=torch.zeros_like(lattice.skips))


def likes_class_0(lattice: Any) -> Any:
    factors = torch.tensor([1.5, *[1.0] * (lattice.log_probs.shape[2] - 1)])
    return lattice._replace(log_probs=lattice.log_probs * factors)


def early_frames_count_more(lattice: Any) -> Any:
    weights = torch.linspace(2, 1, len(lattice.log_probs), dtype=lattice.log_probs.dtype)
    return lattice._replace(log_probs=lattice.log_probs * weights[:, None, None])


def plain_mean(each: Tensor, sizes: Tensor, reduction: str) -> Tensor:
    return sequence.reduce(each, reduction)


def mean_of_all_labels(each: Tensor, sizes: Tensor, reduction: str) -> Tensor:
    return each.sum() / sizes.sum().clamp(min=1) if reduction == "mean" else plain_mean(each, sizes, reduction)


def builtins_slope(x: Tensor, y: Tensor, n: Tensor, m: Tensor, **given: Any) -> Tensor:
    return slope(BUILTIN, x, y, n, m, **given).nan_to_num()


def without_batch(x: Tensor, y: Tensor, n: Tensor, m: Tensor, *, reduction: str, **given: Any) -> Tensor:
    """The slope of the mean that is not divided by the number of texts."""
    found = lb.ctc._closed_form(x, y, n, m, reduction=reduction, **given)
    return found * (m.numel() if reduction == "mean" else 1)


def test_the_loop_itself_is_accepted() -> None:
    assert not lb.check(planted(lb.ctc, variant())).failures


@pytest.mark.parametrize(
    "code",
    [
        variant(no_blank_between), variant(ends_with_a_blank), variant(no_skips),
        variant(final=plain_mean), variant(final=mean_of_all_labels), variant(heed=False),
        variant(final=lambda *x: -sequence._reduced(*x)),
    ],
    ids=["no blank between", "ends with a blank", "no skips", "plain mean", "mean of all labels",
         "options ignored", "sign"],
)  # fmt: skip
def test_planted_losses_are_refused(code: Callable[..., Tensor]) -> None:
    assert refused_by(planted(lb.ctc, code))


@pytest.mark.parametrize("closed_form", [builtins_slope, without_batch])
def test_planted_slopes_are_refused(closed_form: Callable[..., Tensor]) -> None:
    assert "autograd" in refused_by(planted(lb.ctc, closed_form=closed_form))


@pytest.mark.parametrize("formula", ["-logsumexp(a1 + a2, a1 + b2)", "-logsumexp(a1 + a2, a1 + b2, b1 + a2, b1 + b2)"])
def test_planted_formulas_are_refused(formula: str) -> None:
    assert refused_by(planted(lb.ctc, formula=formula))


@pytest.mark.parametrize(
    "claim",
    [{"convex": True}, {"shift_invariant": True}, {"adds_up": False}, {"reversible": False}, {"relabeled": False},
     {"long_enough": False}, {"supremum": "1"}],
    ids=lambda claim: next(iter(claim)),
)  # fmt: skip
def test_false_claims_are_refused(claim: dict[str, Any]) -> None:
    found = trait_verdicts(planted(lb.ctc, traits=replace(lb.ctc.traits, **claim)))
    assert [verdict.disagreement is not None for verdict in found].count(True) == 1


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("adds_up", no_skips), ("adds_up", likes_class_0), ("reversible", early_frames_count_more),
        ("relabeled", likes_class_0), ("long_enough", no_blank_between), ("long_enough", no_skips),
    ],
)  # fmt: skip
def test_claims_are_told_from_their_denials(claim: str, change: Callable[[Any], Any]) -> None:
    """Of another loss the denial holds, and the claim does not."""
    other = planted(lb.ctc, variant(change))
    assert TESTS[claim](lb.ctc, True, {}) and not TESTS[claim](lb.ctc, False, {})
    assert TESTS[claim](other, False, {}) and not TESTS[claim](other, True, {})
