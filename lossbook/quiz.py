"""A quiz that marks itself, whose answers are computed and not typed.

It works in a live notebook and on a static page, with the network off; without JavaScript the answers can be
unfolded. Nothing in it is random, so a stored output that is out of date can be told from a current one.
"""

from __future__ import annotations

import hashlib
import html
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

_STYLE = """
.lb-quiz fieldset { border: 1px solid var(--pst-color-border, #8888); border-radius: 0.4rem; margin: 0 0 1rem;
  padding: 0.6rem 1rem 0.8rem; min-width: 0; }
.lb-quiz legend { float: left; width: 100%; margin: 0.2rem 0 0.5rem; font-size: 1em; font-weight: 600; }
.lb-quiz legend + * { clear: both; }
.lb-quiz label { display: flex; gap: 0.6rem; align-items: baseline; padding: 0.25rem 0; cursor: pointer; }
.lb-quiz input[type=text] { width: 9em; font: inherit; padding: 0.2rem 0.5rem; color: inherit;
  background: var(--pst-color-background, #fff0); border: 1px solid currentColor; border-radius: 0.25rem; }
.lb-quiz button { font: inherit; padding: 0.2rem 0.9rem; margin-left: 0.4rem; color: inherit; cursor: pointer;
  background: var(--pst-color-surface, #8882); border: 1px solid currentColor; border-radius: 0.25rem; }
.lb-quiz:not([data-ready]) button { display: none; }
.lb-quiz p { margin: 0.4rem 0 0; }
.lb-quiz .lb-verdict { font-weight: 600; min-height: 1.5em; }
.lb-quiz [data-state=right] { border-left: 4px solid var(--lb-right, #2f8f4e); }
.lb-quiz [data-state=wrong] { border-left: 4px solid var(--lb-wrong, #c2571a); }
.lb-quiz summary { cursor: pointer; }
"""

_SCRIPT = """
for (const form of document.querySelectorAll('.lb-quiz:not([data-ready])')) {
  form.dataset.ready = 'true';
  const parts = [...form.querySelectorAll('fieldset')];
  const mark = (part, right) => {
    part.dataset.state = right ? 'right' : 'wrong';
    part.querySelector('.lb-verdict').textContent = right ? '\\u2713 Right.' : '\\u2717 Not right. Try again.';
    if (right) part.querySelector('details').open = true;
    const count = parts.filter((one) => one.dataset.state === 'right').length;
    form.querySelector('.lb-score').textContent = `${count} of ${parts.length} right`;
  };
  const check = (part) => {
    const { kind, right, tolerance } = part.dataset;
    if (kind === 'choice') return mark(part, part.querySelector('input:checked').value === right);
    const text = part.querySelector('input').value.trim().replace('\\u2212', '-').replace(',', '.');
    const verdict = part.querySelector('.lb-verdict');
    if (text === '' || Number.isNaN(Number(text))) {
      delete part.dataset.state;
      verdict.textContent = 'Enter a number, such as 0.25.';
    } else mark(part, Math.abs(Number(text) - Number(right)) <= Number(tolerance));
  };
  form.addEventListener('submit', (event) => event.preventDefault());
  // else an arrow key also is a shortcut of JupyterLab
  form.addEventListener('focusin', ({ target }) => target.setAttribute('data-lm-suppress-shortcuts', ''));
  for (const part of parts) {
    if (part.dataset.kind === 'choice') part.addEventListener('change', () => check(part));
    else {
      part.querySelector('button').addEventListener('click', () => check(part));
      part.querySelector('input').addEventListener('keydown', (event) => {
        if (event.key === 'Enter') { event.preventDefault(); check(part); }
      });
    }
  }
}
"""


@dataclass(frozen=True)
class Choice:
    """A question with one right answer among several."""

    question: str
    right: str
    wrong: tuple[str, ...]
    why: str

    def attributes(self, name: str) -> str:
        """What the script needs to mark an answer."""
        return f'data-kind="choice" data-right="{self._order(name).index(self.right)}"'

    def answers(self, name: str) -> str:
        """The answers as radio buttons."""
        return "".join(
            f'<label><input type="radio" name="{name}" value="{number}"><span>{_inline(answer)}</span></label>'
            for number, answer in enumerate(self._order(name))
        )

    def solution(self) -> str:
        """The right answer."""
        return _inline(self.right)

    def _order(self, name: str) -> list[str]:
        # Mixed, but the same on every machine and in every run.
        return sorted([self.right, *self.wrong], key=lambda answer: _digest(name + answer))


@dataclass(frozen=True)
class Number:
    """A question whose answer is a number."""

    question: str
    answer: float
    tolerance: float
    why: str

    def attributes(self, name: str) -> str:
        """What the script needs to mark an answer."""
        return f'data-kind="number" data-right="{self.answer:.12g}" data-tolerance="{self.tolerance:.12g}"'

    def answers(self, name: str) -> str:
        """A field for the number, and the button that checks it."""
        field = f'<input type="text" inputmode="decimal" autocomplete="off" id="{name}" aria-label="Your answer">'
        return f'<div>{field}<button type="button">Check</button></div>'

    def solution(self) -> str:
        """The right answer, with as many digits as are asked for."""
        digits = max(0, math.ceil(-math.log10(self.tolerance)))
        return f"{self.answer:.{digits}f}"


class Quiz:
    """Some questions, shown as a form."""

    def __init__(self, questions: Sequence[Choice | Number]) -> None:
        self.questions = tuple(questions)

    def __repr__(self) -> str:
        return f"<quiz of {len(self.questions)} questions>"

    def _repr_html_(self) -> str:
        name = "quiz-" + _digest("".join(question.question for question in self.questions))
        parts = "".join(_part(q, f"{name}-{n}", n) for n, q in enumerate(self.questions, start=1))
        form = (
            f'<form class="lb-quiz" id="{name}" aria-label="Quiz">{parts}<p class="lb-score" role="status"></p></form>'
        )
        return f"<style>{_STYLE}</style>{form}<script>{_SCRIPT}</script>"


def choice(question: str, *, right: object, wrong: Sequence[object], why: str) -> Choice:
    """A question with one right answer.

    Parameters
    ----------
    question, why
        Text; ``$...$`` is mathematics and backticks are code. `why` is shown with the right answer.
    right, wrong
        The right answer and the others, as text or numbers. Compute them where they can be computed.

    Examples
    --------
    >>> choice("Which is least?", right=min(2, 3), wrong=[3], why="$2 < 3$").right
    '2'
    """
    answers = [str(answer) for answer in (right, *wrong)]
    if len(answers) < 2 or len(set(answers)) < len(answers):
        raise ValueError(f"wrong: got {list(wrong)!r}, expected other answers than {str(right)!r}, each once")
    return Choice(question, answers[0], tuple(answers[1:]), why)


def number(question: str, *, answer: float, tolerance: float = 0.005, why: str) -> Number:
    """A question whose answer is a number, right within `tolerance`.

    Examples
    --------
    >>> number("What is the slope of $r^2$ at 1.5?", answer=2 * 1.5, why="It is $2r$.").solution()
    '3.000'
    """
    if not math.isfinite(answer):
        raise ValueError(f"answer: got {answer!r}, expected a finite number")
    if not (math.isfinite(tolerance) and tolerance > 0):
        raise ValueError(f"tolerance: got {tolerance!r}, expected a positive number")
    return Number(question, float(answer), float(tolerance), why)


def show(*questions: Choice | Number) -> Quiz:
    """The quiz as the output of a cell.

    Examples
    --------
    >>> show(choice("Which is least?", right=2, wrong=[3], why="$2 < 3$"))
    <quiz of 1 questions>
    """
    if not questions:
        raise ValueError("questions: got none, expected at least one")
    for question in questions:
        if not isinstance(question, Choice | Number):
            raise TypeError(f"questions: got {type(question).__name__}, expected what `choice` or `number` return")
    return Quiz(questions)


def _part(question: Choice | Number, name: str, count: int) -> str:
    return (
        f"<fieldset {question.attributes(name)}><legend>{count}. {_inline(question.question)}</legend>"
        f'{question.answers(name)}<p class="lb-verdict" role="status"></p>'
        f"<details><summary>Answer</summary><p><strong>{question.solution()}</strong>. {_inline(question.why)}</p>"
        "</details></fieldset>"
    )


def _inline(text: str) -> str:
    # A notebook typesets it; the site makes MathML of it, see tools/mathematics.py.
    text = html.escape(text, quote=False)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    return re.sub(r"\$([^$]+)\$", r'<span class="mathjax_process">\\(\1\\)</span>', text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
