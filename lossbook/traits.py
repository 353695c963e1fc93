"""What is claimed of a loss beside its formula. Each claim is tested numerically, in both directions.

A claim that depends on a parameter is a SymPy condition or expression, such as ``"alpha >= 1"``; ``"oo"`` stands for
no bound. Losses of one kind make the same claims; `lossbook.check` tests them and the card lists them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Claim = bool | str


@dataclass(frozen=True)
class Traits:
    """A loss of the residual."""

    convex: Claim
    lipschitz: str | None  # the least upper bound of |slope|
    supremum: str  # the least upper bound of the loss
    redescending: Claim  # does the slope go back to zero far away?
    kinks: tuple[str, ...] = ()  # where the slope jumps
    curvature_jumps: tuple[str, ...] = ()  # where the slope is continuous and its derivative jumps
    even: Claim = True
    minimizers: tuple[str, str] = ("0", "0")  # the ends of the interval on which the loss is zero
    degree: int | None = None  # loss(s * r) = s**degree * loss(r) for s > 0


@dataclass(frozen=True)
class MarginTraits:
    """A loss of the margin, y times the score."""

    convex: Claim
    lipschitz: str | None  # None: bounded, but no closed form is claimed
    supremum: str
    calibrated: Claim  # is the sign of the best score always that of the likelier label?
    zero_from: str  # the margin from which the loss is zero; "oo" if there is none
    kinks: tuple[str, ...] = ()
    curvature_jumps: tuple[str, ...] = ()
    jumps: tuple[str, ...] = ()  # where the loss itself jumps


@dataclass(frozen=True)
class LabelTraits:
    """A loss of one logit or probability, with a label beside it."""

    convex: Claim
    lipschitz: str | None  # None: bounded, but no closed form is claimed
    supremum: str
    proper: Claim | None  # does the expected loss have its minimum at the true probability? None: no probability
    kinks: tuple[str, ...] = ()
    curvature_jumps: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScoreTraits:
    """A loss of several class scores."""

    convex: Claim
    shift_invariant: Claim  # is it unchanged when one number is added to all scores?
    lipschitz: str | None  # the least upper bound of the Euclidean length of one sample's gradient
    supremum: str
    proper: Claim  # is softmax of the best scores the true distribution?
    calibrated: Claim  # is the highest of the best scores that of the likeliest class?


@dataclass(frozen=True)
class DivergenceTraits:
    """A divergence of two distributions, summed over their outcomes."""

    zero_when_equal: Claim  # and positive otherwise
    symmetric: Claim
    supremum: str


@dataclass(frozen=True)
class FeatureTraits:
    """A loss of features and class weights or centers."""

    feature_scale: Claim  # does the length of the feature not matter?
    weight_scale: Claim  # does the length of the class weights not matter?
    rotation: Claim = True  # is it unchanged when features and weights are rotated together?
    supremum: str = "oo"


@dataclass(frozen=True)
class SetTraits:
    """A loss of a whole set of candidates."""

    order_free: Claim  # does the order of the candidates not matter?
    supremum: str
    per_candidate: Claim = False  # is it a sum over the candidates?


@dataclass(frozen=True)
class MaskTraits:
    """A loss of a predicted and a true mask."""

    convex: Claim  # in the prediction
    symmetric: Claim | None  # is it unchanged when prediction and truth swap? None: they are of different kinds
    zero_when_right: Claim  # for a hard mask that is predicted with certainty
    soft_targets: Claim | None  # zero also where the prediction is a soft truth? None: no soft truth is taken
    supremum: str
    kinks: tuple[str, ...] = ()  # expressions that are zero where the slope jumps, as in the two classes below


@dataclass(frozen=True)
class BoxTraits:
    """A loss of a predicted and a true box."""

    translation: Claim  # is it unchanged when both boxes move together?
    scale: Claim  # when both grow together?
    symmetric: Claim  # when they swap?
    slope_apart: Claim  # does it have a slope where the boxes do not touch?
    supremum: str
    kinks: tuple[str, ...] = ()


@dataclass(frozen=True)
class EmbeddingTraits:
    """A loss of embeddings: of pairs, of triplets or of a batch."""

    translation: Claim  # is it unchanged when all embeddings move together?
    rotation: Claim  # when all turn together?
    length: Claim  # when each changes its length?
    batch: Claim  # does one sample's loss depend on the other samples?
    supremum: str | None  # None: bounded for each size of the batch
    kinks: tuple[str, ...] = ()


Structured = MaskTraits | BoxTraits | EmbeddingTraits
AnyTraits = (
    Structured | Traits | MarginTraits | LabelTraits | ScoreTraits | DivergenceTraits | FeatureTraits | SetTraits
)

# In words, as the card and the reports say it.
WORDS = {
    "convex": "convex",
    "lipschitz": "steepest slope",
    "supremum": "largest loss",
    "redescending": "slope returns to zero far away",
    "kinks": "slope jumps at",
    "curvature_jumps": "curvature jumps at",
    "jumps": "loss jumps at",
    "calibrated": "classification-calibrated",
    "zero_from": "zero from the margin",
    "proper": "proper",
    "shift_invariant": "unchanged when all scores shift",
    "zero_when_equal": "zero only when both are equal",
    "symmetric": "symmetric",
    "feature_scale": "free of the feature's length",
    "weight_scale": "free of the class weights' length",
    "rotation": "unchanged by rotation",
    "order_free": "free of the candidates' order",
    "per_candidate": "a sum over candidates",
    "zero_when_right": "zero for a certain and right prediction",
    "soft_targets": "zero where the prediction is a soft truth",
    "translation": "unchanged by translation",
    "scale": "unchanged by scale",
    "slope_apart": "has a slope where the boxes are apart",
    "length": "free of the embeddings' lengths",
    "batch": "depends on the rest of the batch",
}


def texts(traits: Any) -> list[str]:
    """Every claim that is a text to be read as mathematics."""
    claims = [x for claim in vars(traits).values() for x in (claim if isinstance(claim, tuple) else (claim,))]
    return [claim for claim in claims if isinstance(claim, str)]
