"""The notebooks as files, and the door through which they run: what is wrong or stale must fail."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

from tools import notebooks
from tools.book import ROOT, SETUP, pages, set_up

BOOKS = notebooks.notebooks(ROOT)


def test_every_notebook_is_in_the_table_of_contents() -> None:
    assert {str(path.with_suffix("")) for path in BOOKS} <= set(pages(ROOT))


@pytest.mark.parametrize("path", BOOKS, ids=str)
def test_set_up_cell_is_the_one_of_the_template(path: Path) -> None:
    first = notebooks.code_cells(notebooks.read(ROOT / path))[0]
    assert ast.unparse(ast.parse(first.source)) == ast.unparse(ast.parse(set_up(ROOT)))  # line breaks aside


def test_template_names_the_repository_and_is_short() -> None:
    assert len(ast.parse(set_up(ROOT)).body) == 3
    assert "{repository}" in SETUP


@pytest.mark.parametrize("path", BOOKS, ids=str)
def test_metadata_is_minimal(path: Path) -> None:
    notebook = notebooks.read(ROOT / path)
    assert set(notebook.metadata) == {"description", "kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.language_info == {"name": "python"}
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags", "mystnb"}, cell.source


@pytest.mark.parametrize("path", BOOKS, ids=str)
def test_outputs_name_no_folder_of_a_machine(path: Path) -> None:
    for cell in notebooks.code_cells(notebooks.read(ROOT / path)):
        found = re.search(r"(/tmp|/home|/root|/Users|/usr)/\w+", nbformat.v4.writes(v4.new_notebook(cells=[cell])))
        assert found is None, cell.source


FOLDS = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
HIDES = {"hide-output", "hide-cell", "remove-output", "remove-cell", "scroll-output"}
# An object that names itself: a figure, a line of a plot, an address in memory.
OBJECT = re.compile(r"^\[?<(?!lossbook\.)[\w.]+[ (:].*>\]?$|^Figure\(|^Text\(|\bat 0x[0-9a-f]+", re.MULTILINE)


def tags(cell: nbformat.NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def texts(cell: nbformat.NotebookNode) -> list[str]:
    """What a page shows of a cell as plain text."""
    shown = [one.text for one in cell.outputs if one.output_type == "stream"]
    rich = ("text/html", "text/markdown", "text/latex", "image/svg+xml", "image/png")
    plain = [one.data for one in cell.outputs if "data" in one and not any(kind in one.data for kind in rich)]
    return shown + [data["text/plain"] for data in plain]


@pytest.mark.parametrize("path", BOOKS, ids=str)
def test_a_reader_sees_no_warning_and_no_object(path: Path) -> None:
    for cell in notebooks.code_cells(notebooks.read(ROOT / path)):
        assert not [one for one in cell.outputs if one.get("name") == "stderr"], cell.source
        for text in texts(cell):
            assert "Warning" not in text and not OBJECT.search(text), text


def test_what_names_itself_is_found() -> None:
    for text in ("<Figure size 640x480 with 1 Axes>", "[<matplotlib.lines.Line2D at 0x7f>]", "Text(0.5, 0, 'r')"):
        assert OBJECT.search(text)
    assert not OBJECT.search("<lossbook.huber: Huber loss>") and not OBJECT.search("1 < 2, and 3 > 2")


@pytest.mark.parametrize("path", BOOKS, ids=str)
def test_no_wall_of_code_or_output(path: Path) -> None:
    for cell in notebooks.code_cells(notebooks.read(ROOT / path)):
        assert len(cell.source.splitlines()) <= 30 or tags(cell) & FOLDS, cell.source
        lines = sum(len(text.splitlines()) for text in texts(cell))
        rows = max((str(one.get("data", {}).get("text/html", "")).count("<tr") for one in cell.outputs), default=0)
        folded = any("<details" in str(one.get("data", {}).get("text/html", "")) for one in cell.outputs)
        assert max(lines, rows) <= 25 or folded or tags(cell) & HIDES, f"{max(lines, rows)} lines: {cell.source}"


@pytest.mark.parametrize("path", BOOKS, ids=str)
def test_every_exercise_has_its_solution(path: Path) -> None:
    """The PDF counts the solutions to name them."""
    asked, solved, heading = 0, 0, ""
    for cell in notebooks.read(ROOT / path).cells:
        if cell.cell_type == "code":
            hidden = "hide-cell" in cell.metadata.get("tags", [])
            assert not hidden or heading == "Exercises", cell.source[:100]
            solved += hidden
            continue
        for line in cell.source.splitlines():
            heading = line.removeprefix("## ") if line.startswith("## ") else heading
            asked += heading == "Exercises" and bool(re.match(r"\d+\. ", line))
    assert solved == asked


@pytest.mark.parametrize("path", BOOKS, ids=str)
def test_what_a_reader_need_not_see_is_folded(path: Path) -> None:
    """The set-up, the imports, and the code of figures and quizzes."""
    for number, cell in enumerate(notebooks.code_cells(notebooks.read(ROOT / path))):
        imports = number == 1 and cell.source.startswith(("import ", "from ")) and not cell.outputs
        draws = re.search(r"\b(plot\.(figure|show)|quiz\.show)\(", cell.source)
        assert not (number == 0 or imports or draws) or tags(cell) & FOLDS, cell.source


# The door. Each notebook below runs in a folder of its own, as `make test` would run it.


def cell(source: str, output: str | None = None, tags: tuple[str, ...] = ()) -> nbformat.NotebookNode:
    made = v4.new_code_cell(source, execution_count=1)
    if output is not None:
        made.outputs = [v4.new_output("stream", name="stdout", text=output)]
    made.metadata["tags"] = list(tags)
    return made


def shown(source: str, kind: str, stored: str) -> nbformat.NotebookNode:
    made = v4.new_code_cell(source, execution_count=1)
    made.outputs = [
        v4.new_output("display_data", data={kind: stored, "text/plain": "<IPython.core.display.HTML object>"})
    ]
    return made


def html(text: str) -> str:
    return f"from IPython.display import HTML, display\ndisplay(HTML({text!r}))"


def run(folder: Path, *options: str, **files: list[nbformat.NotebookNode]) -> subprocess.CompletedProcess:
    (folder / "pytest.ini").write_text("[pytest]\n")
    for name, cells in files.items():
        nbformat.write(v4.new_notebook(cells=cells), folder / f"{name}.ipynb")
    command = [sys.executable, "-m", "pytest", "-p", "tools.notebooks", "-p", "no:cacheprovider"]
    command += [*(options or ["--nbval"]), "--rootdir", str(folder), "--confcutdir", str(folder), str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


TABLE = "<table><tr><td>{}</td></tr></table>"
DRAWING = '<figure class="lb-figure"><svg aria-label="{}"><path d="M {} 2.5"/></svg></figure>'


def test_what_is_stale_or_wrong_fails_and_is_not_kept(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        text=[cell("print('fresh')", "stale\n")],
        error=[cell("1 / 0")],
        table=[shown(html(TABLE.format("0.25")), "text/html", TABLE.format("0.26"))],
        label=[shown(html(DRAWING.format("a new word", "1.0")), "text/html", DRAWING.format("a word", "1.0"))],
        drawing=[shown(html(DRAWING.format("a", "1.0")), "text/html", DRAWING.format("a", "1.1"))],
        late=[cell("x = 1"), cell("print(x)", "2\n")],
    )
    assert "6 failed, 1 passed" in result.stdout, result.stdout
    assert not list(tmp_path.glob("_build/executed/*"))


def test_what_is_as_stored_passes_and_is_kept(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        text=[
            cell("print(1)", "1\n"),
            cell("x = 3;"),
            cell("x;"),
            cell("import os; print(os.getpid())", "7\n", ("nbval-ignore-output",)),
        ],
        drawing=[shown(html(DRAWING.format("a", "1.00001")), "text/html", DRAWING.format("a", "1.0"))],
        address=[cell("print(hex(id(object())))", "0x7f0123456789\n")],
    )
    assert "6 passed" in result.stdout, result.stdout
    kept = notebooks.read(tmp_path / "_build" / "executed" / "text.ipynb")
    assert [one.execution_count for one in kept.cells] == [1, 2, 3, 4]
    assert kept.cells[0].outputs[0].text == "1\n"
    assert kept.cells[3].outputs[0].text != "7\n"  # what it showed, not what was stored
    assert notebooks.is_fresh(Path("text.ipynb"), tmp_path)


def test_lax_mode_accepts_new_outputs_and_refuses_errors(tmp_path: Path) -> None:
    result = run(tmp_path, "--nbval-lax", text=[cell("print('fresh')", "stale\n")], error=[cell("1 / 0")])
    assert "1 failed, 1 passed" in result.stdout, result.stdout
    assert notebooks.is_fresh(Path("text.ipynb"), tmp_path)
    assert not notebooks.is_fresh(Path("error.ipynb"), tmp_path)


def test_a_failure_removes_what_an_earlier_run_kept(tmp_path: Path) -> None:
    run(tmp_path, text=[cell("print(1)", "1\n")])
    run(tmp_path, text=[cell("print(1)", "2\n")])
    assert not notebooks.is_fresh(Path("text.ipynb"), tmp_path)


def test_of_a_widget_what_needs_no_kernel_is_kept() -> None:
    view = {notebooks.WIDGET_VIEW: {"model_id": "random"}, "text/plain": "x"}
    outputs = [
        v4.new_output("display_data", data=data) for data in (view | {"text/html": "<p>"}, view, {"text/plain": "y"})
    ]
    notebook = notebooks.with_outputs(v4.new_notebook(cells=[cell("1")]), [outputs])
    assert [set(one.data) for one in notebook.cells[0].outputs] == [{"text/html", "text/plain"}, {"text/plain"}]
