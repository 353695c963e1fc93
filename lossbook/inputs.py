"""What losses take: tensors, hyperparameters and options; how each is checked, and where a scalar formula sits in them.

An `Inputs` is shared by all losses that take the same tensors. It refuses what does not fit, it says at which
tensors a loss has the value of its scalar formula, and it supplies the samples on which the checks run.

What is checked. Types, dtypes, devices, shapes: always. Values: only on the CPU and outside of `torch.compile` and
`torch.func.vmap`, because elsewhere reading a value would wait for the device or is impossible; there they are the
caller's promise. There all class indices are read, and of labels and probabilities the first 65,536 or so: a wrong
convention shows in any of them, and reading millions would be a measurable part of a loss that is one subtraction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
REDUCTIONS = ("none", "mean", "sum")
Reduction = str  # one of them


# --- hyperparameters and options ----------------------------------------------------------------------------


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
    open_high: bool = False  # is `high` itself excluded? An infinite one always is
    special: tuple[float, ...] = ()  # where the formula changes its form: always among the tested values
    choices: tuple[float, ...] = ()  # if only these are allowed

    @property
    def interval(self) -> str:
        """The allowed values in interval notation, such as ``(0, inf)``."""
        if self.choices:
            return "{" + ", ".join(f"{choice:g}" for choice in self.choices) + "}"
        low = f"{'(' if self.open_low else '['}{self.low:g}"
        return f"{low}, {self.high:g}{')' if self.open_high or math.isinf(self.high) else ']'}"

    def validate(self, value: object) -> float:
        """The value as a float; raises unless it is a number in the allowed range."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"{self.name}: got {describe(value)}, expected a Python number in {self.interval}")
        try:
            value = float(value)
        except OverflowError:
            raise ValueError(f"{self.name}: got an integer beyond every float, expected {self.interval}") from None
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high or math.isinf(self.high) else value <= self.high
        if not (above and below) or (self.choices and value not in self.choices):  # also catches NaN
            raise ValueError(f"{self.name}: got {value!r}, expected a number in {self.interval}")
        return value


@dataclass(frozen=True)
class Option:
    """An argument that is no number on a slider: a tensor of weights, an index to ignore, a switch."""

    name: str
    meaning: str
    default: Any
    validate: Callable[..., None]  # (value, *tensors): raises if it does not fit
    tries: Callable[..., Iterable[Any]]  # (*tensors): what the checks try beside the default


def _class_weight(value: Any, input: Tensor, *others: Tensor) -> None:
    if value is None:
        return
    classes = input.shape[class_axis(input)]
    if not isinstance(value, Tensor):
        raise TypeError(f"weight: got {describe(value)}, expected None or a tensor of {classes} class weights")
    if value.dtype not in DTYPES or value.shape != (classes,):
        raise ValueError(
            f"weight: got shape {tuple(value.shape)} and dtype {value.dtype}, expected a floating-point tensor of "
            f"shape {(classes,)}, one weight for each class"
        )
    if value.device != input.device:
        raise ValueError(f"weight: got device {value.device}, expected {input.device}, the device of input")


def _some_weights(input: Tensor, *others: Tensor) -> Iterator[Tensor]:
    yield torch.linspace(0.5, 2, input.shape[class_axis(input)], dtype=torch.float64)


CLASS_WEIGHT = Option("weight", "one factor for each class", None, _class_weight, _some_weights)


def _index(value: Any, *tensors: Tensor) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"ignore_index: got {describe(value)}, expected an integer")
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"ignore_index: got {value}, expected an integer of 64 bits")


def _some_index(input: Tensor, target: Tensor) -> tuple[int, ...]:
    # Class probabilities have no index to ignore, a sample with ignored targets has its own, and one must be left.
    return () if target.is_floating_point() or bool((target < 0).any() or (target == 1).all()) else (1,)


IGNORE_INDEX = Option("ignore_index", "targets of this value count nowhere", -100, _index, _some_index)


def elementwise_weight(name: str, meaning: str) -> Option:
    """A tensor of factors that broadcasts to the shape of the input, as torch's binary losses take them."""

    def validate(value: Any, input: Tensor, *others: Tensor) -> None:
        if value is None:
            return
        if not isinstance(value, Tensor):
            raise TypeError(f"{name}: got {describe(value)}, expected None or a tensor")
        if value.dtype not in DTYPES or not broadcasts(value.shape, input.shape):
            raise ValueError(
                f"{name}: got shape {tuple(value.shape)} and dtype {value.dtype}, expected a floating-point tensor "
                f"that broadcasts to {tuple(input.shape)}, the shape of input"
            )
        if value.device != input.device:
            raise ValueError(f"{name}: got device {value.device}, expected {input.device}, the device of input")

    def tries(input: Tensor, *others: Tensor) -> Iterator[Tensor]:
        yield torch.tensor(1.7, dtype=torch.float64)
        if input.dim():
            yield torch.linspace(0.5, 2, input.shape[-1], dtype=torch.float64)
            yield torch.linspace(0.5, 2, input.numel(), dtype=torch.float64).reshape(input.shape)

    return Option(name, meaning, None, validate, tries)


def switch(name: str, meaning: str, default: bool = False, tried: bool = True) -> Option:
    """An option that is True or False; not `tried` by the checks if the other value needs other tensors."""

    def validate(value: Any, *tensors: Any) -> None:
        if not isinstance(value, bool):
            raise TypeError(f"{name}: got {describe(value)}, expected True or False")

    return Option(name, meaning, default, validate, lambda *tensors: (not default,) if tried else ())


def broadcasts(shape: torch.Size, to: torch.Size) -> bool:
    """Does a tensor of this shape broadcast to that one, without changing it?"""
    return len(shape) <= len(to) and all(
        a in (1, b) for a, b in zip(reversed(shape), reversed(to[-len(shape) or len(to) :]), strict=False)
    )


# --- checks of tensors --------------------------------------------------------------------------------------


def describe(value: object) -> str:
    """A value and its type, for messages."""
    return f"{value!r} of type {type(value).__name__}"


def floating(**tensors: Any) -> None:
    """Raise unless each is a floating-point tensor, and all are on one device."""
    first: Tensor | None = None
    for name, value in tensors.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"{name}: got {describe(value)}, expected a torch.Tensor")
        if value.dtype not in DTYPES:
            hint = "; .float() makes numbers of integers" if value.dtype in INTEGERS else ""
            raise ValueError(f"{name}: got dtype {value.dtype}, expected float64, float32, float16 or bfloat16{hint}")
        if first is None:
            first, of = value, name
        elif value.device != first.device:
            raise ValueError(f"{name}: got device {value.device}, expected {first.device}, the device of {of}")


def validate_pair(input: Any, target: Any) -> None:
    """Raise unless `input` and `target` are floating-point tensors of one shape on one device."""
    floating(input=input, target=target)
    _same_shape(input, target)


def _same_shape(input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        raise ValueError(
            f"target: got shape {tuple(target.shape)}, expected {tuple(input.shape)}, the shape of input; "
            "nothing is broadcast here"
        )


def extremes(tensor: Tensor) -> tuple[float, float] | None:
    """The least and the greatest value, or None where values are not read: see the module's first lines."""
    if tensor.device.type != "cpu" or torch.compiler.is_compiling() or not tensor.numel():
        return None
    values = tensor.detach()
    try:
        return values.amin().item(), values.amax().item()  # each is faster than half of `aminmax`
    except RuntimeError:  # under vmap there is no one value
        return None


READ = 65_536  # labels and probabilities that are read


def beginning(tensor: Tensor) -> Tensor:
    """The first rows of a large tensor, without a copy; of its first image, if that alone is large."""
    while tensor.numel() > READ:
        rows = -(-READ * len(tensor) // tensor.numel())
        if rows > 1 or tensor.dim() == 1:
            return tensor[:rows]
        tensor = tensor[0]
    return tensor


def within(name: str, tensor: Tensor, low: float, high: float, what: str) -> None:
    """Raise if one of the first values is outside of [low, high]. NaN passes: NaN gives NaN."""
    tensor = beginning(tensor)
    found = extremes(tensor)
    if found and math.isnan(found[0]):
        found = extremes(tensor[~tensor.isnan()])
    if found and (found[0] < low or found[1] > high):
        wrong = found[0] if found[0] < low else found[1]
        raise ValueError(f"{name}: got the value {wrong:.10g}, expected {what} in [{low:g}, {high:g}]")


def integers(name: str, numbers: Any, like: Tensor, what: str) -> None:
    """Raise unless there is an integer for each row of `like`. Any will do: it is only compared with the others."""
    if not isinstance(numbers, Tensor):
        raise TypeError(f"{name}: got {describe(numbers)}, expected a torch.Tensor of {what}")
    if numbers.dtype not in INTEGERS:
        raise ValueError(f"{name}: got dtype {numbers.dtype}, expected {what} of dtype int64")
    if numbers.shape != (len(like),):
        raise ValueError(f"{name}: got shape {tuple(numbers.shape)}, expected {(len(like),)}: {what}, one for each row")
    if numbers.device != like.device:
        raise ValueError(f"{name}: got device {numbers.device}, expected {like.device}, the device of the embeddings")


def as_wide(tensor: Tensor | None, input: Tensor) -> Tensor | None:
    """Weights or a bias in the dtype of the computation, as torch's kernels ask."""
    return tensor if tensor is None else tensor.to(input.dtype)


def class_axis(input: Tensor) -> int:
    """The axis of the classes: 1 for a batch, 0 for one sample."""
    return min(input.dim(), 2) - 1


def per_sample(input: Tensor) -> tuple[int, ...]:
    """The shape of `input` without its axis of classes."""
    axis = class_axis(input)
    return (*input.shape[:axis], *input.shape[axis + 1 :])


def class_index(name: str, target: Any, shape: tuple[int, ...], classes: int, ignored: int | None = None) -> None:
    """Raise unless `target` holds class indices of this shape, each from 0 to `classes` - 1 or the ignored one."""
    if not isinstance(target, Tensor):
        raise TypeError(f"{name}: got {describe(target)}, expected a torch.Tensor of class indices")
    if target.dtype not in INTEGERS:
        raise ValueError(f"{name}: got dtype {target.dtype}, expected class indices of dtype int64")
    if tuple(target.shape) != shape:
        raise ValueError(
            f"{name}: got shape {tuple(target.shape)}, expected {shape}: one class index for each sample, no class axis"
        )
    found = extremes(target)
    if found is None or (found[0] >= 0 and found[1] < classes):
        return
    counted = target if ignored is None else target[target != ignored]
    wrong = counted[(counted < 0) | (counted >= classes)]
    if wrong.numel():
        but = "" if ignored is None else f", or {ignored} to ignore a sample"
        raise ValueError(f"{name}: got the class index {wrong[0].item()}, expected 0 to {classes - 1}{but}")


# --- kinds of inputs ----------------------------------------------------------------------------------------


class Inputs:
    """The tensors of a loss. A kind of loss is a subclass or an instance of it."""

    names: tuple[str, ...] = ("input", "target")
    optional: tuple[str, ...] = ()  # the last of these names, which may be left out: the loss is given None
    by: tuple[str, ...] = ("input",)  # the tensors that `gradient` differentiates by
    reductions: tuple[str, ...] = REDUCTIONS
    label: Parameter | None = None  # the target, where the formula has a name for it and every element has one
    labels: tuple[Parameter, ...] = ()  # numbers of the target that the formula names, such as the true box
    symbols: Mapping[str, str] = MappingProxyType({})  # LaTeX of the formula's variables that is not their own name
    short: Mapping[str, str] = MappingProxyType({})  # what the LaTeX names instead of writing it out: {"U": "a + b"}
    embeddings: tuple[str, ...] = ()  # the tensors of vectors that are compared, for `EmbeddingTraits`
    features = -1  # the axis of the vectors' components
    scene = "curve"  # of the explorer
    where = ""  # in words: for which small case the formula is written
    domain: Mapping[str, tuple[float, float]] = MappingProxyType(
        {}
    )  # of the formula's variables; others are any number
    one_by_one = False  # does `at` take one number for each variable, because a batch has some tensors in common?

    def prepared(self, *tensors: Any) -> tuple[Any, ...]:
        """The tensors, where something else may be given for them, such as a list of lengths."""
        return tensors

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together; `arguments` are the hyperparameters and options."""
        raise NotImplementedError

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """The tensors at which the loss, with reduction "none", is the formula of these values, one sample each.

        If `one_by_one`, each value is a single number, and the formula is the sum over the batch that is made of them.
        """
        raise NotImplementedError

    def allowed(self, *values: Tensor) -> tuple[Tensor, ...]:
        """Random values of the formula's variables, made such that they are possible together."""
        return values

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Random float64 tensors of ordinary size, in every shape that is allowed."""
        raise NotImplementedError

    def counted(self, *tensors: Tensor) -> int | None:
        """How many losses the mean is over. None: all of `reduction="none"`; 0: the tensors do not tell."""
        return None

    def perfect(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The sample with a truth that leaves no doubt, and the input that says it with certainty."""
        raise NotImplementedError

    def truth(self, label: int, rows: Tensor) -> Tensor:
        """The target that says, for each row of scores, that this class is the true one."""
        return torch.full((len(rows),), label)

    def distributions(self, q: Tensor, p: Tensor) -> tuple[Tensor, ...]:
        """The tensors of a divergence for rows of model probabilities q and true probabilities p."""
        raise NotImplementedError


@dataclass(frozen=True)
class Elementwise(Inputs):
    """Losses of one number each: a formula in one variable, made of one element of `input` and of `target`."""

    variable: str
    axis: str  # its label on an axis
    latex: str  # what the gradient is by
    of: Callable[[Tensor, Tensor], Tensor]  # the variable, from input and target
    slope: Callable[[Tensor, Tensor], Tensor | float]  # its derivative by input
    pair: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]  # input and target, from variable and label
    check: Callable[[Any, Any], None] = validate_pair
    label: Parameter | None = None
    targets: tuple[float, ...] = ()  # labels that are tried; none: any real number
    domain: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    xlim: tuple[float, float] | None = None

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        self.check(*tensors)

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Input and target for values of the variable, at the label of the setting."""
        (value,) = values
        return self.pair(value, torch.full_like(value, setting[self.label.name] if self.label else 1.0))

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Random numbers of four shapes."""
        for shape in ((), (1,), (5,), (2, 3, 5)):
            input = 3 * torch.randn(shape, dtype=torch.float64)
            if self.domain:
                low, high = self.domain[self.variable]
                input = low + (input.exp() if math.isinf(high) else (high - low) * input.sigmoid())
            if self.targets:
                target = torch.tensor(self.targets, dtype=torch.float64)[torch.randint(len(self.targets), shape)]
            else:
                target = 3 * torch.randn(shape, dtype=torch.float64)
            yield input, target


RESIDUAL = Elementwise(
    variable="r",
    axis="residual r = ŷ − y",
    latex=r"\hat{y}",
    of=lambda input, target: input - target,
    slope=lambda input, target: 1.0,
    pair=lambda r, label: (r, torch.zeros_like(r)),
)


def _signs(input: Any, target: Any) -> None:
    floating(input=input)
    if isinstance(target, Tensor) and target.dtype in INTEGERS:
        target = target.to(torch.float32)
    floating(input=input, target=target)
    _same_shape(input, target)
    target = beginning(target)
    found = extremes(target)
    if found is None or (found == (-1.0, 1.0) and _squares_sum_up(target)):
        return
    wrong = target[(target.abs() != 1) & ~target.isnan()]
    if wrong.numel():
        raise ValueError(
            f"target: got the label {wrong[0].item():g}, expected only -1 and 1; labels in {{0, 1}} become 2*y - 1"
        )


def _squares_sum_up(target: Tensor) -> bool:
    """Within [-1, 1], all labels are -1 or 1 if their squares add up to their number."""
    flat = target.detach().flatten()
    exact = flat.dtype in (torch.float32, torch.float64) and flat.numel() < 2**24
    return exact and torch.dot(flat, flat).item() == flat.numel()


MARGIN = Elementwise(
    variable="m",
    axis="margin m = y · score",
    latex="m",
    of=lambda input, target: input * target,
    slope=lambda input, target: target,
    pair=lambda m, label: (m, torch.ones_like(m)),
    check=_signs,
    targets=(-1.0, 1.0),
)

DISTANCE_LABEL = Parameter(
    "y", "y", "y", "1: should be small, −1: should be large", default=1.0, low=-1.0, high=1.0, slider=(-1.0, 1.0, 2.0),
    open_low=False, choices=(-1.0, 1.0),
)  # fmt: skip

DISTANCE = Elementwise(
    variable="x",
    axis="distance x",
    latex="x",
    of=lambda input, target: input,
    slope=lambda input, target: 1.0,
    pair=lambda x, label: (x, label),
    check=_signs,
    label=DISTANCE_LABEL,
    targets=(-1.0, 1.0),
    xlim=(-1.0, 3.0),
)


def _soft_label(input: Any, target: Any) -> None:
    validate_pair(input, target)
    within("target", target, 0.0, 1.0, "labels")


def _probability(input: Any, target: Any) -> None:
    _soft_label(input, target)
    for name, tensor in (("input", input), ("target", target)):
        found = extremes(beginning(tensor))
        if found and math.isnan(found[0]):  # torch's own code refuses it, without a name
            raise ValueError(f"{name}: got NaN, expected numbers in [0, 1]")
    within("input", input, 0.0, 1.0, "probabilities")


LABEL = Parameter(
    "y", "y", "y", "label", default=1.0, low=0.0, high=1.0, slider=(0.0, 1.0, 0.05), open_low=False
)  # fmt: skip

LOGIT = Elementwise(
    variable="z",
    axis="logit z",
    latex="z",
    of=lambda input, target: input,
    slope=lambda input, target: 1.0,
    pair=lambda z, label: (z, label),
    check=_soft_label,
    label=LABEL,
    targets=(0.0, 0.3, 1.0),
    xlim=(-6.0, 6.0),
)

PROBABILITY = Elementwise(
    variable="p",
    axis="probability p",
    latex="p",
    of=lambda input, target: input,
    slope=lambda input, target: 1.0,
    pair=lambda p, label: (p, label),
    check=_probability,
    label=LABEL,
    targets=(0.0, 0.3, 1.0),
    domain=MappingProxyType({"p": (0.0, 1.0)}),
    xlim=(0.01, 0.99),
)


@dataclass(frozen=True)
class Scores(Inputs):
    """Scores of classes, (C,), (N, C) or (N, C, d1, ...), and the true class; the formula is that of three scores."""

    probabilities: bool = False  # may `target` also hold a probability for each class?
    ignores: bool = True  # does the loss take `ignore_index`?
    dims: tuple[int, ...] = (1, 2, 3, 4, 5)  # of input
    log_probabilities: bool = False  # is `input` log-probabilities?

    scene = "bars"
    where = "three classes, the first is true"

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        input, target = tensors
        floating(input=input)
        if input.dim() not in self.dims:
            expected = " or ".join(map(str, self.dims)) if len(self.dims) < 5 else "1 to 5"
            raise ValueError(f"input: got shape {tuple(input.shape)}, expected {expected} dimensions, (N, C, ...)")
        if isinstance(target, Tensor) and target.is_floating_point() and self.probabilities:
            if target.shape == per_sample(input) != input.shape:
                raise ValueError(
                    f"target: got dtype {target.dtype}, expected class indices of dtype int64: target.long()"
                )
            validate_pair(input, target)
            within("target", target, 0.0, 1.0, "class probabilities")
            return
        ignored = arguments.get("ignore_index", -100) if self.ignores else None
        class_index("target", target, per_sample(input), input.shape[class_axis(input)], ignored)
        if target.device != input.device:
            raise ValueError(f"target: got device {target.device}, expected {input.device}, the device of input")

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Rows of scores whose first class is true."""
        return torch.stack(values, dim=1), torch.zeros(len(values[0]), dtype=torch.int64)

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Random scores of every number of dimensions, a batch of one, one target ignored, class probabilities."""
        for shape in ((4,), (1, 4), (6, 4), (5, 3, 2), (2, 3, 2, 4), (2, 3, 1, 2, 2)):
            if len(shape) not in self.dims:
                continue
            input = 3 * torch.randn(shape, dtype=torch.float64)
            if self.log_probabilities:
                input = input.log_softmax(class_axis(input))
            target = torch.randint(input.shape[class_axis(input)], per_sample(input))
            yield input, target
            if self.ignores and target.numel() > 2:
                target = target.clone()
                target.view(-1)[1] = -100
                yield input, target
            if self.probabilities:
                yield input, torch.randn(shape, dtype=torch.float64).softmax(class_axis(input))
