"""A Sphinx extension: what Jupyter Book adds to every page and this book does without."""

from html import escape
from typing import Any

from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("config-inited", without_thebe, priority=10)
    app.connect("html-page-context", plain_citations)
    app.connect("html-page-context", language)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def without_thebe(app: Sphinx, config: Any) -> None:
    """Jupyter Book always loads sphinx-thebe, which declares its constants twice: an error on every page."""
    for listeners in app.events.listeners.values():
        listeners[:] = [item for item in listeners if not item.handler.__module__.startswith("sphinx_thebe")]
    app.registry.css_files[:] = [item for item in app.registry.css_files if "thebe" not in item[0]]


def plain_citations(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Sphinx gives citations roles that a screen reader cannot use: a list without items."""
    for role in (' role="list"', ' role="doc-biblioentry"'):
        context["body"] = context.get("body", "").replace(role, "")


def language(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """A page that says `lang: zh` at its top is marked as Chinese for a screen reader."""
    if said := (context.get("meta") or {}).get("lang"):
        context["body"] = f'<div lang="{escape(str(said))}">{context["body"]}</div>'
