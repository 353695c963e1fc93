"""The box losses against loops over single boxes, MONAI, torchvision's formulas and grids of pixels."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from planting import planted, refused_by
from torch import Tensor

import lossbook as lb
from lossbook import boxes

ALL = (lb.iou, lb.giou, lb.diou, lb.ciou)
PLUS = (lb.giou, lb.diou, lb.ciou)
F64 = torch.float64


def pairs(count: int = 60, scale: float = 1.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random boxes: apart, overlapping, one within the other."""
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(2, count, 2, 2, dtype=F64, generator=generator) * scale
    low, high = corners.amin(2), corners.amax(2)
    return torch.cat([low[0], high[0]], 1), torch.cat([low[1], high[1]], 1)


def box(*numbers: float) -> Tensor:
    return torch.tensor([numbers], dtype=F64)


# --- one box at a time, as the papers write it ---------------------------------------------------------------


def naive(name: str, predicted: list[float], true: list[float]) -> float:
    x1, y1, x2, y2 = predicted
    u1, v1, u2, v2 = true
    overlap = 0.0
    if min(x2, u2) > max(x1, u1) and min(y2, v2) > max(y1, v1):
        overlap = (min(x2, u2) - max(x1, u1)) * (min(y2, v2) - max(y1, v1))
    union = (x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - overlap
    similarity = overlap / union
    cx, cy = max(x2, u2) - min(x1, u1), max(y2, v2) - min(y1, v1)
    if name == "iou":
        return 1 - similarity
    if name == "giou":
        return 1 - (similarity - (cx * cy - union) / (cx * cy))
    center = ((x1 + x2) / 2 - (u1 + u2) / 2) ** 2 + ((y1 + y2) / 2 - (v1 + v2) / 2) ** 2
    distance = center / (cx**2 + cy**2)
    if name == "diou":
        return 1 - similarity + distance
    v = 4 / math.pi**2 * (math.atan((u2 - u1) / (v2 - v1)) - math.atan((x2 - x1) / (y2 - y1))) ** 2
    return 1 - similarity + distance + v / (1 - similarity + v) * v


@pytest.mark.parametrize("loss", ALL, ids=str)
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1000.0])
def test_a_naive_loop_agrees(loss: lb.Loss, scale: float) -> None:
    input, target = pairs(scale=scale)
    each = torch.tensor(
        [naive(loss.name, *both) for both in zip(input.tolist(), target.tolist(), strict=True)], dtype=F64
    )
    torch.testing.assert_close(loss(input, target, reduction="none"), each, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(loss(input, target, reduction="sum"), each.sum(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(loss(input, target), each.mean(), rtol=1e-12, atol=1e-12)


def test_pixels_that_are_counted() -> None:
    """Boxes of whole numbers on a grid of pixels, each of which is asked."""
    generator = torch.Generator().manual_seed(1)
    low = torch.randint(0, 8, (2, 40, 2), generator=generator)
    high = low + torch.randint(1, 6, (2, 40, 2), generator=generator)
    pixel = torch.arange(14) + 0.5

    def mask(corners: tuple[Tensor, Tensor]) -> Tensor:
        inside = [(pixel > corners[0][:, i, None]) & (pixel < corners[1][:, i, None]) for i in (0, 1)]
        return inside[0][:, :, None] & inside[1][:, None, :]

    a, b = mask((low[0], high[0])), mask((low[1], high[1]))
    expected = 1 - (a & b).sum((1, 2)) / (a | b).sum((1, 2))
    input, target = (torch.cat([low[i], high[i]], 1).double() for i in (0, 1))
    torch.testing.assert_close(lb.iou(input, target, reduction="none"), expected.double(), rtol=1e-6, atol=1e-6)


def test_monai_agrees() -> None:
    monai = pytest.importorskip("monai.losses")
    input, target = pairs(scale=100.0)
    input.requires_grad_()
    for reduction in ("none", "mean", "sum"):
        theirs = monai.BoxGIoULoss(reduction=reduction)(input, target)  # computed in float32
        torch.testing.assert_close(lb.giou(input, target, reduction=reduction), theirs, rtol=1e-5, atol=1e-5)
        (slope,) = torch.autograd.grad(theirs.sum(), input)
        torch.testing.assert_close(lb.giou.gradient(input, target, reduction=reduction), slope, rtol=1e-3, atol=1e-5)


def torchvisions(name: str, a: Tensor, b: Tensor, eps: float = 1e-7) -> Tensor:
    """What torchvision's documentation and code say, with its small number in every denominator."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    overlap = torch.where((high > low).all(1), (high - low).prod(1), 0.0)
    sizes = [x[:, 2:] - x[:, :2] for x in (a, b)]
    union = sizes[0].prod(1) + sizes[1].prod(1) - overlap
    around = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    ratio = overlap / (union + eps)
    if name == "giou":
        return 1 - ratio + (around.prod(1) - union) / (around.prod(1) + eps)
    centers = (a[:, :2] + a[:, 2:] - b[:, :2] - b[:, 2:]) / 2
    distance = centers.square().sum(1) / (around.square().sum(1) + eps)
    if name == "diou":
        return 1 - ratio + distance
    angles = [torch.atan(size[:, 0] / size[:, 1]) for size in sizes]
    v = 4 / torch.pi**2 * (angles[1] - angles[0]) ** 2
    with torch.no_grad():
        alpha = v / (1 - ratio + v + eps)
    return 1 - ratio + distance + alpha * v


@pytest.mark.parametrize("loss", PLUS, ids=str)
def test_torchvisions_formula_without_its_small_number(loss: lb.Loss) -> None:
    input, target = pairs(scale=1000.0)
    leaf = input.clone().requires_grad_()
    theirs = torchvisions(loss.name, leaf, target, eps=0.0)
    torch.testing.assert_close(loss(input, target, reduction="none"), theirs.detach(), rtol=1e-12, atol=1e-12)
    (slope,) = torch.autograd.grad(theirs.sum(), leaf)
    torch.testing.assert_close(loss.gradient(input, target, reduction="sum"), slope, rtol=1e-9, atol=1e-12)
    with_it = torchvisions(loss.name, input, target)
    torch.testing.assert_close(loss(input, target, reduction="none"), with_it, rtol=1e-6, atol=1e-6)


def test_what_the_small_number_does_to_small_boxes() -> None:
    small = box(0.5, 0.5, 0.501, 0.501)
    assert lb.giou(small, small) == 0
    assert torchvisions("giou", small, small).item() == pytest.approx(0.0909, abs=1e-4)


def test_numbers_by_hand() -> None:
    """Two squares that share a third; two that touch at a corner; a small box in the middle of a large one."""
    truth = box(0, 0, 2, 2)
    third, corner, middle = box(1, 0, 3, 2), box(2, 2, 4, 4), box(0.5, 0.5, 1.5, 1.5)
    assert [loss(third, truth).item() for loss in ALL] == pytest.approx([2 / 3, 2 / 3, 2 / 3 + 1 / 13, 2 / 3 + 1 / 13])
    assert [loss(corner, truth).item() for loss in ALL] == pytest.approx([1, 1.5, 1.25, 1.25])
    assert [loss(middle, truth).item() for loss in ALL] == pytest.approx([0.75] * 4)
    # a quarter turn of a 2 by 1 box about its center: IoU 1/3, and the angles differ by atan(2) - atan(1/2)
    lying, standing = box(-1, -0.5, 1, 0.5), box(-0.5, -1, 0.5, 1)
    v = (2 / math.pi * (math.atan(2) - math.atan(0.5))) ** 2
    assert lb.ciou(lying, standing).item() == pytest.approx(2 / 3 + v * v / (2 / 3 + v))


# --- gradients ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ALL, ids=str)
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1000.0])
def test_the_gradient_is_that_of_autograd(loss: lb.Loss, reduction: str, scale: float) -> None:
    input, target = pairs(scale=scale)
    leaf = input.clone().requires_grad_()
    (expected,) = torch.autograd.grad(loss(leaf, target, reduction=reduction).sum(), leaf)
    found = loss.gradient(input, target, reduction=reduction)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9 / scale)


def grid_of_ties() -> tuple[Tensor, Tensor]:
    """All boxes of whole numbers against one: every edge below, on and above every edge; no width, no height."""
    steps = torch.arange(-1.0, 4.0, dtype=F64)
    every = torch.cartesian_prod(steps, steps, steps, steps)
    input = every[(every[:, 2] >= every[:, 0]) & (every[:, 3] >= every[:, 1])]
    return input, box(0, 1, 2, 2).expand_as(input)


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_ties_are_those_of_autograd(loss: lb.Loss) -> None:
    for input, target in (grid_of_ties(), grid_of_ties()[::-1]):
        leaf = input.clone().requires_grad_()
        (expected,) = torch.autograd.grad(loss(leaf, target, reduction="sum"), leaf)
        assert expected.isfinite().all()
        torch.testing.assert_close(loss.gradient(input, target, reduction="sum"), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_a_perfect_prediction_has_no_gradient(loss: lb.Loss) -> None:
    _, target = pairs()
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        truth = target.to(dtype)
        truth = truth[(truth[:, 2:] > truth[:, :2]).all(1)]  # rounding to bfloat16 flattens some
        assert (loss(truth, truth, reduction="none") == 0).all()
        leaf = truth.clone().requires_grad_()
        (by_autograd,) = torch.autograd.grad(loss(leaf, truth, reduction="sum"), leaf)
        for slope in (by_autograd, loss.gradient(truth, truth, reduction="sum")):
            assert slope.abs().max() < (1e-12 if dtype == torch.float64 else 1e-5)


def test_boxes_apart() -> None:
    """Pitfall 15: the loss of IoU is flat there, and the others are not."""
    truth = box(0, 0, 1, 1)
    for input in (box(2, 0, 3, 1), box(0, 5, 1, 6), box(3, 3, 4, 4), box(2, -1, 3, 4)):
        assert lb.iou(input, truth) == 1 and (lb.iou.gradient(input, truth) == 0).all()
        for loss in PLUS:
            slope = loss.gradient(input, truth)
            assert slope.abs().max() > 0.01
            assert loss(input - 0.1 * slope, truth) < loss(input, truth)
    # moved as a whole toward the truth, DIoU falls; so does GIoU
    for loss in (lb.giou, lb.diou):
        slope = loss.gradient(box(3, 0, 4, 1), truth)[0]
        assert slope[0] + slope[2] > 0


def test_within_the_truth_giou_is_iou() -> None:
    truth, input = box(0, 0, 4, 4), box(0.5, 1, 1.5, 2)
    torch.testing.assert_close(lb.giou(input, truth), lb.iou(input, truth))
    torch.testing.assert_close(lb.giou.gradient(input, truth), lb.iou.gradient(input, truth))
    assert lb.diou(input, truth) > lb.iou(input, truth)


def test_alpha_is_detached() -> None:
    """The gradient is that of the value with alpha as a number, and not that of the value."""
    input, target = box(0, 0, 3, 1), box(0.5, -0.5, 2, 2)
    held: list[Tensor] = []

    def value(x: Tensor, alpha: Tensor | None) -> Tensor:
        ratio = 1 - lb.iou(x, target)
        v = 4 / math.pi**2 * (math.atan(1.5 / 2.5) - torch.atan((x[0, 2] - x[0, 0]) / (x[0, 3] - x[0, 1]))) ** 2
        own = v / (1 - ratio + v)
        held.append(own.detach())
        return lb.diou(x, target) + (own if alpha is None else alpha) * v

    leaf = input.clone().requires_grad_()
    (through,) = torch.autograd.grad(value(leaf, None), leaf)
    (fixed,) = torch.autograd.grad(value(leaf, held[0]), leaf)
    found = lb.ciou.gradient(input, target)
    torch.testing.assert_close(found, fixed, rtol=1e-12, atol=1e-12)
    assert (found - through).abs().max() > 0.01


# --- boxes without area, extremes ---------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_boxes_without_area(loss: lb.Loss) -> None:
    cases: dict[str, tuple[Tensor, Tensor, dict[str, float]]] = {
        "equal points": (box(1, 1, 1, 1), box(1, 1, 1, 1), {"iou": 1, "giou": 1, "diou": 1, "ciou": 1}),
        "points beside each other": (box(0, 0, 0, 0), box(1, 1, 1, 1), {"iou": 1, "giou": 2, "diou": 2, "ciou": 2}),
        "equal lines": (box(0, 0, 0, 2), box(0, 0, 0, 2), {"iou": 1, "giou": 1, "diou": 1, "ciou": 1}),
        "lines on a line": (box(0, 0, 0, 1), box(0, 2, 0, 3), {"iou": 1, "giou": 1}),
        "lines across": (box(0, 1, 2, 1), box(1, 0, 1, 2), {"iou": 1, "giou": 2, "diou": 1, "ciou": 1.5}),
        "a point within": (box(1, 1, 1, 1), box(0, 0, 2, 2), {"iou": 1, "giou": 1, "diou": 1}),
        "a line within": (box(1, 0, 1, 2), box(0, 0, 2, 2), {"iou": 1, "giou": 1, "diou": 1}),
    }
    for name, (input, target, expected) in cases.items():
        for a, b in ((input, target), (target, input)):
            leaf = a.clone().requires_grad_()
            value = loss(leaf, b)
            (slope,) = torch.autograd.grad(value, leaf)
            assert value.isfinite() and slope.isfinite().all(), name
            torch.testing.assert_close(loss.gradient(a, b), slope)
            if loss.name in expected:
                assert value.item() == pytest.approx(expected[loss.name]), name


def test_a_line_within_the_truth_is_widened() -> None:
    slope = lb.iou.gradient(box(1, 0, 1, 2), box(0, 0, 2, 2))[0]
    assert slope[0] > 0 > slope[2]


def test_the_published_code_at_zero_height() -> None:
    truth, flat = box(0, 0, 2, 2), box(0, 1, 2, 1).requires_grad_()
    (theirs,) = torch.autograd.grad(torchvisions("ciou", flat, truth).sum(), flat)
    (ours,) = torch.autograd.grad(lb.ciou(flat, truth), flat)
    assert theirs.isnan().any() and ours.isfinite().all()
    assert torchvisions("ciou", box(1, 1, 1, 1), truth).isnan().all()


@pytest.mark.parametrize("loss", ALL, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_finite_at_every_size(loss: lb.Loss, dtype: torch.dtype) -> None:
    ends = torch.tensor([-6e4, -1.0, -1e-4, 0.0, 1e-4, 1.0, 6e4], dtype=dtype)
    every = torch.cartesian_prod(ends, ends, ends, ends)
    input = every[(every[:, 2] >= every[:, 0]) & (every[:, 3] >= every[:, 1])].requires_grad_()
    for truth in ([0.0, 0.0, 0.0, 0.0], [-1.0, -1.0, 1.0, 1.0], [0.0, 0.0, 6e4, 1e-4], [-6e4, 0.0, 6e4, 0.0]):
        target = torch.tensor(truth, dtype=dtype).expand_as(input)
        value = loss(input, target, reduction="none")
        assert value.dtype == dtype and value.isfinite().all()
        assert value.min() >= 0 and value.max() <= float(loss.formula.parse(loss.traits.supremum)) + 1e-2
        (slope,) = torch.autograd.grad(value.float().sum(), input)
        assert slope.isfinite().all()
        assert loss.gradient(input.detach(), target, reduction="sum").isfinite().all()


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_small_boxes_in_float32(loss: lb.Loss) -> None:
    input, target = pairs(scale=1e-12)
    exact = loss(1e12 * input, 1e12 * target, reduction="none")
    found = loss(input.float(), target.float(), reduction="none")
    torch.testing.assert_close(found.double(), exact, rtol=1e-3, atol=1e-4)


def test_giou_of_boxes_without_area() -> None:
    point, line = box(0, 0, 0, 0), box(0, 0, 0, 1)
    assert lb.giou(point, box(2, 0, 2, 0)) == 1 and lb.giou(point, box(2, 1, 2, 1)) == 2
    assert (lb.giou.gradient(point, box(2, 1, 2, 1)) == 0).all()
    assert lb.giou(line, line) == 1 and lb.giou(line, box(2, 0, 2, 1)) == 2
    assert lb.giou.gradient(line, box(2, 0, 2, 1)).flatten().tolist() == [0.5, 0, -0.5, 0]


def test_nan_gives_nan() -> None:
    bad, truth = box(0, 0, math.nan, 1), box(0, 0, 1, 1)
    for loss in ALL:
        assert loss(bad, truth).isnan()
        assert loss.gradient(bad, truth).isnan().any()


def test_no_boxes() -> None:
    none = torch.zeros(0, 4)
    for loss in ALL:
        assert loss(none, none, reduction="none").shape == (0,)
        assert loss(none, none, reduction="sum") == 0
        assert loss(none, none).isnan()
        assert loss.gradient(none, none).shape == (0, 4)


# --- ways to call -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_one_box_without_its_axis(loss: lb.Loss) -> None:
    input, target = pairs()
    each = loss(input, target, reduction="none")
    assert loss(input[3], target[3], reduction="none").shape == ()
    torch.testing.assert_close(loss(input[3], target[3]), each[3])
    torch.testing.assert_close(torch.func.vmap(loss)(input, target), each)
    slopes = torch.func.vmap(torch.func.grad(loss))(input, target)
    torch.testing.assert_close(slopes, loss.gradient(input, target, reduction="none"), rtol=1e-9, atol=1e-9)
    assert loss.gradient(input[3], target[3]).shape == (4,)


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_compiles_without_a_break(loss: lb.Loss) -> None:
    input, target = pairs()
    input.requires_grad_()
    step = torch.compile(lambda a, b: loss(a, b), fullgraph=True, backend="aot_eager")
    expected = torch.autograd.grad(loss(input, target), input)
    torch.testing.assert_close(torch.autograd.grad(step(input, target), input), expected)


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_what_does_not_fit_is_refused_by_name(loss: lb.Loss) -> None:
    input, target = pairs()
    swapped = input[:, [2, 1, 0, 3]]
    upside_down = target.clone()
    upside_down[7] = upside_down[7, [0, 3, 2, 1]]
    cases: list[tuple[Any, type[Exception], str]] = [
        ((input.long(), target), ValueError, r"input: got dtype torch.int64"),
        ((input.tolist(), target), TypeError, r"input: got "),
        ((input, target[:5]), ValueError, r"target: got shape \(5, 4\), expected \(60, 4\)"),
        ((input[:, :3], target[:, :3]), ValueError, r"input: got shape \(60, 3\), expected \(N, 4\)"),
        ((input[None], target[None]), ValueError, r"input: got shape \(1, 60, 4\)"),
        (
            (swapped, target),
            ValueError,
            r"input: got the box \[.*\], expected corners \(x1, y1, x2, y2\) with x1 <= x2",
        ),
        ((input, upside_down), ValueError, r"target: got the box \["),
    ]
    for tensors, error, words in cases:
        with pytest.raises(error, match=words):
            loss(*tensors)
        with pytest.raises(error, match=words):
            loss.gradient(*tensors)
    with pytest.raises(ValueError, match="reduction: got 'batchmean'"):
        loss(input, target, reduction="batchmean")


def test_the_message_shows_the_box() -> None:
    with pytest.raises(ValueError, match=r"got the box \[5.0, 5.0, 2.0, 2.0\]"):
        lb.iou(torch.tensor([[0.0, 0.0, 1.0, 1.0], [5.0, 5.0, 2.0, 2.0]]), torch.ones(2, 4))


def test_names_in_other_libraries() -> None:
    assert lb.get("generalized_box_iou_loss") is lb.get("BoxGIoULoss") is lb.giou
    assert lb.get("complete_box_iou_loss") is lb.ciou and lb.get("DIoULoss") is lb.diou


# --- planted mistakes ---------------------------------------------------------------------------------------


def changed(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda input, target, *, reduction="mean": lb.loss.reduce(function(input, target), reduction)


def no_clamp(input: Tensor, target: Tensor) -> Tensor:
    """Two negative lengths make a positive area."""
    sides = torch.minimum(input, target)[..., 2:] - torch.maximum(input, target)[..., :2]
    overlap = sides.prod(-1)
    areas = [(x[..., 2:] - x[..., :2]).prod(-1) for x in (input, target)]
    return 1 - overlap / (areas[0] + areas[1] - overlap)


def plus_one(input: Tensor, target: Tensor) -> Tensor:
    """Pixels counted with both their ends, as old detectors did."""
    grown = torch.tensor([0.0, 0.0, 1.0, 1.0], dtype=input.dtype)
    return 1 - boxes._iou(input + grown, target + grown)


def over_union(input: Tensor, target: Tensor) -> Tensor:
    """The empty part divided by the union."""
    overlap, union = boxes._areas(input, target)
    width, height = boxes._around(input, target)
    return 1 - overlap / union + (width * height - union) / union


def not_squared(input: Tensor, target: Tensor) -> Tensor:
    return 1 - boxes._iou(input, target) + boxes._distance(input, target).sqrt()


def alpha_learned(input: Tensor, target: Tensor) -> Tensor:
    similarity = boxes._iou(input, target)
    shape = (2 / math.pi * (boxes._angle(target) - boxes._angle(input))).square()
    return 1 - similarity + boxes._distance(input, target) + boxes._ratio(shape, 1 - similarity + shape) * shape


def half_pi(input: Tensor, target: Tensor) -> Tensor:
    similarity = boxes._iou(input, target)
    shape = 4 / math.pi * (boxes._angle(target) - boxes._angle(input)).square()
    return 1 - similarity + boxes._distance(input, target) + (shape / (1 - similarity + shape)).detach() * shape


@pytest.mark.parametrize(
    ("loss", "function"),
    [
        (lb.iou, no_clamp),
        (lb.iou, plus_one),
        (lb.giou, over_union),
        (lb.diou, not_squared),
        (lb.ciou, alpha_learned),
        (lb.ciou, half_pi),
    ],
    ids=lambda x: getattr(x, "__name__", str(x)),
)
def test_wrong_losses_are_refused(loss: lb.Loss, function: Callable[[Tensor, Tensor], Tensor]) -> None:
    assert refused_by(planted(loss, changed(function)))


@pytest.mark.parametrize("loss", ALL, ids=str)
def test_wrong_gradients_are_refused(loss: lb.Loss) -> None:
    closed_form = loss._closed_form
    assert closed_form is not None

    def sign(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
        return -closed_form(input, target, reduction=reduction)

    def no_mean(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
        return closed_form(input, target, reduction="sum")

    for wrong in (sign, no_mean):
        assert "gradient" in refused_by(planted(loss, closed_form=wrong))


def test_a_tie_that_is_split_unevenly_is_refused() -> None:
    """A whole slope for one of two equal edges: only a prediction that shares an edge can tell."""

    def uneven(a: Tensor, b: Tensor) -> Tensor:
        return (a <= b).to(a)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boxes, "_before", uneven)
        for loss in ALL:
            assert "autograd" in refused_by(planted(loss))


@pytest.mark.parametrize(
    ("loss", "claim"),
    [
        (lb.iou, {"slope_apart": True}),
        (lb.giou, {"supremum": "1"}),
        (lb.diou, {"scale": False}),
        (lb.ciou, {"supremum": "3"}),
        (lb.ciou, {"symmetric": False}),
        (lb.iou, {"kinks": boxes.EDGES}),
        (lb.giou, {"kinks": (*boxes.EDGES, *boxes.TOUCHES, "x1 - y1")}),
    ],
    ids=str,
)
def test_wrong_claims_are_refused(loss: lb.Loss, claim: dict[str, Any]) -> None:
    assert refused_by(planted(loss, traits=replace(loss.traits, **claim)))
