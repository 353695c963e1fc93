"""Every loss, forward and backward, against torch's built-in and against a peer.

The peer is Keras on torch, where Keras has the loss; where neither has it, the formula written down as it
stands, under autograd.
"""

import inspect
import os
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

import lossbook as lb
from benchmarks.timing import duration, interleave, ratio, seconds, table
from lossbook.loss import Loss

Mean = Callable[[Tensor, Tensor], Tensor]

# Elements, calls of which the shortest counts, rounds.
SIZES = ((1_000, 20, 50), (1_000_000, 5, 40))


def run(sizes: Sequence[tuple[int, int, int]] = SIZES) -> str:
    """The table of all losses."""
    head = ["loss", "against"]
    for elements, _, _ in sizes:
        head += [f"ours/theirs at {elements:.0e}", "ours"]
    mse = torch.nn.functional.mse_loss
    rows = [["(torch's mse)", "itself", *compare(mse, mse, sizes)]]
    for loss in lb.losses():
        rows += [[loss.name, name, *compare(loss, rival, sizes)] for name, rival in rivals(loss)]
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


def compare(ours: Mean, theirs: Mean, sizes: Sequence[tuple[int, int, int]]) -> list[str]:
    """The ratio, and the time of ours, at each size."""
    cells = []
    for elements, calls, rounds in sizes:
        input, target = 2 * torch.randn(2, elements, generator=torch.Generator().manual_seed(0))
        clocks = {"ours": clock(ours, input, target, calls), "theirs": clock(theirs, input, target, calls)}
        times = interleave(clocks, rounds)
        cells += [ratio(times["ours"], times["theirs"]), duration(times["ours"])]
    return cells


def rivals(loss: Loss) -> Iterator[tuple[str, Mean]]:
    """What a loss is measured against: each takes input and target and returns the mean."""
    builtin, peer = loss.record.builtin, of_keras(loss)
    if builtin:
        yield "torch", builtin
    if peer:
        yield "Keras", lambda input, target: peer(target, input)
    if not (builtin or peer):
        yield "formula", lambda input, target: loss.from_formula(input, target).mean()


def of_keras(loss: Loss) -> Mean | None:
    """The function of Keras that a loss's record names, if it names one."""
    os.environ.setdefault("KERAS_BACKEND", "torch")  # read when Keras is imported
    import keras

    if keras.backend.backend() != "torch":
        raise RuntimeError(f"Keras runs on {keras.backend.backend()}, expected torch: unset KERAS_BACKEND")
    found = [getattr(keras.losses, name, None) for name in loss.aliases.get("Keras", ())]
    return next((one for one in found if inspect.isfunction(one)), None)


def clock(mean: Mean, input: Tensor, target: Tensor, calls: int) -> Callable[[], float]:
    """A clock: the shortest of some calls, because what else runs on the machine only ever adds to a time.

    Each call has its own fresh leaf, so that no gradient is added to an older one.
    """

    def once() -> float:
        leaf = input.clone().requires_grad_()
        return seconds(lambda: mean(leaf, target).backward())

    return lambda: min(once() for _ in range(calls))
