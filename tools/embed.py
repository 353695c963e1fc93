"""A Sphinx extension: each page gets the script of its explorers, each explorer its room and a page of its own.

A page of its own is what another site shows in a frame: the explorer, its name and a link to its chapter, without the
theme. It lies under `embed/PAGE/ID.html` and takes the state of the explorer in its address, as the chapter does, and
`theme=light` or `theme=dark`. Search engines are told to leave it out.
"""

import json
import re
from html import escape
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin

from markupsafe import Markup
from sphinx.application import Sphinx

FOLDER = "embed"
ISLAND = re.compile(
    r'<div class="lb-explorer" id="(?P<id>[^"]+)" data-scene="(?P<scene>\w+)"(?=>)'
    r'(?P<inside>.*?<script type="application/json">(?P<data>.*?)</script></div>)',
    re.DOTALL,
)
STYLE = """
:root { color-scheme: light dark; }
:root[data-theme="light"] { color-scheme: light; }
:root[data-theme="dark"] { color-scheme: dark; }
body {
  margin: 0.75rem; background: light-dark(#fff, #121417); color: light-dark(#1f2328, #e6e9ec);
  font: 15px/1.45 -apple-system, BlinkMacSystemFont, "Segoe UI", "Helvetica Neue", Arial, sans-serif;
}
h1 { margin: 0 0 0.5rem; font-size: 17px; }
.lb-explorer { margin: 0; }
p { margin: 0.5rem 0 0; font-size: 14px; }
a { color: light-dark(#0a5c8f, #7cc4f2); }
@media (forced-colors: active) { a { color: LinkText; } }
@media print { :root { color-scheme: light !important; } }
"""
# About how tall an explorer is once it has started, in pixels, on a phone and on a wider screen: what a scene takes
# beside its losses and sliders. Measured; the page keeps this room free, so that nothing moves when it starts.
ROOM = {
    "curve": (520, 550), "sample": (460, 440), "fit": (460, 495), "risk": (490, 490), "bars": (645, 445),
    "simplex": (640, 345), "plane": (820, 570), "densities": (690, 660), "pair": (860, 555), "triplet": (720, 445),
    "mask": (915, 565), "boxes": (850, 475), "similarity": (860, 525), "attention": (1200, 705), "walk": (1110, 670),
    "lattice": (1210, 475),
}  # fmt: skip
PAGE = """\
<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<title>{title} · {places}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<link rel="canonical" href="{canonical}">
<link rel="stylesheet" href="{root}{folder}/embed.css">
<script>
const theme = new URLSearchParams(location.search).get("theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
</script>
<script defer src="{root}_static/{script}"></script>
</head>
<body>
<main>
<h1>{title}</h1>
{island}
<p>From {book}
<a href="{home}#{id}" target="_blank" rel="noopener" onclick="this.search = location.search">{chapter}</a></p>
</main>
</body>
</html>
"""


class Island(NamedTuple):
    """An explorer in the HTML of a page."""

    id: str
    scene: str
    inside: str
    data: str

    @property
    def payload(self) -> dict[str, Any]:
        """What the script draws from."""
        return json.loads(self.data)

    def html(self, attribute: str) -> str:
        """The same with one more attribute, and its room."""
        losses, sliders = len(self.payload["losses"]), len(self.payload["parameters"])
        narrow, wide = ROOM[self.scene]
        # The table of the losses and the sliders stand one below the other, or side by side.
        room = (narrow + 44 * losses + 108 * sliders, wide + max(44 * losses + 20, 80 * sliders))
        style = f'style="--lb-narrow: {room[0]}px; --lb-wide: {room[1]}px"'
        return f'<div class="lb-explorer" id="{self.id}" data-scene="{self.scene}" {style} {attribute}{self.inside}'


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("html-page-context", explorers)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def explorers(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """What the explorers of a page need. Other builders, that of the PDF, show the figures only."""
    if tree is None or app.builder.name != "html":
        return
    body, folder = context["body"], Path(app.outdir, FOLDER, page)
    for old in folder.glob("*.html"):
        old.unlink()
    found = [island(one) for one in ISLAND.finditer(body)]
    if not found:
        return
    app.add_js_file(write_script(app, {one.scene for one in found}), loading_method="defer")
    for one in found:
        write(folder / f"{one.id}.html", own_page(app, page, Markup(context["title"]).striptags(), one))
    up = "../" * page.count("/")
    context["body"] = ISLAND.sub(
        lambda one: island(one).html(f'data-embed="{up}{FOLDER}/{page}/{one["id"]}.html"'), body
    )


def island(found: re.Match[str]) -> Island:
    """What was found."""
    return Island(*found.group("id", "scene", "inside", "data"))


def write_script(app: Sphinx, scenes: set[str]) -> str:
    """The script that draws these scenes and no others: its name below `_static`."""
    from lossbook import explorer

    chosen = [name for name in explorer.SCENES if name in scenes]
    name = f"explorer/{'-'.join(chosen)}.js"
    write(Path(app.outdir, "_static", name), explorer.script(*chosen))
    return name


def own_page(app: Sphinx, page: str, chapter: str, one: Island) -> str:
    """The page that another site shows."""
    from lossbook import explorer

    write(Path(app.outdir, FOLDER, "embed.css"), explorer.style() + STYLE)
    root, book = "../" * (page.count("/") + 2), app.config.html_title
    home = f"{root}{page}.html"
    return PAGE.format(
        language=app.config.language,
        title=escape(one.payload["losses"][0]["title"]),
        places=escape(chapter if chapter == book else f"{chapter} · {book}"),
        book="" if chapter == book else f"{escape(book)}:",
        chapter=escape(chapter),
        canonical=urljoin(app.config.html_baseurl, f"{page}.html") if app.config.html_baseurl else home,
        root=root,
        folder=FOLDER,
        script=write_script(app, {one.scene}),
        island=one.html(f'data-home="{home}"'),
        home=home,
        id=one.id,
    )


def write(path: Path, text: str) -> None:
    """Write a file; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
