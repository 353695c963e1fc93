"""The one door through which notebooks run: nbval runs them, this pytest plugin keeps what they show.

`make test` runs every notebook and compares what it shows with what is stored in it; `make book` runs only
those whose code changed since, and compares nothing. Either way the fresh outputs go to `_build/executed`,
from which the site is built: nothing runs twice, and no picture on the site can be stale.

A kept notebook carries a key: a hash of its code, of the package and of the pinned requirements. A notebook
that failed is not kept.
"""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import nbval.kernel
import nbval.plugin
import pytest
from jupyter_client.manager import KernelManager
from nbformat import NotebookNode
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell

EXECUTED = Path("_build") / "executed"
# A thread more or less changes the last digits of a sum, a random hash the order of a set.
STEADY = {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
SECONDS = 120  # that a cell may take

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
FIGURES = ("text/html", "image/svg+xml")
FIGURE = re.compile(r'<figure class="lb-figure|<div class="lb-explorer|<svg')
DECIMAL = re.compile(r"[-+]?\d*\.\d+(?:[eE][-+]?\d+)?")
TOLERANCE = 1e-3
RANDOM = ((re.compile(r"0x[0-9a-f]{6,}"), "0x..."), (re.compile(r"\S*ipykernel_\d+/\d+\.py"), "cell.py"))


def read(path: Path) -> NotebookNode:
    """The notebook at `path`."""
    return nbformat.read(path, as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells that run, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def notebooks(root: Path) -> list[Path]:
    """Every notebook of the book, relative to `root`."""
    found = [root / "index.ipynb", *sorted((root / "chapters").glob("*.ipynb"))]
    return [path.relative_to(root) for path in found if path.exists()]


def source_files(folder: Path) -> list[Path]:
    """The files of a folder that a person wrote: no cache, nothing hidden."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def package_files(root: Path) -> list[Path]:
    """The files that what a notebook shows depends on, besides the notebook."""
    return [*source_files(root / "lossbook"), root / "requirements.txt", Path(__file__)]


def digest(root: Path, files: list[Path], *more: str) -> str:
    """A hash of the files' names and contents, and of some text."""
    whole = hashlib.sha256()
    for path in files:
        name = os.path.relpath(path, root)
        content = path.read_bytes() if path.exists() else b""
        whole.update(f"{name} {len(content)}\n".encode() + content)
    for text in more:
        whole.update(text.encode())
    return whole.hexdigest()


def key(path: Path, root: Path) -> str:
    """What the outputs of a notebook depend on, as a hash; prose and stored outputs are not in it."""
    code = [[cell.source, cell.metadata.get("tags", [])] for cell in code_cells(read(root / path))]
    return digest(root, package_files(root), str(path), json.dumps(code))


def is_fresh(path: Path, root: Path) -> bool:
    """Whether the outputs kept for a notebook are those that it would show now."""
    kept = root / EXECUTED / path
    return kept.exists() and read(kept).metadata.get("lossbook_key") == key(path, root)


def with_outputs(notebook: NotebookNode, outputs: list[list[NotebookNode]]) -> NotebookNode:
    """The notebook, changed to show these outputs, one list for each code cell."""
    for count, (cell, shown) in enumerate(zip(code_cells(notebook), outputs, strict=True), start=1):
        cell.execution_count = count
        cell.metadata.pop("execution", None)
        cell.outputs = [clean(output, count) for output in shown if not needs_kernel(output)]
    return notebook


def needs_kernel(output: NotebookNode) -> bool:
    """Whether an output is a bare ipywidget: without a kernel it is a name and nothing more."""
    data = output.get("data", {})
    return WIDGET_VIEW in data and "text/html" not in data


def clean(output: NotebookNode, count: int) -> NotebookNode:
    """An output without what differs from run to run."""
    output = nbformat.from_dict(output)
    if output.output_type == "execute_result":
        output.execution_count = count
    output.get("data", {}).pop(WIDGET_VIEW, None)
    return output


def keep(path: Path, root: Path, outputs: list[list[NotebookNode]]) -> None:
    """Store a notebook that ran without a fault, in one step."""
    notebook = with_outputs(read(root / path), outputs)
    notebook.metadata["lossbook_key"] = key(path, root)
    kept = root / EXECUTED / path
    kept.parent.mkdir(parents=True, exist_ok=True)
    draft = kept.with_suffix(".part")
    nbformat.write(notebook, draft)
    draft.replace(kept)


def executed(path: Path, root: Path) -> NotebookNode:
    """The notebook as it is written now, with the outputs that its run gave."""
    if not is_fresh(path, root):
        raise RuntimeError(f"{path} has not run since it changed; `make book` runs it")
    outputs = [cell.outputs for cell in code_cells(read(root / EXECUTED / path))]
    return with_outputs(read(root / path), outputs)


def alike(stored: str, fresh: str) -> bool:
    """Whether two drawings are the same up to the last digits, which differ between processors."""
    if DECIMAL.sub("#", stored) != DECIMAL.sub("#", fresh):
        return False
    pairs = zip(DECIMAL.findall(stored), DECIMAL.findall(fresh), strict=True)
    return all(abs(float(a) - float(b)) <= TOLERANCE * max(1, abs(float(a))) for a, b in pairs)


def settled(fresh: NotebookNode, stored: NotebookNode) -> NotebookNode:
    """The fresh output, with drawings that are like the stored ones replaced by them."""
    data = dict(fresh.get("data", {}))
    for kind in FIGURES:
        old = stored.get("data", {}).get(kind)
        if kind in data and old and FIGURE.search(old) and alike(old, data[kind]):
            data[kind] = old
    return nbformat.from_dict({**fresh, "data": data}) if data else fresh


def without_random_text(text: Any) -> Any:
    """The text with addresses and names of temporary files taken out."""
    if not isinstance(text, str):
        return text
    for pattern, replacement in RANDOM:
        text = pattern.sub(replacement, text)
    return text


class SocketKernelManager(KernelManager):
    """A kernel reached through files in a folder of its own: kernels that start at once race for ports."""

    def __init__(self, **options: Any) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="lossbook-")
        super().__init__(transport="ipc", ip=f"{self.folder.name}/k", **options)


class CountingKernel(RunningKernel):
    """A kernel that counts its cells, as a reader's does; without this a final `;` does not silence."""

    def execute_cell_input(self, cell_input: str, allow_stdin: bool | None = None) -> str:
        """Send a cell to the kernel and return the name of the request."""
        return self.kc.execute(cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)


def pytest_configure(config: pytest.Config) -> None:
    """Put our settings, our kernel and our rules of comparison in the place of nbval's."""
    os.environ.update(STEADY)
    config.option.nbval_current_env = True
    config.option.nbval_cell_timeout = SECONDS
    nbval.kernel.KernelManager = SocketKernelManager
    nbval.plugin.RunningKernel = CountingKernel
    sanitize, compare = IPyNbCell.sanitize, IPyNbCell.compare_outputs

    def compare_settled(self: Any, test: Any, ref: Any, skip_compare: Any = None) -> bool:
        if len(test) == len(ref):
            test = [settled(fresh, stored) for fresh, stored in zip(test, ref, strict=True)]
        return compare(self, test, ref, skip_compare)

    IPyNbCell.sanitize = lambda self, text: without_random_text(sanitize(self, text))
    IPyNbCell.compare_outputs = compare_settled


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Note what a cell shows; keep the notebook once each of its cells has passed."""
    if not isinstance(item, IPyNbCell):
        yield
        return
    root, path = item.config.rootpath, item.path.relative_to(item.config.rootpath)
    if item.cell_num == 0:
        item.parent.shown = {}
        (root / EXECUTED / path).unlink(missing_ok=True)
    yield  # raises if the cell fails
    shown = item.parent.__dict__.setdefault("shown", {})
    shown[item.cell_num] = item.test_outputs
    cells = len(code_cells(item.parent.nb))
    if len(shown) == cells:
        keep(path, root, [shown[number] for number in range(cells)])
