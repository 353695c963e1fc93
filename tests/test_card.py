"""The card of a loss says everything that its record declares."""

import pytest

import lossbook as lb
from lossbook.card import card


def tight(latex: str) -> str:
    return latex.replace(" ", "")


@pytest.mark.parametrize("loss", lb.losses(), ids=lambda loss: loss.name)
def test_the_card_has_formula_gradient_arguments_and_advice(loss: lb.Loss) -> None:
    text = card(loss)
    assert all(tight(term) in tight(text) for term in loss.formula.terms)
    assert loss.gradient_latex in text and loss.chinese in text
    for name in (*loss.defaults, *(option.name for option in loss.options)):
        assert f"`{name}`" in text
    assert loss.takes.where in text and "None" not in text.replace("`None`", "")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.replace(r"\|", "").count("|") == 3 for line in rows), "a bare | ends a cell"


def test_claims_are_said_in_words() -> None:
    assert "| classification-calibrated | no |" in card(lb.perceptron)
    assert "| zero from the margin | never |" in card(lb.logistic)
    assert "| loss jumps at | $0$ |" in card(lb.zero_one) and "loss jumps" not in card(lb.hinge)
    assert "| steepest slope | bounded |" in card(lb.focal)
    assert r"with $p = \operatorname{softmax}(z)$" in card(lb.cross_entropy)
    assert r"\frac{\partial \ell}{\partial m} = " in card(lb.hinge)
    assert r"\nabla_{z_{1}, z_{2}, z_{3}}\, \ell = " in card(lb.cross_entropy)


@pytest.mark.parametrize("loss", lb.losses(), ids=lambda loss: loss.name)
def test_a_wide_formula_is_the_same_on_several_lines(loss: lb.Loss) -> None:
    first, *others = loss.formula.terms
    joined = "".join([first, *(x if x.startswith("-") else f"+{x}" for x in others)])
    assert tight(joined) == tight(loss.latex)


def test_a_gradient_that_nobody_can_read_is_folded() -> None:
    assert "<details>" in card(lb.ciou) and lb.ciou.gradient_latex in card(lb.ciou)
    assert "<details>" not in card(lb.huber) and r"\begin{aligned}" in card(lb.damsm_sentence)
