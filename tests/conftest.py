"""What tests share: a browser."""

import os
import shutil
from collections.abc import Iterator

import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")  # read when Keras is imported; TensorFlow is not installed

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"


def browser_path() -> str | None:
    """The browser on this machine: $CHROMIUM, or one on the path."""
    candidates = [os.environ.get("CHROMIUM"), *map(shutil.which, BROWSERS), MAC]
    return next((path for path in candidates if path and os.path.exists(path)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """A headless Chromium. Where there is none the test is skipped; on CI it fails."""
    path = browser_path()
    if path is None:
        message = "no Chromium or Chrome was found; install one or set CHROMIUM to its path"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # A container's root user has no sandbox of its own.
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()
