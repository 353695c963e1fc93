"""The browser on this machine, for what needs one: tests, the audit, printing."""

import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
MISSING = "no Chromium or Chrome was found; install one or set CHROMIUM to its path"
# A container's root user has no sandbox of its own; the rest keeps the browser from the network.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def browser_path() -> str | None:
    """Chromium or Chrome: $CHROMIUM, or one on the path."""
    candidates = [os.environ.get("CHROMIUM"), *map(shutil.which, NAMES), MAC]
    return next((one for one in candidates if one and Path(one).exists()), None)
