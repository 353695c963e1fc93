"""One formula gives every form: LaTeX, derivative, functions, JavaScript."""

import pytest
import torch

from lossbook.formula import Formula

HUBER = Formula(
    "Piecewise((r**2/2, Abs(r) <= delta), (delta*(Abs(r) - delta/2), True))", ("r",), ("delta",), ("delta",)
)


def test_latex_puts_the_variable_first_in_a_condition() -> None:
    assert r"\left|{r}\right| \leq \delta" in HUBER.latex
    assert r"\delta \operatorname{sign}" in HUBER.gradient_latex


def test_prediction_is_written_with_a_hat() -> None:
    assert Formula("(y_hat - y)**2", ("y_hat", "y")).latex.count(r"\hat{y}") == 1


def test_gradient_of_two_variables_is_a_column() -> None:
    formula = Formula("a*b**2", ("a", "b"))
    assert formula.gradient_latex == r"\begin{pmatrix}b^{2}\\2 a b\end{pmatrix}"
    assert formula.gradient_javascript == ("Math.pow(b, 2)", "2*a*b")


def test_derivative_takes_the_stable_short_form() -> None:
    assert str(Formula("log(cosh(r))", ("r",)).derivatives[0]) == "tanh(r)"  # not sinh/cosh, which overflows


@pytest.mark.parametrize("library", ["torch", "numpy", "mpmath"])
def test_every_library_computes_the_same(library: str) -> None:
    for r, value, slope in [(0.5, 0.125, 0.5), (-3.0, 2.5, -1.0)]:
        x = torch.tensor(r, dtype=torch.float64) if library == "torch" else r
        delta = torch.tensor(1.0) if library == "torch" else 1.0
        assert float(HUBER.function(library)(x, delta)) == value
        assert float(HUBER.function(library, derivative=0)(x, delta)) == slope


def test_unknown_names_and_libraries_are_refused() -> None:
    with pytest.raises(ValueError, match="epsilon in"):
        _ = Formula("r + epsilon", ("r",)).expression
    with pytest.raises(ValueError, match="library: got 'jax'"):
        HUBER.function("jax")
