"""One formula gives every form: LaTeX, derivative, functions, JavaScript."""

import mpmath
import numpy as np
import pytest
import sympy
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


def test_claims_know_no_signs() -> None:
    positive = Formula("gamma*r", ("r",), ("gamma",), ("gamma",))
    assert positive.parse("gamma <= 0") == False  # noqa: E712
    assert str(positive.claims.parse("gamma <= 0")) == "gamma <= 0"


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("softplus(-a)", r"\log\left(1 + e^{- a}\right)"),
        ("sigmoid(a)**2", r"\sigma\left(a\right)^{2}"),
        ("-logsoftmax(z1, z2, z3)", r"- \log\left(p_{1}\right)"),
        ("others(z1, z2, z3)**2", r"\left(1 - p_{1}\right)^{2}"),
        (
            "-xlogy(b, a) - xlogy(1 - b, 1 - a)",
            r"- b \log{\left(a \right)} - \left(1 - b\right) \log{\left(1 - a \right)}",
        ),
        ("(b - a)/(a*(a - 1))", r"\frac{a - b}{a \left(1 - a\right)}"),
        ("psi(3, a)", r"\psi_{3}\left(a\right)"),
    ],
)
def test_formulas_are_printed_as_people_write_them(text: str, latex: str) -> None:
    assert Formula(text, ("a", "b", "z1", "z2", "z3")).latex == latex


def test_the_gradient_of_cross_entropy_is_written_in_probabilities() -> None:
    formula = Formula("-logsoftmax(z1, z2, z3)", ("z1", "z2", "z3"))
    assert formula.gradient_latex == r"\begin{pmatrix}p_{1} - 1\\p_{2}\\p_{3}\end{pmatrix}"


def test_nested_maxima_become_flat_cases() -> None:
    formula = Formula("Max(0, 1 + Max(0, b, c) - a)", ("a", "b", "c"))
    for derivative in formula.derivatives:
        assert not any(branch.has(sympy.Piecewise) for branch, _ in derivative.args)
    a, b, c = torch.tensor([[0.0, 3.0], [1.0, 0.5], [0.5, 2.5]], dtype=torch.float64)
    found = [formula.function("torch", derivative=i)(a, b, c).tolist() for i in range(3)]
    assert found == [[-1, -1], [1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("softplus(a)", [-1e4, -40.0, 0.0, 1e4]),
        ("sigmoid(a)", [-700.0, 0.0, 1e4]),
        ("logsumexp(a, 0, 1)", [-1e4, 0.0, 1e4]),
        ("softmax(a, 0, 1)", [-700.0, 0.0, 1e4]),
        ("others(a, 0, 1)", [-1e4, 0.0, 700.0]),
        ("logsoftmax(a, 0, 1)", [-1e4, 0.0, 5.0]),
        ("xlogy(a, a)", [0.0, 1e-300, 0.5]),
        ("psi(2, a)", [-1.0, -0.3, 0.0, 0.8, 1.0]),
        ("psi_slope(4, a)", [-1.0, -0.3, 0.1, 0.8, 1.0]),
    ],
)
def test_stable_functions_agree_with_many_digits_where_plain_ones_overflow(text: str, at: list[float]) -> None:
    formula = Formula(text, ("a",))
    with mpmath.workdps(60):
        exact = [float(formula.function("mpmath")(mpmath.mpf(x))) for x in at]
    points = torch.tensor(at, dtype=torch.float64)
    # Numbers of the formula are tensors too in a real one; here they are Python's.
    numpy = np.broadcast_to(formula.function("numpy")(points.numpy()), points.shape)
    assert numpy == pytest.approx(exact, rel=1e-13, abs=1e-300)
    if not text.startswith(("logsumexp", "softmax", "others", "logsoftmax")):
        assert formula.function("torch")(points).tolist() == pytest.approx(exact, rel=1e-13, abs=1e-300)


@pytest.mark.parametrize("text", ["softplus(a)", "sigmoid(a)", "logsumexp(a, b)", "softmax(a, b)", "others(a, b)",
                                  "logsoftmax(a, b)", "xlogy(a**2, b**2)", "psi(3, sin(a))"])  # fmt: skip
def test_derivatives_of_stable_functions_are_right(text: str) -> None:
    formula = Formula(text, ("a", "b"))
    for i in range(2):
        with mpmath.workdps(40):
            value = formula.function("mpmath")
            slope = mpmath.diff(value, (mpmath.mpf("0.3"), mpmath.mpf("0.7")), tuple(int(i == j) for j in range(2)))
            found = formula.function("mpmath", derivative=i)(mpmath.mpf("0.3"), mpmath.mpf("0.7"))
            assert abs(found - slope) < 1e-15


def test_a_held_part_is_not_differentiated() -> None:
    formula = Formula("held(a**2)*a", ("a",))
    assert str(formula.derivatives[0]) == "held(a**2)" and formula.holds and not HUBER.holds
    assert formula.function("numpy")(3.0) == 27.0 and formula.function("numpy", derivative=0)(3.0) == 9.0
    assert r"\operatorname{sg}" in formula.latex


def test_a_softmax_of_scaled_logits_is_a_probability_too() -> None:
    formula = Formula("-logsoftmax(s1/tau, s2/tau)", ("s1", "s2"), ("tau",), ("tau",))
    assert formula.latex == r"- \log\left(p_{1}\right)" and formula.shares_of == r"\frac{s}{\tau}"
    assert "p_{" not in Formula("-logsoftmax(s12/tau, s13/tau)", ("s12", "s13"), ("tau",)).latex  # of which row?
    assert "p_{" not in Formula("-logsoftmax(s1 - tau, s2)", ("s1", "s2"), ("tau",)).latex
    assert Formula("-logsoftmax(s11, s12)", ("s11", "s12")).shares_of == "s_i"
