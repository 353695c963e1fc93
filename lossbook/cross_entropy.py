"""Cross-entropy of a softmax, and the negative log-likelihood, which is cross-entropy without its softmax.

Both call the kernels that torch has fused: no composition of tensor operations is as fast. Their formulas and
gradients are declared here independently of those kernels, and the checks compare the two.

The loss `cross_entropy` has the name of this module. `lossbook.cross_entropy` is the loss; the module is reached by
``from lossbook.cross_entropy import ...``.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lossbook.inputs import as_wide, class_axis
from lossbook.loss import CLASS_WEIGHT, IGNORE_INDEX, Limit, Parameter, Reduction, Scores, ScoreTraits, loss


def _index_to_ignore(value: Any, input: Tensor, target: Tensor) -> None:
    IGNORE_INDEX.validate(value, input, target)
    if target.is_floating_point() and value >= 0:
        raise ValueError(
            f"ignore_index: got {value}, expected a negative integer or nothing: class probabilities name no class "
            "that could be ignored"
        )


def _some_index(input: Tensor, target: Tensor) -> Iterator[int]:
    if not target.is_floating_point():
        yield from IGNORE_INDEX.tries(input, target)


# Class probabilities have no index, so that there is nothing to try with them.
_IGNORE_INDEX = replace(IGNORE_INDEX, validate=_index_to_ignore, tries=_some_index)


@loss(
    title="Cross-entropy",
    chinese="交叉熵损失（softmax 损失）",
    formula="-(1 - label_smoothing)*logsoftmax(z1, z2, z3)"
    " - label_smoothing/3*(logsoftmax(z1, z2, z3) + logsoftmax(z2, z1, z3) + logsoftmax(z3, z1, z2))",
    variables=("z1", "z2", "z3"),
    takes=Scores(probabilities=True),
    parameters=(
        Parameter(
            "label_smoothing", "s", "s", "share of the target that is spread evenly over all classes",
            default=0.0, low=0.0, high=1.0, slider=(0.0, 0.9, 0.05), open_low=False,
        ),
    ),
    options=(CLASS_WEIGHT, _IGNORE_INDEX),
    traits=ScoreTraits(
        convex=True, shift_invariant=True, lipschitz="sqrt(2 - 2*label_smoothing + 2*label_smoothing**2/3)",
        supremum="oo", proper="Eq(label_smoothing, 0)", calibrated="label_smoothing < 1",
    ),
    aliases={
        "PyTorch": ("torch.nn.CrossEntropyLoss", "F.cross_entropy"),
        "Keras": (
            "CategoricalCrossentropy", "categorical_crossentropy", "SparseCategoricalCrossentropy",
            "sparse_categorical_crossentropy",
        ),
        "scikit-learn": ("HalfMultinomialLoss",),
        "Optax": ("softmax_cross_entropy", "softmax_cross_entropy_with_integer_labels"),
        "also": ("softmax loss", "weighted softmax loss", "categorical cross-entropy", "multinomial logistic loss"),
    },
    references=("good1952", "bridle1990", "szegedy2016"),
    use="Each sample belongs to one of several classes, or has a probability for each, and you want probabilities.",
    avoid="Your model ends in a softmax already: make that a log_softmax and use nll. "
    "A sample may have several labels at once: use binary cross-entropy for each.",
    builtin=F.cross_entropy,
    limits=(
        Limit("s = 0 is the negative log of the true class's probability", "-logsoftmax(z1, z2, z3)"),
        Limit(
            "s = 1 is the mean of all negative log-probabilities", "logsumexp(z1, z2, z3) - (z1 + z2 + z3)/3",
            {"label_smoothing": 1.0},
        ),
    ),
)  # fmt: skip
def cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Tensor:
    """Cross-entropy between the target and the softmax of the logits.

    For one sample with logits ``z`` and probabilities ``p = softmax(z)``: ``-log(p[y])`` if `target` is the class
    ``y``, and ``-sum(q * log(p))`` if it is a distribution ``q`` over the classes. In nats, at least 0.

    Parameters
    ----------
    input
        Logits: any real numbers, no softmax. Floating point, of shape (C,), (N, C) or (N, C, d1, d2, ...) with C
        classes and up to five dimensions; an image batch is (N, C, H, W).
    target
        Either class indices, integers from 0 to C - 1, in the shape of `input` without C; or class probabilities,
        floating point from 0 to 1, in the shape of `input`. That probabilities add up to 1 is not checked.
    label_smoothing
        From 0 to 1. The target becomes ``(1 - s) * q + s / C``: every class has a share of ``s / C``, also the true
        one.
    weight
        A factor for each class, shape (C,): the loss is ``-sum(weight * q * log(p))``. With label smoothing it
        multiplies the spread part as well, class by class. Any floating dtype; it should not be negative.
    ignore_index
        Class indices of this value give the loss 0 and the gradient 0, and do not count in the mean. Not with class
        probabilities.
    reduction
        ``"none"`` for the shape of `input` without C, ``"sum"``, or ``"mean"``. For class indices the mean divides
        by the sum of ``weight[target]`` over the targets that count, which is their number if there is no `weight`;
        for class probabilities by the number of samples (pixels), whatever `weight` is.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; logits that are not floating point; targets of another shape, dtype or device; on the CPU, a
        class index or a probability out of its range; a `weight` that is not one number for each class; a
        `label_smoothing` outside of [0, 1]; an `ignore_index` of 0 or more with class probabilities; an unknown
        reduction.

    Notes
    -----
    All targets ignored, or no samples: the mean is NaN, 0/0, as in torch, and its gradient is 0; the sum is 0.
    If all targets that count have the weight 0, the mean and its gradient are NaN, as in torch.

    Computed by torch's fused kernel with a log-softmax, which shifts the logits by the largest: finite, value and
    gradient, for finite logits of any size whose differences are finite. It is infinite where a class that the target
    wants has the logit minus infinity.

    Class indices are read on the CPU only. On a GPU, and under `torch.compile` or `torch.func.vmap`, indices in range
    are the caller's promise.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> z = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    >>> lb.cross_entropy(z, torch.tensor([0, 2]), reduction="none")
    tensor([0.4076, 1.0986])
    >>> lb.cross_entropy.gradient(z, torch.tensor([0, 2]), reduction="none")
    tensor([[-0.3348,  0.2447,  0.0900],
            [ 0.3333,  0.3333, -0.6667]])
    >>> lb.cross_entropy(z, torch.tensor([[0.5, 0.5, 0.0], [0.2, 0.2, 0.6]]))
    tensor(1.0031)
    >>> lb.cross_entropy(z, torch.tensor([0, 2]), weight=torch.tensor([1.0, 1.0, 9.0]))
    tensor(1.0295)

    References
    ----------
    Good (1952), *Rational decisions*, proposed the logarithm as the fair pay for a forecast. Bridle (1990) named the
    softmax. Szegedy et al. (2016), *Rethinking the Inception architecture for computer vision*, section 7, introduced
    label smoothing.

    See Also
    --------
    nll : the same for log-probabilities.
    """
    return F.cross_entropy(
        input,
        _classes(target),
        weight=as_wide(weight, input),
        ignore_index=ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


@cross_entropy.closed_form
def _cross_entropy_gradient(
    input: Tensor,
    target: Tensor,
    *,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Tensor:
    axis = class_axis(input)
    classes = input.shape[axis]
    truth, counted = _distribution(input, target, ignore_index)
    # The distribution that the softmax should reach: label smoothing moves mass, class weights multiply it.
    wanted = ((1 - label_smoothing) * truth + label_smoothing / classes) * counted * _along(axis, weight, input)
    slope = wanted.sum(axis, keepdim=True) * input.softmax(axis) - wanted
    if reduction != "mean":
        return slope
    if target.is_floating_point():
        return slope * classes / slope.numel()
    return _averaged(slope, truth * counted * _along(axis, weight, input), counted)


@loss(
    title="Negative log-likelihood",
    short="NLL",
    chinese="负对数似然损失",
    formula="-z1",
    variables=("z1", "z2", "z3"),
    takes=Scores(log_probabilities=True),
    options=(CLASS_WEIGHT, IGNORE_INDEX),
    traits=ScoreTraits(
        convex=True, shift_invariant=False, lipschitz="1", supremum="oo", proper=True, calibrated=True
    ),
    aliases={
        "PyTorch": ("torch.nn.NLLLoss", "torch.nn.NLLLoss2d", "F.nll_loss"),
        "also": ("negative log-likelihood", "logarithmic score"),
    },
    references=("good1952",),
    use="Your model gives log-probabilities: a log_softmax, a mixture, a sum over paths.",
    avoid="Your model gives logits: use cross_entropy. It gives probabilities: nothing warns you, and "
    "the logarithm of one that underflowed is minus infinity.",
    builtin=F.nll_loss,
)  # fmt: skip
def nll(
    input: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Tensor:
    """Minus the log-probability of the true class.

    It picks ``-input[y]`` of each sample. With ``input = log_softmax(z)`` it is the cross-entropy of the logits ``z``.

    Parameters
    ----------
    input
        Log-probabilities, at most 0, their exponentials adding up to 1 over C; that is not checked. Floating point, of
        shape (C,), (N, C) or (N, C, d1, d2, ...), up to five dimensions; images are (N, C, H, W).
    target
        Class indices, integers from 0 to C - 1, in the shape of `input` without C.
    weight
        A factor for each class, shape (C,), any floating dtype; it should not be negative.
    ignore_index
        Targets of this value give the loss 0 and the gradient 0, and do not count in the mean.
    reduction
        ``"none"`` for the shape of `target`, ``"sum"``, or ``"mean"``, which divides by the sum of ``weight[target]``
        over the targets that count: their number, if there is no `weight`.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; log-probabilities that are not floating point; targets of another shape or device, or not
        integers; on the CPU, a class index out of range; a `weight` that is not one number for each class; an unknown
        reduction.

    Notes
    -----
    All targets ignored, or no samples: the mean is NaN, 0/0, as in torch, and its gradient is 0; the sum is 0.
    If all targets that count have the weight 0, the mean and its gradient are NaN, as in torch.

    The loss is infinite where the true class has the log-probability minus infinity. The gradient by `input` is -1
    there still; what is infinite is the logarithm's, upstream.

    Class indices are read on the CPU only. On a GPU, and under `torch.compile` or `torch.func.vmap`, indices in range
    are the caller's promise.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> p = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    >>> lb.nll(p.log(), torch.tensor([0, 1]), reduction="none")
    tensor([0.6931, 2.3026])
    >>> lb.nll.gradient(p.log(), torch.tensor([0, 1]))
    tensor([[-0.5000,  0.0000,  0.0000],
            [ 0.0000, -0.5000,  0.0000]])

    References
    ----------
    Good (1952), *Rational decisions*: the logarithm as the fair pay for a forecast.

    See Also
    --------
    cross_entropy : takes logits, and applies the log-softmax itself.
    """
    return F.nll_loss(
        input, _classes(target), weight=as_wide(weight, input), ignore_index=ignore_index, reduction=reduction
    )


@nll.closed_form
def _nll_gradient(
    input: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Tensor:
    truth, counted = _distribution(input, target, ignore_index)
    chosen = truth * counted
    of_target = chosen * _along(class_axis(input), weight, input)
    slope = 0.0 - of_target  # not -of_target: no minus zero for the classes that are not chosen
    return _averaged(slope, of_target, chosen) if reduction == "mean" else slope


def _classes(target: Tensor) -> Tensor:
    """Targets as torch's kernels take them: class indices in int64."""
    return target if target.is_floating_point() else target.long()


def _distribution(input: Tensor, target: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
    """The target as class probabilities, and for each sample whether it counts, 1 or 0."""
    axis = class_axis(input)
    if target.is_floating_point():
        return target, torch.ones_like(target.narrow(axis, 0, 1))
    target = target.long().unsqueeze(axis)
    counted = target != ignore_index
    # Not F.one_hot: it reads the indices, which waits for a GPU.
    one_hot = torch.zeros_like(input).scatter(axis, target.where(counted, 0), 1.0)
    return one_hot, counted.to(input.dtype)


def _along(axis: int, weight: Tensor | None, input: Tensor) -> Tensor:
    """Class weights, shaped to multiply a tensor in the shape of `input`."""
    if weight is None:
        return input.new_ones(())
    return weight.reshape(-1, *[1] * (input.dim() - axis - 1))


def _averaged(slope: Tensor, of_target: Tensor, counted: Tensor) -> Tensor:
    """The mean over class indices divides by the weights of the targets that count, added up."""
    return torch.where(counted > 0, slope / of_target.sum(), 0.0)  # all ignored: 0, as torch has it
