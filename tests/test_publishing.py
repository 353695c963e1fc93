"""What GitHub reads: workflows, forms, the citation. Each is valid, and names what exists."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools import book, footer, install

ROOT = book.ROOT
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
SCHEMAS = {
    "github-workflows": WORKFLOWS,
    "github-issue-forms": FORMS,
    "github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
    "dependabot": [GITHUB / "dependabot.yml"],
    "citation-file-format": [ROOT / "CITATION.cff"],
}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in load(path)["jobs"].values():
        yield from job["steps"]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_fit_their_schema(schema: str) -> None:
    assert SCHEMAS[schema]
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    command += ["--default-filetype", "yaml", *map(str, SCHEMAS[schema])]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_do_little_and_not_for_long(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"} and workflow["concurrency"]
    assert all(job["timeout-minutes"] <= 60 for job in workflow["jobs"].values())
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"]) for step in steps(path) if "uses" in step)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_what_exists(path: Path) -> None:
    commands = "\n".join(step["run"] for step in steps(path) if "run" in step)
    ours = re.findall(r"make ([a-z]+)", commands) + re.findall(r"\.ci/run|python -m [\w.]+", commands)
    assert ours
    for one in ours:
        name = one.removeprefix("python -m ").replace(".", "/")
        assert one in TARGETS or (ROOT / one).exists() or (ROOT / f"{name}.py").exists(), one


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_a_page_names_commands_and_files_that_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE))
    assert named and named <= TARGETS
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (ROOT / link).exists(), link


def test_what_the_footer_offers_is_published() -> None:
    copied = next(step["run"] for step in steps(GITHUB / "workflows" / "deploy.yml") if "cp " in step.get("run", ""))
    for name in footer.DOWNLOADS:
        assert f'href="{name}"' in load(ROOT / "_config.yml")["html"]["extra_footer"]
        assert f"_build/{name}" in copied


def test_the_addresses_agree() -> None:
    citation = load(ROOT / "CITATION.cff")
    assert citation["repository-code"] == PROJECT["urls"]["Repository"]
    assert citation["url"] == PROJECT["urls"]["Homepage"]
    assert f"{citation['repository-code']}/issues/new/choose" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for end in ("", *footer.DOWNLOADS):
        assert f"({citation['url']}{end})" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_citation_agrees_with_the_package() -> None:
    citation = load(ROOT / "CITATION.cff")
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert [one["name"] for one in citation["authors"]] == [one["name"] for one in PROJECT["authors"]]


def test_both_licenses_are_whole_and_named() -> None:
    assert (ROOT / "LICENSE").read_text().startswith("BSD 3-Clause License")
    text = (ROOT / "LICENSE-text").read_text()
    assert text.startswith("Attribution 4.0 International\n") and "Section 8 -- Interpretation." in text
    for place in ("README.md", "CONTRIBUTING.md", "_config.yml"):
        said = (ROOT / place).read_text(encoding="utf-8")
        assert "BSD 3-Clause" in said and "CC BY 4.0" in said


def test_the_newest_releases_are_of_what_we_chose() -> None:
    text = (ROOT / "requirements.txt").read_text()
    newest = install.newest(text)
    assert "jupyter-book<2\n" in newest
    # Another ruff or mypy judges the code otherwise, and no test would run.
    assert {line.partition("==")[0] for line in newest.splitlines() if "==" in line} == {"mypy", "ruff"}
    for name in ("torch", "sphinx", "playwright"):
        assert f"\n{name}\n" in newest
    assert "\njinja2" not in newest  # Sphinx brings it


def test_differences_from_the_pins_are_told() -> None:
    import yaml as installed

    text = f"pyyaml=={installed.__version__}\npytest==0.1\nno-such-package==1.0\n"
    assert install.differences(text) == [
        f"- pytest {pytest.__version__} (the pin is 0.1)",
        "- no-such-package not installed (the pin is 1.0)",
    ]
