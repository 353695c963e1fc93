"""A Sphinx extension: one style sheet for the site, with the rules that some page can use.

A theme brings eleven sheets, 95 KB gzipped, most of it for what this book does not have. A rule goes if it needs a
class or an id that no page has and no script names.
"""

import hashlib
import posixpath
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import lightningcss
from sphinx.application import Sphinx

JOINED = "_static/site.css"
# A sheet for print alone stays by itself: it holds up nothing.
SHEET = re.compile(r'[ \t]*<link\b(?=[^>]*\brel="stylesheet")(?![^>]*\bmedia=)[^>]*\bhref="([^"?]*)[^"]*"[^>]*>\n?')
SCRIPT = re.compile(r'<script\b[^>]*\bsrc="([^"?]*)')
IMPORT = re.compile(r'@import\s+(?:url\()?["\']([^"\']+)["\']\)?\s*;')
ADDRESS = re.compile(r'url\((["\']?)(?!data:|#|https?:)([^)"\']+)\1\)')
# The theme's whole icon fonts. LossBook has fonts of the same name; Firefox would load both.
REPLACED = re.compile(r"@font-face\s*\{[^}]*vendor/fontawesome[^}]*\}")
NAME = re.compile(r"[A-Za-z_][\w-]*")
NEEDED = re.compile(r"[.#](-?[A-Za-z_][\w-]*)")
KEYFRAMES = re.compile(r"@(?:-webkit-)?keyframes\s+([\w-]+)")
ATTRIBUTE = re.compile(r'\b(?:class|id)="([^"]*)"')
OURS = "lb-"


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    # Late: the theme writes one of its sheets when the build has finished.
    app.connect("build-finished", finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def finish(app: Sphinx, error: Exception | None) -> None:
    """The site has been written."""
    if error is None and app.builder.name == "html":
        join(Path(app.outdir))


def pages(site: Path) -> list[Path]:
    """Every page."""
    return [path for path in sorted(site.rglob("*.html")) if "_static" not in path.relative_to(site).parts]


def join(site: Path) -> None:
    """Put one sheet in the place of those that the pages link to."""
    texts = {path: path.read_text(encoding="utf-8") for path in pages(site)}
    linked = {path: tuple(places(SHEET, path, text, site)) for path, text in texts.items()}
    # A page with a single sheet was joined by an earlier build, or is none of the theme's.
    lists = {found for found in linked.values() if len(found) > 1}
    if not lists:
        return
    if len(lists) > 1:
        raise ValueError(f"pages differ in their style sheets: {sorted(lists)}")
    loaded = {place for path, text in texts.items() for place in places(SCRIPT, path, text, site)}
    # Some scripts load others.
    loaded |= {path.relative_to(site).as_posix() for path in site.glob("_static/*.js")}
    scripts = ((site / place).read_text(encoding="utf-8") for place in loaded)
    joined = lists.pop()
    css = f"/* {' '.join(joined)} */\n" + trim(REPLACED.sub("", whole(site, joined)), Names(texts.values(), scripts))
    (site / JOINED).write_text(css, encoding="utf-8")
    version = hashlib.sha256(css.encode()).hexdigest()[:8]
    for path, text in texts.items():
        if len(linked[path]) > 1 or linked[path] == (JOINED,):
            path.write_text(with_link(text, f"{up(path, site)}{JOINED}?v={version}"), encoding="utf-8")


def up(path: Path, site: Path) -> str:
    """The way from a page to the folder of the site."""
    return "../" * (len(path.relative_to(site).parts) - 1)


def with_link(text: str, address: str) -> str:
    """The page with one sheet, where its first one was."""
    head, end, rest = text.partition("</head>")
    start = head.index(SHEET.search(head)[0])  # type: ignore[index]
    link = f'  <link rel="stylesheet" href="{address}" />\n'
    return head[:start] + link + SHEET.sub("", head[start:]) + end + rest


def places(pattern: re.Pattern[str], path: Path, text: str, site: Path) -> Iterator[str]:
    """The files that a page names by this pattern, as places in the site."""
    folder = path.parent.relative_to(site).as_posix()
    head = text.partition("</head>")[0] if pattern is SHEET else text
    for found in pattern.finditer(head):
        yield posixpath.normpath(posixpath.join(folder, found[1]))


def whole(site: Path, joined: Iterable[str]) -> str:
    """The sheets one after the other."""
    return "\n".join(read(site, place) for place in joined)


def read(site: Path, name: str) -> str:
    """A sheet with what it imports, and with addresses as seen from the joined sheet."""
    folder = posixpath.dirname(name)
    text = (site / name).read_text(encoding="utf-8").removeprefix("\ufeff")

    def address(found: re.Match[str]) -> str:
        place = posixpath.relpath(posixpath.join(folder, found[2]), posixpath.dirname(JOINED))
        return f'url("{place}")'

    # An import stands before all else in its sheet: what it brings has its addresses rewritten already.
    imported = "".join(read(site, posixpath.normpath(posixpath.join(folder, one))) for one in IMPORT.findall(text))
    return imported + ADDRESS.sub(address, IMPORT.sub("", text))


class Names:
    """The classes and ids that a page has, or that a script may give it."""

    def __init__(self, texts: Iterable[str], scripts: Iterable[str]) -> None:
        self.known = {word for text in texts for names in ATTRIBUTE.findall(text) for word in names.split()}
        words = {word for script in scripts for word in NAME.findall(script)}
        self.known |= words
        # A script may put the end of a name together, as in "bs-tooltip-" + place.
        self.begun = tuple({word.rstrip("-") + "-" for word in words if "-" in word} | {OURS})

    def __contains__(self, name: str) -> bool:
        return name in self.known or name.startswith(self.begun)


def trim(css: str, names: Names) -> str:
    """The sheet without rules for what is not among the names."""
    unused = {name for name in NEEDED.findall(css) if name not in names} - set(KEYFRAMES.findall(css))
    return lightningcss.process_stylesheet(css, unused_symbols=unused, error_recovery=True, minify=True)
