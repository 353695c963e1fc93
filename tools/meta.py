"""What search engines and shared links see of a page: its description, its address, and a card with its picture.

As a Sphinx extension it adds the tags to each page, and a site map. Both `sphinx-sitemap`, which lists only the pages
that the last build wrote, and `sphinxext-opengraph`, whose cards have no picture, do less with more settings.
"""

import functools
import json
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from xml.sax.saxutils import escape as in_xml

import yaml
from markupsafe import Markup
from sphinx.application import Sphinx

from tools import book, cards

TITLE = "LossBook"


@functools.cache
def front_matter(name: str, root: Path = book.ROOT) -> dict[str, Any]:
    """What a page says of itself: the metadata of a notebook, or the lines between `---` above Markdown."""
    notebook, markdown = root / f"{name}.ipynb", root / f"{name}.md"
    if notebook.exists():
        return json.loads(notebook.read_text())["metadata"]
    generated = name in book.GENERATED
    text = import_module(book.GENERATED[name]).INTRODUCTION if generated else markdown.read_text()
    return yaml.safe_load(text.split("---\n")[1]) if text.startswith("---\n") else {}


def description(name: str, root: Path = book.ROOT) -> str:
    """One line: what the page is for."""
    said = str(front_matter(name, root).get("description", "")).strip()
    if not said:
        raise book.BookError(f"{name} does not say what it is for: its metadata has no `description`")
    return said


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("html-page-context", add_tags)
    app.connect("build-finished", add_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def add_tags(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """The tags of a page, and its card. The search page and the index have none: nobody shares them."""
    if tree is None or app.builder.name != "html":
        return
    title, address = Markup(context["title"]).striptags(), context["pageurl"]
    card = cards.draw(title, context["body"], Path(app.outdir) / "cards" / f"{page.replace('/', '-')}.png")
    said = description(page, Path(app.srcdir))
    properties = {
        "og:site_name": TITLE,
        "og:type": "website" if page == "index" else "article",
        "og:title": title,
        "og:description": said,
        "og:url": address,
        "og:image": urljoin(app.config.html_baseurl, f"cards/{card.name}"),
        "og:image:width": cards.WIDTH,
        "og:image:height": cards.HEIGHT,
        "og:image:alt": f"{TITLE}: {title}",
    }
    names = {"description": said, "twitter:card": "summary_large_image"}
    lines = [tag("property", key, value) for key, value in properties.items()]
    lines += [tag("name", key, value) for key, value in names.items()]
    context["metatags"] += "\n".join(lines) + "\n"


def tag(kind: str, key: str, value: Any) -> str:
    """One meta element."""
    return f'<meta {kind}="{key}" content="{escape(str(value))}">'


def add_files(app: Sphinx, fault: Exception | None) -> None:
    """The site map, and where crawlers find it."""
    if fault or app.builder.name != "html":
        return
    base, out = app.config.html_baseurl, Path(app.outdir)
    places = "".join(f"<url><loc>{in_xml(f'{base}{name}.html')}</loc></url>\n" for name in sorted(app.env.found_docs))
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    (out / "sitemap.xml").write_text(f"{head}{places}</urlset>\n")
    (out / "robots.txt").write_text(f"User-agent: *\nAllow: /\nSitemap: {base}sitemap.xml\n")
