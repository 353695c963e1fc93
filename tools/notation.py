"""The notation page: the letters of the book, and every hyperparameter, from the records of the losses."""

from collections import defaultdict

import lossbook as lb
from lossbook.card import in_table

LETTERS = {
    r"y": "the truth: a number, a label, a class",
    r"\hat{y}": "a prediction (`y_hat` in code)",
    r"r = \hat{y} - y": "the residual: how far the prediction is off",
    r"m = y \cdot s": "the margin: a label of −1 or 1, times the score",
    r"z": "a logit: a score before softmax or sigmoid; $z_k$ is that of class $k$",
    r"p": "a probability, most often $\\operatorname{softmax}(z)$ or $\\sigma(z)$",
    r"\sigma(z)": "the sigmoid, $1 / (1 + e^{-z})$",
    r"\ell": "the loss of one sample",
    r"L": "the loss of a set: most often the mean of its samples' losses",
    r"\theta": "the parameters of a model, or a constant prediction",
    r"\nabla": "the gradient: the derivatives by all variables",
    r"N, C": "the number of samples; the number of classes",
    r"d_+, d_-": "the distance of an anchor to its positive, and to its negative",
    r"\log": "the natural logarithm, as `torch.log`",
}
INTRODUCTION = """\
---
description: >-
  The symbols of LossBook and every hyperparameter of its losses: what each letter means, and which losses use
  it.
---

# Notation

One notation for the whole book. A loss is that of one sample; what is made of a set of samples is the objective.
"""
PARAMETERS = """\
## Parameters of the losses

Each with its symbol, and what it means in each loss that has it. A name that means different things is listed with
each meaning.
"""


def page() -> str:
    """The page, as MyST Markdown."""
    letters = [f"| {in_table(symbol)} | {meaning} |" for symbol, meaning in LETTERS.items()]
    table = "\n".join(["| Letter | Meaning |", "|---|---|", *letters])
    return "\n\n".join([INTRODUCTION, table, PARAMETERS, parameters()]) + "\n"


def parameters() -> str:
    """Every hyperparameter of the book, by name and meaning."""
    from tools.catalogue import anchor

    found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for loss in lb.losses():
        for one in loss.parameters:
            found[one.name, one.latex, one.meaning].append(f"[`{loss.name}`](#{anchor(loss)})")
    rows = [
        f"| `{name}` | {in_table(latex)} | {meaning} | {', '.join(losses)} |"
        for (name, latex, meaning), losses in sorted(found.items())
    ]
    return "\n".join(["| Name | Symbol | Meaning | Losses |", "|---|---|---|---|", *rows])
