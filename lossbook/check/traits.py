"""Verdicts on traits: each claim is tested both ways, so that neither a claim nor its denial can be wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from lossbook.check.forecasts import FORECASTS
from lossbook.check.places import (
    Values,
    above,
    arguments,
    bounded,
    call_settings,
    domain,
    doubles,
    evaluate,
    half_line,
    places_of,
    scales,
    settings,
    slope_at,
    value_at,
)  # fmt: skip
from lossbook.check.report import Settings, Verdict, first_disagreement
from lossbook.check.sequences import TESTS as SEQUENCE_TESTS
from lossbook.check.structure import STRUCTURED, surfaces
from lossbook.loss import Loss
from lossbook.traits import WORDS, MarginTraits, RelativeTraits, Structured

FAR = torch.logspace(-4, 8, 400, dtype=torch.float64)
LINE = torch.cat([-FAR.flip(0), doubles(0.0), FAR])
CHANCES = (0.05, 0.3, 0.45, 0.55, 0.7, 0.95)

Test = Callable[[Loss, Any, Settings], bool]  # does the claim hold, at this setting?


def trait_verdicts(loss: Loss) -> Iterator[Verdict]:
    """Each claim of the loss's traits."""
    for name, claim in vars(loss.traits).items():
        if name not in PLACES and (claim is not None or name in ("degree", "lipschitz")):
            yield _trait(loss, name, claim)
    if isinstance(loss.traits, Structured):
        yield surfaces(loss)
    elif len(loss.formula.variables) == 1 and hasattr(loss.traits, "kinks"):
        yield from _smoothness(loss)


def _trait(loss: Loss, name: str, claim: Any) -> Verdict:
    subject = _subject(name, claim)
    structured = isinstance(loss.traits, Structured)
    tests = STRUCTURED if structured else FORECASTS if isinstance(loss.traits, RelativeTraits) else TESTS
    for setting in call_settings(loss) if structured else settings(loss):
        # A loss with a label makes its claims for all labels together.
        if loss.takes.label and setting[loss.takes.label.name] != loss.takes.label.default:
            continue
        both_ends = isinstance(claim, tuple)
        claimed = tuple(evaluate(loss, x, setting) for x in claim) if both_ends else evaluate(loss, claim, setting)
        if not tests[name](loss, claimed, setting):
            return Verdict(subject, "the numbers", "holds", f"with the claim {claimed} at {setting or 'every setting'}")
    return Verdict(subject, "the numbers", "holds")


def _subject(name: str, claim: Any) -> str:
    if name == "minimizers":
        low, high = claim
        zeros = f"at {low}" if low == high else f"from {low} to {high}"
        return f"zero {zeros}, positive elsewhere"
    if name == "degree":
        return f"homogeneous: {'no' if claim is None else f'of degree {claim}'}"
    # A long case distinction is named, not printed.
    if name == "lipschitz" and claim is None:
        return "steepest slope: bounded"
    said = "none" if claim == "oo" else claim if len(str(claim)) < 40 else "as declared"
    return f"{WORDS.get(name, name)}: {said}"


# --- formulas in one variable -------------------------------------------------------------------------------


def line(loss: Loss, limit: float = 1e8) -> Tensor:
    """The variable's line, dense near zero or near the ends of its domain."""
    low, high = domain(loss)[0]
    if half_line(loss):
        return above(low, 1e-8, min(limit, loss.record.reach), 600)
    if bounded(loss):
        near = torch.logspace(-9, -0.31, 300, dtype=torch.float64)
        return low + (high - low) * torch.cat([near, 1 - near.flip(0)])
    return (
        LINE[(LINE.abs() <= limit) & (low <= LINE) & (high >= LINE)]
        if loss.record.reach < 1e4
        else LINE[LINE.abs() <= limit]
    )


def _every_label(loss: Loss, setting: Settings) -> Iterator[Settings]:
    label = loss.takes.label
    if label is None:
        yield setting
        return
    low, high, _ = label.slider
    for value in label.choices or (low + share * (high - low) for share in (0, 0.25, 0.5, 0.75, 1)):
        yield {**setting, label.name: value}


def _sags(loss: Loss, setting: Settings) -> bool:
    some = line(loss)[::8]
    a, b = torch.meshgrid(some, some, indexing="ij")
    la, lb, middle = (value_at(loss, x.flatten(), setting) for x in (a, b, (a + b) / 2))
    return bool((middle > (la + lb) / 2 + 1e-9 * (la.abs() + lb.abs()) + 1e-12).any())


def _convex(loss: Loss, claimed: bool, setting: Settings) -> bool:
    if len(loss.formula.variables) > 1:
        return _convex_in_scores(loss, setting) == claimed
    return (not any(_sags(loss, one) for one in _every_label(loss, setting))) == claimed


def _lipschitz(loss: Loss, claimed: float | None, setting: Settings) -> bool:
    if len(loss.formula.variables) > 1:
        return _lipschitz_in_scores(loss, claimed, setting)
    near = torch.linspace(-20, 20, 20001, dtype=torch.float64) * max([1.0, *(abs(v) for v in scales(loss, setting))])
    low, high = domain(loss)[0]
    if half_line(loss):
        reach = loss.record.reach
        grids = [above(low, *ends, 20001) for ends in ((1e-2, 1e2), (1e-2, math.sqrt(reach)), (1e-6, reach))]
    elif bounded(loss):
        grids = [low + (high - low) * torch.linspace(e, 1 - e, 20001, dtype=torch.float64) for e in (1e-3, 1e-3, 1e-9)]
        grids = [torch.cat([g, line(loss)[(line(loss) >= g.min()) & (line(loss) <= g.max())]]).unique() for g in grids]
    else:
        near = near[(near >= low) & (near <= high)]
        ends = (1e3, 1e6) if loss.record.reach >= 1e4 else (loss.record.reach / 2, loss.record.reach)
        grids = [near, *(line(loss, end) for end in ends)]
    steepest = [max(_steepest(loss, x, one) for one in _every_label(loss, setting)) for x in grids]
    if claimed is None:  # bounded, without a closed form
        return steepest[2] <= 1.001 * max(steepest[:2])
    if math.isinf(claimed):
        return steepest[2] > 1.9 * steepest[1]
    return 0.9999 * claimed <= max(steepest) <= claimed * (1 + 1e-6)


def _steepest(loss: Loss, x: Tensor, setting: Settings) -> float:
    jumps = [evaluate(loss, text, setting) for text in getattr(loss.traits, "jumps", ())]
    slopes = (value_at(loss, x, setting).diff() / x.diff()).abs()
    for place in jumps:  # between two places beside a jump there is no slope
        slopes = slopes[(x[:-1] > place) | (x[1:] <= place)] if len(jumps) == 1 else slopes
    return slopes.max().item()


def _supremum(loss: Loss, claimed: float, setting: Settings) -> bool:
    name = type(loss.traits).__name__
    if name == "DivergenceTraits":
        return _supremum_of_divergence(loss, claimed, setting)
    if name in ("FeatureTraits", "SetTraits") or len(loss.formula.variables) > 1:
        return _supremum_in_scores(loss, claimed, setting)
    low, high = domain(loss)[0]
    if half_line(loss):
        ends = [above(low, 1 / reach, reach, 2000) for reach in (math.sqrt(loss.record.reach), loss.record.reach)]
    elif bounded(loss):
        inside = torch.linspace(0, 1, 20001, dtype=torch.float64)[1:-1]
        sides = [torch.cat([x := torch.logspace(e, -0.3, 400).double(), 1 - x, inside]) for e in (-4, -16)]
        ends = [low + (high - low) * side for side in sides]
    else:
        reach = 1e8 if loss.record.reach >= 1e4 else loss.record.reach
        ends = [line(loss, math.sqrt(reach)), line(loss, reach)]
    before, largest = (max(value_at(loss, x, one).max().item() for one in _every_label(loss, setting)) for x in ends)
    return largest > 1.5 * before if math.isinf(claimed) else 0.99999 * claimed <= largest <= claimed * (1 + 1e-12)


def _redescending(loss: Loss, claimed: bool, setting: Settings) -> bool:
    slopes = slope_at(loss, LINE, setting).abs()
    return bool((slopes[[0, -1]] < 1e-3 * slopes.max()).all()) == claimed


def _even(loss: Loss, claimed: bool, setting: Settings) -> bool:
    return bool(torch.equal(value_at(loss, FAR, setting), value_at(loss, -FAR, setting))) == claimed


def _minimizers(loss: Loss, claimed: tuple[float, float], setting: Settings) -> bool:
    low, high = claimed
    r = torch.cat([LINE, torch.linspace(low, high, 9, dtype=torch.float64)])
    values, least = value_at(loss, r, setting), (r >= low) & (r <= high)
    return bool((values[least] == 0).all() and (values[~least] > 0).all())


def _degree(loss: Loss, claimed: int | None, setting: Settings) -> bool:
    if claimed is None:  # not homogeneous, at the defaults
        one, two, ten, twenty = value_at(loss, doubles(1, 2, 10, 20), loss.defaults).tolist()
        return abs(two / one - twenty / ten) > 1e-6
    scaled, value = value_at(loss, 3 * FAR, setting), value_at(loss, FAR, setting)
    return first_disagreement(scaled, 3.0**claimed * value, 1e-12 * scaled.abs()) is None


# --- margins: what the best score says of the likelier label ------------------------------------------------

SCORES = torch.cat([-(x := torch.logspace(-6, math.log10(30), 3000, dtype=torch.float64)).flip(0), doubles(0.0), x])


def _calibrated(loss: Loss, claimed: bool, setting: Settings) -> bool:
    """The least risk with a score of the wrong sign, or of none, is larger than the least risk of all."""
    if len(loss.formula.variables) > 1:
        return _calibrated_scores(loss, setting) == claimed

    def agrees(chance: float) -> bool:
        risk = chance * value_at(loss, SCORES, setting) + (1 - chance) * value_at(loss, -SCORES, setting)
        wrong = SCORES <= 0 if chance > 0.5 else SCORES >= 0
        return bool(risk[wrong].min() > risk.min() + 1e-9)

    return all(map(agrees, CHANCES)) == claimed


def _zero_from(loss: Loss, claimed: float, setting: Settings) -> bool:
    values, zero = value_at(loss, SCORES, setting), claimed <= SCORES
    above = claimed < SCORES if loss.traits.jumps else zero  # at a jump the convention decides
    return bool((values[above] == 0).all() and (values[~zero] > 0).all())


def _proper(loss: Loss, claimed: bool, setting: Settings) -> bool:
    """The expected loss is least where the predicted probability is the true one."""
    if len(loss.formula.variables) > 1:
        return _proper_scores(loss, setting) == claimed
    label = loss.takes.label
    assert label is not None, "a proper loss has a label"
    x = torch.linspace(-8, 8, 32001, dtype=torch.float64)
    predicted = x.sigmoid()
    if bounded(loss):
        x = predicted
    ones, zeros = (value_at(loss, x, {**setting, label.name: one}) for one in (1.0, 0.0))
    best = [predicted[(p * ones + (1 - p) * zeros).argmin()].item() for p in CHANCES]
    return all(abs(found - p) < 2e-3 for found, p in zip(best, CHANCES, strict=True)) == claimed


# --- several scores -----------------------------------------------------------------------------------------


def _score_grid(center: Tensor, half: float, count: int = 15) -> Tensor:
    """Rows of three scores in a cube."""
    side = torch.linspace(-half, half, count, dtype=torch.float64)
    return torch.cartesian_prod(side, side, side) + center


def _each_class(loss: Loss, rows: Tensor, setting: Settings) -> Tensor:
    """The loss of every row of scores, for each class that may be true: (rows, classes)."""
    if getattr(loss.takes, "log_probabilities", False):
        rows = rows.log_softmax(1)
    truths = [loss.takes.truth(label, rows) for label in range(rows.shape[1])]
    return torch.stack([loss(rows, truth, reduction="none", **arguments(loss, setting)) for truth in truths], dim=1)


def _least_risk(
    loss: Loss, chances: Tensor, setting: Settings, allowed: Callable[[Tensor], Tensor]
) -> tuple[float, Tensor]:
    """The least expected loss over the allowed rows of scores, on finer and finer grids, and where it is."""
    best, center, half = math.inf, torch.zeros(3, dtype=torch.float64), 8.0
    for _ in range(14):
        rows = _score_grid(center, half)
        rows = rows[allowed(rows)]
        risk = _each_class(loss, rows, setting) @ chances
        if risk.min().item() < best:
            best, center = risk.min().item(), rows[risk.argmin()]
        half *= 0.55
    return best, center


MIXES = doubles(0.6, 0.3, 0.1), doubles(0.4, 0.35, 0.25)


def _proper_scores(loss: Loss, setting: Settings) -> bool:
    def right(chances: Tensor) -> bool:
        _, best = _least_risk(loss, chances, setting, lambda rows: torch.ones(len(rows), dtype=torch.bool))
        return bool((best.softmax(0) - chances).abs().max() < 0.01)

    return all(map(right, MIXES))


def _calibrated_scores(loss: Loss, setting: Settings) -> bool:
    def right(chances: Tensor) -> bool:
        first = lambda rows: rows[:, 0] > rows[:, 1:].amax(1)  # noqa: E731
        least, _ = _least_risk(loss, chances, setting, first)
        wrong, _ = _least_risk(loss, chances, setting, lambda rows: ~first(rows))
        return wrong > least + 1e-5

    return all(map(right, MIXES))


def _some_scores(loss: Loss) -> Values:
    sides = doubles(-1e3, -40, -5, -1, -0.2, 0, 0.3, 1, 4, 40, 1e3)
    corners = torch.cartesian_prod(*[sides] * len(loss.formula.variables))
    return torch.cat([corners, 3 * torch.randn(2000, corners.shape[1], dtype=torch.float64)]).unbind(1)


def _convex_in_scores(loss: Loss, setting: Settings) -> bool:
    a = torch.stack(_some_scores(loss))
    b = a[:, torch.randperm(a.shape[1])]
    near = a + torch.randn_like(a)
    for one, other in ((a, b), (a, near)):
        la, lb, middle = (value_at(loss, x.unbind(0), setting) for x in (one, other, (one + other) / 2))
        if (middle > (la + lb) / 2 + 1e-9 * (1 + la.abs() + lb.abs())).any():
            return False
    return True


def _lipschitz_in_scores(loss: Loss, claimed: float | None, setting: Settings) -> bool:
    longest = slope_at(loss, _some_scores(loss), setting).norm(dim=0).max().item()
    if claimed is None:
        return longest < 1e3
    if math.isinf(claimed):
        return longest > 1e3
    return 0.98 * claimed <= longest <= claimed * (1 + 1e-9)


def _shift_invariant(loss: Loss, claimed: bool, setting: Settings) -> bool:
    values = tuple(3 * torch.randn(50, dtype=torch.float64) for _ in loss.formula.variables)
    first, *others = (value_at(loss, tuple(x + shift for x in values), setting) for shift in (0.0, -7.0, 3.0, 100.0))
    same = all(first_disagreement(first, other, 1e-9) is None for other in others)
    return same == claimed


def _supremum_in_scores(loss: Loss, claimed: float, setting: Settings) -> bool:
    if not loss.takes.domain:
        sizes = [tuple(x * scale for x in _some_scores(loss)) for scale in (1.0, 10.0)]
        before, largest = (value_at(loss, x, setting).max().item() for x in sizes)
        if not math.isinf(claimed):
            return 0.999 * claimed <= largest <= claimed * (1 + 1e-9)
        return largest > 5 * before
    if not math.isinf(claimed):
        corners = tuple(x.flatten() for x in torch.meshgrid(*(doubles(*ends) for ends in domain(loss)), indexing="ij"))
        largest = value_at(loss, corners, setting).max().item()
        return 0.999 * claimed <= largest <= claimed * (1 + 1e-9)
    samples = list(loss.takes.samples())  # features and the like: longer ones lose more
    means = [
        max(
            loss(
                *((size * t if name in loss.takes.by else t) for name, t in zip(loss.takes.names, s, strict=True)),
                reduction="none",
                **arguments(loss, setting),
            )
            .max()
            .item()
            for s in samples
        )
        for size in (1.0, 100.0)
    ]
    return means[1] > 5 * means[0]


# --- divergences --------------------------------------------------------------------------------------------


def _distributions() -> Values:
    return tuple((2 * torch.randn(2, 30, 4, dtype=torch.float64)).softmax(-1).unbind(0))


def _summed(loss: Loss, q: Tensor, p: Tensor, setting: Settings) -> Tensor:
    return torch.stack(
        [
            loss(*loss.takes.distributions(a[None], b[None]), reduction="sum", **arguments(loss, setting))
            for a, b in zip(q, p, strict=True)
        ]
    )


def _zero_when_equal(loss: Loss, claimed: bool, setting: Settings) -> bool:
    q, p = _distributions()
    equal, other = _summed(loss, q, q, setting), _summed(loss, q, p, setting)
    return bool((equal.abs() < 1e-12).all() and (other > 1e-6).all()) == claimed


def _symmetric(loss: Loss, claimed: bool, setting: Settings) -> bool:
    q, p = _distributions()
    there, back = _summed(loss, q, p, setting), _summed(loss, p, q, setting)
    return (first_disagreement(there, back, 1e-12) is None) == claimed


def _supremum_of_divergence(loss: Loss, claimed: float, setting: Settings) -> bool:
    found = []
    for far in (1e-6, 1e-60):  # nearly certain of different outcomes
        q = doubles(1 - far, far / 2, far / 2)[None]
        found.append(_summed(loss, q, q.flip(1), setting).item())
    return found[1] > 5 * found[0] if math.isinf(claimed) else 0.999 * claimed <= found[1] <= claimed * (1 + 1e-9)


# --- features and sets --------------------------------------------------------------------------------------


def _unchanged(loss: Loss, setting: Settings, change: Callable[..., Values]) -> bool:
    """Is every sample's loss the same after a change of the tensors?"""

    def same(sample: Values) -> bool:
        before, after = (
            loss(*tensors, reduction="none", **arguments(loss, setting)) for tensors in (sample, change(*sample))
        )
        return first_disagreement(after, before, 1e-9 * (1 + before.abs())) is None

    return all(map(same, loss.takes.samples()))


def _feature_scale(loss: Loss, claimed: bool, setting: Settings) -> bool:
    return _unchanged(loss, setting, lambda x, weight, target: (2.5 * x, weight, target)) == claimed


def _weight_scale(loss: Loss, claimed: bool, setting: Settings) -> bool:
    def longer(x: Tensor, weight: Tensor, target: Tensor) -> Values:
        return x, weight * torch.linspace(0.5, 3, len(weight), dtype=torch.float64)[:, None], target

    return _unchanged(loss, setting, longer) == claimed


def _rotation(loss: Loss, claimed: bool, setting: Settings) -> bool:
    def turned(x: Tensor, weight: Tensor, target: Tensor) -> Values:
        q, _ = torch.linalg.qr(torch.randn(x.shape[1], x.shape[1], dtype=torch.float64))
        return x @ q, weight @ q, target

    return _unchanged(loss, setting, turned) == claimed


def _order_free(loss: Loss, claimed: bool, setting: Settings) -> bool:
    return _unchanged(loss, setting, lambda z, target: (z.flip(-2), target.flip(-1))) == claimed


def _per_candidate(loss: Loss, claimed: bool, setting: Settings) -> bool:
    """Does saying every candidate twice double the loss?"""

    def twice(sample: Values) -> bool:
        z, target = sample
        doubled = torch.cat([z, z], dim=-2), torch.cat([target, target], dim=-1)
        once, two = (loss(*x, reduction="none", **arguments(loss, setting)) for x in (sample, doubled))
        return first_disagreement(two, 2 * once, 1e-9 * (1 + once.abs())) is None

    return all(map(twice, loss.takes.samples())) == claimed


TESTS: dict[str, Test] = {
    "convex": _convex,
    "lipschitz": _lipschitz,
    "supremum": _supremum,
    "redescending": _redescending,
    "even": _even,
    "minimizers": _minimizers,
    "degree": _degree,
    "calibrated": _calibrated,
    "zero_from": _zero_from,
    "proper": _proper,
    "shift_invariant": _shift_invariant,
    "zero_when_equal": _zero_when_equal,
    "symmetric": _symmetric,
    "feature_scale": _feature_scale,
    "weight_scale": _weight_scale,
    "rotation": _rotation,
    "order_free": _order_free,
    "per_candidate": _per_candidate,
    **SEQUENCE_TESTS,
}
PLACES = ("kinks", "curvature_jumps", "jumps")


# --- where something jumps ----------------------------------------------------------------------------------


def _smoothness(loss: Loss) -> Iterator[Verdict]:
    def value(x: Tensor, setting: Settings) -> Tensor:
        return value_at(loss, x, setting)

    def slope(x: Tensor, setting: Settings) -> Tensor:
        return slope_at(loss, x, setting)

    def curvature(x: Tensor, setting: Settings) -> Tensor:
        """The second derivative of the code, by autograd."""
        leaf = x.detach().clone().requires_grad_()
        (slopes,) = torch.autograd.grad(value_at(loss, leaf, setting).sum(), leaf, create_graph=True)
        return torch.autograd.grad(slopes.sum(), leaf)[0] if slopes.requires_grad else torch.zeros_like(x)

    traits = loss.traits
    jumps = getattr(traits, "jumps", ())
    if isinstance(traits, MarginTraits):
        yield _breaks_verdict(loss, "loss", value, jumps, ())
    yield _breaks_verdict(loss, "slope", slope, traits.kinks, jumps)
    yield _breaks_verdict(loss, "curvature", curvature, traits.curvature_jumps, traits.kinks + jumps)


def _breaks_verdict(
    loss: Loss,
    what: str,
    function: Callable[[Tensor, Settings], Tensor],
    claimed: tuple[str, ...],
    known: tuple[str, ...],
) -> Verdict:
    """The function jumps at every claimed place, and nowhere else."""
    said = ", ".join(text if len(text) < 40 else "as declared" for text in claimed)
    subject = f"the {what} jumps at: {said or 'no place'}"
    jumped: set[str] = set()  # with a label, a jump may be that of one label
    last: Settings = {}
    for setting in settings(loss):
        at = places_of(loss, claimed, setting)
        for text, place in at.items():
            if _rises(function, doubles(place - 1e-9, place + 1e-9), setting).item() >= 1e-3:
                jumped.add(text)
            elif loss.takes.label is None:
                jumped.discard(text)
                return _continuous(subject, what, place, setting)
        found = _find_jump(loss, function, setting, [*at.values(), *places_of(loss, known, setting).values()])
        if found is not None:
            return Verdict(subject, "the numbers", "holds", f"with a jump of the {what} at {found:.6g}, {setting}")
        last = setting
    missing = [text for text in claimed if text not in jumped]
    if missing:
        return _continuous(subject, what, evaluate(loss, missing[0], last), last)
    return Verdict(subject, "the numbers", "holds")


def _continuous(subject: str, what: str, place: float, setting: Settings) -> Verdict:
    return Verdict(subject, "the numbers", "holds", f"with a {what} that is continuous at {place:g}, {setting}")


def _rises(function: Callable[[Tensor, Settings], Tensor], x: Tensor, setting: Settings) -> Tensor:
    """How much the function changes from each number to the next; NaN counts as a jump."""
    return function(x.flatten(), setting).reshape(x.shape).diff().abs().nan_to_num(nan=math.inf)


def _find_jump(loss: Loss, function: Callable[..., Tensor], setting: Settings, known: list[float]) -> float | None:
    """Zoom into the steepest intervals, all at once: a continuous function flattens there, a jump stays."""
    reach = min(10 * max([1.0, *map(abs, known)]), loss.record.reach)
    ends = domain(loss)[0] if bounded(loss) else (-1.001 * reach, reach)
    if half_line(loss):
        ends = (ends[0], ends[0] + reach)
    inside = 0.001 * (ends[1] - ends[0]) if bounded(loss) else 0.0
    places = torch.linspace(ends[0] + inside, ends[1] - inside, 4001, dtype=torch.float64)
    steepest = _rises(function, places, setting).argsort(descending=True)[:8]
    low, high = places[steepest], places[steepest + 1]
    for place in known:
        other = (place < low - 1e-9) | (place > high + 1e-9)
        low, high = low[other], high[other]
    while low.numel() and (high - low).max() > 1e-9:
        middle = (low + high) / 2
        left, right = _rises(function, torch.stack([low, middle, high], dim=-1), setting).unbind(-1)
        low, high = torch.where(left > right, low, middle), torch.where(left > right, middle, high)
    at = _rises(function, torch.stack([low, high], dim=-1), setting).squeeze(-1)
    steady = function(places, setting).abs().max().nan_to_num(nan=1.0).clamp(min=1).item()
    jumps = low[at > 1e-5 * (steady if bounded(loss) or steady > 1e4 else 1)]
    return jumps[0].item() if jumps.numel() else None
