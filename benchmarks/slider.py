"""One frame of a slider in the browser, against the live notebook's way: `interact` and a matplotlib figure."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

import lossbook as lb
from benchmarks.timing import duration, interleave, ratio, seconds, table
from lossbook import explorer
from tools.browser import FLAGS, MISSING, browser_path

LOSS, OVERLAYS = lb.huber, [lb.mse, lb.mae]
ROUNDS = 15
VALUES = [0.5 + k / 10 for k in range(20)]  # all of them at once in the browser, whose clock is too coarse for one

MOVE_SLIDER = """(values) => {
    const hook = document.querySelector('.lb-explorer').lossbook;
    const input = document.querySelector('.lb-explorer input[type=range]');
    hook.frames.length = 0;  // the explorer notes every frame that it draws
    const begin = performance.now();
    for (const value of values) {
        input.value = value;
        input.dispatchEvent(new Event('input'));
    }
    return [performance.now() - begin, hook.frames.length];
}"""


def run(rounds: int = ROUNDS) -> str:
    """The table of both ways."""
    # Without a kernel, clearing the output of `interact` prints control characters.
    with page() as opened, redirect_stdout(io.StringIO()):
        points = opened.evaluate("document.querySelector('.lb-explorer').lossbook.samples().x.length")
        clocks = {"explorer": explorer_clock(opened)}
        clocks |= {name: interact_clock(make_update()) for name, make_update in LIVE.items()}
        times = interleave(clocks, rounds)
    ours = times["explorer"]
    rows = [["explorer, Chromium", "", duration(ours)]]
    rows += [[name, ratio(ours, times[name]), duration(times[name])] for name in LIVE]
    return "\n".join(
        [
            f"Script time of a slider frame: {LOSS.title}, its gradient and {len(OVERLAYS)} overlays, {points} points.",
            "interact and matplotlib run in process, up to the PNG: the kernel's round trip is not in their time.",
            "What the browser paints after the script is in neither.",
            "",
            table(["way", "explorer/way", "a frame"], rows),
        ]
    )


@contextmanager
def page() -> Iterator[Any]:
    """A static page with one explorer, open in headless Chromium."""
    from playwright.sync_api import sync_playwright

    path = browser_path()
    if path is None:
        raise SystemExit(f"slider: {MISSING}")
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "page.html"
        file.write_text(
            f"<!doctype html><meta charset='utf-8'><style>{explorer.style()}</style>"
            f"<body>{explorer.island(LOSS, OVERLAYS)}<script>{explorer.script()}</script>",
            encoding="utf-8",
        )
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        opened = browser.new_page()
        opened.goto(file.as_uri())
        opened.evaluate("LossBook.startAll()")
        yield opened
        browser.close()


def explorer_clock(opened: Any) -> Callable[[], float]:
    """Seconds of script for one frame of the explorer, from the browser's own clock."""

    def measure() -> float:
        milliseconds, drawn = opened.evaluate(MOVE_SLIDER, VALUES)
        if drawn != len(VALUES):
            raise RuntimeError(f"slider: {drawn} frames were drawn, expected {len(VALUES)}")
        return milliseconds / drawn / 1e3

    return measure


def interact_clock(update: Callable[[float], None]) -> Callable[[], float]:
    """Seconds for one move of a live slider."""
    from ipywidgets import FloatSlider, interactive

    drawn = []

    def draw(delta: float) -> None:
        update(delta)
        drawn.append(delta)

    slider = FloatSlider(1.0, min=0.1, max=5.0, step=0.1)
    interactive(draw, delta=slider)  # draws, and from now on observes the slider
    values = cycle(VALUES)

    def move() -> None:
        slider.value = next(values)

    def measure() -> float:
        drawn.clear()
        elapsed = seconds(move)
        if drawn != [slider.value]:  # `interactive` swallows what its function raises
            raise RuntimeError(f"slider: the values drawn are {drawn}, expected {slider.value}")
        return elapsed

    return measure


def curves(delta: float) -> list[Any]:
    """What both ways draw: the loss, its gradient and the overlays."""
    r = torch.linspace(-3, 3, 401)
    zero = torch.zeros_like(r)
    first = [LOSS(r, zero, delta=delta, reduction="none"), LOSS.gradient(r, zero, delta=delta, reduction="none")]
    return [r, *first, *(other(r, zero, reduction="none") for other in OVERLAYS)]


def new_figure() -> Callable[[float], None]:
    """The usual way: a new figure for every value."""
    from IPython.core.pylabtools import print_figure  # what the inline backend shows a figure with
    from matplotlib.figure import Figure

    def update(delta: float) -> None:
        r, *values = curves(delta)
        figure = Figure()
        axes = figure.add_subplot(ylim=(-3, 6))
        for value in values:
            axes.plot(r, value)
        print_figure(figure)

    return update


def kept_lines() -> Callable[[float], None]:
    """The careful way: one figure, whose lines get new data."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    r, *values = curves(1.0)
    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(ylim=(-3, 6))
    lines = [axes.plot(r, value)[0] for value in values]

    def update(delta: float) -> None:
        for line, value in zip(lines, curves(delta)[1:], strict=True):
            line.set_ydata(value)
        figure.savefig(io.BytesIO(), format="png")

    return update


LIVE = {"interact, a new figure": new_figure, "interact, lines kept": kept_lines}
