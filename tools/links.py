"""The links of the book: those within the site by `faults`, those to other sites by Sphinx's own checker.

python -m tools.links    ask every site that the book links to (needs the network)

As a Sphinx extension it tells that checker how to ask for a DOI.
"""

import json
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sphinx.application import Sphinx

from tools import book

ELSEWHERE = ("http", "https", "mailto", "data")
DOI = re.compile(r"https?://(?:dx\.)?doi\.org/(.+)")


class Page(HTMLParser):
    """What a page links to, and the names in it to which others may link."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names = {"", "top"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Called for each element."""
        for key, value in attributes:
            if key in ("href", "src") and value is not None:
                self.links.append(value)
            elif value and (key == "id" or (tag, key) == ("a", "name")):
                self.names.add(value)


def faults(site: Path) -> list[str]:
    """Each link of the site that leads nowhere, or to this machine: `page: link (why)`."""
    page = cache(Page)
    found = []
    for path in sorted(set(site.rglob("*.html")) - set((site / "_static").rglob("*.html"))):  # the theme's templates
        for link in dict.fromkeys(page(path).links):
            parts = urlsplit(link)
            if parts.scheme in ELSEWHERE or (parts.netloc and not parts.scheme):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if parts.scheme or parts.path.startswith("/"):
                why = "works on one machine only"
            elif not target.is_relative_to(site.resolve()) or not target.is_file():
                why = "no such file"
            elif target.suffix == ".html" and unquote(parts.fragment) not in page(target).names:
                why = "no such place on that page"
            else:
                continue
            found.append(f"{path.relative_to(site)}: {link} ({why})")
    return found


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("linkcheck-process-uri", lambda app, address: registry(address))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def registry(address: str) -> str | None:
    """Where to ask whether a DOI exists: publishers turn away what is no browser, the registry does not."""
    doi = DOI.fullmatch(address)
    return f"https://doi.org/api/handles/{doi[1]}" if doi else None


def summary(output: Path) -> tuple[list[str], int]:
    """The broken links that Sphinx's checker found, and how many it looked at."""
    results = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    asked = [one for one in results if one["status"] not in ("unchecked", "ignored", "local")]
    broken = [one for one in asked if one["status"] == "broken"]
    return [f"{one['filename']}: {one['uri']} ({one['info'][:100]})" for one in broken], len(asked)


def main() -> None:
    """Ask every other site."""
    book.make()
    output = book.ROOT / "_build" / "links"  # apart, else it would write between the pages
    command = [str(Path(sys.executable).parent / "jupyter-book"), "build", str(book.ROOT / book.BOOK)]
    results = output / "_build" / "html" / "output.json"
    results.unlink(missing_ok=True)  # else those of an earlier run might be read
    # It fails if a link is broken, and says so with much else.
    subprocess.run([*command, "--builder", "linkcheck", "--path-output", str(output)], stdout=subprocess.DEVNULL)
    if not results.exists():
        raise book.BookError("The links were not asked: see above.")
    broken, count = summary(results)
    book.say("\n".join([*broken, f"{count} links to other sites, {len(broken)} broken."]))
    sys.exit(bool(broken))


if __name__ == "__main__":
    book.command(main)
