"""Where else a chapter runs: what Binder installs, and what Colab needs to show an explorer."""

import os
import re
import sys
import tomllib
from types import ModuleType, SimpleNamespace

import anywidget._util
import pytest
import yaml

import lossbook as lb
from tools.book import ROOT

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def environment() -> list:
    return yaml.safe_load((ROOT / "binder" / "environment.yml").read_text())["dependencies"]


def test_binder_has_the_pins_of_the_package_and_nothing_else() -> None:
    requirements = (ROOT / "requirements.txt").read_text()
    package = requirements.partition("# the package\n")[2].partition("\n\n")[0].splitlines()
    *conda, of_pip = environment()
    assert of_pip == {"pip": [line for line in package if not line.startswith("torch==")]}
    (torch,) = (line for line in conda if "torch" in line)
    # A CPU build, of the versions that the package asks for.
    bounds = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert torch.replace("pytorch-cpu", "torch") in bounds


def test_binder_can_keep_its_environment_from_commit_to_commit() -> None:
    # A file of the repository in the list would have everything installed again after each commit.
    assert not [line for line in environment()[-1]["pip"] if re.search(r"^[-.]|/", line)]
    assert sorted(path.name for path in (ROOT / "binder").iterdir()) == ["environment.yml", "postBuild"]
    assert os.access(ROOT / "binder" / "postBuild", os.X_OK)


@pytest.fixture
def colab(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A stand-in for Colab; the list tells what was enabled."""
    enabled: list[str] = []
    output = ModuleType("google.colab.output")
    vars(output)["enable_custom_widget_manager"] = lambda: enabled.append("widgets")
    vars(output)["_widgets"] = SimpleNamespace(_installed_url="manager.js")
    monkeypatch.setitem(sys.modules, "google.colab.output", output)
    anywidget._util.enable_custom_widget_manager_once.cache_clear()
    return enabled


def test_an_explorer_in_colab_is_live_without_the_reader_doing_anything(colab: list[str]) -> None:
    bundle, metadata = lb.explore(lb.huber)._repr_mimebundle_()
    assert colab == ["widgets"]
    assert metadata[WIDGET_VIEW]["colab"]["custom_widget_manager"]["url"] == "manager.js"
    assert WIDGET_VIEW in bundle and "text/html" not in bundle


def test_an_explorer_elsewhere_has_a_still_picture_beside_the_widget() -> None:
    bundle, _ = lb.explore(lb.huber)._repr_mimebundle_()
    assert WIDGET_VIEW in bundle and "<svg" in bundle["text/html"]
