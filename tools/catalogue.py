"""The catalogue page: every loss of the book, made from the records at each build."""

from lossbook.loss import Loss

LONG = 200  # characters of LaTeX: a formula that would make the table too wide

INTRODUCTION = """\
# Catalogue

Every loss of the book. This page is made from the same definitions that the code runs on:
a loss that is added to the package appears here by itself.
"""


def page() -> str:
    """The page, as MyST Markdown."""
    import lossbook as lb

    losses = lb.losses()
    return "\n\n".join([INTRODUCTION, overview(losses), *map(section, losses)]) + "\n"


def overview(losses: list[Loss]) -> str:
    """A short table of all losses."""
    rows = ["| Loss | Formula | Convex | Steepest slope |", "|---|---|---|---|"]
    for loss in losses:
        cells = (
            f"[{loss.title}](#{anchor(loss)})<br>{chinese(loss)}",
            in_table(loss.latex),
            trait(loss, loss.traits.convex),
            trait(loss, loss.traits.lipschitz),
        )
        rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(rows)


def section(loss: Loss) -> str:
    """All that is declared of one loss, and its explorer."""
    from lossbook import explorer
    from lossbook.card import card

    return "\n\n".join(
        [
            f"({anchor(loss)})=\n## {loss.title}",
            card(loss),
            f"`````{{raw}} html\n{explorer.island(loss)}\n`````",
            f"**Chapter**: {chapter(loss)}. **References**: {references(loss)}.",
        ]
    )


def anchor(loss: Loss) -> str:
    """The stable name of a loss's section."""
    return f"catalogue-{loss.name.replace('_', '-')}"


def chinese(loss: Loss) -> str:
    """The Chinese name, marked as Chinese for a screen reader."""
    return f'<span lang="zh">{loss.chinese}</span>'


def chapter(loss: Loss) -> str:
    """A link to the chapter that derives a loss."""
    from tools.book import ROOT, pages

    name = f"chapters/{loss.family}"
    return f"[{loss.family}](/{name}.ipynb)" if name in pages(ROOT) else loss.family


def references(loss: Loss) -> str:
    """The papers of a loss."""
    return ", ".join(f"{{cite:t}}`{key}`" for key in loss.references) or "none"


def trait(loss: Loss, value: bool | str) -> str:
    """A trait in a word or a formula."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value == "oo":
        return "unbounded"
    return in_table(loss.formula.latex_of(value))


def in_table(latex: str) -> str:
    """LaTeX within a line, if it fits into a table."""
    return f"${latex}$" if len(latex) < LONG else "by cases"
