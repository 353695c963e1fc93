"""The catalogue page: every loss of the book, made from the records at each build."""

from lossbook.card import card, claim, in_table
from lossbook.loss import Loss

LONG = 200  # characters of LaTeX: a formula that would make the table too wide

INTRODUCTION = """\
# Catalogue

Every loss of the book. This page is made from the same definitions that the code runs on:
a loss that is added to the package appears here by itself.
"""


def page() -> str:
    """The page, as MyST Markdown."""
    losses = in_order()
    return "\n\n".join([INTRODUCTION, overview(losses), *map(section, losses)]) + "\n"


def in_order() -> list[Loss]:
    """All losses: families as the table of contents has their chapters, then as declared."""
    import lossbook as lb
    from tools.book import ROOT, pages

    place = {name: number for number, name in enumerate(pages(ROOT))}
    return sorted(lb.losses(), key=lambda loss: place.get(f"chapters/{loss.family}", len(place)))


def overview(losses: list[Loss]) -> str:
    """A short table of all losses."""
    rows = ["| Loss | Formula | Convex | Steepest slope |", "|---|---|---|---|"]
    for loss in losses:
        cells = (
            f"[{loss.title}](#{anchor(loss)})<br>{chinese(loss)}",
            in_table(loss.latex) if len(loss.latex) < LONG else "by cases",
            said(loss, "convex"),
            said(loss, "lipschitz"),
        )
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def said(loss: Loss, trait: str) -> str:
    """A trait in a word or a formula; a dash where losses of this kind make no such claim."""
    if not hasattr(loss.traits, trait):
        return "–"
    return claim(loss.formula, getattr(loss.traits, trait))


def section(loss: Loss) -> str:
    """All that is declared of one loss, and its explorer."""
    from lossbook import explorer

    # Not the loss's own name: the heading may have that.
    shown = []
    if explorer.usual_scene(loss):
        island = explorer.island(loss, id=f"explore-{loss.name.replace('_', '-')}")
        shown = [f"`````{{raw}} html\n{island}\n`````"]
    return "\n\n".join(
        [
            f"({anchor(loss)})=\n## {loss.title}",
            card(loss),
            *shown,
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
