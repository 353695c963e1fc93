"""The card of a loss: what a reader looks up, in Markdown, from its record. Chapters and the catalogue show it."""

from __future__ import annotations

from lossbook.formula import Formula
from lossbook.loss import Loss, Parameter


def card(loss: Loss) -> str:
    """Formula, gradient, parameters, traits, advice and names elsewhere, as Markdown.

    Examples
    --------
    >>> import lossbook as lb
    >>> print(card(lb.mae).splitlines()[0])
    **Mean absolute error** · 平均绝对误差损失（L1 损失） · `lossbook.mae`
    """
    blocks = [
        f"**{loss.title}** · {loss.chinese} · `lossbook.{loss.name}`",
        f"$$\\ell = {loss.latex}$$",
        f"$$\\frac{{\\partial \\ell}}{{\\partial \\hat{{y}}}} = {loss.gradient_latex}$$",
        _properties(loss),
        f"**Use it when** {_lower(loss.record.use)}\n\n**Think twice when** {_lower(loss.record.avoid)}",
        *_aliases(loss),
    ]
    return "\n\n".join(blocks) + "\n"


def _parameter(p: Parameter) -> str:
    return f"| parameter ${p.latex}$ | {p.meaning} (`{p.name}`, default {p.default:g}, in ${_interval(p)}$) |"


def _interval(parameter: Parameter) -> str:
    return parameter.interval.replace("inf", r"\infty")


def _properties(loss: Loss) -> str:
    """The hyperparameters, and every claimed trait in words; each of these is a verdict of `lossbook.check`."""
    traits, formula = loss.traits, loss.formula
    low, high = traits.minimizers
    zeros = _places(formula, (low,) if low == high else (low, high)).replace(", ", " to ")
    rows = {
        "zero at": zeros if low == high else f"every residual from {zeros}",
        "convex": claim(formula, traits.convex),
        "steepest slope": claim(formula, traits.lipschitz),
        "largest loss": claim(formula, traits.supremum),
        "slope returns to zero far away": claim(formula, traits.redescending),
        "slope jumps at": _places(formula, traits.kinks),
        "curvature jumps at": _places(formula, traits.curvature_jumps),
    }
    claims = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(["| property | value |", "|---|---|", *map(_parameter, loss.parameters), *claims])


def claim(formula: Formula, said: bool | str, infinite: str = "unbounded") -> str:
    """A claimed trait in a word or a formula."""
    if isinstance(said, bool):
        return "yes" if said else "no"
    return infinite if said == "oo" else in_table(formula.latex_of(said))


def _places(formula: Formula, claims: tuple[str, ...]) -> str:
    return ", ".join(in_table(formula.latex_of(claim)) for claim in claims) or "no place"


def in_table(latex: str) -> str:
    """Inline mathematics for a cell of a Markdown table, which a bare | would end."""
    return "$" + latex.replace("|", r"\vert ") + "$"


def _aliases(loss: Loss) -> list[str]:
    rows = [f"{library}: {', '.join(f'`{name}`' for name in names)}" for library, names in loss.aliases.items()]
    return ["**Elsewhere:** " + "; ".join(rows) + "."] if rows else []


def _lower(sentence: str) -> str:
    # "It estimates" and "The errors" go on in lower case after "Use it when"; a name such as "Anything" does too.
    return sentence[0].lower() + sentence[1:]
