"""The buttons that open a page's notebook elsewhere: each notebook has them, and they lead to its file."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from tools import book

BRANCH = yaml.safe_load((book.ROOT / "_config.yml").read_text())["repository"]["branch"]
NOTEBOOKS = [name for name in book.pages(book.ROOT) if (book.ROOT / f"{name}.ipynb").exists()]


def links(site: Path, name: str) -> list[str]:
    """The links of a page into Binder and Colab."""
    text = (site / f"{name}.html").read_text(encoding="utf-8")
    return sorted(re.findall(r'href="(https://(?:mybinder\.org|colab\.research)[^"]*)"', text))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_opens_in_colab_and_in_binder(built: Path, name: str) -> None:
    repository = urlsplit(book.repository(book.ROOT)).path
    assert links(built, name) == [
        f"https://colab.research.google.com/github{repository}/blob/{BRANCH}/{name}.ipynb",
        f"https://mybinder.org/v2/gh{repository}/{BRANCH}?urlpath=lab/tree/{name}.ipynb",
    ]


def test_a_page_without_a_notebook_opens_nowhere(built: Path) -> None:
    others = set(book.pages(book.ROOT)) - set(NOTEBOOKS)
    assert others
    assert [name for name in others if links(built, name)] == []
