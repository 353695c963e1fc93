"""Losses that compare distances: triplets and quadruplets, given or mined in the batch, n-pairs and margin ranking.

Nothing of the shape (B, B, D) or (B, B, B) is ever made. The hardest pairs are found in one Gram matrix, and their
distances are then taken again from the embeddings themselves, which is exact and leaves the backward pass small. The
losses over all triplets need nothing but how often each pair occurs, and sorting the distances tells that.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lossbook.inputs import describe, floating, integers, switch
from lossbook.loss import MARGIN, EmbeddingTraits, Inputs, Option, Parameter, Reduction, loss, reduce

Distance = Callable[[Tensor, Tensor], Tensor]
EPS = 1e-6  # what torch adds to each difference


# --- what the losses take -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Points(Inputs):
    """Three or four embeddings of one shape, (..., D): one triplet or quadruplet for each; the formula is of one."""

    names: tuple[str, ...] = ("anchor", "positive", "negative")
    eps: float = EPS

    scene = "triplet"
    symbols = MappingProxyType({"dp": "d_+", "dn": "d_-", "dnn": "d_{12}"})
    domain = MappingProxyType(dict.fromkeys(("dp", "dn", "dnn"), (0.0, 5.0)))

    @property
    def by(self) -> tuple[str, ...]:  # type: ignore[override]
        """All of them are learned."""
        return self.names

    @property
    def where(self) -> str:  # type: ignore[override]
        """The small case of the formula, in words."""
        if len(self.names) == 3:
            return "the distances of the anchor to the positive and to the negative"
        return "the distances of the anchor to the positive and to the first negative, and that of the two negatives"

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        floating(**dict(zip(self.names, tensors, strict=True)))
        first = tensors[0].shape
        if not first:
            raise ValueError(f"{self.names[0]}: got a single number, expected (D,) or (..., D): D numbers for each")
        for name, tensor in zip(self.names, tensors, strict=True):
            if tensor.shape != first:
                raise ValueError(
                    f"{name}: got shape {tuple(tensor.shape)}, expected {tuple(first)}, the shape of {self.names[0]}; "
                    "nothing is broadcast here"
                )

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """The anchor at the origin; each distance along an axis of its own, after torch's eps is added."""
        zero = torch.zeros_like(values[0])
        dp, *dn = values
        positive = torch.stack([dp, zero, zero], dim=-1)
        negatives = [torch.stack([zero, dn[0], x], dim=-1) for x in (zero, *dn[1:])]
        return torch.zeros_like(positive), *(self.eps - x for x in (positive, *negatives))

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Random embeddings: one triplet without a batch, one and six of them, two batch axes."""
        for shape in ((4,), (1, 3), (6, 5), (2, 3, 2)):
            yield tuple(torch.randn(shape, dtype=torch.float64) for _ in self.names)


TRIPLET = Points()
QUADRUPLET = Points(("anchor", "positive", "negative1", "negative2"), eps=0.0)


@dataclass(frozen=True)
class Batch(Inputs):
    """Embeddings (B, D) and the class of each (B,). The formula is that of two points of one class and two others."""

    counts: str = "anchors"  # what the mean is over: valid anchors, valid triplets, or what the distances decide
    negatives: bool = False  # is the distance of the two others a variable?

    names = ("embeddings", "labels")
    by = ("embeddings",)
    one_by_one = True
    scene = "triplet"
    symbols = MappingProxyType({"bp": "d_+", "bn": "d_-", "bn1": "d_1", "bn2": "d_2", "bnn": "d_{12}"})
    domain = MappingProxyType(dict.fromkeys(symbols, (0.0, 5.0)))

    @property
    def where(self) -> str:  # type: ignore[override]
        """The small case of the formula, in words."""
        case = r"the sum over a batch of four: two points of one class, $d_+$ apart, and one of each of two others, "
        if self.negatives:
            return case + r"$d_-$ from both of the first, and $d_{12}$ from each other"
        return case + r"$d_1$ and $d_2$ from both of the first"

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        embeddings, labels = tensors
        floating(embeddings=embeddings)
        if embeddings.dim() != 2 or not len(embeddings):
            raise ValueError(
                f"embeddings: got shape {tuple(embeddings.shape)}, expected (B, D): D numbers for each of B samples"
            )
        integers("labels", labels, embeddings, "class labels")

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Two points on the first axis, and two at right angles to the middle between them."""
        half, *others = (value.reshape(()) for value in values)
        half = half / 2
        heights = [((x - half) * (x + half)).sqrt() for x in (others[:1] * 2 if self.negatives else others)]
        zero = 0 * half
        if self.negatives:  # at equal heights: turned by an angle whose sine makes them so far from each other
            height, up = heights[0], others[1] / 2
            out = ((height - up) * (height + up)).sqrt()
            rest = [torch.stack([zero, out, up]), torch.stack([zero, out, -up])]
        else:
            rest = [torch.stack([zero, heights[0], zero]), torch.stack([zero, zero, heights[1]])]
        points = [torch.stack([half, zero, zero]), torch.stack([-half, zero, zero]), *rest]
        return torch.stack(points), torch.tensor([0, 0, 1, 2], device=half.device)

    def allowed(self, *values: Tensor) -> tuple[Tensor, ...]:
        """A third point is at least half as far from two others as these are from each other."""
        dp, *others = values
        if self.negatives:
            dn = 0.55 * dp + others[0]
            return dp, dn, 0.39 * others[1] * ((dn - dp / 2) * (dn + dp / 2)).sqrt()
        return dp, *(0.55 * dp + x for x in others)

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Random embeddings, one of them alone in its class; semi-hard and easy anchors; one class; one sample."""
        for samples, classes in ((12, 4), (7, 2), (9, 3)):
            labels = torch.arange(samples) % classes
            labels[-1] = 9
            yield torch.randn(samples, 3, dtype=torch.float64), labels[torch.randperm(samples)]
        points = [[0, 0], [1, 0], [9, 0], [9, 0.5], [0, 1.05]]
        yield torch.tensor(points, dtype=torch.float64), torch.tensor([5, 5, 7, 7, -5])
        yield torch.randn(4, 2, dtype=torch.float64), torch.ones(4, dtype=torch.int64)
        yield torch.randn(1, 2, dtype=torch.float64), torch.zeros(1, dtype=torch.int64)

    def counted(self, *tensors: Tensor) -> int | None:
        """Anchors with a positive and a negative, or their triplets."""
        same = (tensors[1][:, None] == tensors[1]).sum(1)
        positives, negatives = same - 1, len(same) - same
        found = {"anchors": (positives > 0) & (negatives > 0), "triplets": positives * negatives, "distances": 0 * same}
        return int(found[self.counts].sum())


class Pairs(Points):
    """Anchors and positives, (N, D): row i of one belongs to row i of the other. The formula is that of two pairs."""

    scene = "similarity"
    one_by_one = True
    where = "the sum over two pairs, with $s_{ij}$ the inner product of anchor $i$ and positive $j$"
    symbols = MappingProxyType({f"s{i}{j}": f"s_{{{i}{j}}}" for i in (1, 2) for j in (1, 2)})
    domain = MappingProxyType({})

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        super().validate(*tensors)
        if tensors[0].dim() != 2 or not len(tensors[0]):
            raise ValueError(f"anchor: got shape {tuple(tensors[0].shape)}, expected (N, D): D numbers for each of N")

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Anchors along the axes: the inner products are then the components of the positives."""
        s11, s12, s21, s22 = (value.reshape(()) for value in values)
        return torch.eye(2, dtype=s11.dtype), torch.stack([torch.stack([s11, s21]), torch.stack([s12, s22])])

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Random embeddings: one pair, two, six."""
        for shape in ((1, 3), (2, 4), (6, 3)):
            yield tuple(torch.randn(shape, dtype=torch.float64) for _ in self.names)


PAIRS = Pairs(("anchor", "positive"), eps=0.0)

SIGN = Parameter(
    "y", "y", "y", "1: the first should be larger, −1: the second", default=1.0, low=-1.0, high=1.0,
    slider=(-1.0, 1.0, 2.0), open_low=False, choices=(-1.0, 1.0),
)  # fmt: skip


class Ranking(Inputs):
    """Two scores of one shape, and a label for each pair: 1 if the first should be larger, -1 if the second."""

    names = ("input1", "input2", "target")
    by = ("input1", "input2")
    labels = (SIGN,)
    symbols = MappingProxyType({"x1": "x_1", "x2": "x_2"})
    where = "two scores"

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        input1, input2, target = tensors
        floating(input1=input1, input2=input2)
        if input2.shape != input1.shape:
            raise ValueError(
                f"input2: got shape {tuple(input2.shape)}, expected {tuple(input1.shape)}, the shape of input1; "
                "nothing is broadcast here"
            )
        MARGIN.validate(input1, target)

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """The scores as they are."""
        return *values, torch.full_like(values[0], setting["y"])

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Random scores of three shapes."""
        for shape in ((1,), (5,), (3, 4)):
            signs = 2.0 * torch.randint(2, shape) - 1
            yield torch.randn(shape, dtype=torch.float64), torch.randn(shape, dtype=torch.float64), signs.double()


def _margin(name: str, meaning: str, default: float, zero: bool = True) -> Parameter:
    latex = "m" + (f"_{name[-1]}" if name[-1].isdigit() else "")
    return Parameter(
        name, latex, latex.replace("_", ""), meaning,
        default=default, low=0.0, high=math.inf, slider=(0.1, 3.0, 0.1), open_low=not zero,
    )  # fmt: skip


AS_TORCH = _margin("margin", "how much farther the negative should be", 1.0, zero=False)
MINED = _margin("margin", "how much farther the negative should be", 1.0)


def _number(name: str, low: float, high: float) -> Callable[..., None]:
    def validate(value: Any, *tensors: Tensor) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"{name}: got {describe(value)}, expected a number")
        if not low <= value <= high:
            raise ValueError(f"{name}: got {value!r}, expected a number from {low:g} to {high:g}")

    return validate


def _callable(value: Any, *tensors: Tensor) -> None:
    if value is not None and not callable(value):
        raise TypeError(f"distance_function: got {describe(value)}, expected None or a function of two tensors")


def _pair_labels(value: Any, *tensors: Tensor) -> None:
    if value is not None:
        integers("labels", value, tensors[0], "class labels")


NORM = Option("p", "the distance is the p-norm of the difference, p from 1 to infinity", 2.0,
              _number("p", 1.0, math.inf), lambda *tensors: (1.0, 3.0, math.inf))  # fmt: skip
ADDED = Option("eps", "is added to every coordinate of the difference", EPS,
               _number("eps", 0.0, 1.0), lambda *tensors: (0.0, 0.1))  # fmt: skip
SWAP = switch("swap", "is the positive's distance to the negative taken instead, if it is smaller?")
NONZERO = switch("nonzero", "is the mean over the losses that are not zero?")
SQUARED = switch("squared", "are distances squared?")
DISTANCE_FUNCTION = Option(
    "distance_function", "of two tensors (..., D), without their last axis", None, _callable,
    lambda *tensors: (lambda a, b: (a - b).square().sum(-1), lambda a, b: 1 - F.cosine_similarity(a, b, dim=-1)),
)  # fmt: skip
CLASSES = Option(
    "labels", "the class of each pair, where a class has several", None, _pair_labels,
    lambda anchor, positive: (torch.arange(len(anchor)) // 2,),
)  # fmt: skip


# --- triplets and quadruplets that are given ----------------------------------------------------------------


@loss(
    title="Triplet margin loss",
    chinese="三元组损失（Triplet Loss）",
    formula="Max(dp - dn + margin, 0)",
    variables=("dp", "dn"),
    takes=TRIPLET,
    parameters=(AS_TORCH,),
    options=(NORM, ADDED, SWAP),
    traits=EmbeddingTraits(
        translation=True, rotation=False, length=False, batch=False, supremum="oo", kinks=("dp - dn + margin",)
    ),
    aliases={
        "PyTorch": ("torch.nn.TripletMarginLoss", "F.triplet_margin_loss"),
        "PyTorch Metric Learning": ("TripletMarginLoss",),
        "also": ("triplet", "TripletLoss"),
    },
    references=("schroff2015", "weinberger2009", "balntas2016"),
    use="You know which of two things is more alike a third, and want distances that say so.",
    avoid="Most triplets satisfy the margin already: they teach nothing. Mine the batch for those that do not.",
    builtin=F.triplet_margin_loss,
)
def triplet_margin(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """Ask that the negative be farther from the anchor than the positive, by a margin.

    ``max(d(a, p) - d(a, n) + margin, 0)`` with the distance ``d(a, b) = |a - b + eps|``, exactly as
    `torch.nn.functional.triplet_margin_loss`. It does not fit distances to given numbers, as a regression would: only
    their order counts.

    Parameters
    ----------
    anchor, positive, negative
        Embeddings: floating-point tensors of one shape, ``(N, D)``, ``(D,)`` for one triplet, or ``(..., D)``.
    margin
        How much farther the negative should be, in the unit of the distance; positive.
    p
        Which norm is the distance: 2 is Euclid's, 1 the sum of absolute differences, infinity the largest of them.
    eps
        Is added to every coordinate of the difference, as torch does, against a division by zero.
    swap
        Take the distance from positive to negative in place of that from anchor to negative, where it is smaller
        (Balntas et al.): the harder side of the triangle.
    reduction
        ``"mean"`` over all triplets, also those whose loss is zero; ``"sum"``; or ``"none"`` for one loss per triplet.

    Raises
    ------
    TypeError, ValueError
        Not tensors; not floating point; shapes or devices that differ; `margin`, `p` or `eps` out of range; `swap` not
        a bool; an unknown reduction.

    Notes
    -----
    If all embeddings are the same, the loss is the margin. A loss that stays there has collapsed.

    `eps` makes the distance of two equal points ``eps * sqrt(D)`` instead of zero, with a gradient of length 1 in the
    direction of all ones: 0.577 in each of three coordinates. It also spoils the invariance under rotation, by
    about `eps`. Where the difference plus `eps` is exactly zero, the gradient is zero.

    At the kink the gradient is that of an active margin, as in torch. It is a triple: by `anchor`, `positive` and
    `negative`.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> a, p, n = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 1.5]])
    >>> lb.triplet_margin(a, p, n)  # the negative is nearer: 3 - 1.5 + 1
    tensor(2.5000)
    >>> lb.triplet_margin.gradient(a, p, n, eps=0.0)[2]  # descent pushes the negative away
    tensor([ 0., -1.])

    References
    ----------
    Schroff, Kalenichenko and Philbin (2015), *FaceNet*; Weinberger and Saul (2009), *Distance Metric Learning for Large
    Margin Nearest Neighbor Classification*; Balntas, Riba, Ponsa and Mikolajczyk (2016), *Learning Local Feature
    Descriptors with Triplets and Shallow Convolutional Neural Networks*.

    See Also
    --------
    batch_hard_triplet : finds the triplets itself.
    triplet_margin_with_distance : with a distance of your own.
    """
    return F.triplet_margin_loss(
        anchor, positive, negative, margin=margin, p=p, eps=eps, swap=swap, reduction=reduction
    )  # fmt: skip


@triplet_margin.closed_form
def _triplet_margin_gradient(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> tuple[Tensor, ...]:
    def side(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """Length and direction of the side from one point to the other."""
        return _norm(one - other + eps, p)

    pulls = _pulls(side(anchor, positive), side(anchor, negative), side(positive, negative), margin, swap)
    to_positive, to_negative, swapped = (_share(x, reduction) for x in pulls)
    return to_positive - to_negative, -to_positive - swapped, to_negative + swapped


@loss(
    title="Triplet margin loss with a distance function",
    short="Triplet margin with distance",
    chinese="自定义距离的三元组损失",
    formula="Max(dp - dn + margin, 0)",
    variables=("dp", "dn"),
    takes=TRIPLET,
    parameters=(AS_TORCH,),
    options=(DISTANCE_FUNCTION, SWAP),
    traits=EmbeddingTraits(
        translation=True, rotation=False, length=False, batch=False, supremum="oo", kinks=("dp - dn + margin",)
    ),
    aliases={"PyTorch": ("torch.nn.TripletMarginWithDistanceLoss", "F.triplet_margin_with_distance_loss")},
    references=("schroff2015", "balntas2016"),
    use="Likeness is not Euclid's distance: it is an angle, or a squared distance as in FaceNet.",
    avoid="Euclid's distance will do: triplet_margin is the same, and its gradient is in closed form throughout.",
    builtin=F.triplet_margin_with_distance_loss,
)
def triplet_margin_with_distance(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 1.0,
    distance_function: Distance | None = None,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """Triplet margin loss with a distance of your own, such as one minus the cosine.

    Parameters
    ----------
    anchor, positive, negative
        Embeddings: floating-point tensors of one shape, ``(N, D)``, ``(D,)`` for one triplet, or ``(..., D)``.
    margin
        How much farther the negative should be, in the unit of the distance; positive.
    distance_function
        Of two tensors ``(..., D)``; it returns their distances ``(...)``. None is `torch.pairwise_distance`, which is
        the distance of `triplet_margin`.
    swap
        Take the distance from positive to negative in place of that from anchor to negative, where it is smaller.
    reduction
        ``"mean"`` over all triplets, ``"sum"``, or ``"none"`` for one loss per triplet.

    Raises
    ------
    TypeError, ValueError
        Not tensors; not floating point; shapes or devices that differ; `margin` out of range; `distance_function`
        not a function; `swap` not a bool; an unknown reduction.

    Notes
    -----
    `gradient` is in closed form for the distance None. The derivative of a function of yours comes from
    `torch.func.vjp`; the rest is by hand. That your distance is finite, with its gradient, is your promise:
    ``(a - b).square().sum(-1).sqrt()`` has the gradient NaN where a equals b.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> a, p, n = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 1.5]])
    >>> def angle(a, b):
    ...     return 1 - torch.cosine_similarity(a, b, dim=-1)
    >>> lb.triplet_margin_with_distance(a, p, n, distance_function=angle, margin=1.5)
    tensor(0.5000)

    References
    ----------
    Schroff, Kalenichenko and Philbin (2015), *FaceNet*; Balntas, Riba, Ponsa and Mikolajczyk (2016), *Learning Local
    Feature Descriptors with Triplets and Shallow Convolutional Neural Networks*.

    See Also
    --------
    triplet_margin : with the p-norm.
    """
    return F.triplet_margin_with_distance_loss(
        anchor, positive, negative, distance_function=distance_function, margin=margin, swap=swap, reduction=reduction
    )


@triplet_margin_with_distance.closed_form
def _triplet_margin_with_distance_gradient(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 1.0,
    distance_function: Distance | None = None,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> tuple[Tensor, ...]:
    if distance_function is None:
        return _triplet_margin_gradient(anchor, positive, negative, margin=margin, swap=swap, reduction=reduction)
    sides: list[Any] = [
        torch.func.vjp(distance_function, a, b)
        for a, b in ((anchor, positive), (anchor, negative), (positive, negative))
    ]
    # With directions of 1 the pulls are the slopes by the three distances.
    one = torch.ones_like(sides[0][0]).unsqueeze(-1)
    slopes = _pulls((sides[0][0], one), (sides[1][0], one), (sides[2][0], one), margin, swap)
    (a1, p1), (a2, n2), (p3, n3) = (
        back(_share(x, reduction).squeeze(-1)) for (_, back), x in zip(sides, slopes, strict=True)
    )
    return a1 - a2, p1 - p3, -n2 - n3


@loss(
    title="Quadruplet loss",
    chinese="四元组损失（Quadruplet Loss）",
    formula="Max(dp - dn + margin1, 0) + Max(dp - dnn + margin2, 0)",
    variables=("dp", "dn", "dnn"),
    takes=QUADRUPLET,
    parameters=(
        _margin("margin1", "how much farther the first negative should be", 1.0),
        _margin("margin2", "how much farther apart the two negatives should be", 0.5),
    ),
    options=(SQUARED,),
    traits=EmbeddingTraits(
        translation=True, rotation=True, length=False, batch=False, supremum="oo",
        kinks=("dp - dn + margin1", "dp - dnn + margin2"),
    ),
    aliases={"also": ("QuadrupletLoss", "QuadrupletMarginLoss")},
    references=("chen2017",),
    use="Classes should be narrower than the gaps between any two others, so that one threshold fits all of them.",
    avoid="Only the order around one anchor matters, as in retrieval: triplets say all of it.",
)  # fmt: skip
def quadruplet(
    anchor: Tensor,
    positive: Tensor,
    negative1: Tensor,
    negative2: Tensor,
    *,
    margin1: float = 1.0,
    margin2: float = 0.5,
    squared: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """A triplet loss, and a second one that compares the positive pair with a pair of two other classes.

    ``max(d(a, p) - d(a, n1) + margin1, 0) + max(d(a, p) - d(n1, n2) + margin2, 0)`` with Euclid's distance. Anchor and
    positive are of one class, each negative of another: three classes in all.

    Parameters
    ----------
    anchor, positive, negative1, negative2
        Embeddings: floating-point tensors of one shape, ``(N, D)``, ``(D,)`` for one quadruplet, or ``(..., D)``.
    margin1
        How much farther the first negative should be from the anchor than the positive.
    margin2
        How much farther apart the two negatives should be; by default half of `margin1`.
    squared
        Square the distances, as much code does. The margins are then in the squared unit.
    reduction
        ``"mean"`` over all quadruplets, ``"sum"``, or ``"none"`` for one loss per quadruplet.

    Raises
    ------
    TypeError, ValueError
        Not tensors; not floating point; shapes or devices that differ; a margin out of range; `squared` not a bool; an
        unknown reduction.

    Notes
    -----
    The second term has no anchor in common: it makes the gaps between classes wider than the classes, wherever they
    lie. The gradient of a distance at two equal points is zero here, and so it is at the kinks.

    The gradient is a quadruple: by `anchor`, `positive`, `negative1` and `negative2`.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> a, p, n1, n2 = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 4.0], [1.0, 4.0]])
    >>> lb.quadruplet(a, p, n1, n2)  # the anchor is content; the negatives are only 1 apart: 2 - 1 + 0.5
    tensor(1.5000)
    >>> lb.quadruplet.gradient(a, p, n1, n2)[2]  # descent pushes the first negative away from the second
    tensor([1., 0.])

    References
    ----------
    Chen, Chen, Zhang and Huang (2017), *Beyond Triplet Loss: A Deep Quadruplet Network for Person Re-Identification*.

    See Also
    --------
    triplet_margin : the first term alone.
    batch_hard_quadruplet : finds the quadruplets itself.
    """
    sides = (positive - anchor, negative1 - anchor, negative2 - negative1)
    dp, dn, dnn = ((x * x).sum(-1) if squared else torch.linalg.vector_norm(x, dim=-1) for x in sides)
    return reduce(F.relu(dp - dn + margin1) + F.relu(dp - dnn + margin2), reduction)


@quadruplet.closed_form
def _quadruplet_gradient(
    anchor: Tensor,
    positive: Tensor,
    negative1: Tensor,
    negative2: Tensor,
    *,
    margin1: float = 1.0,
    margin2: float = 0.5,
    squared: bool = False,
    reduction: Reduction = "mean",
) -> tuple[Tensor, ...]:
    def side(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """The distance, and its gradient by the first point."""
        away = one - other
        return ((away * away).sum(-1), 2 * away) if squared else _norm(away, 2.0)

    (dp, up), (dn, un), (dnn, unn) = side(positive, anchor), side(negative1, anchor), side(negative2, negative1)
    first, second = dp - dn + margin1 > 0, dp - dnn + margin2 > 0
    of_positive = _share((first.double() + second).to(up.dtype).unsqueeze(-1) * up, reduction)
    of_negative = _share(first.unsqueeze(-1) * un, reduction)
    of_both = _share(second.unsqueeze(-1) * unn, reduction)
    return of_negative - of_positive, of_positive, of_both - of_negative, -of_both


# --- triplets and quadruplets that are found in the batch ----------------------------------------------------

HARD = "bp - Min(bn1, bn2) + margin"


@loss(
    title="Batch-all triplet loss",
    chinese="批内全部三元组损失（batch-all）",
    formula="2*Max(bp - bn1 + margin, 0) + 2*Max(bp - bn2 + margin, 0)",
    variables=("bp", "bn1", "bn2"),
    takes=Batch("triplets"),
    parameters=(MINED,),
    options=(NONZERO,),
    traits=EmbeddingTraits(
        translation=True, rotation=True, length=False, batch=True, supremum="oo",
        kinks=("bp - bn1 + margin", "bp - bn2 + margin"),
    ),
    aliases={"also": ("BatchAllTripletLoss", "batch all")},
    references=("hermans2017",),
    use="You want a steady gradient from every triplet of the batch, as at the start of a training.",
    avoid="Nearly all triplets are easy by now: their zeros make the mean tiny. Take nonzero=True, or mine harder.",
)  # fmt: skip
def batch_all_triplet(
    embeddings: Tensor, labels: Tensor, *, margin: float = 1.0, nonzero: bool = False, reduction: Reduction = "mean"
) -> Tensor:
    """The triplet loss of every triplet of the batch.

    ``max(d(a, p) - d(a, n) + margin, 0)`` for every anchor a, every other sample p of its class and every sample n of
    another class, with Euclid's distance.

    Parameters
    ----------
    embeddings
        Floating point, ``(B, D)``.
    labels
        The class of each, ``(B,)``: any integers.
    margin
        How much farther the negative should be, in the unit of the distance.
    nonzero
        Divide by the number of triplets whose loss is not zero, in place of all of them. Hermans et al. do, and
        it is the default of PyTorch Metric Learning (its ``AvgNonZeroReducer``; the other is its ``MeanReducer``).
    reduction
        ``"mean"`` over all triplets, ``"sum"`` of them, or ``"none"``: for each anchor the sum over its triplets,
        ``(B,)``, which is 0 for an anchor without a positive or without a negative.

    Raises
    ------
    TypeError, ValueError
        Not tensors; embeddings that are not floating point and two-dimensional; labels that are no integers or not
        as many; devices that differ; a negative `margin`; `nonzero` not a bool; an unknown reduction.

    Notes
    -----
    Nothing of the shape (B, B, B) is made. A triplet that is not zero adds 1 to the weight of the distance d(a, p) and
    takes 1 from that of d(a, n). So the loss is a weighted sum of distances, and sorting each anchor's distances
    counts the weights: the time is of the order B^2 log B.

    The distances are from one Gram matrix of the centered embeddings: ``|x|^2 + |y|^2 - 2 x.y``. In float32 this loses
    digits where two points are much closer to each other than to the middle of the batch: a distance has an error of
    up to about 0.0003 times their distance from the middle. At distance zero the gradient of a distance is zero here.

    No triplet: the loss is 0, and so is the gradient. With `nonzero` the loss does not shrink as fewer triplets
    are left, so that it says little about progress: watch the number of triplets.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> x, y = torch.tensor([[0.0], [1.0], [1.5], [9.0]]), torch.tensor([0, 0, 1, 1])
    >>> lb.batch_all_triplet(x, y, reduction="none")
    tensor([ 0.5000,  1.5000, 15.0000,  0.5000])
    >>> lb.batch_all_triplet(x, y), lb.batch_all_triplet(x, y, nonzero=True)  # 8 triplets, 5 of them not zero
    (tensor(2.1875), tensor(3.5000))

    References
    ----------
    Hermans, Beyer and Leibe (2017), *In Defense of the Triplet Loss for Person Re-Identification*.

    See Also
    --------
    batch_hard_triplet : one triplet for each anchor, the hardest.
    semi_hard_triplet : leaves out the hardest ones.
    """
    each, used, every = _all_triplets(embeddings, labels, margin, semi_hard=False)
    return _mean(each, used if nonzero else every, reduction)


@batch_all_triplet.closed_form
def _batch_all_triplet_gradient(
    embeddings: Tensor, labels: Tensor, *, margin: float = 1.0, nonzero: bool = False, reduction: Reduction = "mean"
) -> Tensor:
    d, positive, negative = _exactly(embeddings, labels)
    weights = _weights(d, positive, negative, margin, semi_hard=False)
    used = weights.clamp(min=0).sum() if nonzero else (positive.sum(1) * negative.sum(1)).sum()
    return _part(_by_distances(weights, d, embeddings), used, reduction)


SEMI_HARD = "Piecewise(({0}, (bp < {1}) & ({1} < bp + margin)), (0, True))"


@loss(
    title="Semi-hard triplet loss",
    chinese="半难三元组损失（semi-hard）",
    formula=" + ".join("2*" + SEMI_HARD.format(f"bp - {n} + margin", n) for n in ("bn1", "bn2")),
    variables=("bp", "bn1", "bn2"),
    takes=Batch("distances"),
    parameters=(MINED,),
    traits=EmbeddingTraits(
        translation=True, rotation=True, length=False, batch=True, supremum=None,
        kinks=("bp - bn1 + margin", "bp - bn2 + margin", "bp - bn1", "bp - bn2"),
    ),
    aliases={"PyTorch Metric Learning": ("TripletMarginMiner",), "also": ("semi-hard",)},
    references=("schroff2015",),
    use="Batch-hard collapses, or some labels are wrong: the hardest negatives are left out.",
    avoid="The negatives that matter are nearer than the positives: this loss does not see them.",
)  # fmt: skip
def semi_hard_triplet(
    embeddings: Tensor, labels: Tensor, *, margin: float = 1.0, reduction: Reduction = "mean"
) -> Tensor:
    """The mean over the triplets whose negative is farther than the positive, but within the margin.

    ``d(a, p) - d(a, n) + margin`` for all triplets of the batch with ``d(a, p) < d(a, n) < d(a, p) + margin``, with
    Euclid's distance.

    Parameters
    ----------
    embeddings
        Floating point, ``(B, D)``.
    labels
        The class of each, ``(B,)``: any integers.
    margin
        How much farther the negative should be, in the unit of the distance.
    reduction
        ``"mean"`` over the semi-hard triplets, ``"sum"`` of them, or ``"none"``: for each anchor the sum over its
        semi-hard triplets, ``(B,)``.

    Raises
    ------
    TypeError, ValueError
        Not tensors; embeddings that are not floating point and two-dimensional; labels that are no integers or not
        as many; devices that differ; a negative `margin`; an unknown reduction.

    Notes
    -----
    These are all triplets that ``TripletMarginMiner(type_of_triplets="semihard")`` of PyTorch Metric Learning finds.
    FaceNet and those who follow it take one negative for each pair of anchor and positive, the nearest that is
    semi-hard.

    The loss is not continuous: a negative that comes nearer than the positive drops out, and `margin` with it. So the
    loss is always below the margin, and it is 0 if all embeddings are the same: a small loss is no sign of success.

    Computed as `batch_all_triplet`, with the same digits. No semi-hard triplet: the loss is 0, and so is the gradient.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> x, y = torch.tensor([[0.0], [1.0], [1.5], [9.0]]), torch.tensor([0, 0, 1, 1])
    >>> lb.semi_hard_triplet(x, y, reduction="none")  # 0, 1 and 1.5; and 9, 1.5 and 1
    tensor([0.5000, 0.0000, 0.0000, 0.5000])
    >>> lb.semi_hard_triplet(x, y)
    tensor(0.5000)

    References
    ----------
    Schroff, Kalenichenko and Philbin (2015), *FaceNet: A Unified Embedding for Face Recognition and Clustering*.

    See Also
    --------
    batch_all_triplet : all triplets.
    batch_hard_triplet : the hardest ones.
    """
    each, used, _ = _all_triplets(embeddings, labels, margin, semi_hard=True)
    return _mean(each, used, reduction)


@semi_hard_triplet.closed_form
def _semi_hard_triplet_gradient(
    embeddings: Tensor, labels: Tensor, *, margin: float = 1.0, reduction: Reduction = "mean"
) -> Tensor:
    d, positive, negative = _exactly(embeddings, labels)
    weights = _weights(d, positive, negative, margin, semi_hard=True)
    return _part(_by_distances(weights, d, embeddings), weights.clamp(min=0).sum(), reduction)


@loss(
    title="Batch-hard triplet loss",
    chinese="批内最难三元组损失（batch-hard）",
    formula=f"2*Max({HARD}, 0)",
    variables=("bp", "bn1", "bn2"),
    takes=Batch("anchors"),
    parameters=(MINED,),
    options=(NONZERO,),
    traits=EmbeddingTraits(
        translation=True, rotation=True, length=False, batch=True, supremum="oo", kinks=(HARD, "bn1 - bn2")
    ),
    aliases={
        "PyTorch Metric Learning": ("BatchHardMiner",),
        "Sentence Transformers": ("BatchHardTripletLoss",),
        "also": ("batch hard", "TriHard"),
    },
    references=("hermans2017",),
    use="You train embeddings for retrieval, with several samples of each of many classes in a batch.",
    avoid="Labels are noisy, so that the furthest positive is the wrong one; or the training begins, and may collapse.",
)
def batch_hard_triplet(
    embeddings: Tensor, labels: Tensor, *, margin: float = 1.0, nonzero: bool = False, reduction: Reduction = "mean"
) -> Tensor:
    """The triplet loss of each anchor with its furthest positive and its nearest negative in the batch.

    ``max(max_p d(a, p) - min_n d(a, n) + margin, 0)`` for every anchor a, with Euclid's distance. Anchors without a
    positive or without a negative do not count.

    Parameters
    ----------
    embeddings
        Floating point, ``(B, D)``. Choose the batch: P classes, K samples of each.
    labels
        The class of each, ``(B,)``: any integers.
    margin
        How much farther the nearest negative should be than the furthest positive.
    nonzero
        Divide by the number of anchors whose loss is not zero, in place of all that count. This is the default of
        PyTorch Metric Learning (its ``AvgNonZeroReducer``; the other is its ``MeanReducer``).
    reduction
        ``"mean"`` over the anchors that count, ``"sum"``, or ``"none"`` for one loss per anchor, ``(B,)``, which is 0
        for one that does not count.

    Raises
    ------
    TypeError, ValueError
        Not tensors; embeddings that are not floating point and two-dimensional; labels that are no integers or not
        as many; devices that differ; a negative `margin`; `nonzero` not a bool; an unknown reduction.

    Notes
    -----
    The hardest pairs are found in one Gram matrix of the centered embeddings, without a gradient. Their distances are
    computed again from the embeddings, so that they are exact, and the backward pass touches nothing of the shape
    (B, B). In float32 the Gram matrix cannot tell apart distances that differ by less than its rounding error; which
    of two equally hard samples is taken is then left to chance.

    At distance zero the gradient of a distance is zero here. So if all embeddings are the same, the loss is the margin
    and the gradient is zero: a collapse that no descent leaves. No anchor that counts: the loss is 0.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> x, y = torch.tensor([[0.0], [1.0], [1.5], [9.0]]), torch.tensor([0, 0, 1, 1])
    >>> lb.batch_hard_triplet(x, y, reduction="none")
    tensor([0.5000, 1.5000, 8.0000, 0.5000])
    >>> lb.batch_hard_triplet(x, y)
    tensor(2.6250)

    References
    ----------
    Hermans, Beyer and Leibe (2017), *In Defense of the Triplet Loss for Person Re-Identification*.

    See Also
    --------
    batch_all_triplet : every triplet.
    semi_hard_triplet : leaves out the hardest ones.
    batch_hard_quadruplet : with a second term.
    """
    positive, negative, counts = _hardest(embeddings.detach(), labels)
    dp, dn = _between(embeddings, torch.cat([positive, negative]), embeddings)
    each = F.relu(dp - dn + margin) * counts
    return _mean(each, (each > 0 if nonzero else counts).sum(), reduction)


@batch_hard_triplet.closed_form
def _batch_hard_triplet_gradient(
    embeddings: Tensor, labels: Tensor, *, margin: float = 1.0, nonzero: bool = False, reduction: Reduction = "mean"
) -> Tensor:
    d, positive, negative = _exactly(embeddings, labels)
    weights, each = _hard_weights(d, positive, negative, margin)
    used = each > 0 if nonzero else positive.any(1) & negative.any(1)
    return _part(_by_distances(weights, d, embeddings), used.sum(), reduction)


@loss(
    title="Batch-hard quadruplet loss",
    chinese="批内最难四元组损失",
    formula="2*Max(bp - bn + margin1, 0) + 2*Max(bp - bnn + margin2, 0)",
    variables=("bp", "bn", "bnn"),
    takes=Batch("anchors", negatives=True),
    parameters=quadruplet.parameters,
    traits=EmbeddingTraits(
        translation=True, rotation=True, length=False, batch=True, supremum="oo",
        kinks=("bp - bn + margin1", "bp - bnn + margin2"),
    ),
    aliases={"also": ("bh_quadruplet_loss",)},
    references=("chen2017", "hermans2017"),
    use="Batch-hard triplets serve you well, and one threshold has to separate all classes.",
    avoid="A batch has two classes only: there is no pair of two others, and the second term is not there.",
)  # fmt: skip
def batch_hard_quadruplet(
    embeddings: Tensor,
    labels: Tensor,
    *,
    margin1: float = 1.0,
    margin2: float = 0.5,
    reduction: Reduction = "mean",
) -> Tensor:
    """The quadruplet loss with the hardest pairs of the batch.

    For every anchor a, with Euclid's distance and p, n its furthest positive and its nearest negative::

        max(d(a, p) - d(a, n) + margin1, 0) + max(d(a, p) - d(k, l) + margin2, 0)

    Here k and l are the closest two samples of two different classes neither of which is that of a. Anchors without
    a positive or without a negative do not count.

    Parameters
    ----------
    embeddings
        Floating point, ``(B, D)``.
    labels
        The class of each, ``(B,)``: any integers. The second term needs three classes.
    margin1
        How much farther the nearest negative should be than the furthest positive.
    margin2
        How much farther apart two samples of two other classes should be.
    reduction
        ``"mean"`` over the anchors that count, ``"sum"``, or ``"none"`` for one loss per anchor, ``(B,)``, which is 0
        for one that does not count.

    Raises
    ------
    TypeError, ValueError
        Not tensors; embeddings that are not floating point and two-dimensional; labels that are no integers or not
        as many; devices that differ; a negative margin; an unknown reduction.

    Notes
    -----
    The second term is that of Chen et al., with the largest value that it has in the batch for this anchor. Code that
    asks for a sample that is a negative *and* a positive of the anchor never finds one; its loss is always zero.

    All anchors share three pairs (k, l): the closest pair of two classes, and the closest without the one or the
    other of these classes. So one matrix of distances is enough. Precision, gradients at distance zero and empty cases
    are as for `batch_hard_triplet`.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> x, y = torch.tensor([[0.0], [2.0], [5.0], [6.0]]), torch.tensor([0, 0, 1, 2])
    >>> lb.batch_hard_quadruplet(x, y, reduction="none")  # 5 and 6 are two other classes, 1 apart: 2 - 1 + 0.5
    tensor([1.5000, 1.5000, 0.0000, 0.0000])

    References
    ----------
    Chen, Chen, Zhang and Huang (2017), *Beyond Triplet Loss: A Deep Quadruplet Network for Person Re-Identification*;
    Hermans, Beyer and Leibe (2017), *In Defense of the Triplet Loss for Person Re-Identification*.

    See Also
    --------
    quadruplet : of given quadruplets.
    batch_hard_triplet : the first term alone.
    """
    fixed = embeddings.detach()
    positive, negative, counts = _hardest(fixed, labels)
    one, other, exists = _closest_others(fixed, labels)
    dp, dn = _between(embeddings, torch.cat([positive, negative]), embeddings)
    dnn = _root((embeddings.index_select(0, one) - embeddings.index_select(0, other)).square().sum(-1))
    each = F.relu(dp - dn + margin1) + F.relu(dp - dnn + margin2) * exists
    return _mean(each * counts, counts.sum(), reduction)


@batch_hard_quadruplet.closed_form
def _batch_hard_quadruplet_gradient(
    embeddings: Tensor,
    labels: Tensor,
    *,
    margin1: float = 1.0,
    margin2: float = 0.5,
    reduction: Reduction = "mean",
) -> Tensor:
    d, positive, negative = _exactly(embeddings, labels)
    counts = positive.any(1) & negative.any(1)
    weights, _ = _hard_weights(d, positive, negative, margin1)
    furthest, nearest = d.masked_fill(~positive, -1).max(1), d.masked_fill(~negative, math.inf)
    for label in labels.unique():  # the other classes are the same for all anchors of a class
        mine = labels == label
        pairs = nearest.masked_fill(mine | mine[:, None], math.inf)
        one, other = divmod(int(pairs.argmin()), len(pairs))
        active = mine & counts & (furthest.values - pairs[one, other] + margin2 > 0)
        weights[active, furthest.indices[active]] += 1
        weights[one, other] -= active.sum()
    return _part(_by_distances(weights, d, embeddings), counts.sum(), reduction)


# --- similarities and scores ---------------------------------------------------------------------------------


@loss(
    title="N-pairs loss",
    short="N-pairs",
    chinese="N 对损失（N-pairs Loss）",
    formula="-logsoftmax(s11, s12) - logsoftmax(s22, s21)",
    variables=("s11", "s12", "s21", "s22"),
    takes=PAIRS,
    options=(CLASSES,),
    traits=EmbeddingTraits(translation=False, rotation=True, length=False, batch=True, supremum="oo"),
    aliases={"PyTorch Metric Learning": ("NPairsLoss",), "also": ("n-pair", "N-pair-mc")},
    references=("sohn2016",),
    use="Each batch has one pair of each of many classes: every anchor then sees N - 1 negatives at the price of one.",
    avoid="Embeddings may grow without bound: longer ones have a smaller loss. Normalize them and take info_nce.",
)
def n_pairs(anchor: Tensor, positive: Tensor, *, labels: Tensor | None = None, reduction: Reduction = "mean") -> Tensor:
    """Cross-entropy that picks, for each anchor, its own positive among all positives of the batch.

    ``log(1 + sum_j exp(a_i . p_j - a_i . p_i))`` over the other pairs j: softmax cross-entropy of the inner products.

    Parameters
    ----------
    anchor, positive
        Embeddings: floating point, ``(N, D)``. Row i of both is one pair.
    labels
        The class of each pair, ``(N,)``, integers: other pairs of the same class are left out of the sum. None: all
        pairs are of different classes.
    reduction
        ``"mean"`` over pairs, ``"sum"``, or ``"none"`` for one loss per pair.

    Raises
    ------
    TypeError, ValueError
        Not tensors; not floating point; shapes or devices that do not fit; labels that are no integers or not as
        many; an unknown reduction.

    Notes
    -----
    There is no distance and no margin. The embeddings are taken as they are; PyTorch Metric Learning normalizes them
    first, unless told not to. Sohn adds a small multiple of their squared lengths, against growth: add it yourself.

    One pair, or one class: the loss is 0. The gradient is a pair: by `anchor` and by `positive`.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> a, p = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[2.0, 0.0], [0.0, 0.0]])
    >>> lb.n_pairs(a, p, reduction="none")  # log(1 + exp(-2)) and log 2
    tensor([0.1269, 0.6931])

    References
    ----------
    Sohn (2016), *Improved Deep Metric Learning with Multi-class N-pair Loss Objective*.

    See Also
    --------
    info_nce : with normalized embeddings and a temperature.
    """
    return F.cross_entropy(_products(anchor, positive, labels), _own(anchor), reduction=reduction)


@n_pairs.closed_form
def _n_pairs_gradient(
    anchor: Tensor, positive: Tensor, *, labels: Tensor | None = None, reduction: Reduction = "mean"
) -> tuple[Tensor, Tensor]:
    pull = _products(anchor, positive, labels).softmax(1)
    pull = pull - torch.eye(len(anchor), dtype=pull.dtype, device=pull.device)
    pull = pull / len(anchor) if reduction == "mean" else pull
    return pull @ positive, pull.T @ anchor


@loss(
    title="Margin ranking loss",
    short="Margin ranking",
    chinese="间隔排序损失（Margin Ranking Loss）",
    formula="Max(margin - y*(x1 - x2), 0)",
    variables=("x1", "x2"),
    takes=Ranking(),
    parameters=(
        Parameter(
            "margin", "m", "m", "by how much the right score should be larger",
            default=0.0, low=-math.inf, high=math.inf, slider=(0.0, 2.0, 0.1),
        ),
    ),
    traits=EmbeddingTraits(
        translation=True, rotation=False, length=False, batch=False, supremum="oo", kinks=("margin - y*(x1 - x2)",)
    ),
    aliases={"PyTorch": ("torch.nn.MarginRankingLoss", "F.margin_ranking_loss"), "also": ("pairwise hinge",)},
    references=("joachims2002",),
    use="You know which of two items should have the higher score, but no scores: search results, preferences.",
    avoid="The margin is zero: equal scores then have no loss, and all scores may end up the same.",
    builtin=F.margin_ranking_loss,
)  # fmt: skip
def margin_ranking(
    input1: Tensor, input2: Tensor, target: Tensor, *, margin: float = 0.0, reduction: Reduction = "mean"
) -> Tensor:
    """Hinge loss of the difference of two scores: ``max(margin - y * (x1 - x2), 0)``.

    Parameters
    ----------
    input1, input2
        Scores: floating-point tensors of one shape.
    target
        Labels of the same shape: 1 if the first should be larger, -1 if the second; floating point or integers. On the
        CPU the first 65,536 or so are checked; on a GPU and under `torch.compile` and `torch.func.vmap` they are the
        caller's promise.
    margin
        By how much the right score should be larger; any number, as in torch.
    reduction
        ``"mean"`` over pairs, ``"sum"``, or ``"none"`` for one loss per pair.

    Raises
    ------
    TypeError, ValueError
        Not tensors; not floating point; shapes or devices that differ; labels other than -1 and 1; `margin` no finite
        number; an unknown reduction.

    Notes
    -----
    At the kink the gradient is that of an active margin, as in torch: with margin 0, equal scores still move apart.
    The gradient is a pair: by `input1` and by `input2`.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> x1, x2, y = torch.tensor([2.0, 1.0]), torch.tensor([0.5, 3.0]), torch.tensor([1, 1])
    >>> lb.margin_ranking(x1, x2, y, margin=1.0, reduction="none")
    tensor([0., 3.])

    References
    ----------
    Joachims (2002), *Optimizing Search Engines Using Clickthrough Data*.

    See Also
    --------
    hinge : of one score and a label.
    triplet_margin : ranks two distances.
    """
    return F.margin_ranking_loss(input1, input2, target, margin=margin, reduction=reduction)


@margin_ranking.closed_form
def _margin_ranking_gradient(
    input1: Tensor, input2: Tensor, target: Tensor, *, margin: float = 0.0, reduction: Reduction = "mean"
) -> tuple[Tensor, Tensor]:
    short = margin - target * (input1 - input2)
    slope = torch.where(short >= 0, target.to(short.dtype), 0 * short)  # 0, or NaN
    slope = slope / slope.numel() if reduction == "mean" else slope
    return -slope, slope


# --- distances of given points -------------------------------------------------------------------------------


def _norm(u: Tensor, p: float) -> tuple[Tensor, Tensor]:
    """The p-norm of each row, and its gradient, which is zero at a zero row."""
    length = torch.linalg.vector_norm(u, p, dim=-1)
    whole = length.unsqueeze(-1)
    if p == 1:
        return length, u.sign()
    if math.isinf(p):  # equally large coordinates share the slope
        largest = u.abs() == whole
        return length, u.sign() * largest / largest.sum(-1, keepdim=True)
    share = u / torch.where(whole == 0, 1, whole)
    return length, share if p == 2 else share.sign() * share.abs() ** (p - 1)


def _pulls(
    positive: tuple[Tensor, Tensor],
    negative: tuple[Tensor, Tensor],
    swapped: tuple[Tensor, Tensor],
    margin: float,
    swap: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """What each side of a triplet, given as length and direction, adds to the gradient by its first point."""
    (dp, up), (dn, un), (ds, us) = positive, negative, swapped
    own = torch.ones_like(dn)
    if swap:
        own = torch.where(dn == ds, 0.5, (dn < ds).to(dn.dtype))  # torch's minimum shares a tie
        dn = torch.minimum(dn, ds)
    active = (~(dp - dn + margin < 0)).to(dp.dtype)
    own, active = own.unsqueeze(-1), active.unsqueeze(-1)
    return active * up, active * own * un, active * (1 - own) * us


def _share(pull: Tensor, reduction: Reduction) -> Tensor:
    """The gradient of one triplet, as a part of the mean's."""
    rows = pull[..., 0].numel() if pull.dim() else 1
    return pull / rows if reduction == "mean" else pull


# --- distances in a batch ------------------------------------------------------------------------------------


def _same(labels: Tensor) -> Tensor:
    return labels.unsqueeze(1) == labels


def _masks(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Which pairs are of an anchor and a positive, and which of an anchor and a negative."""
    same = _same(labels)
    return same ^ torch.eye(len(labels), dtype=torch.bool, device=labels.device), ~same


def _squares(x: Tensor) -> Tensor:
    """The squared distance of every two rows, from one Gram matrix; rounding may make it negative.

    The rows are centered first: that moves no distance, and what is subtracted is then as small as can be.
    """
    x = x - x.detach().mean(0)
    gram = x @ x.T
    squares = gram.diagonal()
    return squares.unsqueeze(1) + squares - 2 * gram


def _root(squares: Tensor) -> Tensor:
    """The square root, zero for what is not positive, where its gradient is zero too (that of torch is infinite)."""
    apart = ~(squares <= 0)  # so that NaN stays NaN
    return torch.where(apart, squares, 1).sqrt() * apart


def _between(x: Tensor, index: Tensor, y: Tensor) -> Tensor:
    """The distances of the rows of y to the rows of x with these numbers, which come in blocks as long as y."""
    return _root((x.index_select(0, index).unflatten(0, (-1, len(y))) - y).square().sum(-1))


def _hardest(x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For each anchor the number of the furthest positive, of the nearest negative, and whether it has both."""
    x = x - x.mean(0)
    # Without the square of the anchor, which is the same for all of its pairs.
    far = torch.addmm((x * x).sum(1), x, x.T, alpha=-2)
    beyond = torch.finfo(x.dtype).max / 4  # what is not asked for is put there; adding is faster than torch.where
    same = _same(labels).to(x.dtype)
    nearest = torch.add(far, same, alpha=beyond).min(1)
    same.diagonal().fill_(0)  # nobody is a positive of its own
    furthest = torch.add(far, same - 1, alpha=beyond).max(1)
    both = (furthest.values > -beyond / 2) & (nearest.values < beyond / 2)
    return furthest.indices, nearest.indices, both


def _closest_others(x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For each anchor the closest pair of two classes that are not its own, and whether there is one."""
    apart = torch.where(_same(labels), math.inf, _squares(x))

    def closest(without: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        pairs = apart
        if without is not None:
            gone = labels == without
            pairs = torch.where(gone | gone.unsqueeze(1), math.inf, apart)
        flat = pairs.flatten()
        place = flat.argmin(0, keepdim=True)
        return place // len(labels), place % len(labels), flat[place] != math.inf

    best = closest(None)
    first, second = labels[best[0]], labels[best[1]]
    # An anchor of one of these two classes needs the closest pair without it.
    instead = (labels == first, closest(first)), (labels == second, closest(second))
    found = tuple(x.expand(len(labels)) for x in best)
    for mine, pair in instead:
        found = tuple(torch.where(mine, new, old) for new, old in zip(pair, found, strict=True))
    return found[0], found[1], found[2]


def _all_triplets(x: Tensor, labels: Tensor, margin: float, semi_hard: bool) -> tuple[Tensor, Tensor, Tensor]:
    """The sum over the triplets of each anchor, how many are not zero (or semi-hard), and how many there are."""
    d = _root(_squares(x))
    positive, negative = _masks(labels)
    weights = _weights(d.detach(), positive, negative, margin, semi_hard)
    each = (weights * torch.where(positive, d + margin, d)).sum(1)
    return each, weights.clamp(min=0).sum(), (positive.sum(1) * negative.sum(1)).sum()


def _weights(d: Tensor, positive: Tensor, negative: Tensor, margin: float, semi_hard: bool) -> Tensor:
    """How often each distance is added, as that to a positive, or subtracted, over the triplets that are not zero."""
    near, far = (torch.where(mask, d, math.inf).sort(1).values for mask in (positive, negative))
    nearer = torch.searchsorted(far, d + margin)  # negatives within the margin of this positive
    farther = positive.sum(1, keepdim=True) - torch.searchsorted(near + margin, d, right=True)  # and the other way
    if semi_hard:  # without the negatives that are not farther
        nearer = nearer - torch.searchsorted(far, d, right=True)
        farther = farther - (positive.sum(1, keepdim=True) - torch.searchsorted(near, d))
    return (nearer * positive - farther * negative).to(d.dtype)


def _mean(each: Tensor, count: Tensor, reduction: Reduction) -> Tensor:
    """The losses reduced; the mean is over what counts, and zero if nothing does."""
    if reduction == "none":
        return each
    return _part(each.sum(), count, reduction)


def _part(total: Tensor, count: Tensor, reduction: Reduction) -> Tensor:
    return total / count.clamp(min=1) if reduction == "mean" else total


# --- gradients by hand ---------------------------------------------------------------------------------------


def _exactly(x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Distances from differences, not from a Gram matrix, and the masks of positives and negatives."""
    return torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist"), *_masks(labels)


def _by_distances(weights: Tensor, d: Tensor, x: Tensor) -> Tensor:
    """The gradient of a weighted sum of distances: (diag(V 1) - V) X, where V holds weight over distance, both ways."""
    pull = weights / torch.where(d == 0, math.inf, d)
    pull = pull + pull.T
    return pull.sum(1, keepdim=True) * x - pull @ x


def _hard_weights(d: Tensor, positive: Tensor, negative: Tensor, margin: float) -> tuple[Tensor, Tensor]:
    """The weights of the distances for the hardest triplets, and the loss of each anchor."""
    furthest, nearest = d.masked_fill(~positive, -math.inf).max(1), d.masked_fill(~negative, math.inf).min(1)
    each = (furthest.values - nearest.values + margin).clamp(min=0)
    active = (each > 0).to(d.dtype).unsqueeze(1)
    weights = torch.zeros_like(d).scatter_add(1, furthest.indices[:, None], active)
    return weights.scatter_add(1, nearest.indices[:, None], -active), each


def _products(anchor: Tensor, positive: Tensor, labels: Tensor | None) -> Tensor:
    """The inner product of every anchor and every positive; minus infinity where another pair is of the same class."""
    products = anchor @ positive.T
    if labels is None:
        return products
    return products.masked_fill(_masks(labels)[0], -math.inf)


def _own(anchor: Tensor) -> Tensor:
    return torch.arange(len(anchor), device=anchor.device)
