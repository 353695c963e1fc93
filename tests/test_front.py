"""The front page: its tiles come from the table of contents, its curves from the formulas, its promise from a loss."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import lossbook as lb
from tools import book, front, notebooks

FRONT = notebooks.read(book.ROOT / "index.ipynb")
CHAPTERS = [name for part, names in front.parts(book.ROOT) if part != front.LOOK_UP for name in names]


def tagged(tag: str) -> str:
    (cell,) = (cell for cell in FRONT.cells if tag in cell.metadata.get("tags", []))
    return cell.source


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources that the map is made from, with one more chapter."""
    for name in ("chapters", "index.ipynb", "_toc.yml"):
        whole = book.ROOT / name
        (shutil.copytree if whole.is_dir() else shutil.copy)(whole, tmp_path / name)
    toc = yaml.safe_load((tmp_path / "_toc.yml").read_text())
    toc["parts"][1]["chapters"].append({"file": "chapters/newcomer"})
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump(toc))
    told = "---\ndescription: It is new & short.\n---\n\n# A newcomer: `x` < 1\n\nAbout 7 minutes, and 3 more.\n"
    (tmp_path / "chapters" / "newcomer.md").write_text(told)
    return tmp_path


def test_every_chapter_has_a_tile_with_a_curve_and_its_minutes() -> None:
    made = front.chart(tagged("front-map"), book.ROOT)
    tiles = re.findall(r'<li class="lb-tile">.*?</li>', made)
    assert [re.search(r'href="(.+?)\.html"', one)[1] for one in tiles] == CHAPTERS  # type: ignore[index]
    for one in tiles:
        assert one.count("<svg") == 1 and re.search(r">\d+ minutes<", one), one


def test_a_new_chapter_has_its_tile_by_itself(copy: Path) -> None:
    made = front.chart(tagged("front-map"), copy)
    assert made.count('class="lb-tile"') == len(CHAPTERS) + 1
    (new,) = re.findall(r'<li class="lb-tile">(?:(?!<li).)*newcomer.*?</li>', made)
    for words in ("A newcomer: x &lt; 1", "It is new &amp; short.", "7 minutes"):
        assert words in new


def test_in_a_notebook_the_map_is_a_list_of_all_chapters_by_their_titles() -> None:
    linked = re.findall(r"^- \[(.+)\]\((.+)\.ipynb\)$", tagged("front-map"), re.MULTILINE)
    assert linked == [((book.heading(name, book.ROOT) or "").replace("`", ""), name) for name in CHAPTERS]
    made = front.chart(tagged("front-map"), book.ROOT)
    assert "- [" not in made


def test_every_part_says_for_whom_it_is() -> None:
    made = front.chart(tagged("front-map"), book.ROOT)
    for name, _ in front.parts(book.ROOT):
        if name != front.LOOK_UP:
            assert re.search(rf"^### {name}\n\n[A-Z].+\.\n\n````{{raw}} html$", made, re.MULTILINE), name


@pytest.mark.parametrize("family", [name.removeprefix("chapters/") for name in CHAPTERS])
def test_a_picture_is_drawn_from_formulas(family: str) -> None:
    picture = front.drawing(family)
    assert picture
    for stroke in picture.strokes:
        x, y = front.points(stroke)
        assert np.isfinite(y).mean() > 0.9 and np.ptp(y[np.isfinite(y)]) > 0
    lines = re.findall(r'points="([^"]+)"', front.svg(picture))
    assert len(lines) == len(picture.strokes)
    for line in lines:
        heights = [float(pair.split(",")[1]) for pair in line.split()]
        inside = [one for one in heights if 0 <= one <= front.HEIGHT]
        assert len(inside) > 20 and max(inside) - min(inside) > 4, "a line that is not seen"


def test_a_curve_has_the_values_of_the_loss() -> None:
    x, y = front.points(front.Stroke("huber"))
    given = torch.from_numpy(x)
    torch.testing.assert_close(torch.from_numpy(y), lb.huber(given, 0 * given, reduction="none"))


def test_a_family_without_a_picture_of_its_own_shows_its_first_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "DRAWINGS", {})
    assert front.drawing("regression") == front.Drawing((front.Stroke("mse"),))
    assert front.drawing("no such family") is None


def test_the_promise_is_made_from_the_loss() -> None:
    for loss in (lb.huber, lb.log_cosh):
        made = front.promise("## One definition", loss)
        for words in ("Typed once", "LaTeX", "Gradient", "Curve", "Check", "PyTorch code", "verdicts hold"):
            assert words in made
        words_of_code = re.sub(r"<[^>]+>", "", made)
        assert f"def {loss.name}" in words_of_code and loss.formula.text[:12] in words_of_code
        assert made.count("<math") == 2 and made.count("<polyline") == 2


def test_on_the_site_the_tagged_cells_are_replaced_and_no_others() -> None:
    source = notebooks.read(book.ROOT / "index.ipynb")
    dressed = front.dress(notebooks.read(book.ROOT / "index.ipynb"), book.ROOT)
    changed = [
        old.metadata.tags for old, new in zip(source.cells, dressed.cells, strict=True) if old.source != new.source
    ]
    assert changed == [["front-promise"], ["front-map"]]


def test_links_in_a_notebook_have_words() -> None:
    assert not [cell.source for cell in FRONT.cells if "[](" in cell.source]
