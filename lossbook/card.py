"""The card of a loss: what a reader looks up, in Markdown, from its record. Chapters and the catalogue show it."""

from __future__ import annotations

import re
from typing import Any

from lossbook.formula import Formula
from lossbook.inputs import Elementwise, Option, Parameter
from lossbook.loss import Loss
from lossbook.traits import WORDS, Best, Structured

WIDE = 64  # characters that fit into the text of a page


def card(loss: Loss) -> str:
    """Formula, gradient, parameters, traits, advice and names elsewhere, as Markdown.

    Examples
    --------
    >>> import lossbook as lb
    >>> print(card(lb.mae).splitlines()[0])
    **Mean absolute error** · 平均绝对误差损失（L1 损失） · `lossbook.mae`
    """
    names = f"**{loss.title}** · {loss.chinese} · `lossbook.{loss.name}`"
    return "\n\n".join([names, *definition(loss), *properties(loss), *advice(loss), *elsewhere(loss)]) + "\n"


def definition(loss: Loss) -> list[str]:
    """The formula, and for which small case it is written if it is not that of each element."""
    return [*_case(loss), f"$${_equation(loss)}$$"]


def properties(loss: Loss) -> list[str]:
    """The gradient; the hyperparameters; every claimed trait in words, each of them a verdict of `lossbook.check`."""
    claims = [f"| {name} | {value} |" for name, value in _claims(loss).items()]
    parameters = [*map(_parameter, loss.parameters), *map(_option, loss.options)]
    return [*_gradient(loss), "\n".join(["| property | value |", "|---|---|", *parameters, *claims])]


def advice(loss: Loss) -> list[str]:
    """When to use the loss, and when not."""
    return [f"**Use it when** {_lower(loss.record.use)}", f"**Think twice when** {_lower(loss.record.avoid)}"]


def elsewhere(loss: Loss) -> list[str]:
    """What other libraries call it."""
    rows = [f"{library}: {', '.join(f'`{name}`' for name in names)}" for library, names in loss.aliases.items()]
    return ["**Elsewhere:** " + "; ".join(rows) + "."] if rows else []


def _case(loss: Loss) -> list[str]:
    """For which small case the formula is written, if it is not the formula of each element."""
    if not loss.takes.where:
        return []
    return [f"For {loss.takes.where}{_shares(loss)}:"]


def _shares(loss: Loss) -> str:
    """What p stands for, if the formula says p for a softmax: of three logits, or of each row of a matrix."""
    if "p_{" not in loss.latex + loss.gradient_latex:
        return ""
    of = loss.formula.shares_of
    return f", with $p{'_i' if of.endswith('_i') else ''} = \\operatorname{{softmax}}({of})$"


def _equation(loss: Loss) -> str:
    """The formula; a sum that is too wide for a page, on several lines."""
    if _width(loss.latex) <= WIDE or len(loss.formula.terms) == 1:
        return f"\\ell = {loss.latex}"
    lines = [""]
    for term in loss.formula.terms:
        signed = term if term.startswith("-") or lines == [""] else f"+ {term}"
        if lines[-1] and _width(lines[-1] + signed) > WIDE:
            lines.append("")
        lines[-1] += f" {signed}"
    return "\\begin{aligned}\\ell ={}&" + " \\\\ &".join(lines) + "\\end{aligned}"


def _gradient(loss: Loss) -> list[str]:
    """The gradient; folded away if its rows are too wide, or too many fractions, to be read at a glance."""
    shown = f"$${_derivative(loss)} = {loss.gradient_latex}$$"
    rows = loss.gradient_latex.split(r"\\")
    if all(_width(row) <= 1.5 * WIDE and row.count(r"\frac") <= 6 for row in rows):
        return [shown]
    return ["<details><summary>The gradient, as derived from the formula</summary>", shown, "</details>"]


def _width(latex: str) -> int:
    """About how many characters are seen in a row."""
    return len(re.sub(r"\\[a-zA-Z]+|[{}_^\s]", "", re.sub(r"\\(log|exp|left|right|operatorname)\b", "ab", latex)))


def _derivative(loss: Loss) -> str:
    """The left side of the gradient."""
    if isinstance(loss.takes, Elementwise):
        return f"\\frac{{\\partial \\ell}}{{\\partial {loss.takes.latex}}}"
    names = [loss.formula.latex_of(name) for name in loss.formula.variables]
    if len(names) == 1:
        return f"\\frac{{\\partial \\ell}}{{\\partial {names[0]}}}"
    return f"\\nabla_{{{', '.join(names)}}}\\, \\ell"


def _parameter(p: Parameter) -> str:
    return f"| parameter ${p.latex}$ | {p.meaning} (`{p.name}`, default {p.default:g}, in ${_interval(p)}$) |"


def _option(option: Option) -> str:
    return f"| option `{option.name}` | {option.meaning} (default `{option.default}`) |"


def _interval(parameter: Parameter) -> str:
    interval = parameter.interval.replace("inf", r"\infty")
    return interval.replace("{", r"\{").replace("}", r"\}")


def _claims(loss: Loss) -> dict[str, str]:
    formula = loss.formula
    rows: dict[str, str] = {}
    for name, said in vars(loss.traits).items():
        if name == "minimizers":
            low, high = said
            zeros = _places(formula, (low,) if low == high else (low, high)).replace(", ", " to ")
            rows = {"zero at": zeros if low == high else f"every residual from {zeros}", **rows}
        elif isinstance(said, tuple) and isinstance(loss.traits, Structured):
            where = " or ".join(in_table(f"{formula.latex_of(x)} = 0") for x in said)
            rows[f"slope{_by(formula)} jumps"] = f"where {where}" if said else "nowhere"
        elif isinstance(said, tuple):
            if said or name != "jumps":
                rows[WORDS[name]] = _places(formula, said)
        elif name == "lipschitz" or (said is not None and name in WORDS):
            rows[WORDS[name]] = claim(formula, said, "never" if name == "zero_from" else "unbounded")
    return rows


def _by(formula: Formula) -> str:
    """By which variables a slope is meant, if these are few."""
    names = ", ".join(formula.latex_of(name) for name in formula.variables)
    return f" by {in_table(names)}" if len(formula.variables) < 4 else ""


def claim(formula: Formula, said: bool | str | Best | None, infinite: str = "unbounded") -> str:
    """A claimed trait in a word or a formula."""
    if said is None:
        return "bounded"
    if isinstance(said, bool):
        return "yes" if said else "no"
    if isinstance(said, Best):
        return str(said)
    return infinite if said == "oo" else in_table(formula.claims.latex_of(said))


def _places(formula: Formula, claims: tuple[str, ...]) -> str:
    return ", ".join(_place(formula, claim) for claim in claims) or "no place"


def _place(formula: Formula, claim: str) -> str:
    """A place, and when it is one: the case of NaN is left out."""
    import sympy

    place = formula.claims.parse(claim)
    if not isinstance(place, sympy.Piecewise) or place.args[-1] != (sympy.nan, True):
        return in_table(formula.latex_of(claim))
    cases = ([in_table(formula.latex_of(str(part))) for part in case] for case in place.args[:-1])
    return " or ".join(f"{x} if {condition}" for x, condition in cases)


def in_table(latex: str) -> str:
    """Inline mathematics for a cell of a Markdown table, which a bare | would end."""
    return "$" + latex.replace("|", r"\vert ") + "$"


def _lower(sentence: Any) -> str:
    # "It estimates" and "The errors" go on in lower case after "Use it when"; a name such as "Anything" does too.
    return str(sentence[0].lower() + sentence[1:])
