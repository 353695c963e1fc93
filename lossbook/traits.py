"""What is claimed of a loss beside its formula. Each claim is tested numerically, in both directions.

A claim that depends on a parameter is a SymPy condition or expression, such as ``"alpha >= 1"``; ``"oo"`` stands for
no bound, and a place that is ``nan`` for no place: ``"Piecewise((0, Ne(expectile, Rational(1, 2))), (nan, True))"``.
Losses of one kind make the same claims; `lossbook.check` tests them and the card lists them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
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
    proper: Claim | None  # is softmax of the best scores the true distribution? None: the scores are not of one softmax
    calibrated: Claim | None  # is the highest of the best scores that of the likeliest class?


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


@dataclass(frozen=True)
class ErrorTraits:
    """A temporal-difference error: what one step says of a prediction."""

    reaches_next: Claim  # does the gradient reach the next state's estimate?
    linear: Claim  # in the estimates
    zero_at_truth: Claim  # is its mean zero where the estimates are the true values?
    overestimates: Claim  # is its mean positive where noise is added to the true values?
    later_rewards: Claim  # does an error depend on rewards after its own step?
    next_action: Claim | None  # does it depend on the action taken next? None: there are no actions
    kinks: tuple[str, ...] = ()


class Best(Enum):
    """The constant that has the least mean loss over some truths."""

    MEAN = "the mean"
    MEDIAN = "the median"
    WEIGHTED_MEDIAN = "the median weighted by 1/truth"
    GEOMETRIC = "the geometric mean of 1 + truth, less 1"
    MEAN_AND_VARIANCE = "the mean, with the variance"
    OTHER = "neither a mean nor a median"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class RelativeTraits:
    """A loss of the forecast of a positive number."""

    convex: Claim
    fits: Best  # what the best constant is
    unit: Claim  # of which power of the truth's unit is it, "0" if of none? False: it changes otherwise with the unit
    symmetric: Claim  # is it unchanged when forecast and truth swap?
    under: str | None  # the least upper bound of the loss of forecasts between zero and the truth
    over: str | None  # and of those above the truth
    kinks: tuple[str, ...] | None = ()  # None: of a formula in several variables nothing is claimed
    curvature_jumps: tuple[str, ...] | None = ()


@dataclass(frozen=True)
class SequenceTraits:
    """A loss of a text, given the log-probabilities of frames."""

    convex: Claim
    shift_invariant: Claim  # is it unchanged when one number is added to all log-probabilities?
    adds_up: Claim  # do the probabilities of all texts add up to 1?
    reversible: Claim  # is it unchanged when frames and text are reversed?
    relabeled: Claim  # is it unchanged when the classes are renumbered, the blank with them?
    long_enough: Claim  # is it finite just where each letter has a frame, and equal neighbors one between them?
    supremum: str


Structured = MaskTraits | BoxTraits | EmbeddingTraits | ErrorTraits
AnyTraits = (
    Structured
    | Traits
    | MarginTraits
    | LabelTraits
    | ScoreTraits
    | DivergenceTraits
    | FeatureTraits
    | SetTraits
    | RelativeTraits
    | SequenceTraits
)

# In words, as the card and the reports say it.
WORDS = {
    "fits": "best constant",
    "unit": "power of the truth's unit",
    "under": "largest loss below the truth",
    "over": "largest loss above the truth",
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
    "adds_up": "the probabilities of all texts add up to 1",
    "reversible": "unchanged when frames and text are reversed",
    "relabeled": "unchanged when classes are renumbered",
    "long_enough": "finite just where the frames suffice",
    "reaches_next": "gradient reaches the next state's value",
    "linear": "linear in the values",
    "zero_at_truth": "zero on average at the true values",
    "overestimates": "positive on average where the values are noisy",
    "later_rewards": "depends on later rewards",
    "next_action": "depends on the action taken next",
}


def texts(traits: Any) -> list[str]:
    """Every claim that is a text to be read as mathematics."""
    claims = [x for claim in vars(traits).values() for x in (claim if isinstance(claim, tuple) else (claim,))]
    return [claim for claim in claims if isinstance(claim, str)]
