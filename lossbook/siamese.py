"""Losses of pairs: contrastive, verification and cosine embedding; and the two networks that make the embeddings.

Each takes the embeddings of a pair and whether its two members are the same. The label of the first two is called
`same`, 1 or 0, so that its name says which is which; that of `cosine_embedding` is torch's 1 or -1.
"""

import math
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lossbook.inputs import DTYPES, INTEGERS, beginning, describe, extremes, floating
from lossbook.loss import EmbeddingTraits, Inputs, Limit, Parameter, Reduction, loss, reduce

__all__ = ["PseudoSiameseNetwork", "SiameseNetwork"]

SAME = Parameter(
    "same", r"\mathrm{same}", "same", "1: the two are the same, 0: they differ", default=1.0, low=0.0, high=1.0,
    slider=(0.0, 1.0, 1.0), open_low=False, choices=(0.0, 1.0),
)  # fmt: skip
SIGN = Parameter(
    "y", "y", "y", "1: the two are the same, −1: they differ", default=1.0, low=-1.0, high=1.0,
    slider=(-1.0, 1.0, 2.0), open_low=False, choices=(-1.0, 1.0),
)  # fmt: skip

EPS = 9.999999960041972e-13  # what torch adds to a squared length: 1e-12, kept in float32


# --- what the losses take ------------------------------------------------------------------------------------


class Pairs(Inputs):
    """Two embeddings (N, D), or (D,) for one pair, and whether they are the same, 1 or 0."""

    names: tuple[str, ...] = ("input1", "input2", "same")
    by: tuple[str, ...] = ("input1", "input2")
    embeddings = ("input1", "input2")
    labels: tuple[Parameter, ...] = (SAME,)
    kinds: tuple[torch.dtype, ...] = (torch.bool, torch.int64, torch.float64)  # of labels, that are tried
    scene = "pair"
    where = "a pair at the distance d"
    domain = MappingProxyType({"d": (0.0, 10.0)})

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        input1, input2, label = tensors[:3]
        floating(input1=input1, input2=input2)
        if input1.dim() not in (1, 2):
            raise ValueError(f"input1: got shape {tuple(input1.shape)}, expected (N, D), or (D,) for one pair")
        if input2.shape != input1.shape:
            raise ValueError(
                f"input2: got shape {tuple(input2.shape)}, expected {tuple(input1.shape)}, the shape of input1; "
                "nothing is broadcast here"
            )
        self._validate_label(label, input1)

    def _validate_label(self, label: Any, input1: Tensor) -> None:
        name, allowed = self.names[2], self.labels[0]
        if not isinstance(label, Tensor):
            raise TypeError(f"{name}: got {describe(label)}, expected a torch.Tensor of labels")
        if label.dtype not in (*DTYPES, *INTEGERS, *self.kinds):
            raise ValueError(f"{name}: got dtype {label.dtype}, expected numbers in {allowed.interval}")
        if label.shape != input1.shape[:-1]:
            raise ValueError(
                f"{name}: got shape {tuple(label.shape)}, expected {tuple(input1.shape[:-1])}: one label for each pair"
            )
        if label.device != input1.device:
            raise ValueError(f"{name}: got device {label.device}, expected {input1.device}, the device of input1")
        label = beginning(label)
        if label.dtype == torch.bool or extremes(label) is None:  # they are right, or cannot be read
            return
        one, other = allowed.choices
        wrong = label[(label != one) & (label != other)]
        if wrong.numel():
            raise ValueError(
                f"{name}: got the label {wrong[0].item():g}, expected only {one:g} for a pair that differs "
                f"and {other:g} for one that is the same"
            )

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Pairs in the plane, one on each axis, at these distances."""
        (d,) = values
        zero = torch.zeros_like(d)
        pair = torch.stack([0.6 * d, zero], dim=1), torch.stack([zero, 0.8 * d], dim=1)
        return *pair, torch.full_like(d, setting["same"]).detach()

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Random pairs: one, a batch of one, six, on a line and in more dimensions; labels of every dtype."""
        for shape in ((5,), (1, 5), (6, 1), (6, 2), (6, 5)):
            pair = 1.5 * torch.randn(2, *shape, dtype=torch.float64)
            label = torch.tensor(self.labels[0].choices)[torch.randint(2, shape[:-1])]
            for dtype in self.kinds:
                yield pair[0], pair[1], label.to(dtype)


class Cosines(Pairs):
    """Two embeddings (N, D), or (D,) for one pair, and 1 if they are the same, -1 if they differ."""

    names = ("input1", "input2", "target")
    labels = (SIGN,)
    kinds = (torch.int64, torch.float64)
    where = "a pair whose angle has the cosine c"
    domain = MappingProxyType({"c": (-1.0, 1.0)})

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Pairs in the plane, so long that torch's eps does not show."""
        (c,) = values
        sine = ((1 - c) * (1 + c)).clamp(min=1e-30).sqrt()  # with a slope at both ends
        first = torch.tensor([1000.0, 0.0], dtype=c.dtype).expand(len(c), 2)
        return first, 1000 * torch.stack([c, sine], dim=1), torch.full_like(c, setting["y"]).detach()

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Those of `Pairs`, but not on a line, where every cosine is -1 or 1; the last pair is one of opposites."""
        for input1, input2, target in super().samples():
            if input1.shape[-1] > 1:
                yield 4 * input1, 4 * input2, target
        yield input1, -input1, torch.ones_like(target)


class Comparisons(Pairs):
    """A pair, whether it is the same, and the weights and the bias that compare the two embeddings."""

    names = ("input1", "input2", "same", "weight", "bias")
    by = ("input1", "input2", "weight", "bias")
    where = "embeddings of one number each, whose difference is d"
    domain = MappingProxyType({})
    one_by_one = True  # all pairs have one weight

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        super().validate(*tensors)
        input1, _, _, weight, bias = tensors
        floating(input1=input1, weight=weight, bias=bias)
        size = input1.shape[-1]
        if weight.shape not in ((size,), (1, size)):
            raise ValueError(
                f"weight: got shape {tuple(weight.shape)}, expected {(size,)}: one for each number of an embedding"
                f"; or {(1, size)}, as torch.nn.Linear({size}, 1) has it"
            )
        if bias.shape not in ((), (1,)):
            raise ValueError(f"bias: got shape {tuple(bias.shape)}, expected one number, of shape () or (1,)")

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """One pair of single numbers, on both sides of zero."""
        d, w, b = (value.reshape(1) for value in values)
        return 0.75 * d[None], -0.25 * d[None], torch.full_like(b, setting["same"]).detach(), w, b

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Those of `Pairs`, with a weight and a bias in both shapes."""
        for number, (input1, input2, same) in enumerate(super().samples()):
            size = input1.shape[-1]
            weight = torch.randn((size,) if number % 2 else (1, size), dtype=torch.float64)
            yield input1, input2, same, weight, torch.randn(() if number % 2 else (1,), dtype=torch.float64)


PAIRS = Pairs()
COSINES = Cosines()
COMPARISONS = Comparisons()


# --- the losses ----------------------------------------------------------------------------------------------


@loss(
    title="Contrastive loss",
    chinese="对比损失",
    formula="Piecewise((d**2, Eq(same, 1)), (Max(margin - d, 0)**2, True))",
    variables=("d",),
    takes=PAIRS,
    parameters=(
        Parameter(
            "margin", "m", "m", "the distance from which a pair that differs is far enough",
            default=1.0, low=0.0, high=math.inf, slider=(0.1, 3.0, 0.1),
        ),
    ),
    traits=EmbeddingTraits(translation=True, rotation=True, length=False, batch=False, supremum="oo"),
    aliases={
        "TensorFlow Addons": ("ContrastiveLoss", "contrastive_loss"),
        "also": ("DrLIM", "pairwise contrastive loss"),
    },
    references=("hadsell2006", "chopra2005"),
    use="You know of pairs whether they are the same, and want distances that say so, also for new classes.",
    avoid="Classes spread by nature: every pair of one class is pulled to the distance zero. Compare triplets instead.",
)  # fmt: skip
def contrastive(
    input1: Tensor, input2: Tensor, same: Tensor, *, margin: float = 1.0, reduction: Reduction = "mean"
) -> Tensor:
    """Pull pairs that are the same together; push others apart, up to a margin.

    With the distance ``d = |input1 - input2|``: ``d**2`` for a pair that is the same, ``max(0, margin - d)**2`` for
    one that differs; in the squared unit of the embeddings.

    Parameters
    ----------
    input1
        Embeddings, one for each pair: floating point, ``(N, D)``, or ``(D,)`` for one pair. Not normalized here.
    input2
        The embeddings that they are compared with, in the same shape.
    same
        1 (or True) where the two are the same, 0 (or False) where they differ: boolean, integer or floating point,
        ``(N,)``, or ``()`` for one pair. On the CPU they are checked; on a GPU and under `torch.compile` and
        `torch.func.vmap` they are the caller's promise.
    margin
        Positive, in the unit of the distance; from there on a pair that differs is far enough.
    reduction
        ``"mean"`` over all pairs, ``"sum"``, or ``"none"`` for one loss per pair.

    Raises
    ------
    TypeError, ValueError
        Not tensors; embeddings that are not floating point; shapes or devices that do not fit; on the CPU a label
        other than 0 and 1; a `margin` that is not positive or not finite; an unknown reduction.

    Notes
    -----
    **Labels.** Hadsell et al. write Y = 1 for a pair that *differs*, and half of this loss; so do many codes. Others,
    such as TensorFlow Addons and Sentence Transformers, write 1 for a pair that is the same, as here.

    **Distance zero.** The distance has a kink there: a pair that differs is pushed apart, in no direction rather than
    another. Its gradient is taken to be zero, where that of a square root would be NaN. So two embeddings that are
    exactly equal stay together. The loss of a pair that is the same is smooth there.

    **PyTorch Metric Learning.** Its `ContrastiveLoss` (version 2.9) does not square: it adds ``d`` and
    ``max(0, margin - d)``, of embeddings that it normalizes first. The distance may have another power, as in
    `LpDistance(normalize_embeddings=False, power=2)`: then the pairs that are the same have the loss of this function,
    but the others ``max(0, margin - d**2)``. Its reducer divides the sum over each kind by the number of pairs of that
    kind whose loss is not zero; here all pairs count.

    The gradient is a pair: by `input1` and by `input2`.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> f1, f2 = torch.tensor([[0.3, 0.4], [0.3, 0.4], [3.0, 4.0]]), torch.zeros(3, 2)
    >>> lb.contrastive(f1, f2, torch.tensor([True, False, False]), reduction="none")
    tensor([0.2500, 0.2500, 0.0000])
    >>> lb.contrastive(f1, f2, torch.tensor([True, False, False]), margin=2.0, reduction="none")
    tensor([0.2500, 2.2500, 0.0000])

    References
    ----------
    Chopra, Hadsell and LeCun (2005), *Learning a Similarity Metric Discriminatively, with Application to Face
    Verification*; in this form Hadsell, Chopra and LeCun (2006), *Dimensionality Reduction by Learning an Invariant
    Mapping*.

    See Also
    --------
    cosine_embedding : compares angles, not distances.
    verification : learns how to compare.
    hinge_embedding : the same idea without the squares, for distances that you have.
    """
    difference = input1 - input2
    same = same.to(difference.dtype)
    # The norm has the gradient zero at zero. The first term needs no root, and keeps its curvature there.
    missing = (margin - torch.linalg.vector_norm(difference, dim=-1)).relu()
    return reduce(same * difference.square().sum(-1) + (1 - same) * missing.square(), reduction)


@contrastive.closed_form
def _contrastive_gradient(
    input1: Tensor, input2: Tensor, same: Tensor, *, margin: float = 1.0, reduction: Reduction = "mean"
) -> tuple[Tensor, Tensor]:
    difference = input1 - input2
    same = same.to(difference.dtype).unsqueeze(-1)
    d = difference.norm(dim=-1, keepdim=True)
    direction = difference / torch.where(d > 0, d, 1)
    slope = 2 * same * d - 2 * (1 - same) * (margin - d).relu()
    by_first = _mean(slope * direction, same.numel(), reduction)
    return by_first, -by_first


@loss(
    title="Verification loss",
    chinese="验证损失（行人重识别）",
    formula="softplus(w*d**2 + b) - same*(w*d**2 + b)",
    variables=("d", "w", "b"),
    takes=COMPARISONS,
    traits=EmbeddingTraits(translation=True, rotation=False, length=False, batch=False, supremum="oo"),
    aliases={"also": ("binary verification loss", "Re-ID verification loss", "square layer")},
    references=("zheng2017", "ye2022"),
    use="You want the probability that two are the same, and to learn which parts of the difference count.",
    avoid="You need a fast search among many: each pair has to be compared by the learned weights.",
)
def verification(
    input1: Tensor, input2: Tensor, same: Tensor, weight: Tensor, bias: Tensor, *, reduction: Reduction = "mean"
) -> Tensor:
    """Cross-entropy of the probability that two embeddings are the same, computed from their squared difference.

    ``P(same) = sigmoid(weight . (input1 - input2)**2 + bias)``, with the square taken for each number. Weight and bias
    are learned together with the embeddings: a useful number of the embedding gets a negative weight, since a large
    difference then speaks against the same.

    Parameters
    ----------
    input1
        Embeddings, one for each pair: floating point, ``(N, D)``, or ``(D,)`` for one pair.
    input2
        The embeddings that they are compared with, in the same shape.
    same
        1 (or True) where the two are the same, 0 (or False) where they differ: boolean, integer or floating point,
        ``(N,)``, or ``()`` for one pair. On the CPU they are checked; on a GPU and under `torch.compile` and
        `torch.func.vmap` they are the caller's promise.
    weight
        One for each number of an embedding, ``(D,)``, or ``(1, D)`` as `torch.nn.Linear(D, 1)` has it.
    bias
        The logit of two equal embeddings: one number, of shape ``()`` or ``(1,)``.
    reduction
        ``"mean"`` over all pairs, ``"sum"``, or ``"none"`` for one loss per pair.

    Raises
    ------
    TypeError, ValueError
        Not tensors; embeddings, weight or bias that are not floating point; shapes or devices that do not fit; on the
        CPU a label other than 0 and 1; an unknown reduction.

    Notes
    -----
    Zheng et al. have two outputs and a softmax in place of one and a sigmoid: the same family of probabilities, since
    only the difference of the two logits counts.

    The gradient is a tuple of four: by `input1`, `input2`, `weight` and `bias`. At two equal embeddings that by the
    embeddings is zero, whatever the label.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> f1, f2 = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[1.0, 2.0], [0.0, 0.0]])
    >>> weight, bias = torch.tensor([-1.0, 0.0]), torch.tensor(0.5)  # the second number does not count
    >>> lb.verification(f1, f2, torch.tensor([True, True]), weight, bias, reduction="none")
    tensor([0.4741, 0.9741])

    References
    ----------
    Zheng, Zheng and Yang (2017), *A Discriminatively Learned CNN Embedding for Person Reidentification*. For the field:
    Ye, Shen, Lin, Xiang, Shao and Hoi (2022), *Deep Learning for Person Re-Identification: A Survey and Outlook*.

    See Also
    --------
    contrastive : compares by the distance, with nothing more to learn.
    binary_cross_entropy_with_logits : the loss of one logit.
    """
    logit = _logit(input1 - input2, weight, bias)
    return F.binary_cross_entropy_with_logits(logit, same.to(logit.dtype), reduction=reduction)


@verification.closed_form
def _verification_gradient(
    input1: Tensor, input2: Tensor, same: Tensor, weight: Tensor, bias: Tensor, *, reduction: Reduction = "mean"
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    difference = input1 - input2
    logit = _logit(difference, weight, bias)
    same = same.to(logit.dtype)
    # sigmoid(logit) - same, without the difference of two numbers near 1
    pull = (1 - same) * logit.sigmoid() - same * (-logit).sigmoid()
    pull = _mean(pull, same.numel(), reduction).unsqueeze(-1)
    by_first = 2 * pull * weight.reshape(-1) * difference
    by_weight = (pull * difference.square()).reshape(-1, difference.shape[-1]).sum(0)
    return by_first, -by_first, by_weight.reshape(weight.shape), pull.sum().reshape(bias.shape)


def _logit(difference: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return difference.square() @ weight.reshape(-1) + bias.reshape(())


@loss(
    title="Cosine embedding loss",
    chinese="余弦嵌入损失",
    formula="Piecewise((1 - c, Eq(y, 1)), (Max(c - margin, 0), True))",
    variables=("c",),
    takes=COSINES,
    parameters=(
        Parameter(
            "margin", "m", "m", "the cosine up to which a pair that differs is far enough",
            default=0.0, low=-1.0, high=1.0, slider=(-1.0, 1.0, 0.05), open_low=False,
        ),
    ),
    traits=EmbeddingTraits(
        translation=False, rotation=True, length=True, batch=False, supremum="2", kinks=("c - margin",)
    ),
    aliases={"PyTorch": ("torch.nn.CosineEmbeddingLoss", "F.cosine_embedding_loss")},
    references=("bromley1993",),
    use="Only the direction of an embedding carries meaning, as in texts, and you know which pairs are the same.",
    avoid="An embedding may be nearly zero: it has no direction, and its gradient is as large as its length is small.",
    builtin=F.cosine_embedding_loss,
    limits=(
        Limit("margin = -1 wants opposites of pairs that differ", "Piecewise((1 - c, Eq(y, 1)), (1 + c, True))",
              {"margin": -1.0}),
    ),
)  # fmt: skip
def cosine_embedding(
    input1: Tensor, input2: Tensor, target: Tensor, *, margin: float = 0.0, reduction: Reduction = "mean"
) -> Tensor:
    """Turn pairs that are the same into one direction; others apart, until their cosine is at most the margin.

    With the cosine c of the angle between the embeddings: ``1 - c`` for the label 1, ``max(0, c - margin)`` for -1.
    Nothing is squared.

    Parameters
    ----------
    input1
        Embeddings, one for each pair: floating point, ``(N, D)``, or ``(D,)`` for one pair. Only their directions
        count.
    input2
        The embeddings that they are compared with, in the same shape.
    target
        1 where the two are the same, -1 where they differ: integer or floating point, ``(N,)``, or ``()`` for one
        pair. On the CPU they are checked; on a GPU and under `torch.compile` and `torch.func.vmap` they are the
        caller's promise. There torch's rule holds: the loss of a pair with any other label is zero.
    margin
        From -1 to 1; the cosine up to which a pair that differs is far enough. At 0 a right angle is.
    reduction
        ``"mean"`` over all pairs, ``"sum"``, or ``"none"`` for one loss per pair.

    Raises
    ------
    TypeError, ValueError
        Not tensors; embeddings that are not floating point; shapes or devices that do not fit; on the CPU a label
        other than -1 and 1, such as 0; a `margin` outside of [-1, 1]; an unknown reduction.

    Notes
    -----
    In float32 and float64 this is torch's function, to the last digit. It adds 1e-12 to both squared lengths, so that
    a zero vector has the cosine 0 with everything, and a very short one (1e-6) less than its own. Near zero the
    gradient is finite and large: 1e6 at a zero vector, which is infinite in float16. In float32 embeddings must be
    shorter than 1e9 or so: the product of their squared lengths must be a number.

    At ``c = margin`` the slope of a pair that differs jumps; as in torch, it is 1 there and 0 below.

    The gradient is a pair: by `input1` and by `input2`, each at right angles to its vector.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> f1, f2 = torch.tensor([[3.0, 0.0], [3.0, 0.0]]), torch.tensor([[0.3, 0.4], [0.3, 0.4]])
    >>> lb.cosine_embedding(f1, f2, torch.tensor([1, -1]), reduction="none")
    tensor([0.4000, 0.6000])

    References
    ----------
    The siamese network of Bromley et al. (1993) compares by the cosine: a small angle is wanted for two genuine
    signatures, a large one for a forgery. This form is torch's: `torch.nn.CosineEmbeddingLoss`.

    See Also
    --------
    contrastive : compares distances, not angles.
    """
    return F.cosine_embedding_loss(input1, input2, target, margin=margin, reduction=reduction)


@cosine_embedding.closed_form
def _cosine_embedding_gradient(
    input1: Tensor, input2: Tensor, target: Tensor, *, margin: float = 0.0, reduction: Reduction = "mean"
) -> tuple[Tensor, Tensor]:
    square1, square2 = (x.square().sum(-1, keepdim=True) + EPS for x in (input1, input2))
    lengths = (square1 * square2).sqrt()
    cosine = (input1 * input2).sum(-1, keepdim=True) / lengths
    sign = target.unsqueeze(-1)
    slope = torch.where(sign == 1, -1.0, torch.where(sign == -1, (cosine >= margin).to(cosine.dtype), 0.0))
    slope = _mean(slope, target.numel(), reduction)
    by_first = slope * (input2 / lengths - cosine * input1 / square1)
    return by_first, slope * (input1 / lengths - cosine * input2 / square2)


def _mean(slope: Tensor, pairs: int, reduction: Reduction) -> Tensor:
    return slope / pairs if reduction == "mean" else slope


# --- the networks --------------------------------------------------------------------------------------------


class SiameseNetwork(nn.Module):
    """One branch, applied to both inputs: the two embeddings are made with the same weights.

    Parameters
    ----------
    branch
        Any module that makes an embedding of an input.

    Raises
    ------
    TypeError
        `branch` is not a module.

    Notes
    -----
    The gradient of a loss by the shared weights is the sum of two: through the first embedding and through the second.
    Equal inputs have equal embeddings, and a symmetric loss such as `contrastive` does not tell which came first. A
    branch in training mode with dropout is an exception, and one with batch normalization normalizes the first inputs
    and the second each among themselves.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> network = lb.SiameseNetwork(torch.nn.Linear(64, 2))
    >>> f1, f2 = network(torch.zeros(5, 64), torch.zeros(5, 64))
    >>> f1.shape, torch.equal(f1, f2)
    (torch.Size([5, 2]), True)

    References
    ----------
    Bromley, Guyon, LeCun, Säckinger and Shah (1993), *Signature Verification Using a "Siamese" Time Delay Neural
    Network*.

    See Also
    --------
    PseudoSiameseNetwork : a branch of its own for each input.
    """

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = _module("branch", branch)

    def forward(self, input1: Tensor, input2: Tensor) -> tuple[Tensor, Tensor]:
        """The embeddings of both inputs."""
        return self.branch(input1), self.branch(input2)


class PseudoSiameseNetwork(nn.Module):
    """Two branches that share no weights: the first input has one, the second input the other.

    Parameters
    ----------
    branch1
        The module that makes the embeddings of the first inputs.
    branch2
        That of the second inputs, with embeddings of the same size; the inputs may be of another kind, such as a
        sketch beside a photograph.

    Raises
    ------
    TypeError
        A branch is not a module.
    ValueError
        The branches share a parameter: `copy.deepcopy` makes a second branch that begins with equal weights.

    Notes
    -----
    With twice the weights, each is trained on half of the inputs. Equal inputs have different embeddings, so exchange
    the two inputs and the distance changes.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> network = lb.PseudoSiameseNetwork(torch.nn.Linear(64, 2), torch.nn.Linear(16, 2))
    >>> f1, f2 = network(torch.zeros(5, 64), torch.zeros(5, 16))
    >>> f1.shape == f2.shape, torch.equal(f1, f2)
    (True, False)

    References
    ----------
    Zagoruyko and Komodakis (2015), *Learning to Compare Image Patches via Convolutional Neural Networks*.

    See Also
    --------
    SiameseNetwork : one branch for both inputs.
    """

    def __init__(self, branch1: nn.Module, branch2: nn.Module) -> None:
        super().__init__()
        self.branch1, self.branch2 = _module("branch1", branch1), _module("branch2", branch2)
        first = {id(weight) for weight in branch1.parameters()}
        shared = [name for name, weight in branch2.named_parameters() if id(weight) in first]
        if branch1 is branch2 or shared:
            what = f"the parameter {shared[0]!r}" if shared else "everything"
            raise ValueError(
                f"branch2: got a module that shares {what} with branch1, expected weights of its own, as "
                "copy.deepcopy(branch1) has; to share them is what SiameseNetwork does"
            )

    def forward(self, input1: Tensor, input2: Tensor) -> tuple[Tensor, Tensor]:
        """The embeddings of both inputs."""
        return self.branch1(input1), self.branch2(input2)


def _module(name: str, value: Any) -> nn.Module:
    if not isinstance(value, nn.Module):
        raise TypeError(f"{name}: got {describe(value)}, expected a torch.nn.Module")
    return value
