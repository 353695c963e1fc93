"""One formula, every form of it.

A formula is declared once, as the text of a SymPy expression. Its LaTeX, its derivatives, its PyTorch and
mpmath functions and its JavaScript are all derived from that one expression, so none of them can drift from
the others. SymPy is imported when a formula is first used, because importing it takes half a second.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, ClassVar

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
    names
        The LaTeX of parameters that is not their own name, such as ``("scale", "s")``.
    short
        Sums that the LaTeX names instead of writing them out, such as ``("U", "a + b - c")``.

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
    names: tuple[tuple[str, str], ...] = ()
    short: tuple[tuple[str, str], ...] = ()

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
            # `simplify` would multiply fractions out; these keep them.
            if self.short:
                return derivative  # any other form would tear the named parts apart
            forms = [derivative, sympy.factor(derivative), sympy.trigsimp(derivative)]
            if len(self.variables) > 1:
                forms += [sympy.expand(derivative), sympy.powsimp(derivative, deep=True)]
                forms.append(sympy.powsimp(sympy.factor(derivative)))
            if _nested(derivative):
                forms.append(sympy.piecewise_fold(derivative))
            return min(forms, key=lambda form: (_nested(form), sympy.count_ops(form)))

        by_cases = _by_cases(self.expression)
        return tuple(shortest(sympy.diff(by_cases, self.symbols[name])) for name in self.variables)

    @cached_property
    def claims(self) -> Formula:
        """The same names, nothing known of their signs: what a claim such as ``"gamma <= 0"`` is read with."""
        return replace(self, positive=())

    @property
    def holds(self) -> bool:
        """Is a part of it held fixed, so that the gradient is not the slope of the value?"""
        return "held(" in self.text

    @cached_property
    def latex(self) -> str:
        """The right-hand side of the definition."""
        return self._printed(self.expression)

    @cached_property
    def terms(self) -> tuple[str, ...]:
        """The LaTeX of each term, with its sign, in the order of `latex`."""
        expression = self._named(self.expression)
        if not expression.is_Add:
            return (self.latex,)
        return tuple(_latex(term, self._names) for term in _ordered(expression.as_ordered_terms()))

    def latex_of(self, text: str) -> str:
        """Any other expression in the names of this formula, as LaTeX."""
        return self._printed(self.parse(text))

    @cached_property
    def gradient_latex(self) -> str:
        """The right-hand side of the gradient: one expression, or a column of them."""
        rows = [self._printed(derivative) for derivative in self.derivatives]
        return rows[0] if len(rows) == 1 else r"\begin{pmatrix}" + r"\\".join(rows) + r"\end{pmatrix}"

    def _printed(self, expression: sympy.Expr) -> str:
        return _latex(self._named(expression), self._names)

    def _named(self, expression: sympy.Expr) -> sympy.Expr:
        import sympy

        return expression.xreplace({self.parse(text): sympy.Symbol(name) for name, text in self.short})

    @property
    def _names(self) -> tuple[tuple[str, str], ...]:
        return (*self.names, *((name, name) for name, _ in self.short))

    @property
    def shares_of(self) -> str:
        """What p is the softmax of, where the LaTeX says p: ``z``, ``s / tau``, or ``s_i`` for the rows of a matrix."""
        kinds = [stable_functions()[name] for name in ("softmax", "logsoftmax", "others")]
        share = min(self.expression.atoms(*kinds), key=str)
        letter = self.variables[0][0]
        if scaled := _scaled(share.args):
            factor, symbol = scaled
            return _latex(factor * symbol.func(letter), (*self.names, (letter, letter)))
        return f"{letter}_i"

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

    expression = parse_expr(text, local_dict={**stable_functions(), **formula.symbols})
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
        while expression.has(sympy.Max, sympy.Min):  # those in the conditions of cases come last
            expression = _by_cases(expression)
        expression = _for_arrays(expression)
    modules = [{name: function.code[library] for name, function in stable_functions().items()}, library]
    return sympy.lambdify(list(formula.symbols.values()), expression, modules=modules)


@cache
def stable_functions() -> dict[str, Any]:
    """Functions that a formula may use beside SymPy's own, because the way they are written overflows or gives NaN.

    `softplus(x)` is log(1 + exp(x)), `sigmoid(x)` its derivative, and `logsumexp(a, b, ...)` the log of a sum of
    exponentials. `softmax(a, b, ...)` is the first one's share of that sum, `others` what is left of 1, `logsoftmax`
    the logarithm of the share. `xlogy(x, y)` is x log(y), which is 0 at x = 0. `psi(m, c)` is the monotone extension
    of cos(m theta) for a cosine c and m up to 4, `psi_slope` its derivative by c. `held(x)` is x, whose derivative is
    taken for zero, as that of a detached tensor. `overlap(x1, x2, u1, u2)` is the length that two intervals share,
    `hull` that of the least interval around both; their slopes `meets` (does this end of the first lie within the
    second?) and `before` (a < b) are 1/2 at a tie, as torch's are. Each is printed as a reader knows it, and computed
    so that it is finite where it should be. Those of the page are in `explorer/formula.js`.
    """
    import mpmath
    import numpy as np
    import sympy
    import torch

    class Stable(sympy.Function):
        def _torchcode(self, printer: Any) -> str:
            return f"{type(self).__name__}({', '.join(map(printer._print, self.args))})"

    class Shares(Stable):
        @classmethod
        def eval(cls, first: Any, *others: Any) -> Any:
            """The order of the others does not matter: equal functions have to look equal."""
            ordered = sorted(others, key=sympy.default_sort_key)
            return None if list(others) == ordered else cls(first, *ordered)

    class softplus(Stable):
        nargs = 1
        code: ClassVar = {
            "torch": lambda x: x.clamp(min=0) + torch.log1p(torch.exp(-x.abs())),
            "numpy": lambda x: np.logaddexp(0.0, x),
            "mpmath": lambda x: max(x, mpmath.mpf(0)) + mpmath.log1p(mpmath.exp(-abs(x))),
        }

        def fdiff(self, argindex: int = 1) -> Any:
            return sigmoid(self.args[0])

        def _latex(self, printer: Any, exp: str = "") -> str:
            return _power(rf"\log\left(1 + e^{{{printer._print(self.args[0])}}}\right)", exp)

    class sigmoid(Stable):
        nargs = 1
        code: ClassVar = {
            "torch": torch.sigmoid,
            "numpy": lambda x: np.exp(-np.logaddexp(0.0, -x)),
            "mpmath": lambda x: mpmath.exp(-max(-x, mpmath.mpf(0)) - mpmath.log1p(mpmath.exp(-abs(x)))),
        }

        def fdiff(self, argindex: int = 1) -> Any:
            return sigmoid(self.args[0]) * sigmoid(-self.args[0])

        def _latex(self, printer: Any, exp: str = "") -> str:
            return _power(rf"\sigma\left({printer._print(self.args[0])}\right)", exp)

    class logsumexp(Stable):
        code: ClassVar = {
            "torch": lambda *x: torch.logsumexp(torch.stack(torch.broadcast_tensors(*x)), 0),
            "numpy": lambda *x: functools.reduce(np.logaddexp, x),
            "mpmath": lambda *x: max(x) + mpmath.log(mpmath.fsum(mpmath.exp(one - max(x)) for one in x)),
        }

        def fdiff(self, argindex: int = 1) -> Any:
            return softmax(*_first(self.args, argindex))

        def _latex(self, printer: Any, exp: str = "") -> str:
            terms = " + ".join(f"e^{{{printer._print(one)}}}" for one in self.args)
            return _power(rf"\log\left({terms}\right)", exp)

    class softmax(Shares):
        code: ClassVar = {
            "torch": lambda *x: torch.softmax(torch.stack(torch.broadcast_tensors(*x)), 0)[0],
            "numpy": lambda *x: np.exp(x[0] - functools.reduce(np.logaddexp, x)),
            "mpmath": lambda *x: 1 / mpmath.fsum(mpmath.exp(one - x[0]) for one in x),
        }

        def fdiff(self, argindex: int = 1) -> Any:
            other = softmax(*_first(self.args, argindex))
            return self * (1 - self) if argindex == 1 else -self * other

        def _latex(self, printer: Any, exp: str = "") -> str:
            return _power(_share(printer, self.args), exp)

    class others(Shares):
        code: ClassVar = {
            "torch": lambda *x: torch.softmax(torch.stack(torch.broadcast_tensors(*x)), 0)[1:].sum(0),
            "numpy": lambda *x: sum(np.exp(one - functools.reduce(np.logaddexp, x)) for one in x[1:]),
            "mpmath": lambda *x: 1 / (1 + 1 / mpmath.fsum(mpmath.exp(one - x[0]) for one in x[1:])),
        }

        def fdiff(self, argindex: int = 1) -> Any:
            first = softmax(*self.args)
            return -self * first if argindex == 1 else first * softmax(*_first(self.args, argindex))

        def _latex(self, printer: Any, exp: str = "") -> str:
            return _power(rf"\left(1 - {_share(printer, self.args)}\right)", exp)

    class logsoftmax(Shares):
        code: ClassVar = {
            "torch": lambda *x: torch.log_softmax(torch.stack(torch.broadcast_tensors(*x)), 0)[0],
            "numpy": lambda *x: x[0] - functools.reduce(np.logaddexp, x),
            "mpmath": lambda *x: -mpmath.log1p(mpmath.fsum(mpmath.exp(one - x[0]) for one in x[1:])),
        }

        def fdiff(self, argindex: int = 1) -> Any:
            other = softmax(*_first(self.args, argindex))
            return 1 - other if argindex == 1 else -other

        def _latex(self, printer: Any, exp: str = "") -> str:
            return _power(rf"\log\left({_share(printer, self.args)}\right)", exp)

    class psi(Stable):
        nargs = 2
        code: ClassVar = {
            "torch": lambda m, c: _psi(torch, torch.as_tensor(m), torch.acos(torch.as_tensor(c).clamp(-1, 1)))[0],
            "numpy": lambda m, c: _psi(np, m, np.arccos(np.clip(c, -1, 1)))[0],
            "mpmath": lambda m, c: _psi(mpmath, m, mpmath.acos(c))[0],
        }

        def fdiff(self, argindex: int = 1) -> Any:
            return psi_slope(*self.args)

        def _latex(self, printer: Any, exp: str = "") -> str:
            return _power(rf"\psi_{{{printer._print(self.args[0])}}}\left({printer._print(self.args[1])}\right)", exp)

    class psi_slope(Stable):
        nargs = 2
        code: ClassVar = {
            "torch": lambda m, c: _psi(torch, torch.as_tensor(m), torch.acos(torch.as_tensor(c).clamp(-1, 1)))[1],
            "numpy": lambda m, c: _psi(np, m, np.arccos(np.clip(c, -1, 1)))[1],
            "mpmath": lambda m, c: _psi(mpmath, m, mpmath.acos(c))[1],
        }

        def _latex(self, printer: Any, exp: str = "") -> str:
            return _power(rf"\psi_{{{printer._print(self.args[0])}}}'\left({printer._print(self.args[1])}\right)", exp)

    class xlogy(Stable):
        nargs = 2
        code: ClassVar = {
            "torch": lambda x, y: torch.special.xlogy(torch.as_tensor(x), y),
            "numpy": lambda x, y: np.where(x == 0, 0.0, x * np.log(np.where(x == 0, 1.0, y))),
            "mpmath": lambda x, y: x * mpmath.log(y) if x else mpmath.mpf(0),
        }

        def fdiff(self, argindex: int = 1) -> Any:
            x, y = self.args
            return sympy.log(y) if argindex == 1 else x / y

        def _latex(self, printer: Any, exp: str = "") -> str:
            return str(printer._print(self.args[0] * sympy.log(self.args[1])))

    class held(Stable):
        nargs = 1
        code: ClassVar = {"torch": lambda x: x, "numpy": lambda x: x, "mpmath": lambda x: x}

        def fdiff(self, argindex: int = 1) -> Any:
            return sympy.S.Zero

        def _latex(self, printer: Any, exp: str = "") -> str:
            return _power(rf"\operatorname{{sg}}\left({printer._print(self.args[0])}\right)", exp)

    class overlap(Stable):
        nargs = 4
        code: ClassVar = {
            "torch": lambda *x: _shared(torch, *map(torch.as_tensor, x)).clamp(min=0),
            "numpy": lambda *x: np.maximum(_shared(np, *x), 0.0),
            "mpmath": lambda a, b, c, d: max(mpmath.mpf(0), min(b, d) - max(a, c)),
        }

        def fdiff(self, argindex: int = 1) -> Any:
            ends = self.args if argindex < 3 else (*self.args[2:], *self.args[:2])
            return -meets(1, *ends) if argindex in (1, 3) else meets(2, *ends)

        def _latex(self, printer: Any, exp: str = "") -> str:
            return _power(f"o_{{{_axis(self.args)}}}", exp)

    class meets(Stable):
        nargs = 5
        code: ClassVar = {
            "torch": lambda i, *x: _meets(torch, i, *map(torch.as_tensor, x)),
            "numpy": lambda i, *x: _meets(np, i, *x),
            "mpmath": lambda i, a, b, c, d: (
                mpmath.mpf(min(b, d) >= max(a, c)) * (mpmath.sign(a - c if i == 1 else d - b) + 1) / 2
            ),
        }

        def _latex(self, printer: Any, exp: str = "") -> str:
            i, a, b, low, high = map(printer._print, self.args)
            return _power(rf"\left[{low} < {a if i == '1' else b} < {high}\right]", exp)

    class hull(Stable):
        nargs = 4
        code: ClassVar = {
            "torch": lambda *x: _hull(torch, *map(torch.as_tensor, x)),
            "numpy": lambda *x: _hull(np, *x),
            "mpmath": lambda a, b, c, d: max(b, d) - min(a, c),
        }

        def fdiff(self, argindex: int = 1) -> Any:
            a, b, c, d = self.args if argindex < 3 else (*self.args[2:], *self.args[:2])
            return -before(a, c) if argindex in (1, 3) else before(d, b)

        def _latex(self, printer: Any, exp: str = "") -> str:
            return _power(f"c_{{{_axis(self.args)}}}", exp)

    class before(Stable):
        nargs = 2
        code: ClassVar = {
            "torch": lambda a, b: (torch.sign(torch.as_tensor(b) - a) + 1) / 2,
            "numpy": lambda a, b: (np.sign(b - a) + 1) / 2,
            "mpmath": lambda a, b: (mpmath.sign(b - a) + 1) / 2,
        }

        def _latex(self, printer: Any, exp: str = "") -> str:
            a, b = map(printer._print, self.args)
            return _power(rf"\left[{a} < {b}\right]", exp)

    boxes = (overlap, meets, hull, before)

    every = (softplus, sigmoid, logsumexp, softmax, others, logsoftmax, xlogy, psi, psi_slope, held, *boxes)
    return {one.__name__: one for one in every}


def _shared(library: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """How much of [a, b] and [c, d] is common; negative is the gap between them."""
    return library.minimum(b, d) - library.maximum(a, c)


def _hull(library: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """The length of the least interval around both."""
    return library.maximum(b, d) - library.minimum(a, c)


def _meets(library: Any, i: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Does end number i of [a, b] lie within [c, d], so that the overlap ends there? 1/2 where both end."""
    return (_shared(library, a, b, c, d) >= 0) * (library.sign(a - c if i == 1 else d - b) + 1) / 2


def _axis(arguments: tuple[Any, ...]) -> str:
    """The axis along which two intervals lie: x for [x1, x2]."""
    return str(arguments[0]).rstrip("0123456789")


def _psi(library: Any, m: Any, theta: Any) -> tuple[Any, Any]:
    """The monotone extension of cos(m theta), and its derivative by cos(theta); m is at most 4."""
    pi = library.pi
    k = sum((library.floor(m * theta / pi) >= j) * (m > j) * 1 for j in (1, 2, 3))
    sign = 1 - 2 * (k % 2)
    sine = library.sin(theta)
    flat = sine < 1e-12  # sin(m theta) / sin(theta) at both ends is m, up to the sign
    inner = sign * library.sin(m * theta) / (sine + flat)
    return sign * library.cos(m * theta) - 2 * k, m * (inner + flat * m)


def _first(arguments: tuple[Any, ...], index: int) -> tuple[Any, ...]:
    """The arguments of a softmax with number `index` (from 1) in front."""
    return (arguments[index - 1], *arguments[: index - 1], *arguments[index:])


def _share(printer: Any, arguments: tuple[Any, ...]) -> str:
    """The softmax probability of the first logit: p_1 for z_1 or z_1 / tau, written out for anything longer."""
    if all(one.is_Symbol for one in arguments):
        return "p_{" + _place(arguments[0]) + "}"
    scaled = _scaled(arguments)
    if scaled:
        return "p_{" + _place(scaled[1]) + "}"
    first, *_ = terms = [f"e^{{{printer._print(one)}}}" for one in arguments]
    return rf"\frac{{{first}}}{{{' + '.join(terms)}}}"


def _scaled(arguments: tuple[Any, ...]) -> tuple[Any, Any] | None:
    """The factor and the first symbol, if the logits are numbered symbols that all have the same factor."""
    shared = set.intersection(*(one.free_symbols for one in arguments))
    own = [one.free_symbols - shared for one in arguments]
    if any(len(symbols) != 1 for symbols in own):
        return None
    symbols = [next(iter(some)) for some in own]
    factors = {one / symbol for one, symbol in zip(arguments, symbols, strict=True)}
    # A matrix has a softmax for each row and each column: two digits would not tell which.
    numbered = all(len(_place(symbol)) == 1 for symbol in symbols)
    return (factors.pop(), symbols[0]) if len(factors) == 1 and numbered else None


def _place(symbol: Any) -> str:
    """The digits of a symbol's name."""
    return str(symbol.name.lstrip("abcdefghijklmnopqrstuvwxyz"))


def _power(base: str, exponent: str) -> str:
    return f"{base}^{{{exponent}}}" if exponent else base


def _for_arrays(expression: sympy.Expr) -> sympy.Expr:
    """The constants as numbers: torch has no logarithm or power of a Python number, such as `log(2)`."""
    import sympy

    constants = {part for part in expression.atoms(sympy.Function, sympy.Pow) if part.is_number}
    return expression.xreplace({part: part.evalf(17) for part in constants})


def _by_cases(expression: sympy.Expr) -> sympy.Expr:
    """Max and Min as cases: their derivative is then 0 on the flat side and at the kink, as that of torch's relu."""
    import sympy

    if isinstance(expression, (sympy.Max, sympy.Min)):
        larger = isinstance(expression, sympy.Max)
        *others, last = sorted(expression.args, key=lambda term: bool(term.is_number))
        best, cases = last, _by_cases(last)
        for term in reversed(others):
            # The condition keeps its Max: cases within a condition would be unreadable.
            cases = sympy.Piecewise((_by_cases(term), term > best if larger else term < best), (cases, True))
            best = expression.func(term, best)
        return cases
    if expression.has(sympy.Max, sympy.Min) and expression.args:
        return expression.func(*map(_by_cases, expression.args))
    return expression


def _nested(expression: sympy.Expr) -> int:
    """How many case distinctions have another one within."""
    import sympy

    cases = expression.atoms(sympy.Piecewise)
    return sum(any(branch.has(sympy.Piecewise) for branch, _ in one.args) for one in cases)


def _latex(expression: sympy.Expr, names: tuple[tuple[str, str], ...]) -> str:
    import sympy
    from sympy.printing.latex import LatexPrinter

    class BookPrinter(LatexPrinter):
        def _as_ordered_terms(self, expression: Any, order: Any = None) -> list[Any]:
            return _ordered(super()._as_ordered_terms(expression, order))

        def _print_Mul(self, product: Any) -> str:
            return str(super()._print_Mul(_as_written(product)))

        def _print_Relational(self, relation: Any) -> str:
            # SymPy sorts `|r| <= delta` into `delta >= |r|`; a reader expects the variable first.
            return str(super()._print_Relational(relation.reversed if relation.rhs.has(sympy.Abs) else relation))

    latex = {"y_hat": r"\hat{y}", **dict(names)}
    known = {symbol: latex[symbol.name] for symbol in expression.free_symbols if symbol.name in latex}
    return str(BookPrinter({"symbol_names": known, "inv_trig_style": "full"}).doprint(expression))


def _ordered(terms: list[Any]) -> list[Any]:
    """|r| - delta/2, not -delta/2 + |r|: terms with a minus sign come last."""
    return sorted(terms, key=lambda term: bool(term.could_extract_minus_sign()))


def _as_written(product: Any) -> Any:
    """-(1 - s) x, and (p - y)/(p (1 - p)), as people write them: SymPy has (s - 1) x and (y - p)/(p (p - 1))."""
    import sympy

    def turned(factor: Any) -> bool:
        return bool(factor.is_Add and len(factor.args) == 2 and -1 in factor.args and factor.args[1].is_Symbol)

    over = [factor for factor in product.args if factor.is_Pow and factor.exp == -1 and turned(factor.base)]
    sums = [factor for factor in product.args if factor.is_Add]
    if len(over) == 1 and len(sums) == 1:
        rest = [factor for factor in product.args if factor is not over[0] and factor is not sums[0]]
        return sympy.Mul(-sums[0], *rest, sympy.Pow(-over[0].base, -1), evaluate=False)
    for factor in filter(turned, sums):
        rest = [other for other in product.args if other is not factor]
        return sympy.Mul(-1, -factor, sympy.Mul(*rest), evaluate=False)
    return product


def _javascript(expression: sympy.Expr) -> str:
    import sympy

    stable = {name: name for name in stable_functions()}
    return " ".join(sympy.jscode(_without_overflow(expression), user_functions=stable).split())


def _without_overflow(expression: sympy.Expr) -> sympy.Expr:
    """The same function, written so that it stays finite where it should: cosh overflows from 711 on."""
    import sympy

    a = sympy.Wild("a")
    size = sympy.Abs(a)
    return expression.replace(sympy.log(sympy.cosh(a)), size + sympy.log(1 + sympy.exp(-2 * size)) - sympy.log(2))
