"""Verdicts on the traits of temporal-difference errors: what reaches the gradient, and what the error is on average."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lossbook.check.places import Values, arguments
from lossbook.check.report import Settings, first_disagreement
from lossbook.loss import Loss


def _errors(loss: Loss, sample: Values, setting: Settings) -> Tensor:
    return loss(*sample, reduction="none", **arguments(loss, setting))


def _with(loss: Loss, sample: Values, change: Callable[[Tensor], Tensor], *names: str) -> Values:
    """The sample with a change of these tensors."""
    return tuple(change(x) if name in names else x for x, name in zip(sample, loss.takes.names, strict=True))


def _apart(one: Tensor, other: Tensor) -> bool:
    return first_disagreement(one, other, 1e-9 * (1 + other.abs())) is not None


def _reaches_next(loss: Loss, claimed: bool, setting: Settings) -> bool:
    """Has the last state, which is in targets alone, a gradient?"""

    def reaches(sample: Values) -> bool:
        slopes = loss.gradient(*sample, reduction="none", **arguments(loss, setting))
        return bool(slopes.select(loss.takes.time, -1).any())

    return any(map(reaches, loss.takes.samples())) == claimed


def _linear(loss: Loss, claimed: bool, setting: Settings) -> bool:
    """Are the errors at the mean of two tables of estimates the mean of both errors?"""

    def straight(one: Values, two: Values) -> bool:
        names = zip(one, two, loss.takes.names, strict=True)
        ends = one, tuple(b if name in loss.takes.tables else a for a, b, name in names)
        names = zip(*ends, loss.takes.names, strict=True)
        middle = tuple((a + b) / 2 if name in loss.takes.tables else a for a, b, name in names)
        first, second, found = (_errors(loss, sample, setting) for sample in (*ends, middle))
        return not _apart(found, (first + second) / 2)

    return all(map(straight, loss.takes.samples(), loss.takes.samples())) == claimed


def _zero_at_truth(loss: Loss, claimed: bool, setting: Settings) -> bool:
    """Is the mean error zero from every start of a small Markov chain, where the estimates are its true values?"""
    tensors, chances = loss.takes.episodes()
    return bool(((chances @ _errors(loss, tensors, setting)).abs() < 1e-9).all()) == claimed


def _overestimates(loss: Loss, claimed: bool, setting: Settings) -> bool:
    """Is the mean error positive where noise is added to the true values, and as often taken off?"""
    tensors, chances = loss.takes.episodes()
    total, signs = 0.0, list(itertools.product((1.0, -1.0), repeat=len(loss.takes.tables)))
    for _ in range(8):
        noises = {name: torch.randn_like(tensors[loss.takes.names.index(name)]) for name in loss.takes.tables}
        for every in signs:
            noisy = tensors
            for name, sign in zip(loss.takes.tables, every, strict=True):
                noisy = _with(loss, noisy, lambda x, step=sign * noises[name]: x + step, name)  # type: ignore[misc]
            total += (chances @ _errors(loss, noisy, setting)).mean().item()
    return (total > 1e-6) == claimed


def _later_rewards(loss: Loss, claimed: bool, setting: Settings) -> bool:
    """Does the first error change with the last reward of several?"""

    def last(rewards: Tensor) -> Tensor:
        return torch.cat([rewards[..., :-1], rewards[..., -1:] + 1], -1)

    return _first_changes(loss, last, "rewards", setting) == claimed


def _next_action(loss: Loss, claimed: bool, setting: Settings) -> bool:
    """Does the first error change with the actions that are taken after it?"""

    def others(actions: Tensor) -> Tensor:
        return torch.cat([actions[..., :1], 1 - actions[..., 1:].clamp(max=1)], -1)

    return _first_changes(loss, others, "actions", setting) == claimed


def _first_changes(loss: Loss, change: Callable[[Tensor], Tensor], name: str, setting: Settings) -> bool:
    def changes(sample: Values) -> bool:
        before, after = (_errors(loss, x, setting) for x in (sample, _with(loss, sample, change, name)))
        return before.shape[-1] > 1 and _apart(after[..., 0], before[..., 0])

    return any(map(changes, loss.takes.samples()))


ERRORS: dict[str, Callable[[Loss, Any, Settings], bool]] = {
    "reaches_next": _reaches_next,
    "linear": _linear,
    "zero_at_truth": _zero_at_truth,
    "overestimates": _overestimates,
    "later_rewards": _later_rewards,
    "next_action": _next_action,
}
