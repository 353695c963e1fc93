"""Paired timing: what is compared runs in turns, so that both sides meet the same machine."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def seconds(action: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def interleave(clocks: Mapping[str, Callable[[], float]], rounds: int, warmup: int = 3) -> dict[str, list[float]]:
    """The seconds that each clock reports in each round.

    Every round asks each clock once, every other round backwards: of two, each follows itself as often as it
    follows the other. The first `warmup` rounds are not counted.
    """
    names = list(clocks)
    times: dict[str, list[float]] = {name: [] for name in names}
    gc.collect()
    gc.disable()
    try:
        for number in range(warmup + rounds):
            for name in names if number % 2 == 0 else names[::-1]:
                elapsed = clocks[name]()
                if number >= warmup:
                    times[name].append(elapsed)
    finally:
        gc.enable()
    return times


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """The median of the paired ratios with their quartiles: ``0.98 (0.96 to 1.01)``."""
    low, middle, high = statistics.quantiles([a / b for a, b in zip(ours, theirs, strict=True)], n=4)
    return f"{_three(middle)} ({_three(low)} to {_three(high)})"


def duration(times: Sequence[float]) -> str:
    """The median time, in a unit that fits: ``12.3 ms``."""
    median = statistics.median(times)
    scale, unit = next((s, u) for s, u in ((1, "s"), (1e3, "ms"), (1e6, "µs")) if median * s >= 1 or u == "µs")
    return f"{_three(median * scale)} {unit}"


def _three(value: float) -> str:
    """Three digits, and no exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The rows as aligned text."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(f"{cell:<{w}}" for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines)
