"""How the book is assembled: what runs again, what is in a page, what a new loss needs."""

import os
import re
from pathlib import Path

import pytest
import yaml
from nbformat import v4, write

import lossbook as lb
from tools import book, catalogue, icons, notebooks


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small source tree with one notebook whose outputs are kept."""
    (tmp_path / "lossbook").mkdir()
    (tmp_path / "lossbook" / "mse.py").write_text("x = 1\n")
    (tmp_path / "requirements.txt").write_text("a==1\n")
    (tmp_path / "_toc.yml").write_text("root: index\nparts:\n- chapters:\n  - file: other\n")
    cells = [v4.new_markdown_cell("Prose", id="a"), v4.new_code_cell("print(1)", id="b")]
    write(v4.new_notebook(cells=cells), tmp_path / "index.ipynb")
    notebooks.keep(INDEX, tmp_path, [[v4.new_output("stream", name="stdout", text="1\n")]])
    return tmp_path


INDEX = Path("index.ipynb")


def edit(tree: Path, number: int, source: str) -> None:
    notebook = notebooks.read(tree / INDEX)
    notebook.cells[number].source = source
    write(notebook, tree / INDEX)


def test_nothing_changed_nothing_runs(tree: Path) -> None:
    assert notebooks.is_fresh(INDEX, tree)


@pytest.mark.parametrize("name", ["lossbook/mse.py", "requirements.txt"])
def test_a_changed_package_or_requirement_runs_it_again(tree: Path, name: str) -> None:
    (tree / name).write_text("changed\n")
    assert not notebooks.is_fresh(INDEX, tree)


def test_a_new_file_of_the_package_runs_it_again(tree: Path) -> None:
    (tree / "lossbook" / "explorer.css").write_text("")
    assert not notebooks.is_fresh(INDEX, tree)


def test_a_cache_is_no_source(tree: Path) -> None:
    before = book.state(tree)
    for folder in ("lossbook/__pycache__", "lossbook/.ruff_cache", "chapters/.ipynb_checkpoints", "tools/__pycache__"):
        (tree / folder).mkdir(parents=True)
        (tree / folder / "cached.pyc").write_text("")
    assert book.state(tree) == before
    assert notebooks.is_fresh(INDEX, tree)


def test_changed_code_runs_again(tree: Path) -> None:
    edit(tree, 1, "print(2)")
    assert not notebooks.is_fresh(INDEX, tree)
    with pytest.raises(RuntimeError, match="has not run since it changed"):
        notebooks.executed(INDEX, tree)


def test_changed_prose_does_not_run_again_and_is_in_the_page(tree: Path) -> None:
    edit(tree, 0, "Better prose")
    page = notebooks.executed(INDEX, tree)
    assert page.cells[0].source == "Better prose"
    assert page.cells[1].outputs[0].text == "1\n"


def test_only_what_changed_runs(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "chapters").mkdir()
    write(v4.new_notebook(cells=[v4.new_code_cell("1")]), tree / "chapters" / "new.ipynb")
    commands: list[list[str]] = []

    class Done:
        returncode = 0

    def note(command: list[str], **options: object) -> Done:
        commands.append(command)
        return Done()

    monkeypatch.setattr(book.subprocess, "run", note)
    book.run_notebooks(tree)
    assert [word for word in commands[0] if word.endswith(".ipynb")] == ["chapters/new.ipynb"]


def test_pages_are_those_of_the_table_of_contents(tree: Path) -> None:
    assert book.pages(tree) == ["index", "other"]


def test_outputs_are_stored_once(tree: Path, capsys: pytest.CaptureFixture) -> None:
    book.store_outputs(tree)
    stored = notebooks.read(tree / INDEX)
    assert stored.cells[1].outputs[0].text == "1\n"
    assert stored.cells[1].execution_count == 1
    assert "lossbook_key" not in stored.metadata
    book.store_outputs(tree)
    assert capsys.readouterr().out.count("stored") == 1


def test_an_unchanged_file_is_not_touched(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"a.md": "one", "b.md": "one"}
    monkeypatch.setattr(book, "contents", lambda root: files)
    book.stage(tree)
    os.utime(tree / book.BOOK / "a.md", (1, 1))
    files |= {"b.md": "two"}
    book.stage(tree)
    assert (tree / book.BOOK / "a.md").stat().st_mtime == 1
    assert (tree / book.BOOK / "b.md").read_text() == "two"
    del files["b.md"]
    book.stage(tree)
    assert not (tree / book.BOOK / "b.md").exists()


def test_repository_address_has_one_place() -> None:
    address = book.repository(book.ROOT)
    assert yaml.safe_load(book.config(book.ROOT))["repository"]["url"] == address
    assert address in book.set_up(book.ROOT)
    assert address not in (book.ROOT / "_config.yml").read_text()


def test_catalogue_has_every_loss() -> None:
    page = catalogue.page()
    anchors = re.findall(r"^\((catalogue-[\w-]+)\)=$", page, flags=re.M)
    assert anchors == [catalogue.anchor(loss) for loss in lb.losses()]
    for loss in lb.losses():
        assert loss.title in page
        assert loss.chinese in page
        assert loss.latex in page
        assert loss.gradient_latex in page
    assert page.count("{raw} html") == len(lb.losses())


def test_fonts_hold_the_icons_in_use() -> None:
    from io import BytesIO

    from fontTools.ttLib import TTFont

    fonts = icons.fonts()
    assert sum(map(len, fonts.values())) < 12_000
    assert set(icons.ICONS.values()) <= set(TTFont(BytesIO(fonts["icons.woff"])).getBestCmap())
    assert set(icons.BRANDS.values()) <= set(TTFont(BytesIO(fonts["brands.woff"])).getBestCmap())
