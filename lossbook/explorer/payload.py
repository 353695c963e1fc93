"""What the page's JavaScript needs to know of an explorer, as one JSON object; and every check of the arguments."""

from __future__ import annotations

import html
import inspect
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lossbook import plot
from lossbook.explorer import (
    attention,
    bars,
    boxes,
    curve,
    densities,
    fit,
    lattice,
    mask,
    pair,
    plane,
    risk,
    sample,
    similarity,
    simplex,
    triplet,
    walk,
)
from lossbook.explorer.scene import SAMPLES, Payload, Scene, check_state, defaults, short, some
from lossbook.loss import Loss, Parameter

# Every scene by its name. A scene is a module here and the JavaScript file beside it.
SCENES: dict[str, Scene] = {
    module.SCENE.name: module.SCENE
    for module in (
        curve, sample, fit, risk, bars, simplex, plane, densities, pair, triplet, mask, boxes, similarity, attention,
        walk, lattice,
    )
}  # fmt: skip
MAX_COMPARE = 6


def make_payload(
    loss: Loss,
    compare: Sequence[Loss] = (),
    *,
    scene: str | None = None,
    id: str | None = None,
    show: Sequence[str] | None = None,
    **options: Any,
) -> Payload:
    """Everything that the scene draws from. Raises TypeError or ValueError naming the argument that is wrong."""
    chosen = _scene(loss, scene)
    losses = _losses(loss, compare, chosen)
    found = sliders(losses, chosen)
    asked = [name for name, one in inspect.signature(chosen.payload).parameters.items() if one.kind is one.KEYWORD_ONLY]
    parameters = _parameters(found, {name: value for name, value in options.items() if name in found})
    part = chosen.payload(losses, parameters, **{name: value for name, value in options.items() if name in asked})

    _check_names(options, found, {*asked, *part["state"]}, chosen)

    names = [one.name for one in losses[1:]]
    state = {"show": some(names, names)} | part["state"]
    given = options | ({} if show is None else {"show": show})
    for name, spec in state.items():
        if name in given and name not in asked:
            state[name] = spec | {"start": check_state(name, spec, given[name])}
    payload = {
        "id": _id(id, losses, chosen),
        "scene": chosen.name,
        "losses": [_loss(one) for one in losses],
        "parameters": parameters,
        "samples": SAMPLES,
        **part,
        "state": state,
    }
    payload["describe"] = describe(payload)
    return payload


def _check_names(options: Mapping[str, Any], parameters: Mapping[str, Parameter], own: set[str], scene: Scene) -> None:
    for name in parameters.keys() & own:
        raise ValueError(
            f"{name}: the scene {scene.name!r} has a name for something else that a loss has for a parameter"
        )
    for name in options.keys() - parameters.keys() - own:
        raise TypeError(
            f"{name}: neither a parameter of these losses, which have {', '.join(parameters) or 'none'}, "
            f"nor an argument of the scene {scene.name!r}, which takes {', '.join(sorted(own))}"
        )


def summary(payload: Payload) -> str:
    """One line: ``Explorer: Huber loss with MSE, MAE (delta = 1)``."""
    first, *others = payload["losses"]
    rest = f" with {', '.join(one['label'] for one in others)}" if others else ""
    settings = _settings(payload)
    scene = SCENES[payload["scene"]].summary
    return f"Explorer: {first['title']}{rest}{scene}" + (f" ({settings})" if settings else "")


def describe(payload: Payload) -> str:
    """The picture in words, for readers who do not see it."""
    first, *others = payload["losses"]
    rest = f", compared with {', '.join(one['label'] for one in others)}" if others else ""
    what = SCENES[payload["scene"]].describe.format(title=first["title"], **payload) + rest
    settings = _settings(payload)
    return what + (f"; {settings}." if settings else ".")


def _settings(payload: Payload) -> str:
    return ", ".join(f"{name} = {value:g}" for name, value in defaults(payload).items())


def island_html(payload: Payload, losses: Sequence[Loss], figure: bool = True) -> str:
    """The figure, and beside it what the script needs to bring it to life."""
    still = "<p>The explorer needs JavaScript.</p>"
    if figure:
        still = plot.picture(SCENES[payload["scene"]].picture(payload, losses), describe(payload)).html
    return (
        f'<div class="lb-explorer" id="{html.escape(payload["id"])}" data-scene="{payload["scene"]}">{still}'
        f'<script type="application/json">{island_json(payload)}</script></div>'
    )


def island_json(payload: Payload) -> str:
    """JSON that may stand inside a script element."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")


def sliders(losses: Sequence[Loss], scene: Scene) -> dict[str, Parameter]:
    """One slider for each name: losses that share `c` share its slider, which is the first one's.

    In a scene that keeps them apart, CosFace's margin beside that of ArcFace, which means something else, is
    `cosface_margin`.
    """
    found = {parameter.name: parameter for parameter in scene.sliders}
    for loss in losses:
        for parameter in loss.sliders if scene.label else loss.parameters:
            if parameter.name not in (loss.formula.parameters if scene.uses is None else scene.uses):
                continue  # the formula of a small case may know nothing of it
            known = found.setdefault(parameter.name, parameter)
            if scene.apart and known.meaning != parameter.meaning:
                name, meaning = f"{loss.name}_{parameter.name}", f"{loss.record.short}: {parameter.meaning}"
                found[name] = replace(parameter, name=name, meaning=meaning)
    return found


def _scene(loss: Loss, name: str | None) -> Scene:
    if name is None and isinstance(loss, Loss):
        name = usual_scene(loss)
        if name is None:
            raise ValueError(f"loss: no scene draws {loss.name}, a formula in {', '.join(loss.formula.variables)}")
    name = name or "curve"
    if name not in SCENES:
        raise ValueError(f"scene: got {name!r}, expected one of {', '.join(map(repr, SCENES))}")
    return SCENES[name]


def usual_scene(loss: Loss) -> str | None:
    """The scene of a loss for which none is asked; None if its formula is one that no scene draws."""
    names = (loss.takes.scene, *SCENES)
    return next((name for name in names if name in SCENES and SCENES[name].accepts(loss)), None)


def _losses(loss: Loss, compare: Sequence[Loss], scene: Scene) -> tuple[Loss, ...]:
    if isinstance(compare, (Loss, str)) or not isinstance(compare, Sequence):
        raise TypeError(f"compare: got {short(compare)}, expected a list of losses, such as [lb.mse, lb.mae]")
    for name, one in [("loss", loss), *(("compare", other) for other in compare)]:
        if not isinstance(one, Loss):
            hint = "; lb.get(name) looks one up" if isinstance(one, str) else ""
            raise TypeError(f"{name}: got {short(one)}, expected a loss such as lb.huber{hint}")
        if not scene.accepts(one):
            variables = ", ".join(one.formula.variables)
            raise ValueError(
                f"{name}: {one.name} is a formula in ({variables}); the scene {scene.name!r} draws {scene.draws}"
            )
        if one.formula.variables != loss.formula.variables and not scene.mixed:
            raise ValueError(
                f"{name}: {one.name} is a formula in {', '.join(one.formula.variables)} and {loss.name} in "
                f"{', '.join(loss.formula.variables)}; only losses of the same variables share a picture"
            )
    if len(compare) > MAX_COMPARE:
        raise ValueError(f"compare: got {len(compare)} losses, expected at most {MAX_COMPARE}")
    losses = (loss, *compare)
    names = [one.name for one in losses]
    if len(set(names)) < len(names):
        raise ValueError(f"compare: got {', '.join(names)}; each loss may appear once")
    return losses


def _parameters(found: Mapping[str, Parameter], values: Mapping[str, float]) -> list[Payload]:
    result = []
    for name, parameter in found.items():
        value = values.get(name, parameter.default)
        parameter.validate(value)
        low, high, step = parameter.slider
        if not low <= value <= high:
            raise ValueError(f"{name}: got {value!r}, expected a value on the slider, from {low:g} to {high:g}")
        result.append(
            {"name": name, "symbol": parameter.symbol, "meaning": parameter.meaning}
            | {"default": float(value), "low": float(low), "high": float(high), "step": float(step)}
            | ({"choices": [float(one) for one in parameter.choices]} if parameter.choices else {})
        )
    return result


def _id(id: str | None, losses: Sequence[Loss], scene: Scene) -> str:
    if id is None:
        name = "-".join(loss.name.replace("_", "") for loss in losses)
        return name if scene.name == usual_scene(losses[0]) else f"{name}-{scene.name}"
    if not isinstance(id, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", id):
        raise ValueError(f"id: got {id!r}, expected a letter and then letters, digits and hyphens")
    return id


def _loss(loss: Loss) -> Payload:
    """The loss for JavaScript. A formula of one variable has `variable` and `slope` too."""
    variables, slopes = list(loss.formula.variables), list(loss.formula.gradient_javascript)
    one = {"variable": variables[0], "slope": slopes[0]} if len(variables) == 1 else {}
    return one | {
        "name": loss.name,
        "title": loss.title,
        "label": loss.record.short,
        "variables": variables,
        "parameters": list(loss.formula.parameters),
        "value": loss.formula.javascript,
        "slopes": slopes,
    }
