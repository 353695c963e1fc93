"""Figures of the book: one style, drawn as SVG that follows the page's theme, never without a description.

>>> fig, ax = figure("The square grows without bound", xlabel="residual r", ylabel="loss")
>>> lines = ax.plot([-1, 0, 1], [1, 0, 1], color=COLORS["loss"])
>>> picture(fig, alt="A parabola with its minimum at zero.")
Figure: A parabola with its minimum at zero.
"""

from __future__ import annotations

import base64
import html
import io
import re
import sys
import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What a color is for -> its value on white. In the SVG each becomes the CSS variable that the page's theme sets
# (explorer.css); Okabe and Ito's palette, darkened so that every line has a contrast of 3 to 1.
COLORS = {
    "ink": "#1f2328",
    "muted": "#57606a",
    "grid": "#e6e9ec",
    "zero": "#9aa4ae",
    "page": "#fefefe",
    "loss": "#0072b2",
    "gradient": "#c24e00",
    "overlay1": "#00795a",
    "overlay2": "#a3478b",
    "overlay3": "#7a6000",
    "overlay4": "#5b5f97",
    "overlay5": "#4d5a63",
    "overlay6": "#9c2f3f",
}
# The dashes that go with them, so that no curve is told by its color alone.
DASHES: dict[str, Any] = {
    "loss": "-",
    "gradient": (0, (4, 2.2)),
    "overlay1": (0, (1, 1.6)),
    "overlay2": (0, (5, 1.8, 1, 1.8)),
    "overlay3": (0, (7, 2.2)),
    "overlay4": (0, (5, 1.8, 1, 1.8, 1, 1.8)),
    "overlay5": (0, (2.2, 1.4)),
    "overlay6": (0, (8, 1.8, 2.7, 1.8)),
}
# Where no theme speaks (a live notebook), text takes the color of the text around it.
_FALLBACK = {"ink": "currentColor", "muted": "currentColor", "grid": "#80808055", "page": "transparent"}

# Sizes are chosen for a figure of six inches shown 330 pixels wide: a label then has ten pixels.
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 13,
    "axes.titlesize": 14,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.titlecolor": COLORS["ink"],
    "axes.labelsize": 13,
    "axes.labelcolor": COLORS["ink"],
    "axes.edgecolor": COLORS["zero"],
    "axes.linewidth": 0.9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "axes.formatter.useoffset": False,
    "figure.facecolor": "none",
    "grid.color": COLORS["grid"],
    "grid.linewidth": 0.8,
    "lines.linewidth": 2.2,
    "lines.markersize": 7,
    "text.color": COLORS["ink"],
    "xtick.color": COLORS["zero"],
    "ytick.color": COLORS["zero"],
    "xtick.labelcolor": COLORS["muted"],
    "ytick.labelcolor": COLORS["muted"],
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "legend.frameon": False,
    "legend.fontsize": 12,
    "legend.handlelength": 2.6,
}
_ROLES = ("loss", "gradient", "overlay1", "overlay2", "overlay3", "overlay4", "overlay5", "overlay6")


def figure(
    title: str = "", *, xlabel: str = "", ylabel: str = "", columns: int = 1, width: float = 6.0, height: float = 3.6
) -> tuple[Figure, Any]:
    """An empty figure in the book's style: ``(figure, axes)``, or an array of axes for more than one column.

    The title should say the figure's message; labels should name units. Matplotlib's defaults become the book's
    style, so that whatever is drawn later (a legend, say) goes with it.

    >>> fig, (left, right) = figure("Two views", columns=2)
    >>> left.set_xlabel("residual r")
    Text(0.5, 0, 'residual r')
    """
    import matplotlib
    from cycler import cycler
    from matplotlib.figure import Figure

    style: Any = STYLE | {"axes.prop_cycle": cycler(color=[COLORS[role] for role in _ROLES])}
    matplotlib.rcParams.update(style)
    # Not made by pyplot: nothing keeps it open, and no notebook shows it a second time.
    fig = Figure(figsize=(width, height), layout="constrained")
    axes = fig.subplots(1, columns)
    for ax in [axes] if columns == 1 else axes:
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        ax.tick_params(length=0)
    if title:
        # At the left of the figure, where a long row label cannot push it out on the right.
        text = textwrap.fill(title, width=int(8 * width))
        fig.suptitle(text, x=0.01, ha="left", fontsize=14, fontweight="bold", color=COLORS["ink"])
    return fig, axes


class Picture:
    """A finished figure: an SVG in HTML for a page, one line of text elsewhere."""

    def __init__(self, svg: str, alt: str) -> None:
        self.svg, self.alt = svg, alt

    @property
    def html(self) -> str:
        """The figure element."""
        return f'<figure class="lb-figure">{self.svg}</figure>'

    def __repr__(self) -> str:
        return f"Figure: {self.alt}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": repr(self)}


def picture(fig: Figure, alt: str) -> Picture:
    """The figure as an object that a notebook shows; `alt` says in words what the picture says.

    Raises
    ------
    TypeError, ValueError
        `fig` is not a matplotlib figure; `alt` is not a text, or is empty.
    """
    from matplotlib.figure import Figure

    if not isinstance(fig, Figure):
        raise TypeError(f"fig: got {type(fig).__name__}, expected a matplotlib Figure")
    if not isinstance(alt, str):
        raise TypeError(f"alt: got {type(alt).__name__}, expected a text that describes the figure")
    alt = " ".join(alt.split())
    if not alt:
        raise ValueError("alt: got an empty text, expected one that describes the figure")
    picture = Picture(_svg(fig, alt), alt)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close(fig)
    return picture


def show(fig: Figure, alt: str) -> None:
    """Show the figure here and now, in the middle of a cell or at its end: the one way chapters show figures."""
    finished = picture(fig, alt)
    try:
        from IPython.display import display
    except ImportError:  # plain Python, without a notebook
        print(finished)
    else:
        display(finished)


def _svg(fig: Figure, alt: str) -> str:
    import matplotlib

    buffer = io.StringIO()
    # The salt makes the ids of two figures on one page differ, and each figure's the same in every run.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": alt}):
        fig.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.S)
    # Matplotlib's style sheet speaks to every element of the page that the SVG is put in.
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.S)
    used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg))
    kept = {name for pair in used for name in pair if name}
    svg = re.sub(r' id="([^"]+)"', lambda match: match[0] if match[1] in kept else "", svg)
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r"<[^>]+>", lambda match: _round(match[0]), svg)
    svg = re.sub(r'<image (?=[^>]*base64,([^"]+)")', lambda match: _ground(match[1]), svg)
    # Words take the page's font; a formula's glyphs are placed one by one, for the font they were measured in.
    svg = re.sub(r"font-family: '[^;\"]*', sans-serif;? ?", "", svg)
    svg = re.sub(r' transform="rotate\(-?0 [^"]*\)"', "", svg)
    svg = svg.replace("#000000", COLORS["ink"])
    for role, color in COLORS.items():
        svg = svg.replace(color, f"var(--lb-{_variable(role)}, {_FALLBACK.get(role, color)})")
    view = re.search(r'viewBox="([^"]+)"', svg)
    assert view, "matplotlib wrote an SVG without a viewBox"
    head = (
        f'<svg role="img" aria-label="{html.escape(alt)}" viewBox="{view[1]}" width="100%" '
        'style="stroke-linejoin: round; stroke-linecap: butt; fill: var(--lb-ink, currentColor); max-width: 38rem" xmlns="http://www.w3.org/2000/svg">'
    )
    svg = head + svg[svg.index(">") + 1 :]
    return re.sub(r">\s*\n\s*<", "><", svg).strip()


def _ground(png: str) -> str:
    """The beginning of an image element: on a dark page, a picture on a light ground is turned round."""
    from matplotlib.image import imread

    pixels = imread(io.BytesIO(base64.b64decode(png)))
    light = pixels[..., :3].mean() > 0.6 and pixels[..., 3].min() == 1
    return '<image class="lb-light" ' if light else "<image "


def _variable(role: str) -> str:
    return re.sub(r"(\d)", r"-\1", role)


def _round(tag: str) -> str:
    """Two decimals are a fiftieth of a pixel: shorter, and no last digit of another processor."""
    tag = re.sub(r"-?\d+\.\d{3,}(?:e-?\d+)?", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), tag)
    return re.sub(r"\s*\n\s*", " ", tag).replace('d=" ', 'd="')
