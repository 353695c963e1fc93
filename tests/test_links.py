"""The link checker finds what is broken, and nothing else."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sphinx.application import Sphinx

from tools import book, links


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        ("other.html", ""),
        ("other.html#here", ""),
        ("#top", ""),
        ("deep/page.html?x=1#there", ""),
        ("https://example.org/nowhere", ""),
        ("data:image/gif;base64,R0lGOD", ""),
        ("other.html#nowhere", "no such place on that page"),
        ("#here", "no such place on that page"),
        ("missing.html", "no such file"),
        ("deep", "no such file"),
        ("../outside.html", "no such file"),
        ("/other.html", "works on one machine only"),
        ("file:///home/me/other.html", "works on one machine only"),
        ("http:other.html", ""),
    ],
)
def test_a_link_within_the_site(tmp_path: Path, link: str, fault: str) -> None:
    site = tmp_path / "site"
    (site / "deep").mkdir(parents=True)
    (tmp_path / "outside.html").write_text("<p>")
    (site / "other.html").write_text('<h2 id="here">')
    (site / "deep" / "page.html").write_text('<a name="there"></a><img src="../other.html">')
    (site / "index.html").write_text(f'<a href="{link}">')
    assert links.faults(site) == ([f"index.html: {link} ({fault})"] if fault else [])


released = threading.Event()


class Site(http.server.BaseHTTPRequestHandler):
    """Another site: it answers, is missing, leads on, or says nothing."""

    def do_GET(self) -> None:
        if self.path == "/slow":
            released.wait(60)
        status = {"/found": 200, "/moved": 302, "/slow": 200}.get(self.path, 404)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/found")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    released.set()
    server.shutdown()


def test_links_to_other_sites_are_asked_with_the_settings_of_the_book(elsewhere: str, tmp_path: Path) -> None:
    settings = yaml.safe_load(book.config(book.ROOT))["sphinx"]["config"]
    asked = {name: value for name, value in settings.items() if name.startswith("linkcheck_")}
    assert asked["linkcheck_report_timeouts_as_broken"] is True and asked["linkcheck_retries"] > 1
    (tmp_path / "index.rst").write_text("".join(f"`{name} <{elsewhere}/{name}>`__\n\n" for name in WAYS))
    app = Sphinx(
        tmp_path,
        None,
        tmp_path / "out",
        tmp_path / "out",
        "linkcheck",
        confoverrides={"extensions": ["tools.links"], **asked, "linkcheck_timeout": 2},
        status=None,
        warning=None,
    )
    app.build()
    broken, count = links.summary(tmp_path / "out" / "output.json")
    assert count == len(WAYS)
    assert sorted(line.split()[1].removeprefix(f"{elsewhere}/") for line in broken) == ["missing", "slow"]
    assert app.statuscode == 1


WAYS = ("found", "moved", "missing", "slow")


def test_a_doi_is_asked_of_its_registry() -> None:
    assert links.registry("https://doi.org/10.1214/aoms/1177703732") == (
        "https://doi.org/api/handles/10.1214/aoms/1177703732"
    )
    assert links.registry("https://example.org/10.1") is None
