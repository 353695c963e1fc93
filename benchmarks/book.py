"""How long the book takes to make and to test, part by part, against the first `make book`.

It happens in a temporary copy of the working tree, with this environment.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.timing import ROOT, duration, seconds, table

NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "_build", "__pycache__", "*.egg-info", ".*_cache", ".hypothesis")

PYTEST = ["-m", "pytest", "-q"]
# In this order: a part uses what the parts before it have left.
PARTS = {
    "notebooks run": ["-c", "from tools import book; book.run_notebooks(book.ROOT)"],
    "site, cold": ["-m", "tools.book"],
    "site, nothing changed": ["-m", "tools.book"],
    "ruff": ["-m", "ruff", "check", "."],
    "mypy, cold": ["-m", "mypy"],
    "unit tests": [*PYTEST, "-n", "2", "--dist", "loadfile", "lossbook", "tests", "--ignore", "tests/site"],
    "site in the browser": [*PYTEST, "-n", "2", "--dist", "loadscope", "tests/site"],
}
FIRST = ("notebooks run", "site, cold")  # what the first `make book` does, once the environment stands


def run() -> str:
    """The table of all parts."""
    with TemporaryDirectory(prefix="lossbook-") as folder:
        copy = Path(folder) / "lossbook"
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
        refuse_missing(copy)
        times = {name: measure(name, command, copy) for name, command in PARTS.items()}
    first = sum(times[name] for name in FIRST)
    rows = [[name, f"{100 * time / first:.1f} %", duration([time])] for name, time in times.items()]
    return "\n".join(
        [
            f"Each part once, against the first `make book` ({' + '.join(FIRST)}: {duration([first])});",
            "at most 20 % is wanted for the site when nothing changed.",
            "",
            table(["part", "part/first", "time"], rows),
        ]
    )


def refuse_missing(copy: Path) -> None:
    """A part without its files would be measured as very fast."""
    for needed in ("index.ipynb", "chapters/*.ipynb", "tools/book.py", "tests/site/test_*.py", "_toc.yml"):
        if not any(copy.glob(needed)):
            raise SystemExit(f"book: there is no {needed}; expected a whole book to measure")


def measure(name: str, command: list[str], copy: Path) -> float:
    """The seconds of one command; its output is shown if it fails."""
    print(f"{name} ...", file=sys.stderr, flush=True)

    def call() -> None:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=copy,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"book: {name!r} failed with exit code {done.returncode}\n{done.stdout[-4000:]}")

    return seconds(call)
