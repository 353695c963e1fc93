"""A Sphinx extension: the links of the footer, which `_config.yml` has for all pages alike."""

from typing import Any

from sphinx.application import Sphinx

from tools.licenses import FILE

# Beside the published site, see .github/workflows/deploy.yml; a site that was made here has none.
DOWNLOADS = ("lossbook.pdf", "lossbook-offline.zip")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("html-page-context", lead)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def lead(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Let the links lead where they should from this page."""
    places = {name: f"{app.config.html_baseurl}{name}" for name in DOWNLOADS}
    places[FILE] = context["pathto"](FILE, resource=True)
    for name, place in places.items():
        context["theme_extra_footer"] = context["theme_extra_footer"].replace(f'"{name}"', f'"{place}"')
