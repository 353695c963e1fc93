"""How the book is assembled: what runs again, what is in a page, what a new loss needs."""

import os
import re
from pathlib import Path

import pytest
import yaml
from nbformat import v4, write

import lossbook as lb
from lossbook.explorer import usual_scene
from tools import book, catalogue, glossary, icons, install, notation, notebooks, pitfalls


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


def test_a_page_without_a_file_is_named_before_anything_runs(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "run_notebooks", lambda root: pytest.fail("a notebook ran"))
    with pytest.raises(book.BookError, match=r"^other in _toc.yml has neither other.ipynb nor other.md$"):
        book.make(tree)
    (tree / "other.md").write_text("# Other\n")
    book.check_pages(tree)


def test_all_pages_are_built_again_where_one_depends_on_what_changed(tree: Path) -> None:
    files = {
        "_config.yml": b"title: A",
        "_static/explorer.css": b"",
        "other.md": b"# Other\n\nProse\n",
        "index.ipynb": (tree / INDEX).read_bytes(),
    }

    def changed(name: str, text: str) -> bool:
        return book.look(tree, files | {name: text.encode()}) != book.look(tree, files)

    assert changed("_config.yml", "title: B")
    assert changed("_static/explorer.css", "p {}")
    assert changed("_static/new.css", "")
    for text in ("# Another\n\nProse\n", "(place)=\n# Other\n\nProse\n", "# Other\n\n## Part\n\nProse\n"):
        assert changed("other.md", text), text
    assert not changed("other.md", "# Other\n\nBetter prose\n")
    notebook = files["index.ipynb"].decode()
    assert changed("index.ipynb", notebook.replace("Prose", "# Title"))
    assert not changed("index.ipynb", notebook.replace("Prose", "Better prose").replace("print(1)", "# print"))
    before = book.look(tree, files)
    (tree / "lossbook" / "mse.py").write_text("x = 2\n")  # changes pages by what they show
    assert book.look(tree, files) == before


def test_outputs_are_stored_once(tree: Path, capsys: pytest.CaptureFixture) -> None:
    book.store_outputs(tree)
    stored = notebooks.read(tree / INDEX)
    assert stored.cells[1].outputs[0].text == "1\n"
    assert stored.cells[1].execution_count == 1
    assert "lossbook_key" not in stored.metadata
    book.store_outputs(tree)
    assert capsys.readouterr().out.count("stored") == 1


def test_an_unchanged_file_is_not_touched(tree: Path) -> None:
    files = {"a.md": b"one", "b.md": b"one"}
    book.stage(tree, files)
    os.utime(tree / book.BOOK / "a.md", (1, 1))
    files |= {"b.md": b"two"}
    book.stage(tree, files)
    assert (tree / book.BOOK / "a.md").stat().st_mtime == 1
    assert (tree / book.BOOK / "b.md").read_text() == "two"
    del files["b.md"]
    book.stage(tree, files)
    assert not (tree / book.BOOK / "b.md").exists()


def test_installing_tells_a_line_for_a_step() -> None:
    steps = install.Steps(packages=60)
    lines = [
        *(f"Collecting package{number}==1 (from -r requirements.txt (line {number}))\n" for number in range(60)),
        "  Using cached sympy-1.14.0-py3-none-any.whl.metadata (12 kB)\n",
        "Requirement already satisfied: pip in ./lib (24.0)\n",
        "Using cached sympy-1.14.0-py3-none-any.whl (6.3 MB)\n",
        "Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl (888.1 MB)\n",
        "Downloading nvidia_cudnn_cu12-9.1-py3-none-manylinux2014_x86_64.whl (1.2 GB)\n",
        "Installing collected packages: mpmath, sympy, torch\n",
        "Successfully installed mpmath-1.3.0 sympy-1.14.0 torch-2.13.0\n",
    ]
    assert [told for line in lines if (told := steps.told(line))] == [
        "found 25 of 60 packages",
        "found 50 of 60 packages",
        "downloading torch (888.1 MB)",
        "downloading nvidia_cudnn_cu12 (1.2 GB)",
        "unpacking 3 packages",
    ]


def test_repository_address_has_one_place() -> None:
    address = book.repository(book.ROOT)
    assert yaml.safe_load(book.config(book.ROOT))["repository"]["url"] == address
    assert address in book.set_up(book.ROOT)
    assert address not in (book.ROOT / "_config.yml").read_text()


def test_catalogue_has_every_loss() -> None:
    page = catalogue.page()
    anchors = re.findall(r"^\((catalogue-[\w-]+)\)=$", page, flags=re.M)
    assert anchors == [catalogue.anchor(loss) for loss in catalogue.in_order()]
    tight = page.replace(" ", "")
    for loss in lb.losses():
        assert loss.title in page
        assert loss.chinese in page
        assert all(term.replace(" ", "") in tight for term in loss.formula.terms)
        assert loss.gradient_latex in page
        assert f"def {loss.name}(" in page
        assert all(name in page for names in loss.aliases.values() for name in names)
        assert f'data-family="{loss.family}" data-words="{loss.name} ' in page
    explorers = sum(usual_scene(loss) is not None for loss in lb.losses())
    assert page.count('class="lb-explorer"') == page.count("<summary>Explorer</summary>") == explorers
    assert page.count("Examples\n") == 0, "code without its docstring"


def test_every_pitfall_and_every_mistake_of_the_notes_has_a_lab() -> None:
    anchors = {anchor for lab in pitfalls.labs() for anchor in lab.anchors}
    assert {f"pitfall-{number}" for number in range(1, 29)} <= anchors
    assert {f"pitfall-N{number}" for number in range(1, 17)} <= anchors
    page = pitfalls.page()
    for lab in pitfalls.labs():
        assert f"[{lab.heading}](#{lab.anchors[0]})" in page


def test_a_pitfall_without_an_entry_fails_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {lab.anchors[0]: {"group": "nan", "see": "it"} for lab in pitfalls.labs()}
    left_out = known.popitem()[0]
    monkeypatch.setattr(pitfalls, "entries", lambda: known)
    with pytest.raises(ValueError, match=f"differ: {left_out}"):
        pitfalls.page()
    monkeypatch.setattr(pitfalls, "entries", lambda: known | {left_out: {}, "pitfall-nobody": {}})
    with pytest.raises(ValueError, match="differ: pitfall-nobody"):
        pitfalls.page()


def test_chinese_page_leads_to_every_chapter_of_a_loss_and_to_every_mistake() -> None:
    page = book.source("chinese", book.ROOT)
    assert all(f"(#pitfall-N{number})" in page for number in range(1, 17))
    elsewhere = {"sequence", "robust", "alignment"} & {loss.family for loss in lb.losses()}  # not all are in the notes
    for family in {loss.family for loss in lb.losses()} - elsewhere:
        assert f"(chapters/{family}.ipynb)" in page


def test_glossary_has_every_term_and_every_loss_in_both_languages() -> None:
    page = glossary.page()
    for term, known in glossary.entries().items():
        assert re.search(rf"^{re.escape(term)}\n  <span", page, flags=re.MULTILINE)
        assert re.search(r"[\u4e00-\u9fff]|sigmoid|softmax", known["chinese"]), term
        assert known.get("chapter", "index") in {name.removeprefix("chapters/") for name in book.pages(book.ROOT)}
    for loss in lb.losses():
        assert loss.chinese in page


def test_notation_has_every_hyperparameter() -> None:
    page = notation.page()
    for loss in lb.losses():
        for one in loss.parameters:
            rows = [row for row in page.splitlines() if row.startswith(f"| `{one.name}` |") and f"`{loss.name}`" in row]
            assert len(rows) == 1 and one.meaning in rows[0]


# What finds a work, and the form of it: bare, not as an address.
FORMS = {"doi": r"10\.\d{4,9}/\S+", "eprint": r"\d{4}\.\d{4,5}", "url": r"https://\S+", "isbn": r"97[89]\d{10}"}


def bibliography() -> dict[str, dict[str, str]]:
    """The fields of every entry, by its key."""
    from pybtex.database import parse_file

    entries = parse_file(str(book.ROOT / "references.bib"), bib_format="bibtex").entries
    return {key: {name.lower(): value for name, value in entry.fields.items()} for key, entry in entries.items()}


def test_every_work_of_the_bibliography_can_be_found_and_is_there_once() -> None:
    seen: dict[str, str] = {}
    for key, fields in bibliography().items():
        found = {name: fields[name] for name in FORMS if name in fields}
        assert found or int(fields["year"]) < 1800, f"{key} has none of {', '.join(FORMS)}"
        assert fields.get("archiveprefix") == ("arXiv" if "eprint" in found else None), key
        for name, value in found.items():
            assert re.fullmatch(FORMS[name], value), f"{name} of {key}: {value}"
            assert seen.setdefault(value.lower(), key) == key, f"{key} and {seen[value.lower()]} are one work"


def test_every_work_of_the_bibliography_is_cited_and_nothing_else_is() -> None:
    cited = {key for loss in lb.losses() for key in loss.references}
    for name in book.pages(book.ROOT):
        for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", book.source(name, book.ROOT)):
            # A chapter's citations have its name before the key.
            cited |= {key.strip().rpartition("-")[2] for key in keys.split(",")}
    assert cited == set(bibliography())


def test_what_has_no_entry_fails_the_build(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A term that is not in the glossary, a citation that is not in the bibliography, a link to nowhere."""
    text = "# Page\n\n{term}`nothing`, {cite:t}`nobody1900`, [](#nowhere).\n\n```{glossary}\nrisk\n  A word.\n```\n"
    files = {"_config.yml": book.config(book.ROOT), "_toc.yml": "format: jb-book\nroot: index\n", "index.md": text}
    files["references.bib"] = (book.ROOT / "references.bib").read_text()
    for name, content in files.items():
        target = tmp_path / book.BOOK / name
        target.parent.mkdir(parents=True, exist_ok=True)
        # The extension of the book is found beside it.
        target.write_text(content.replace("../..", str(book.ROOT)))
    with pytest.raises(book.BookError):
        book.build(tmp_path)
    said = capfd.readouterr()
    for missing in ("nothing", "nobody1900", "nowhere"):
        assert missing in said.out + said.err


def test_catalogue_has_families_as_the_table_of_contents(monkeypatch: pytest.MonkeyPatch) -> None:
    def families() -> list[str]:
        return list(dict.fromkeys(loss.family for loss in catalogue.in_order()))

    monkeypatch.setattr(book, "pages", lambda root: ["index", "chapters/robust", "chapters/regression"])
    assert families()[:2] == ["robust", "regression"] and len(families()) == len({x.family for x in lb.losses()})
    monkeypatch.setattr(book, "pages", lambda root: ["index", "chapters/regression"])
    assert families()[0] == "regression"  # a family without a chapter comes after the others
    monkeypatch.setattr(book, "pages", lambda root: [f"chapters/{one}" for one in ("margin", "angular", "robust")])
    assert families()[:3] == ["margin", "angular", "robust"]


def test_fonts_hold_the_icons_in_use() -> None:
    from io import BytesIO

    from fontTools.ttLib import TTFont

    fonts = icons.fonts()
    assert sum(map(len, fonts.values())) < 12_000
    assert set(icons.ICONS.values()) <= set(TTFont(BytesIO(fonts["icons.woff"])).getBestCmap())
    assert set(icons.BRANDS.values()) <= set(TTFont(BytesIO(fonts["brands.woff"])).getBestCmap())
