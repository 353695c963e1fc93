"""The explorer: a loss, its gradient and its rivals, to move by hand.

The same JavaScript draws on a static page, from an HTML island that needs no kernel and no network, and in a live
notebook, as an ipywidget. Both get the loss as JavaScript text, made from its one SymPy formula.

- :func:`explore` is the widget; on a static page its output is the island.
- :func:`island` is the island alone, for pages that a program writes.
- :func:`script` and :func:`style` are what such a page has to load, once.
"""

from __future__ import annotations

import functools
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from lossbook.explorer.payload import SCENES, make_payload, usual_scene

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lossbook.explorer.widget import Explorer
    from lossbook.loss import Loss

__all__ = ["SCENES", "explore", "island", "module", "script", "style", "usual_scene"]

# What every page has; between them go the scenes, and what these build on.
_FIRST, _LAST = ("frame", "formula", "controls"), ("share", "start")
# What tests and curious readers may call, where the page has it.
_PUBLIC = (
    "compile, minimizer, line, linspace, ticks, format, start, render, conditionalRisk, searchGrid, bestScores, "
    "lossAt, gradientAt, stepOf, inTriangle, triangleMesh, regionAbove, planeLoss, planeSectors, bell, shares, terms, "
    "fitBell, maskLoss, boxLoss, stepBox, embeddingLoss, edgeOf, similarityLoss, "
    "hardestNegative, softmaxOf, attend, makeWalks, addErrors, learnWalks, latticeOf"
)


def _library(scenes: Sequence[str]) -> str:
    needed = dict.fromkeys(name for scene in scenes for name in SCENES[scene].needs)
    names = [*_FIRST, *needed, *scenes, *_LAST]
    source = "\n".join((files(__package__) / f"{name}.js").read_text(encoding="utf-8") for name in names)
    defined = set(re.findall(r"^(?:function|const) (\w+)", source, re.MULTILINE))
    public = ", ".join(name for name in _PUBLIC.split(", ") if name in defined)
    # A page need not carry comments and indentation: a fifth of the weight.
    source = re.sub(r"^\s*//.*\n|^[ \t]+", "", source, flags=re.MULTILINE)
    return f'var LossBook = (function () {{\n"use strict";\n{source}\nreturn {{ {public} }};\n}})();\n'


@functools.cache
def script(*scenes: str) -> str:
    """The JavaScript of a static page with these scenes, or with any: a classic script, good for ``file://`` too.

    It draws an island of the page when it comes near the window; ``LossBook.startAll()`` draws all at once. Without a
    page (in V8, say) it defines ``LossBook`` and does nothing.

    >>> len(script("curve")) < len(script()) / 3
    True
    """
    for name in scenes:
        if name not in SCENES:
            raise ValueError(f"scenes: got {name!r}, expected some of {', '.join(map(repr, SCENES))}")
    return _library(scenes or tuple(SCENES)) + 'if (typeof document !== "undefined") LossBook.start();\n'


@functools.cache
def module() -> str:
    """The same JavaScript as the module that a live widget loads."""
    return _library(tuple(SCENES)) + "export default { render: LossBook.render };\n"


@functools.cache
def style() -> str:
    """The style sheet of explorers and of the figures of :mod:`lossbook.plot`."""
    return (files(__package__) / "explorer.css").read_text(encoding="utf-8")


def explore(loss: Loss, compare: Sequence[Loss] = (), **options: Any) -> Explorer:
    """An explorer of a loss: drag, slide and compare.

    Parameters
    ----------
    loss
        The loss to explore.
    compare
        Up to six more losses, drawn beside it; the reader switches them on and off.
    scene
        One of `SCENES`; the usual one of the loss unless given. ``"curve"``: loss and gradient over their one
        variable. ``"sample"``: numbers on a line and the constant that fits them best. ``"fit"``: points in the plane
        and the straight line that fits them best. ``"risk"``: the mean loss over both labels at each score, and where
        it is lowest. ``"bars"``: three logits, their probabilities and the gradient. ``"simplex"``: the triangle of
        three probabilities. ``"plane"``: a feature among three class directions, and the sector that a margin leaves
        to the true one. ``"densities"``: a target with two bumps, and a bell that a divergence fits to it.
        ``"mask"``: a true and a predicted mask of 6 by 6 pixels to paint, and the push of a loss in every pixel.
        ``"boxes"``: a true and a predicted box to drag, and the pull of a loss at two corners.
        ``"pair"``: two embeddings in the plane, the same or different. ``"triplet"``: an anchor, a positive and a
        negative. ``"similarity"``: a small matrix of similarities and its softmax.
        ``"attention"``: words and image regions, and where each word looks. ``"walk"``: a random walk of five states,
        the values that are learned of it, and their error.
    id
        The name of the explorer in the page's address; from the losses' names unless given. Two explorers on one
        page need different ones.
    show
        The names of the compared losses that are switched on at first; all unless given.
    **options
        Starting values of hyperparameters, such as ``delta=2.0``, and what the scene takes: ``point``,
        ``view``, ``xlim`` and ``ylim`` (curve), ``data`` and ``xlim`` (sample, fit), ``eta`` and ``xlim``
        (risk), ``logits`` and ``target`` (bars), ``probabilities`` and ``target`` (simplex), ``feature``,
        ``angles``, ``target`` and ``reach`` (plane), ``q``, ``gap`` and ``weight`` (densities),
        ``truth``, ``prediction`` and ``brush`` (mask), ``truth``, ``prediction``, ``descend`` and ``rate`` (boxes),
        ``first``, ``second`` and ``same`` (pair), ``anchor``, ``positive``, ``negative`` and ``negative2`` (triplet),
        ``similarities`` (similarity), ``words`` and ``regions`` (attention),
        ``alpha``, ``episodes``, ``over`` and ``run`` (walk).

    Returns
    -------
    Explorer
        An ipywidget. Each hyperparameter is a trait to read, set, observe and link, and so is whatever else the
        reader moves: ``show``, ``point``, ``view``, ``data``.

    Examples
    --------
    >>> import lossbook as lb
    >>> explorer = lb.explore(lb.huber, compare=[lb.mse, lb.mae])
    >>> explorer
    Explorer: Huber loss with MSE, MAE (delta = 1)
    >>> explorer.delta = 2.0
    >>> explorer.delta
    2.0
    """
    from lossbook.explorer.widget import Explorer

    return Explorer(make_payload(loss, compare, **options), (loss, *compare))


def island(loss: Loss, compare: Sequence[Loss] = (), *, figure: bool = True, **options: Any) -> str:
    """The explorer as HTML, for a page that has loaded :func:`script` and :func:`style`. Arguments as for `explore`.

    Without JavaScript the page shows the figure at the starting values. A page of many explorers may go without the
    figures, which are most of an island's weight.

    >>> import lossbook as lb
    >>> island(lb.huber).startswith('<div class="lb-explorer" id="huber" data-scene="curve">')
    True
    """
    from lossbook.explorer.payload import island_html

    return island_html(make_payload(loss, compare, **options), (loss, *compare), figure)
