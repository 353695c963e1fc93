"""Mathematics as MathML: every formula of every loss converts, and the font has what it needs."""

import re
import unicodedata
from functools import cache
from io import BytesIO, StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx

import lossbook as lb
from tools import mathematics


@cache
def formulas() -> list[str]:
    return sorted({text for loss in lb.losses() for text in (loss.latex, loss.gradient_latex) if text})


@cache
def font() -> TTFont:
    return TTFont(BytesIO(mathematics.font()))


@pytest.mark.parametrize("display", [False, True])
def test_every_formula_of_a_loss_converts_and_the_font_has_its_characters(display: bool) -> None:
    made = {text: mathematics.mathml(text, display) for text in formulas()}
    assert len(made) > len(lb.losses())
    for text, one in made.items():
        # Entities are known to a browser, not to XML.
        tree = ElementTree.fromstring(one.replace("&ApplyFunction;", "").replace("&nbsp;", " "))
        assert tree.tag == "math" and tree.get("display") == ("block" if display else None), text
        assert not list(tree.iter("merror")) and "\\" not in "".join(tree.itertext()), text
    assert set().union(*map(mathematics.letters, made.values())) <= set(font().getBestCmap())


@pytest.mark.parametrize(
    "wrong", [r"\nosuchcommand{x}", r"\frac{1}{2", r"a \\ b & c", r"\begin{nosuch} x \end{nosuch}", "中"]
)
def test_a_wrong_formula_names_itself(wrong: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(wrong))):
        mathematics.mathml(wrong)


@pytest.mark.parametrize(
    ("latex", "grow"),
    [
        (r"\left(x\right)", 0),
        (r"\left(\hat y - y\right)", 0),
        (r"\log{\left(\cosh{\left(r\right)}\right)}", 0),
        (r"\left[\left|r\right| - 1\right]", 2),  # the bars
        (r"\left(x^2\right)", 2),
        (r"\left(\frac{a}{b} \left(x - 1\right)\right)", 2),
        (r"\left\{\begin{matrix}a\\b\end{matrix}\right\}", 2),
    ],
)
def test_brackets_grow_around_what_is_high(latex: str, grow: int) -> None:
    made = mathematics.mathml(latex)
    assert len(re.findall(r"<mo(?! stretchy)[^>]*>[][(){}|]</mo>", made)) == grow, made
    still = mathematics.convert.convert_with_local_state(latex, displaystyle=False)
    assert made.replace(' stretchy="false"', "") == still.replace(' stretchy="false"', "")


def test_a_line_that_goes_on_begins_with_an_operator_and_a_case_with_a_sign() -> None:
    assert '<mo form="infix">+</mo>' in mathematics.mathml(r"\begin{aligned} a ={}& b \\ & + c \end{aligned}")
    assert '<mo form="infix">−</mo>' in mathematics.mathml(r"\begin{aligned} a ={}& b \\ & \quad - c \end{aligned}")
    assert "form=" not in mathematics.mathml(r"\begin{cases} -a & \text{for}\: -b \\ + c & - d \end{cases}")


PAGE = r"""Title
=====

In a line :math:`\delta` and by itself:

.. math:: \begin{cases} a & b \\ c & d \end{cases}

.. raw:: html

   <p><span class="mathjax_process">\(a &lt; b\)</span> and $5</p>
"""


def site(folder: Path, page: str) -> tuple[str, str]:
    """The page that Sphinx makes, and its warnings."""
    (folder / "index.rst").write_text(page)
    said = StringIO()
    settings = {"extensions": ["tools.mathematics"], "html_math_renderer": "mathml"}
    app = Sphinx(folder, None, folder / "out", folder / "trees", "html", settings, status=None, warning=said)
    app.build()
    return (folder / "out" / "index.html").read_text(), said.getvalue()


def test_a_page_shows_every_formula_without_a_script(tmp_path: Path) -> None:
    page, said = site(tmp_path, PAGE)
    assert said == "" and "MathJax" not in page
    assert '<span class="math"><math><mi>δ</mi></math></span>' in page
    assert '<div class="math"><math display="block">' in page
    assert '<p><span class="math"><math><mi>a</mi><mo>&lt;</mo><mi>b</mi></math></span> and $5</p>' in page


@pytest.mark.parametrize(
    ("right", "wrong"),
    [(r"\delta", r"\dleta"), (r"\begin{cases} a", r"\begin{caes} a"), ("a &lt; b", r"a &lt; \dleta")],
)
def test_a_wrong_formula_fails_the_build_and_is_named(tmp_path: Path, right: str, wrong: str) -> None:
    said = site(tmp_path, PAGE.replace(right, wrong))[1]
    assert "index" in said and "WARNING: the formula" in said and "cannot be shown" in said


def test_a_number_that_would_not_be_shown_fails_the_build(tmp_path: Path) -> None:
    assert "has a number" in site(tmp_path, PAGE + "\n.. math:: a = b\n   :label: mine\n")[1]


def test_letters_are_counted_as_they_are_shown() -> None:
    assert mathematics.letters("<math><mi>h</mi><mi>x</mi><mi>Γ</mi><mi>θ</mi><mn>1</mn></math>") == {
        *(0x210E, 0x1D465, 0x1D6E4, 0x1D703),
        ord("1"),
    }
    assert mathematics.letters('<math><mi mathvariant="normal">x</mi><mi>log</mi><mo>&lt;</mo></math>') == set(
        map(ord, "xlog<")
    )


def test_the_font_can_draw_formulas_and_is_made_of_the_same_bytes() -> None:
    made = mathematics.font()
    assert made == mathematics.font() and len(made) < 110_000
    # Every letter and sign that is assigned, and the prime that is to be raised.
    missing = mathematics.CHARACTERS - set(font().getBestCmap()) - set(range(0x1D400, 0x1D800))
    assert {chr(one) for one in missing if unicodedata.category(chr(one)) != "Cn"} <= set("ϓϔϲϳ")
    prime = font()["glyf"][font().getBestCmap()[ord("′")]]
    assert prime.yMin < 100 and prime.yMax > 500
    variants = font()["MATH"].table.MathVariants
    forms = dict(zip(variants.VertGlyphCoverage.glyphs, variants.VertGlyphConstruction, strict=True))
    for sign in "()[]{}√":
        form = forms[font().getBestCmap()[ord(sign)]]
        widths = [font()["hmtx"][one.VariantGlyph][0] for one in form.MathGlyphVariantRecord]
        widths += [font()["hmtx"][one.glyph][0] for one in form.GlyphAssembly.PartRecords]
        # Chromium takes the widest for all: what is larger than 0.2 of the font's size would be seen as a gap.
        assert len(widths) > 3 and max(widths) - widths[0] < 300, (sign, widths)
