"""What scenes of classes share: a formula is written for class 1, and any class may be the true one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lossbook.explorer.scene import Payload, choice, evaluate
from lossbook.inputs import Scores
from lossbook.loss import Loss

VARIABLES = (("z1", "z2", "z3"),)
DRAWS = "losses of three logits"
CLASSES = (1, 2, 3)


def one_true(loss: Loss) -> bool:
    """Is exactly one class the true one, and may it be any?"""
    return isinstance(loss.takes, Scores)


def target(losses: Sequence[Loss]) -> Payload:
    """The state of the buttons that say which class is true."""
    return choice(1, CLASSES if all(map(one_true, losses)) else CLASSES[:1])


def shares(loss: Loss) -> str:
    """How probabilities come from what the loss takes."""
    if not one_true(loss):
        return "sigmoid"
    return "exp" if loss.takes.log_probabilities else "softmax"


def order(target: int, count: int = 3) -> list[int]:
    """The places of the classes with the true one first."""
    return [target - 1, *(k for k in range(count) if k != target - 1)]


def at(loss: Loss, values: Mapping[str, float], logits: Any, target: int) -> tuple[np.ndarray, np.ndarray]:
    """The loss, and its gradient by the logits as the last axis, where class `target` is true."""
    places = order(target, len(logits))
    value, *slopes = evaluate(loss, values, *(logits[k] for k in places))
    gradient = np.empty((*value.shape, len(places)))
    for place, slope in zip(places, slopes, strict=True):
        gradient[..., place] = slope
    return value, gradient


def probabilities(shares: str, logits: Any) -> np.ndarray:
    """The probabilities of three logits."""
    z = np.asarray(logits, dtype=float)
    if shares == "sigmoid":
        return np.exp(-np.logaddexp(0.0, -z))
    return np.exp(z) if shares == "exp" else np.exp(z - np.logaddexp.reduce(z))
