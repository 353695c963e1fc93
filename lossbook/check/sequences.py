"""Verdicts on the traits of losses of sequences: which texts are possible, and what all of them add up to."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lossbook.check.places import arguments
from lossbook.check.report import Settings, first_disagreement
from lossbook.loss import Loss

CLASSES = 3  # blank and two letters


def _texts(longest: int) -> list[tuple[int, ...]]:
    """Every text of two letters that is not longer."""
    return [text for size in range(longest + 1) for text in itertools.product((1, 2), repeat=size)]


def _losses(loss: Loss, log_probs: Tensor, texts: Sequence[tuple[int, ...]], setting: Settings, **given: Any) -> Tensor:
    """The loss of each text; the batch has them in columns, or one for all."""
    count, longest = len(texts), max(map(len, texts))
    padded = torch.tensor([[*text, *[1] * (longest - len(text))] for text in texts]).reshape(count, longest)
    lengths = torch.full((count,), len(log_probs)), torch.tensor([*map(len, texts)])
    columns = log_probs.expand(-1, count, -1)
    return loss(columns, padded, *lengths, reduction="none", **given, **arguments(loss, setting))


def _frames(frames: int, texts: int = 1) -> Tensor:
    return (2 * torch.randn(frames, texts, CLASSES, dtype=torch.float64)).log_softmax(2)


def _same(one: Tensor, other: Tensor) -> bool:
    return first_disagreement(one, other, 1e-9 * (1 + other.abs())) is None


def _adds_up(loss: Loss, claimed: bool, setting: Settings) -> bool:
    """No text has more letters than there are frames, so these are all."""
    totals = [(-_losses(loss, _frames(count), _texts(count), setting)).exp().sum() for count in (1, 3, 4)]
    return _same(torch.stack(totals), torch.ones(3, dtype=torch.float64)) == claimed


def _reversible(loss: Loss, claimed: bool, setting: Settings) -> bool:
    texts = [text for text in _texts(3) if len(text) == 3]
    log_probs = _frames(6, len(texts))
    back = _losses(loss, log_probs.flip(0), [text[::-1] for text in texts], setting)
    return _same(back, _losses(loss, log_probs, texts, setting)) == claimed


def _relabeled(loss: Loss, claimed: bool, setting: Settings) -> bool:
    texts, log_probs = _texts(2), _frames(5)
    expected = _losses(loss, log_probs, texts, setting)
    for blank, *letters in itertools.permutations(range(CLASSES)):
        moved = torch.empty_like(log_probs).index_copy(2, torch.tensor([blank, *letters]), log_probs)
        renamed = [tuple(letters[letter - 1] for letter in text) for text in texts]
        if not _same(_losses(loss, moved, renamed, setting, blank=blank), expected):
            return not claimed
    return claimed


def _long_enough(loss: Loss, claimed: bool, setting: Settings) -> bool:
    """Each letter needs a frame, and two equal neighbors one between them."""
    texts = _texts(4)
    needed = torch.tensor([len(text) + sum(a == b for a, b in itertools.pairwise(text)) for text in texts])
    found = [_losses(loss, _frames(count), texts, setting).isfinite().equal(needed <= count) for count in range(1, 9)]
    return all(found) == claimed


TESTS = {
    "adds_up": _adds_up,
    "reversible": _reversible,
    "relabeled": _relabeled,
    "long_enough": _long_enough,
}
