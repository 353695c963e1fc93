"""One formula, every form of it.

A formula is declared once, as the text of a SymPy expression. Its LaTeX, its derivatives, its PyTorch and
mpmath functions and its JavaScript are all derived from that one expression, so none of them can drift from
the others. SymPy is imported when a formula is first used, because importing it takes half a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sympy


@dataclass(frozen=True)
class Formula:
    """A scalar formula in named variables and parameters.

    Parameters
    ----------
    text
        A SymPy expression, such as ``"Piecewise((r**2/2, Abs(r) <= delta), (delta*(Abs(r) - delta/2), True))"``.
    variables
        The names to differentiate by, such as ``("r",)``.
    parameters
        The names of the hyperparameters, in the order in which functions take them after the variables.
    positive
        Those of the parameters that SymPy may take for positive, to simplify further. A parameter that may also be
        zero is one of them if the formula is continuous there.

    Examples
    --------
    >>> half_square = Formula("r**2/2", ("r",))
    >>> half_square.latex, half_square.gradient_latex
    ('\\\\frac{r^{2}}{2}', 'r')
    >>> half_square.javascript
    '(1/2)*Math.pow(r, 2)'
    """

    text: str
    variables: tuple[str, ...]
    parameters: tuple[str, ...] = ()
    positive: tuple[str, ...] = ()

    @cached_property
    def symbols(self) -> dict[str, sympy.Symbol]:
        """Every name of the formula as a SymPy symbol."""
        import sympy

        def symbol(name: str) -> sympy.Symbol:
            # Extended, because a parameter may be infinite: Barron's alpha of minus infinity is Welsch's loss.
            return (
                sympy.Symbol(name, positive=True) if name in self.positive else sympy.Symbol(name, extended_real=True)
            )

        return {name: symbol(name) for name in self.variables + self.parameters}

    def parse(self, text: str) -> sympy.Expr:
        """Any other expression in the names of this formula, as SymPy."""
        return _parse(self, text)

    @cached_property
    def expression(self) -> sympy.Expr:
        """The formula as a SymPy expression."""
        return self.parse(self.text)

    @cached_property
    def derivatives(self) -> tuple[sympy.Expr, ...]:
        """The partial derivative by each variable, in its shortest form."""
        import sympy

        def shortest(derivative: sympy.Expr) -> sympy.Expr:
            # `simplify` would multiply fractions out; these two keep them.
            return min((derivative, sympy.factor(derivative), sympy.trigsimp(derivative)), key=sympy.count_ops)

        by_cases = _by_cases(self.expression)
        return tuple(shortest(sympy.diff(by_cases, self.symbols[name])) for name in self.variables)

    @cached_property
    def latex(self) -> str:
        """The right-hand side of the definition."""
        return _latex(self.expression)

    def latex_of(self, text: str) -> str:
        """Any other expression in the names of this formula, as LaTeX."""
        return _latex(self.parse(text))

    @cached_property
    def gradient_latex(self) -> str:
        """The right-hand side of the gradient: one expression, or a column of them."""
        rows = [_latex(derivative) for derivative in self.derivatives]
        return rows[0] if len(rows) == 1 else r"\begin{pmatrix}" + r"\\".join(rows) + r"\end{pmatrix}"

    @cached_property
    def javascript(self) -> str:
        """The formula as one JavaScript expression."""
        return _javascript(self.expression)

    @cached_property
    def gradient_javascript(self) -> tuple[str, ...]:
        """Each partial derivative as one JavaScript expression."""
        return tuple(_javascript(derivative) for derivative in self.derivatives)

    def function(self, library: str = "torch", derivative: int | None = None) -> Callable[..., Any]:
        """The formula, or its derivative by one variable, as a function of variables and parameters.

        Parameters
        ----------
        library
            ``"torch"``, ``"numpy"`` or ``"mpmath"``.
        derivative
            None for the formula itself, otherwise the index of the variable to differentiate by.

        Examples
        --------
        >>> import torch
        >>> Formula("r**2/2", ("r",)).function("torch")(torch.tensor([1.0, 3.0]))
        tensor([0.5000, 4.5000])
        """
        if library not in ("torch", "numpy", "mpmath"):
            raise ValueError(f"library: got {library!r}, expected 'torch', 'numpy' or 'mpmath'")
        return _compile(self, library, derivative)


@cache
def _parse(formula: Formula, text: str) -> sympy.Expr:
    from sympy.parsing.sympy_parser import parse_expr

    expression = parse_expr(text, local_dict=dict(formula.symbols))
    known = set(formula.symbols)
    unknown = {str(s) for s in getattr(expression, "free_symbols", ())} - known
    if unknown:
        names = ", ".join(sorted(unknown))
        raise ValueError(f"formula: {names} in {text!r}: expected only variables and parameters, {sorted(known)}")
    return expression


@cache
def _compile(formula: Formula, library: str, derivative: int | None) -> Callable[..., Any]:
    import sympy

    expression = formula.expression if derivative is None else formula.derivatives[derivative]
    if library != "mpmath":
        expression = _for_arrays(_by_cases(expression))
    return sympy.lambdify(list(formula.symbols.values()), expression, modules=library)


def _for_arrays(expression: sympy.Expr) -> sympy.Expr:
    """The constants as numbers: torch has no logarithm of a Python number such as `log(2)`."""
    import sympy

    constants = {part for part in expression.atoms(sympy.Function) if part.is_number}
    return expression.xreplace({part: part.evalf(17) for part in constants})


def _by_cases(expression: sympy.Expr) -> sympy.Expr:
    """Max and Min as cases: their derivative is then 0 on the flat side and at the kink, as that of torch's relu."""
    import sympy

    def cases(larger: bool, *terms: sympy.Expr) -> sympy.Expr:
        *others, last = sorted(terms, key=lambda term: bool(term.is_number))
        for term in reversed(others):
            last = sympy.Piecewise((term, term > last if larger else term < last), (last, True))
        return last

    expression = expression.replace(sympy.Max, lambda *terms: cases(True, *terms))
    return expression.replace(sympy.Min, lambda *terms: cases(False, *terms))


def _latex(expression: sympy.Expr) -> str:
    import sympy
    from sympy.printing.latex import LatexPrinter

    class BookPrinter(LatexPrinter):
        def _as_ordered_terms(self, expression: Any, order: Any = None) -> list[Any]:
            # |r| - delta/2, not -delta/2 + |r|: terms with a minus sign come last.
            terms = super()._as_ordered_terms(expression, order)
            return sorted(terms, key=lambda term: term.could_extract_minus_sign())

        def _print_Relational(self, relation: Any) -> str:
            # SymPy sorts `|r| <= delta` into `delta >= |r|`; a reader expects the variable first.
            return str(super()._print_Relational(relation.reversed if relation.rhs.has(sympy.Abs) else relation))

    names = {s: r"\hat{y}" for s in expression.free_symbols if s.name == "y_hat"}
    return str(BookPrinter({"symbol_names": names}).doprint(expression))


def _javascript(expression: sympy.Expr) -> str:
    import sympy

    return " ".join(sympy.jscode(_without_overflow(expression)).split())


def _without_overflow(expression: sympy.Expr) -> sympy.Expr:
    """The same function, written so that it stays finite where it should: cosh overflows from 711 on."""
    import sympy

    a = sympy.Wild("a")
    size = sympy.Abs(a)
    return expression.replace(sympy.log(sympy.cosh(a)), size + sympy.log(1 + sympy.exp(-2 * size)) - sympy.log(2))
