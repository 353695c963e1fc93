"""Fonts cut to what the site shows of them, at build time: the same font has the same bytes."""

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def cut(
    font: Path, characters: Iterable[int], mend: Callable[[Any], None] = lambda font: None, **options: Any
) -> bytes:
    """A font with these characters alone, as a browser loads it. `mend` may change it before."""
    from fontTools import subset

    # The time of the build is left out.
    settings = subset.Options(flavor="woff", recalc_timestamp=False, **options)
    drawn = subset.load_font(str(font), settings)
    mend(drawn)
    cutter = subset.Subsetter(settings)
    cutter.populate(unicodes=characters)
    cutter.subset(drawn)
    out = io.BytesIO()
    subset.save_font(drawn, out, settings)
    return out.getvalue()
