"""Verdicts on the traits of masks, boxes and embeddings: how the loss answers when its tensors move, turn or swap."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from lossbook.check.errors import ERRORS
from lossbook.check.places import Values, arguments, domain, doubles, settings, slope_at
from lossbook.check.report import Settings, Verdict, first_disagreement
from lossbook.formula import Formula
from lossbook.loss import Loss
from lossbook.traits import BoxTraits, MaskTraits

Test = Callable[[Loss, Any, Settings], bool]  # does the claim hold, with these arguments?


def _each(loss: Loss, sample: Values, setting: Settings) -> Tensor:
    return loss(*sample, reduction="none", **arguments(loss, setting))


def _same(loss: Loss, setting: Settings, change: Callable[..., Values]) -> bool:
    """Is every loss the same after a change of the tensors?"""

    def one(sample: Values) -> bool:
        before, after = _each(loss, sample, setting), _each(loss, change(*sample), setting)
        return first_disagreement(after, before, 1e-9 * (1 + before.abs())) is None

    return all(map(one, loss.takes.samples()))


# --- masks --------------------------------------------------------------------------------------------------


def _convex(loss: Loss, claimed: bool, setting: Settings) -> bool:
    def sags() -> bool:
        for (a, *rest), (b, *_) in zip(loss.takes.samples(), loss.takes.samples(), strict=True):
            la, lb, middle = (_each(loss, (x, *rest), setting) for x in (a, b, (a + b) / 2))
            if (middle > (la + lb) / 2 + 1e-9 * (1 + la.abs() + lb.abs())).any():
                return True
        return False

    return (not any(sags() for _ in range(5))) == claimed


def _symmetric(loss: Loss, claimed: bool, setting: Settings) -> bool:
    return _same(loss, setting, lambda input, target: (target.to(input.dtype), input)) == claimed


def _zero_when_right(loss: Loss, claimed: bool, setting: Settings) -> bool:
    right = [_each(loss, loss.takes.perfect(*sample), setting) for sample in loss.takes.samples()]
    return all(bool((each.abs() < 1e-6).all()) for each in right) == claimed


def _soft_targets(loss: Loss, claimed: bool, setting: Settings) -> bool:
    def right(sample: Values) -> bool:
        soft = 0.2 + 0.6 * torch.rand_like(sample[0])
        return bool((_each(loss, (soft, soft, *sample[2:]), setting).abs() < 1e-9).all())

    return all(map(right, loss.takes.samples())) == claimed


def _wrong(loss: Loss, sample: Values, size: float, repeats: int) -> Iterator[Values]:
    """Large masks with predictions that are as wrong as can be: the opposite, or the next class."""
    input, *rest = loss.takes.perfect(*sample)
    many = tuple(x.repeat(*[1] * (x.dim() - 1), repeats) for x in rest)
    input = input.repeat(*[1] * (input.dim() - 1), repeats)
    logits = bool((input < 0).any())
    yield (-size * input if logits else 1 - input), *many
    if input.dim() > 1:
        yield (size * input if logits else input).roll(1, dims=1), *many


def _supremum_of_masks(loss: Loss, claimed: float, setting: Settings) -> bool:
    def worst(size: float, repeats: int = 1000) -> float:
        found = [0.0]
        for sample in loss.takes.samples():
            for wrong in _wrong(loss, sample, size, repeats):
                found.append(_each(loss, wrong, setting).max().item())
        return max(found)

    if math.isinf(claimed):
        return worst(100.0, 1) > 5 * worst(1.0, 1)
    return 0.98 * claimed <= worst(1.0) <= claimed * (1 + 1e-9)


# --- boxes --------------------------------------------------------------------------------------------------


def _translation_of_boxes(loss: Loss, claimed: bool, setting: Settings) -> bool:
    move = doubles(3.5, -2.25, 3.5, -2.25)
    return _same(loss, setting, lambda input, target: (input + move, target + move)) == claimed


def _scale(loss: Loss, claimed: bool, setting: Settings) -> bool:
    return _same(loss, setting, lambda input, target: (2.5 * input, 2.5 * target)) == claimed


def _slope_apart(loss: Loss, claimed: bool, setting: Settings) -> bool:
    """Far to the right every box has a slope, or none has."""
    found = []
    for input, target in loss.takes.samples():
        apart = input + 100 * (1 + target.abs().max())
        slopes = loss.gradient(apart, target, reduction="none", **arguments(loss, setting))
        found.append(slopes.abs().amax(-1).flatten() > 0)
    return bool((torch.cat(found) == claimed).all())


def _supremum_of_boxes(loss: Loss, claimed: float, setting: Settings) -> bool:
    """Thin boxes, one lying and one standing, far from each other: as unlike as two boxes can be."""
    thin = doubles(0, 0, 1, 1e4)[None]
    lying = doubles(0, 0, 1e4, 1)[None] + 1e9
    found = [_each(loss, (lying, thin), setting).item()]
    found += [_each(loss, sample, setting).max().item() for sample in loss.takes.samples()]
    return 0.999 * claimed <= max(found) <= claimed * (1 + 1e-9)


# --- embeddings ---------------------------------------------------------------------------------------------


def _changed(loss: Loss, change: Callable[[Tensor], Tensor]) -> Callable[..., Values]:
    """The same change of every embedding; it is given them with their components last."""
    takes = loss.takes
    names = takes.embeddings or takes.by

    def apply(*sample: Tensor) -> Values:
        return tuple(
            change(x.movedim(takes.features, -1)).movedim(-1, takes.features) if name in names else x
            for x, name in zip(sample, takes.names, strict=True)
        )

    return apply


def _translation(loss: Loss, claimed: bool, setting: Settings) -> bool:
    def moved(x: Tensor) -> Tensor:
        return x + torch.linspace(-1.5, 2.5, x.shape[-1], dtype=torch.float64)

    return _same(loss, setting, _changed(loss, moved)) == claimed


def _rotation(loss: Loss, claimed: bool, setting: Settings) -> bool:
    turns: dict[int, Tensor] = {}

    def turned(x: Tensor) -> Tensor:
        size = x.shape[-1]
        if size not in turns:
            turns[size] = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64)).Q
        return x @ turns[size]

    return _same(loss, setting, _changed(loss, turned)) == claimed


def _length(loss: Loss, claimed: bool, setting: Settings) -> bool:
    def stretched(x: Tensor) -> Tensor:
        return x * (0.5 + 2 * torch.rand(*x.shape[:-1], 1, dtype=torch.float64))

    return _same(loss, setting, _changed(loss, stretched)) == claimed


def _batch(loss: Loss, claimed: bool, setting: Settings) -> bool:
    """Does the first loss change when the last sample does?"""

    def last(x: Tensor) -> Tensor:
        return torch.cat([x[:-1], -2 * x[-1:] + 1])

    def depends(sample: Values) -> bool:
        before, after = (_each(loss, x, setting) for x in (sample, _changed(loss, last)(*sample)))
        return first_disagreement(after[:1], before[:1], 1e-9 * (1 + before[:1].abs())) is not None

    batches = [x for x in loss.takes.samples() if x[0].dim() > 1 and len(x[0]) > 2]
    return any(map(depends, batches)) == claimed


def _supremum(loss: Loss, claimed: float | None, setting: Settings) -> bool:
    samples = list(loss.takes.samples())

    def largest(size: float) -> float:
        grown = _changed(loss, lambda x: size * x)
        return max(_each(loss, grown(*sample), setting).max().item() for sample in samples)

    usual, far = largest(1.0), largest(100.0)
    if claimed is None:
        return far <= 5 * usual
    if math.isinf(claimed):
        return far > 5 * usual
    return 0.95 * claimed <= max(usual, far) <= claimed * (1 + 1e-9)


def _translation_of(loss: Loss, claimed: bool, setting: Settings) -> bool:
    boxes = isinstance(loss.traits, BoxTraits)
    return (_translation_of_boxes if boxes else _translation)(loss, claimed, setting)


def _supremum_of(loss: Loss, claimed: float | None, setting: Settings) -> bool:
    if isinstance(loss.traits, MaskTraits):
        return _supremum_of_masks(loss, claimed or 0.0, setting)
    if isinstance(loss.traits, BoxTraits):
        return _supremum_of_boxes(loss, claimed or 0.0, setting)
    return _supremum(loss, claimed, setting)


STRUCTURED: dict[str, Test] = {
    "convex": _convex,
    "symmetric": _symmetric,
    "zero_when_right": _zero_when_right,
    "soft_targets": _soft_targets,
    "supremum": _supremum_of,
    "translation": _translation_of,
    "scale": _scale,
    "slope_apart": _slope_apart,
    "rotation": _rotation,
    "length": _length,
    "batch": _batch,
    **ERRORS,
}


# --- where the slope jumps ----------------------------------------------------------------------------------


def surfaces(loss: Loss) -> Verdict:
    """The slope jumps on every surface that is declared, and nowhere else: looked for along random lines."""
    claimed = loss.traits.kinks
    subject = f"the slope jumps where one of these is zero: {', '.join(claimed) or 'none'}"
    functions = {text: Formula(text, loss.formula.variables, loss.formula.parameters) for text in claimed}
    met: set[str] = set()
    every = list(settings(loss))
    for setting in every[:: max(1, len(every) // (2 if loss.takes.one_by_one else 6))]:
        numbers = [doubles(setting[name]).squeeze() for name in loss.formula.parameters]
        for place in _jumps(loss, setting):
            size = 1 + max(x.abs().item() for x in place)
            found = {text: abs(float(f.function("torch")(*place, *numbers))) for text, f in functions.items()}
            near = [text for text, distance in found.items() if distance < 1e-5 * size]
            if not near:
                where = ", ".join(f"{n} = {x.item():.4g}" for n, x in zip(loss.formula.variables, place, strict=True))
                return Verdict(subject, "the numbers", "holds", f"with a jump of the slope at {where}, {setting}")
            if len(near) == 1:  # two that fall together at some setting do not vouch for each other
                met.add(near[0])
    missed = [text for text in claimed if text not in met]
    complaint = f"with no jump of the slope found at {missed[0]} = 0" if missed else None
    return Verdict(subject, "the numbers", "holds", complaint)


def _jumps(loss: Loss, setting: Settings) -> Iterator[Values]:
    """Zoom into the steepest intervals of some lines: a continuous slope flattens there, a jump stays."""
    lines, points = (4, 33) if loss.takes.one_by_one else (24, 121)
    starts = _random(loss, lines)  # (lines, variables)
    ways = _random(loss, lines) - starts

    def slope(line: Tensor, share: Tensor) -> Tensor:
        """The slope along the lines of these numbers, at a share of each."""
        places = starts[line.flatten()] + share.flatten()[:, None] * ways[line.flatten()]
        return (slope_at(loss, places.unbind(1), setting) * ways[line.flatten()].T).sum(0).reshape(share.shape)

    shares = torch.linspace(0, 1, points, dtype=torch.float64).expand(lines, -1)
    found = slope(torch.arange(lines)[:, None].expand_as(shares), shares)
    steepest = found.diff(dim=1).abs().topk(4, dim=1).indices
    line = torch.arange(lines)[:, None].expand_as(steepest).flatten()
    low, high = (shares.gather(1, steepest + end).flatten() for end in (0, 1))
    least = 1e-4 * (found.abs().amax(1) + 1e-3)
    while line.numel() and (high - low).max() > 1e-10:
        inner = low[:, None] + (high - low)[:, None] * torch.linspace(0, 1, 6, dtype=torch.float64)
        rises = slope(line[:, None].expand_as(inner), inner).diff(dim=1).abs()
        rise, best = rises.max(dim=1, keepdim=True)
        stays = rise.squeeze(1) > least[line]
        low, high = (inner.gather(1, best + end).squeeze(1)[stays] for end in (0, 1))
        line = line[stays]
    for i, share in zip(line.tolist(), low, strict=True):
        yield (starts[i] + share * ways[i]).unbind()


def _random(loss: Loss, lines: int) -> Tensor:
    """A random place for the end of each line."""
    columns = []
    for low, high in domain(loss):
        if (low, high) == (-loss.record.reach, loss.record.reach):
            columns.append(2 * torch.randn(lines, dtype=torch.float64))
        else:
            columns.append(low + (high - low) * (0.01 + 0.98 * torch.rand(lines, dtype=torch.float64)))
    return torch.stack(loss.takes.allowed(*columns), dim=1)
