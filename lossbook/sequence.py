"""The loss of a sequence without alignment: connectionist temporal classification (CTC).

A network gives a distribution over labels for each of T frames; the truth is a shorter text, and nobody says which
frame shows which letter. CTC adds up the probability of every way to read the text from the frames.

Two pieces of code compute it. One is `ctc_forward` and `ctc_occupancy`, the forward and backward recursions over a
small lattice of states, in log space, with a loop over the frames only; they say what the loss and its gradient are.
The other is torch's fused kernel, which is what `ctc` calls: a loop in Python takes twice the time. The
kernel is mended in four places. Its slope is that by the logits before a log-softmax, ours is that by the
log-probabilities themselves. It is NaN where a label is impossible, or the whole text is; ours is 0 there. It
overflows for numbers far above 0. And it has no second derivative, no rule for `torch.func.vmap` and no support in
`torch.compile`, where the loop takes its place.
"""

import math
from collections.abc import Iterator, Sequence
from functools import wraps
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lossbook.inputs import INTEGERS, describe, extremes, floating, switch
from lossbook.loss import Inputs, Option, Reduction, SequenceTraits, loss, reduce

__all__ = ["ctc_forward", "ctc_occupancy"]

NEVER = -1e30  # the logarithm of no probability: finite, because two infinities have no difference
TOO_LONG = 1e29  # what a text costs at least that cannot be read

Lengths = Tensor | Sequence[int] | int


# --- what the loss takes --------------------------------------------------------------------------------------


def _blank(value: Any, log_probs: Tensor, *others: Any) -> None:
    classes = log_probs.shape[-1]
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"blank: got {describe(value)}, expected an integer, the class that means no label")
    if not 0 <= value < classes:
        raise ValueError(f"blank: got {value}, expected 0 to {classes - 1}, the class that means no label")


BLANK = Option(
    "blank", "the class that means no label", 0, _blank, lambda log_probs, *others: (log_probs.shape[-1] - 1,)
)
ZERO_INFINITY = switch("zero_infinity", "does a text that is too long for its frames cost 0, instead of infinity?")


class Sequences(Inputs):
    """Log-probabilities of frames, (T, N, C) or (T, C); texts, padded or one after the other; the lengths of both."""

    names = ("log_probs", "targets", "input_lengths", "target_lengths")
    by = ("log_probs",)
    scene = "lattice"
    where = "a text of one letter in two frames; a1 and b1 are the log-probabilities of letter and blank in frame 1"

    def prepared(self, *tensors: Any) -> tuple[Any, ...]:
        """Lengths may be given as integers."""
        log_probs, targets, *lengths = tensors
        return log_probs, targets, *map(_as_tensor, lengths)

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        log_probs, targets, input_lengths, target_lengths = tensors
        floating(log_probs=log_probs)
        if log_probs.dim() not in (2, 3) or not log_probs.numel():
            raise ValueError(
                f"log_probs: got shape {tuple(log_probs.shape)}, expected (T, N, C) or (T, C), none of them 0: "
                "T frames, N texts, C classes"
            )
        _lengths("input_lengths", input_lengths, log_probs)
        _lengths("target_lengths", target_lengths, log_probs)
        blank = arguments.get("blank", 0)
        _blank(blank, log_probs)
        _texts(targets, log_probs)
        _fits(targets, log_probs, input_lengths, target_lengths, blank)

    def counted(self, *tensors: Tensor) -> int:
        """The mean divides each loss by the length of its text first."""
        return 0

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Two frames of two classes, blank and letter, and the text that is this letter."""
        a1, b1, a2, b2 = values
        log_probs = torch.stack([torch.stack([b1, a1], dim=1), torch.stack([b2, a2], dim=1)])
        ones = torch.ones(len(a1), dtype=torch.int64)
        return log_probs, ones[:, None], 2 * ones, ones

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """One text alone; one frame; lengths that differ; no text; repeated letters; too few frames; one after another.

        The first class and the last are in no text: either may be the blank.
        """
        for frames, classes, texts, lengths in _SAMPLES:
            log_probs = 2 * torch.randn(frames, len(texts), classes, dtype=torch.float64)
            longest = max(map(len, texts))
            padded = torch.tensor([[*text, *[1] * (longest - len(text))] for text in texts], dtype=torch.int64)
            sizes = torch.tensor([*map(len, texts)])
            sample = log_probs.log_softmax(2), padded.reshape(len(texts), longest), torch.tensor(lengths), sizes
            if len(texts) == 3:  # one after the other
                yield sample[0], torch.tensor([label for text in texts for label in text]), *sample[2:]
            if len(texts) == 1:  # a text alone
                yield sample[0][:, 0], sample[1][0], sample[2][0], sample[3][0]
            yield sample


_SAMPLES: tuple[tuple[int, int, list[list[int]], list[int]], ...] = (
    (5, 5, [[2, 1, 1]], [5]),
    (1, 3, [[1]], [1]),
    (7, 5, [[1, 2, 3], [], [3, 3]], [7, 4, 6]),
    (4, 4, [[1, 2], [2, 2, 1, 1]], [3, 4]),
    (5, 6, [[2, 2], [4, 3]], [5, 3]),
)


def _as_tensor(lengths: Any) -> Any:
    sequence = isinstance(lengths, (tuple, list)) and all(type(length) is int for length in lengths)
    return torch.tensor(lengths) if sequence or type(lengths) is int else lengths


def _lengths(name: str, lengths: Any, log_probs: Tensor) -> None:
    if not isinstance(lengths, Tensor):
        raise TypeError(f"{name}: got {describe(lengths)}, expected a torch.Tensor of integers")
    if lengths.dtype not in INTEGERS:
        raise ValueError(f"{name}: got dtype {lengths.dtype}, expected integers of dtype int64")
    expected = ((log_probs.shape[1],),) if log_probs.dim() == 3 else ((), (1,))
    if tuple(lengths.shape) not in expected:
        raise ValueError(f"{name}: got shape {tuple(lengths.shape)}, expected {expected[0]}: a length for each text")
    _near(name, lengths, log_probs)


def _texts(targets: Any, log_probs: Tensor) -> None:
    if not isinstance(targets, Tensor):
        raise TypeError(f"targets: got {describe(targets)}, expected a torch.Tensor of class indices")
    if targets.dtype not in INTEGERS:
        raise ValueError(f"targets: got dtype {targets.dtype}, expected class indices of dtype int64")
    batch = log_probs.dim() == 3
    padded = batch and targets.dim() == 2 and len(targets) == log_probs.shape[1]
    if targets.dim() != 1 and not padded:
        expected = f"({log_probs.shape[1]}, S), or (sum of target_lengths,)" if batch else "(S,)"
        raise ValueError(f"targets: got shape {tuple(targets.shape)}, expected {expected}: the labels of each text")
    _near("targets", targets, log_probs)


def _near(name: str, tensor: Tensor, log_probs: Tensor) -> None:
    if tensor.device not in (log_probs.device, torch.device("cpu")):
        raise ValueError(f"{name}: got device {tensor.device}, expected {log_probs.device}, that of log_probs, or cpu")


def _fits(targets: Tensor, log_probs: Tensor, input_lengths: Tensor, target_lengths: Tensor, blank: int) -> None:
    """Raise if a length or a label is impossible, where values are read."""
    frames, letters = _read(input_lengths), _read(target_lengths)
    if frames is None or letters is None:
        return
    _between("input_lengths", frames, len(log_probs), "frames")
    together = log_probs.dim() == 3 and targets.dim() == 1
    _between("target_lengths", letters, targets.shape[-1], "labels")
    if together and sum(letters) != len(targets):
        raise ValueError(f"target_lengths: got the sum {sum(letters)}, expected {len(targets)}, as targets has labels")
    if not together:
        targets = targets.reshape(len(letters), -1)
    used = targets if together else targets[_before(target_lengths.reshape(-1), targets.shape[1])]
    found, classes = extremes(used), log_probs.shape[-1]
    if found and (found[0] < 0 or found[1] >= classes):
        wrong = found[0] if found[0] < 0 else found[1]
        raise ValueError(f"targets: got the class index {wrong}, expected 0 to {classes - 1}")
    if found and bool((used == blank).any()):
        raise ValueError(f"targets: got the class index {blank}, the blank; expected the labels of a text without it")


def _read(lengths: Tensor) -> list[int] | None:
    """The lengths as numbers, or None where values are not read."""
    if extremes(lengths) is None:
        return None
    numbers: list[int] = lengths.reshape(-1).tolist()
    return numbers


def _between(name: str, lengths: list[int], most: int, of: str) -> None:
    wrong = [length for length in lengths if not 0 <= length <= most]
    if wrong:
        raise ValueError(f"{name}: got {wrong[0]}, expected 0 to {most} {of}")


def _before(lengths: Tensor, most: int) -> Tensor:
    """Which of the places 0 to `most` - 1 are within each length: (N, most)."""
    return torch.arange(most, device=lengths.device) < lengths[:, None]


# --- forward and backward over the lattice --------------------------------------------------------------------


class _Lattice(NamedTuple):
    """For each text 2 S + 1 states: blank, first label, blank, second label, ..., blank."""

    log_probs: Tensor  # (T, N, C)
    within: Tensor  # (T, N): is this a frame of the text's?
    labels: Tensor  # (N, states): the class that each state emits
    skips: Tensor  # (N, states): may the blank before this state be left out?
    ends: Tensor  # (N, states): 0 where a path may end, else NEVER

    @property
    def emitted(self) -> Tensor:
        """The log-probability of each state's class in each frame; 0 behind the last frame."""
        each = self.log_probs.clamp(min=NEVER).gather(2, self.labels.expand(len(self.log_probs), -1, -1))
        return torch.where(self.within[:, :, None], each, 0.0)


def _lattice(tensors: tuple[Tensor, ...], blank: int) -> _Lattice:
    log_probs, targets, input_lengths, target_lengths = (x.to(tensors[0].device) for x in _batch(*tensors))
    targets = _padded(targets, target_lengths)
    texts = torch.where(_before(target_lengths, targets.shape[1]), targets, blank)
    blanks = torch.full_like(texts, blank)
    labels = F.pad(torch.stack([blanks, texts], dim=2).flatten(1), (0, 1), value=blank)
    other = labels != _moved(labels, 2, blank)  # two equal letters need the blank between them
    last = torch.arange(labels.shape[1], device=labels.device) - 2 * target_lengths[:, None]
    ends = torch.where((last == 0) | (last == -1), 0.0, NEVER).to(log_probs.dtype)
    return _Lattice(log_probs, _before(input_lengths, len(log_probs)).T, labels, other & (labels != blank), ends)


def _batch(log_probs: Tensor, targets: Tensor, *lengths: Tensor) -> tuple[Tensor, ...]:
    """One text alone as a batch of one."""
    if log_probs.dim() == 3:
        return log_probs, targets, *lengths
    return log_probs.unsqueeze(1), targets.unsqueeze(0), *(length.reshape(1) for length in lengths)


def _padded(targets: Tensor, target_lengths: Tensor) -> Tensor:
    """Texts that come one after the other as rows."""
    if targets.dim() == 2:
        return targets
    known = _read(target_lengths)
    longest = max(known) if known else len(targets)
    if not longest:
        return targets.new_zeros(len(target_lengths), 0)
    starts = target_lengths.cumsum(0) - target_lengths
    places = starts[:, None] + torch.arange(longest, device=targets.device)
    return targets[places.clamp(max=len(targets) - 1)]


def _forward(lattice: _Lattice) -> Tensor:
    """Log-probabilities of all beginnings of a path that end in a state: (T + 1, N, states), from no frame on."""
    states = torch.arange(lattice.labels.shape[1], device=lattice.labels.device)
    row = torch.where(states == 0, 0.0, NEVER).to(lattice.ends.dtype).expand_as(lattice.ends)
    rows = [row]
    for emitted in lattice.emitted:
        row = _from_before(row, lattice.skips) + emitted
        rows.append(row)
    return torch.stack(rows)


def _backward(lattice: _Lattice) -> Tensor:
    """Log-probabilities of all ways to go on from a state to the end: (T + 1, N, states)."""
    skips = F.pad(lattice.skips, (0, 2))[:, 2:].flip(1)  # the same steps, seen from the other end
    final = ~F.pad(lattice.within, (0, 0, 0, 1)) & F.pad(lattice.within, (0, 0, 1, 0), value=True)
    row = torch.where(final[-1][:, None], lattice.ends, NEVER)
    rows = [row]
    for emitted, ended in zip(lattice.emitted.flip(0), final[:-1].flip(0), strict=True):
        before = _from_before((row + emitted).flip(1), skips).flip(1)
        row = torch.where(ended[:, None], lattice.ends, before)
        rows.append(row)
    return torch.stack(rows[::-1])


def _from_before(row: Tensor, skips: Tensor) -> Tensor:
    """Into a state lead: itself, the state before, and the one before that where a blank may be left out."""
    two = torch.where(skips, _moved(row, 2, NEVER), NEVER)
    return torch.logsumexp(torch.stack([row, _moved(row, 1, NEVER), two]), 0)


def _moved(row: Tensor, by: int, fill: float) -> Tensor:
    """Everything some places to the right."""
    return F.pad(row, (by, 0), value=fill)[:, : row.shape[1]]


def _shares(lattice: _Lattice) -> Tensor:
    """The share of the paths' probability that is in each state in each frame: (T, N, states)."""
    after = _backward(lattice)
    total = after[0, :, 0]  # all that starts where every path starts
    share = _forward(lattice)[1:] + after[1:] - total[:, None]
    counted = lattice.within & (total > -TOO_LONG)
    # Not after the exponential: where no path is, this may be a large number.
    return torch.where(counted[:, :, None] | share.isnan(), share, NEVER).exp()


def _occupancy(lattice: _Lattice) -> Tensor:
    log_probs = lattice.log_probs
    labels = lattice.labels.expand(len(log_probs), -1, -1)
    return torch.zeros_like(log_probs).scatter_add(2, labels, _shares(lattice))


def _checked(*tensors: Any, blank: int) -> _Lattice:
    """The lattice of what is given from outside: integers of any size; halves are computed in float32, as in a loss."""
    log_probs, *others = SEQUENCES.prepared(*tensors)
    others = [x.long() if isinstance(x, Tensor) and x.dtype in INTEGERS else x for x in others]
    SEQUENCES.validate(log_probs, *others, blank=blank)
    return _lattice((log_probs.to(torch.promote_types(log_probs.dtype, torch.float32)), *others), blank)


def ctc_forward(
    log_probs: Tensor, targets: Tensor, input_lengths: Lengths, target_lengths: Lengths, *, blank: int = 0
) -> Tensor:
    """The forward table of CTC: log-probabilities of all beginnings of a path, by frame and state.

    The states of a text are ``blank, first label, blank, second label, ..., blank``. Entry ``(t, s)`` is the logarithm
    of the summed probability of all ways to go through frames 0 to t and to be in state s then. Minus the `ctc` loss
    is the ``logsumexp`` of the last two states in the last frame.

    Parameters
    ----------
    log_probs, targets, input_lengths, target_lengths, blank
        As for `ctc`.

    Returns
    -------
    Tensor
        ``(T, N, 2 S + 1)``, or ``(T, 2 S + 1)`` for one text; -inf where no path comes by. Frames behind a text's own
        count as probability 1, and states behind its own mean nothing.

    Raises
    ------
    TypeError, ValueError
        As `ctc`.

    Examples
    --------
    Two frames, blank and one letter, each with probability 1/2. Of the four paths three read as the letter:

    >>> import torch, lossbook as lb
    >>> log_probs = torch.full((2, 2), 0.5).log()
    >>> lb.ctc_forward(log_probs, torch.tensor([1]), torch.tensor(2), torch.tensor(1)).exp()
    tensor([[0.5000, 0.5000, 0.0000],
            [0.2500, 0.5000, 0.2500]])

    See Also
    --------
    ctc_occupancy : forward and backward together.
    ctc : the loss.
    """
    rows = _forward(_checked(log_probs, targets, input_lengths, target_lengths, blank=blank))[1:]
    rows = rows.masked_fill(rows < -TOO_LONG, -math.inf).to(log_probs.dtype)
    return rows if log_probs.dim() == 3 else rows.squeeze(1)


def ctc_occupancy(
    log_probs: Tensor, targets: Tensor, input_lengths: Lengths, target_lengths: Lengths, *, blank: int = 0
) -> Tensor:
    """How much of the probability of all right paths emits each class in each frame.

    In every frame of a text these shares add up to 1. They are minus the gradient of `ctc` by `log_probs`.

    Parameters
    ----------
    log_probs, targets, input_lengths, target_lengths, blank
        As for `ctc`.

    Returns
    -------
    Tensor
        The shape of `log_probs`. Zero behind the last frame of a text, and for a text that cannot be read.

    Raises
    ------
    TypeError, ValueError
        As `ctc`.

    Examples
    --------
    Of three equally probable paths (letter letter, letter blank, blank letter) two have the letter in the first frame:

    >>> import torch, lossbook as lb
    >>> log_probs = torch.full((2, 2), 0.5).log()
    >>> lb.ctc_occupancy(log_probs, torch.tensor([1]), torch.tensor(2), torch.tensor(1))
    tensor([[0.3333, 0.6667],
            [0.3333, 0.6667]])

    See Also
    --------
    ctc_forward : the first half of it.
    """
    counts = _occupancy(_checked(log_probs, targets, input_lengths, target_lengths, blank=blank)).to(log_probs.dtype)
    return counts if log_probs.dim() == 3 else counts.squeeze(1)


# --- torch's kernel -------------------------------------------------------------------------------------------


class _Kernel(torch.autograd.Function):
    """torch's fused CTC, with the slope by the log-probabilities and with all that autograd can ask for."""

    @staticmethod
    def forward(log_probs: Tensor, targets: Tensor, frames: Tensor, letters: Tensor, blank: int) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = torch.ops.aten._ctc_loss(
            log_probs, targets, frames.tolist(), letters.tolist(), blank
        )
        return found

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(*inputs[:-1], *output)
        ctx.save_for_forward(*inputs[:-1])
        ctx.mark_non_differentiable(output[1])
        ctx.blank = inputs[-1]

    @staticmethod
    def backward(ctx: Any, slope: Tensor, _: Any) -> tuple[Tensor | None, ...]:
        *inputs, each, table = ctx.saved_tensors
        log_probs, targets, frames, letters = inputs
        if torch.is_grad_enabled():  # a second derivative is wanted
            return -slope[:, None] * _occupancy(_lattice(tuple(inputs), ctx.blank)), None, None, None, None
        none = each > TOO_LONG
        slope = slope.masked_fill(none, 0)
        # This is p minus the occupancy, as if log_probs were a log-softmax: p is taken off again.
        found = torch.ops.aten._ctc_loss_backward(
            slope, log_probs, targets, frames.tolist(), letters.tolist(),
            each.masked_fill(none, math.inf), table, ctx.blank, True,
        )  # fmt: skip
        within = _before(frames.to(slope.device), len(log_probs)).T
        return found.addcmul_(log_probs.exp(), (within * slope)[:, :, None], value=-1), None, None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: Any) -> tuple[Tensor, None]:
        counts = _occupancy(_lattice(ctx.saved_tensors[:4], ctx.blank))
        return -(counts * tangent).sum((0, 2)), None

    @staticmethod
    def vmap(info: Any, dims: tuple[int | None, ...], *inputs: Any) -> tuple[Any, ...]:
        """A batch of batches is one larger batch."""
        log_probs, *others = (
            x.expand(info.batch_size, *x.shape) if dim is None else x.movedim(dim, 0)
            for x, dim in zip(inputs[:-1], dims, strict=False)
        )
        merged = (x.flatten(0, 1) for x in others)
        found = _Kernel.apply(log_probs.movedim(0, 1).flatten(1, 2), *merged, inputs[-1])
        return tuple(x.unflatten(0, (info.batch_size, -1)) for x in found), (0, 0)


def _each(tensors: tuple[Tensor, ...], blank: int) -> Tensor:
    """The loss of each text."""
    log_probs, targets, frames, letters = tensors
    if torch.compiler.is_compiling() or log_probs.is_meta:
        lattice = _lattice(tensors, blank)
        after = frames.to(log_probs.device)[None, :, None].expand(1, *lattice.ends.shape)
        each = -torch.logsumexp(_forward(lattice).gather(0, after)[0] + lattice.ends, 1)
    else:
        log_probs, moved = _of_ordinary_size(log_probs, frames)
        each = _Kernel.apply(log_probs, targets.to(log_probs.device), frames, letters, blank)[0] - moved
    return each.masked_fill(each > TOO_LONG, math.inf)


def _of_ordinary_size(log_probs: Tensor, frames: Tensor) -> tuple[Tensor, Tensor | float]:
    """The kernel takes exponentials: the largest number of each frame becomes 0, and their sum comes off the loss."""
    found = extremes(log_probs)
    # Log-probabilities are above 0 by rounding at most. The slope is p less p, and of larger numbers would lose digits.
    if found and found[0] > NEVER and found[1] < 0.01:
        return log_probs, 0.0
    within = _before(frames.to(log_probs.device), len(log_probs)).T
    log_probs = log_probs.clamp(min=NEVER)
    top = log_probs.detach().amax(2)
    moved = torch.where(within[:, :, None], log_probs - top[:, :, None], 0.0)
    return moved, torch.where(within, top, 0.0).sum(0)


# --- the loss -------------------------------------------------------------------------------------------------


def _with_own_slope(log_probs: Tensor, *others: Tensor, reduction: str = "mean", **given: Any) -> Any:
    """F.ctc_loss with the slope by the log-probabilities, and 0 for its NaN: what the checks compare `ctc` with."""
    leaf = log_probs + 0
    if leaf.requires_grad:
        leaf.register_hook(torch.nan_to_num)
    targets, frames, letters = others
    value = F.ctc_loss(leaf, targets, frames, letters, reduction=reduction, **given)
    each = ctc(log_probs.detach(), *others, reduction="none", blank=given.get("blank", 0))
    within = _before(frames.reshape(-1), len(log_probs)).T[:, :, None]
    p = torch.where(within, _batch(log_probs, targets)[0].exp(), 0.0)
    extra = torch.where(each.isinf(), 0.0, (p - p.detach()).sum((0, 2)).reshape(each.shape))  # zero, with the slope p
    return value - _reduced(extra, letters, reduction)


def _reduced(each: Tensor, target_lengths: Tensor, reduction: Reduction) -> Tensor:
    if reduction == "mean":
        each = each / target_lengths.to(each.device).clamp(min=1).reshape(each.shape)
    return reduce(each, reduction)


SEQUENCES = Sequences()


@loss(
    title="Connectionist temporal classification loss",
    short="CTC",
    chinese="连接时序分类损失（CTC）",
    formula="-logsumexp(a1 + a2, a1 + b2, b1 + a2)",
    variables=("a1", "b1", "a2", "b2"),
    takes=SEQUENCES,
    options=(BLANK, ZERO_INFINITY),
    traits=SequenceTraits(
        convex=False, shift_invariant=False, adds_up=True, reversible=True, relabeled=True, long_enough=True,
        supremum="oo",
    ),
    aliases={"PyTorch": ("torch.nn.CTCLoss", "F.ctc_loss"), "Keras": ("CTC",)},
    references=("graves2006",),
    use="The truth is a text, the input is longer, and nobody knows where each letter is: speech, lines of writing.",
    avoid="The text may be longer than the input, or its order differs from that of the input, as in translation.",
    builtin=wraps(F.ctc_loss)(_with_own_slope),
)  # fmt: skip
def ctc(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor,
    target_lengths: Tensor,
    *,
    blank: int = 0,
    zero_infinity: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """Minus the log-probability of a text, summed over every way to spread it over the frames.

    A path has one class for each frame. It reads as a text if equal neighbors are merged and then the blanks are
    taken out: ``a a - b b`` and ``- a - b -`` both read as ``ab``. The loss is ``-log`` of the sum, over all paths that
    read as the target, of the product of their probabilities.

    Parameters
    ----------
    log_probs
        Log-probabilities, the log-softmax of a network's output: floating point, ``(T, N, C)`` for T frames, N texts
        and C classes, or ``(T, C)`` for one text.
    targets
        The labels of each text, integers from 0 to C - 1 without the blank: ``(N, S)``, where what is behind the
        length of a text is ignored; or ``(sum of target_lengths,)``, one text after the other; or ``(S,)`` for one.
    input_lengths
        How many frames belong to each text, from 0 to T: integers ``(N,)``, or ``()`` for one text. A tuple or list of
        integers will do, or a single one.
    target_lengths
        How many labels each text has, from 0 to S: likewise.
    blank
        The class that stands for no label, from 0 to C - 1.
    zero_infinity
        Does a text that is too long for its frames cost 0? Otherwise it costs infinity.
    reduction
        ``"mean"``: each loss divided by the length of its text (by 1 if it is empty), then the mean over texts.
        ``"sum"`` and ``"none"`` divide by nothing; ``"none"`` is one loss for each text.

    Raises
    ------
    TypeError, ValueError
        Not tensors of the dtypes and shapes above; a length or a label out of range, or a label that is the blank
        (read on the CPU only); an unknown reduction. `torch.nn.functional.ctc_loss` does not look at the labels: one
        that is no class reads whatever is in memory there.

    Notes
    -----
    The same numbers as `torch.nn.functional.ctc_loss`. The gradient differs on purpose. That of torch is
    ``exp(log_probs)`` minus the occupancy: it is the gradient by the logits, under the assumption that `log_probs` is
    a log-softmax of these. Here it is what a gradient is, minus the occupancy. By the logits both are equal, because
    log-softmax adds the rest. See `ctc_occupancy`.

    A text needs as many frames as it has labels, and one more between two equal neighbors. With fewer its loss is
    infinite, and so is the mean. Its gradient is 0 here, as it is for torch's only with `zero_infinity`; without,
    torch's is NaN and spoils the weights. Torch's is NaN as well for each class whose log-probability is -inf.

    Adding a number to all log-probabilities of a frame lowers the loss by it. So logits that were not normalized give
    any number, negative ones too, and no error.

    On a GPU the lengths are read, as torch does, which waits for the device. Under `torch.compile` the loop over the
    frames is unrolled: compile the network, and leave the loss out if there are more than a few dozen frames. The
    same loop gives second derivatives.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> log_probs = torch.full((2, 1, 2), 0.5).log()
    >>> one = torch.tensor([1])
    >>> lb.ctc(log_probs, torch.tensor([[1]]), 2 * one, one)  # three of four paths
    tensor(0.2877)
    >>> lb.ctc(log_probs, torch.tensor([[1, 1]]), 2 * one, 2 * one)  # needs a blank between: three frames
    tensor(inf)

    References
    ----------
    Graves, Fernández, Gomez and Schmidhuber (2006), *Connectionist temporal classification: labelling unsegmented
    sequence data with recurrent neural networks*.

    See Also
    --------
    ctc_forward, ctc_occupancy : the tables behind the loss and its gradient.
    cross_entropy : a known class for each frame.
    """
    each = _each(_batch(log_probs, targets, input_lengths, target_lengths), blank)
    if zero_infinity:
        each = each.masked_fill(each == math.inf, 0)
    return _reduced(each if log_probs.dim() == 3 else each.squeeze(0), target_lengths, reduction)


@ctc.closed_form
def _ctc_gradient(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor,
    target_lengths: Tensor,
    *,
    blank: int = 0,
    zero_infinity: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    counts = _occupancy(_lattice((log_probs, targets, input_lengths, target_lengths), blank))
    if reduction == "mean":
        letters = target_lengths.to(counts.device).clamp(min=1).reshape(-1, 1)
        counts = counts / (letters * len(letters))
    return -counts if log_probs.dim() == 3 else -counts.squeeze(1)
