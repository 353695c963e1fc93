"""The losses of masks against MONAI, Kornia, Keras and loops over pixels; and masks that are empty, full or perfect."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from planting import planted, refused_by
from torch import Tensor

import lossbook as lb
from lossbook import segmentation
from lossbook.loss import reduce

OVERLAPS = (lb.dice, lb.jaccard, lb.tversky, lb.focal_tversky)
OF_MASKS = (*OVERLAPS, lb.generalized_dice)
LABELED = (lb.lovasz_softmax, lb.dice_with_cross_entropy)
REDUCTIONS = ("none", "mean", "sum")
SHAPES = ((2, 3, 5), (3, 1, 4, 4), (2, 4, 3, 5), (2, 2, 2, 3, 2))


def masks(shape: tuple[int, ...], seed: int = 0) -> tuple[Tensor, Tensor]:
    """Probabilities and hard masks; the first mask is empty, the last one full."""
    generator = torch.Generator().manual_seed(seed)
    p = torch.rand(shape, dtype=torch.float64, generator=generator)
    y = (torch.rand(shape, generator=generator) < 0.4).double()
    y[0, 0], y[-1, -1] = 0, 1
    return p, y


def labeled(shape: tuple[int, ...], seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits and class indices; the last class is missing in the first sample."""
    generator = torch.Generator().manual_seed(seed)
    z = 2 * torch.randn(shape, dtype=torch.float64, generator=generator)
    y = torch.randint(shape[1], (shape[0], *shape[2:]), generator=generator)
    y[0].clamp_(max=max(shape[1] - 2, 0))
    return z, y


def one_hot(y: Tensor, classes: int) -> Tensor:
    return F.one_hot(y, classes).movedim(-1, 1).double()


def close(found: Tensor, expected: Tensor, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


def same_gradient(
    loss: Callable[..., Tensor], oracle: Callable[..., Tensor], input: Tensor, target: Tensor, gradient: Tensor
) -> None:
    """Autograd's gradient of the loss, that of the oracle and the closed form."""
    for function in (loss, oracle):
        leaf = input.clone().requires_grad_()
        (slope,) = torch.autograd.grad(function(leaf, target), leaf)
        torch.testing.assert_close(slope, gradient, rtol=1e-10, atol=1e-11)


def each_mask(function: Callable[[Tensor, Tensor], float], p: Tensor, y: Tensor) -> Tensor:
    """The function of every mask of a batch, one at a time."""
    rows = [[function(a, b) for a, b in zip(*pair, strict=True)] for pair in zip(p, y, strict=True)]
    return torch.tensor(rows, dtype=torch.float64)


# --- loops over pixels ----------------------------------------------------------------------------------------


def sums(p: Tensor, y: Tensor, squared: bool = False) -> tuple[float, float, float]:
    """One mask, pixel by pixel."""
    overlap = predicted = true = 0.0
    for a, b in zip(p.flatten().tolist(), y.flatten().tolist(), strict=True):
        overlap += a * b
        predicted += a * a if squared else a
        true += b * b if squared else b
    return overlap, predicted, true


def by_loop(loss: lb.Loss, p: Tensor, y: Tensor, smooth: float = 1.0, squared: bool = False, **weights: float) -> float:
    """One minus a ratio of sums, as the papers write it."""
    overlap, predicted, true = sums(p, y, squared)
    if loss is lb.dice:
        up, down = 2 * overlap + smooth, predicted + true + smooth
    elif loss is lb.jaccard:
        up, down = overlap + smooth, predicted + true - overlap + smooth
    else:
        false = weights["alpha"] * (predicted - overlap) + weights["beta"] * (true - overlap)
        up, down = overlap + smooth, overlap + false + smooth
    return (1 - up / down if down else 0.0) ** (1 / weights.get("gamma", 1.0))


@pytest.mark.parametrize("loss", OVERLAPS, ids=str)
@pytest.mark.parametrize("smooth", [0.0, 1e-5, 1.0])
def test_overlaps_of_each_mask_by_a_loop(loss: lb.Loss, smooth: float) -> None:
    weights: dict[str, Any] = {"alpha": 0.2, "beta": 0.9, "gamma": 1.5}
    weights = {name: value for name, value in weights.items() if name in loss.defaults}
    for shape in SHAPES:
        p, y = masks(shape)
        expected = each_mask(lambda a, b: by_loop(loss, a, b, smooth, **weights), p, y)  # noqa: B023
        setting = {"smooth": smooth, **weights}
        close(loss(p, y, reduction="none", **setting), expected)
        close(loss(p, y, **setting), expected.mean())
        # One sample of many masks, one mask, and all samples as one.
        close(loss(p[0].flatten(1), y[0].flatten(1), reduction="none", **setting), expected[0])
        close(loss(p[0, 0].flatten(), y[0, 0].flatten(), **setting), expected[0, 0])
        together = [by_loop(loss, p[:, c], y[:, c], smooth, **weights) for c in range(shape[1])]
        close(loss(p, y, batch=True, reduction="none", **setting), torch.tensor(together, dtype=torch.float64))


@pytest.mark.parametrize("loss", [lb.dice, lb.jaccard], ids=str)
def test_squares_by_a_loop(loss: lb.Loss) -> None:
    p, y = masks((2, 3, 4, 5))
    y = torch.rand_like(y)  # soft, so that its square differs too
    expected = each_mask(lambda a, b: by_loop(loss, a, b, 0.3, squared=True), p, y)
    close(loss(p, y, smooth=0.3, squared=True, reduction="none"), expected)


def jaccard_of_errors(wrong: Tensor, truth: Tensor) -> float:
    """1 - IoU of the hard mask in which these pixels are wrong."""
    predicted = truth ^ wrong
    union = (predicted | truth).sum().item()
    return 1 - (predicted & truth).sum().item() / union if union else 0.0


def lovasz_by_definition(errors: Tensor, truth: Tensor) -> float:
    """The integral over all thresholds t of the Jaccard loss of the pixels whose error is above t."""
    levels = [0.0, *sorted(set(errors.tolist()) - {0.0})]
    return sum((high - low) * jaccard_of_errors(errors > low, truth) for low, high in itertools.pairwise(levels))


def test_lovasz_hinge_by_its_definition() -> None:
    for shape in ((2, 3, 8), (3, 1, 4, 4), (2, 2, 2, 3, 2)):
        p, y = masks(shape)
        z = 6 * p - 3
        errors = (1 - (2 * y - 1) * z).clamp(min=0)
        errors = errors.round(decimals=1)  # ties as well
        z = (1 - errors) * (2 * y - 1)
        expected = each_mask(lambda a, b: lovasz_by_definition(a.flatten(), b.flatten() > 0), errors, y)
        close(lb.lovasz_hinge(z, y, reduction="none"), expected)
        together = [lovasz_by_definition(errors[:, c].flatten(), y[:, c].flatten() > 0) for c in range(shape[1])]
        close(lb.lovasz_hinge(z, y, batch=True, reduction="none"), torch.tensor(together, dtype=torch.float64))


@pytest.mark.parametrize("classes", ["present", "all"])
def test_lovasz_softmax_by_its_definition(classes: str) -> None:
    def one(p: Tensor, y: Tensor) -> float:
        found = []
        for c in range(p.shape[0]):
            truth = y == c
            if truth.any() or classes == "all":
                found.append(lovasz_by_definition(torch.where(truth, 1 - p[c], p[c]), truth))
        return sum(found) / len(found) if found else 0.0

    for shape in ((2, 3, 9), (3, 4, 3, 3), (2, 2, 2, 3, 2)):
        z, y = labeled(shape)
        flat, classes_of = z.softmax(1).flatten(2), y.flatten(1)
        each = torch.tensor([one(p, k) for p, k in zip(flat, classes_of, strict=True)], dtype=torch.float64)
        close(lb.lovasz_softmax(z, y, classes=classes, reduction="none"), each)
        close(lb.lovasz_softmax(z, y, classes=classes), each.mean())
        together = one(flat.transpose(0, 1).flatten(1), classes_of.flatten())
        close(lb.lovasz_softmax(z, y, classes=classes, batch=True), torch.tensor(together, dtype=torch.float64))
        # Ignored pixels are as if they were not there.
        hole = y.clone()
        hole.flatten(1)[:, ::3] = 7
        kept = torch.arange(flat.shape[-1]) % 3 > 0
        expected = [one(p[:, kept], k[kept]) for p, k in zip(flat, classes_of, strict=True)]
        found = lb.lovasz_softmax(z, hole, classes=classes, ignore_index=7, reduction="none")
        close(found, torch.tensor(expected, dtype=torch.float64))


def test_lovasz_is_the_jaccard_loss_where_errors_are_zero_or_one() -> None:
    """The extension passes through the corners of the cube: all 2**6 hard predictions of a mask of six pixels."""
    truth = torch.tensor([True, True, False, False, True, False])
    for said in itertools.product((False, True), repeat=6):
        predicted = torch.tensor(said)
        z = torch.where(predicted == truth, 1.0, 0.0).double() * torch.where(truth, 1, -1)
        expected = jaccard_of_errors(predicted != truth, truth)
        assert lb.lovasz_hinge(z, truth).item() == pytest.approx(expected, abs=1e-12)


def test_the_growth_keeps_its_digits_in_a_large_image() -> None:
    """In float32 a difference of two Jaccard losses would be good to two digits only."""
    z, y = torch.linspace(-3, 3, 2**20), torch.arange(2**20) % 3 == 0
    exact = lb.lovasz_hinge.gradient(z.double(), y)
    leaf = z.clone().requires_grad_()
    lb.lovasz_hinge(leaf, y).backward()
    assert leaf.grad is not None
    torch.testing.assert_close(leaf.grad.double(), exact, rtol=1e-5, atol=0)


# --- MONAI, Kornia, Keras -------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_dice_and_jaccard_of_monai(batch: bool, reduction: str) -> None:
    losses = pytest.importorskip("monai.losses")
    for shape, jaccard, squared in itertools.product(SHAPES[1:], (False, True), (False, True)):
        p, y = masks(shape)
        s = 0.25
        oracle = losses.DiceLoss(
            jaccard=jaccard, squared_pred=squared, batch=batch, reduction=reduction, smooth_nr=s, smooth_dr=s
        )
        loss = lb.jaccard if jaccard else lb.dice
        setting: dict[str, Any] = {"smooth": s / 2 if jaccard else s, "squared": squared, "batch": batch}
        found = loss(p, y, reduction=reduction, **setting)
        # Its squares go through a square root and back.
        close(found, oracle(p, y).reshape(found.shape), 1e-7 if squared else 1e-12)
        if reduction == "mean" and not squared:
            same_gradient(lambda a, b: loss(a, b, **setting), oracle, p, y, loss.gradient(p, y, **setting))  # noqa: B023


@pytest.mark.parametrize("batch", [False, True])
def test_tversky_of_monai(batch: bool) -> None:
    losses = pytest.importorskip("monai.losses")
    for shape, (alpha, beta) in itertools.product(SHAPES[1:], ((0.3, 0.7), (0.8, 0.1))):
        p, y = masks(shape)
        setting: dict[str, Any] = {"alpha": alpha, "beta": beta, "batch": batch}
        oracle = losses.TverskyLoss(smooth_nr=0.5, smooth_dr=0.5, **setting)
        setting["smooth"] = 0.5
        close(lb.tversky(p, y, **setting), oracle(p, y))
        same_gradient(lambda a, b: lb.tversky(a, b, **setting), oracle, p, y, lb.tversky.gradient(p, y, **setting))  # noqa: B023


@pytest.mark.parametrize(("power", "kind"), [(2.0, "square"), (1.0, "simple"), (0.0, "uniform")])
@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("smooth", [1e-5, 0.3])
def test_generalized_dice_of_monai(power: float, kind: str, batch: bool, smooth: float) -> None:
    """A class that is missing included: the first mask of `masks` is empty."""
    losses = pytest.importorskip("monai.losses")
    oracle = losses.GeneralizedDiceLoss(w_type=kind, batch=batch, smooth_nr=smooth, smooth_dr=smooth)
    for shape in ((2, 3, 4, 4), (3, 4, 3, 3, 2)):
        p, y = masks(shape)
        setting: dict[str, Any] = {"power": power, "batch": batch, "smooth": smooth}
        # Its weights are computed in float32.
        close(lb.generalized_dice(p, y, **setting), oracle(p, y), 1e-7)
        expected = torch.autograd.functional.jacobian(lambda x: oracle(x, y), p)  # noqa: B023
        close(lb.generalized_dice.gradient(p, y, **setting), expected, 1e-6)


@pytest.mark.parametrize("background", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch", [False, True])
def test_dice_with_cross_entropy_of_monai(background: bool, weighted: bool, batch: bool) -> None:
    losses = pytest.importorskip("monai.losses")
    for shape in ((2, 3, 4, 5), (3, 2, 2, 3, 2)):
        z, y = labeled(shape)
        weight = torch.linspace(0.5, 3, shape[1], dtype=torch.float64) if weighted else None
        oracle = losses.DiceCELoss(
            to_onehot_y=True, softmax=True, include_background=background, batch=batch, lambda_dice=0.7,
            lambda_ce=1.3, smooth_nr=0.5, smooth_dr=0.5,
        )  # fmt: skip
        oracle.cross_entropy.weight = weight  # its own argument would weigh the Dice part as well
        setting: dict[str, Any] = {
            "smooth": 0.5, "lambda_dice": 0.7, "lambda_ce": 1.3, "weight": weight, "include_background": background,
            "batch": batch,
        }  # fmt: skip
        close(lb.dice_with_cross_entropy(z, y, **setting), oracle(z, y.unsqueeze(1)))
        same_gradient(
            lambda a, b: lb.dice_with_cross_entropy(a, b, **setting),  # noqa: B023
            lambda a, b: oracle(a, b.unsqueeze(1)),  # noqa: B023
            z, y, lb.dice_with_cross_entropy.gradient(z, y, **setting),
        )  # fmt: skip


def test_a_mask_with_cross_entropy_of_monai() -> None:
    losses = pytest.importorskip("monai.losses")
    p, y = masks((3, 1, 4, 4))
    z = 8 * p - 4
    oracle = losses.DiceCELoss(sigmoid=True, smooth_nr=1.0, smooth_dr=1.0)
    for mask in (y, y.bool(), y.long()):
        close(lb.dice_with_cross_entropy(z, mask), oracle(z, y))
    same_gradient(lb.dice_with_cross_entropy, oracle, z, y, lb.dice_with_cross_entropy.gradient(z, y))


def test_the_parts_of_dice_with_cross_entropy() -> None:
    z, y = labeled((3, 4, 5, 2))
    y[:, 0] = -100
    y[1, 1:3] = -100  # samples with different numbers of pixels that count
    weight = torch.tensor([0.1, 1.0, 2.0, 5.0], dtype=torch.float64)
    counted = (y != -100).unsqueeze(1)
    p = z.softmax(1) * counted
    hot = one_hot(y.clamp(min=0), 4) * counted
    both = lb.dice(p, hot) + F.cross_entropy(z, y, weight=weight)
    close(lb.dice_with_cross_entropy(z, y, weight=weight), both)
    each = torch.stack([lb.dice_with_cross_entropy(z[i : i + 1], y[i : i + 1], weight=weight) for i in range(3)])
    close(lb.dice_with_cross_entropy(z, y, weight=weight, reduction="none"), each)
    close(lb.dice_with_cross_entropy(z, y, weight=weight, reduction="sum"), each.sum())
    shared = lb.dice(p, hot, batch=True)
    entropy = torch.stack([F.cross_entropy(z[i : i + 1], y[i : i + 1]) for i in range(3)])
    close(lb.dice_with_cross_entropy(z, y, batch=True, reduction="none"), shared + entropy)
    tries: list[dict[str, Any]] = [
        {}, {"weight": weight}, {"batch": True}, {"include_background": False, "batch": True, "weight": weight}
    ]  # fmt: skip
    for options, reduction in itertools.product(tries, REDUCTIONS):
        leaf = z.clone().requires_grad_()
        value = lb.dice_with_cross_entropy(leaf, y, reduction=reduction, **options)
        (slope,) = torch.autograd.grad(value.sum(), leaf)
        close(lb.dice_with_cross_entropy.gradient(z, y, reduction=reduction, **options), slope, 1e-11)


def test_lovasz_of_kornia() -> None:
    losses = pytest.importorskip("kornia.losses")
    for shape in ((1, 1, 3, 5), (4, 1, 6, 7)):
        p, y = masks(shape)
        y[0, 0, 0, 0] = 1  # its loss of an empty mask is that of ours too, but see the next test
        z = 6 * p - 3
        close(lb.lovasz_hinge(z, y), losses.lovasz_hinge_loss(z, y[:, 0]))
        same_gradient(
            lb.lovasz_hinge, lambda a, b: losses.lovasz_hinge_loss(a, b[:, 0]), z, y, lb.lovasz_hinge.gradient(z, y)
        )
    for shape in ((2, 2, 4, 4), (3, 5, 6, 7)):
        z, y = labeled(shape)
        close(lb.lovasz_softmax(z, y, classes="all"), losses.lovasz_softmax_loss(z, y))
        same_gradient(
            lambda a, b: lb.lovasz_softmax(a, b, classes="all"), losses.lovasz_softmax_loss, z, y,
            lb.lovasz_softmax.gradient(z, y, classes="all"),
        )  # fmt: skip


def test_dice_and_tversky_of_kornia() -> None:
    """It takes logits; its eps is in the denominator only, and too small to count here."""
    losses = pytest.importorskip("kornia.losses")
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(3, 4, 6, 6, dtype=torch.float64, generator=generator)
    y = torch.arange(3 * 36).reshape(3, 6, 6) % 4  # every class in every sample: it leaves missing ones out
    p, hot = z.softmax(1), one_hot(y, 4)
    close(lb.dice(p, hot, smooth=0.0), losses.dice_loss(z, y, average="macro", eps=1e-15), 1e-10)
    expected = losses.tversky_loss(z, y, alpha=0.3, beta=0.6, eps=1e-15)
    close(lb.tversky(p, hot, alpha=0.3, beta=0.6, smooth=0.0), expected, 1e-10)


def test_dice_and_tversky_of_keras() -> None:
    """Keras up to 3.15 weighs false negatives by alpha, against its own documentation (its pull request 23333)."""
    keras = pytest.importorskip("keras")
    p, y = (x.float() for x in masks((3, 4, 5)))

    def oracle(name: str, **arguments: Any) -> Tensor:
        return getattr(keras.losses, name)(y, p, **arguments).detach().cpu().flatten()

    one_false_positive = keras.losses.tversky(torch.zeros(1), torch.ones(1), alpha=0.0, beta=1.0, axis=None)
    swapped = one_false_positive.item() > 0.5
    letters = {"alpha": 0.7, "beta": 0.2} if swapped else {"alpha": 0.2, "beta": 0.7}
    for axis, shape in (((1, 2), (3, 1, 20)), (None, (1, 1, 60))):
        some, true = p.reshape(shape), y.reshape(shape)
        found = lb.dice(some, true, smooth=0.0, reduction="none").flatten()
        close(found, oracle("dice", axis=axis), 1e-6)
        found = lb.tversky(some, true, alpha=0.2, beta=0.7, smooth=0.0, reduction="none").flatten()
        close(found, oracle("tversky", axis=axis, **letters), 1e-6)


# --- numbers that people measured -----------------------------------------------------------------------------


def test_soft_truths_of_the_nnunet_thread() -> None:
    p = torch.tensor([0.3, 0.7])
    assert lb.dice(p, p, smooth=0.0).item() == pytest.approx(0.42)
    assert lb.dice(p, p, smooth=0.0, squared=True).item() == pytest.approx(0, abs=1e-7)


def test_per_batch_and_per_sample() -> None:
    """One object found, and one false pixel in an image without an object: .005 or .5."""
    p, y = torch.zeros(2, 1, 20, 20), torch.zeros(2, 1, 20, 20)
    p[0, 0, :10, :10] = y[0, 0, :10, :10] = 1
    p[1, 0, 0, 0] = 1
    assert lb.dice(p, y, smooth=0.0).item() == pytest.approx(0.5)
    assert lb.dice(p, y, smooth=0.0, batch=True).item() == pytest.approx(1 / 201)


def test_the_best_soft_prediction_of_a_half_true_pixel_is_hard() -> None:
    """Dice of probabilities does not ask for the frequency: at a truth of 0.5 it asks for 1."""
    p = torch.linspace(0, 1, 101)[:, None]
    y = torch.full_like(p, 0.5)
    assert lb.dice(p, y, smooth=0.0, reduction="none").argmin() == 100
    assert lb.dice(p, y, smooth=0.0, squared=True, reduction="none").argmin() == 50


# --- empty, full, perfect, one class only ---------------------------------------------------------------------

HARD = {
    "empty": (torch.zeros(2, 2, 3, 3), torch.zeros(2, 2, 3, 3)),
    "full": (torch.ones(2, 2, 3, 3), torch.ones(2, 2, 3, 3)),
    "missed": (torch.zeros(2, 2, 3, 3), torch.ones(2, 2, 3, 3)),
    "false": (torch.ones(2, 2, 3, 3), torch.zeros(2, 2, 3, 3)),
    "doubt": (torch.full((2, 2, 3, 3), 0.5), torch.zeros(2, 2, 3, 3)),
    "perfect": (masks((2, 2, 3, 3))[1].float(), masks((2, 2, 3, 3))[1].float()),
    "no pixel": (torch.zeros(2, 2, 0), torch.zeros(2, 2, 0)),
}


@pytest.mark.parametrize("case", HARD)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("loss", [*OF_MASKS, lb.lovasz_hinge], ids=str)
def test_degenerate_masks_are_finite(loss: lb.Loss, dtype: torch.dtype, case: str) -> None:
    p, y = (x.to(dtype) for x in HARD[case])
    if loss is lb.lovasz_hinge:
        p = 20 * p - 10
    tries: list[dict[str, Any]] = [{}, {"batch": True}]
    if "smooth" in loss.defaults:
        tries += [{"smooth": 0.0}, {"smooth": 0.0, "batch": True}, {"smooth": 1e-5}]
    if loss in (lb.dice, lb.jaccard):
        tries += [{"squared": True, "smooth": 0.0}]
    if "alpha" in loss.defaults:
        tries += [{"alpha": 0.0, "beta": 0.0, "smooth": 0.0}]
    for setting in tries:
        leaf = p.clone().requires_grad_()
        value = loss(leaf, y, **setting)
        value.backward()
        assert leaf.grad is not None
        for found in (value, leaf.grad, loss.gradient(p, y, **setting)):
            assert torch.isfinite(found).all(), setting
        if case in ("empty", "full", "perfect", "no pixel"):
            assert value.abs() < 1e-6, setting
        if case == "missed" and "batch" not in setting and setting.get("smooth") == 0.0 and setting.get("beta") != 0:
            assert value == 1


@pytest.mark.parametrize("loss", [*OF_MASKS, lb.lovasz_hinge], ids=str)
@pytest.mark.parametrize("smooth", [0.0, 1.0])
def test_nan_gives_nan_in_its_mask(loss: lb.Loss, smooth: float) -> None:
    """Not the loss 0, which a network that has diverged would be praised for."""
    p, y = masks((3, 2, 5))
    p[1, 0, 2] = float("nan")
    given = {"smooth": smooth} if "smooth" in loss.defaults else {}
    wrong = torch.zeros(3, 2, dtype=torch.bool)
    wrong[1, 0] = True
    each = loss(p, y, reduction="none", **given)
    assert torch.equal(each.isnan(), wrong if each.dim() == 2 else wrong.any(1))
    assert loss.gradient(p, y, **given)[1, 0].isnan().any()


def test_a_huge_power_is_that_of_float64() -> None:
    """9**50 is no number in float32, and 0 times infinity is not 0."""
    p, y = masks((1, 2, 9))
    y[:] = torch.tensor([[1.0] * 9, [0.0] * 9])
    expected = lb.generalized_dice(p, y, power=50.0)
    assert 0.1 < expected < 0.9
    close(lb.generalized_dice(p.float(), y.float(), power=50.0).double(), expected, 1e-6)


def test_an_empty_mask_and_its_smooth() -> None:
    """The numbers of the pitfall: at p = 0 the slope is 0, 1e5 or harmless, depending on the smooth."""
    p, y = torch.zeros(100, dtype=torch.float64), torch.zeros(100)
    for smooth, slope in ((0.0, 0.0), (1e-5, 1e5), (1.0, 1.0)):
        assert lb.dice(p, y, smooth=smooth) == 0
        close(lb.dice.gradient(p, y, smooth=smooth), torch.full_like(p, slope), 1e-9)
    p = p + 0.1
    assert lb.dice(p, y, smooth=0.0) == 1 and (lb.dice.gradient(p, y, smooth=0.0) == 0).all()


@pytest.mark.parametrize("loss", LABELED, ids=str)
def test_degenerate_labels_are_finite(loss: lb.Loss) -> None:
    z, y = labeled((2, 3, 4, 4))
    for size, target in itertools.product((0.0, 1.0, 1e4), (y, 0 * y, 0 * y + 2, 0 * y - 100)):
        for options in ({}, {"batch": True}):
            leaf = (size * z).float().requires_grad_()
            value = loss(leaf, target, **options)
            value.backward()
            assert leaf.grad is not None
            for found in (value, leaf.grad, loss.gradient(leaf.detach(), target, **options)):
                assert torch.isfinite(found).all()
            if (target == -100).all():
                assert value == 0 and (leaf.grad == 0).all()
    right = 1e4 * (2 * one_hot(y, 3) - 1)
    assert loss(right, y) == pytest.approx(0, abs=1e-12)


def test_an_empty_mask_costs_its_largest_error() -> None:
    z = torch.tensor([[0.2, -3.0, 1.5]])
    assert lb.lovasz_hinge(z, torch.zeros(1, 3)).item() == pytest.approx(2.5)
    assert lb.lovasz_hinge.gradient(z, torch.zeros(1, 3)).tolist() == [[0, 0, 1]]


def test_batches_of_none_and_one() -> None:
    for loss in (*OF_MASKS, lb.lovasz_hinge):
        nothing = torch.zeros(0, 2, 3)
        assert loss(nothing, nothing, reduction="sum") == 0
        assert loss.gradient(nothing, nothing).shape == (0, 2, 3)
    for loss in LABELED:
        nothing = torch.zeros(0, 2, 3)
        assert loss(nothing, torch.zeros(0, 3, dtype=torch.int64), reduction="sum") == 0
        assert loss.gradient(nothing, torch.zeros(0, 3, dtype=torch.int64)).shape == (0, 2, 3)


# --- how they relate ------------------------------------------------------------------------------------------


def test_jaccard_and_dice_order_masks_alike() -> None:
    p, y = masks((20, 1, 30))
    d, j = (loss(p, y, smooth=0.0, reduction="none") for loss in (lb.dice, lb.jaccard))
    close(j, 2 * d / (1 + d))
    assert (j >= d).all()


def test_tversky_between_dice_and_jaccard() -> None:
    p, y = masks((3, 4, 30))
    close(lb.tversky(p, y, smooth=0.5), lb.dice(p, y, smooth=1.0))
    close(lb.tversky(p, y, alpha=1.0, beta=1.0, smooth=0.5), lb.jaccard(p, y, smooth=0.5))
    close(lb.focal_tversky(p, y, gamma=1.0), lb.tversky(p, y, alpha=0.3, beta=0.7))


def test_boolean_and_integer_masks_are_the_float_mask() -> None:
    p, y = masks((2, 3, 4, 4))
    for loss in OF_MASKS:
        for mask in (y.bool(), y.long(), y.to(torch.uint8), y.float()):
            close(loss(p, mask), loss(p, y))
            close(loss.gradient(p, mask), loss.gradient(p, y))
    for mask in (y.bool(), y.to(torch.uint8)):
        close(lb.lovasz_hinge(p, mask), lb.lovasz_hinge(p, y))


def test_any_memory_layout() -> None:
    p, y = masks((2, 3, 4, 6))
    for loss in (*OF_MASKS, lb.lovasz_hinge):
        close(loss(p.transpose(2, 3), y.transpose(2, 3)), loss(p, y))
        last = p.contiguous(memory_format=torch.channels_last)
        close(loss(last, y, batch=True), loss(p, y, batch=True))


def test_halves_count_every_pixel() -> None:
    """In float16 a count would end at 65,504, and stop at 2,048."""
    p = torch.full((1, 1, 300, 300), 0.5, dtype=torch.float16)
    y = torch.zeros_like(p)
    y[..., :150] = 1
    assert lb.dice(p, y).item() == pytest.approx(0.5, abs=1e-3)


# --- bad input ------------------------------------------------------------------------------------------------

P, Y = masks((2, 3, 4))
Z, K = labeled((2, 3, 4))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: lb.dice(8 * P - 4, Y), r"input: got the value -.*, expected probabilities, such as logits.sigmoid"),
        (lambda: lb.dice(P, 255 * Y), r"target: got the value 255, expected a mask"),
        (lambda: lb.dice(P, (255 * Y).to(torch.uint8)), r"target: got the value 255, expected a mask of 0 and 1"),
        (lambda: lb.dice(P, -Y.long()), r"target: got the value -1, expected a mask of 0 and 1"),
        (lambda: lb.dice(P, Y[0]), r"target: got shape \(3, 4\), expected \(2, 3, 4\)"),
        (lambda: lb.dice(P.long(), Y), r"input: got dtype torch.int64"),
        (lambda: lb.dice(P, Y.to(torch.complex64)), r"target: got dtype torch.complex64"),
        (lambda: lb.dice(torch.tensor(0.5), torch.tensor(1.0)), r"input: got shape \(\), expected \(P,\)"),
        (lambda: lb.dice(P, Y, smooth=-1.0), r"smooth: got -1.0, expected a number in \[0, inf\)"),
        (lambda: lb.tversky(P, Y, alpha=-0.1), r"alpha: got -0.1"),
        (lambda: lb.focal_tversky(P, Y, gamma=0.0), r"gamma: got 0.0, expected a number in \(0, inf\)"),
        (lambda: lb.generalized_dice(P[0], Y[0]), r"input: got shape \(3, 4\), expected \(N, C, d1, ...\)"),
        (lambda: lb.lovasz_hinge(P, 0.5 * Y), r"target: got a value between 0 and 1, expected a mask of 0 and 1 only"),
        (lambda: lb.lovasz_softmax(Z, K + 1), r"target: got the class index 3, expected 0 to 2"),
        (lambda: lb.lovasz_softmax(Z, K, classes="some"), r"classes: got 'some', expected 'present' or 'all'"),
        (lambda: lb.lovasz_softmax(Z[0], K[0]), r"input: got shape \(3, 4\), expected logits"),
        (lambda: lb.dice_with_cross_entropy(Z[:, :1], 0 * K), r"target: .* one class has a softmax of 1 everywhere"),
        (lambda: lb.dice_with_cross_entropy(Z, Y, weight=torch.ones(3)), r"weight: .* masks have no class index"),
        (lambda: lb.dice_with_cross_entropy(Z, Y, ignore_index=1), r"ignore_index: .* masks have no class index"),
        (lambda: lb.dice_with_cross_entropy(Z, 2 * Y), r"target: got the value 2"),
        (lambda: lb.dice_with_cross_entropy(Z, K, weight=torch.ones(2)), r"weight: got shape \(2,\)"),
        (lambda: lb.dice_with_cross_entropy(Z, K, lambda_ce=-1.0), r"lambda_ce: got -1.0"),
    ],
)  # fmt: skip
def test_errors_name_the_argument(call: Callable[[], Tensor], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: lb.dice(P, [1, 0]), r"target: got \[1, 0\] of type list"),
        (lambda: lb.dice(P, Y, batch=1), r"batch: got 1 of type int, expected True or False"),
        (lambda: lb.dice(P, Y, smooth="1"), r"smooth: got '1' of type str"),
        (lambda: lb.lovasz_softmax(Z, K, ignore_index=1.0), r"ignore_index: got 1.0"),
    ],
)
def test_wrong_types_name_the_argument(call: Callable[[], Tensor], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        call()


def test_one_wrong_integer_late_in_a_large_mask_is_found() -> None:
    y = torch.zeros(1, 1, 400, 400, dtype=torch.uint8)
    y[..., -1, -1] = 255
    with pytest.raises(ValueError, match="target: got the value 255"):
        lb.dice(torch.zeros(1, 1, 400, 400), y)


# --- planted mistakes -----------------------------------------------------------------------------------------


def _without_the_two(
    p: Tensor, y: Tensor, *, smooth: float = 1.0, batch: bool = False, reduction: str, **_: Any
) -> Tensor:
    overlap, predicted, true = segmentation._sums(p, y, False, batch)
    return reduce(1 - (overlap + smooth) / (predicted + true + smooth), reduction)


def _smooth_below_only(
    p: Tensor, y: Tensor, *, smooth: float = 1.0, batch: bool = False, reduction: str, **_: Any
) -> Tensor:
    overlap, predicted, true = segmentation._sums(p, y, False, batch)
    return reduce(1 - 2 * overlap / (predicted + true + smooth), reduction)


def _scale_of_1000(p: Tensor, y: Tensor, **rest: Any) -> Tensor:
    """The note's listing: the scale cancels except in the constant."""
    smooth = rest.pop("smooth", 1.0)
    return lb.dice.function(p, y, smooth=1000 * smooth, **rest)


def _pixels_first(p: Tensor, y: Tensor, *, smooth: float = 1.0, reduction: str, **_: Any) -> Tensor:
    """A ratio for each pixel, and the mean of these."""
    each = 1 - (2 * p * y + smooth) / (p + y + smooth)
    return reduce(each.mean(segmentation._pixels(p, False)), reduction)


def _always_the_batch(p: Tensor, y: Tensor, *, batch: bool = False, reduction: str, **rest: Any) -> Tensor:
    return lb.dice.function(p, y, batch=batch or reduction != "none", reduction=reduction, **rest)


def _overlap_twice(
    p: Tensor, y: Tensor, *, smooth: float = 1.0, batch: bool = False, reduction: str, **_: Any
) -> Tensor:
    """The sum of the sizes is taken for the union."""
    overlap, predicted, true = segmentation._sums(p, y, False, batch)
    return reduce(1 - (overlap + smooth) / (predicted + true + smooth), reduction)


def _swapped(p: Tensor, y: Tensor, *, alpha: float = 0.5, beta: float = 0.5, **rest: Any) -> Tensor:
    return lb.tversky.function(p, y, alpha=beta, beta=alpha, **rest)


def _exponent_itself(p: Tensor, y: Tensor, *, gamma: float = 4 / 3, **rest: Any) -> Tensor:
    return lb.focal_tversky.function(p, y, gamma=1 / gamma, **rest)


def _power_of_the_mean(p: Tensor, y: Tensor, *, gamma: float = 4 / 3, reduction: str, **rest: Any) -> Tensor:
    """The power comes after the mean: single masks have no focus of their own."""
    each = lb.focal_tversky.function(p, y, gamma=1.0, reduction="none", **rest)
    return each.mean() ** (1 / gamma) if reduction == "mean" else reduce(each ** (1 / gamma), reduction)


def _sizes_of_the_prediction(
    p: Tensor, y: Tensor, *, power: float = 2.0, smooth: float = 0.0, batch: bool = False, reduction: str
) -> Tensor:
    overlap, predicted, true = segmentation._sums(p, y, False, batch)
    weight = predicted.clamp(min=1e-6) ** -power
    total = (weight * (predicted + true)).sum(-1) + smooth
    return reduce(1 - ((2 * weight * overlap).sum(-1) + smooth) / total, reduction)


def _mean_of_the_ratios(p: Tensor, y: Tensor, *, batch: bool = False, reduction: str, **_: Any) -> Tensor:
    """A ratio for each class: the weights then cancel."""
    return reduce(lb.dice.function(p, y, smooth=0.0, batch=batch, reduction="none").mean(-1), reduction)


def _dice_of_logits(z: Tensor, y: Tensor, *, lambda_dice: float = 1.0, smooth: float = 1.0, **rest: Any) -> Tensor:
    """The sigmoid is forgotten in the Dice part."""
    entropy = lb.dice_with_cross_entropy.function(z, y, lambda_dice=0.0, **rest)
    overlap = z[:, 0] if y.dim() != z.dim() else (z * y)
    return entropy + lambda_dice * (1 - overlap.flatten(1).sum(1) / (z.flatten(1).abs().sum(1) + smooth)).mean()


def _sum_of_pixels(z: Tensor, y: Tensor, *, lambda_ce: float = 1.0, **rest: Any) -> Tensor:
    """Cross-entropy summed over the pixels, beside a Dice that is at most 1."""
    return lb.dice_with_cross_entropy.function(z, y, lambda_ce=lambda_ce * y[0].numel(), **rest)


def _sorted_upward(z: Tensor, y: Tensor, *, batch: bool = False, reduction: str) -> Tensor:
    truth = segmentation._in_rows(y, batch).bool()
    errors, order = segmentation._hinge_errors(segmentation._in_rows(z, batch), truth).sort(dim=-1)
    return reduce((errors * segmentation._growth(truth.gather(-1, order), errors.dtype)).sum(-1), reduction)


def _jaccard_not_its_growth(z: Tensor, y: Tensor, *, batch: bool = False, reduction: str) -> Tensor:
    """The differences are forgotten: each error times the whole Jaccard loss up to it."""
    truth = segmentation._in_rows(y, batch).bool()
    errors, order = segmentation._hinge_errors(segmentation._in_rows(z, batch), truth).sort(dim=-1, descending=True)
    whole = segmentation._growth(truth.gather(-1, order), errors.dtype).cumsum(-1)
    return reduce((errors * whole).sum(-1), reduction)


def _mask_of_another_class(z: Tensor, y: Tensor, *, reduction: str, **_: Any) -> Tensor:
    errors, truth, _counted = segmentation._softmax_errors(z.softmax(1), y, -100)
    return reduce(segmentation._lovasz(errors.flatten(2), truth.roll(1, dims=1).flatten(2)).mean(-1), reduction)


@pytest.mark.parametrize(
    ("loss", "wrong"),
    [
        (lb.dice, _without_the_two),
        (lb.dice, _smooth_below_only),
        (lb.dice, _scale_of_1000),
        (lb.dice, _pixels_first),
        (lb.dice, _always_the_batch),
        (lb.jaccard, _overlap_twice),
        (lb.tversky, _swapped),
        (lb.focal_tversky, _exponent_itself),
        (lb.focal_tversky, _power_of_the_mean),
        (lb.generalized_dice, _sizes_of_the_prediction),
        (lb.generalized_dice, _mean_of_the_ratios),
        (lb.dice_with_cross_entropy, _dice_of_logits),
        (lb.dice_with_cross_entropy, _sum_of_pixels),
        (lb.lovasz_hinge, _sorted_upward),
        (lb.lovasz_hinge, _jaccard_not_its_growth),
        (lb.lovasz_softmax, _mask_of_another_class),
    ],
    ids=lambda x: getattr(x, "__name__", str(x)),
)
def test_a_wrong_loss_is_refused(loss: lb.Loss, wrong: Callable[..., Tensor]) -> None:
    assert "its formula" in refused_by(planted(loss, wrong))


def _sign(p: Tensor, y: Tensor, **arguments: Any) -> Tensor:
    return -segmentation._dice_gradient(p, y, **arguments)


def _size_held_fixed(p: Tensor, y: Tensor, **arguments: Any) -> Tensor:
    """The denominator is taken for a constant: only pixels of the mask have a slope."""
    return segmentation._dice_gradient(p, y, **arguments) * y


def _one_over_n_missing(p: Tensor, y: Tensor, *, reduction: str, **arguments: Any) -> Tensor:
    return segmentation._jaccard_gradient(p, y, reduction="none", **arguments)


def _swapped_slopes(p: Tensor, y: Tensor, *, alpha: float = 0.5, beta: float = 0.5, **rest: Any) -> Tensor:
    return segmentation._tversky_gradient(p, y, alpha=beta, beta=alpha, **rest)


def _no_chain_rule(p: Tensor, y: Tensor, *, gamma: float = 4 / 3, **rest: Any) -> Tensor:
    return segmentation._focal_tversky_gradient(p, y, gamma=gamma, **rest) * gamma


def _classes_alike(p: Tensor, y: Tensor, *, power: float = 2.0, **rest: Any) -> Tensor:
    return segmentation._generalized_dice_gradient(p, y, power=0.0, **rest)


def _softmax_as_sigmoid(z: Tensor, y: Tensor, **rest: Any) -> Tensor:
    """The sum over classes is missing in the way back through the softmax."""
    if y.dim() == z.dim():
        return segmentation._dice_with_cross_entropy_gradient(z, y, **rest)
    p = z.softmax(1)
    exact = segmentation._dice_with_cross_entropy_gradient(z, y, **rest)
    return exact + 0.1 * p * (1 - p)


def _unsorted(z: Tensor, y: Tensor, **rest: Any) -> Tensor:
    """The growth is left in the order of the errors, not brought back to the pixels."""
    exact = segmentation._lovasz_hinge_gradient(z, y, **rest)
    return exact.sort(-1, descending=True).values


def _errors_not_logits(z: Tensor, y: Tensor, **rest: Any) -> Tensor:
    """By the probabilities, without the softmax."""
    p = z.softmax(1)
    return segmentation._lovasz_softmax_gradient(z, y, **rest) / p.clamp(min=1e-9)


@pytest.mark.parametrize(
    ("loss", "wrong"),
    [
        (lb.dice, _sign),
        (lb.dice, _size_held_fixed),
        (lb.jaccard, _one_over_n_missing),
        (lb.tversky, _swapped_slopes),
        (lb.focal_tversky, _no_chain_rule),
        (lb.generalized_dice, _classes_alike),
        (lb.dice_with_cross_entropy, _softmax_as_sigmoid),
        (lb.lovasz_hinge, _unsorted),
        (lb.lovasz_softmax, _errors_not_logits),
    ],
    ids=lambda x: getattr(x, "__name__", str(x)),
)
def test_a_wrong_gradient_is_refused(loss: lb.Loss, wrong: Callable[..., Tensor]) -> None:
    assert "gradient" in refused_by(planted(loss, closed_form=wrong))
