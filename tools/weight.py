"""What a page weighs: all that a browser with an empty cache loads for it, compressed as a server sends it.

Figures are counted apart: pictures in files, and drawings (`figure.lb-figure`) inside the page.
"""

import gzip
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

LIMIT = 500  # KB of 1,000 bytes, without figures
SMALL = 5_000  # bytes of a part that is not worth a name
TEXTS = {".html", ".css", ".js", ".json", ".svg", ".txt", ".xml"}
PICTURES = {".avif", ".gif", ".jpg", ".jpeg", ".png", ".svg", ".webp"}
DRAWING = re.compile(rb'<figure class="lb-figure.*?</figure>', re.DOTALL)


@dataclass(frozen=True)
class Weight:
    """The parts of a page and its figures, in bytes."""

    parts: dict[str, int]
    figures: int

    @property
    def total(self) -> float:
        """KB without figures."""
        return sum(self.parts.values()) / 1000

    def __str__(self) -> str:
        """The total, and the parts from the heaviest down."""
        parts = sorted(self.parts.items(), key=lambda item: -item[1])
        named = [f"{name} {size / 1000:.0f}" for name, size in parts if size >= SMALL]
        rest = [size for _, size in parts if size < SMALL]
        named += [f"{len(rest)} others {sum(rest) / 1000:.0f}"] if rest else []
        return f"{self.total:.0f} KB and {self.figures / 1000:.0f} KB of figures: {', '.join(named)}"


def compressed(data: bytes) -> bytes:
    """As a server sends text."""
    return gzip.compress(data, 6, mtime=0)


def size(path: Path) -> int:
    """The bytes that are sent for a file."""
    data = path.read_bytes()
    return len(compressed(data) if path.suffix in TEXTS else data)


def weigh(site: Path, addresses: Iterable[str]) -> Weight:
    """The weight of a page that loaded these addresses of the site, itself among them."""
    parts, figures = {}, 0
    for path in sorted({site / unquote(urlsplit(address).path).lstrip("/") for address in addresses}):
        weight = size(path)
        if path.suffix in PICTURES:
            figures += weight
            continue
        if path.suffix == ".html":
            bare = len(compressed(DRAWING.sub(b"", path.read_bytes())))
            figures += weight - bare
            weight = bare
        parts[str(path.relative_to(site))] = weight
    return Weight(parts, figures)
