"""What a loss is: a plain function on tensors that carries a small declared record.

`@loss(...)` makes a `Loss` of a function. The record says what a program has to know about it: the formula,
the hyperparameters with their ranges, the claimed traits, the names that other libraries use. Everything else
(the catalogue, the sliders, the checks, the parametrized tests) is made from the registry of these records.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from lossbook.formula import Formula

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
REDUCTIONS = ("none", "mean", "sum")
Reduction = str  # one of them


@dataclass(frozen=True)
class Parameter:
    """A hyperparameter: its meaning, its default, what is allowed and what a slider offers."""

    name: str
    latex: str
    symbol: str  # plain text, for a slider's label
    meaning: str
    default: float
    low: float
    high: float
    slider: tuple[float, float, float]  # low, high, step
    open_low: bool = True  # is `low` itself excluded?
    special: tuple[float, ...] = ()  # where the formula changes its form: always among the tested values

    @property
    def interval(self) -> str:
        """The allowed values in interval notation, such as ``(0, inf)``."""
        low = f"{'(' if self.open_low else '['}{self.low:g}"
        return f"{low}, {self.high:g}{')' if math.isinf(self.high) else ']'}"

    def validate(self, value: object) -> float:
        """The value as a float; raises unless it is a number in the allowed range."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"{self.name}: got {_describe(value)}, expected a Python number in {self.interval}")
        try:
            value = float(value)
        except OverflowError:
            raise ValueError(f"{self.name}: got an integer beyond every float, expected {self.interval}") from None
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if math.isinf(self.high) else value <= self.high
        if not (above and below):  # also catches NaN
            raise ValueError(f"{self.name}: got {value!r}, expected a number in {self.interval}")
        return value


@dataclass(frozen=True)
class Variable:
    """The scalar that an elementwise formula is written in, and how it comes from the tensors."""

    name: str
    label: str  # for an axis
    of: Callable[[Tensor, Tensor], Tensor]
    slope: Callable[[Tensor, Tensor], Tensor | float]  # its derivative by the input


RESIDUAL = Variable("r", "residual r = ŷ − y", of=lambda input, target: input - target, slope=lambda input, target: 1.0)


@dataclass(frozen=True)
class Traits:
    """What is claimed of an elementwise loss. Each claim is tested numerically, in both directions.

    A claim that depends on a parameter is a SymPy condition or expression, such as ``"alpha >= 1"``.
    """

    convex: bool | str
    lipschitz: str  # the least upper bound of |slope|; "oo" if there is none
    supremum: str  # the least upper bound of the loss; "oo" if there is none
    redescending: bool | str  # does the slope go back to zero far away?
    kinks: tuple[str, ...] = ()  # where the slope jumps
    curvature_jumps: tuple[str, ...] = ()  # where the slope is continuous and its derivative jumps
    even: bool | str = True
    minimizers: tuple[str, str] = ("0", "0")  # the ends of the interval on which the loss is zero
    degree: int | None = None  # loss(s * r) = s**degree * loss(r) for s > 0


@dataclass(frozen=True)
class Limit:
    """A claim such as "at a large delta, huber is half of mse": the loss equals `text` at these parameters."""

    claim: str
    text: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    tolerance: float = 1e-12


@dataclass(frozen=True)
class Record:
    """What is declared of a loss beside its code."""

    title: str
    chinese: str
    formula: Formula
    parameters: tuple[Parameter, ...]
    traits: Traits
    variable: Variable
    aliases: Mapping[str, tuple[str, ...]]
    references: tuple[str, ...]  # keys of references.bib
    use: str
    avoid: str
    builtin: Callable[..., Tensor] | None = None  # the same loss in torch.nn.functional
    limits: tuple[Limit, ...] = ()
    short: str = ""  # for legends


class Loss:
    """A loss: call it as a function; ask it for its gradient, formula, LaTeX and record.

    Every loss takes ``(input, target, *, hyperparameters, reduction="mean")``. What is checked before any
    arithmetic: types, dtypes, devices and shapes of the tensors, hyperparameters against their range, the
    name of the reduction. None of this reads a tensor's values, so nothing waits for a GPU. That the values
    are finite is the caller's promise: NaN gives NaN, in the loss and in `gradient`.

    Dtypes are promoted as torch does; float16 and bfloat16 are computed in float32 and rounded once, at the end.
    """

    __name__: str

    def __init__(self, function: Callable[..., Tensor], record: Record) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.record = record
        self._parameters = {parameter.name: parameter for parameter in record.parameters}

    # The record, one attribute away, as readers type it.
    name = property(lambda self: self.__name__)
    family = property(lambda self: self.__module__.rpartition(".")[2])
    title = property(lambda self: self.record.title)
    chinese = property(lambda self: self.record.chinese)
    formula = property(lambda self: self.record.formula)
    parameters = property(lambda self: self.record.parameters)
    traits = property(lambda self: self.record.traits)
    aliases = property(lambda self: self.record.aliases)
    references = property(lambda self: self.record.references)
    latex = property(lambda self: self.record.formula.latex)
    gradient_latex = property(lambda self: self.record.formula.gradient_latex)

    @property
    def defaults(self) -> dict[str, float]:
        """The default of every hyperparameter."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    def __repr__(self) -> str:
        return f"<lossbook.{self.name}: {self.title}>"

    def _repr_markdown_(self) -> str:
        from lossbook.card import card

        return card(self)

    def __reduce__(self) -> str:
        return self.__name__  # pickled by reference, as a function is

    def __call__(self, input: Tensor, target: Tensor, *, reduction: Reduction = "mean", **parameters: float) -> Tensor:
        parameters = self._validate(input, target, reduction, parameters)
        if input.dtype == target.dtype and input.dtype in (torch.float32, torch.float64):
            return self.function(input, target, reduction=reduction, **parameters)
        dtype = torch.promote_types(input.dtype, target.dtype)
        wide = torch.promote_types(dtype, torch.float32)
        return self.function(input.to(wide), target.to(wide), reduction=reduction, **parameters).to(dtype)

    def gradient(self, input: Tensor, target: Tensor, *, reduction: Reduction = "mean", **parameters: float) -> Tensor:
        """The closed-form gradient by `input`, in the shape of `input`; no autograd is involved.

        With ``reduction="mean"`` it is divided by the number of elements, as the gradient of a mean is.
        With ``"none"`` and ``"sum"`` each element is the derivative of its own loss.
        """
        parameters = self._validate(input, target, reduction, parameters)
        # In float64, so that no power or square inside a formula overflows in the dtype of the input.
        exact = torch.float32 if input.device.type == "mps" else torch.float64
        slope = self.by_formula(input.to(exact), target.to(exact), {**self.defaults, **parameters})
        return (slope / slope.numel() if reduction == "mean" else slope).to(input.dtype)

    def by_formula(self, input: Tensor, target: Tensor, parameters: dict[str, float]) -> Tensor:
        """The derivative of each element's loss by its input, from the formula."""
        variable = self.record.variable
        value = variable.of(input, target)
        by_variable = self.formula.function("torch", derivative=0)(value, *self._as_tensors(parameters))
        slope = torch.as_tensor(by_variable * variable.slope(input, target)).expand_as(value)
        return torch.where(value.isnan(), value, slope)  # a comparison in a formula would turn NaN into a number

    def from_formula(self, input: Tensor, target: Tensor, **parameters: float) -> Tensor:
        """The loss of each element, computed by the formula itself and not by the stable code."""
        self._validate(input, target, "none", parameters)
        value = self.record.variable.of(input, target)
        numbers = self._as_tensors({**self.defaults, **parameters})
        return torch.as_tensor(self.formula.function("torch")(value, *numbers)).expand_as(value)

    def _as_tensors(self, parameters: dict[str, float]) -> list[Tensor]:
        # Float64 scalars of no dimension keep their digits and do not change the dtype of the result.
        return [torch.tensor(parameters[name], dtype=torch.float64) for name in self.formula.parameters]

    def _validate(
        self, input: object, target: object, reduction: object, parameters: Mapping[str, object]
    ) -> dict[str, float]:
        validate_pair(input, target)
        if reduction not in REDUCTIONS:
            raise ValueError(f"reduction: got {reduction!r}, expected one of {', '.join(map(repr, REDUCTIONS))}")
        for name in parameters:
            if name not in self._parameters:
                known = ", ".join([*self._parameters, "reduction"])
                raise TypeError(f"{self.name}: got an unexpected argument {name!r}, expected {known}")
        return {name: self._parameters[name].validate(value) for name, value in parameters.items()}


def loss(
    *,
    title: str,
    chinese: str,
    formula: str,
    traits: Traits,
    references: tuple[str, ...],
    use: str,
    avoid: str,
    parameters: tuple[Parameter, ...] = (),
    variable: Variable = RESIDUAL,
    aliases: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    builtin: Callable[..., Tensor] | None = None,
    limits: tuple[Limit, ...] = (),
    short: str = "",
) -> Callable[[Callable[..., Tensor]], Loss]:
    """Declare an elementwise loss and register it. The decorated function is its stable tensor code.

    The function takes ``(input, target, *, hyperparameters, reduction)`` and returns a tensor. Validation and
    half precision are the wrapper's work. Its keyword defaults must equal the declared defaults.
    """
    names = tuple(parameter.name for parameter in parameters)
    positive = tuple(parameter.name for parameter in parameters if parameter.low >= 0)
    record = Record(
        title=title,
        chinese=chinese,
        formula=Formula(formula, (variable.name,), names, positive),
        parameters=parameters,
        traits=traits,
        variable=variable,
        aliases=aliases,
        references=references,
        use=use,
        avoid=avoid,
        builtin=builtin,
        limits=limits,
        short=short or title.removesuffix(" loss"),
    )

    def declare(function: Callable[..., Tensor]) -> Loss:
        declared = {name: p.default for name, p in inspect.signature(function).parameters.items() if name in names}
        if declared != {parameter.name: parameter.default for parameter in parameters}:
            raise ValueError(f"{function.__name__}: its defaults {declared} differ from those of the record")
        return _registry.add(Loss(function, record))

    return declare


class _Registry:
    """Every declared loss, by name and by every alias."""

    def __init__(self) -> None:
        self.losses: dict[str, Loss] = {}
        self.keys: dict[str, Loss] = {}

    def add(self, loss: Loss) -> Loss:
        names = [loss.name, *(alias for aliases in loss.aliases.values() for alias in aliases)]
        for key in {_key(name) for name in names}:
            if self.keys.setdefault(key, loss).name != loss.name:
                raise ValueError(f"{loss.name}: its name or alias {key!r} belongs to {self.keys[key].name} already")
        for key in {_key(name) for name in names}:
            self.keys[key] = loss  # a module that is run again replaces its own losses
        self.losses[loss.name] = loss
        return loss


_registry = _Registry()


def _key(name: str) -> str:
    return name.rpartition(".")[2].replace("_", "").casefold()


def losses(family: str | None = None) -> list[Loss]:
    """All losses of the book, or those of one family, in the order of their declaration.

    Examples
    --------
    >>> import lossbook as lb
    >>> [loss.name for loss in lb.losses("regression")][:2]
    ['mse', 'mae']
    """
    found = [loss for loss in _registry.losses.values() if family in (None, loss.family)]
    if not found:
        raise ValueError(
            f"family: got {family!r}, expected one of {sorted({x.family for x in _registry.losses.values()})}"
        )
    return found


def get(name: str) -> Loss:
    """Look a loss up by its name, or by what PyTorch, Keras, scikit-learn or another library calls it.

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.get("SmoothL1Loss")
    <lossbook.smooth_l1: Smooth L1 loss>
    """
    if not isinstance(name, str):
        raise TypeError(f"name: got {_describe(name)}, expected a string")
    found = _registry.keys.get(_key(name))
    if found is None:
        nearest = difflib.get_close_matches(_key(name), _registry.keys, n=1, cutoff=0.4)
        hint = f"; did you mean {_registry.keys[nearest[0]].name!r}?" if nearest else ""
        raise ValueError(f"name: got {name!r}, expected a loss of the book or its name in another library{hint}")
    return found


def validate_pair(input: Any, target: Any) -> None:
    """Raise unless `input` and `target` are floating-point tensors of one shape on one device."""
    for name, value in (("input", input), ("target", target)):
        if not isinstance(value, Tensor):
            raise TypeError(f"{name}: got {_describe(value)}, expected a torch.Tensor")
        if value.dtype not in DTYPES:
            raise ValueError(f"{name}: got dtype {value.dtype}, expected float64, float32, float16 or bfloat16")
    if input.shape != target.shape:
        raise ValueError(
            f"target: got shape {tuple(target.shape)}, expected {tuple(input.shape)}, the shape of input; "
            "nothing is broadcast here"
        )
    if input.device != target.device:
        raise ValueError(f"target: got device {target.device}, expected {input.device}, the device of input")


def reduce(loss: Tensor, reduction: Reduction) -> Tensor:
    """The mean, the sum, or the losses as they are. The mean of no elements is NaN, as in torch."""
    if reduction == "none":
        return loss
    total = loss.sum()
    # Dividing the sum lets the backward pass expand a scalar; `mean` would write a whole tensor of 1/N.
    return total / loss.numel() if reduction == "mean" else total


def _describe(value: object) -> str:
    return f"{value!r} of type {type(value).__name__}"
