"""Make the book: run what changed, assemble the pages under `_build/book`, build the site.

python -m tools.book            the site
python -m tools.book outputs    run what changed, and store the outputs in the notebooks
"""

import fcntl
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import nbformat
import yaml

from tools import notebooks

ROOT = Path(__file__).resolve().parent.parent
BOOK = Path("_build") / "book"
SITE = BOOK / "_build" / "html"
GENERATED = {"catalogue": "tools.catalogue"}
# The first code cell of every notebook. Colab has no lossbook and gets it; its own torch stays as it is.
SETUP = """\
from importlib.util import find_spec

find_spec("lossbook") or get_ipython().system("pip install -q git+{repository}")
import lossbook as lb"""


class BookError(Exception):
    """The book could not be made; what went wrong has been printed."""


def say(text: str) -> None:
    """Tell where the work is."""
    print(text, flush=True)


def repository(root: Path) -> str:
    """The address of the repository, from the one place that has it."""
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]["urls"]["Repository"]


def set_up(root: Path) -> str:
    """The set-up cell that every notebook begins with."""
    return SETUP.format(repository=repository(root))


def run_notebooks(root: Path) -> None:
    """Run the notebooks whose code, package or requirements changed since their outputs were kept."""
    stale = [path for path in notebooks.notebooks(root) if not notebooks.is_fresh(path, root)]
    if not stale:
        return
    say(f"Running {len(stale)} of {len(notebooks.notebooks(root))} notebooks: {', '.join(map(str, stale))}")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tools.notebooks"]
    command += ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout", "120"]
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


def page(name: str, root: Path) -> tuple[str, str]:
    """The file name and the text of one page: an executed notebook, a generated page or prose."""
    if name in GENERATED:
        return f"{name}.md", import_module(GENERATED[name]).page()
    notebook = Path(f"{name}.ipynb")
    if (root / notebook).exists():
        return str(notebook), nbformat.writes(notebooks.executed(notebook, root))
    return f"{name}.md", (root / f"{name}.md").read_text()


def config(root: Path) -> str:
    """The configuration, with what is known elsewhere filled in."""
    settings = yaml.safe_load((root / "_config.yml").read_text())
    settings["repository"]["url"] = repository(root)
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)


def contents(root: Path) -> dict[str, str | bytes]:
    """Every file of the assembled book: name and content."""
    from lossbook import explorer
    from tools import icons

    files: dict[str, str | bytes] = dict(page(name, root) for name in pages(root))
    for folder in ("_static", "_templates", "images"):
        for path in notebooks.source_files(root / folder):
            files[str(path.relative_to(root))] = path.read_bytes()
    files["_config.yml"] = config(root)
    files["_toc.yml"] = (root / "_toc.yml").read_text()
    files["references.bib"] = (root / "references.bib").read_text()
    files["_static/explorer.js"] = explorer.script()
    files["_static/explorer.css"] = explorer.style()
    files |= {f"_static/{name}": font for name, font in icons.fonts().items()}
    return files


def stage(root: Path) -> None:
    """Assemble the book; a file that did not change is not touched, so that its page is not built again."""
    book = root / BOOK
    files = contents(root)
    for name, content in files.items():
        target = book / name
        data = content.encode() if isinstance(content, str) else content
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


def state(root: Path, *, look_only: bool = False) -> str:
    """A hash of all that the site is made of, or of what every page shares."""
    shared = [root / name for name in ("_config.yml", "_toc.yml", "pyproject.toml", "requirements.txt")]
    for folder in ("_static", "_templates", "images", "tools", "lossbook"):
        shared += notebooks.source_files(root / folder)
    texts = [root / "references.bib", *sorted(root.glob("*.md")), *sorted(root.glob("chapters/*.md"))]
    texts += [root / path for path in notebooks.notebooks(root)]
    texts += [root / notebooks.EXECUTED / path for path in notebooks.notebooks(root)]
    return notebooks.digest(root, shared if look_only else shared + texts)


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
    run_notebooks(root)
    site = root / SITE
    whole, look = state(root), state(root, look_only=True)
    if remembered(root, ".whole", whole) and (site / "index.html").exists():
        say("Nothing changed: the site is up to date.")
        return site
    if not remembered(root, ".look", look):
        shutil.rmtree(root / BOOK, ignore_errors=True)
    (root / BOOK / ".whole").unlink(missing_ok=True)
    say("Assembling the pages ...")
    stage(root)
    say("Building the site ...")
    build(root)
    (root / BOOK / ".whole").write_text(whole)
    (root / BOOK / ".look").write_text(look)
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


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BookError as error:
        sys.exit(str(error))
