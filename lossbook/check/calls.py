"""Verdicts on samples: that options do something, that labels may have any dtype, that samples may be in any order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from lossbook.check.places import Values
from lossbook.check.report import Verdict, first_disagreement
from lossbook.loss import Loss
from lossbook.traits import Structured


def arguments_matter(loss: Loss) -> Iterator[Verdict]:
    """An argument that is ignored, in the loss and in its gradient, agrees with itself everywhere."""
    differs: dict[str, bool] = {}
    for sample, how in itertools.product(loss.takes.samples(), loss.takes.reductions):
        usual = loss(*sample, reduction=how)
        changes = [(p.name, end) for p in loss.parameters for end in p.slider[:2]]
        changes += [(option.name, value) for option in loss.options for value in option.tries(*sample)]
        for name, value in changes:
            given = {"reduction": how, name: value}
            apart = _apart(loss(*sample, **given), usual) or _turns(loss, sample, given)
            differs[name] = differs.get(name, False) or apart
        for name in loss.takes.optional:
            rest = {x: y for x, y in zip(loss.takes.names, sample, strict=True) if x != name}
            differs[name] = differs.get(name, False) or _apart(loss(**rest, reduction=how), usual)
    if differs:
        ignored = [name for name, matters in differs.items() if not matters]
        complaint = f"with the same loss of every sample for {ignored[0]}" if ignored else None
        yield Verdict("every argument makes a difference", "its default", "holds", complaint)


def _turns(loss: Loss, sample: Values, given: dict[str, Any]) -> bool:
    """Is the gradient another one, with these arguments? Some say only what is held fixed."""
    pairs = [loss.gradient(*sample, **one) for one in (given, {"reduction": given["reduction"]})]
    one, other = ((x,) if isinstance(x, Tensor) else x for x in pairs)
    return any(map(_apart, one, other))


def labels_of_every_dtype(loss: Loss) -> Iterator[Verdict]:
    """Boolean and integer labels are those of the same numbers in floating point, where these are taken."""
    complaint, tried = None, False
    for sample in loss.takes.samples():
        if all(x.is_floating_point() for x in sample):
            continue
        try:
            expected = loss(*(x.double() for x in sample), reduction="sum")
        except (TypeError, ValueError):
            continue
        tried = True
        if _apart(loss(*sample, reduction="sum"), expected):
            complaint = f"with another loss of {', '.join(str(x.dtype) for x in sample)}"
    if tried:
        yield Verdict("labels that are no floats", "the same numbers in float64", "holds", complaint)


def order_of_samples(loss: Loss) -> Iterator[Verdict]:
    """Samples in another order have the same losses, in that order; where a batch does not count, also one alone."""
    if not isinstance(loss.traits, Structured):
        return
    complaint = None
    alone = not getattr(loss.traits, "batch", False)
    for sample in loss.takes.samples():
        each, count = loss(*sample, reduction="none"), len(sample[0])
        if sample[0].dim() < 2 or not each.dim() or len(each) % count:
            continue
        order = torch.randperm(count)
        turned = loss(*_rows(loss, sample, order), reduction="none")
        wrong = _apart(turned, each.unflatten(0, (-1, count))[:, order].flatten(0, 1))
        if alone and not wrong:
            last = torch.tensor([count - 1])
            wrong = _apart(loss(*_rows(loss, sample, last), reduction="none"), each[-1:])
        if wrong:
            complaint = f"with a sample of shape {tuple(sample[0].shape)}"
    what = "losses of samples in another order" + (", or of one alone" if alone else "")
    yield Verdict(what, "those of the batch", "holds", complaint)


def _rows(loss: Loss, sample: Values, order: Tensor) -> Values:
    """These rows of all tensors but learned weights; what goes beyond, such as a queue of keys, stays."""
    takes, count = loss.takes, len(sample[0])
    rows = takes.embeddings or takes.by
    return tuple(
        x if name in takes.by and name not in rows else x[torch.cat([order, torch.arange(count, len(x))])]
        for x, name in zip(sample, takes.names, strict=True)
    )


def _apart(one: Tensor, other: Tensor) -> bool:
    return one.shape != other.shape or first_disagreement(one, other, 1e-9 * (1 + other.abs())) is not None
