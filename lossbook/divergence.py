"""Losses between distributions: entropy, Kullback-Leibler, Jensen-Shannon, and distillation from a teacher's logits.

A distribution is a row of probabilities. That a row sums to one is the caller's promise: `softmax` sees to it, and
a check would cost as much as the loss. That each number can be a probability is checked on the CPU, because these
losses give plausible numbers for what is none.
"""

import math
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lossbook.inputs import (
    Inputs,
    Parameter,
    Reduction,
    beginning,
    class_axis,
    extremes,
    floating,
    switch,
    validate_pair,
)
from lossbook.loss import DivergenceTraits, LabelTraits, Limit, loss, reduce

REDUCTIONS = ("none", "mean", "sum", "batchmean")
ROUNDING = 1e-6  # a probability may be that far above one, in float32
SHAPES = ((), (4,), (1, 4), (6, 4), (5, 3, 2), (2, 3, 2, 4))


# --- what they take -----------------------------------------------------------------------------------------


def _probabilities(name: str, tensor: Tensor, hint: str = "") -> None:
    found = extremes(beginning(tensor))
    if found and (found[0] < 0 or found[1] > 1 + ROUNDING):
        wrong = found[0] if found[0] < 0 else found[1]
        raise ValueError(f"{name}: got the value {wrong:g}, expected probabilities in [0, 1]{hint}")


def _log_probabilities(name: str, tensor: Tensor) -> None:
    found = extremes(beginning(tensor))
    if found and found[1] > ROUNDING:
        raise ValueError(
            f"{name}: got the value {found[1]:g}, expected log-probabilities, which are at most 0; "
            "log_softmax makes them from logits, log from probabilities"
        )


def _random(shape: tuple[int, ...]) -> Tensor:
    """Random distributions along the last axis; for no axis, one probability."""
    numbers = torch.randn(shape, dtype=torch.float64)
    return numbers.softmax(-1) if shape else numbers.sigmoid()


class Outcomes(Inputs):
    """One or two distributions of one shape; the formula is the term of one outcome."""

    reductions = REDUCTIONS
    label: Parameter | None = Parameter(
        "p", "p", "p", "probability of the outcome under the target",
        default=0.5, low=0.0, high=1.0, slider=(0.05, 0.95, 0.05), open_low=False,
    )  # fmt: skip
    domain = MappingProxyType({"q": (0.0, 1.0)})
    axis = "probability q of the outcome under the model"
    latex = "q"
    xlim = (0.01, 0.99)


class LogPair(Outcomes):
    """Log-probabilities of the model, and probabilities (or log-probabilities) of the target."""

    where = "one outcome: the target gives it the probability p, the model q; input is log q"

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        input, target = tensors
        validate_pair(input, target)
        _log_probabilities("input", input)
        if arguments.get("log_target") is True:
            _log_probabilities("target", target)
        else:
            _probabilities("target", target, "; for log-probabilities say log_target=True")

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """One outcome for each value of q."""
        (q,) = values
        return q.log(), torch.full_like(q, setting["p"])

    def distributions(self, q: Tensor, p: Tensor) -> tuple[Tensor, ...]:
        """Rows of log-probabilities and of probabilities."""
        return q.log(), p

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Random distributions of every number of dimensions, and targets with an impossible outcome."""
        for shape in SHAPES:
            yield _random(shape).log(), _random(shape)
        yield _random((6, 4)).log(), F.one_hot(torch.arange(6) % 4, 4).double()


class Pair(Outcomes):
    """Probabilities of the model, and probabilities of the target."""

    where = "one outcome: the target gives it the probability p, the model q"

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        validate_pair(*tensors)
        for name, tensor in zip(self.names, tensors, strict=True):
            _probabilities(name, tensor, "; it takes no log-probabilities and no logits")

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """One outcome for each value of q."""
        (q,) = values
        return q, torch.full_like(q, setting["p"])

    def distributions(self, q: Tensor, p: Tensor) -> tuple[Tensor, ...]:
        """Rows of probabilities."""
        return q, p

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Random distributions of every number of dimensions, and targets with an impossible outcome."""
        for shape in SHAPES:
            yield _random(shape), _random(shape)
        yield _random((6, 4)), F.one_hot(torch.arange(6) % 4, 4).double()


class One(Outcomes):
    """One distribution: probabilities, or their logarithms."""

    names = ("input",)
    label = None
    domain = MappingProxyType({"p": (0.0, 1.0)})
    axis = "probability p of the outcome"
    latex = "p"
    where = "one outcome of probability p"

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensor holds no probabilities."""
        (input,) = tensors
        floating(input=input)
        if arguments.get("log_input") is True:
            _log_probabilities("input", input)
        else:
            _probabilities("input", input, "; for log-probabilities say log_input=True")

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """One outcome for each probability."""
        return values

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Random distributions of every number of dimensions."""
        for shape in SHAPES:
            yield (_random(shape),)


class TwoLogits(Inputs):
    """Logits of a student and of its teacher, (C,), (N, C) or (N, C, d1, ...)."""

    label = Parameter(
        "v", "v", "v", "the teacher's logit", default=3.0, low=-math.inf, high=math.inf, slider=(-6.0, 6.0, 0.5)
    )
    axis = "the student's logit z"
    latex = "z"
    xlim = (-8.0, 8.0)
    where = "two classes; z and v are by how much the logit of the first exceeds that of the second"

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        validate_pair(*tensors)
        if not tensors[0].dim():
            raise ValueError("input: got shape (), expected logits with an axis of classes: (C,) or (N, C, ...)")

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Rows of two logits, the second of which is zero."""
        (z,) = values
        v = torch.full_like(z, setting["v"])
        return torch.stack([z, torch.zeros_like(z)], 1), torch.stack([v, torch.zeros_like(v)], 1)

    def distributions(self, q: Tensor, p: Tensor) -> tuple[Tensor, ...]:
        """Rows of logits with these probabilities at the temperature 1."""
        return q.log(), p.log()

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Random logits of every number of dimensions."""
        for shape in ((4,), (1, 4), (6, 4), (5, 3, 2), (2, 3, 2, 4), (2, 3, 1, 2, 2)):
            yield tuple(3 * torch.randn(2, *shape, dtype=torch.float64))


# --- what they share ----------------------------------------------------------------------------------------


def _rows(tensor: Tensor) -> int:
    """The number of distributions along the first axis. A tensor of one axis is one distribution."""
    return tensor.shape[0] if tensor.dim() > 1 else 1


def _reduce(terms: Tensor, reduction: Reduction, rows: int) -> Tensor:
    """As `reduce`, and "batchmean": the sum over the outcomes, averaged over the rows."""
    return terms.sum() / rows if reduction == "batchmean" else reduce(terms, reduction)


def _share(slopes: Tensor, reduction: Reduction, rows: int) -> Tensor:
    """The slopes of the terms, divided by what the reduction divides by."""
    return slopes / {"mean": slopes.numel(), "batchmean": rows}.get(reduction, 1)


# --- the losses ---------------------------------------------------------------------------------------------


@loss(
    title="Entropy",
    short="entropy",
    chinese="熵（信息熵）",
    formula="-xlogy(p, p)",
    variables=("p",),
    takes=One(),
    options=(switch("log_input", "is `input` log-probabilities?", tried=False),),
    traits=LabelTraits(convex=False, lipschitz="oo", supremum="exp(-1)", proper=None),
    aliases={
        "SciPy": ("scipy.special.entr", "scipy.stats.entropy"),
        "also": ("Shannon entropy", "information entropy"),
    },
    references=("shannon1948",),
    use="You want a distribution to be more certain (add it) or less certain (subtract it): a bonus in reinforcement "
    "learning, a penalty on unlabeled data.",
    avoid="You have a target: entropy looks at one distribution only. Two make a cross-entropy.",
)
def entropy(input: Tensor, *, log_input: bool = False, reduction: Reduction = "batchmean") -> Tensor:
    """How uncertain a distribution is: the mean of -log p under p itself.

    The terms are ``-p log p``, in nats (natural logarithm), and 0 at ``p = 0``. Their sum lies between 0 (one
    outcome is certain) and ``log C`` (all C are equally likely).

    Parameters
    ----------
    input
        Probabilities of any shape, usually ``(N, C)`` with rows that sum to one, or their logarithms.
    log_input
        Is `input` log-probabilities?
    reduction
        ``"batchmean"``: the sum of the terms divided by the size of the first axis, which is the mean entropy of
        the rows of an ``(N, C)`` tensor; a tensor of one axis is one distribution. ``"mean"`` divides by the number
        of terms and is no entropy. ``"sum"``; ``"none"`` for one term for each outcome.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; a `log_input` that is not a bool; an unknown reduction. On the CPU also
        probabilities outside of [0, 1] and log-probabilities above 0 (1e-6 is allowed for rounding).

    Notes
    -----
    The gradient is ``-(log p + 1)``, which truly is infinite at ``p = 0``. By log-probabilities it is
    ``-p (log p + 1)``, which is finite everywhere: prefer ``entropy(log_softmax(z, 1), log_input=True)``.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> p = torch.tensor([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]])
    >>> lb.entropy(p, reduction="none")
    tensor([[0.2497, 0.3219, 0.2303],
            [0.0000, 0.3466, 0.3466]])
    >>> lb.entropy(p)
    tensor(0.7475)

    References
    ----------
    Shannon (1948), *A mathematical theory of communication*.

    See Also
    --------
    kl_divergence : cross-entropy minus the entropy of the target.
    """
    # exp(-inf) * -inf would be NaN; the clamp makes it exp(-inf) times a large number, which is 0.
    least = torch.finfo(input.dtype).min
    terms = -input.exp() * input.clamp(min=least) if log_input else torch.special.entr(input)
    return _reduce(terms, reduction, _rows(input))


@entropy.closed_form
def _entropy_gradient(input: Tensor, *, log_input: bool = False, reduction: Reduction = "batchmean") -> Tensor:
    slopes = torch.special.entr(input.exp()) - input.exp() if log_input else -1 - input.log()
    return _share(slopes, reduction, _rows(input))


@loss(
    title="Kullback–Leibler divergence",
    short="KL",
    chinese="KL 散度（相对熵）",
    formula="xlogy(p, p) - xlogy(p, q)",
    variables=("q",),
    takes=LogPair(),
    options=(switch("log_target", "is `target` log-probabilities?", tried=False),),
    traits=DivergenceTraits(zero_when_equal=True, symmetric=False, supremum="oo"),
    aliases={
        "PyTorch": ("torch.nn.KLDivLoss", "F.kl_div"),
        "Keras": ("KLDivergence", "kl_divergence"),
        "Optax": ("kl_divergence",),
        "SciPy": ("scipy.special.rel_entr",),
        "also": ("relative entropy", "Kullback-Leibler"),
    },
    references=("kullback1951",),
    use="The target is itself a distribution: soft labels, a teacher, a prior. For a fixed target it trains exactly as "
    "cross-entropy does, and its zero says that the model is right.",
    avoid="The two distributions may have no outcome in common: it is infinite there, and the JS divergence is not.",
    builtin=F.kl_div,
)
def kl_divergence(
    input: Tensor, target: Tensor, *, log_target: bool = False, reduction: Reduction = "batchmean"
) -> Tensor:
    """What it costs to expect the model's distribution when the target's is true: KL(target || model).

    The terms are ``p (log p - input)`` with `input` the log-probabilities of the model, in nats. A term is 0 where
    ``p`` is 0, whatever the model says there. Their sum is never negative if both rows sum to one, and 0 only where
    the two distributions are equal.

    Parameters
    ----------
    input
        Log-probabilities of the model, any shape, usually ``log_softmax(z, 1)`` of shape ``(N, C)``.
    target
        Probabilities of the same shape, or log-probabilities if `log_target` says so.
    log_target
        Is `target` log-probabilities?
    reduction
        ``"batchmean"``: the sum of the terms divided by the size of the first axis, which is the mean divergence of
        the rows of an ``(N, C)`` tensor. ``"mean"`` divides by the number of terms, C times too much, and is no KL
        divergence. ``"sum"``; ``"none"`` for one term for each outcome.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; a `log_target` that is not a bool; an
        unknown reduction. On the CPU also target probabilities outside of [0, 1] and log-probabilities above 0
        (1e-6 is allowed for rounding). That the probabilities of a row sum to one is never checked.

    Warnings
    --------
    A tensor of one axis, ``(C,)``, has C rows for ``"batchmean"``, here as in `torch.nn.functional.kl_div`: the
    result is the divergence divided by C. Give one distribution as ``(1, C)``, or take ``"sum"``.

    Notes
    -----
    The loss truly is infinite where the model gives probability 0 (`input` of minus infinity) to what the target
    thinks possible. Where both give 0 the term is 0; `torch.nn.functional.kl_div` gives NaN there. Apart from that
    it agrees with that function, which warns when asked for ``"mean"``; this one does not.

    The gradient by `input` is ``-p``. By the logits behind `input` it is ``softmax(z) - p``, as cross-entropy's.
    The gradient reaches the target too, unless you detach it; by a target probability of 0, where it truly is minus
    infinity, autograd makes NaN. Log-probabilities have no such place.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> p, q = torch.tensor([[0.7, 0.2, 0.1]]), torch.tensor([[0.3, 0.4, 0.3]])
    >>> lb.kl_divergence(q.log(), p)
    tensor(0.3446)
    >>> lb.kl_divergence.gradient(q.log(), p)
    tensor([[-0.7000, -0.2000, -0.1000]])

    References
    ----------
    Kullback and Leibler (1951), *On information and sufficiency*.

    See Also
    --------
    js_divergence : symmetric and bounded.
    distillation : from two rows of logits.
    entropy : cross-entropy minus it is this.
    """
    p, log_p = (target.exp(), target) if log_target else (target, target.log())
    # What never happens costs nothing, even if the model's log q is minus infinity: 0 and not 0 * inf. (The clamp
    # gives 0, since no log-probability is above it, and keeps NaN.)
    surprise = torch.where(p == 0, input.clamp(min=0), log_p - input)
    return _reduce(p * surprise, reduction, input.shape[0] if input.dim() else 1)


@kl_divergence.closed_form
def _kl_gradient(
    input: Tensor, target: Tensor, *, log_target: bool = False, reduction: Reduction = "batchmean"
) -> Tensor:
    return _share(-target.exp() if log_target else -target, reduction, input.shape[0] if input.dim() else 1)


@loss(
    title="Jensen–Shannon divergence",
    short="JS",
    chinese="JS 散度（Jensen–Shannon 散度）",
    formula="(xlogy(q, 2*q/(p + q)) + xlogy(p, 2*p/(p + q)))/2",
    variables=("q",),
    takes=Pair(),
    traits=DivergenceTraits(zero_when_equal=True, symmetric=True, supremum="log(2)"),
    aliases={"SciPy": ("scipy.spatial.distance.jensenshannon",), "also": ("Jensen-Shannon", "JSD")},
    references=("lin1991",),
    use="Neither distribution is the truth, or they may have no outcome in common: it is symmetric and at most log 2.",
    avoid="You train a classifier: by its logits the gradient vanishes where the model is sure and wrong.",
)
def js_divergence(input: Tensor, target: Tensor, *, reduction: Reduction = "batchmean") -> Tensor:
    """The mean divergence of two distributions from their middle: symmetric, and at most log 2.

    The terms are ``(q log(q/m) + p log(p/m)) / 2`` with ``m = (p + q) / 2``, in nats (natural logarithm). Summed over
    the outcomes of a row they are the entropy of the middle minus the middle of the entropies.

    Parameters
    ----------
    input, target
        Probabilities ``q`` and ``p`` of one shape, usually ``(N, C)``. Not their logarithms.
    reduction
        ``"batchmean"``: the sum of the terms divided by the size of the first axis, which is the mean divergence of
        the rows of an ``(N, C)`` tensor; a tensor of one axis is one distribution. ``"mean"`` divides by the number
        of terms. ``"sum"``; ``"none"`` for one term for each outcome.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; shapes or devices that differ; an unknown reduction. On the CPU also
        probabilities outside of [0, 1] (1e-6 is allowed for rounding). That the probabilities of a row sum to one
        is never checked.

    Notes
    -----
    The value is finite everywhere, a term with a 0 included. The gradient by ``q`` is ``log(q/m) / 2``. It truly is
    minus infinity where ``q = 0 < p``: under a softmax that has underflowed to 0 the chain rule then makes NaN. Where
    both are 0 it is taken as 0. The gradient reaches the target too.

    The square root is a distance. SciPy's ``jensenshannon`` returns that root, and divides each row by its sum first.

    Two nearly equal distributions have a divergence near ``(q - p)**2 / (8 m)``. The entropies would lose it by
    cancellation, so that it is computed from ``(q - p) / (q + p)`` there.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> p, q = torch.tensor([[0.7, 0.2, 0.1]]), torch.tensor([[0.3, 0.4, 0.3]])
    >>> lb.js_divergence(q, p), lb.js_divergence(p, q)
    (tensor(0.0843), tensor(0.0843))
    >>> lb.js_divergence(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]))
    tensor(0.6931)

    References
    ----------
    Lin (1991), *Divergence measures based on the Shannon entropy*.

    See Also
    --------
    kl_divergence : one-sided and unbounded.
    entropy : what it is made of.
    """
    near = (input - target).abs() <= (input + target) / 2  # also where both are 0
    # Each formula sees harmless numbers where the other one counts, or its infinities would turn into NaN gradients.
    q, p = input.where(near, 1.0), target.where(near, 1.0)
    total = (q + p).clamp(min=torch.finfo(input.dtype).tiny)
    d = (q - p) / total
    close = total / 4 * (2 * d * torch.atanh(d) + torch.log1p(-(d**2)))
    q, p = input.where(~near, 1.0), target.where(~near, 1.0)
    entr = torch.special.entr
    far = entr((q + p) / 2) - (entr(q) + entr(p)) / 2
    return _reduce(torch.where(near, close, far), reduction, _rows(input))


@js_divergence.closed_form
def _js_gradient(input: Tensor, target: Tensor, *, reduction: Reduction = "batchmean") -> Tensor:
    total = (input + target).clamp(min=torch.finfo(input.dtype).tiny)
    d = (input - target) / total
    slopes = torch.where(d.abs() <= 0.5, d.log1p(), (2 * input / total).log()) / 2
    return _share(slopes, reduction, _rows(input))


@loss(
    title="Distillation loss",
    short="distillation",
    chinese="蒸馏损失（soft softmax 损失）",
    formula="temperature**2*(softplus(z/temperature) - softplus(v/temperature))"
    " - temperature*(z - v)*sigmoid(v/temperature)",
    variables=("z",),
    takes=TwoLogits(),
    parameters=(
        Parameter(
            "temperature", "T", "T", "divides both rows of logits: the higher, the softer the probabilities",
            default=2.0, low=0.0, high=math.inf, slider=(0.5, 10.0, 0.5),
        ),
    ),
    traits=DivergenceTraits(zero_when_equal=True, symmetric=False, supremum="oo"),
    aliases={
        "Sentence Transformers": ("DistillKLDivLoss",),
        "also": ("soft softmax", "knowledge distillation", "soft target loss"),
    },
    references=("hinton2015",),
    use="A large model is to teach a small one: its probabilities say more about an example than a label does.",
    avoid="You compare temperatures or tune the weight beside another loss, and forget that T² is already in here.",
    limits=(
        Limit("temperature = 1 is the KL divergence of the two softmax",
              "softplus(z) - softplus(v) - (z - v)*sigmoid(v)", {"temperature": 1.0}),
    ),
)  # fmt: skip
def distillation(input: Tensor, target: Tensor, *, temperature: float = 2.0, reduction: Reduction = "mean") -> Tensor:
    """Train a student on the softened probabilities of its teacher.

    ``T**2 * KL(softmax(target / T) || softmax(input / T))`` with the temperature ``T``, one number for each sample.
    By the factor ``T**2`` the gradient keeps its size when the temperature is raised.

    Parameters
    ----------
    input
        The student's logits: ``(C,)``, ``(N, C)`` or ``(N, C, d1, ...)``.
    target
        The teacher's logits, of the same shape. They get no gradient: they are detached.
    temperature
        Positive. At 1 nothing is softened. The default, 2, is that of PyTorch's tutorial; Hinton, Vinyals and Dean
        used values from 1 to 20, the lower ones for the smallest students.
    reduction
        ``"mean"`` over the samples (it is what `kl_divergence` calls ``"batchmean"`` if the input is ``(N, C)``),
        ``"sum"`` over them, or ``"none"`` for one number for each.

    Raises
    ------
    TypeError, ValueError
        Not a tensor; not floating point; no axis of classes; shapes or devices that differ; a `temperature` that is
        not positive and finite; an unknown reduction.

    Notes
    -----
    The gradient of one sample is ``T * (softmax(input / T) - softmax(target / T))``. With the cross-entropy in place
    of the KL divergence it would be the same: the two differ by ``T**2`` times the entropy of the teacher's softened
    probabilities, which does not depend on the student. The KL divergence is chosen because its least value is 0.

    A logit of minus infinity rules its class out; the loss is infinite if the student rules out what its teacher
    does not. Near the minimum the value is exact to rounding times ``T**2``, and may come out as a negative number
    of that size; the gradient is not affected. The value overflows to infinity above 65,504 in float16.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> student, teacher = torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[4.0, 2.0, 0.0]])
    >>> lb.distillation(student, teacher)
    tensor(0.5174)
    >>> lb.distillation.gradient(student, teacher)
    tensor([[-0.4268,  0.0587,  0.3681]])

    References
    ----------
    Hinton, Vinyals and Dean (2015), *Distilling the knowledge in a neural network*, section 2.

    See Also
    --------
    kl_divergence : of two distributions, without a temperature.
    """
    axis = class_axis(input)
    student = F.log_softmax(input / temperature, axis)
    teacher = F.log_softmax(target.detach() / temperature, axis)
    # A class that the teacher rules out costs nothing: 0 and not 0 * inf.
    surprise = (teacher - student).masked_fill(teacher.isneginf(), 0.0)
    return reduce(temperature**2 * (teacher.exp() * surprise).sum(axis), reduction)


@distillation.closed_form
def _distillation_gradient(
    input: Tensor, target: Tensor, *, temperature: float = 2.0, reduction: Reduction = "mean"
) -> Tensor:
    axis = class_axis(input)
    slopes = temperature * (F.softmax(input / temperature, axis) - F.softmax(target / temperature, axis))
    return slopes / (slopes.numel() // slopes.shape[axis] if reduction == "mean" else 1)
