"""The one sheet of the site does what the theme's sheets did."""

import re
from pathlib import Path
from typing import Any

import pytest
from browsing import NARROW, WIDE, settle

from tools import icons, styles

# Every property of every eleventh element, and of what stands before and after it; what is open on demand is open.
LOOK = """() => {
    document.querySelector("#pst-search-dialog")?.showModal();
    document.querySelectorAll(".dropdown-menu").forEach((one) => one.classList.add("show"));
    document.querySelectorAll("details").forEach((one) => { one.open = true; });
    document.querySelector(".skip-link a")?.focus();
    for (const one of document.getAnimations()) one.finish();
    const told = [];
    [...document.querySelectorAll("body *:not(svg *, math *)")].forEach((one, k) => {
        if (k % 11) return;
        for (const part of [null, "::before", "::after"]) {
            const style = getComputedStyle(one, part);
            if (part && style.content === "none") continue;
            const values = [...style].filter((name) => !name.startsWith("--")).map((name) => [name, style[name]]);
            told.push([`${k} ${one.tagName}.${one.className}${part ?? ""}`, Object.fromEntries(values)]);
        }
    });
    return told;
}"""


@pytest.fixture(scope="module")
def untrimmed(built: Path) -> str:
    """The sheets that were joined, whole."""
    joined = re.match(r"/\* (.+) \*/", (built / styles.JOINED).read_text(encoding="utf-8"))
    assert joined
    return styles.whole(built, joined[1].split())


def looks(page: Any) -> dict[str, dict[str, str]]:
    """How the elements of a page look."""
    settle(page)
    return dict(page.evaluate(LOOK))


@pytest.mark.parametrize(("viewport", "theme"), [(WIDE, "light"), (NARROW, "dark")], ids=["wide-light", "narrow-dark"])
@pytest.mark.parametrize("name", ["index", "chapters/regression", "notation", "search"])
def test_no_element_looks_otherwise_than_with_the_whole_sheets(
    browser: Any, served: str, untrimmed: str, name: str, viewport: dict, theme: str
) -> None:
    found = []
    for whole in (False, True):
        page = browser.new_context(viewport=viewport, color_scheme=theme, reduced_motion="reduce").new_page()
        if whole:
            page.route("**/site.css*", lambda route: route.fulfill(body=untrimmed, content_type="text/css"))
        page.goto(f"{served}/{name}.html", wait_until="networkidle")
        found.append(looks(page))
        page.context.close()
    cut, full = found
    assert list(cut) == list(full)
    other = {
        f"{element} {prop}: {value} instead of {full[element].get(prop)}"
        for element, style in cut.items()
        for prop, value in style.items()
        # Of no picture, where it stands may be said in two ways.
        if value.replace("0px 0px", "0% 0%") != full[element][prop].replace("0px 0px", "0% 0%")
    }
    assert sorted(other)[:20] == []
    assert len(cut) > 10


def test_the_sheet_is_small(built: Path, untrimmed: str) -> None:
    assert len((built / styles.JOINED).read_bytes()) < 0.5 * len(untrimmed.encode())


def test_every_icon_is_in_the_fonts_and_the_theme_s_whole_fonts_are_not_named(built: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in styles.pages(built)]
    shown = {
        name for text in texts for names in re.findall(r'<i\s[^>]*class="([^"]*)"', text) for name in names.split()
    }
    shown = {name.removeprefix("fa-") for name in shown if name.startswith("fa-")} - {"solid", "brands", "lg"}
    assert {"github", "magnifying-glass"} <= shown
    assert shown - {*icons.ICONS, *icons.BRANDS} == set()
    assert "vendor/" not in (built / styles.JOINED).read_text(encoding="utf-8")
