"""The whole book as one file to take along, which needs no network: `python -m tools.offline` (`make offline`)."""

import zipfile
from pathlib import Path

from tools import book
from tools.footer import DOWNLOADS

ZIP = Path("_build") / "lossbook-offline.zip"
FOLDER = "lossbook"
# The same book gives the same bytes: no file has the time at which it was made.
TIME = (2020, 1, 1, 0, 0, 0)
# What only a server, a search engine or the builder needs; also what is taken along itself, if it lies in the site.
LEFT_OUT = (
    "_static/locales/",
    # What the one style sheet and the cut fonts replace, see styles.py and icons.py.
    "_static/styles/",
    "_static/vendor/",
    "_static/scripts/fontawesome.js",
    "cards/",
    ".buildinfo",
    ".nojekyll",
    "objects.inv",
    "robots.txt",
    "sitemap.xml",
    *DOWNLOADS,
)
ENDINGS = ("webpack-macros.html", ".map")  # templates and maps of the theme's scripts
# The search shows some words of each page that it found. A page that is a file may not read another one.
SUMMARY = "_static/documentation_options.js", b"SHOW_SEARCH_SUMMARY: true", b"SHOW_SEARCH_SUMMARY: false"
README = """\
LossBook, the whole book to read without a network.

Unpack the whole archive, then open lossbook/index.html in a browser.
It needs no installation and no server, and asks the network for nothing.
Links to papers and to the code lead out of the book.
"""


def files(site: Path) -> dict[str, bytes]:
    """What the archive holds, by name: the site without what a reader does not need, and where to begin."""
    held = {"README.txt": README.encode()}
    for path in sorted(site.rglob("*")):
        name = path.relative_to(site).as_posix()
        if path.is_file() and not name.startswith(LEFT_OUT) and not name.endswith(ENDINGS):
            held[f"{FOLDER}/{name}"] = path.read_bytes()
    name, shown, hidden = SUMMARY
    held[f"{FOLDER}/{name}"] = held[f"{FOLDER}/{name}"].replace(shown, hidden)
    return held


def write(held: dict[str, bytes], target: Path) -> None:
    """Write an archive whose bytes depend on nothing but the files."""
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in sorted(held.items()):
            entry = zipfile.ZipInfo(name, TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, compresslevel=9)


def make(root: Path = book.ROOT) -> Path:
    """Bring the site up to date, pack it, and return the archive."""
    site = book.make(root)
    write(files(site), root / ZIP)
    return root / ZIP


def main() -> None:
    """The command line."""
    target = make()
    book.say(f"{target}: {target.stat().st_size / 1e6:.1f} MB; unpack it and open {FOLDER}/index.html")


if __name__ == "__main__":
    book.command(main)
