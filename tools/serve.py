"""Serve the site on this machine as a host of static pages does: compressed, and kept by browsers for ten minutes."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tools import weight


@cache
def body(path: Path, changed: int) -> bytes:
    """The compressed file; compressed once, since a host does not do it at each request either."""
    return weight.compressed(path.read_bytes())


class Handler(http.server.SimpleHTTPRequestHandler):
    """A quiet server that keeps connections open and compresses text."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""

    def end_headers(self) -> None:
        """What GitHub Pages says of every file."""
        self.send_header("Cache-Control", "max-age=600")
        super().end_headers()

    def do_GET(self) -> None:
        """Send text compressed, all else as it is."""
        path = Path(self.translate_path(self.path))
        if path.is_dir():
            path /= "index.html"
        if path.suffix not in weight.TEXTS or not path.is_file():
            return super().do_GET()
        sent = body(path, path.stat().st_mtime_ns)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{self.guess_type(path)}; charset=utf-8")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)
        return None


@contextmanager
def serve(site: Path) -> Iterator[str]:
    """The address at which the site is served meanwhile."""
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site)))
    threading.Thread(target=served.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{served.server_port}"
    finally:
        served.shutdown()
        served.server_close()
