"""What a loss is: a plain function on tensors that carries a small declared record.

`@loss(...)` makes a `Loss` of a function. The record says what a program has to know about it: the formula,
the tensors and hyperparameters it takes, the claimed traits, the names that other libraries use. Everything else
(the catalogue, the sliders, the checks, the parametrized tests) is made from the registry of these records.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from lossbook.formula import Formula
from lossbook.inputs import (
    CLASS_WEIGHT,
    DISTANCE,
    DTYPES,
    IGNORE_INDEX,
    INTEGERS,
    LOGIT,
    MARGIN,
    PROBABILITY,
    REDUCTIONS,
    RESIDUAL,
    Elementwise,
    Inputs,
    Option,
    Parameter,
    Reduction,
    Scores,
    describe,
    elementwise_weight,
    validate_pair,
)  # fmt: skip
from lossbook.traits import (
    AnyTraits,
    Best,
    BoxTraits,
    DivergenceTraits,
    EmbeddingTraits,
    ErrorTraits,
    FeatureTraits,
    LabelTraits,
    MarginTraits,
    MaskTraits,
    RelativeTraits,
    ScoreTraits,
    SequenceTraits,
    SetTraits,
    Traits,
)  # fmt: skip

__all__ = [
    "CLASS_WEIGHT", "DISTANCE", "DTYPES", "IGNORE_INDEX", "LOGIT", "MARGIN", "PROBABILITY", "REDUCTIONS",
    "RESIDUAL", "Best", "BoxTraits", "DivergenceTraits", "Elementwise", "EmbeddingTraits", "ErrorTraits",
    "FeatureTraits", "Inputs", "LabelTraits", "Limit", "Loss", "MarginTraits", "MaskTraits", "Option", "Parameter",
    "Record", "Reduction", "RelativeTraits", "ScoreTraits", "Scores", "SequenceTraits", "SetTraits", "Traits",
    "elementwise_weight", "get", "loss", "losses", "reduce", "validate_pair",
]  # fmt: skip

NARROW = tuple(dtype for dtype in INTEGERS if dtype != torch.int64)
Gradient = Any  # a tensor; a tuple of them where several are learned


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
    takes: Inputs
    parameters: tuple[Parameter, ...]
    options: tuple[Option, ...]
    traits: AnyTraits
    aliases: Mapping[str, tuple[str, ...]]
    references: tuple[str, ...]  # keys of references.bib
    use: str
    avoid: str
    builtin: Callable[..., Tensor] | None = None  # the same loss in torch.nn.functional
    limits: tuple[Limit, ...] = ()
    short: str = ""  # for legends
    reach: float = 1e4  # finite, value and gradient, for numbers up to this size
    cancels: bool = False  # is the value good to the size of its variable only, where it is much smaller?


class Loss:
    """A loss: call it as a function; ask it for its gradient, formula, LaTeX and record.

    Most losses take ``(input, target, *, hyperparameters, reduction="mean")``; the docstring of each says what its
    tensors are. What is checked before any arithmetic: types, dtypes, devices and shapes of the tensors,
    hyperparameters and options, the name of the reduction; and on the CPU class indices, and the first 65,536 labels or
    probabilities, against their range, which costs next to nothing. On a GPU, under `torch.compile` and under
    `torch.func.vmap` no value is read, so nothing waits for the device: labels in range are the caller's promise there.
    That the numbers are finite always is: NaN gives NaN, in the loss and in `gradient`.

    Dtypes are promoted as torch does; float16 and bfloat16 are computed in float32 and rounded once, at the end.
    """

    __name__: str

    def __init__(
        self, function: Callable[..., Tensor], record: Record, closed_form: Callable[..., Gradient] | None = None
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.record = record
        self._closed_form = closed_form
        self._parameters = {parameter.name: parameter for parameter in record.parameters}
        self._options = {option.name: option for option in record.options}
        self.default_reduction = inspect.signature(function).parameters["reduction"].default

    # The record, one attribute away, as readers type it.
    name = property(lambda self: self.__name__)
    family = property(lambda self: self.__module__.rpartition(".")[2])
    title = property(lambda self: self.record.title)
    chinese = property(lambda self: self.record.chinese)
    formula = property(lambda self: self.record.formula)
    takes = property(lambda self: self.record.takes)
    parameters = property(lambda self: self.record.parameters)
    options = property(lambda self: self.record.options)
    traits = property(lambda self: self.record.traits)
    aliases = property(lambda self: self.record.aliases)
    references = property(lambda self: self.record.references)
    latex = property(lambda self: self.record.formula.latex)
    gradient_latex = property(lambda self: self.record.formula.gradient_latex)

    @property
    def sliders(self) -> tuple[Parameter, ...]:
        """Every number that the formula depends on beside its variables: the label, if any, and the parameters."""
        return _labels(self.takes) + self.parameters

    @property
    def defaults(self) -> dict[str, float]:
        """The default of every hyperparameter."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    @property
    def formula_defaults(self) -> dict[str, float]:
        """The default of every number beside its variables that the formula depends on."""
        return {parameter.name: parameter.default for parameter in self.sliders}

    def __repr__(self) -> str:
        return f"<lossbook.{self.name}: {self.title}>"

    def _repr_markdown_(self) -> str:
        from lossbook.card import card

        return card(self)

    def __reduce__(self) -> str:
        return self.__name__  # pickled by reference, as a function is

    def __call__(self, *tensors: Tensor, **arguments: Any) -> Tensor:
        tensors, reduction, arguments = self._bind(tensors, arguments)
        dtypes = {x.dtype for x in tensors if x is not None and x.is_floating_point()}
        if len(dtypes) == 1 and dtypes <= {torch.float32, torch.float64}:
            return self.function(*tensors, reduction=reduction, **arguments)
        dtype = functools.reduce(torch.promote_types, dtypes)
        wide = torch.promote_types(dtype, torch.float32)
        return self.function(*_as(wide, tensors), reduction=reduction, **arguments).to(dtype)

    def closed_form(self, derivative: Callable[..., Gradient]) -> Callable[..., Gradient]:
        """Declare the gradient of a loss whose formula is not elementwise: a function with the same arguments."""
        self._closed_form = derivative
        return derivative

    def gradient(self, *tensors: Tensor, **arguments: Any) -> Gradient:
        """The closed-form gradient by `input`, in the shape of `input`; no autograd is involved.

        It is the gradient of what the loss returns. With ``reduction="none"`` every sample has the gradient of its
        own loss, which is that of their sum. Losses that learn several tensors, such as features and class weights,
        return a tuple, one gradient for each.
        """
        tensors, reduction, arguments = self._bind(tensors, arguments)
        # In float64, so that no power or square inside a formula overflows in the dtype of the input.
        exact = torch.float32 if any(x is not None and x.device.type == "mps" for x in tensors) else torch.float64
        arguments = {name: _as(exact, (value,))[0] for name, value in arguments.items()}
        derivative = self._closed_form or self._from_the_formula
        found = derivative(*_as(exact, tensors), reduction=reduction, **arguments)
        by = [tensor for tensor, name in zip(tensors, self.takes.names, strict=True) if name in self.takes.by]
        if isinstance(found, tuple):
            return tuple(slope.to(tensor.dtype) for slope, tensor in zip(found, by, strict=True))
        return found.to(by[0].dtype)

    def _from_the_formula(self, input: Tensor, target: Tensor, *, reduction: Reduction, **parameters: float) -> Tensor:
        slope = self.by_formula(input, target, {**self.defaults, **parameters})
        return slope / slope.numel() if reduction == "mean" else slope

    def by_formula(self, input: Tensor, target: Tensor, parameters: dict[str, float]) -> Tensor:
        """The derivative of each element's loss by its input, from the formula of an elementwise loss."""
        takes = self._elementwise()
        value = takes.of(input, target)
        by_variable = self.formula.function("torch", derivative=0)(value, *self._numbers(target, parameters))
        slope = torch.as_tensor(by_variable * takes.slope(input, target)).to(value.dtype).expand_as(value)
        return torch.where(value.isnan(), value, slope)  # a comparison in a formula would turn NaN into a number

    def from_formula(self, input: Tensor, target: Tensor, **parameters: float) -> Tensor:
        """The loss of each element, computed by the formula of an elementwise loss and not by the stable code."""
        takes = self._elementwise()
        self._bind((input, target), {**parameters, "reduction": "none"})
        value = takes.of(input, target)
        numbers = self._numbers(target, {**self.defaults, **parameters})
        # A formula of cases that are whole numbers makes integers.
        return torch.as_tensor(self.formula.function("torch")(value, *numbers)).to(value.dtype).expand_as(value)

    def _elementwise(self) -> Elementwise:
        if not isinstance(self.takes, Elementwise):
            raise TypeError(
                f"{self.name}: its formula is that of a small case ({self.takes.where}), not of each element"
            )
        return self.takes

    def _numbers(self, target: Tensor, parameters: dict[str, float]) -> list[Tensor]:
        # Float64 scalars of no dimension keep their digits and do not change the dtype of the result.
        label = self.takes.label
        return [
            target if label and name == label.name else torch.tensor(parameters[name], dtype=torch.float64)
            for name in self.formula.parameters
        ]

    def _bind(
        self, tensors: tuple[Any, ...], arguments: Mapping[str, Any]
    ) -> tuple[tuple[Tensor, ...], Reduction, dict[str, Any]]:
        """The tensors, the reduction and the other arguments, all of them checked."""
        names = self.record.takes.names
        if len(tensors) != len(names):
            tensors, arguments = self._by_name(tensors, arguments)
        tensors = self.takes.prepared(*tensors)
        # In a narrow dtype comparisons wrap around: uint8 156 equals -100.
        tensors = tuple(x.long() if isinstance(x, Tensor) and x.dtype in NARROW else x for x in tensors)
        found = {}
        reduction = self.default_reduction
        for name, value in arguments.items():
            if name in self._parameters:
                found[name] = self._parameters[name].validate(value)
            elif name in self._options:
                found[name] = value
            elif name == "reduction":
                reduction = value
            else:
                known = ", ".join([*self._parameters, *self._options, "reduction"])
                raise TypeError(f"{self.name}: got an unexpected argument {name!r}, expected {known}")
        if reduction not in self.record.takes.reductions:
            expected = ", ".join(map(repr, self.record.takes.reductions))
            raise ValueError(f"reduction: got {reduction!r}, expected one of {expected}")
        self.record.takes.validate(*tensors, **found)
        for name in found.keys() & self._options.keys():
            self._options[name].validate(found[name], *tensors)
        return tensors, reduction, found

    def _by_name(
        self, tensors: tuple[Any, ...], arguments: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Tensors may be given by name as well."""
        names = self.takes.names
        rest = dict.fromkeys(self.takes.optional) | dict(arguments)
        missing = [name for name in names[len(tensors) :] if name not in rest]
        if missing or len(tensors) > len(names):
            got = f"no {missing[0]!r}" if missing else f"{len(tensors)} tensors"
            raise TypeError(f"{self.name}: got {got}, expected {', '.join(names)}; everything else by keyword")
        found = (*tensors, *(rest.pop(name) for name in names[len(tensors) :]))
        return found, {name: value for name, value in rest.items() if name not in self.takes.optional}


def _as(dtype: torch.dtype, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Floating-point tensors in this dtype, everything else as it is."""
    return tuple(x.to(dtype) if isinstance(x, Tensor) and x.is_floating_point() else x for x in values)


def loss(
    *,
    title: str,
    chinese: str,
    formula: str,
    traits: AnyTraits,
    references: tuple[str, ...],
    use: str,
    avoid: str,
    takes: Inputs = RESIDUAL,
    variables: tuple[str, ...] = (),
    parameters: tuple[Parameter, ...] = (),
    options: tuple[Option, ...] = (),
    aliases: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    builtin: Callable[..., Tensor] | None = None,
    limits: tuple[Limit, ...] = (),
    short: str = "",
    reach: float = 1e4,
    cancels: bool = False,
) -> Callable[[Callable[..., Tensor]], Loss]:
    """Declare a loss and register it. The decorated function is its stable tensor code.

    The function takes the tensors that `takes` names, then by keyword the hyperparameters, the options and the
    reduction, and returns a tensor. Validation and half precision are the wrapper's work. Its keyword defaults must
    equal the declared defaults. `variables` are those of a formula that is not elementwise; such a loss, and one
    with options, gets its gradient by `@NAME.closed_form`.
    """
    sliders = _labels(takes) + parameters
    record = Record(
        title=title,
        chinese=chinese,
        formula=Formula(
            formula,
            variables or (takes.variable,) if isinstance(takes, Elementwise) else variables,
            # The formula of a small case may know nothing of a parameter.
            tuple(parameter.name for parameter in sliders if re.search(rf"\b{parameter.name}\b", formula)),
            tuple(parameter.name for parameter in parameters if parameter.low >= 0),
            (*takes.symbols.items(), *((parameter.name, parameter.latex) for parameter in sliders)),
            tuple(takes.short.items()),
        ),
        takes=takes,
        parameters=parameters,
        options=options,
        traits=traits,
        aliases=aliases,
        references=references,
        use=use,
        avoid=avoid,
        builtin=builtin,
        limits=limits,
        short=short or title.removesuffix(" loss"),
        reach=reach,
        cancels=cancels,
    )

    def declare(function: Callable[..., Tensor]) -> Loss:
        stated = {p.name: p.default for p in parameters} | {option.name: option.default for option in options}
        written = inspect.signature(function).parameters
        declared = {name: p.default for name, p in written.items() if name not in (*takes.names, "reduction")}
        if declared != stated:
            raise ValueError(f"{function.__name__}: its defaults {declared} differ from those of the record, {stated}")
        return _registry.add(Loss(function, record))

    return declare


def _labels(takes: Inputs) -> tuple[Parameter, ...]:
    """What the formula names of the target."""
    return (takes.label,) if takes.label else takes.labels


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
    return re.sub(r"[_\s-]", "", name.rpartition(".")[2]).casefold()


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
        raise TypeError(f"name: got {describe(name)}, expected a string")
    found = _registry.keys.get(_key(name))
    if found is None:
        nearest = difflib.get_close_matches(_key(name), _registry.keys, n=1, cutoff=0.4)
        hint = f"; did you mean {_registry.keys[nearest[0]].name!r}?" if nearest else ""
        raise ValueError(f"name: got {name!r}, expected a loss of the book or its name in another library{hint}")
    return found


def reduce(loss: Tensor, reduction: Reduction) -> Tensor:
    """The mean, the sum, or the losses as they are. The mean of no elements is NaN, as in torch."""
    if reduction == "none":
        return loss
    total = loss.sum()
    # Dividing the sum lets the backward pass expand a scalar; `mean` would write a whole tensor of 1/N.
    return total / loss.numel() if reduction == "mean" else total
