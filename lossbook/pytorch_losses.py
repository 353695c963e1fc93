"""Every loss class of `torch.nn`, found by inspection, beside the loss of the book that re-derives it.

`torch_loss_classes` finds the classes of the installed release. `ROWS` has what the chapter's table adds to the record
of our loss, and how the class is called. `torch_agreement` runs both on the samples of that record. A class of a new
release has no row: the tests fail until it has one.

Two of the classes hold the last layer of the network: the two losses of this module re-derive these.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
import pkgutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lossbook.inputs import DTYPES, as_wide, class_index, describe, floating
from lossbook.loss import (
    CLASS_WEIGHT,
    IGNORE_INDEX,
    FeatureTraits,
    Inputs,
    Limit,
    Loss,
    Option,
    Parameter,
    Reduction,
    Scores,
    ScoreTraits,
    get,
    loss,
    reduce,
)  # fmt: skip

__all__ = ["adaptive_log_probabilities", "torch_agreement", "torch_loss_classes"]


# --- a linear layer and cross-entropy ------------------------------------------------------------------------


class Layer(Inputs):
    """Features (N, D), a row for each class (C, D), classes or class probabilities; the formula has three classes."""

    names = ("input", "linear_weight", "target")
    by = ("input", "linear_weight")
    where = "three classes, the first is true; z is the product of class weights and feature"

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        input, rows, target = tensors
        floating(input=input, linear_weight=rows)
        _layer("input", input, "linear_weight", rows)
        shape = (*input.shape[:-1], len(rows))
        if isinstance(target, Tensor) and target.is_floating_point() and target.shape != shape:
            raise ValueError(
                f"target: got shape {tuple(target.shape)} and dtype {target.dtype}, expected class probabilities of "
                f"shape {shape}, or class indices of dtype int64"
            )
        Scores(probabilities=True).validate(input.new_zeros(()).expand(shape), target, **arguments)

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Features that are the logits, since the class weights are the identity."""
        input = torch.stack(values, dim=1)
        rows = torch.eye(3, dtype=input.dtype)
        return input, rows, torch.zeros(len(input), dtype=torch.int64)

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """A batch of one and of six, one target ignored, class probabilities."""
        for samples, dimensions, classes in ((1, 2, 2), (6, 4, 3)):
            input = 2 * torch.randn(samples, dimensions, dtype=torch.float64)
            rows = torch.randn(classes, dimensions, dtype=torch.float64)
            target = torch.randint(classes, (samples,))
            yield input, rows, target
            if samples > 1:
                yield input, rows, torch.randn(samples, classes, dtype=torch.float64).softmax(1)
                target = target.clone()
                target[1] = -100
                yield input, rows, target


def _layer(of: str, input: Tensor, name: str, rows: Tensor) -> None:
    """Raise unless a layer with these rows takes these features."""
    if input.dim() not in (1, 2):
        raise ValueError(f"{of}: got shape {tuple(input.shape)}, expected (N, D), or (D,) for one sample")
    if rows.dim() != 2 or rows.shape[1] != input.shape[-1] or not rows.numel():
        raise ValueError(
            f"{name}: got shape {tuple(rows.shape)}, expected two dimensions, the second of length {input.shape[-1]}"
        )


def _bias(name: str) -> Option:
    """A number for each row of the layer, which is the second tensor."""

    def validate(value: Any, input: Tensor, rows: Tensor, *others: Tensor) -> None:
        if value is None:
            return
        if not isinstance(value, Tensor):
            raise TypeError(f"{name}: got {describe(value)}, expected None or a tensor of {len(rows)} numbers")
        if value.dtype not in DTYPES or value.shape != rows.shape[:1]:
            raise ValueError(
                f"{name}: got shape {tuple(value.shape)} and dtype {value.dtype}, expected a floating-point tensor of "
                f"shape {(len(rows),)}, a number for each row"
            )
        if value.device != input.device:
            raise ValueError(f"{name}: got device {value.device}, expected {input.device}, the device of input")

    def tries(input: Tensor, rows: Tensor, *others: Tensor) -> Iterator[Tensor]:
        yield torch.linspace(-1, 2, len(rows), dtype=torch.float64)

    return Option(name, "a number for each row of the layer, added to its scores", None, validate, tries)


def _index_of_layer(value: Any, input: Tensor, rows: Tensor, target: Tensor) -> None:
    IGNORE_INDEX.validate(value)
    if target.is_floating_point() and value != IGNORE_INDEX.default:
        raise ValueError(f"ignore_index: got {value}, expected nothing: class probabilities name no class")


# These two are declared for scores, whose axis of classes is that of the layer's rows.
_WEIGHT_OF_LAYER = replace(
    CLASS_WEIGHT,
    validate=lambda value, input, rows, target: CLASS_WEIGHT.validate(value, rows.T),
    tries=lambda input, rows, target: CLASS_WEIGHT.tries(rows.T),
)
_INDEX_OF_LAYER = replace(
    IGNORE_INDEX,
    validate=_index_of_layer,
    tries=lambda input, rows, target: IGNORE_INDEX.tries(input, target),
)


@loss(
    title="Linear cross-entropy",
    chinese="线性层交叉熵损失",
    formula="-(1 - label_smoothing)*logsoftmax(z1, z2, z3)"
    " - label_smoothing/3*(logsoftmax(z1, z2, z3) + logsoftmax(z2, z1, z3) + logsoftmax(z3, z1, z2))",
    variables=("z1", "z2", "z3"),
    takes=Layer(),
    parameters=(
        Parameter(
            "label_smoothing", "s", "s", "share of the target that is spread evenly over all classes",
            default=0.0, low=0.0, high=1.0, slider=(0.0, 0.9, 0.05), open_low=False,
        ),
    ),
    options=(_bias("linear_bias"), _WEIGHT_OF_LAYER, _INDEX_OF_LAYER),
    traits=FeatureTraits(feature_scale=False, weight_scale=False),
    aliases={"PyTorch": ("torch.nn.LinearCrossEntropyLoss", "F.linear_cross_entropy")},
    references=("bridle1990",),
    use="The last layer and the loss may be one: with very many classes its logits are most of the memory.",
    avoid="Something else needs the logits, such as an accuracy: keep the layer and use cross_entropy.",
    builtin=getattr(F, "linear_cross_entropy", None),
    limits=(Limit("s = 0 is the negative log of the true class's probability", "-logsoftmax(z1, z2, z3)"),),
)  # fmt: skip
def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    label_smoothing: float = 0.0,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Tensor:
    """Cross-entropy of the logits that a linear layer makes of features.

    The logits are ``input @ linear_weight.T + linear_bias``. From there on it is `cross_entropy`.

    Parameters
    ----------
    input
        Features: floating point, ``(N, D)``, or ``(D,)`` for one sample.
    linear_weight
        The rows of the layer, one for each class, ``(C, D)``. They are learned with the features. (torch also takes
        ``(C, d1, ..., D)``; reshape, and use `cross_entropy`.)
    target
        Class indices from 0 to C - 1, ``(N,)``; or class probabilities, floating point from 0 to 1, ``(N, C)``.
    label_smoothing
        From 0 to 1: the share of the target that is spread evenly over all classes.
    linear_bias
        The bias of the layer, shape (C,); none is added if it is None.
    weight
        A factor for each class, shape (C,): not the layer's rows. See `cross_entropy`.
    ignore_index
        Class indices of this value give the loss 0 and the gradient 0, and do not count in the mean. Not with class
        probabilities.
    reduction
        ``"none"`` for one loss per sample, ``"sum"``, or ``"mean"``, which divides as `cross_entropy` does.

    Raises
    ------
    TypeError, ValueError
        Not tensors; not floating point; shapes or devices that do not fit; on the CPU, a class index or a probability
        out of its range; a `weight` or `linear_bias` that is not one number for each class; a `label_smoothing`
        outside of [0, 1]; an `ignore_index` with class probabilities; an unknown reduction.

    Notes
    -----
    The gradient is a pair: by `input` and by `linear_weight`. With the gradient g by the logits these are
    ``g @ linear_weight`` and ``g.T @ input``.

    All N * C logits are made. `torch.nn.functional.linear_cross_entropy` can make them in chunks, if it is asked to by
    its ``options``; the numbers are the same. Targets are read on the CPU only, as in `cross_entropy`, which also says
    where the mean is NaN.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> x, w = torch.tensor([[2.0, 1.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    >>> lb.linear_cross_entropy(x, w, torch.tensor([0]))  # the logits are 2, 1 and 0
    tensor(0.4076)
    >>> by_features, by_rows = lb.linear_cross_entropy.gradient(x, w, torch.tensor([0]))
    >>> by_features
    tensor([[-0.3348,  0.2447]])

    References
    ----------
    Bridle (1990) for the softmax.

    See Also
    --------
    cross_entropy : takes the logits.
    adaptive_log_softmax : for so many classes that even the layer is too large.
    """
    logits = F.linear(input, linear_weight, as_wide(linear_bias, input))
    return F.cross_entropy(
        logits,
        target,
        weight=as_wide(weight, input),
        ignore_index=ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


@linear_cross_entropy.closed_form
def _linear_gradient(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    **arguments: Any,
) -> tuple[Tensor, Tensor]:
    logits = F.linear(input, linear_weight, linear_bias)
    slope = get("cross_entropy").gradient(logits, target, **arguments)
    return slope @ linear_weight, _outer(slope, input)


def _outer(slope: Tensor, input: Tensor) -> Tensor:
    """The gradient by the rows of a layer, from that by its scores: summed over the samples."""
    return slope.reshape(-1, slope.shape[-1]).T @ input.reshape(-1, input.shape[-1])


# --- adaptive softmax ----------------------------------------------------------------------------------------

_HEAD_BIAS = _bias("head_bias")


class Hierarchy(Inputs):
    """Features (N, D), head (S + 1, D), two projections of one cluster (H, D) and (O, H), class indices (N,)."""

    names = ("input", "head", "down", "up", "target")
    by = ("input", "head", "down", "up")
    where = (
        "two frequent classes, and a cluster of two rare ones of which the first is true; the head gives the frequent "
        "classes and the cluster the scores z11, z12, z13, and the tail its two classes z21, z22"
    )

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        input, head, down, up, target = tensors
        floating(input=input, head=head, down=down, up=up)
        _layer("input", input, "head", head)
        _layer("input", input, "down", down)
        _layer("down", down.T, "up", up)
        if len(head) < 2:
            raise ValueError(
                f"head: got shape {tuple(head.shape)}, expected two rows or more: the frequent classes and the cluster"
            )
        class_index("target", target, tuple(input.shape[:-1]), len(head) - 1 + len(up))
        if target.device != input.device:
            raise ValueError(f"target: got device {target.device}, expected {input.device}, the device of input")

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Features that are all five scores: each layer picks its own."""
        input = torch.stack(values, dim=1)
        picks = torch.eye(5, dtype=input.dtype)
        return input, picks[:3], picks[3:], picks[:2, :2], torch.full((len(input),), 2)

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """One sample, and six that are partly in the cluster; one frequent class and three."""
        for samples, dimensions, frequent, width, rare in ((1, 2, 1, 1, 2), (6, 5, 3, 2, 4)):
            shapes = (samples, dimensions), (frequent + 1, dimensions), (width, dimensions), (rare, width)
            tensors = [torch.randn(shape, dtype=torch.float64) for shape in shapes]
            yield *tensors, (torch.arange(samples) + frequent) % (frequent + rare)


@loss(
    title="Adaptive log-softmax loss",
    short="adaptive softmax",
    chinese="自适应 softmax 损失",
    formula="-logsoftmax(z13, z11, z12) - logsoftmax(z21, z22)",
    variables=("z11", "z12", "z13", "z21", "z22"),
    takes=Hierarchy(),
    options=(_HEAD_BIAS,),
    traits=ScoreTraits(
        convex=True, shift_invariant=True, lipschitz="2", supremum="oo", proper=None, calibrated=None
    ),
    aliases={
        "PyTorch": ("torch.nn.AdaptiveLogSoftmaxWithLoss",),
        "also": ("adaptive softmax",),
    },
    references=("grave2017",),
    use="There are very many classes and most samples belong to a few of them, as words do.",
    avoid="The classes are about equally frequent: then the cluster is computed for nearly every sample.",
)  # fmt: skip
def adaptive_log_softmax(
    input: Tensor,
    head: Tensor,
    down: Tensor,
    up: Tensor,
    target: Tensor,
    *,
    head_bias: Tensor | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Minus the log-probability of the true class, where rare classes share one place in the softmax.

    The head gives the S frequent classes a probability each, and one more to the cluster of all O rare classes. A
    second softmax divides that one up: ``p(rare class) = p(cluster) * p(class | cluster)``. The tail looks at the
    features through a narrow layer of H numbers, because rare classes have few samples to learn from.

    Parameters
    ----------
    input
        Features: floating point, ``(N, D)``, or ``(D,)`` for one sample.
    head
        A row for each frequent class, and the last for the cluster, ``(S + 1, D)``.
    down
        The projection of the features for the cluster, ``(H, D)``, with H well below D.
    up
        A row for each rare class, ``(O, H)``.
    target
        Class indices, ``(N,)``: 0 to S - 1 for the frequent classes, S to S + O - 1 for the rare ones. **The classes
        must be numbered by falling frequency.** On the CPU the range is checked; on a GPU and under `torch.compile` and
        `torch.func.vmap` it is the caller's promise.
    head_bias
        A number for each row of the head, shape (S + 1,); none is added if it is None. `gradient` is not by it.
    reduction
        ``"mean"`` over samples, ``"sum"``, or ``"none"`` for one loss per sample.

    Raises
    ------
    TypeError, ValueError
        Not tensors; not floating point; shapes or devices that do not fit; a class index out of range; an unknown
        reduction.

    Notes
    -----
    There is one cluster here. `torch.nn.AdaptiveLogSoftmaxWithLoss` makes as many as it has ``cutoffs``, each narrower
    than the one before; with ``cutoffs=[S]`` its weights are ``head.weight``, ``tail.0.0.weight`` (`down`) and
    ``tail.0.1.weight`` (`up`). Its ``output`` is the log-probability, minus this loss. `adaptive_log_probabilities`
    takes any number of clusters.

    Both scores are computed for every sample, so that no shape depends on the targets: it compiles, and waits for no
    GPU. The class of torch computes the tail of those samples alone that are in the cluster, which is where the time is
    saved.

    The gradient is by `input`, `head`, `down` and `up`. A sample of a frequent class has none by `down` and `up`.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> head = torch.tensor([[2.0, 0.0], [0.0, 0.0], [0.0, 2.0]])  # two frequent classes and the cluster
    >>> down, up = torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0], [-1.0]])  # one number; two rare classes
    >>> lb.adaptive_log_softmax(x, head, down, up, torch.tensor([0, 2]), reduction="none")
    tensor([0.2395, 0.3665])

    References
    ----------
    Grave, Joulin, Cisse, Grangier and Jegou (2017), *Efficient softmax approximation for GPUs*.

    See Also
    --------
    cross_entropy : one softmax over all classes.
    adaptive_log_probabilities : of all classes, with any number of clusters.
    """
    frequent, y = len(head) - 1, target.long()
    scores = F.linear(input, head, as_wide(head_bias, input))
    rare = F.linear(F.linear(input, down), up)
    in_head = F.cross_entropy(scores, y.clamp(max=frequent), reduction="none")
    # A frequent class is ignored in the tail: no loss there and no gradient.
    in_tail = F.cross_entropy(rare, torch.where(y < frequent, -100, y - frequent), reduction="none")
    return reduce(in_head + in_tail, reduction)


@adaptive_log_softmax.closed_form
def _adaptive_gradient(
    input: Tensor,
    head: Tensor,
    down: Tensor,
    up: Tensor,
    target: Tensor,
    *,
    head_bias: Tensor | None = None,
    reduction: Reduction = "mean",
) -> tuple[Tensor, ...]:
    x, y = input.reshape(-1, input.shape[-1]), target.long().reshape(-1)
    frequent, hidden = len(head) - 1, x @ down.T
    in_cluster = (y >= frequent).to(x.dtype)[:, None]
    scores = F.linear(x, head, head_bias)
    by_head = scores.softmax(1) - _one_hot(y.clamp(max=frequent), scores)
    rare = hidden @ up.T
    by_tail = (rare.softmax(1) - _one_hot((y - frequent).clamp(min=0), rare)) * in_cluster
    if reduction == "mean":
        by_head, by_tail = by_head / len(x), by_tail / len(x)
    by_hidden = by_tail @ up
    by_input = by_head @ head + by_hidden @ down
    return by_input.reshape(input.shape), by_head.T @ x, by_hidden.T @ x, by_tail.T @ hidden


def _one_hot(target: Tensor, like: Tensor) -> Tensor:
    return torch.zeros_like(like).scatter(-1, target.unsqueeze(-1), 1.0)


def adaptive_log_probabilities(
    input: Tensor, head: Tensor, *tails: tuple[Tensor, Tensor], head_bias: Tensor | None = None
) -> Tensor:
    """The log-probability of every class under an adaptive softmax of any number of clusters.

    Parameters
    ----------
    input
        Features, ``(N, D)``, or ``(D,)`` for one sample.
    head
        A row for each frequent class, then one for each cluster, ``(S + K, D)``.
    tails
        For each of the K clusters its two projections, ``(H, D)`` and ``(O, H)``.
    head_bias
        A number for each row of the head.

    Returns
    -------
    Tensor
        ``(N, S + O1 + ... + OK)``: the frequent classes, then those of each cluster. The exponentials of a row add up
        to 1.

    Raises
    ------
    TypeError, ValueError
        Not tensors, or not two for a cluster; not floating point; shapes or devices that do not fit; no more rows in
        the head than clusters.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> x, head = torch.tensor([1.0, 2.0]), torch.eye(2)  # one frequent class and a cluster
    >>> tail = torch.tensor([[1.0, 0.0]]), torch.zeros(2, 1)  # of two classes, equally likely
    >>> lb.adaptive_log_probabilities(x, head, tail).exp()
    tensor([0.2689, 0.3655, 0.3655])
    """
    for tail in tails:
        if not isinstance(tail, (tuple, list)) or len(tail) != 2:
            raise TypeError(f"tails: got a {type(tail).__name__}, expected for each cluster a pair of tensors")
    floating(input=input, head=head)
    _layer("input", input, "head", head)
    _HEAD_BIAS.validate(head_bias, input, head)
    frequent = len(head) - len(tails)
    if frequent < 1:
        raise ValueError(f"head: got {len(head)} rows, expected more than {len(tails)}, the number of clusters")
    for down, up in tails:
        floating(input=input, down=down, up=up)
        _layer("input", input, "down", down)
        _layer("down", down.T, "up", up)
    dtypes = {x.dtype for x in (input, head, *itertools.chain(*tails))}
    if len(dtypes) > 1 or input.dtype in (torch.float16, torch.bfloat16):  # as the losses do
        dtype = functools.reduce(torch.promote_types, dtypes)
        wide = torch.promote_types(dtype, torch.float32)
        given = [(down.to(wide), up.to(wide)) for down, up in tails]
        return adaptive_log_probabilities(input.to(wide), head.to(wide), *given, head_bias=head_bias).to(dtype)
    scores = F.linear(input, head, as_wide(head_bias, input)).log_softmax(-1)
    rows = [scores[..., :frequent]]
    for number, (down, up) in enumerate(tails):
        within = F.linear(F.linear(input, down), up).log_softmax(-1)
        rows.append(within + scores[..., frequent + number, None])
    return torch.cat(rows, dim=-1)


# --- the classes of torch.nn ---------------------------------------------------------------------------------


def torch_loss_classes(namespace: ModuleType = nn) -> list[type[nn.Module]]:
    """Every loss class that `torch.nn` offers, wherever in it a class lives, sorted by name.

    A public module is a loss if it derives from the base class of torch's losses, if its name says so, or if its
    `forward` takes a target. Deprecated classes count.

    Parameters
    ----------
    namespace
        The package to look into, with all modules below it, also those that ``import torch`` leaves alone.

    Examples
    --------
    >>> import lossbook as lb
    >>> [found.__name__ for found in lb.torch_loss_classes()][:3]
    ['AdaptiveLogSoftmaxWithLoss', 'BCELoss', 'BCEWithLogitsLoss']
    """
    if not isinstance(namespace, ModuleType):
        raise TypeError(f"namespace: got {describe(namespace)}, expected a module, such as torch.nn")
    found = {value for module in _modules(namespace) for value in vars(module).values() if _is_loss(value, namespace)}
    return sorted(found, key=lambda value: (value.__name__, value.__module__))


def _is_loss(value: Any, namespace: ModuleType) -> bool:
    if not inspect.isclass(value) or not issubclass(value, nn.Module) or value.__name__.startswith("_"):
        return False
    if not f"{value.__module__}.".startswith(f"{namespace.__name__}."):
        return False  # made elsewhere
    says = "loss" in value.__name__.lower() or "criterion" in value.__name__.lower()
    takes = inspect.signature(value.forward).parameters.keys() & {"target", "target_", "targets"}
    return says or bool(takes) or issubclass(value, nn.modules.loss._Loss)


def _modules(namespace: ModuleType) -> list[ModuleType]:
    """A package and every module below it that can be imported."""
    name, found = namespace.__name__, [namespace]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch keeps old modules that say where they went
        for info in pkgutil.walk_packages(getattr(namespace, "__path__", []), f"{name}.", onerror=lambda _: None):
            try:
                found.append(importlib.import_module(info.name))
            except Exception:  # noqa: S112  one that needs what is not installed
                continue
    return found


Call = Callable[..., Tensor]  # (class, arguments, tensors): the class's own loss


def _plain(cls: type[nn.Module], given: dict[str, Any], *tensors: Tensor) -> Tensor:
    result: Tensor = cls(**given)(*tensors)
    return result


def _linear(cls: type[nn.Module], given: dict[str, Any], *tensors: Tensor) -> Tensor:
    """Bias and class weights belong to the module, which is given ours."""
    input, rows, target = tensors
    given = dict(given)
    held = {"linear.weight": rows} | ({"linear.bias": given.pop("linear_bias")} if "linear_bias" in given else {})
    module = cls(rows.shape[1], len(rows), bias="linear.bias" in held, dtype=rows.dtype, **given)
    result: Tensor = torch.func.functional_call(module, held, (input, target))
    return result


def _adaptive(cls: type[nn.Module], given: dict[str, Any], *tensors: Tensor) -> Tensor:
    """The module gives the log-probabilities and their mean loss, and takes no reduction."""
    input, head, down, up, target = tensors
    held = {"head.weight": head, "tail.0.0.weight": down, "tail.0.1.weight": up}
    if "head_bias" in given:
        held["head.bias"] = given["head_bias"]
    frequent = len(head) - 1
    module = cls(input.shape[-1], frequent + len(up), cutoffs=[frequent], head_bias="head_bias" in given)
    output, mean = torch.func.functional_call(module, held, (input, target))
    reduction = given.get("reduction", "mean")
    result: Tensor = mean if reduction == "mean" else reduce(-output, reduction)
    return result


def _log_targets(sample: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], dict[str, Any]]:
    input, target = sample
    return (input, target.clamp(min=1e-3).log()), {"log_target": True}


def _rates(sample: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], dict[str, Any]]:
    input, target = sample
    return (input.abs(), target), {"log_input": False, "eps": 0.1}


def _logits(log_probs: Tensor) -> Tensor:
    return log_probs.log_softmax(-1)  # log-probabilities stay as they are


@dataclass(frozen=True)
class Row:
    """What the table says of a class beside the record of our loss."""

    task: str  # the section of the chapter
    shapes: str  # of what it is called with
    gotcha: str
    link: str  # where the gotcha runs: the anchor of a lab
    call: Call = _plain  # how the class is made and called with the tensors of our loss
    also: tuple[str, ...] = ()  # arguments of `call` that the class itself does not take
    more: Callable[..., Any] | None = None  # an option that needs other tensors: these, and the option, from a sample
    behind: Callable[[Tensor], Tensor] | None = None  # a step before both: where the gradient is right behind it only
    nan: bool = False  # is torch's gradient NaN in places where ours is a number? These are passed over.


TASKS = ("Numbers", "Yes or no", "One of several classes", "Distributions", "Embeddings and ranks", "Sequences")
NUMBERS, YES_OR_NO, CLASSES, DISTRIBUTIONS, EMBEDDINGS, SEQUENCES = TASKS

ROWS: dict[str, Row] = {
    "L1Loss": Row(NUMBERS, "any, the same", "broadcasts, with a warning only", "pitfall-24"),
    "MSELoss": Row(NUMBERS, "any, the same", "broadcasts, with a warning only", "pitfall-24"),
    "SmoothL1Loss": Row(NUMBERS, "any, the same", "`beta` also divides: it is Huber / `beta`", "pitfall-3"),
    "HuberLoss": Row(NUMBERS, "any, the same", "`delta` also multiplies; 0 is refused", "pitfall-3"),
    "PoissonNLLLoss": Row(NUMBERS, "any, the same", "takes the logarithm of the rate", "pitfall-23", more=_rates),
    "GaussianNLLLoss": Row(
        NUMBERS, "any, the same; `var` too", "`var` is the variance, and is clamped", "pitfall-23"
    ),
    "BCELoss": Row(YES_OR_NO, "any, the same", "clamps its logarithm at −100", "pitfall-1"),
    "BCEWithLogitsLoss": Row(
        YES_OR_NO, "any, the same", "`pos_weight` is for each class, not for each sample", "torch-pos-weight"
    ),
    "MultiLabelSoftMarginLoss": Row(YES_OR_NO, "(N, C) both", "takes labels 0 and 1; no margin", "torch-multi"),
    "SoftMarginLoss": Row(YES_OR_NO, "any, the same", "takes labels −1 and 1, and checks nothing", "torch-signs"),
    "HingeEmbeddingLoss": Row(YES_OR_NO, "any, the same", "takes a distance, not a score", "torch-signs"),
    "CrossEntropyLoss": Row(CLASSES, "(N, C, …), (N, …)", "takes logits: no softmax before it", "pitfall-21"),
    "NLLLoss": Row(CLASSES, "(N, C, …), (N, …)", "takes log-probabilities, and takes no logarithm", "torch-nll"),
    "NLLLoss2d": Row(CLASSES, "(N, C, H, W), (N, H, W)", "deprecated: `NLLLoss` does the same", "torch-nll"),
    "LinearCrossEntropyLoss": Row(
        CLASSES, "(N, D), (N,)", "holds a layer that must be trained", "torch-state", _linear, ("linear_bias",)
    ),
    "AdaptiveLogSoftmaxWithLoss": Row(
        CLASSES, "(N, D), (N,)", "classes in order of frequency; returns a pair", "torch-adaptive", _adaptive,
        ("reduction",),
    ),
    "MultiMarginLoss": Row(CLASSES, "(N, C), (N,)", "divides by C, not by the C − 1 wrong classes", "torch-multi"),
    "MultiLabelMarginLoss": Row(CLASSES, "(N, C) both", "the target lists classes, up to a −1", "torch-multi"),
    "KLDivLoss": Row(
        DISTRIBUTIONS, "any, the same", "`mean` divides by the number of outcomes too", "pitfall-2", more=_log_targets
    ),
    "CosineEmbeddingLoss": Row(
        EMBEDDINGS, "(N, D) twice, (N,)", "margin 0: unlike pairs may be at right angles", "torch-margins"
    ),
    "MarginRankingLoss": Row(EMBEDDINGS, "any, three alike", "margin 0: a tie costs nothing", "torch-margins"),
    "TripletMarginLoss": Row(EMBEDDINGS, "(N, D) three times", "adds `eps` inside of the distance", "torch-triplet"),
    "TripletMarginWithDistanceLoss": Row(
        EMBEDDINGS, "(N, D) three times", "wants a distance: a similarity trains backwards", "torch-triplet"
    ),
    "CTCLoss": Row(
        SEQUENCES, "(T, N, C), (N, S), two lengths", "`mean` also divides by the length", "pitfall-22",
        behind=_logits, nan=True,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Agreement:
    """What came of running a class of torch and the loss of the book side by side."""

    calls: int  # of both, value and gradient
    disagreement: str = ""  # the first, if there is one


def torch_agreement(cls: type[nn.Module]) -> Agreement:
    """Run a loss class of torch and ours on the samples of our record, with every option that both take.

    Values and gradients, by autograd for torch and in closed form for ours, must agree to 1e-10, for every reduction.

    Parameters
    ----------
    cls
        A class such as ``torch.nn.HuberLoss``; it needs a row in `ROWS`, and a loss of the book that has its name
        among the aliases.

    Raises
    ------
    ValueError
        The class has no row, or the book no loss for it.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> lb.torch_agreement(torch.nn.HuberLoss)
    Agreement(calls=36, disagreement='')
    """
    if not inspect.isclass(cls):
        raise TypeError(f"cls: got {describe(cls)}, expected a loss class of torch.nn, such as torch.nn.HuberLoss")
    if cls.__name__ not in ROWS:
        raise ValueError(f"cls: got {cls.__name__}, expected a class that has a row in lossbook.pytorch_losses.ROWS")
    ours, row = get(f"torch.nn.{cls.__name__}"), ROWS[cls.__name__]
    calls = 0
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated classes, and the "mean" of KLDivLoss
        torch.manual_seed(0)
        for sample, given in _calls(cls, ours, row):
            calls += 1
            difference = _difference(cls, ours, row, sample, given)
            if difference:
                return Agreement(calls, f"with {_said(given)}: {difference}")
    return Agreement(calls)


def _calls(cls: type[nn.Module], ours: Loss, row: Row) -> Iterator[tuple[tuple[Tensor, ...], dict[str, Any]]]:
    """Every sample with each option and hyperparameter that both take, one at a time, and each reduction."""
    from lossbook.check.places import corners, options

    taken = {*inspect.signature(cls.__init__).parameters, *row.also}  # a deprecated class hides its own signature
    numbers = [{p.name: value} for p in ours.parameters for value in corners(p) if value != p.default]
    for sample in ours.takes.samples():
        for given in itertools.chain(options(ours, sample), numbers):
            for reduction in ours.takes.reductions:
                if given.keys() <= taken:
                    yield sample, {**given, "reduction": reduction}
        if row.more:
            other, given = row.more(sample)
            yield from ((other, {**given, "reduction": reduction}) for reduction in ours.takes.reductions)


def _difference(cls: type[nn.Module], ours: Loss, row: Row, sample: tuple[Tensor, ...], given: dict[str, Any]) -> str:
    """What differs first, if anything does: the values, or the gradients by each learned tensor."""
    from lossbook.check.report import first_disagreement

    what = ("value", *(f"gradient by {name}" for name in ours.takes.by))
    both = _ours(ours, row, sample, given), _theirs(cls, ours, row, sample, given)
    for name, mine, yours in zip(what, *both, strict=True):
        if mine.shape != yours.shape:
            return f"{name} of shape {tuple(mine.shape)} against {tuple(yours.shape)}"
        if row.nan and name != "value":
            yours = torch.where(yours.isnan(), mine, yours)
        place = first_disagreement(mine, yours, 1e-10 * (1 + yours.abs()))
        if place is not None:
            return f"{name} {mine.flatten()[place]:.6g} against {yours.flatten()[place]:.6g}"
    return ""


def _ours(ours: Loss, row: Row, sample: tuple[Tensor, ...], given: dict[str, Any]) -> list[Tensor]:
    """Our value and, in closed form, its gradients."""
    slopes = ours.gradient(*sample, **given)
    slopes = slopes if isinstance(slopes, tuple) else (slopes,)
    if row.behind:
        learned = [x.clone().requires_grad_() for x in _learned(ours, sample)]
        slopes = torch.autograd.grad([row.behind(x) for x in learned], learned, slopes)
    return [ours(*sample, **given), *slopes]


def _theirs(
    cls: type[nn.Module], ours: Loss, row: Row, sample: tuple[Tensor, ...], given: dict[str, Any]
) -> list[Tensor]:
    """The value of torch's class and, by autograd, its gradients."""
    leaves = [x.clone().requires_grad_(name in ours.takes.by) for x, name in zip(sample, ours.takes.names, strict=True)]
    behind = row.behind or (lambda x: x)
    value = row.call(cls, given, *(behind(x) if x.requires_grad else x for x in leaves))
    learned = _learned(ours, leaves)
    slopes = torch.autograd.grad(value.sum(), learned, allow_unused=True, materialize_grads=True)
    return [value.detach(), *slopes]


def _learned(ours: Loss, tensors: Iterable[Tensor]) -> list[Tensor]:
    return [x for x, name in zip(tensors, ours.takes.names, strict=True) if name in ours.takes.by]


def _said(given: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {'a tensor' if isinstance(x, Tensor) else x}" for name, x in given.items())
