"""The numeric verdicts that chapters and tests share: does a loss agree with everything it should agree with?

`check(loss)` confronts the code of a loss with its formula, with 50-digit arithmetic, with torch's built-in, with
autograd and with finite differences, and tests every claimed trait. A report states the tolerance that was
met, never the last digits of one machine, so that it reads the same everywhere.

Every comparison is written so that NaN disagrees.
"""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lossbook.loss import REDUCTIONS, Loss, Parameter
from lossbook.table import Table

Settings = dict[str, float]
DIGITS = 50


class CheckError(AssertionError):
    """Two things that should agree do not."""


@dataclass(frozen=True)
class Verdict:
    """One line of a report: what was confronted with what, and the first disagreement, if there is one."""

    subject: str
    against: str
    outcome: str
    disagreement: str | None = None

    @property
    def line(self) -> tuple[str, str, str]:
        return self.subject, self.against, f"DISAGREES {self.disagreement}" if self.disagreement else self.outcome


@dataclass(frozen=True)
class Report:
    """The verdicts on one loss, as a table in text or HTML."""

    title: str
    verdicts: tuple[Verdict, ...]

    @property
    def failures(self) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.verdicts if verdict.disagreement)

    @property
    def headline(self) -> str:
        """How many verdicts hold."""
        return f"{self.title}: {len(self.verdicts) - len(self.failures)} of {len(self.verdicts)} verdicts hold"

    @property
    def table(self) -> Table:
        """Every verdict."""
        return Table(("what", "against", "verdict"), [verdict.line for verdict in self.verdicts])

    def __str__(self) -> str:
        return f"{self.headline}\n{self.table}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = f"<summary>{html.escape(self.headline)}</summary>"
        return f'<details class="lb-report">{head}{self.table._repr_html_()}</details>'


def check(loss: Loss) -> Report:
    """Confront a loss with everything that it should agree with.

    Parameters
    ----------
    loss
        A loss of the book, or one of your own made with `lossbook.loss.loss`.

    Returns
    -------
    Report
        A small table. It is the same text on every machine.

    Raises
    ------
    CheckError
        At least one verdict failed; the message is the report, with the place and both numbers.

    Examples
    --------
    >>> import lossbook as lb
    >>> print(str(lb.check(lb.mse)).partition(":")[0])
    Mean squared error (mse)
    """
    if not isinstance(loss, Loss):
        raise TypeError(f"loss: got {type(loss).__name__}, expected a loss of the book, such as lossbook.huber")
    _readable(loss)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        report = Report(f"{loss.title} ({loss.name})", tuple(v for verdict in VERDICTS for v in _run(verdict, loss)))
    if report.failures:
        raise CheckError(str(report))
    return report


def _readable(loss: Loss) -> None:
    """One clear line for a slip of the pen in the record, instead of one from each verdict that trips over it."""
    traits = loss.traits
    claims = [traits.convex, traits.lipschitz, traits.supremum, traits.redescending, traits.even]
    texts = [*claims, *traits.kinks, *traits.curvature_jumps, *traits.minimizers, *(x.text for x in loss.record.limits)]
    for text in [loss.formula.text, *(text for text in texts if isinstance(text, str))]:
        try:
            loss.formula.parse(text)
        except Exception as error:
            raise CheckError(f"{loss.name}: cannot read {text!r} of its record: {error}") from error


def _run(verdict: Callable[[Loss], Iterator[Verdict]], loss: Loss) -> list[Verdict]:
    """A loss that makes a verdict crash has failed it."""
    try:
        return list(verdict(loss))
    except Exception as error:
        what = verdict.__name__.strip("_").replace("_", " ")
        return [Verdict(what, "running it", "runs", f"with {type(error).__name__}: {error}")]


def agree(claim: str, left: Any, right: Any, to: float = 1e-12) -> None:
    """Assert that two numbers, arrays or tensors agree, and say so in one line.

    The difference may be at most `to` times the larger of 1 and the size of `right`, element by element.

    Examples
    --------
    >>> agree("sine of pi is zero", math.sin(math.pi), 0)
    sine of pi is zero: agrees to 1e-12
    >>> agree("two is three", 2, 3)
    Traceback (most recent call last):
    ...
    lossbook.check.CheckError: two is three: 2 against 3
    """
    if not 0 < to < math.inf:
        raise ValueError(f"to: got {to!r}, expected a positive finite number")
    left, right = (torch.as_tensor(x, dtype=torch.float64).detach() for x in (left, right))
    if not (left.numel() and right.numel()):
        raise ValueError(f"left, right: got shapes {tuple(left.shape)} and {tuple(right.shape)}, expected numbers")
    if left.shape != right.shape and right.dim() > 0 and left.dim() > 0:
        raise ValueError(f"right: got shape {tuple(right.shape)}, expected {tuple(left.shape)}, the shape of left")
    left, right = torch.broadcast_tensors(left, right)
    place = first_disagreement(left, right, to * right.abs().clamp(min=1))
    if place is not None:
        raise CheckError(f"{claim}: {left.flatten()[place].item():.10g} against {right.flatten()[place].item():.10g}")
    print(f"{claim}: {_tolerance(to)}")


def first_disagreement(left: Tensor, right: Tensor, allowed: Tensor | float) -> int | None:
    """The flat index of the first element that differs by more than is allowed; NaN differs from everything."""
    difference = (left - right).abs()
    # Equal infinities agree. Any other infinity does not, although what is allowed of it would be infinite too.
    fine = ((difference <= allowed) & difference.isfinite()) | (left == right)
    bad = (~fine).flatten().nonzero()
    return int(bad[0]) if bad.numel() else None


# --- what is tried -----------------------------------------------------------------------------------------


def settings(loss: Loss, near: bool = False) -> Iterator[Settings]:
    """The parameters to try: every combination of the ends of the sliders, the defaults and the values where a
    formula changes; then, one parameter at a time, values between these; if `near`, values right beside as well.
    """

    def between(parameter: Parameter) -> list[float]:
        ends = sorted(x for x in corners(parameter) if math.isfinite(x))
        middles = [(a + b) / 2 for a, b in itertools.pairwise(ends)]
        beside = [
            x + e for x in parameter.special if math.isfinite(x) for e in (-1e-7, 1e-7) if x + e <= parameter.high
        ]
        return middles + (beside if near else [])

    names = [parameter.name for parameter in loss.parameters]
    for combination in itertools.product(*map(corners, loss.parameters)):
        yield dict(zip(names, combination, strict=True))
    for parameter in loss.parameters:
        for value in between(parameter):
            yield {**loss.defaults, parameter.name: value}


def corners(parameter: Parameter) -> list[float]:
    """The ends of the slider, the default, and where the formula changes its form; each once."""
    low, high, _ = parameter.slider
    return list(dict.fromkeys((low, parameter.default, high, *parameter.special)))


def breaks(loss: Loss, setting: Settings) -> list[float]:
    """Where the slope or its derivative jumps at these parameters."""
    return sorted(evaluate(loss, text, setting) for text in loss.traits.kinks + loss.traits.curvature_jumps)


def evaluate(loss: Loss, claim: str | bool | float, setting: Settings) -> Any:
    """A claim such as "delta" or "alpha >= 1" at given parameters."""
    import sympy

    if not isinstance(claim, str):
        return claim
    expression = loss.formula.parse(claim)
    # Piece by piece, since a branch that is not taken may divide by zero.
    value = _substitute(expression, {loss.formula.symbols[k]: sympy.nsimplify(v) for k, v in setting.items()})
    return bool(value) if value in (sympy.true, sympy.false) else float(value)


def _substitute(expression: Any, values: dict[Any, Any]) -> Any:
    import sympy

    if isinstance(expression, sympy.Piecewise):
        return next(_substitute(e, values) for e, condition in expression.args if condition.subs(values) == sympy.true)
    return expression.subs(values)


def grid(loss: Loss, setting: Settings) -> Tensor:
    """Residuals from 1e-8 to 1e4, both signs, zero, and both sides of every break, in float64."""
    wide = torch.logspace(-8, 4, 25, dtype=torch.float64)
    near = torch.linspace(0.05, 6, 24, dtype=torch.float64)
    places = _doubles(*(b + e for b in breaks(loss, setting) for e in (-1e-3, 0.0, 1e-3)))
    return torch.cat([-wide, -near, _doubles(0.0), near, wide, places])


def _doubles(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def smooth_grid(loss: Loss, setting: Settings, margin: float = 0.02) -> Tensor:
    """Residuals of ordinary size that keep their distance from every break."""
    r = torch.linspace(-6.03, 6, 60, dtype=torch.float64)
    for place in breaks(loss, setting):
        r = r[(r - place).abs() > margin]
    return r


def value_at(loss: Loss, r: Tensor, setting: Settings) -> Tensor:
    """The loss of each residual, at target zero."""
    return loss(r, torch.zeros_like(r), reduction="none", **setting)


def slope_at(loss: Loss, r: Tensor, setting: Settings) -> Tensor:
    """The closed-form gradient of each residual, at target zero."""
    return loss.gradient(r, torch.zeros_like(r), reduction="none", **setting)


def autograd(function: Callable[..., Tensor], input: Tensor, target: Tensor, **arguments: Any) -> Tensor:
    """The gradient that autograd finds."""
    leaf = input.detach().clone().requires_grad_()
    return torch.autograd.grad(function(leaf, target, **arguments).sum(), leaf)[0]


def at_50_digits(loss: Loss, r: Tensor, setting: Settings, derivative: int | None = None, text: str = "") -> Tensor:
    """The formula, its derivative or another expression in its names, in 50 digits at exactly these doubles."""
    import mpmath
    import sympy

    symbols = list(loss.formula.symbols.values())
    function = (
        sympy.lambdify(symbols, loss.formula.parse(text), "mpmath")
        if text
        else loss.formula.function("mpmath", derivative)
    )
    with mpmath.workdps(DIGITS):
        numbers = [mpmath.mpf(setting[name]) for name in loss.formula.parameters]
        return torch.tensor([float(function(mpmath.mpf(x), *numbers)) for x in r.tolist()], dtype=torch.float64)


# --- verdicts: each yields what it found --------------------------------------------------------------------


def _tolerance(to: float) -> str:
    mantissa, exponent = f"{to:.2e}".split("e")
    return f"agrees to {float(mantissa):g}e{int(exponent)}"


def _compare(
    subject: str, against: str, to: float, rows: Iterable[tuple[Settings, Tensor, Tensor, Tensor, Tensor | float]]
) -> Verdict:
    """Compare row by row: parameters, residuals, what was got, what was expected, the size that `to` is of."""
    for setting, r, got, expected, size in rows:
        if got.shape != expected.shape:
            shapes = f"shape {tuple(got.shape)} against {tuple(expected.shape)}"
            return Verdict(subject, against, _tolerance(to), shapes)
        place = first_disagreement(got, expected, to * torch.as_tensor(size))
        if place is not None:
            at = ", ".join(f"{k} = {v:g}" for k, v in {"r": r.flatten()[place].item(), **setting}.items())
            numbers = f"{got.flatten()[place].item():.10g} against {expected.flatten()[place].item():.10g}"
            return Verdict(subject, against, _tolerance(to), f"at {at}: {numbers}")
    return Verdict(subject, against, _tolerance(to))


def _value_against_formula(loss: Loss) -> Iterator[Verdict]:
    def rows() -> Iterator[tuple[Settings, Tensor, Tensor, Tensor, Tensor]]:
        y_hat, y = 3 * torch.randn(2, 7, 11, dtype=torch.float64)  # a target that is not zero, two dimensions
        for setting in settings(loss):
            expected = loss.from_formula(y_hat, y, **setting)
            yield setting, y_hat - y, loss(y_hat, y, reduction="none", **setting), expected, expected.abs().clamp(min=1)

    yield _compare("value", "its formula", 1e-12, rows())


def _every_way_to_call(loss: Loss) -> Iterator[Verdict]:
    """Each shape, dtype, reduction and memory layout, with autograd on and off, by input and by target."""

    def rows() -> Iterator[tuple[Settings, Tensor, Tensor, Tensor, Tensor]]:
        for dtype, shape in itertools.product((torch.float64, torch.float32), ((), (1,), (5,), (2, 3, 5))):
            y_hat, y = (5 * torch.randn(2, *shape, dtype=torch.float64)).to(dtype)
            if len(shape) > 1:
                y_hat, y = y_hat.transpose(0, -1), y.transpose(0, -1)  # not contiguous
            for setting, reduction in itertools.product(({}, _somewhere(loss), _somewhere(loss)), REDUCTIONS):
                full = {**loss.defaults, **setting}
                values = loss.from_formula(y_hat.double(), y.double(), **full)
                slopes = loss.by_formula(y_hat.double(), y.double(), full)
                if reduction != "none":
                    values = values.sum()
                if reduction == "mean":
                    values, slopes = values / y.numel(), slopes / y.numel()
                leaves = [x.detach().clone().requires_grad_() for x in (y_hat, y)]
                value = loss(leaves[0], leaves[1], reduction=reduction, **setting)
                by_input, by_target = torch.autograd.grad(value.sum(), leaves)
                closed = loss.gradient(y_hat, y, reduction=reduction, **setting)
                plain = loss(y_hat, y, reduction=reduction, **setting)
                pairs = [(value.detach(), values), (plain, values), (by_input, slopes), (by_target, -slopes)]
                for got, expected in [*pairs, (closed, slopes)]:
                    if got.dtype != dtype:
                        raise TypeError(f"the result is of dtype {got.dtype}, expected {dtype}")
                    size = (expected.abs().amax() + 1) * (1 if dtype == torch.float64 else 1e7)
                    yield full, (y_hat - y).expand(expected.shape or y.shape), got.double(), expected, size

    yield _compare("every way to call it", "its formula", 1e-12, rows())


def _somewhere(loss: Loss) -> Settings:
    """Parameters at random places of their sliders."""
    draw = torch.rand(len(loss.parameters)).tolist()
    return {
        p.name: p.slider[0] + share * (p.slider[1] - p.slider[0])
        for p, share in zip(loss.parameters, draw, strict=True)
    }


def _value_against_digits(loss: Loss) -> Iterator[Verdict]:
    def rows(dtype: torch.dtype) -> Iterator[tuple[Settings, Tensor, Tensor, Tensor, Tensor]]:
        for setting in settings(loss, near=True):
            r = grid(loss, setting).to(dtype)
            expected = at_50_digits(loss, r.double(), setting)
            # A residual's own rounding moves the loss by r times its slope: it counts where the loss is near zero.
            size = expected.abs() + (r * slope_at(loss, r, setting)).abs().double() + 1e-300
            yield setting, r, value_at(loss, r, setting).double(), expected, size

    yield _compare("value", "50 digits, from 1e-8 to 1e4", 1e-12, rows(torch.float64))
    yield _compare("value in float32", "50 digits, from 1e-8 to 1e4", 1e-5, rows(torch.float32))


def _value_in_half_precision(loss: Loss) -> Iterator[Verdict]:
    def rows(dtype: torch.dtype) -> Iterator[tuple[Settings, Tensor, Tensor, Tensor, Tensor]]:
        for setting in settings(loss):
            r = grid(loss, setting).to(dtype)
            expected = at_50_digits(loss, r.double(), setting).to(dtype).double()
            yield setting, r, value_at(loss, r, setting).double(), expected, expected.abs() + torch.finfo(dtype).tiny

    for dtype in (torch.bfloat16, torch.float16):
        yield _compare(f"value in {str(dtype).removeprefix('torch.')}", "50 digits, rounded", 1e-2, rows(dtype))


def _against_builtin(loss: Loss) -> Iterator[Verdict]:
    """Compare with the formula, so that a loss that calls the built-in is not compared with itself alone."""
    builtin = loss.record.builtin
    if builtin is None:
        return
    y_hat, y = 3 * torch.randn(2, 7, 11, dtype=torch.float64)
    name = f"torch.nn.functional.{getattr(builtin, '__name__', '')}"

    def reduced(values: Tensor, reduction: str) -> Tensor:
        return values if reduction == "none" else getattr(values, reduction)()

    def values() -> Iterator[tuple[Settings, Tensor, Tensor, Tensor, Tensor | float]]:
        for setting, reduction in itertools.product(settings(loss), REDUCTIONS):
            expected = builtin(y_hat, y, reduction=reduction, **setting)
            from_formula = reduced(loss.from_formula(y_hat, y, **setting), reduction)
            for got in (from_formula, loss(y_hat, y, reduction=reduction, **setting)):
                yield setting, y_hat - y, got, expected, expected.abs().clamp(min=1)

    def gradients() -> Iterator[tuple[Settings, Tensor, Tensor, Tensor, Tensor | float]]:
        for setting, reduction in itertools.product(settings(loss), REDUCTIONS):
            expected = autograd(builtin, y_hat, y, reduction=reduction, **setting)
            got = loss.gradient(y_hat, y, reduction=reduction, **setting)
            yield setting, y_hat - y, got, expected, 1.0

    yield _compare("formula and value, every reduction", name, 1e-12, values())
    yield _compare("gradient, every reduction", name, 1e-12, gradients())


def _gradient_against_autograd(loss: Loss) -> Iterator[Verdict]:
    def rows() -> Iterator[tuple[Settings, Tensor, Tensor, Tensor, Tensor]]:
        y = torch.randn(1, dtype=torch.float64)
        for setting, reduction in itertools.product(settings(loss, near=True), REDUCTIONS):
            r = grid(loss, setting)
            target = torch.zeros_like(r) if reduction == "none" else torch.round(y * 4).expand_as(r) / 4
            expected = autograd(loss, r + target, target, reduction=reduction, **setting)
            got = loss.gradient(r + target, target, reduction=reduction, **setting)
            # Far out autograd may subtract nearly equal terms: a part of the largest slope is allowed for.
            yield setting, r, got, expected, expected.abs() + 1e-4 * expected.abs().max()

    yield _compare("gradient, every reduction", "autograd", 1e-10, rows())


def _gradient_against_differences(loss: Loss) -> Iterator[Verdict]:
    def rows() -> Iterator[tuple[Settings, Tensor, Tensor, Tensor, Tensor]]:
        for setting in settings(loss):
            # The step goes with the sharpest scale: the formula's own error is h**4 times the fifth derivative.
            h = 1e-3 * min([1.0, *_scales(loss, setting)])
            r = smooth_grid(loss, setting, margin=3 * h)
            f = {k: value_at(loss, r + k * h, setting) for k in (-2, -1, 1, 2)}
            differences = (f[-2] - 8 * f[-1] + 8 * f[1] - f[2]) / (12 * h)
            yield setting, r, slope_at(loss, r, setting), differences, differences.abs().clamp(min=1)

    yield _compare("gradient", "fourth-order differences", 1e-9, rows())


def _gradient_against_digits(loss: Loss) -> Iterator[Verdict]:
    def rows() -> Iterator[tuple[Settings, Tensor, Tensor, Tensor, Tensor]]:
        for setting in settings(loss, near=True):
            r = grid(loss, setting)
            expected = at_50_digits(loss, r, setting, derivative=0)
            yield setting, r, slope_at(loss, r, setting), expected, expected.abs() + 1e-300

    yield _compare("gradient", "50 digits, from 1e-8 to 1e4", 1e-12, rows())


def _second_derivative(loss: Loss) -> Iterator[Verdict]:
    complaint = None
    for setting in settings(loss):
        r = smooth_grid(loss, setting)[::7]
        if 0.0 not in breaks(loss, setting):
            r = torch.cat([r, _doubles(0.0)])  # a perfect prediction, where second-order methods end
        r = r.clone().requires_grad_()
        zero = torch.zeros_like(r)
        try:
            torch.autograd.gradgradcheck(lambda x, s=setting, y=zero: loss(x, y, reduction="sum", **s), (r,), atol=1e-4)
        except RuntimeError as error:
            complaint = f"at {setting}: {' '.join(str(error).split())[:200]}"
    yield Verdict("second derivative, away from breaks", "gradgradcheck", "holds", complaint)


def _finite(loss: Loss) -> Iterator[Verdict]:
    complaint = None
    for setting, dtype in itertools.product(settings(loss, near=True), (torch.float64, torch.float32, torch.bfloat16)):
        r = torch.tensor([0.0, 1e-30, 1e-4, 1.0, 1e2, 1e4], dtype=dtype)
        r = torch.cat([r, -r])
        zero = torch.zeros_like(r)
        found = {
            "value": value_at(loss, r, setting),
            "gradient": slope_at(loss, r, setting),
            "autograd's gradient": autograd(loss, r, zero, reduction="sum", **setting),
        }
        for what, tensor in found.items():
            if not torch.isfinite(tensor).all():
                complaint = f"{what} in {dtype} at {setting}: {tensor.tolist()}"
    yield Verdict("value and gradient up to 1e4", "NaN and infinity", "finite", complaint)


def _limits(loss: Loss) -> Iterator[Verdict]:
    for limit in loss.record.limits:
        setting = {**loss.defaults, **limit.parameters}
        r = torch.cat([x := torch.logspace(-3, 3, 25, dtype=torch.float64), -x])
        expected = at_50_digits(loss, r, setting, text=limit.text)
        row = (setting, r, value_at(loss, r, setting), expected, expected.abs())
        yield _compare(limit.claim, "the limit", limit.tolerance, [row])


# --- traits: each claim is tested both ways -----------------------------------------------------------------

FAR = torch.logspace(-4, 8, 400, dtype=torch.float64)
LINE = torch.cat([-FAR.flip(0), _doubles(0.0), FAR])


def _trait(loss: Loss, subject: str, claim: Any, holds: Callable[[Any, Settings], bool]) -> Verdict:
    for setting in settings(loss):
        claimed = evaluate(loss, claim, setting)
        if not holds(claimed, setting):
            return Verdict(subject, "the numbers", "holds", f"with the claim {claimed} at {setting or 'every setting'}")
    return Verdict(subject, "the numbers", "holds")


def _shape_traits(loss: Loss) -> Iterator[Verdict]:
    traits = loss.traits

    def convex(claimed: bool, setting: Settings) -> bool:
        a, b = torch.meshgrid(LINE[::8], LINE[::8], indexing="ij")
        la, lb, middle = (value_at(loss, x, setting) for x in (a, b, (a + b) / 2))
        sags = middle > (la + lb) / 2 + 1e-9 * (la + lb)
        return bool(sags.any()) != claimed

    def lipschitz(claimed: float, setting: Settings) -> bool:
        near = torch.linspace(-20, 20, 20001, dtype=torch.float64) * max(
            [1.0, *(abs(v) for v in _scales(loss, setting))]
        )
        steepest = [_steepest(loss, x, setting) for x in (near, LINE[LINE.abs() < 1e3], LINE[LINE.abs() < 1e6])]
        if math.isinf(claimed):
            return steepest[2] > 2 * steepest[1]
        return 0.9999 * claimed <= max(steepest) <= claimed * (1 + 1e-6)

    def supremum(claimed: float, setting: Settings) -> bool:
        largest, before = (value_at(loss, LINE[LINE.abs() <= end], setting).max().item() for end in (1e8, 1e4))
        return largest > 1.5 * before if math.isinf(claimed) else 0.99999 * claimed <= largest <= claimed * (1 + 1e-12)

    def redescending(claimed: bool, setting: Settings) -> bool:
        slopes = slope_at(loss, LINE, setting).abs()
        return bool((slopes[[0, -1]] < 1e-3 * slopes.max()).all()) == claimed

    def even(claimed: bool, setting: Settings) -> bool:
        return bool(torch.equal(value_at(loss, FAR, setting), value_at(loss, -FAR, setting))) == claimed

    def minimizers(claimed: tuple[str, str], setting: Settings) -> bool:
        low, high = (evaluate(loss, end, setting) for end in claimed)
        r = torch.cat([LINE, torch.linspace(low, high, 9, dtype=torch.float64)])
        values, least = value_at(loss, r, setting), (r >= low) & (r <= high)
        return bool((values[least] == 0).all() and (values[~least] > 0).all())

    def degree(claimed: int | None, setting: Settings) -> bool:
        if claimed is None:  # not homogeneous, at the defaults
            one, two, ten, twenty = value_at(loss, _doubles(1, 2, 10, 20), loss.defaults).tolist()
            return abs(two / one - twenty / ten) > 1e-6
        scaled, value = value_at(loss, 3 * FAR, setting), value_at(loss, FAR, setting)
        return first_disagreement(scaled, 3.0**claimed * value, 1e-12 * scaled.abs()) is None

    yield _trait(loss, f"convex: {traits.convex}", traits.convex, convex)
    yield _trait(loss, f"steepest slope: {_short(traits.lipschitz)}", traits.lipschitz, lipschitz)
    yield _trait(loss, f"least upper bound: {_short(traits.supremum)}", traits.supremum, supremum)
    yield _trait(loss, f"slope returns to zero far away: {traits.redescending}", traits.redescending, redescending)
    yield _trait(loss, f"even: {traits.even}", traits.even, even)
    low, high = traits.minimizers
    yield _trait(loss, f"zero {_zeros(low, high)}, positive elsewhere", traits.minimizers, minimizers)
    yield _trait(loss, f"homogeneous: {_degree(traits.degree)}", traits.degree, degree)


def _zeros(low: str, high: str) -> str:
    return f"at {low}" if low == high else f"from {low} to {high}"


def _short(claim: str) -> str:
    """A claim as it is read in a table; a long case distinction is named, not printed."""
    return "none" if claim == "oo" else claim if len(claim) < 40 else "as declared"


def _degree(claim: int | None) -> str:
    return "no" if claim is None else f"of degree {claim}"


def _scales(loss: Loss, setting: Settings) -> list[float]:
    return [setting[p.name] for p in loss.parameters if p.low >= 0]


def _steepest(loss: Loss, r: Tensor, setting: Settings) -> float:
    return (value_at(loss, r, setting).diff() / r.diff()).abs().max().item()


def _smoothness_traits(loss: Loss) -> Iterator[Verdict]:
    def slope(r: Tensor, setting: Settings) -> Tensor:
        return slope_at(loss, r, setting)

    def curvature(r: Tensor, setting: Settings) -> Tensor:
        """The second derivative of the code, by autograd."""
        leaf = r.detach().clone().requires_grad_()
        (slopes,) = torch.autograd.grad(value_at(loss, leaf, setting).sum(), leaf, create_graph=True)
        return torch.autograd.grad(slopes.sum(), leaf)[0] if slopes.requires_grad else torch.zeros_like(r)

    kinks, jumps = loss.traits.kinks, loss.traits.curvature_jumps
    yield _breaks_verdict(loss, "slope", slope, kinks, ())
    yield _breaks_verdict(loss, "curvature", curvature, jumps, kinks)


def _breaks_verdict(
    loss: Loss,
    what: str,
    function: Callable[[Tensor, Settings], Tensor],
    claimed: tuple[str, ...],
    known: tuple[str, ...],
) -> Verdict:
    """The function jumps at every claimed place, and nowhere else."""
    subject = f"the {what} jumps at: {', '.join(claimed) or 'no place'}"
    for setting in settings(loss):
        places = [evaluate(loss, text, setting) for text in claimed]
        for place in places:
            if _rises(function, _doubles(place - 1e-9, place + 1e-9), setting).item() < 1e-3:
                return Verdict(
                    subject, "the numbers", "holds", f"with a {what} that is continuous at {place:g}, {setting}"
                )
        found = _find_jump(function, setting, places + [evaluate(loss, text, setting) for text in known])
        if found is not None:
            return Verdict(subject, "the numbers", "holds", f"with a jump of the {what} at {found:.6g}, {setting}")
    return Verdict(subject, "the numbers", "holds")


def _rises(function: Callable[[Tensor, Settings], Tensor], r: Tensor, setting: Settings) -> Tensor:
    """How much the function changes from each number to the next; NaN counts as a jump."""
    return function(r.flatten(), setting).reshape(r.shape).diff().abs().nan_to_num(nan=math.inf)


def _find_jump(function: Callable[..., Tensor], setting: Settings, known: list[float]) -> float | None:
    """Zoom into the steepest intervals, all at once: a continuous function flattens there, a jump stays."""
    reach = 10 * max([1.0, *map(abs, known)])
    line = torch.linspace(-1.001 * reach, reach, 4001, dtype=torch.float64)
    steepest = _rises(function, line, setting).argsort(descending=True)[:8]
    low, high = line[steepest], line[steepest + 1]
    for place in known:
        other = (place < low - 1e-9) | (place > high + 1e-9)
        low, high = low[other], high[other]
    while low.numel() and (high - low).max() > 1e-9:
        middle = (low + high) / 2
        left, right = _rises(function, torch.stack([low, middle, high], dim=-1), setting).unbind(-1)
        low, high = torch.where(left > right, low, middle), torch.where(left > right, middle, high)
    jumps = low[_rises(function, torch.stack([low, high], dim=-1), setting).squeeze(-1) > 1e-5]
    return jumps[0].item() if jumps.numel() else None


VERDICTS: tuple[Callable[[Loss], Iterator[Verdict]], ...] = (
    _value_against_formula,
    _every_way_to_call,
    _value_against_digits,
    _value_in_half_precision,
    _against_builtin,
    _gradient_against_autograd,
    _gradient_against_differences,
    _gradient_against_digits,
    _second_derivative,
    _finite,
    _limits,
    _shape_traits,
    _smoothness_traits,
)
