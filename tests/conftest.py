"""What tests share: browsers, V8, a page of explorers, the built site."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from browsing import WIDE, Opened, Read, settle
from explorers import PAGE

from tools import book
from tools.browser import FLAGS, MISSING, browser_path
from tools.serve import serve

os.environ.setdefault("KERAS_BACKEND", "torch")  # read when Keras is imported; TensorFlow is not installed
FIREFOX_ON_MAC = "/Applications/Firefox.app/Contents/MacOS/firefox"


def without(message: str) -> NoReturn:
    """What a test needs is not on this machine: it is skipped; on CI it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    path = browser_path()
    if path is None:
        without(MISSING)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def firefox() -> Iterator[Any]:
    """A headless Firefox: $FIREFOX, or one on the path."""
    candidates = [os.environ.get("FIREFOX"), *map(shutil.which, ("firefox-esr", "firefox")), FIREFOX_ON_MAC]
    path = next((one for one in candidates if one and Path(one).exists()), None)
    if path is None:
        without("no Firefox was found; install one or set FIREFOX to its path")
    from firefox import Firefox

    opened = Firefox(path)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def js():
    """V8 with the page's script."""
    from py_mini_racer import MiniRacer

    from lossbook.explorer import script

    engine = MiniRacer()
    engine.eval(script())
    return engine


@pytest.fixture(scope="module")
def site(request, tmp_path_factory):
    """A folder with one page of the module's `islands()`, served: (its file address, its http address)."""
    from lossbook.explorer import script, style

    folder = tmp_path_factory.mktemp("site")
    islands = "".join(request.module.islands())
    for name, attributes in [("page", ""), ("dark", ' data-theme="dark"')]:
        text = PAGE.format(attributes=attributes, style=style(), script=script(), islands=islands)
        (folder / f"{name}.html").write_text(text, encoding="utf-8")

    with serve(folder) as address:
        yield folder.as_uri(), address


@pytest.fixture
def visit(browser, site):
    """Open a page; at the end, it must have had no error."""
    contexts, errors = [], []

    def open_page(address="/page.html", way=0, width=1000, start=True, **options):
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        # Chromium asks by itself; no other request may be made.
        page.on(
            "request",
            lambda request: (
                None if site[way] in request.url or "favicon" in request.url else errors.append(request.url)
            ),
        )
        page.goto(site[way] + address)
        if start:  # all of them: by itself an explorer starts when it comes near the window
            page.evaluate("window.LossBook && LossBook.startAll()")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [text for text in errors if "favicon" not in text and "404" not in text] == []


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder of the built site, made from the notebooks that ran; what did not run is run."""
    return book.make()


@pytest.fixture(scope="session")
def served(built: Path) -> Iterator[str]:
    """The address at which the built site is served on this machine."""
    with serve(built) as address:
        yield address


@pytest.fixture(scope="class")
def opened(browser: Any) -> Iterator[dict[tuple, Opened]]:
    """What the tests of one class share, since a page takes its time to load: by name, way and more."""
    pages: dict[tuple, Opened] = {}
    yield pages
    for one in pages.values():
        one.page.context.close()


@pytest.fixture
def read(browser: Any, served: str, built: Path, opened: dict[tuple, Opened]) -> Iterator[Read]:
    """Open a page of the built site, or take it as the last test left it; at the end of the test, fail if it asked for
    anything outside or had an error."""
    used: list[Opened] = []

    def open_page(name: str, *, way: str = "http", theme: str = "", viewport: dict = WIDE, **options: Any) -> Any:
        key = (name, way, theme, *sorted(options.items()))
        one = opened.get(key)
        if one is None:
            root = served if way == "http" else built.as_uri()
            one = opened[key] = Opened(browser.new_context(viewport=viewport, **options).new_page(), root)
            one.prepare(theme)
            one.page.goto(f"{root}/{name}.html")
        used.append(one)
        one.page.set_viewport_size(viewport)
        if options.get("java_script_enabled", True):
            settle(one.page)
        return one.page

    yield open_page
    assert [fault for one in used for fault in one.faults] == []
