"""The theme's icons as two small fonts: its own fonts and the script that draws them weigh 800 KB gzipped.

The style sheet declares them under the name of the theme's fonts, which tools/styles.py leaves out. A test finds an
icon on a page that is missing here.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from tools.fonts import cut as cut_font

# Name in the theme's templates and code point in Font Awesome.
ICONS = {
    "angle-left": 0xF104,
    "angle-right": 0xF105,
    "arrow-up": 0xF062,
    "bars": 0xF0C9,
    "chevron-down": 0xF078,
    "circle-half-stroke": 0xF042,
    "code": 0xF121,
    "download": 0xF019,
    "expand": 0xF065,
    "file": 0xF15B,
    "file-pdf": 0xF1C1,
    "lightbulb": 0xF0EB,
    "list": 0xF03A,
    "magnifying-glass": 0xF002,
    "moon": 0xF186,
    "outdent": 0xF03B,
    "rocket": 0xF135,
    "sun": 0xF185,
    "xmark": 0xF00D,
}
BRANDS = {"github": 0xF09B}


def fonts() -> dict[str, bytes]:
    """The icons in use, cut from the fonts that the theme brings: file name and content."""
    css = (theme() / "styles" / "pydata-sphinx-theme.css").read_text(encoding="utf-8")
    of_boxes = [ord(icon) for icon in re.findall(r'--pst-icon-[a-z-]+:"(.)"', css)]
    solid = cut("fa-solid-900.ttf", [*ICONS.values(), *of_boxes])
    return {"icons.woff": solid, "brands.woff": cut("fa-brands-400.ttf", BRANDS.values())}


def theme() -> Path:
    """The folder of the theme's static files."""
    import pydata_sphinx_theme

    return Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static"


def cut(name: str, icons: Iterable[int]) -> bytes:
    """A font of the theme with these icons alone."""
    return cut_font(theme() / "vendor" / "fontawesome" / "webfonts" / name, icons)
