"""The quiz: computed answers, the same output in every run, errors that help, and a form that marks."""

import re

import pytest
import torch

from lossbook import quiz


def make() -> quiz.Quiz:
    return quiz.show(
        quiz.choice("Is $a < b$ and `c`?", right="yes & so", wrong=["no", "<b>"], why="because"),
        quiz.number("How much?", answer=torch.tensor(2.5).item(), tolerance=0.01, why="half of 5"),
    )


def test_output_is_the_same_in_every_run() -> None:
    assert make()._repr_html_() == make()._repr_html_()


def test_texts_are_escaped_and_mathematics_is_marked() -> None:
    page = make()._repr_html_()
    assert "yes &amp; so" in page
    assert "&lt;b&gt;" in page
    assert r'<span class="mathjax_process">\(a &lt; b\)</span>' in page
    assert "<code>c</code>" in page


def test_the_right_answer_is_where_the_script_looks() -> None:
    page = make()._repr_html_()
    right = int(re.search(r'data-kind="choice" data-right="(\d+)"', page)[1])  # type: ignore[index]
    answers = re.findall(r'value="(\d+)"><span>(.*?)</span>', page)
    assert dict(answers)[str(right)] == "yes &amp; so"
    assert 'data-right="2.5" data-tolerance="0.01"' in page


def test_the_right_answer_has_no_fixed_place() -> None:
    quizzes = [quiz.show(quiz.choice(f"{n}?", right="a", wrong=["b", "c"], why=""))._repr_html_() for n in range(30)]
    places = {re.search(r'data-right="(\d)"', page)[1] for page in quizzes}  # type: ignore[index]
    assert places == {"0", "1", "2"}


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (lambda: quiz.choice("?", right=1, wrong=[], why=""), "wrong"),
        (lambda: quiz.choice("?", right=1, wrong=[1], why=""), "wrong"),
        (lambda: quiz.number("?", answer=float("nan"), why=""), "answer"),
        (lambda: quiz.number("?", answer=1.0, tolerance=0, why=""), "tolerance"),
        (lambda: quiz.show(), "questions"),
    ],
)
def test_a_question_that_cannot_be_marked_is_refused(fault, named) -> None:
    with pytest.raises(ValueError, match=f"^{named}: got"):
        fault()


def test_something_else_is_refused() -> None:
    with pytest.raises(TypeError, match="questions: got str"):
        quiz.show("What?")  # type: ignore[arg-type]


def test_marks_right_and_wrong_answers(browser) -> None:
    page = browser.new_page()
    page.set_content(make()._repr_html_())
    first, second = page.locator("fieldset").all()
    first.get_by_text("no", exact=True).click()
    assert "Not right" in first.locator(".lb-verdict").inner_text()
    first.get_by_role("radio", name="yes & so").click()
    assert "Right" in first.locator(".lb-verdict").inner_text()
    field = second.get_by_role("textbox")
    for text, verdict in [("2,6", "Not right"), ("much", "Enter a number"), ("2.504", "Right")]:
        field.fill(text)
        field.press("Enter")
        assert verdict in second.locator(".lb-verdict").inner_text()
    assert page.locator(".lb-score").inner_text() == "2 of 2 right"
    page.close()


def test_without_javascript_the_answers_unfold(browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_content(make()._repr_html_())
    page.get_by_text("Answer").first.click()
    assert page.get_by_text("yes & so").last.is_visible()
    assert not page.get_by_role("button").count()
    context.close()
