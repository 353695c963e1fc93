"""A Sphinx extension: a page loads only the scripts that it uses, and none holds up what is shown.

The search page is left as it is: its scripts build on each other while it loads.
"""

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

# What a script acts on; a page without it does not load the script.
CODE, FOLDED, TABS = (
    re.compile(pattern)
    for pattern in (r'class="[^"]*\bhighlight\b', r'class="[^"]*\b(?:toggle|dropdown)\b', r'class="sd-tab-')
)
ACTS_ON = {"clipboard.min.js": CODE, "copybutton.js": CODE, "togglebutton.js": FOLDED, "design-tabs.js": TABS}
# They change settings of a script that is not there yet: for a switch between versions, and to what is usual.
EARLY = "DOCUMENTATION_OPTIONS."
THEME = "_static/scripts/pydata-sphinx-theme.js"
# The theme looks for boxes that scroll when a page is there and whenever something in it changes, and so lays out all
# of the page, half a second on a phone. lossbook.js does the same, box by box.
LOOKS_AT_ALL = re.compile(r'"complete"===document\.readyState\?(\w+)\(\):window\.addEventListener\("load",\1\)')
INSTEAD = '"see lossbook.js"'


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("html-page-context", late, priority=900)
    app.connect("build-finished", lighter)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def late(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Scripts run when the page has been read, in their order."""
    if page != "search":
        body = context.get("body", "")
        context["script_files"] = [deferred(one) for one in context["script_files"] if used(one, body)]


def used(script: Any, body: str) -> bool:
    """Whether a page with this body needs the script."""
    if not script.filename:
        return not script.attributes.get("body", "").startswith(EARLY)
    acts_on = ACTS_ON.get(script.filename.rpartition("/")[2].partition("?")[0])
    return acts_on is None or bool(acts_on.search(body))


def deferred(script: Any) -> Any:
    """The same script, run when the page has been read; one that stands in the page cannot wait."""
    if not script.filename:
        return script
    return type(script)(script.filename, priority=script.priority, **{"defer": "defer", **script.attributes})


def lighter(app: Sphinx, error: Exception | None) -> None:
    """Take out of the theme's script what looks at the whole page."""
    path = Path(app.outdir) / THEME
    if error is None and path.exists():
        text = LOOKS_AT_ALL.sub(INSTEAD, path.read_text(encoding="utf-8")).partition("\n//# sourceMappingURL=")[0]
        if text.count(INSTEAD) != 1:
            raise ValueError(f"{THEME} is not the script that this was written for")
        path.write_text(text, encoding="utf-8")
