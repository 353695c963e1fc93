"""The picture that a shared link shows: the title of a page beside its first explorer, drawn from its formula."""

import io
import json
import re
import textwrap
from pathlib import Path
from typing import Any

import matplotlib
from PIL import Image, ImageDraw, ImageFont

import lossbook as lb
from lossbook.explorer.payload import SCENES, make_payload
from lossbook.plot import COLORS

WIDTH, HEIGHT = 1200, 630
LEFT, SPLIT = 56, 450  # where the words begin, and where the picture does
EXPLORER = re.compile(r'<script type="application/json">(\{.*?\})</script>', re.DOTALL)
# What stands for the book's own title, and for one in Chinese: the font that is there on every machine has none.
COURSE = "An interactive course on loss functions"
CHINESE = "\u3000"


def draw(title: str, body: str, path: Path) -> Path:
    """Draw the card of a page with this title and body."""
    path.parent.mkdir(parents=True, exist_ok=True)
    words = COURSE if title == "LossBook" or max(title) > CHINESE else title
    path.write_bytes(card(words, picture(*explorer(body))))
    return path


def explorer(body: str) -> tuple[dict[str, Any], list[lb.Loss]]:
    """The first explorer of a page and its losses; Huber's where there is none."""
    for match in EXPLORER.finditer(body):
        payload = json.loads(match[1])
        if payload.get("scene") in SCENES:
            return payload, [lb.get(one["name"]) for one in payload["losses"]]
    losses = [lb.huber, lb.mse, lb.mae]
    return make_payload(losses[0], losses[1:]), losses


def picture(payload: dict[str, Any], losses: list[lb.Loss]) -> Image.Image:
    """The explorer as it starts, as wide as the card has room."""
    figure, drawn = SCENES[payload["scene"]].picture(payload, losses), io.BytesIO()
    width, height = figure.get_size_inches()
    dots = min((WIDTH - SPLIT - 30) / width, (HEIGHT - 60) / height)
    figure.savefig(drawn, format="png", dpi=dots, facecolor="white", transparent=False)
    return Image.open(drawn).convert("RGB")


def card(title: str, beside: Image.Image) -> bytes:
    """The card as a small PNG that is the same in every build."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    image.paste(beside, (WIDTH - 30 - beside.width, (HEIGHT - beside.height) // 2))
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, 16, HEIGHT), fill=COLORS["loss"])
    pen.text((LEFT, 56), "LossBook", COLORS["loss"], font(34))
    lines = textwrap.wrap(title, 15, break_long_words=False)
    words = font(min(48, int(44 * 13 / max(map(len, lines)))))
    pen.multiline_text((LEFT, HEIGHT / 2), "\n".join(lines), COLORS["ink"], words, anchor="lm", spacing=14)
    pen.text((LEFT, HEIGHT - 56), "Every formula runs", COLORS["muted"], font(24, ""), anchor="ls")
    small = io.BytesIO()
    image.quantize(64).save(small, "png", optimize=True)
    return small.getvalue()


def font(size: float, style: str = "-Bold") -> ImageFont.FreeTypeFont:
    """The font of the words."""
    return ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans{style}.ttf", size)
