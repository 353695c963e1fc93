"""What `make audit` counts and refuses, and what the site's style sheet and scripts are cut to."""

import gzip
import json
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tools import audit, scripts, serve, styles, weight

NODE = {"node": {"snippet": "<a class='faint'>"}}
# Few repeated bytes, so that sizes are not all the same when they are compressed.
NOISE = "".join(chr(33 + (k * k * 7919 + k * 31) % 90) for k in range(4000))


def report(machine: float = 2000, **scores: float) -> dict[str, Any]:
    """What Lighthouse writes, in short."""
    every = dict.fromkeys(audit.LEAST, 1.0) | {name.replace("_", "-"): score for name, score in scores.items()}
    audits: dict[str, Any] = {name: {"numericValue": 1.0} for name in audit.METRICS}
    categories = {}
    for name, score in every.items():
        audits[f"of-{name}"] = {"id": f"of-{name}", "title": "x", "score": score, "details": {"items": [NODE]}}
        categories[name] = {"score": score, "auditRefs": [{"id": f"of-{name}", "weight": 1}]}
    return {"categories": categories, "audits": audits, "environment": {"benchmarkIndex": machine}}


def test_the_median_of_three_runs_counts() -> None:
    runs = [report(performance=0.5), report(performance=0.95), report(performance=0.99)]
    one = audit.Measured("index", runs)
    assert one.scores == {"performance": 95, "accessibility": 100, "best-practices": 100, "seo": 100}
    text, good = audit.of_lighthouse([one])
    assert good
    assert "busy" not in text


@pytest.mark.parametrize("category", audit.LEAST)
def test_each_category_can_fail_and_says_why(category: str) -> None:
    one = audit.Measured("index", [report(**{category.replace("-", "_"): (audit.LEAST[category] - 1) / 100 - 0.1})] * 3)
    text, good = audit.of_lighthouse([audit.Measured("fine", [report()] * 3), one])
    assert not good
    assert one.missed == [category]
    assert f"index: {category}: of-{category}" in text
    assert "<a class='faint'>" in text


def test_a_busy_machine_is_noticed() -> None:
    text, good = audit.of_lighthouse([audit.Measured("index", [report(), report(machine=300), report()])])
    assert good
    assert "busy or is slow (benchmark 300" in text


def test_a_heavy_page_fails_and_figures_are_apart() -> None:
    light = weight.Weight({"a.html": 499_000}, figures=900_000)
    assert audit.of_weights({"a": light})[1]
    text, good = audit.of_weights({"a": light, "b": weight.Weight({"b.html": 400_000, "x.js": 101_000}, 0)})
    assert not good
    assert "too heavy: b" in text
    assert "x.js 101" in text


def test_the_heaviest_chapters_are_found_by_their_weight() -> None:
    found = {
        "index": weight.Weight({"x": 9_000_000}, 0),
        "chapters/a": weight.Weight({"x": 2_000}, 0),
        "chapters/b": weight.Weight({"x": 1_000}, 9_000),
        "chapters/c": weight.Weight({"x": 3_000}, 0),
    }
    assert audit.heaviest(found, 2) == ["chapters/b", "chapters/c"]


def test_a_page_weighs_what_is_sent(tmp_path: Path) -> None:
    figure = f'<figure class="lb-figure"><svg>{NOISE}</svg></figure>'
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "a.html").write_text(f"<p>{NOISE[:1000]}</p>{figure}<p>end</p>")
    (tmp_path / "a b.js").write_text(NOISE)
    (tmp_path / "font.woff").write_bytes(b"x" * 700)
    (tmp_path / "picture.png").write_bytes(b"x" * 800)
    names = ["chapters/a.html", "a%20b.js?v=1", "font.woff", "picture.png", "a%20b.js?v=1"]
    found = weight.weigh(tmp_path, [f"http://localhost:1/{name}" for name in names])
    bare = len(gzip.compress(f"<p>{NOISE[:1000]}</p><p>end</p>".encode(), 6))
    script = len(gzip.compress(NOISE.encode(), 6))
    assert found.parts == {"chapters/a.html": bare, "a b.js": script, "font.woff": 700}
    whole = len(gzip.compress((tmp_path / "chapters" / "a.html").read_bytes(), 6))
    assert found.figures == whole - bare + 800
    assert found.figures > 800


def test_the_server_sends_text_compressed(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(NOISE)
    (tmp_path / "a.png").write_bytes(NOISE.encode())
    with serve.serve(tmp_path) as address:
        for name, encoding in (("a.html", "gzip"), ("a.png", None)):
            with urllib.request.urlopen(f"{address}/{name}") as got:
                assert got.headers["Content-Encoding"] == encoding
                assert got.headers["Cache-Control"] == "max-age=600"
                sent = got.read()
            assert (gzip.decompress(sent) if encoding else sent) == NOISE.encode()


def test_the_lock_file_is_of_the_same_lighthouse_and_names_no_host() -> None:
    folder = Path(audit.__file__).parent / "lighthouse"
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    locked = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert wanted == {"lighthouse": locked["node_modules/lighthouse"]["version"]}
    assert [name for name, one in locked.items() if "resolved" in one] == []
    assert [name for name, one in locked.items() if name and "integrity" not in one] == []


SHEETS = {
    "styles/theme.css": '@import "../basic.css";',
    "basic.css": "p.used{color:red}p.unused{color:red}#gone{top:1px}",
    "styles/more.css": """
        .page a, .unused b { background: url(../pictures/x.png) }
        .bs-tip-auto { top: 2px } .lb-mine { top: 3px } :not(.unused) > i { top: 4px }
        .show { top: 5px } .gone { animation: turn 1s } @keyframes turn { to { top: 6px } }
        @media (width > 9px) { .used { top: 7px } .unused { top: 8px } }
    """,
}
PAGE = """<head>{links}<script src="{up}_static/a.js?v=1"></script></head><body class="page used"></body>"""


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A small site before its sheets are joined."""
    for name, text in SHEETS.items():
        path = tmp_path / "_static" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "_static" / "a.js").write_text('one.classList.add("show", "bs-tip-" + place)')
    (tmp_path / "chapters").mkdir()
    for name, up in (("index", ""), ("chapters/a", "../")):
        sheets = ("styles/theme.css?v=2", "styles/more.css")
        links = "".join(f'<link rel="stylesheet" href="{up}_static/{sheet}" />\n' for sheet in sheets)
        (tmp_path / f"{name}.html").write_text(PAGE.format(links=links, up=up))
    return tmp_path


def test_one_sheet_with_what_the_pages_can_use(made: Path) -> None:
    styles.join(made)
    css = (made / styles.JOINED).read_text()
    # .unused b stays: its rule is used by another selector
    for kept in ("p.used", ".page a", ".bs-tip-auto", ".lb-mine", ":not(.unused)", ".show", "@keyframes turn", "7px"):
        assert kept in css, kept
    for lost in ("p.unused", "#gone", ".gone{", "8px", "@import"):
        assert lost not in css, lost
    assert "url(pictures/x.png)" in css
    for name, up in (("index", ""), ("chapters/a", "../")):
        text = (made / f"{name}.html").read_text()
        assert text.count('rel="stylesheet"') == 1
        assert f'href="{up}_static/site.css?v=' in text


def test_joining_again_after_one_page_changed_gives_all_pages_the_new_sheet(made: Path) -> None:
    old = (made / "index.html").read_text()
    styles.join(made)
    first = (made / "chapters" / "a.html").read_text()
    (made / "index.html").write_text(old.replace("page used", "page used unused"))
    styles.join(made)
    assert "p.unused" in (made / styles.JOINED).read_text()
    second = (made / "chapters" / "a.html").read_text()
    assert second != first
    version = second.partition("site.css?v=")[2][:8]
    assert f"_static/site.css?v={version}" in (made / "index.html").read_text()


def test_pages_that_differ_in_their_sheets_are_refused(made: Path) -> None:
    path = made / "index.html"
    path.write_text(path.read_text().replace("<script", '<link rel="stylesheet" href="_static/x.css" /><script'))
    with pytest.raises(ValueError, match="differ in their style sheets"):
        styles.join(made)


class Script:
    """Such as Sphinx has."""

    def __init__(self, filename: str | None, *, priority: int = 500, **attributes: str) -> None:
        self.filename, self.priority, self.attributes = filename, priority, attributes


def left(page: str, body: str) -> list[tuple[str | None, bool]]:
    """The scripts of a page with this body: name, and whether it waits."""
    names = ["_static/doctools.js", "_static/copybutton.js", "_static/togglebutton.js", "_static/design-tabs.js?v=1"]
    files = [*map(Script, names), Script(None, body="DOCUMENTATION_OPTIONS.x = 1"), Script(None, body="let a = 1")]
    context: dict[str, Any] = {"body": body, "script_files": files}
    scripts.late(SimpleNamespace(), page, "", context, None)  # type: ignore[arg-type]
    return [(one.filename, one.attributes.get("defer") == "defer") for one in context["script_files"]]


def test_a_page_has_the_scripts_that_it_uses_and_none_holds_it_up() -> None:
    assert left("a", "<p>") == [("_static/doctools.js", True), (None, False)]
    body = '<div class="highlight-python notranslate"><div class="highlight"><div class="toggle admonition">'
    names = [name for name, _ in left("a", body)]
    assert names == ["_static/doctools.js", "_static/copybutton.js", "_static/togglebutton.js", None]
    assert ("_static/design-tabs.js?v=1", True) in left("a", '<div class="sd-tab-set">')
    assert left("search", "<p>")[-2:] == [(None, False), (None, False)]
    assert not any(waits for _, waits in left("search", "<p>"))


def test_the_theme_s_script_no_longer_looks_at_the_whole_page(tmp_path: Path) -> None:
    path = tmp_path / scripts.THEME
    path.parent.mkdir(parents=True)
    app: Any = SimpleNamespace(outdir=tmp_path)
    path.write_text('a(),"complete"===document.readyState?Q():window.addEventListener("load",Q)})();')
    for _ in range(2):  # a second build finds it done
        scripts.lighter(app, None)
        assert path.read_text() == 'a(),"see lossbook.js"})();'
    path.write_text("another version")
    with pytest.raises(ValueError, match="is not the script"):
        scripts.lighter(app, None)
