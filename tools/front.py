"""The front page of the site: one definition at work, and the map of all chapters with a curve for each.

In a notebook the front page is text with links. Two of its cells are tagged, and on the site what this module makes
takes their place: `front-promise` and `front-map`. Curves are drawn from the formulas of the losses, titles and
minutes come from the chapters, so that a new chapter has its tile by itself.
"""

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

import lossbook as lb
from lossbook.formula import Formula

LOOK_UP = "Look up"  # the part of the table of contents that has no chapters
# Where sections are cut through formulas of several variables.
Path1D = Callable[[np.ndarray], Mapping[str, Any]]
WIDTH, HEIGHT, MARGIN = 120, 66, 4
ROLES = ("loss", "overlay-1", "overlay-2", "overlay-3")


@dataclass(frozen=True)
class Stroke:
    """A line of a picture: a loss along a path through its variables, or its slope."""

    loss: str
    low: float = -3.0
    high: float = 3.0
    fixed: Mapping[str, float] = field(default_factory=dict)
    along: Path1D | None = None
    slope: bool = False


@dataclass(frozen=True)
class Drawing:
    """A picture: its strokes, and how high it reaches, if not as high as they do."""

    strokes: tuple[Stroke, ...]
    top: float | None = None


def strokes(*names: str, top: float | None = None, **options: Any) -> Drawing:
    """A picture of several losses over the same range."""
    return Drawing(tuple(Stroke(name, **options) for name in names), top)


def both(name: str, top: float | None = None, **options: Any) -> Drawing:
    """A picture of a loss and its slope."""
    return Drawing((Stroke(name, **options), Stroke(name, slope=True, **options)), top)


def cases(name: str, *fixed: Mapping[str, float], top: float | None = None, **options: Any) -> Drawing:
    """A picture of one loss at several values of what it is given."""
    return Drawing(tuple(Stroke(name, fixed=values, **options) for values in fixed), top)


def angle(t: np.ndarray) -> Mapping[str, Any]:
    """A feature turns away from its class; the others are at a right angle."""
    return {"c1": np.cos(t)}


def growing(t: np.ndarray) -> Mapping[str, Any]:
    """A mask grows: first over the object of ten pixels, then beyond it."""
    return {"P": 10 * t, "I": 10 * np.minimum(t, 1)}


def passing(t: np.ndarray) -> Mapping[str, Any]:
    """A box passes another of its size."""
    return {"x1": t, "x2": t + 2}


def sure(p: np.ndarray) -> Mapping[str, Any]:
    """A letter has the probability p at each of two moments."""
    return {"a1": np.log(p), "a2": np.log(p), "b1": np.log(1 - p), "b2": np.log(1 - p)}


BOX = {"y1": 0.0, "y2": 2.0, "u1": 0.0, "v1": 0.0, "u2": 2.0, "v2": 2.0}
MASK = {"Y": 10.0, "smooth": 0.0}
# What a chapter's tile shows. A chapter that is not here shows the first of its losses over its first variable.
DRAWINGS = {
    "foundations": both("mse", top=3.0),
    "regression": strokes("huber", "mse", "mae", top=3.0),
    "robust": both("geman_mcclure", low=-8.0, high=8.0),
    "quantile": cases("pinball", {"quantile": 0.85}, {"quantile": 0.5}, low=-2.0, high=2.0),
    "relative": strokes("mape", "gamma_deviance", low=0.15, high=3.0, fixed={"y": 1.0}, top=1.6),
    "margin": strokes("hinge", "zero_one", "logistic", low=-2.0),
    "binary_cross_entropy": cases("binary_cross_entropy_with_logits", {"y": 1.0}, {"y": 0.0}, low=-4.0, high=4.0),
    "cross_entropy": both("cross_entropy", low=-4.0, high=4.0),
    "divergence": cases(
        "distillation", {"v": 1.0, "temperature": 1.0}, {"v": 1.0, "temperature": 3.0}, low=-4.0, high=6.0
    ),
    "imbalance": cases(
        "binary_focal_with_logits", {"y": 1.0, "gamma": 2.0}, {"y": 1.0, "gamma": 0.0}, low=-2.0, high=3.0
    ),
    "angular": cases(
        "arcface", {"scale": 6.0, "margin": 0.5}, {"scale": 6.0, "margin": 0.0}, low=0.0, high=2.6, along=angle
    ),
    "segmentation": strokes("dice", "jaccard", low=0.0, high=3.0, fixed=MASK, along=growing),
    "boxes": strokes("giou", "iou", low=-4.5, high=4.5, fixed=BOX, along=passing),
    "siamese": cases("contrastive", {"same": 1.0, "margin": 1.0}, {"same": 0.0, "margin": 1.0}, low=0.0, high=1.5),
    "triplet": cases(
        "triplet_margin",
        {"dp": 1.0, "margin": 1.0},
        {"dp": 1.0, "margin": 0.3},
        low=0.0,
        high=3.0,
        along=lambda t: {"dn": t},
    ),
    "alignment": cases("info_nce", {"temperature": 0.5}, {"temperature": 0.15}, low=-1.0, high=1.0, top=5.0),
    "temporal_difference": Drawing(
        (
            Stroke("q_learning_error", -1.5, 2.0, {"q": 0.0, "b": 0.5, "r": 0.0, "gamma": 0.9}, lambda t: {"a": t}),
            Stroke("sarsa_error", -1.5, 2.0, {"q": 0.0, "r": 0.0, "gamma": 0.9}, lambda t: {"w": t}),
        )
    ),
    "sequence": Drawing((Stroke("ctc", 0.03, 0.97, along=sure),)),
    "choosing": strokes("huber", "mse", "cauchy", "welsch", low=-4.0, high=4.0, top=4.0),
    "pytorch_losses": Drawing(
        (Stroke("smooth_l1"), Stroke("binary_cross_entropy_with_logits", fixed={"y": 1.0}), Stroke("hinge")), 3.2
    ),
}


def dress(notebook: NotebookNode, root: Path) -> NotebookNode:
    """The front page as the site shows it."""
    makers: dict[str, Callable[[str], str]] = {"front-promise": promise, "front-map": partial(chart, root=root)}
    for cell in notebook.cells:
        for tag in cell.metadata.get("tags", []):
            if tag in makers:
                cell.source = makers[tag](cell.source)
    return notebook


def parts(root: Path) -> list[tuple[str, list[str]]]:
    """The parts of the book and their chapters, in order."""
    toc = yaml.safe_load((root / "_toc.yml").read_text())
    return [(part["caption"], [one["file"] for one in part["chapters"]]) for part in toc["parts"]]


def chart(text: str, root: Path) -> str:
    """The map of the families: each part with what it says in `text`, and its chapters as tiles instead of a list."""
    head, *sections = re.split(r"^### +", text, flags=re.MULTILINE)
    said = {name.strip(): rest for name, _, rest in (section.partition("\n") for section in sections)}
    blocks = [head.strip()]
    for name, chapters in parts(root):
        if name != LOOK_UP:
            prose = re.sub(r"^- .*\n?", "", said.get(name, ""), flags=re.MULTILINE).strip()
            tiles = "".join(tile(chapter, root) for chapter in chapters)
            blocks += [f"### {name}", prose, raw(f'<ul class="lb-tiles lb-figure">{tiles}</ul>')]
    return "\n\n".join(block for block in blocks if block) + "\n"


def tile(chapter: str, root: Path) -> str:
    """A chapter on the map."""
    from tools import book, meta, opening

    family = chapter.removeprefix("chapters/")
    title = html.escape((book.heading(chapter, root) or family).replace("`", ""))
    minutes = opening.minutes(book.source(chapter, root))
    time = f'<span class="lb-minutes">{minutes} minutes</span>' if minutes else ""
    about = html.escape(meta.description(chapter, root))
    picture = drawing(family)
    sketch = svg(picture) if picture else ""
    return f'<li class="lb-tile">{sketch}<a href="{chapter}.html">{title}</a><p class="lb-about">{about}</p>{time}</li>'


def drawing(family: str) -> Drawing | None:
    """What the tile of a chapter shows; nothing for a chapter without a loss."""
    if family in DRAWINGS:
        return DRAWINGS[family]
    first = next((loss for loss in lb.losses() if loss.family == family), None)
    return Drawing((Stroke(first.name),)) if first else None


def points(stroke: Stroke, count: int = 97) -> tuple[np.ndarray, np.ndarray]:
    """The places of a stroke, and the values there."""
    loss = lb.get(stroke.loss)
    formula: Formula = loss.formula
    x = np.linspace(stroke.low, stroke.high, count)
    known: dict[str, Any] = dict.fromkeys(formula.variables + formula.parameters, 0.0)
    known |= {one.name: one.default for one in loss.parameters}
    known |= dict(stroke.fixed)
    known |= stroke.along(x) if stroke.along else {formula.variables[0]: x}
    given = [np.broadcast_to(known[name], x.shape) for name in formula.variables + formula.parameters]
    with np.errstate(all="ignore"):
        return x, np.asarray(formula.function("numpy", 0 if stroke.slope else None)(*given), dtype=float) + 0 * x


def svg(picture: Drawing, width: int = WIDTH, height: int = HEIGHT, label: str = "") -> str:
    """The picture as a small SVG in the colors of the page; without a label it is an ornament."""
    lines = [points(stroke) for stroke in picture.strokes]
    finite = np.concatenate([y[np.isfinite(y)] for _, y in lines])
    high = min(finite.max(), np.inf if picture.top is None else picture.top)
    low = max(finite.min(), -high if high > 0 else -np.inf)
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (height - 2 * MARGIN) / (high - low)
    ground = MARGIN + high * scale
    drawn = [f'<path class="lb-axis" d="M0 {ground:.1f}H{width}"/>']
    for number, (stroke, (x, y)) in enumerate(zip(picture.strokes, lines, strict=True)):
        role = "gradient" if stroke.slope else ROLES[number]
        # What leaves the picture is cut off well outside of it.
        down = np.clip(MARGIN + (high - np.nan_to_num(y, posinf=1e9)) * scale, -height, 2 * height)
        across = (x - stroke.low) / (stroke.high - stroke.low) * width
        places = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, down, strict=True))
        drawn.insert(1, f'<polyline class="lb-{role}" points="{places}"/>')
    said = f'role="img" aria-label="{html.escape(label)}"' if label else 'aria-hidden="true"'
    return f'<svg class="lb-sketch" viewBox="0 0 {width} {height}" {said}>{"".join(drawn)}</svg>'


def promise(text: str, loss: lb.Loss = lb.huber) -> str:
    """Below the text: the definition of a loss, and what is made of it."""
    from tools.catalogue import code
    from tools.mathematics import mathml

    definition = f'formula = "{loss.formula.text}"'
    curve = svg(both(loss.name, top=2.5), 240, 120, f"The {loss.title} and its gradient, drawn from the definition")
    slope = r"\frac{\partial \ell}{\partial " + loss.formula.variables[0] + "}"
    made = {
        "LaTeX": mathml(rf"\ell = {loss.latex}", display=True),
        "Gradient": mathml(f"{slope} = {loss.gradient_latex}", display=True),
        "Curve": curve,
        "Check": lb.check(loss)._repr_html_(),
        "PyTorch code": python(code(loss)),
    }
    items = "".join(f'<li><p class="lb-kicker">{name}</p>{content}</li>' for name, content in made.items())
    first = f'<li class="lb-origin"><p class="lb-kicker">Typed once</p>{python(definition)}</li>'
    return "\n\n".join([text.strip(), raw(f'<ul class="lb-promise lb-figure">{first}{items}</ul>')]) + "\n"


def python(source: str) -> str:
    """Code with the colors of the page."""
    return f'<div class="highlight-python notranslate">{highlight(source, PythonLexer(), HtmlFormatter())}</div>'


def raw(text: str) -> str:
    """HTML, as MyST passes it on."""
    return f"````{{raw}} html\n{text}\n````"
