"""A Sphinx extension: mathematics as MathML, made when the site is built, and the font that it is set in.

A browser shows MathML by itself: without a script, from a file, in print, and read aloud.
"""

import html
import re
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from unicodedata import normalize

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.util import logging

from tools import fonts

FONT = "math.woff"
# What a formula may need: more than the book has today, so that a new chapter seldom adds to it. What is missing fails
# the build.
SIGNS = (
    "¬¯°±´·×÷ˆˇˉ˘˙˚˜¨\u0338‐–—‖‘’“”†‡•…′″‴⁗\u2061\u2062\u2063\u2064\u20d7ℂℊℋℎℏℐℑℒℓℕℙℚℛℜℝℤℬℭℯℰℱℳℴ←↑→↓↔↕↗↘↦⇐⇒⇔⟨⟩⟵⟶⟷⟸⟹⟺"
    "∀∂∃∅∆∇∈∉∋∏∑−∓∖∗∘√∝∞∠∡∣∤∥∦∧∨∩∪∫∬∮∴∶∼≃≅≈≐≔≕≜≟≠≡≤≥≦≧≪≫≺≻⊂⊃⊆⊇⊕⊖⊗⊘⊙⊢⊤⊥⊨⋀⋁⋂⋃⋄⋅⋆⋮⋯⋱⌈⌉⌊⌋⏞⏟"
)
RANGES = [(0x20, 0x7E), (0xA0, 0xA0), (0x391, 0x3C9), (0x3D1, 0x3D6), (0x3F0, 0x3F5)]  # Latin, Greek
RANGES += [(0x1D400, 0x1D467), (0x1D49C, 0x1D4CF), (0x1D538, 0x1D56B), (0x1D6A4, 0x1D6A5), (0x1D6E2, 0x1D755)]
RANGES += [(0x1D7CE, 0x1D7E1)]  # bold and italic, script, double-struck; the same of Greek; numbers
CHARACTERS = set(map(ord, SIGNS)) | {one for first, last in RANGES for one in range(first, last + 1)}
BRACKETS = "()[]{}⌈⌉⌊⌋"
LARGEST = 2400  # in thousandths of the font's size
PRIMES = "′″‴"

# Brackets that grow, the innermost first, around nothing high.
GROWING = r'<mo(?: [lr]space="[^"]*")?>'
HIGH = rf"{GROWING}[(\[)\]]|<m(?:frac|sup|subsup|sqrt|root|table|under|underover)\b"
LOW = re.compile(rf"({GROWING}[(\[])((?:(?!{HIGH}).)*)({GROWING}[)\]])")

# Signs without a shape, such as that for "applied to".
UNSEEN = {0x2061, 0x2062, 0x2063, 0x2064, 0xFE00}
# A line of a formula in several lines begins with what adds it to the line above, and not with a sign.
BROKEN = re.compile(r'(padding-left: 0;">(?:<mspace width="[^"]*"/>)?)<mo>(?=[+−])')

# The italic letter of the mathematical alphabets that stands for a letter; the first where a letter has two.
ITALIC = {normalize("NFKC", chr(one)): one for one in (*range(0x1D71B, 0x1D6E1, -1), *range(0x1D434, 0x1D468), 0x210E)}

# A quiz is HTML: its mathematics is marked, see lossbook/quiz.py.
MARKED = re.compile(r'<span class="mathjax_process">\\\((.+?)\\\)</span>', re.DOTALL)

said = logging.getLogger(__name__)
# \substack is unknown to the converter.
convert = LatexToMathML(fancy_error=False, macros={"substack": r"\begin{subarray}{c}#1\end{subarray}"})


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    app.connect("html-page-context", mathematics_of_html)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def mathml(latex: str, display: bool = False) -> str:
    """A formula as MathML; `ValueError` with the formula where it has what the converter or the font does not know."""
    try:
        made = convert.convert_with_local_state(latex.strip(), displaystyle=display)
    except LatexError as error:
        raise ValueError(f"the formula {latex.strip()!r} cannot be shown: {error}") from None
    if missing := letters(made) - CHARACTERS:
        raise ValueError(f"the formula {latex.strip()!r} has {', '.join(map(chr, missing))}: add to SIGNS")
    return low_brackets(BROKEN.sub(r'\1<mo form="infix">', made))


def low_brackets(made: str) -> str:
    r"""Brackets of `\left` and `\right` keep their size around what is no higher than a line.

    A browser lets them grow by the height of a hat, where TeX allows for a little that sticks out.
    """
    before = ""
    while before != made:
        before, made = made, LOW.sub(lambda pair: fixed(pair[1]) + pair[2] + fixed(pair[3]), made)
    return made


def fixed(bracket: str) -> str:
    """An operator that does not grow."""
    return bracket.replace("<mo", '<mo stretchy="false"', 1)


def visit_math(writer: Any, node: nodes.math) -> None:
    """A formula within a line."""
    writer.body.append(f"{writer.starttag(node, 'span', '', CLASS='math')}{shown(node)}</span>")
    raise nodes.SkipNode


def visit_math_block(writer: Any, node: nodes.math_block) -> None:
    """A formula on a line of its own."""
    if node.get("number"):
        said.warning("the formula has a number, which the site does not show", location=node)
    writer.body.append(f"{writer.starttag(node, 'div', '', CLASS='math')}{shown(node, display=True)}</div>\n")
    raise nodes.SkipNode


def shown(node: nodes.Node, display: bool = False) -> str:
    """The MathML of a node; a formula that cannot be converted fails the build, with its page and line."""
    try:
        return mathml(node.astext(), display)
    except ValueError as error:
        said.warning(str(error), location=node)
        return ""


def mathematics_of_html(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Convert what is marked as mathematics in the HTML that code made."""

    def converted(found: re.Match[str]) -> str:
        try:
            return f'<span class="math">{mathml(html.unescape(found[1]))}</span>'
        except ValueError as error:
            said.warning(str(error), location=page)
            return ""

    context["body"] = MARKED.sub(converted, context.get("body", ""))


def font() -> bytes:
    """STIX Two Math, cut to what formulas need: few machines have a font for mathematics."""
    # Not by an import: the package would start its own typesetting.
    whole = Path(str(distribution("ziamath").locate_file("ziamath/fonts/STIXTwoMath-Regular.ttf")))
    return fonts.cut(whole, CHARACTERS, mend, layout_features=[], hinting=False)


def mend(drawn: Any) -> None:
    """Change the font where Chromium sets it badly.

    It reserves the width of the widest form of a bracket or a root, whichever is drawn: "( r )". So the widest brackets
    go, and a larger one is put together from parts; roots are made as narrow as the smallest. It also takes a prime as
    it stands in a line of text, high and small, and not the one to be raised.
    """
    names = drawn.getBestCmap()
    variants = drawn["MATH"].table.MathVariants
    forms = dict(zip(variants.VertGlyphCoverage.glyphs, variants.VertGlyphConstruction, strict=True))
    for bracket in BRACKETS:
        form = forms[names[ord(bracket)]]
        kept = [one for one in form.MathGlyphVariantRecord if one.AdvanceMeasurement < LARGEST]
        form.MathGlyphVariantRecord, form.VariantCount = kept, len(kept)
    root = forms[names[ord("√")]]
    for one in root.MathGlyphVariantRecord:
        narrow(drawn, [one.VariantGlyph], drawn["hmtx"][names[ord("√")]][0])
    parts = [part.glyph for part in root.GlyphAssembly.PartRecords]
    narrow(drawn, parts, drawn["hmtx"][names[ord("√")]][0])
    raised = {ord(prime): f"{names[ord(prime)]}.ssty" for prime in PRIMES}
    for table in drawn["cmap"].tables:
        if hasattr(table, "cmap"):
            table.cmap.update({prime: name for prime, name in raised.items() if prime in table.cmap})


def narrow(drawn: Any, glyphs: list[str], width: int) -> None:
    """Squeeze glyphs that belong together so that the widest has this width."""
    factor = width / max(drawn["hmtx"][name][0] for name in glyphs)
    for name in glyphs:
        glyph = drawn["glyf"][name]
        glyph.coordinates.scale((factor, 1))
        glyph.coordinates.toInt()
        glyph.recalcBounds(drawn["glyf"])
        drawn["hmtx"][name] = (round(drawn["hmtx"][name][0] * factor), glyph.xMin)


def letters(made: str) -> set[int]:
    """The code points in which a browser shows MathML: a letter that stands alone is an italic one."""
    tokens = re.findall(r"<(mi|mn|mo|mtext)([^>]*)>(.*?)</\1>", made, re.DOTALL)
    shown = {
        ITALIC.get(text, ord(text)) if name == "mi" and len(text) == 1 and "normal" not in attributes else ord(letter)
        for name, attributes, raw in tokens
        for text in [html.unescape(re.sub(r"<[^>]+>", "", raw))]
        for letter in text
    }
    return shown - UNSEEN
