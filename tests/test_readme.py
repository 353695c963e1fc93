"""The recipes of README and CONTRIBUTING work as they are printed."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lossbook as lb
from lossbook.loss import Loss, _registry

ROOT = Path(__file__).parent.parent


def code_of(heading: str, page: str = "CONTRIBUTING.md") -> str:
    section = (ROOT / page).read_text(encoding="utf-8").partition(f"{heading}\n")[2]
    found = re.search(r"```python\n(.*?)```", section, re.S)
    assert found, f"no code under {heading!r}"
    return found[1]


RECIPES = {
    "logistic_residual": ("## Add a loss", "regression"),
    "brier": ("### Losses of labels and of several numbers", "imbalance"),
}


@pytest.fixture(params=RECIPES)
def added(request: pytest.FixtureRequest) -> Iterator[Loss]:
    """The loss of a recipe, declared in its module's own names, and forgotten afterwards."""
    heading, family = RECIPES[request.param]
    names = dict(vars(sys.modules[f"lossbook.{family}"]))
    exec(code_of(heading), names)
    yield names[request.param]
    del _registry.losses[request.param], _registry.keys[request.param.replace("_", "")]


def test_the_added_loss_passes_every_check_and_is_found(added: Loss) -> None:
    assert lb.check(added).failures == ()
    assert lb.get(added.name) is added and added in lb.losses(added.family)


def test_the_library_example_runs() -> None:
    exec(code_of("## Use it as a library", "README.md"), {})
