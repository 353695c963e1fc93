"""A Sphinx extension: the licenses of the book, and of what others made that the site carries, in one text file."""

import re
from importlib import metadata
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from tools import book

FILE = "licenses.txt"
# The packages that files of the site come from, and what these are. A test finds one that is missing.
PACKAGES = {
    "accessible-pygments": "colors of code",
    "myst-nb": "styles of notebooks",
    "pydata-sphinx-theme": "the theme, with Bootstrap",
    "pygments": "colors of code",
    "sphinx": "the search, scripts and styles",
    "sphinx-book-theme": "the theme",
    "sphinx-copybutton": "the button that copies, with clipboard.js",
    "sphinx_design": "styles and scripts of cards and tabs",
    "sphinx-exercise": "styles of exercises",
    "sphinx-togglebutton": "what unfolds",
}
FONTS = """\
Fonts, under the SIL Open Font License 1.1 (below)

STIX Two Math, for formulas. Copyright 2001-2020 The STIX Fonts Project Authors (https://github.com/stipub/stixfonts)
Font Awesome Free, for icons. Copyright 2024 Fonticons, Inc. (https://fontawesome.com). The drawings of the icons are
under CC BY 4.0 (above).
Both are cut to the characters in use."""
RULE = "\n\n" + "=" * 80 + "\n\n"


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("build-finished", add_file)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def add_file(app: Sphinx, fault: Exception | None) -> None:
    """Put the file beside the pages."""
    if not fault and app.builder.format == "html":
        (Path(app.outdir) / FILE).write_text(text(book.ROOT), encoding="utf-8")


def text(root: Path) -> str:
    """All of it."""
    ours = ["LossBook\n\nCode: BSD 3-Clause. Text and figures: CC BY 4.0. Both follow; then what others made."]
    ours += [(root / name).read_text(encoding="utf-8") for name in ("LICENSE", "LICENSE-text")]
    theirs = [f"{name} {metadata.version(name)}: {what}\n\n{of(name)}" for name, what in PACKAGES.items()]
    return RULE.join(part.strip() for part in [*ours, *theirs, FONTS, open_font_license()]) + "\n"


def of(package: str) -> str:
    """The license texts that an installed package brings."""
    found = [
        path for path in metadata.files(package) or [] if re.search(r"licen[cs]e|copying", path.name, re.IGNORECASE)
    ]
    if not found:
        raise ValueError(f"{package} brings no license text")
    return "\n\n".join(path.read_text(encoding="utf-8").strip() for path in found)


def open_font_license() -> str:
    """The text of the license of the fonts, which matplotlib brings for its own."""
    import matplotlib

    whole = (Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "LICENSE_STIX").read_text(encoding="utf-8")
    return whole[whole.index("SIL OPEN FONT LICENSE Version 1.1") :]
