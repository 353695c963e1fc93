"""Figures: theme-aware, described, the same in every run."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import matplotlib.figure
import numpy as np
import pytest

from lossbook import plot


def draw(title="A title"):
    fig, ax = plot.figure(title, xlabel="residual r", ylabel="loss")
    xs = np.linspace(-3, 3, 101)
    ax.plot(xs, xs**2, color=plot.COLORS["loss"], label="square")
    ax.plot(xs, 2 * xs, color=plot.COLORS["gradient"], linestyle=plot.DASHES["gradient"], label="gradient")
    ax.plot([1], [1], "o")
    ax.legend()
    return fig


def test_the_svg_is_described_scalable_and_in_theme_colors():
    shown = plot.picture(draw(), alt='A parabola & its "slope".')
    root = ElementTree.fromstring(shown.svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'A parabola & its "slope".'
    assert root.get("viewBox") == "0 0 432 259.2"
    assert root.get("width") == "100%"
    assert root.get("height") is None
    assert "var(--lb-loss, #0072b2)" in shown.svg
    assert "var(--lb-ink, currentColor)" in shown.svg
    # No color but those that the theme can change, and nothing that speaks to the rest of the page.
    assert set(re.findall(r"(?<!, )#[0-9a-f]{6}\b", shown.svg)) == set()
    assert "<style" not in shown.svg
    assert "<metadata" not in shown.svg
    assert "http" not in shown.svg.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1999/xlink", "")


def test_text_is_text_and_numbers_are_short():
    svg = plot.picture(draw("Words stay words"), alt="x").svg
    assert ">Words stay words</text>" in svg
    tags = re.findall(r"<[^>]+>", svg)
    assert not [tag for tag in tags if re.search(r"\d\.\d{3,}", tag)]
    assert len(svg) < 14_000


def test_every_reference_has_its_target_and_ids_of_two_figures_differ():
    one, two = (plot.picture(draw(), alt=alt).svg for alt in ("first", "second"))
    names = []
    for svg in (one, two):
        ids = re.findall(r' id="([^"]+)"', svg)
        used = {name for pair in re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg) for name in pair if name}
        assert sorted(ids) == sorted(used)
        names += ids
    assert len(names) == len(set(names))


def test_the_same_figure_is_the_same_text_in_another_process():
    code = "import tests.test_plot as t; from lossbook import plot; print(plot.picture(t.draw(), alt='x').svg)"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert other == plot.picture(draw(), alt="x").svg + "\n"


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_a_figure_without_a_description_is_refused(alt):
    with pytest.raises(ValueError, match="alt: got an empty text"):
        plot.picture(draw(), alt=alt)


def test_other_wrong_arguments_are_named():
    with pytest.raises(TypeError, match="alt: got NoneType"):
        plot.picture(draw(), alt=None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="fig: got str, expected a matplotlib Figure"):
        plot.picture("figure", alt="x")  # type: ignore[arg-type]


def test_show_displays_once_and_leaves_nothing_open(capsys):
    import matplotlib.pyplot as plt

    fig = plt.figure()
    fig.subplots().plot([0, 1])
    plot.show(fig, alt="A line.")
    assert capsys.readouterr().out == "Figure: A line.\n"
    assert plt.get_fignums() == []


def test_the_bundle_has_html_and_one_line_of_text():
    bundle = plot.picture(draw(), alt="A\n line.")._repr_mimebundle_()
    assert bundle["text/plain"] == "Figure: A line."
    assert bundle["text/html"].startswith('<figure class="lb-figure"><svg role="img" aria-label="A line."')


def test_columns_share_one_figure():
    fig, (left, right) = plot.figure("Both", columns=2)
    assert isinstance(fig, matplotlib.figure.Figure)
    assert left is not right
    assert ">Both</text>" in plot.picture(fig, alt="x").svg


def luminance(color):
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, two):
    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


def theme_colors():
    from lossbook.explorer import style

    return {
        name: (light, dark)
        for name, light, dark in re.findall(r"--lb-([a-z0-9-]+): light-dark\((#\w{6}), (#\w{6})\)", style())
    }


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_lines_and_text_stand_out_in_both_themes(theme):
    colors = {name: pair[theme] for name, pair in theme_colors().items()}
    assert len(colors) == 15
    for name, color in colors.items():
        if name in ("ink", "muted"):
            assert contrast(color, colors["page"]) >= 4.5, name
            assert contrast(color, colors["soft"]) >= 4.5, name
        elif name not in ("page", "soft", "grid", "zero"):
            assert contrast(color, colors["page"]) >= 3, name


def test_the_figure_and_the_style_sheet_have_the_same_light_colors():
    light = {name.replace("-", ""): pair[0] for name, pair in theme_colors().items()}
    for role, color in plot.COLORS.items():
        if role != "page":  # kept apart from white, which a figure may use for itself
            assert light[role] == color, role


@pytest.mark.parametrize(("level", "light"), [(0.9, True), (0.1, False)])
def test_a_picture_on_a_light_ground_is_marked(level: float, light: bool) -> None:
    fig, ax = plot.figure("A gray square")
    ax.imshow([[level, level], [level, level]], cmap="gray", vmin=0, vmax=1)
    svg = plot.picture(fig, alt="A gray square").svg
    assert svg.count("<image ") == 1 and ('<image class="lb-light" ' in svg) is light
