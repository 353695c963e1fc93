"""The live explorer: an anywidget whose traits are the parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets

from lossbook.explorer import module, style
from lossbook.explorer.payload import Payload, check_data, check_show, summary
from lossbook.explorer.still import island_html
from lossbook.loss import Loss, Parameter


class Explorer(anywidget.AnyWidget):
    """What :func:`lossbook.explore` returns. Its traits are its state, here and on the screen alike."""

    _esm = module()
    _css = style()
    payload = traitlets.Dict(read_only=True, help="what the page draws from").tag(sync=True)

    def __init__(self, payload: Payload, losses: Sequence[Loss]) -> None:
        self._losses = tuple(losses)
        traits: dict[str, traitlets.TraitType[Any, Any]] = {"show": _Show(payload)}
        if payload["scene"] == "curve":
            traits["point"] = _Point(payload)
            traits["view"] = traitlets.Enum(["both", "loss", "gradient"], "both")
        else:
            traits["data"] = _Data(payload)
        for name, parameter in _parameters(losses).items():
            if hasattr(type(self), name) or name in traits:
                raise ValueError(f"{name}: a parameter of this name hides an attribute of the widget")
            start = next(one["default"] for one in payload["parameters"] if one["name"] == name)
            traits[name] = _Number(parameter, start)
        # Traits of this one widget. Traitlets makes a subclass for them, which keeps the class's name.
        self.add_traits(**{name: trait.tag(sync=True) for name, trait in traits.items()})
        super().__init__()
        self.set_trait("payload", payload)

    def __repr__(self) -> str:
        names = [one["name"] for one in self.payload["parameters"]]
        now = [one | {"default": getattr(self, one["name"])} for one in self.payload["parameters"]]
        return summary(self.payload | {"parameters": now}) if names else summary(self.payload)

    @property
    def html(self) -> str:
        """The island of a static page, at the present values."""
        return island_html(self._now(), self._losses)

    def _now(self) -> Payload:
        payload = dict(self.payload)
        payload["parameters"] = [one | {"default": getattr(self, one["name"])} for one in payload["parameters"]]
        for name in ("point", "show", "data"):
            if self.has_trait(name):
                payload[name] = getattr(self, name)
        return payload

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return bundle | {"text/plain": repr(self), "text/html": self.html}, metadata


def _parameters(losses: Sequence[Loss]) -> dict[str, Parameter]:
    found: dict[str, Parameter] = {}
    for loss in losses:
        for parameter in loss.parameters:
            found.setdefault(parameter.name, parameter)
    return found


class _Number(traitlets.Float[float, float]):
    """A parameter's value; out of its range it is refused with the parameter's own words."""

    def __init__(self, parameter: Parameter, start: float) -> None:
        super().__init__(start, help=parameter.meaning)
        self.parameter = parameter

    def validate(self, obj: Any, value: Any) -> float:
        try:
            self.parameter.validate(value)
        except (TypeError, ValueError) as error:
            raise traitlets.TraitError(str(error)) from None
        return float(value)


class _Point(traitlets.Float[float, float]):
    def __init__(self, payload: Payload) -> None:
        super().__init__(payload["point"], help="the residual of the point")
        self.low, self.high = payload["xlim"]

    def validate(self, obj: Any, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not self.low <= value <= self.high:
            raise traitlets.TraitError(f"point: got {value!r}, expected a number from {self.low:g} to {self.high:g}")
        return float(value)


class _Show(traitlets.List[str]):
    def __init__(self, payload: Payload) -> None:
        super().__init__(traitlets.Unicode(), payload["show"], help="the compared losses that are drawn")
        self.names = [one["name"] for one in payload["losses"][1:]]

    def validate(self, obj: Any, value: Any) -> list[str]:
        try:
            return check_show(value, self.names)
        except ValueError as error:
            raise traitlets.TraitError(str(error)) from None


class _Data(traitlets.List[Any]):
    def __init__(self, payload: Payload) -> None:
        super().__init__(default_value=payload["data"], help="the points")
        self.scene = payload["scene"]

    def validate(self, obj: Any, value: Any) -> list[Any]:
        try:
            return check_data(self.scene, value)
        except (TypeError, ValueError) as error:
            raise traitlets.TraitError(str(error)) from None
