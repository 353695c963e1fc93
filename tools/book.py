"""Make the book: run what changed, assemble the pages under `_build/book`, build the site.

python -m tools.book            the site
python -m tools.book outputs    run what changed, and store the outputs in the notebooks
"""

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import nbformat
import yaml

from tools import notebooks

ROOT = Path(__file__).resolve().parent.parent
BOOK = Path("_build") / "book"
SITE = BOOK / "_build" / "html"
GENERATED = {name: f"tools.{name}" for name in ("catalogue", "pitfalls", "notation", "glossary")}
PAGE_SUFFIXES = (".ipynb", ".md")
# What other pages may show or link to: headings and named places.
NAMED = re.compile(r"^(?:#+ .*|\(.+\)=|:(?:label|name): .*)$", re.MULTILINE)
# The first code cell of every notebook. Colab has no lossbook and gets it; its own torch stays as it is.
SETUP = """\
from importlib.util import find_spec

find_spec("lossbook") or get_ipython().system("pip install -q git+{repository}")
import lossbook as lb"""


class BookError(Exception):
    """The book could not be made, for the reason that it says."""


def say(text: str) -> None:
    """Tell where the work is."""
    print(text, flush=True)


def repository(root: Path) -> str:
    """The address of the repository, from the one place that has it."""
    return addresses(root)["Repository"]


def addresses(root: Path) -> dict[str, str]:
    """Where the repository and the site (`Homepage`) are."""
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]["urls"]


def set_up(root: Path) -> str:
    """The set-up cell that every notebook begins with."""
    return SETUP.format(repository=repository(root))


def run_notebooks(root: Path) -> None:
    """Run the notebooks whose code, package or requirements changed since their outputs were kept."""
    stale = [path for path in notebooks.notebooks(root) if not notebooks.is_fresh(path, root)]
    if not stale:
        return
    say(f"Running {len(stale)} of {len(notebooks.notebooks(root))} notebooks: {', '.join(map(str, stale))}")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tools.notebooks", "--nbval-lax"]
    command += ["-n", str(min(2, len(stale))), "--dist", "loadfile", *map(str, stale)]
    if subprocess.run(command, cwd=root).returncode:
        raise BookError("A notebook failed (see above); the book was not built.")


def store_outputs(root: Path) -> None:
    """Write the fresh outputs into the notebooks of the source tree."""
    for path in notebooks.notebooks(root):
        text = nbformat.writes(notebooks.executed(path, root)) + "\n"
        if (root / path).read_text() != text:
            (root / path).write_text(text)
            say(f"stored the outputs of {path}")


def entries(part: Any) -> Iterator[str]:
    """The pages that a table of contents names, in its order."""
    if isinstance(part, dict):
        yield from (part[name] for name in ("root", "file") if name in part)
        for value in part.values():
            yield from entries(value)
    elif isinstance(part, list):
        for value in part:
            yield from entries(value)


def pages(root: Path) -> list[str]:
    """The pages of the book, without their suffix."""
    return list(entries(yaml.safe_load((root / "_toc.yml").read_text())))


def source(name: str, root: Path) -> str:
    """The Markdown of a page as it is written; nothing for a generated page."""
    paths = [path for suffix in PAGE_SUFFIXES if (path := root / f"{name}{suffix}").exists()]
    return prose(paths[0].name, paths[0].read_text()) if paths else ""


def heading(name: str, root: Path) -> str | None:
    """The title of a page that has a source: its first heading."""
    found = re.search(r"^# +(.+)$", source(name, root), re.MULTILINE)
    return found[1] if found else None


def check_pages(root: Path) -> None:
    """Raise unless every page of the table of contents is generated or has a file."""
    for name in pages(root):
        if name not in GENERATED and not any((root / f"{name}{suffix}").exists() for suffix in PAGE_SUFFIXES):
            raise BookError(f"{name} in _toc.yml has neither {name}.ipynb nor {name}.md")


def page(name: str, root: Path) -> tuple[str, str]:
    """The file name and the text of one page: an executed notebook, a generated page or prose."""
    if name in GENERATED:
        return f"{name}.md", import_module(GENERATED[name]).page()
    notebook = Path(f"{name}.ipynb")
    if (root / notebook).exists():
        from tools import front

        return str(notebook), nbformat.writes(front.dress(notebooks.executed(notebook, root), root))
    return f"{name}.md", (root / f"{name}.md").read_text()


def config(root: Path) -> str:
    """The configuration, with what is known elsewhere filled in."""
    settings = yaml.safe_load((root / "_config.yml").read_text())
    settings["repository"]["url"] = repository(root)
    settings["sphinx"]["config"]["html_baseurl"] = addresses(root)["Homepage"]
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)


def contents(root: Path) -> dict[str, bytes]:
    """Every file of the assembled book: name and content."""
    from lossbook import explorer
    from tools import icons, mathematics

    texts = dict(page(name, root) for name in pages(root))
    texts["_config.yml"] = config(root)
    texts["_static/explorer.css"] = explorer.style()
    files = {name: text.encode() for name, text in texts.items()}
    for path in (root / "_toc.yml", root / "references.bib", *static_files(root)):
        files[str(path.relative_to(root))] = path.read_bytes()
    made = icons.fonts() | {mathematics.FONT: mathematics.font()}
    return files | {f"_static/{name}": font for name, font in made.items()}


def static_files(root: Path) -> list[Path]:
    """The files of the source tree that style every page."""
    return [*notebooks.source_files(root / "_static"), *notebooks.source_files(root / "_templates")]


def stage(root: Path, files: dict[str, bytes]) -> None:
    """Assemble the book; a file that did not change is not touched, so that its page is not built again."""
    book = root / BOOK
    for name, data in files.items():
        target = book / name
        if not target.exists() or target.read_bytes() != data:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    for path in list(book.rglob("*")):
        name = str(path.relative_to(book))
        if path.is_file() and name not in files and not name.startswith(("_build", ".")):
            path.unlink()


def build(root: Path) -> None:
    """Build the site from the assembled book; a warning is an error."""
    command = [str(Path(sys.executable).parent / "jupyter-book"), "build", str(root / BOOK)]
    result = subprocess.run([*command, "-W", "-n", "--keep-going", "-q"], cwd=root, stdout=subprocess.PIPE, text=True)
    if result.returncode:
        say(result.stdout)
        # What was read with a warning would not be read again, and pass.
        shutil.rmtree(root / BOOK / "_build", ignore_errors=True)
        raise BookError("The site was not built: see the warnings above.")


def state(root: Path) -> str:
    """A hash of all that the site is made of."""
    names = ["_config.yml", "_toc.yml", "glossary.yml", "pitfalls.yml", "pyproject.toml", "requirements.txt"]
    names += ["LICENSE", "LICENSE-text"]
    files = [*(root / name for name in names), root / "references.bib", *static_files(root), *sorted(root.glob("*.md"))]
    files += [*sorted(root.glob("chapters/*.md"))]
    files += [*notebooks.source_files(root / "tools"), *notebooks.source_files(root / "lossbook")]
    files += [root / path for path in notebooks.notebooks(root)]
    files += [root / notebooks.EXECUTED / path for path in notebooks.notebooks(root)]
    return notebooks.digest(root, files)


def look(root: Path, files: dict[str, bytes]) -> str:
    """A hash of what every page depends on: styles, scripts, templates, settings, and what pages tell of others.

    Sphinx builds a page again when its own text changes. A page also has the titles of the others in its sidebar
    and may link to any heading, so where one of these changes, all pages are built.
    """
    whole = hashlib.sha256()
    for name, data in sorted(files.items()):
        if name.endswith(PAGE_SUFFIXES):
            data = "\n".join(NAMED.findall(prose(name, data.decode()))).encode()
        if name != "references.bib":
            whole.update(f"{name} {len(data)}\n".encode() + data)
    shared = [root / "requirements.txt", root / "lossbook" / "plot.py"]
    for folder in ("tools", "lossbook/explorer"):
        shared += notebooks.source_files(root / folder)
    return notebooks.digest(root, shared, whole.hexdigest())


def prose(name: str, text: str) -> str:
    """The Markdown of a page."""
    if not name.endswith(".ipynb"):
        return text
    return "\n".join(cell.source for cell in nbformat.reads(text, 4).cells if cell.cell_type == "markdown")


def remembered(root: Path, name: str, now: str) -> bool:
    """Whether the last build was made from the same."""
    note = root / BOOK / name
    return note.exists() and note.read_text() == now


def make(root: Path = ROOT) -> Path:
    """Bring the site up to date and return its folder. Two that ask at once wait for each other."""
    (root / "_build").mkdir(exist_ok=True)
    with (root / "_build" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _make(root)


def _make(root: Path) -> Path:
    start = time.perf_counter()
    check_pages(root)
    run_notebooks(root)
    site = root / SITE
    whole = state(root)
    if remembered(root, ".whole", whole) and (site / "index.html").exists():
        say("Nothing changed: the site is up to date.")
        return site
    say("Assembling the pages ...")
    files = contents(root)
    now = look(root, files)
    if not remembered(root, ".look", now):
        shutil.rmtree(root / BOOK, ignore_errors=True)
    (root / BOOK / ".whole").unlink(missing_ok=True)
    stage(root, files)
    say("Building the site ...")
    build(root)
    (root / BOOK / ".whole").write_text(whole)
    (root / BOOK / ".look").write_text(now)
    say(f"Built in {time.perf_counter() - start:.0f} s.")
    return site


def main(arguments: list[str]) -> None:
    """The command line."""
    if arguments == ["outputs"]:
        run_notebooks(ROOT)
        store_outputs(ROOT)
    elif arguments:
        raise SystemExit(f"unknown argument {' '.join(arguments)!r}; {__doc__}")
    else:
        site = make(ROOT)
        say(f"\nOpen {(site / 'index.html').as_uri()}\nor run `make serve`.")


def command(act: Callable[[], None]) -> None:
    """Run a command; what cannot be made is told in a line."""
    try:
        act()
    except BookError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    command(lambda: main(sys.argv[1:]))
