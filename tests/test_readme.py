"""The README's recipe works as it is printed."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import lossbook as lb
from lossbook import regression
from lossbook.loss import Loss, _registry

README = Path(__file__).parent.parent / "README.md"


def code_of(heading: str) -> str:
    section = README.read_text(encoding="utf-8").partition(f"## {heading}\n")[2]
    found = re.search(r"```python\n(.*?)```", section, re.S)
    assert found, f"no code under {heading!r}"
    return found[1]


@pytest.fixture
def added() -> Iterator[Loss]:
    """The loss of the recipe, declared in the regression module's own names, and forgotten afterwards."""
    names = dict(vars(regression))
    exec(code_of("Add a loss"), names)
    yield names["logistic_residual"]
    del _registry.losses["logistic_residual"], _registry.keys["logisticresidual"]


def test_the_added_loss_passes_every_check_and_is_found(added: Loss) -> None:
    assert lb.check(added).failures == ()
    assert lb.get("logistic_residual") is added and added in lb.losses("regression")


def test_the_library_example_runs() -> None:
    exec(code_of("Use it as a library"), {})
