"""Losses of masks: Dice and what grew from it, the Dice loss beside cross-entropy, and the Lovász extensions.

Dice, Jaccard and Tversky see a mask through three sums: the overlap I of prediction and truth, the predicted size P and
the true size Y. So every pixel's gradient is one number for all pixels, plus one more inside of the true mask. The
Lovász losses sort the pixels by their errors, once, along the last axis. Nothing loops over samples or classes.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lossbook.inputs import INTEGERS, beginning, class_index, describe, extremes, floating, per_sample, switch, within
from lossbook.loss import (
    CLASS_WEIGHT,
    IGNORE_INDEX,
    Inputs,
    Limit,
    MaskTraits,
    Option,
    Parameter,
    Reduction,
    loss,
    reduce,
)

# --- what these losses take ---------------------------------------------------------------------------------

MASK_DTYPES = (torch.bool, *INTEGERS)
ROOM = 32  # pixels of the true mask in the small case of a formula; twice as many lie outside


def _size(name: str, latex: str, default: float) -> Parameter:
    """A label of the formula: the size of a true mask."""
    return Parameter(
        name, latex, name, "size of the true mask, in pixels",
        default=default, low=1.0, high=float(ROOM), slider=(1.0, 30.0, 1.0), open_low=False,
    )  # fmt: skip


def _one_mask(overlap: Tensor, predicted: Tensor, true: float) -> tuple[Tensor, Tensor]:
    """Probabilities and a mask of this size, a row for each overlap and predicted size."""
    mask = (true - torch.arange(3 * ROOM, device=overlap.device)).clamp(0, 1).to(overlap.dtype)
    inside = (mask > 0).to(overlap.dtype)
    height = overlap / true
    rest = (predicted - height * inside.sum()) / (3 * ROOM - inside.sum())
    return height[:, None] * inside + rest[:, None] * (1 - inside), mask.expand(len(overlap), -1)


def _validate_mask(input: Tensor, target: Any, hard: bool = False) -> None:
    """Raise unless `target` is a mask in the shape of `input`; of ones and zeros only if it has to be `hard`."""
    if not isinstance(target, Tensor):
        raise TypeError(f"target: got {describe(target)}, expected a torch.Tensor")
    if target.dtype not in MASK_DTYPES:
        floating(input=input, target=target)
    if target.shape != input.shape:
        raise ValueError(
            f"target: got shape {tuple(target.shape)}, expected {tuple(input.shape)}, the shape of input; "
            "nothing is broadcast here"
        )
    if target.device != input.device:
        raise ValueError(f"target: got device {target.device}, expected {input.device}, the device of input")
    if target.dtype == torch.bool:
        return
    found = None if target.is_floating_point() else extremes(target)
    if found and (found[0] < 0 or found[1] > 1):  # all are read: an object may begin late in an image
        wrong = found[0] if found[0] < 0 else found[1]
        raise ValueError(f"target: got the value {wrong}, expected a mask of 0 and 1, such as target > 0")
    if target.is_floating_point():
        within("target", target, 0.0, 1.0, "a mask")
        some = beginning(target)
        if hard and (found := extremes(some * (1 - some))) and found[1] > 0:
            raise ValueError("target: got a value between 0 and 1, expected a mask of 0 and 1 only")


@dataclass(frozen=True)
class Masks(Inputs):
    """Probabilities and masks, or logits and masks: (P,), (N, P) or (N, C, d1, ...)."""

    logits: bool = False  # is `input` logits, and the mask hard?
    least: int = 1  # dimensions of input

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        input, target = tensors
        floating(input=input)
        if input.dim() < self.least:
            expected = "(N, C, d1, ...)" if self.least > 1 else "(P,), (N, P) or (N, C, d1, ...)"
            raise ValueError(f"input: got shape {tuple(input.shape)}, expected {expected}")
        _validate_mask(input, target, hard=self.logits)
        if not self.logits:
            within("input", input, 0.0, 1.0, "probabilities, such as logits.sigmoid(),")

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Random masks of every number of dimensions: soft, hard, boolean, integer; an empty sample and a full mask."""
        for shape in ((7,), (1,), (3, 6), (1, 2, 5), (2, 3, 2, 2), (2, 2, 2, 1, 3)):
            if len(shape) < self.least:
                continue
            input = 2 * torch.randn(shape, dtype=torch.float64)
            input = input if self.logits else input.sigmoid()
            mask = torch.rand(shape) < 0.4
            yield input, mask.double()
            if len(shape) == 3:
                yield input, mask
                if not self.logits:
                    yield input, torch.rand(shape, dtype=torch.float64)
            if len(shape) == 4:
                mask[0], mask[1, 1] = False, True
                yield input, mask.long()

    def perfect(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """A hard mask, and the probabilities or logits that say so."""
        input, target = tensors
        mask = (target > 0.5).to(input.dtype)
        return (120 * mask - 60 if self.logits else mask), mask


class OverlapMasks(Masks):
    """A probability for each pixel and a mask; the formula is in the overlap and the two sizes."""

    scene = "mask"
    where = "one mask: I is the overlap, the sum of p y; P and Y are the predicted and the true size, sums of p and y"
    labels = (_size("Y", "Y", 4.0),)
    domain: Mapping[str, tuple[float, float]] = MappingProxyType({"I": (0.0, 1.0), "P": (0.0, 40.0)})

    def allowed(self, *values: Tensor) -> tuple[Tensor, ...]:
        """An overlap needs a predicted size that holds it."""
        overlap, predicted = values
        return overlap, predicted + 2 * overlap

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """A mask of size Y for each overlap and predicted size."""
        overlap, predicted = values
        return _one_mask(overlap, predicted, setting["Y"])


class ClassMasks(Masks):
    """A probability and a mask for each class; the formula is in the overlaps and sizes of two classes."""

    where = "two classes: I is the overlap of each, the sum of p y; P and Y are its predicted and its true size"
    labels = (_size("Y1", "Y_1", 20.0), _size("Y2", "Y_2", 4.0))
    domain = MappingProxyType({"I1": (0.0, 1.0), "P1": (0.0, 40.0), "I2": (0.0, 1.0), "P2": (0.0, 40.0)})

    def allowed(self, *values: Tensor) -> tuple[Tensor, ...]:
        """Each overlap needs a predicted size that holds it."""
        one, two, three, four = values
        return one, two + 2 * one, three, four + 2 * three

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Two masks of these sizes for each overlap and predicted size."""
        one, two, three, four = values
        first, second = _one_mask(one, two, setting["Y1"]), _one_mask(three, four, setting["Y2"])
        input, target = (torch.stack(pair, dim=1) for pair in zip(first, second, strict=True))
        return input, target


class LogitMasks(Masks):
    """A logit for each pixel and a hard mask; the formula is that of two pixels, the first of them in the mask."""

    where = "two pixels with the logits z1 and z2, the first of them in the mask"

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Rows of two logits, and the mask (1, 0)."""
        input = torch.stack(values, dim=1)
        return input, torch.tensor([1.0, 0.0], dtype=input.dtype, device=input.device).expand_as(input)


class Labeled(Inputs):
    """Logits (N, C, d1, ...) and a class index for each pixel, (N, d1, ...)."""

    where = "two pixels of two classes; z1 and z2 are the leads of each pixel's true class over the other one"

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        input, target = tensors
        floating(input=input)
        if input.dim() < 3:
            raise ValueError(f"input: got shape {tuple(input.shape)}, expected logits of shape (N, C, d1, ...)")
        class_index("target", target, per_sample(input), input.shape[1], arguments.get("ignore_index", -100))
        if target.device != input.device:
            raise ValueError(f"target: got device {target.device}, expected {input.device}, the device of input")

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Images of two pixels: the first of class 0, the second of class 1."""
        first, second = values
        zero = torch.zeros_like(first)
        rows = torch.stack([torch.stack([first, zero], dim=1), torch.stack([zero, second], dim=1)], dim=1)
        return rows, torch.tensor([0, 1], device=first.device).expand(len(first), 2)

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Random classes in every number of dimensions, one of them with ignored pixels and a missing class."""
        for shape in ((1, 2, 5), (3, 4, 6), (2, 3, 2, 3), (2, 2, 1, 2, 3)):
            input = 2 * torch.randn(shape, dtype=torch.float64)
            target = torch.randint(shape[1], per_sample(input))
            yield input, target
            if len(shape) == 4:
                target = target.clamp(max=1)
                target[:, 0, 1] = -100
                yield input, target

    def counted(self, *tensors: Tensor) -> int | None:
        """One loss for each sample, also where pixels are ignored: as many in each of the samples above."""
        return len(tensors[0])

    def perfect(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Every pixel's class, and the logits that say so."""
        input, target = tensors
        target = target.clamp(min=0)
        return 120 * _one_hot(target, input).to(input.dtype) - 60, target


class LabeledOrMasks(Labeled):
    """Logits and a class index for each pixel, or logits and a mask for each class in the shape of the logits."""

    where = "a mask of two pixels with the logits z1 and z2, the first of them in the mask"

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        input, target = tensors
        if not isinstance(target, Tensor) or not isinstance(input, Tensor) or target.dim() != input.dim():
            super().validate(*tensors, **arguments)
            if input.shape[1] == 1:
                raise ValueError(
                    f"target: got shape {tuple(target.shape)}, expected {tuple(input.shape)}: one class has a softmax "
                    "of 1 everywhere; give a mask in the shape of input"
                )
            return
        floating(input=input)
        if input.dim() < 3:
            raise ValueError(f"input: got shape {tuple(input.shape)}, expected logits of shape (N, C, d1, ...)")
        _validate_mask(input, target)

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """One class, two pixels, and the mask (1, 0)."""
        input = torch.stack(values, dim=1)[:, None]
        return input, torch.tensor([1.0, 0.0], dtype=input.dtype, device=input.device).expand_as(input)

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Random classes, random masks of one class and of two, and a small object that is missed."""
        yield from super().samples()
        missed = torch.full((1, 1, 24), -30.0, dtype=torch.float64)
        missed[..., 0] = torch.randn(()) - 4
        yield missed, missed > -20
        for shape in ((3, 1, 6), (2, 2, 2, 3)):
            yield 2 * torch.randn(shape, dtype=torch.float64), torch.randint(2, shape).double()

    def perfect(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Every pixel's class or mask, and the logits that say so."""
        input, target = tensors
        if target.dim() != input.dim():
            return super().perfect(*tensors)
        return 120 * target.to(input.dtype) - 60, target


OVERLAP = OverlapMasks()
CLASS_MASKS = ClassMasks(least=3)
LOGIT_MASKS = LogitMasks(logits=True)
LABELED = Labeled()
LABELED_OR_MASKS = LabeledOrMasks()


SMOOTH = Parameter(
    "smooth", "s", "s", "is added to both halves of the ratio, against 0/0 and for a slope at an empty mask",
    default=1.0, low=0.0, high=math.inf, slider=(0.0, 5.0, 0.1), open_low=False,
)  # fmt: skip
SQUARED = switch("squared", "add up the squares of probabilities and of the mask in the two sizes")
BATCH = switch("batch", "add up the pixels of all samples before the division")


def _needs_classes(option: Option) -> Option:
    """An option that means something for class indices only, not for masks."""

    def validate(value: Any, input: Tensor, target: Tensor) -> None:
        if value != option.default and target.dim() == input.dim():
            raise ValueError(f"{option.name}: got {value!r}, expected nothing: masks have no class index")
        option.validate(value, input, target)

    def tries(input: Tensor, target: Tensor) -> Iterator[Any]:
        if target.dim() != input.dim():
            yield from option.tries(input, target)

    return replace(option, validate=validate, tries=tries)


# --- sums over pixels, and back -----------------------------------------------------------------------------


def _pixels(input: Tensor, batch: bool) -> tuple[int, ...]:
    """The axes that a mask's sums run over."""
    axes = tuple(range(min(input.dim() - 1, 2), input.dim()))
    return (0, *axes) if batch and input.dim() > 1 else axes


def _sums(input: Tensor, target: Tensor, squared: bool, batch: bool) -> tuple[Tensor, Tensor, Tensor]:
    """The overlap, the predicted and the true size of each mask."""
    axes, target = _pixels(input, batch), target.to(input.dtype)
    predicted, true = (input * input, target * target) if squared else (input, target)
    predicted, true = predicted.sum(axes), true.sum(axes)
    # The product comes last, so that its gradient comes first: that of the plain sum is then added to it in place.
    return (input * target).sum(axes), predicted, true


def _ratio(part: Tensor | float, whole: Tensor) -> Tensor:
    """A quotient that is 0, with the slope 0, where there is nothing to divide by."""
    none = whole <= 0  # NaN is not: it stays NaN
    return torch.where(none, 0.0, part / torch.where(none, 1.0, whole))


def _smooth_ratio(part: Tensor, whole: Tensor, smooth: float) -> Tensor:
    """The same with `smooth` added to the whole: if it is positive, there is something to divide by."""
    return part / (whole + smooth) if smooth > 0 else _ratio(part, whole)


def _per_pixel(
    input: Tensor, target: Tensor, by_overlap: Tensor, by_size: Tensor, *, squared: bool = False, batch: bool
) -> Tensor:
    """The gradient by each pixel, from the slopes by the overlap and by the predicted size of its mask."""
    axes = _pixels(input, batch)
    shape = [1 if axis in axes else length for axis, length in enumerate(input.shape)]
    sizes = 2 * input if squared else 1.0
    return by_overlap.reshape(shape) * target + by_size.reshape(shape) * sizes


def _mean_factor(count: int, reduction: Reduction) -> float:
    """What one of so many losses adds to the result."""
    return 1 / max(count, 1) if reduction == "mean" else 1.0


# --- Dice and Jaccard ---------------------------------------------------------------------------------------


@loss(
    title="Dice loss",
    chinese="Dice 损失（骰子系数损失）",
    formula="1 - (2*I + smooth)/(P + Y + smooth)",
    variables=("I", "P"),
    takes=OVERLAP,
    parameters=(SMOOTH,),
    options=(SQUARED, BATCH),
    traits=MaskTraits(convex=False, symmetric=True, zero_when_right=True, soft_targets=False, supremum="1"),
    aliases={
        "MONAI": ("DiceLoss",),
        "Kornia": ("dice_loss",),
        "Keras": ("Dice",),
        "nnU-Net": ("SoftDiceLoss", "MemoryEfficientSoftDiceLoss"),
        "also": ("soft Dice", "Sørensen-Dice loss", "F1 loss", "V-Net loss"),
    },
    references=("dice1945", "milletari2016"),
    limits=(Limit("smooth = 0 is one minus the Dice coefficient", "1 - 2*I/(P + Y)", {"smooth": 0.0}),),
    use="The object is a small part of the image, and the overlap is what you will be judged by.",
    avoid="Many masks are empty, or you need probabilities that mean what they say. Add cross-entropy.",
)  # fmt: skip
def dice(
    input: Tensor,
    target: Tensor,
    *,
    smooth: float = 1.0,
    squared: bool = False,
    batch: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """One minus the soft Dice coefficient: twice the overlap, divided by the sum of both sizes.

    With the overlap ``I = sum(p * y)`` and the sizes ``P = sum(p)`` and ``Y = sum(y)``, summed over the pixels of one
    mask: ``1 - (2 * I + smooth) / (P + Y + smooth)``. From 0 for equal hard masks up to 1.

    Parameters
    ----------
    input
        Probabilities from 0 to 1, floating point: ``(P,)`` for the pixels of one mask, ``(N, P)`` for N masks, or
        ``(N, C, d1, ...)`` for a mask of each sample and class, such as ``(N, C, H, W)``. A batch of images without
        an axis of classes needs one: ``(N, H, W)`` would be read as N samples of H classes with W pixels each.
    target
        The true masks, in the shape of `input`: boolean, integers 0 and 1, or floating point from 0 to 1.
    smooth
        At least 0, in pixels. It is added to both halves of the ratio, so it counts as pixels of perfect agreement.
    squared
        Add up ``p**2`` and ``y**2`` in the two sizes, as V-Net does. For hard masks only P changes. The loss of soft
        masks is then 0 where they are equal, which plain Dice is not.
    batch
        Add up the pixels of all samples before the division: one loss for each class, not for each sample and class.
    reduction
        ``"mean"`` over masks, ``"sum"``, or ``"none"`` for one loss per mask: of shape ``()``, ``(N,)`` or
        ``(N, C)``; with `batch` of shape ``()`` or ``(C,)``.

    Raises
    ------
    TypeError, ValueError
        Not tensors; shapes or devices that differ; another dtype; `smooth` below 0; an unknown reduction. On the CPU
        also integers beside 0 and 1, and probabilities outside of [0, 1], which are read as the first lines of
        `lossbook.inputs` say; elsewhere they are the caller's promise: logits would give numbers that look like losses.

    Notes
    -----
    The gradient by pixel k is ``(1 - L) / D - 2 * y_k / D`` with ``D = P + Y + smooth``: one number outside of the
    mask and another one inside, whatever the pixel itself says.

    An empty mask that is predicted empty has the loss 0. With ``smooth=0`` its gradient is 0 too, by convention: the
    loss jumps to 1 with the first predicted pixel, and has no slope beyond. With a tiny `smooth` the slope there is
    ``1 / smooth``.

    MONAI adds `smooth_nr` and `smooth_dr`, 1e-5 each, in the places of `smooth`.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> p, y = torch.tensor([0.9, 0.6, 0.1, 0.0]), torch.tensor([1, 1, 0, 0])
    >>> lb.dice(p, y)
    tensor(0.1304)
    >>> lb.dice.gradient(p, y)
    tensor([-0.2457, -0.2457,  0.1890,  0.1890])
    >>> masks = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    >>> lb.dice(torch.zeros(2, 2), masks, reduction="none")
    tensor([0.5000, 0.0000])
    >>> lb.dice(torch.zeros(2, 2), masks, smooth=0.0, reduction="none")
    tensor([1., 0.])

    References
    ----------
    Dice (1945), *Measures of the amount of ecologic association between species*. Milletari, Navab and Ahmadi (2016),
    *V-Net*, made the coefficient a loss, with squares.

    See Also
    --------
    dice_with_cross_entropy : the pair that is used in practice, on logits.
    jaccard : the same order of masks, measured by the union.
    tversky : weighs false positives and false negatives.
    """
    overlap, predicted, true = _sums(input, target, squared, batch)
    return reduce(_smooth_ratio(predicted + true - 2 * overlap, predicted + true, smooth), reduction)


@dice.closed_form
def _dice_gradient(
    input: Tensor,
    target: Tensor,
    *,
    smooth: float = 1.0,
    squared: bool = False,
    batch: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    overlap, predicted, true = _sums(input, target, squared, batch)
    whole = predicted + true + smooth
    share = _mean_factor(whole.numel(), reduction)
    by_overlap, by_size = share * _ratio(-2.0, whole), share * _ratio(2 * overlap + smooth, whole**2)
    return _per_pixel(input, target, by_overlap, by_size, squared=squared, batch=batch)


@loss(
    title="Jaccard loss",
    short="Jaccard",
    chinese="Jaccard 损失（交并比损失）",
    formula="1 - (I + smooth)/(P + Y - I + smooth)",
    variables=("I", "P"),
    takes=OVERLAP,
    parameters=(SMOOTH,),
    options=(SQUARED, BATCH),
    traits=MaskTraits(convex=False, symmetric=True, zero_when_right=True, soft_targets=False, supremum="1"),
    aliases={"segmentation_models.pytorch": ("JaccardLoss",), "also": ("soft IoU", "soft Jaccard", "mask IoU loss")},
    references=("jaccard1912", "rahman2016"),
    limits=(Limit("smooth = 0 is one minus intersection over union", "1 - I/(P + Y - I)", {"smooth": 0.0}),),
    use="You will be judged by intersection over union (IoU), and the object is a small part of the image.",
    avoid="You have boxes: there the overlap has a formula of its own, see iou. Many masks are empty.",
)  # fmt: skip
def jaccard(
    input: Tensor,
    target: Tensor,
    *,
    smooth: float = 1.0,
    squared: bool = False,
    batch: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """One minus the soft Jaccard index: the overlap divided by the union.

    ``1 - (I + smooth) / (P + Y - I + smooth)`` with the sums of `dice`. For ``smooth=0`` it is ``2 D / (1 + D)`` of the
    Dice loss D: both put all predictions in the same order, and Jaccard is the larger one.

    Parameters
    ----------
    input
        Probabilities from 0 to 1, floating point: ``(P,)``, ``(N, P)`` or ``(N, C, d1, ...)``, as for `dice`.
    target
        The true masks, in the shape of `input`: boolean, integers 0 and 1, or floating point from 0 to 1.
    smooth
        At least 0, in pixels: added to both halves of the ratio.
    squared
        Add up ``p**2`` and ``y**2`` in the two sizes.
    batch
        Add up the pixels of all samples before the division.
    reduction
        ``"mean"`` over masks, ``"sum"``, or ``"none"`` for one loss per mask, shaped as for `dice`.

    Raises
    ------
    TypeError, ValueError
        As `dice`.

    Notes
    -----
    The union never is less than the overlap, so the gradient by a pixel of the mask is ``-1 / U``, with
    ``U = P + Y - I + smooth``, and that outside of it ``(I + smooth) / U**2``. Empty masks are treated as by `dice`.

    MONAI's ``DiceLoss(jaccard=True)`` adds its constants to twice the overlap and twice the union: its 1e-5 is
    ``smooth=0.5e-5`` here.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> p, y = torch.tensor([0.9, 0.6, 0.1, 0.0]), torch.tensor([1, 1, 0, 0])
    >>> lb.jaccard(p, y, smooth=0.0)
    tensor(0.2857)
    >>> d = lb.dice(p, y, smooth=0.0)
    >>> 2 * d / (1 + d)
    tensor(0.2857)

    References
    ----------
    Jaccard (1912), *The distribution of the flora in the alpine zone*. Rahman and Wang (2016), *Optimizing
    intersection-over-union in deep neural networks for image segmentation*.

    See Also
    --------
    dice : twice the overlap, divided by the sum of the sizes.
    lovasz_hinge, lovasz_softmax : the Jaccard index of hard masks, made continuous in another way.
    """
    overlap, predicted, true = _sums(input, target, squared, batch)
    union = predicted + true - overlap
    return reduce(_smooth_ratio(union - overlap, union, smooth), reduction)


@jaccard.closed_form
def _jaccard_gradient(
    input: Tensor,
    target: Tensor,
    *,
    smooth: float = 1.0,
    squared: bool = False,
    batch: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    overlap, predicted, true = _sums(input, target, squared, batch)
    whole = predicted + true - overlap + smooth
    share = _mean_factor(whole.numel(), reduction)
    by_size = share * _ratio(overlap + smooth, whole**2)
    by_overlap = share * _ratio(-1.0, whole) - by_size  # an overlap grows, and the union shrinks by as much
    return _per_pixel(input, target, by_overlap, by_size, squared=squared, batch=batch)


# --- two kinds of errors ------------------------------------------------------------------------------------


def _weight_of(name: str, latex: str, what: str, default: float) -> Parameter:
    return Parameter(
        name, latex, name, f"weight of {what}",
        default=default, low=0.0, high=math.inf, slider=(0.1, 1.0, 0.05), open_low=False,
    )  # fmt: skip


@loss(
    title="Tversky loss",
    chinese="Tversky 损失",
    formula="1 - (I + smooth)/(I + alpha*(P - I) + beta*(Y - I) + smooth)",
    variables=("I", "P"),
    takes=OVERLAP,
    parameters=(
        _weight_of("alpha", r"\alpha", "false positives", 0.5),
        _weight_of("beta", r"\beta", "false negatives", 0.5),
        SMOOTH,
    ),
    options=(BATCH,),
    traits=MaskTraits(
        convex=False, symmetric="Eq(alpha, beta)", zero_when_right=True, soft_targets=False, supremum="1"
    ),
    aliases={"MONAI": ("TverskyLoss",), "Kornia": ("tversky_loss",), "Keras": ("Tversky",)},
    references=("tversky1977", "salehi2017"),
    limits=(
        Limit("alpha = beta = 1/2 is dice with twice the smooth", "1 - (2*I + 2*smooth)/(P + Y + 2*smooth)"),
        Limit("alpha = beta = 1 is jaccard", "1 - (I + smooth)/(P + Y - I + smooth)", {"alpha": 1.0, "beta": 1.0}),
    ),
    use="A missed pixel costs more than a false one, or less: a missed lesion, a false alarm.",
    avoid="Both errors cost the same: take dice. You only need another threshold: move it after training.",
)  # fmt: skip
def tversky(
    input: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.5,
    beta: float = 0.5,
    smooth: float = 1.0,
    batch: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """One minus the Tversky index, in which false positives and false negatives have weights of their own.

    ``1 - (I + smooth) / (I + alpha * (P - I) + beta * (Y - I) + smooth)`` with the sums of `dice`: ``P - I`` are the
    false positives, ``Y - I`` the false negatives.

    Parameters
    ----------
    input
        Probabilities from 0 to 1, floating point: ``(P,)``, ``(N, P)`` or ``(N, C, d1, ...)``, as for `dice`.
    target
        The true masks, in the shape of `input`: boolean, integers 0 and 1, or floating point from 0 to 1.
    alpha
        Weight of the false positives, at least 0. MONAI and Kornia use the letters in the same way; others swap them,
        see the notes.
    beta
        Weight of the false negatives, at least 0.
    smooth
        At least 0, in pixels: added to both halves of the ratio.
    batch
        Add up the pixels of all samples before the division.
    reduction
        ``"mean"`` over masks, ``"sum"``, or ``"none"`` for one loss per mask, shaped as for `dice`.

    Raises
    ------
    TypeError, ValueError
        As `dice`; `alpha` or `beta` below 0.

    Notes
    -----
    Salehi et al. (2017) weigh false positives by alpha, as here, and found 0.3 and 0.7 best for small lesions. Abraham
    and Khan (2019), of `focal_tversky`, weigh false negatives by alpha. Keras up to 3.15 does so too, against its own
    documentation. So name the error, not the letter.

    At equal weights, Tversky's smooth counts twice in Dice's ratio, which has every sum twice. Empty masks are treated
    as by `dice`.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> p, y = torch.tensor([0.9, 0.2, 0.1, 0.0]), torch.tensor([1, 1, 0, 0])
    >>> lb.tversky(p, y, alpha=0.3, beta=0.7)  # mostly missed pixels
    tensor(0.2391)
    >>> lb.tversky(p, y, alpha=0.7, beta=0.3)
    tensor(0.1393)

    References
    ----------
    Tversky (1977), *Features of similarity*. Salehi, Erdogmus and Gholipour (2017), *Tversky loss function for image
    segmentation using 3D fully convolutional deep networks*.

    See Also
    --------
    focal_tversky : a power of this loss.
    """
    return reduce(_tversky(*_sums(input, target, False, batch), alpha, beta, smooth), reduction)


@tversky.closed_form
def _tversky_gradient(
    input: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.5,
    beta: float = 0.5,
    smooth: float = 1.0,
    batch: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    by_overlap, by_size = _tversky_slopes(*_sums(input, target, False, batch), alpha, beta, smooth)
    share = _mean_factor(by_size.numel(), reduction)
    return _per_pixel(input, target, share * by_overlap, share * by_size, batch=batch)


def _tversky(overlap: Tensor, predicted: Tensor, true: Tensor, alpha: float, beta: float, smooth: float) -> Tensor:
    wrong = alpha * (predicted - overlap) + beta * (true - overlap)
    return _ratio(wrong, overlap + wrong + smooth)


def _tversky_slopes(
    overlap: Tensor, predicted: Tensor, true: Tensor, alpha: float, beta: float, smooth: float
) -> tuple[Tensor, Tensor]:
    """The slopes by the overlap and by the predicted size."""
    right = overlap + smooth
    wrong = alpha * (predicted - overlap) + beta * (true - overlap)
    square = (right + wrong) ** 2
    return _ratio(-(alpha + beta) * right - wrong, square), _ratio(alpha * right, square)


@loss(
    title="Focal Tversky loss",
    chinese="Focal Tversky 损失",
    formula="(1 - (I + smooth)/(I + alpha*(P - I) + beta*(Y - I) + smooth))**(1/gamma)",
    variables=("I", "P"),
    takes=OVERLAP,
    parameters=(
        _weight_of("alpha", r"\alpha", "false positives", 0.3),
        _weight_of("beta", r"\beta", "false negatives", 0.7),
        Parameter(
            "gamma", r"\gamma", "γ", "the Tversky loss is raised to the power 1/γ",
            default=4 / 3, low=0.0, high=math.inf, slider=(1.0, 3.0, 1 / 12), special=(1.0,),
        ),
        SMOOTH,
    ),
    options=(BATCH,),
    traits=MaskTraits(
        convex=False, symmetric="Eq(alpha, beta)", zero_when_right=True, soft_targets=False, supremum="1"
    ),
    aliases={"also": ("FocalTverskyLoss", "focal Tversky")},
    references=("abraham2019",),
    limits=(
        Limit("gamma = 1 is tversky", "1 - (I + smooth)/(I + alpha*(P - I) + beta*(Y - I) + smooth)", {"gamma": 1.0}),
    ),
    use="Masks that are nearly right should go on learning, and missed pixels should count more.",
    avoid="You want to focus on the hard masks: gamma above 1 does the opposite. Labels at the border are uncertain.",
)  # fmt: skip
def focal_tversky(
    input: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 4 / 3,
    smooth: float = 1.0,
    batch: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """The Tversky loss of each mask, raised to the power 1 / gamma.

    Parameters
    ----------
    input
        Probabilities from 0 to 1, floating point: ``(P,)``, ``(N, P)`` or ``(N, C, d1, ...)``, as for `dice`.
    target
        The true masks, in the shape of `input`: boolean, integers 0 and 1, or floating point from 0 to 1.
    alpha
        Weight of the false positives, at least 0, as for `tversky`. The paper's alpha is our `beta`.
    beta
        Weight of the false negatives, at least 0.
    gamma
        Above 0. The exponent is its reciprocal, as in the paper: 4/3 gives the power 3/4. Libraries that take the
        exponent itself call 0.75 what is 4/3 here.
    smooth
        At least 0, in pixels: added to both halves of the ratio.
    batch
        Add up the pixels of all samples before the division.
    reduction
        ``"mean"`` over masks, ``"sum"``, or ``"none"`` for one loss per mask, shaped as for `dice`.

    Raises
    ------
    TypeError, ValueError
        As `dice`; `alpha` or `beta` below 0; a `gamma` that is not above 0.

    Notes
    -----
    The slope is that of the Tversky loss T, times ``T**(1/gamma - 1) / gamma``. For a gamma above 1 this factor grows
    without bound as T goes to 0: nearly right masks are pulled harder. For a perfect mask, where T is 0, the gradient
    is taken for 0.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> p, y = torch.tensor([0.9, 0.2, 0.1, 0.0]), torch.tensor([1, 1, 0, 0])
    >>> lb.focal_tversky(p, y)
    tensor(0.3420)
    >>> lb.tversky(p, y, alpha=0.3, beta=0.7) ** 0.75
    tensor(0.3420)

    References
    ----------
    Abraham and Khan (2019), *A novel focal Tversky loss function with improved attention U-Net for lesion
    segmentation*.

    See Also
    --------
    tversky : this loss at gamma 1.
    """
    each = _tversky(*_sums(input, target, False, batch), alpha, beta, smooth)
    return reduce(_power(each, 1 / gamma), reduction)


@focal_tversky.closed_form
def _focal_tversky_gradient(
    input: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 4 / 3,
    smooth: float = 1.0,
    batch: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    sums = _sums(input, target, False, batch)
    by_overlap, by_size = _tversky_slopes(*sums, alpha, beta, smooth)
    each = _tversky(*sums, alpha, beta, smooth)
    factor = _power(each, 1 / gamma - 1) / gamma * _mean_factor(by_size.numel(), reduction)
    return _per_pixel(input, target, factor * by_overlap, factor * by_size, batch=batch)


def _power(base: Tensor, exponent: float) -> Tensor:
    """A power that is 0, with the slope 0, where its base is not above 0."""
    none = base <= 0  # NaN is not: it stays NaN
    return torch.where(none, 0.0, torch.where(none, 1.0, base) ** exponent)


# --- all classes in one ratio -------------------------------------------------------------------------------


@loss(
    title="Generalized Dice loss",
    short="Generalized Dice",
    chinese="广义 Dice 损失",
    formula="1 - (2*(I1/Y1**power + I2/Y2**power) + smooth)"
    "/((P1 + Y1)/Y1**power + (P2 + Y2)/Y2**power + smooth)",
    variables=("I1", "P1", "I2", "P2"),
    takes=CLASS_MASKS,
    parameters=(
        replace(SMOOTH, default=0.0, slider=(0.0, 0.5, 0.01), meaning="added to both halves of the weighted ratio"),
        Parameter(
            "power", "k", "k", "a class of size Y has the weight 1/Y to this power",
            default=2.0, low=0.0, high=math.inf, slider=(0.0, 2.0, 0.1), open_low=False,
        ),
    ),
    options=(BATCH,),
    traits=MaskTraits(
        convex=False, symmetric="Eq(power, 0)", zero_when_right=True, soft_targets=False, supremum="1"
    ),
    aliases={"MONAI": ("GeneralizedDiceLoss",), "also": ("GDL", "generalised Dice")},
    references=("sudre2017",),
    limits=(
        Limit(
            "power = 0 counts every pixel alike",
            "1 - (2*(I1 + I2) + smooth)/(P1 + P2 + Y1 + Y2 + smooth)", {"power": 0.0},
        ),
    ),
    use="Classes differ much in size, and each should have the same say in one common ratio.",
    avoid="A class may be missing, or have a few pixels only: its weight is then huge. Take the mean of dice.",
)  # fmt: skip
def generalized_dice(
    input: Tensor,
    target: Tensor,
    *,
    smooth: float = 0.0,
    power: float = 2.0,
    batch: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """One Dice ratio for all classes, in which each class is weighted by its true size.

    ``1 - (2 * sum(w * I) + smooth) / (sum(w * (P + Y)) + smooth)``, summed over the classes of a sample, with the sums
    of `dice` and the weights ``w = 1 / Y**power``.

    Parameters
    ----------
    input
        Probabilities from 0 to 1, floating point, ``(N, C, d1, ...)``: a mask of each sample and class.
    target
        The true masks, in the shape of `input`: boolean, integers 0 and 1, or floating point from 0 to 1.
    smooth
        At least 0. It is added to *weighted* sums, which are of the order of ``1 / Y``: in an image of a million pixels
        even 1e-5 is not small. It is not needed here, and 0 by default.
    power
        At least 0. With 2, as in the paper, the errors of a class count by the square of its size; 1 and 0 are MONAI's
        ``"simple"`` and ``"uniform"``.
    batch
        Add up the pixels of all samples before weights and division: one loss for the batch.
    reduction
        ``"mean"`` over samples, ``"sum"``, or ``"none"`` for one loss per sample, of shape ``(N,)``; with `batch` of
        shape ``()``.

    Raises
    ------
    TypeError, ValueError
        As `dice`; fewer than three dimensions; `power` below 0.

    Notes
    -----
    A class without any true pixel has no size. As in MONAI it has the weight of the smallest class that is there. If
    no class is there, all have the weight 1; a prediction that is empty too then has the loss 0.

    The weights are computed relative to that of the smallest class, so they are at most 1 and cannot overflow.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> y = torch.tensor([[[1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 1]]])
    >>> p = torch.tensor([[[1.0, 1.0, 1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]])
    >>> lb.generalized_dice(p, y, power=0.0)  # one pixel of six is wrong
    tensor(0.1667)
    >>> lb.generalized_dice(p, y)  # and it is the whole second class
    tensor(0.7222)

    References
    ----------
    Sudre, Li, Vercauteren, Ourselin and Cardoso (2017), *Generalised Dice overlap as a deep learning loss function for
    highly unbalanced segmentations*.

    See Also
    --------
    dice : a ratio of its own for every class.
    """
    overlap, predicted, true = _sums(input, target, False, batch)
    weight, extra = _class_weights(true, power, smooth)
    sizes = weight * (predicted + true)
    return reduce(_ratio((sizes - 2 * weight * overlap).sum(-1), sizes.sum(-1) + extra), reduction)


@generalized_dice.closed_form
def _generalized_dice_gradient(
    input: Tensor,
    target: Tensor,
    *,
    smooth: float = 0.0,
    power: float = 2.0,
    batch: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    overlap, predicted, true = _sums(input, target, False, batch)
    weight, extra = _class_weights(true, power, smooth)
    whole = (weight * (predicted + true)).sum(-1) + extra
    right = (2 * weight * overlap).sum(-1) + extra
    share = _mean_factor(whole.numel(), reduction)
    by_overlap = share * weight * _ratio(-2.0, whole).unsqueeze(-1)
    by_size = share * weight * _ratio(right, whole**2).unsqueeze(-1)
    return _per_pixel(input, target, by_overlap, by_size, batch=batch)


def _class_weights(true: Tensor, power: float, smooth: float) -> tuple[Tensor, Tensor]:
    """The weights of the classes, relative to that of the smallest one, and `smooth` in the same unit."""
    sizes = torch.where(true > 0, true, math.inf)
    least = sizes.amin(-1, keepdim=True)
    least = torch.where(least < math.inf, least, 1.0)
    extra = (least**power).squeeze(-1)  # infinite perhaps: then 0 times it is not 0
    return torch.where(true > 0, least / sizes, 1.0) ** power, smooth * extra if smooth else torch.zeros_like(extra)


# --- beside cross-entropy -----------------------------------------------------------------------------------


def _part(name: str, latex: str, what: str, low: float) -> Parameter:
    return Parameter(
        name, latex, name, f"weight of the {what} part",
        default=1.0, low=0.0, high=math.inf, slider=(low, 2.0, 0.1), open_low=False,
    )  # fmt: skip


@loss(
    title="Dice loss with cross-entropy",
    short="Dice + CE",
    chinese="Dice 与交叉熵组合损失",
    formula="lambda_dice*(1 - (2*sigmoid(z1) + smooth)/(sigmoid(z1) + sigmoid(z2) + 1 + smooth))"
    " + lambda_ce*(softplus(-z1) + softplus(z2))/2",
    variables=("z1", "z2"),
    takes=LABELED_OR_MASKS,
    parameters=(
        replace(SMOOTH, slider=(0.1, 5.0, 0.1)),
        _part("lambda_dice", r"\lambda_{\mathrm{Dice}}", "Dice", 0.0),
        _part("lambda_ce", r"\lambda_{\mathrm{CE}}", "cross-entropy", 0.1),
    ),
    options=(
        _needs_classes(CLASS_WEIGHT),
        _needs_classes(IGNORE_INDEX),
        _needs_classes(switch("include_background", "does class 0 count in the Dice part?", True)),
        BATCH,
    ),
    traits=MaskTraits(
        convex="Eq(lambda_dice, 0)", symmetric=None, zero_when_right=True, soft_targets=None, supremum="oo"
    ),
    aliases={
        "MONAI": ("DiceCELoss",),
        "nnU-Net": ("DC_and_CE_loss", "DC_and_BCE_loss"),
        "also": ("Dice + CE", "Dice cross-entropy", "combo loss"),
    },
    references=("isensee2021", "milletari2016"),
    limits=(
        Limit(
            "without the Dice part it is the mean cross-entropy", "lambda_ce*(softplus(-z1) + softplus(z2))/2",
            {"lambda_dice": 0.0},
        ),
    ),
    use="A first choice for segmentation: cross-entropy has a useful slope everywhere, Dice knows the size.",
    avoid="You need probabilities that mean what they say: take cross-entropy alone.",
)  # fmt: skip
def dice_with_cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    smooth: float = 1.0,
    lambda_dice: float = 1.0,
    lambda_ce: float = 1.0,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    include_background: bool = True,
    batch: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """The Dice loss of the softmax plus the cross-entropy of the pixels; for masks, of the sigmoid.

    ``lambda_dice * dice(softmax(z), one-hot target) + lambda_ce * cross_entropy(z, target)``, each part averaged over
    what it has: Dice over classes and samples, cross-entropy over pixels.

    Parameters
    ----------
    input
        Logits, floating point, of shape ``(N, C, d1, ...)``, such as ``(N, C, H, W)``.
    target
        Either the class index of each pixel, ``(N, d1, ...)``, integers from 0 to C - 1: then the parts are `dice` of
        the softmax and `cross_entropy`. Or a mask for each class, in the shape of `input`: boolean, integers 0 and
        1, or floating point from 0 to 1: then they are `dice` of the sigmoid and
        `binary_cross_entropy_with_logits`. With one class, ``(N, 1, d1, ...)``, it has to be a mask: the softmax of a
        single logit is always 1.
    smooth
        At least 0, in pixels, as for `dice`. Keep it above 0 if a class may be missing: a softmax is never 0, so the
        Dice loss of a missing class would be 1 for every prediction.
    lambda_dice, lambda_ce
        Weights of the two parts, at least 0.
    weight
        A factor for each class in the cross-entropy, shape ``(C,)``. Its mean divides by the sum of the factors.
    ignore_index
        Pixels of this class index count nowhere, neither in cross-entropy nor in the three sums of Dice.
    include_background
        False leaves class 0 out of the Dice part.
    batch
        The Dice part adds up the pixels of all samples before the division.
    reduction
        ``"mean"``: the two means described above. ``"none"``: one loss per sample, ``(N,)``, the same two means over
        that sample's own classes and pixels (with `batch` the Dice part is one number that all samples share).
        ``"sum"``: the sum of these.

    Raises
    ------
    TypeError, ValueError
        Not tensors; shapes, dtypes or devices that do not fit; fewer than three dimensions; one class with class
        indices; a parameter below 0; `weight`, `ignore_index` or `include_background` together with masks; an unknown
        reduction. On the CPU also a class index or a mask out of its range.

    Notes
    -----
    Where every pixel is ignored, both parts and their gradients are 0; `cross_entropy` alone gives NaN, as torch does.

    With `weight` or ignored pixels the mean over all pixels is not the mean of the samples' means: ``"mean"`` is the
    former, as in MONAI and nnU-Net.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> z = torch.tensor([[[2.0, 1.0, -1.0], [0.0, 0.0, 1.0]]])  # one sample, two classes, three pixels
    >>> y = torch.tensor([[0, 0, 1]])
    >>> lb.dice_with_cross_entropy(z, y)
    tensor(0.3203)
    >>> lb.cross_entropy(z, y) + lb.dice(z.softmax(1), torch.tensor([[[1, 1, 0], [0, 0, 1]]]))
    tensor(0.3203)
    >>> lb.dice_with_cross_entropy(z[:, :1], torch.tensor([[[1, 1, 0]]]))  # a mask for one class
    tensor(0.3858)

    References
    ----------
    Isensee, Jaeger, Kohl, Petersen and Maier-Hein (2021), *nnU-Net*, train with the sum of both.

    See Also
    --------
    dice, cross_entropy, binary_cross_entropy_with_logits : the parts.
    """
    total = "sum" if reduction == "mean" else "none"
    if target.dim() == input.dim():
        probability, mask = input.sigmoid(), target.to(input.dtype)
        entropy = F.binary_cross_entropy_with_logits(input, mask, reduction=total)
        share = torch.ones_like(mask)
    else:
        share, counted, weight = _pixel_shares(target, weight, ignore_index, input)
        entropy = F.cross_entropy(input, target.long(), weight, ignore_index=ignore_index, reduction=total)
        probability = input.softmax(1) * counted
        mask = _one_hot(target, input) * counted
    if not include_background:
        probability, mask = probability[:, 1:], mask[:, 1:]
    overlaps = dice.function(probability, mask, smooth=smooth, batch=batch, reduction="none")
    if reduction == "mean":
        return lambda_dice * overlaps.mean() + lambda_ce * _ratio(entropy, share.sum())
    entropy = _ratio(entropy.flatten(1).sum(1), share.flatten(1).sum(1))
    return reduce(lambda_dice * overlaps.mean(-1) + lambda_ce * entropy, reduction)


@dice_with_cross_entropy.closed_form
def _dice_with_cross_entropy_gradient(
    input: Tensor,
    target: Tensor,
    *,
    smooth: float = 1.0,
    lambda_dice: float = 1.0,
    lambda_ce: float = 1.0,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    include_background: bool = True,
    batch: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    masks = target.dim() == input.dim()
    if masks:
        probability, mask, counted = input.sigmoid(), target.to(input.dtype), torch.ones_like(input)
        share = torch.ones_like(input)
    else:
        share, counted, _ = _pixel_shares(target, weight, ignore_index, input)
        share, probability, mask = share.unsqueeze(1), input.softmax(1), _one_hot(target, input) * counted
    # Cross-entropy: what is predicted minus what is true, over the pixels that the mean counts.
    total = share.sum() if reduction == "mean" else share.flatten(1).sum(1).reshape(-1, *[1] * (input.dim() - 1))
    by_entropy = share * (probability * counted - mask) * _ratio(1.0, total)
    # Dice: by the probability of each class, then through the sigmoid or the softmax.
    first = 0 if include_background else 1
    some = (probability * counted)[:, first:]
    slope = _dice_gradient(some, mask[:, first:], smooth=smooth, batch=batch, reduction="sum")
    slope = F.pad(slope.movedim(1, -1), (first, 0)).movedim(-1, 1) * counted
    classes = input.shape[1] - first
    # With `batch` all samples share one Dice part; without, each has its own, and the mean is over them.
    times = (len(input) if batch else 1) / (max(len(input), 1) if reduction == "mean" else 1)
    center = probability * slope if masks else (probability * slope).sum(1, keepdim=True)
    by_dice = probability * (slope - center) * times / classes
    return lambda_dice * by_dice + lambda_ce * by_entropy


def _one_hot(target: Tensor, input: Tensor) -> Tensor:
    """The mask of each class, boolean, in the shape of `input`."""
    classes = torch.arange(input.shape[1], device=input.device)
    return target.unsqueeze(1) == classes.reshape(-1, *[1] * (target.dim() - 1))


def _pixel_shares(
    target: Tensor, weight: Tensor | None, ignored: int, input: Tensor
) -> tuple[Tensor, Tensor, Tensor | None]:
    """What each pixel counts in the mean cross-entropy; 1 or 0, does it count at all; the weights in one dtype."""
    known = target != ignored
    share = counted = known.to(input.dtype)
    if weight is not None:
        weight = weight.to(input.dtype)
        share = counted * weight[(target * known).long()]
    return share, counted.unsqueeze(1), weight


# --- Lovász extensions --------------------------------------------------------------------------------------


@loss(
    title="Lovász hinge loss",
    chinese="Lovász 合页损失",
    formula="Max(0, 1 - z1)/2 + Max(0, 1 - z1, 1 + z2)/2",
    variables=("z1", "z2"),
    takes=LOGIT_MASKS,
    options=(BATCH,),
    traits=MaskTraits(
        convex=True, symmetric=None, zero_when_right=True, soft_targets=None, supremum="oo",
        kinks=("z1 - 1", "z2 + 1", "z1 + z2"),
    ),
    aliases={"Kornia": ("lovasz_hinge_loss", "LovaszHingeLoss"), "also": ("Lovász hinge", "Lovász-hinge")},
    references=("yu2015", "berman2018", "lovasz1983"),
    use="One class, judged by intersection over union: fine-tune with it what another loss has trained.",
    avoid="You need probabilities, or training begins: only the order of the errors speaks, and most pixels are ties.",
)  # fmt: skip
def lovasz_hinge(input: Tensor, target: Tensor, *, batch: bool = False, reduction: Reduction = "mean") -> Tensor:
    """The Jaccard loss of a hard mask, extended to hinge errors: a convex, piecewise linear function of the logits.

    Pixel k has the error ``m_k = max(0, 1 - s_k * z_k)`` with the sign ``s_k``, 1 inside of the mask and -1 outside.
    The errors are sorted, largest first. Each is multiplied by what the Jaccard loss ``1 - IoU`` of the mask grows by
    if this pixel is predicted wrongly too, after those before it.

    Parameters
    ----------
    input
        Logits, any real numbers, floating point: ``(P,)``, ``(N, P)`` or ``(N, C, d1, ...)``, as for `dice`.
    target
        The true masks, in the shape of `input`: boolean, integers 0 and 1, or floating point 0 and 1.
    batch
        Sort the pixels of all samples together, one mask for each class.
    reduction
        ``"mean"`` over masks, ``"sum"``, or ``"none"`` for one loss per mask, shaped as for `dice`.

    Raises
    ------
    TypeError, ValueError
        Not tensors; shapes or devices that differ; another dtype; an unknown reduction. On the CPU also a mask that is
        not made of 0 and 1: it is read as the first lines of `lossbook.inputs` say.

    Notes
    -----
    One sort of each mask, O(P log P). With Y true pixels and after k pixels, of which t are true, the union is
    ``U = Y + k - t`` and the overlap left is ``Y - t``. So the growth is ``1 / U`` for a true pixel and
    ``(Y - t) / (U (U - 1))`` for a false one; it is computed in this way, since the difference of two Jaccard losses
    would lose most of its digits in a large image. The counts are integers and exact.

    The gradient is minus the sign times the growth, and 0 where the error is 0. Where errors tie, the order is that of
    the pixels; the loss is the same for every order, and its slope jumps there.

    If no pixel is true, the first one predicted wrongly makes the whole Jaccard loss: the loss is the largest error.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> z, y = torch.tensor([2.0, -0.5, 0.3, -3.0]), torch.tensor([1, 1, 0, 0])
    >>> lb.lovasz_hinge(z, y)  # errors 0, 1.5, 1.3, 0
    tensor(0.9667)
    >>> lb.lovasz_hinge.gradient(z, y)
    tensor([ 0.0000, -0.5000,  0.1667,  0.0000])

    References
    ----------
    Lovász (1983), *Submodular functions and convexity*. Yu and Blaschko (2015), *Learning submodular losses with the
    Lovász hinge*. Berman, Rannen Triki and Blaschko (2018), *The Lovász-softmax loss*.

    See Also
    --------
    lovasz_softmax : for classes, with softmax errors.
    jaccard : the index of probabilities.
    """
    truth = _in_rows(target, batch).bool()
    return reduce(_lovasz(_hinge_errors(_in_rows(input, batch), truth), truth), reduction)


@lovasz_hinge.closed_form
def _lovasz_hinge_gradient(
    input: Tensor, target: Tensor, *, batch: bool = False, reduction: Reduction = "mean"
) -> Tensor:
    truth = _in_rows(target, batch).bool()
    errors = _hinge_errors(_in_rows(input, batch), truth)
    growth = _growth_in_place(errors, truth) * _mean_factor(errors.shape[:-1].numel(), reduction)
    slope = torch.where(truth, -growth, growth)
    slope = torch.where(errors > 0, slope, 0 * errors)  # 0, or NaN
    return _from_rows(slope, input, batch)


def _hinge_errors(logits: Tensor, truth: Tensor) -> Tensor:
    return (1 + torch.where(truth, -logits, logits)).relu()


def _in_rows(tensor: Tensor, batch: bool) -> Tensor:
    """The pixels of each mask along the last axis."""
    if tensor.dim() < 3:
        return tensor.flatten() if batch else tensor
    rows = tensor.flatten(2)
    return rows.transpose(0, 1).flatten(1) if batch else rows


def _from_rows(rows: Tensor, like: Tensor, batch: bool) -> Tensor:
    """The inverse of `_in_rows`."""
    if batch and like.dim() > 2:
        samples, classes = like.shape[:2]
        rows = rows.reshape(classes, samples, -1).transpose(0, 1)
    return rows.reshape(like.shape)


def _lovasz(errors: Tensor, truth: Tensor) -> Tensor:
    """The Lovász extension of the Jaccard loss, along the last axis, at errors of at least 0."""
    errors, order = errors.sort(dim=-1, descending=True, stable=True)
    return (errors * _growth(truth.gather(-1, order), errors.dtype)).sum(-1)


def _growth(truth: Tensor, dtype: torch.dtype) -> Tensor:
    """What the Jaccard loss grows by with each further pixel that is wrong."""
    true = truth.sum(-1, keepdim=True, dtype=torch.int32)
    so_far = truth.cumsum(-1, dtype=torch.int32)
    left = (true - so_far).to(dtype)
    union = left + torch.arange(1, truth.shape[-1] + 1, dtype=torch.int32, device=truth.device).to(dtype)
    # A union of 1 is the first pixel of all: it makes the whole loss, true or not.
    return torch.where(truth, 1.0, left / (union - 1).clamp(min=1)).masked_fill(union == 1, 1.0) / union


def _growth_in_place(errors: Tensor, truth: Tensor) -> Tensor:
    """The growth that belongs to each pixel, in the order of the pixels."""
    order = errors.sort(dim=-1, descending=True, stable=True).indices
    return torch.zeros_like(errors).scatter(-1, order, _growth(truth.gather(-1, order), errors.dtype))


def _present_or_all(value: Any, *tensors: Any) -> None:
    if value not in ("present", "all"):
        raise ValueError(f"classes: got {value!r}, expected 'present' or 'all'")


@loss(
    title="Lovász-softmax loss",
    chinese="Lovász-softmax 损失",
    formula="(sigmoid(-z1) + sigmoid(-z2))/4 + Max(sigmoid(-z1), sigmoid(-z2))/2",
    variables=("z1", "z2"),
    takes=LABELED,
    options=(
        Option(
            "classes", "average over the classes that are present, or over all", "present", _present_or_all,
            lambda *tensors: ("all",),
        ),
        IGNORE_INDEX,
        BATCH,
    ),
    traits=MaskTraits(
        convex=False, symmetric=None, zero_when_right=True, soft_targets=None, supremum="1", kinks=("z1 - z2",)
    ),
    aliases={
        "Kornia": ("lovasz_softmax_loss", "LovaszSoftmaxLoss"),
        "segmentation_models.pytorch": ("LovaszLoss",),
        "also": ("Lovász softmax", "Lovász-softmax"),
    },
    references=("berman2018", "lovasz1983"),
    use="Several classes, judged by their mean intersection over union (mIoU); together with cross-entropy.",
    avoid="From scratch and alone: start with cross-entropy. You need probabilities that mean what they say.",
)  # fmt: skip
def lovasz_softmax(
    input: Tensor,
    target: Tensor,
    *,
    classes: str = "present",
    ignore_index: int = -100,
    batch: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """The Jaccard loss of each class, extended to the errors of the softmax, and averaged over the classes.

    For class c pixel k has the error ``1 - p_kc`` if c is its class, and ``p_kc`` if not. The errors of each class are
    sorted and weighted as by `lovasz_hinge`.

    Parameters
    ----------
    input
        Logits, floating point, ``(N, C, d1, ...)``, such as ``(N, C, H, W)``. The softmax is taken here.
    target
        The class index of each pixel, ``(N, d1, ...)``, integers from 0 to C - 1.
    classes
        ``"present"``: the mean over the classes that have a true pixel, as the authors' code does. ``"all"``: the mean
        over all, as Kornia does; a class without a true pixel has the loss of its largest probability.
    ignore_index
        Pixels of this class index count nowhere.
    batch
        Sort the pixels of all samples together: one loss for the batch.
    reduction
        ``"mean"`` over samples, ``"sum"``, or ``"none"`` for one loss per sample, of shape ``(N,)``; with `batch` of
        shape ``()``.

    Raises
    ------
    TypeError, ValueError
        Not tensors; shapes, dtypes or devices that do not fit; fewer than three dimensions; a class index out of
        range (on the CPU; elsewhere it is the caller's promise); another value of `classes`; an unknown reduction.

    Notes
    -----
    One sort for each sample and class, all along one axis. An ignored pixel has the error 0, which adds nothing. A
    sample without any pixel that counts has the loss 0. From 0 to 1.

    Convex in the errors, not in the logits: the softmax lies between.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> z = torch.tensor([[[2.0, 0.0, -1.0], [0.0, 0.0, 0.0]]])  # one sample, two classes, three pixels
    >>> lb.lovasz_softmax(z, torch.tensor([[0, 0, 1]]))
    tensor(0.3595)
    >>> lb.lovasz_softmax(z, torch.tensor([[0, 0, 0]]))  # class 1 is missing
    tensor(0.4501)
    >>> lb.lovasz_softmax(z, torch.tensor([[0, 0, 0]]), classes="all")
    tensor(0.5906)

    References
    ----------
    Berman, Rannen Triki and Blaschko (2018), *The Lovász-softmax loss: a tractable surrogate for the optimization of
    the intersection-over-union measure in neural networks*.

    See Also
    --------
    lovasz_hinge : one class, errors of the hinge.
    """
    errors, truth, _ = _softmax_errors(input.softmax(1), target, ignore_index)
    errors, truth = _in_rows(errors, batch), _in_rows(truth, batch)
    return reduce((_lovasz(errors, truth) * _class_shares(truth, classes, errors.dtype)).sum(-1), reduction)


@lovasz_softmax.closed_form
def _lovasz_softmax_gradient(
    input: Tensor,
    target: Tensor,
    *,
    classes: str = "present",
    ignore_index: int = -100,
    batch: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    probability = input.softmax(1)
    errors, truth, counted = _softmax_errors(probability, target, ignore_index)
    rows, true_rows = _in_rows(errors, batch), _in_rows(truth, batch)
    share = _class_shares(true_rows, classes, rows.dtype)
    growth = _growth_in_place(rows, true_rows) * share.unsqueeze(-1) * _mean_factor(share[..., 0].numel(), reduction)
    growth = _from_rows(growth, input, batch)
    slope = torch.where(truth, -growth, growth) * counted
    return probability * (slope - (probability * slope).sum(1, keepdim=True))


def _softmax_errors(probability: Tensor, target: Tensor, ignored: int) -> tuple[Tensor, Tensor, Tensor]:
    """The errors of each class, its mask, and which pixels count."""
    counted = (target != ignored).unsqueeze(1)
    truth = _one_hot(target, probability) & counted
    return torch.where(truth, 1 - probability, probability) * counted, truth, counted


def _class_shares(truth: Tensor, classes: str, dtype: torch.dtype) -> Tensor:
    """The share of each class in the mean over classes."""
    present = (truth.any(-1) if classes == "present" else torch.ones_like(truth[..., 0])).to(dtype)
    return _ratio(present, present.sum(-1, keepdim=True))
