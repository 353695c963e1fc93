"""Losses of boxes: intersection over union (IoU), and what is added to it so that boxes apart have a gradient too.

A box is (x1, y1, x2, y2): its upper left and its lower right corner. All four losses are quotients of lengths along
the two axes, so they do not depend on the unit. Where a quotient is 0/0, because boxes have no area, it is taken to be
0, with gradient 0; nothing is added to a denominator.

Along an edge that both boxes share the losses have a kink. There `torch.maximum` and `torch.minimum` give either box
half of the slope. So a perfect prediction, which shares all its edges with the truth, has the gradient zero.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from lossbook.inputs import beginning, extremes
from lossbook.loss import BoxTraits, Inputs, Parameter, Reduction, loss, reduce, validate_pair

OVERLAP = "overlap(x1, x2, u1, u2)*overlap(y1, y2, v1, v2)"
UNION = f"((x2 - x1)*(y2 - y1) + (u2 - u1)*(v2 - v1) - {OVERLAP})"
AROUND = "hull(x1, x2, u1, u2)*hull(y1, y2, v1, v2)"
DIAGONAL = "(hull(x1, x2, u1, u2)**2 + hull(y1, y2, v1, v2)**2)"
BETWEEN_X, BETWEEN_Y = "((x1 + x2 - u1 - u2)/2)", "((y1 + y2 - v1 - v2)/2)"
ANGLE = "(atan2(u2 - u1, v2 - v1) - atan2(x2 - x1, y2 - y1))"
SHAPE = f"4/pi**2*{ANGLE}**2"
# The tiny number makes 0/0 a 0 and changes no other value. (1 - I/U would swallow it: it is written as one quotient.)
WEIGHT = f"held({SHAPE}/({SHAPE} + ({UNION} - {OVERLAP})/{UNION} + 1e-300))"

EDGES = ("x1 - u1", "y1 - v1", "x2 - u2", "y2 - v2")  # an edge of one box passes the same edge of the other
TOUCHES = ("x2 - u1", "u2 - x1", "y2 - v1", "v2 - y1")  # the boxes begin to overlap


def _coordinate(name: str, meaning: str, default: float) -> Parameter:
    ends = sorted((default / 2, 2 * default))
    return Parameter(
        name, f"{name[0]}_{name[1]}", name, f"{meaning} of the true box", default, -math.inf, math.inf,
        slider=(ends[0], ends[1], 0.1),
    )  # fmt: skip


@dataclass(frozen=True)
class Boxes(Inputs):
    """Predicted and true boxes, (N, 4), or (4,) for one: corners (x1, y1, x2, y2)."""

    letters: str = ""  # that the formula has beside those of the overlap

    scene = "boxes"
    labels = (
        _coordinate("u1", "left edge", -1.0),
        _coordinate("v1", "upper edge", -0.8),
        _coordinate("u2", "right edge", 1.0),
        _coordinate("v2", "lower edge", 1.2),
    )
    short = MappingProxyType(
        {"U": UNION, "d_x": BETWEEN_X, "d_y": BETWEEN_Y, r"\delta": ANGLE, r"\alpha": WEIGHT}
    )  # fmt: skip

    @property
    def where(self) -> str:  # type: ignore[override]
        """The letters of the formula, in words."""
        return (
            "a predicted box (x1, y1, x2, y2) and a true box (u1, v1, u2, v2). U is the area of their union and o, "
            f"along an axis, the length of their overlap{self.letters}. A bracket is 1 where it is true and 0 elsewhere"
        )

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors are not boxes of one shape."""
        input, target = tensors
        validate_pair(input, target)
        if input.dim() not in (1, 2) or input.shape[-1] != 4:
            raise ValueError(f"input: got shape {tuple(input.shape)}, expected (N, 4), or (4,) for one box")
        for name, boxes in (("input", input), ("target", target)):
            _corners_in_order(name, beginning(boxes.detach()))

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Predicted boxes of these coordinates; the true box is the same for all."""
        input = torch.stack(values, dim=1)
        truth = torch.tensor([setting[label.name] for label in self.labels], dtype=input.dtype)
        return input, truth.expand_as(input)

    def allowed(self, *values: Tensor) -> tuple[Tensor, ...]:
        """The smaller coordinate first, and not so near to the other that a small step would swap them."""
        x1, y1, x2, y2 = values
        (x1, x2), (y1, y2) = _ends(x1, x2), _ends(y1, y2)
        return x1, y1, x2, y2

    def perfect(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The truth itself."""
        return tensors[1], tensors[1]

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Random boxes, one and many; then an equal one, one with two edges in common, and one without a width."""
        for shape in ((4,), (1, 4), (30, 4)):
            yield tuple(
                torch.stack(self.allowed(*(2 * torch.randn(shape, dtype=torch.float64)).unbind(-1)), -1)
                for _ in range(2)
            )
        target = torch.tensor([[-1.0, -1.0, 2.0, 3.0]], dtype=torch.float64).repeat(3, 1)
        input = target.clone()
        input[1, 2:] = torch.tensor([1.0, 5.0])
        input[2, 0] = input[2, 2] = 0.5
        yield input, target


def _ends(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    low, high = torch.minimum(a, b), torch.maximum(a, b)
    near = (low < high) & (high - low < 0.02) & (torch.maximum(low.abs(), high.abs()) > 0.02)
    return low, high + 0.02 * near


def _corners_in_order(name: str, boxes: Tensor) -> None:
    sides = boxes[..., 2:] - boxes[..., :2]
    found = extremes(sides)
    if found and found[0] < 0:
        wrong = boxes.reshape(-1, 4)[(sides < 0).any(-1).reshape(-1)][0].tolist()
        raise ValueError(
            f"{name}: got the box {wrong}, expected corners (x1, y1, x2, y2) with x1 <= x2 and y1 <= y2; a center with "
            "width and height is another format"
        )


AROUND_BOTH = "; c is the length of the least interval around both"
CENTERS = AROUND_BOTH + ", d the distance of the centers"
SHAPES = "; δ is the difference of the angles of the diagonals, and α = v/(1 − IoU + v), with v = 4δ²/π², a constant"
VARIABLES = ("x1", "y1", "x2", "y2")


@loss(
    title="IoU loss",
    chinese="交并比损失（IoU 损失）",
    formula=f"1 - {OVERLAP}/{UNION}",
    variables=VARIABLES,
    takes=Boxes(),
    traits=BoxTraits(
        translation=True, scale=True, symmetric=True, slope_apart=False, supremum="1", kinks=EDGES + TOUCHES
    ),
    aliases={"also": ("IoULoss", "intersection over union loss", "box_iou_loss")},
    references=("yu2016",),
    use="Boxes overlap already, and you are judged by IoU.",
    avoid="Boxes may begin apart: there it has no gradient. Take giou or diou.",
)
def iou(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """One minus intersection over union: the share of the union that the boxes do not have in common.

    ``1 - I / U``, where I is the area that both boxes cover and U the area that at least one of them covers. From 0 for
    equal boxes to 1 for boxes apart.

    Parameters
    ----------
    input, target
        Predicted and true boxes: floating point, ``(N, 4)``, or ``(4,)`` for one. A box is ``(x1, y1, x2, y2)`` with
        ``x1 <= x2`` and ``y1 <= y2``, in any unit. On the CPU the order of the corners is checked (in the first 16,384
        boxes); on a GPU and under `torch.compile` and `torch.func.vmap` it is the caller's promise.
    reduction
        ``"mean"`` over boxes, ``"sum"``, or ``"none"`` for one loss per box. torchvision's default is ``"none"``.

    Raises
    ------
    TypeError, ValueError
        Not tensors; not floating point; shapes or devices that differ; not four coordinates; a box with ``x2 < x1`` or
        ``y2 < y1``; an unknown reduction.

    Notes
    -----
    Boxes that do not touch have the loss 1 and no gradient. Where they only touch, the gradient is that of boxes that
    begin to overlap.

    A box may have no width or height. It has no area to share, so its loss is 1, even if the true box is the same line
    or the same point. Two boxes without area have no gradient. A predicted box without width inside of the true one has
    a gradient that widens it.

    The box losses of torchvision add 1e-7 to the union (it has none of IoU alone). That changes the loss of small
    boxes: a perfect prediction of a box of side 0.001 would have the loss 0.09. Nothing is added here. In float32 an
    area may be too small or too large to be told from 0 or infinity: keep sides between 1e-19 and 1e18.

    The mean over no boxes is NaN, as that of torch's losses.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> truth = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 2.0]])
    >>> boxes = torch.tensor([[1.0, 0.0, 3.0, 2.0], [5.0, 5.0, 7.0, 7.0]])
    >>> lb.iou(boxes, truth, reduction="none")
    tensor([0.6667, 1.0000])
    >>> lb.iou.gradient(boxes, truth).any(dim=1)  # boxes apart have none
    tensor([ True, False])

    References
    ----------
    Yu, Jiang, Wang, Cao and Huang (2016), *UnitBox: An Advanced Object Detection Network*; there with a logarithm,
    ``-log(IoU)``.

    See Also
    --------
    giou, diou : have a gradient for boxes apart as well.
    smooth_l1 : of the four coordinates, the classic.
    """
    return reduce(1 - _iou(input, target), reduction)


@iou.closed_form
def _iou_gradient(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    return _each(_iou_slope(input, target), reduction)


@loss(
    title="GIoU loss",
    chinese="广义交并比损失（GIoU 损失）",
    formula=f"1 - {OVERLAP}/{UNION} + 1 - {UNION}/({AROUND})",
    variables=VARIABLES,
    takes=Boxes(AROUND_BOTH),
    traits=BoxTraits(
        translation=True, scale=True, symmetric=True, slope_apart=True, supremum="2", kinks=EDGES + TOUCHES
    ),
    aliases={
        "torchvision": ("generalized_box_iou_loss",),
        "MONAI": ("BoxGIoULoss",),
        "also": ("GIoULoss", "generalized intersection over union loss"),
    },
    references=("rezatofighi2019",),
    use="Boxes may begin apart, and empty space between them should count.",
    avoid="One box lies within the other: there it is the IoU loss and does not see how far apart the centers are.",
)
def giou(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """IoU loss plus the share of the box around both that neither of them covers.

    ``1 - I / U + (C - U) / C``, where C is the area of the least box around both. From 0 for equal boxes to 2 for small
    boxes far apart.

    Parameters
    ----------
    input, target
        Predicted and true boxes: floating point, ``(N, 4)``, or ``(4,)`` for one. A box is ``(x1, y1, x2, y2)`` with
        ``x1 <= x2`` and ``y1 <= y2``, in any unit. On the CPU the order of the corners is checked (in the first 16,384
        boxes); on a GPU and under `torch.compile` and `torch.func.vmap` it is the caller's promise.
    reduction
        ``"mean"`` over boxes, ``"sum"``, or ``"none"`` for one loss per box. torchvision's default is ``"none"``.

    Raises
    ------
    TypeError, ValueError
        Not tensors; not floating point; shapes or devices that differ; not four coordinates; a box with ``x2 < x1`` or
        ``y2 < y1``; an unknown reduction.

    Notes
    -----
    torchvision adds 1e-7 to both denominators; nothing is added here, and 0/0 is taken to be 0 (see `iou` for boxes
    without area). Two boxes on one line, both without width, have the loss 1, as have two points on it; points that
    differ in both coordinates have the loss 2. Two points have no gradient. Two upright lines beside each other do: the
    predicted one is widened.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> truth = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 2.0]])
    >>> boxes = torch.tensor([[1.0, 0.0, 3.0, 2.0], [2.0, 2.0, 4.0, 4.0]])
    >>> lb.giou(boxes, truth, reduction="none")
    tensor([0.6667, 1.5000])

    References
    ----------
    Rezatofighi, Tsoi, Gwak, Sadeghian, Reid and Savarese (2019), *Generalized Intersection over Union: A Metric and a
    Loss for Bounding Box Regression*.

    See Also
    --------
    iou : without the second term.
    diou : the distance of the centers in its place.
    """
    overlap, union = _areas(input, target)
    width, height = _around(input, target)
    hull = width * height
    return reduce(1 - _ratio(overlap, union) + _ratio(hull - union, hull), reduction)


@giou.closed_form
def _giou_gradient(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    _, union, _, by_union = _areas_slopes(input, target)
    sides, by_sides = _around_slopes(input, target)
    hull = sides.prod(-1, keepdim=True)
    slope = _iou_slope(input, target) - _ratio_slope(union, hull, by_union, _of_area(sides, by_sides))
    return _each(slope, reduction)


@loss(
    title="DIoU loss",
    chinese="距离交并比损失（DIoU 损失）",
    formula=f"1 - {OVERLAP}/{UNION} + ({BETWEEN_X}**2 + {BETWEEN_Y}**2)/{DIAGONAL}",
    variables=VARIABLES,
    takes=Boxes(CENTERS),
    traits=BoxTraits(
        translation=True, scale=True, symmetric=True, slope_apart=True, supremum="2", kinks=EDGES + TOUCHES
    ),
    aliases={
        "torchvision": ("distance_box_iou_loss",),
        "also": ("DIoULoss", "distance intersection over union loss"),
    },
    references=("zheng2020",),
    use="Boxes may begin apart: it pulls the centers together at once, and has the fewest parts of the three.",
    avoid="Width and height must be right although the centers agree: IoU alone is left to see to that. See ciou.",
)
def diou(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """IoU loss plus the squared distance of the centers, measured by the diagonal of the box around both.

    ``1 - I / U + d**2 / c**2``, where d is the distance of the centers and c the diagonal of the least box around both.
    From 0 for equal boxes to 2 for small boxes far apart.

    Parameters
    ----------
    input, target
        Predicted and true boxes: floating point, ``(N, 4)``, or ``(4,)`` for one. A box is ``(x1, y1, x2, y2)`` with
        ``x1 <= x2`` and ``y1 <= y2``, in any unit. On the CPU the order of the corners is checked (in the first 16,384
        boxes); on a GPU and under `torch.compile` and `torch.func.vmap` it is the caller's promise.
    reduction
        ``"mean"`` over boxes, ``"sum"``, or ``"none"`` for one loss per box. torchvision's default is ``"none"``.

    Raises
    ------
    TypeError, ValueError
        Not tensors; not floating point; shapes or devices that differ; not four coordinates; a box with ``x2 < x1`` or
        ``y2 < y1``; an unknown reduction.

    Notes
    -----
    torchvision adds 1e-7 to both denominators; nothing is added here, and 0/0 is taken to be 0 (see `iou` for boxes
    without area). Two equal points have the loss 1.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> truth = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 2.0]])
    >>> boxes = torch.tensor([[1.0, 0.0, 3.0, 2.0], [2.0, 2.0, 4.0, 4.0]])
    >>> lb.diou(boxes, truth, reduction="none")
    tensor([0.7436, 1.2500])

    References
    ----------
    Zheng, Wang, Liu, Li, Ye and Ren (2020), *Distance-IoU Loss: Faster and Better Learning for Bounding Box
    Regression*.

    See Also
    --------
    giou : empty space in place of the distance.
    ciou : asks for the right shape as well.
    """
    return reduce(1 - _iou(input, target) + _distance(input, target), reduction)


@diou.closed_form
def _diou_gradient(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    return _each(_iou_slope(input, target) + _distance_slope(input, target), reduction)


@loss(
    title="CIoU loss",
    chinese="完整交并比损失（CIoU 损失）",
    formula=f"1 - {OVERLAP}/{UNION} + ({BETWEEN_X}**2 + {BETWEEN_Y}**2)/{DIAGONAL} + {WEIGHT}*{SHAPE}",
    variables=VARIABLES,
    takes=Boxes(CENTERS + SHAPES),
    traits=BoxTraits(
        translation=True, scale=True, symmetric=True, slope_apart=True, supremum="5/2", kinks=EDGES + TOUCHES
    ),
    aliases={
        "torchvision": ("complete_box_iou_loss",),
        "also": ("CIoULoss", "complete intersection over union loss"),
    },
    references=("zheng2020", "zheng2022"),
    use="Width against height must be right, and boxes may begin apart.",
    avoid="Boxes may be tiny or thin: its gradient by the shape grows as one over the size of the box.",
)
def ciou(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """DIoU loss plus a term for the aspect ratio, whose weight counts as a constant.

    ``1 - I / U + d**2 / c**2 + alpha * v``, where ``v = (2 / pi)**2 * (atan(w' / h') - atan(w / h))**2`` compares width
    and height of the true box (with a prime) and of the predicted one, and ``alpha = v / (1 - I / U + v)`` is detached:
    no gradient goes through it. From 0 for equal boxes to 2.5.

    Parameters
    ----------
    input, target
        Predicted and true boxes: floating point, ``(N, 4)``, or ``(4,)`` for one. A box is ``(x1, y1, x2, y2)`` with
        ``x1 <= x2`` and ``y1 <= y2``, in any unit. On the CPU the order of the corners is checked (in the first 16,384
        boxes); on a GPU and under `torch.compile` and `torch.func.vmap` it is the caller's promise.
    reduction
        ``"mean"`` over boxes, ``"sum"``, or ``"none"`` for one loss per box. torchvision's default is ``"none"``.

    Raises
    ------
    TypeError, ValueError
        Not tensors; not floating point; shapes or devices that differ; not four coordinates; a box with ``x2 < x1`` or
        ``y2 < y1``; an unknown reduction.

    Notes
    -----
    Because alpha is detached, the gradient is not the slope of the value: it misses the part that goes through alpha,
    which would lower alpha by letting the boxes overlap less. `gradient` and autograd agree on this.

    ``atan(w / h)`` is computed as ``atan2(w, h)``, which has a value and a gradient at ``h = 0``. torchvision divides:
    its gradient is NaN there, and so is its loss where a box has neither width nor height. Here such a point counts as
    upright, with the angle 0 and without a gradient by its shape. torchvision also adds 1e-7 to three denominators.

    The gradient of v is as large as one over the diagonal of the predicted box. The authors' code leaves that factor
    out, for coordinates from 0 to 1; Zheng et al. (2022) use alpha only where IoU is at least 0.5. torchvision does
    neither, and no more do we.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> truth, box = torch.tensor([0.0, 0.0, 2.0, 2.0]), torch.tensor([0.0, 0.5, 4.0, 1.5])
    >>> lb.diou(box, truth), lb.ciou(box, truth)
    (tensor(0.7167), tensor(0.7345))

    References
    ----------
    Zheng, Wang, Liu, Li, Ye and Ren (2020), *Distance-IoU Loss: Faster and Better Learning for Bounding Box
    Regression*. Zheng, Wang, Ren, Liu, Ye, Hu and Zuo (2022), *Enhancing Geometric Factors in Model Learning and
    Inference for Object Detection and Instance Segmentation*.

    See Also
    --------
    diou : without the last term.
    """
    similarity = _iou(input, target)
    shape = (2 / math.pi * (_angle(target) - _angle(input))).square()
    alpha = _ratio(shape.detach(), (1 - similarity + shape).detach())
    return reduce(1 - similarity + _distance(input, target) + alpha * shape, reduction)


@ciou.closed_form
def _ciou_gradient(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    turn = 2 / math.pi * (_angle(target) - _angle(input))
    shape = turn.square()
    alpha = _ratio(shape, 1 - _iou(input, target) + shape)
    # The angle grows with w by h / (w^2 + h^2) and shrinks with h by w / (w^2 + h^2).
    sides = input[..., 2:] - input[..., :2]
    width, height = sides.unbind(-1)
    by_angle = _ratio(torch.stack([height, -width], -1), sides.square().sum(-1, keepdim=True))
    by_sides = -4 / math.pi * (alpha * turn).unsqueeze(-1) * by_angle
    slope = _iou_slope(input, target) + _distance_slope(input, target) + torch.cat([-by_sides, by_sides], -1)
    return _each(slope, reduction)


# --- areas, distances, angles -------------------------------------------------------------------------------


def _areas(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The areas of intersection and union."""
    x1, y1, x2, y2 = input.unbind(-1)
    u1, v1, u2, v2 = target.unbind(-1)
    width = (torch.minimum(x2, u2) - torch.maximum(x1, u1)).clamp(min=0)
    height = (torch.minimum(y2, v2) - torch.maximum(y1, v1)).clamp(min=0)
    overlap = width * height
    return overlap, (x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - overlap


def _around(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Width and height of the least box around both."""
    x1, y1, x2, y2 = input.unbind(-1)
    u1, v1, u2, v2 = target.unbind(-1)
    return torch.maximum(x2, u2) - torch.minimum(x1, u1), torch.maximum(y2, v2) - torch.minimum(y1, v1)


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole; 0, with the gradient 0, where the whole is 0."""
    none = whole == 0
    return torch.where(none, 0, part / torch.where(none, 1, whole))


def _iou(input: Tensor, target: Tensor) -> Tensor:
    return _ratio(*_areas(input, target))


def _distance(input: Tensor, target: Tensor) -> Tensor:
    """The squared distance of the centers over the squared diagonal of the box around both."""
    left, top, right, bottom = (input - target).unbind(-1)
    width, height = _around(input, target)
    return _ratio(((left + right).square() + (top + bottom).square()) / 4, width.square() + height.square())


def _angle(boxes: Tensor) -> Tensor:
    """The angle of the diagonal from upright: atan(w / h), also at h = 0."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    return torch.atan2(x2 - x1, y2 - y1)


# --- their slopes by the four coordinates, as the chapter derives them --------------------------------------


def _before(a: Tensor, b: Tensor) -> Tensor:
    """1 where a < b, 0 where a > b, and half at a tie, where torch divides the slope of a maximum."""
    return (torch.sign(b - a) + 1) / 2


def _ratio_slope(part: Tensor, whole: Tensor, by_part: Tensor, by_whole: Tensor) -> Tensor:
    """The quotient rule."""
    return _ratio(by_part - _ratio(part, whole) * by_whole, whole)


def _of_area(sides: Tensor, by_sides: Tensor) -> Tensor:
    """The slope of width times height: the slope of one times the other."""
    return by_sides * torch.cat([sides.flip(-1)] * 2, -1)


def _overlap_slopes(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Width and height of the intersection, (N, 2), and how they change with each coordinate along them, (N, 4)."""
    low, high = torch.maximum(input, target)[..., :2], torch.minimum(input, target)[..., 2:]
    meet = (high >= low).to(input)
    by_low, by_high = _before(target, input)[..., :2], _before(input, target)[..., 2:]
    return (high - low).clamp(min=0), torch.cat([-meet * by_low, meet * by_high], -1)


def _around_slopes(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The same of the least box around both."""
    sides = torch.maximum(input, target)[..., 2:] - torch.minimum(input, target)[..., :2]
    return sides, torch.cat([-_before(input, target)[..., :2], _before(target, input)[..., 2:]], -1)


def _areas_slopes(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The areas of intersection and union, (N, 1), and their slopes, (N, 4)."""
    overlap, union = (area.unsqueeze(-1) for area in _areas(input, target))
    by_overlap = _of_area(*_overlap_slopes(input, target))
    sides = input[..., 2:] - input[..., :2]
    ones = torch.ones_like(sides)
    return overlap, union, by_overlap, _of_area(sides, torch.cat([-ones, ones], -1)) - by_overlap


def _iou_slope(input: Tensor, target: Tensor) -> Tensor:
    """Of the loss, 1 - IoU."""
    return -_ratio_slope(*_areas_slopes(input, target))


def _distance_slope(input: Tensor, target: Tensor) -> Tensor:
    sides, by_sides = _around_slopes(input, target)
    away = input - target
    between = (away[..., :2] + away[..., 2:]) / 2
    square, diagonal = (x.square().sum(-1, keepdim=True) for x in (between, sides))
    # The center moves by half of what an edge does: 2 d times 1/2.
    return _ratio_slope(square, diagonal, torch.cat([between] * 2, -1), 2 * torch.cat([sides] * 2, -1) * by_sides)


def _each(slopes: Tensor, reduction: Reduction) -> Tensor:
    """What the reduction makes of the slopes of single boxes."""
    return slopes / (slopes.numel() / 4) if reduction == "mean" else slopes
