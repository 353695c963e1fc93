"""The numeric verdicts that chapters and tests share: does a loss agree with everything it should agree with?

`check(loss)` confronts the code of a loss with its formula, with 50-digit arithmetic, with torch's built-in, with
autograd and with finite differences, and tests every claimed trait. `places` says where; `values`, `calls`, `traits`
and `structure` hold the verdicts; `report` says what was found.

A formula of a small case says nothing of larger ones: that the hardest of many positives is taken, say. Loss and
gradient could then be wrong alike, and autograd would agree. That is what the tests of each family are for.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import torch

from lossbook.check.calls import arguments_matter, labels_of_every_dtype, order_of_samples
from lossbook.check.places import settings
from lossbook.check.report import CheckError, Report, Verdict, agree, first_disagreement
from lossbook.check.traits import trait_verdicts
from lossbook.check.values import VERDICTS as VALUE_VERDICTS
from lossbook.loss import Loss
from lossbook.traits import texts

__all__ = ["VERDICTS", "CheckError", "Report", "Verdict", "agree", "check", "first_disagreement", "settings"]

VERDICTS: tuple[Callable[[Loss], Iterator[Verdict]], ...] = (
    *VALUE_VERDICTS,
    arguments_matter,
    labels_of_every_dtype,
    order_of_samples,
    trait_verdicts,
)


def check(loss: Loss) -> Report:
    """Confront a loss with everything that it should agree with.

    Parameters
    ----------
    loss
        A loss of the book, or one of your own made with `lossbook.loss.loss`.

    Returns
    -------
    Report
        A small table. It is the same text on every machine.

    Raises
    ------
    CheckError
        At least one verdict failed; the message is the report, with the place and both numbers.

    Examples
    --------
    >>> import lossbook as lb
    >>> print(str(lb.check(lb.mse)).partition(":")[0])
    Mean squared error (mse)
    """
    if not isinstance(loss, Loss):
        raise TypeError(f"loss: got {type(loss).__name__}, expected a loss of the book, such as lossbook.huber")
    _readable(loss)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch's own, of the "mean" of kl_div
        torch.manual_seed(0)
        report = Report(f"{loss.title} ({loss.name})", tuple(v for verdict in VERDICTS for v in _run(verdict, loss)))
    if report.failures:
        raise CheckError(str(report))
    return report


def _readable(loss: Loss) -> None:
    """One clear line for a slip of the pen in the record, instead of one from each verdict that trips over it."""
    claims = [*texts(loss.traits), *(limit.text for limit in loss.record.limits)]
    for text in [loss.formula.text, *claims]:
        try:
            loss.formula.claims.parse(text)
        except Exception as error:
            raise CheckError(f"{loss.name}: cannot read {text!r} of its record: {error}") from error


def _run(verdict: Callable[[Loss], Iterator[Verdict]], loss: Loss) -> list[Verdict]:
    """A loss that makes a verdict crash has failed it."""
    try:
        return list(verdict(loss))
    except Exception as error:
        what = verdict.__name__.strip("_").replace("_", " ")
        return [Verdict(what, "running it", "runs", f"with {type(error).__name__}: {error}")]
