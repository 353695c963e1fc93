"""Every loss, forward and backward, against torch's built-in and against a peer.

The peer of an elementwise loss is Keras on torch, where Keras has the loss; where neither has it, the formula
written down as it stands, under autograd. Losses of several numbers whose time matters most are in `classes.py`.
"""

import functools
import inspect
import os
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

import lossbook as lb
from benchmarks.timing import duration, interleave, ratio, seconds, table
from lossbook.loss import RESIDUAL, Elementwise, Loss

Mean = Callable[..., Tensor]

# Elements, calls of which the shortest counts, rounds.
SIZES = ((1_000, 20, 50), (1_000_000, 5, 40))


def run(sizes: Sequence[tuple[int, int, int]] = SIZES) -> str:
    """The table of all losses."""
    head = ["loss", "against"]
    for elements, _, _ in sizes:
        head += [f"ours/theirs at {elements:.0e}", "ours"]
    mse = torch.nn.functional.mse_loss
    rows = [["(torch's mse)", "itself", *compare(lb.mse, mse, mse, sizes)]]
    for loss in measured():
        rows += [[loss.name, name, *compare(loss, loss, rival, sizes)] for name, rival in rivals(loss)]
    return "\n".join(
        [
            "Loss and gradient (forward, mean, backward), float32, default parameters:",
            "median of the paired ratios and their quartiles; at most 1.05 is wanted against torch at 1e+06.",
            f"torch {torch.__version__}, {torch.get_num_threads()} threads.",
            "itself: how far the ratios of this run can be trusted.",
            "formula: no built-in and not in Keras; loss.from_formula(...).mean(), which for a piecewise formula",
            "computes every piece.",
            "",
            table(head, rows),
        ]
    )


def measured() -> list[Loss]:
    """The losses of one number each that have a gradient, and those of several that torch has too; no sequences."""
    trained = [loss for loss in lb.losses() if not getattr(loss.traits, "jumps", ()) and loss.family != "sequence"]
    return [loss for loss in trained if isinstance(loss.takes, Elementwise) or loss.record.builtin]


def sample(loss: Loss, elements: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, ...]:
    """Tensors that the loss takes, with about so many elements: its first sample of two dimensions, repeated."""
    torch.manual_seed(0)
    if loss.takes is RESIDUAL:
        return tuple(2 * torch.randn(2, elements, dtype=dtype))
    rows = next(tensors for tensors in loss.takes.samples() if tensors[0].dim() > 1 and len(tensors[0]) > 1)
    times = max(1, elements // rows[0].numel())
    many = (torch.cat([x] * times) for x in rows)
    return tuple(x.to(dtype) if x.is_floating_point() else x for x in many)


def compare(loss: Loss, ours: Mean, theirs: Mean, sizes: Sequence[tuple[int, int, int]]) -> list[str]:
    """The ratio, and the time of ours, at each size."""
    cells = []
    for elements, calls, rounds in sizes:
        tensors = sample(loss, elements)
        clocks = {"ours": clock(ours, tensors, calls), "theirs": clock(theirs, tensors, calls)}
        times = interleave(clocks, rounds)
        cells += [ratio(times["ours"], times["theirs"]), duration(times["ours"])]
    return cells


def rivals(loss: Loss) -> Iterator[tuple[str, Mean]]:
    """What a loss is measured against: each takes input and target and returns the mean."""
    builtin, peer = loss.record.builtin, of_keras(loss)
    if builtin:
        yield "torch", functools.partial(builtin, reduction=loss.default_reduction)
    if peer and loss.takes is RESIDUAL:
        yield "Keras", lambda input, target: peer(target, input)
    if not (builtin or (peer and loss.takes is RESIDUAL)):
        yield "formula", lambda input, target: loss.from_formula(input, target).mean()


def of_keras(loss: Loss) -> Mean | None:
    """The function of Keras that a loss's record names, if it names one."""
    os.environ.setdefault("KERAS_BACKEND", "torch")  # read when Keras is imported
    import keras

    if keras.backend.backend() != "torch":
        raise RuntimeError(f"Keras runs on {keras.backend.backend()}, expected torch: unset KERAS_BACKEND")
    found = [getattr(keras.losses, name, None) for name in loss.aliases.get("Keras", ())]
    return next((one for one in found if inspect.isfunction(one)), None)


def clock(mean: Mean, tensors: tuple[Tensor, ...], calls: int) -> Callable[[], float]:
    """A clock: the shortest of some calls, because what else runs on the machine only ever adds to a time.

    Each call has its own fresh leaf, so that no gradient is added to an older one.
    """

    def once() -> float:
        leaf = tensors[0].clone().requires_grad_()
        return seconds(lambda: mean(leaf, *tensors[1:]).backward())

    return lambda: min(once() for _ in range(calls))
