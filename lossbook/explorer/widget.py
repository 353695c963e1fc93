"""The live explorer: an anywidget whose traits are the parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets

from lossbook.explorer import module, style
from lossbook.explorer.payload import SCENES, island_html, sliders, summary
from lossbook.explorer.scene import Payload, check_state
from lossbook.loss import Loss, Parameter


class Explorer(anywidget.AnyWidget):
    """What :func:`lossbook.explore` returns. Its traits are its state, here and on the screen alike."""

    _esm = module()
    _css = style()
    payload = traitlets.Dict(read_only=True, help="what the page draws from").tag(sync=True)

    def __init__(self, payload: Payload, losses: Sequence[Loss]) -> None:
        self._losses = tuple(losses)
        parameters = sliders(losses, SCENES[payload["scene"]])
        traits: dict[str, traitlets.TraitType[Any, Any]] = {
            name: _State(name, spec) for name, spec in payload["state"].items()
        }
        for one in payload["parameters"]:
            name = one["name"]
            if hasattr(type(self), name) or name in traits:
                raise ValueError(f"{name}: a parameter of this name hides an attribute of the widget")
            traits[name] = _Number(parameters[name], one["default"])
        # Traits of this one widget. Traitlets makes a subclass for them, which keeps the class's name.
        self.add_traits(**{name: trait.tag(sync=True) for name, trait in traits.items()})
        super().__init__()
        self.set_trait("payload", payload)

    def __repr__(self) -> str:
        return summary(self._now())

    @property
    def html(self) -> str:
        """The island of a static page, at the present values."""
        return island_html(self._now(), self._losses)

    def _now(self) -> Payload:
        parameters = [one | {"default": getattr(self, one["name"])} for one in self.payload["parameters"]]
        state = {name: spec | {"start": getattr(self, name)} for name, spec in self.payload["state"].items()}
        return self.payload | {"parameters": parameters, "state": state}

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        # The metadata name Colab's manager of widgets. There a still picture might be preferred to the widget.
        still = {} if metadata else {"text/html": self.html}
        return bundle | {"text/plain": repr(self)} | still, metadata


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


class _State(traitlets.TraitType[Any, Any]):
    """What else the reader moves, checked as the scene describes it."""

    def __init__(self, name: str, spec: Payload) -> None:
        super().__init__(spec["start"])
        self.key, self.spec = name, spec

    def validate(self, obj: Any, value: Any) -> Any:
        try:
            return check_state(self.key, self.spec, value)
        except (TypeError, ValueError) as error:
            raise traitlets.TraitError(str(error)) from None
