"""The lattice scene: the probabilities of some frames, all paths that read as a text, and what CTC makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from lossbook import plot
from lossbook.explorer import still
from lossbook.explorer.scene import Payload, Scene, choice, start, vector
from lossbook.loss import Loss

CLASSES = "–ab"  # the first is the blank
FRAMES = 5
TEXTS = ("a", "ab", "aa", "aba")
LEAST, MOST = 0.02, 0.96  # of a probability that is dragged


def _frames(path: str, most: float = 0.88) -> list[list[float]]:
    """A frame for each class of a path, nearly certain of it."""
    rest = (1 - most) / (len(CLASSES) - 1)
    return [[round(most if name == one else rest, 2) for name in CLASSES] for one in path]


CASES = {
    "unsure": [[1 / 3] * 3] * FRAMES,
    "clearly ab": _frames("a––b–"),
    "clearly ba": _frames("–b–a–"),
}


def _payload(losses: Sequence[Loss], parameters: list[Payload]) -> Payload:
    flat = {name: [one for row in rows for one in row] for name, rows in CASES.items()}
    return {
        "state": {
            "probabilities": vector(flat["unsure"], [(0.001, 1)] * (FRAMES * len(CLASSES)), key="p"),
            "text": choice("ab", TEXTS),
        },
        "classes": list(CLASSES),
        "frames": FRAMES,
        "texts": TEXTS,
        "limits": [LEAST, MOST],
        "cases": flat,
    }


def normalized(probabilities: Sequence[float]) -> np.ndarray:
    """The frames as distributions: (T, C)."""
    p = np.reshape(probabilities, (-1, len(CLASSES)))
    return p / p.sum(1, keepdims=True)


def states_of(text: str) -> str:
    """Blank, first letter, blank, second letter, ..., blank."""
    return CLASSES[0] + "".join(letter + CLASSES[0] for letter in text)


def paths(p: np.ndarray, text: str) -> tuple[float, np.ndarray, np.ndarray]:
    """Loss, share of each state in each frame (T, states), share of each step (T - 1, states, states)."""
    from lossbook.sequence import ctc, ctc_forward

    log_p = torch.from_numpy(p).log()
    letters = torch.tensor([CLASSES.index(letter) for letter in text])
    lengths = torch.tensor(len(p)), torch.tensor(len(text))
    loss = ctc(log_p, letters, *lengths, reduction="sum").item()
    before = ctc_forward(log_p, letters, *lengths).exp().numpy()
    after = ctc_forward(log_p.flip(0), letters.flip(0), *lengths).exp().flip(0, 1).numpy()
    names = states_of(text)
    here = p[:, [CLASSES.index(name) for name in names]]
    total = np.exp(-loss) or 1.0
    steps = before[:-1, :, None] * after[1:, None, :] / total
    return loss, before * after / here / total, steps * _allowed(names)


def _allowed(names: str) -> np.ndarray:
    """From which state to which a path may go."""
    found = np.eye(len(names)) + np.eye(len(names), k=1)
    for s in range(2, len(names)):
        found[s - 2, s] = names[s] not in (CLASSES[0], names[s - 2])
    return found


def _picture(payload: Payload, losses: Sequence[Loss]) -> Any:
    p, text = normalized(start(payload, "probabilities")), start(payload, "text")
    loss, nodes, steps = paths(p, text)
    names = states_of(text)
    occupancy = np.stack([nodes[:, [i for i, one in enumerate(names) if one == name]].sum(1) for name in CLASSES], 1)
    fig, axes = plot.figure(columns=3, width=8.4, height=3.4)
    for ax, title, matrix, low, role in (
        (axes[0], "probabilities", p.T, 0.0, "loss"),
        (axes[2], "push: −gradient", (occupancy - p).T, -1.0, "gradient"),
    ):
        still.cells(ax, title, matrix, matrix, low, [role], true=False)
        ax.set_yticks(range(len(CLASSES)), CLASSES)
    ax = axes[1]
    for (t, a, b), share in np.ndenumerate(steps):
        if share > 0:
            ax.plot([t, t + 1], [a, b], color=plot.COLORS["loss"], alpha=0.35, linewidth=8 * share)
    for (t, s), share in np.ndenumerate(nodes):
        ax.scatter([t], [s], s=400 * share, color=plot.COLORS["gradient"], linewidths=0, zorder=3)
    ax.set_title(f"“{text}”: loss {loss:.2f}", fontsize=13, fontweight="normal")
    ax.set(xlim=(-0.5, len(p) - 0.5), ylim=(len(names) - 0.5, -0.5))
    ax.set_xticks(range(len(p)), range(1, len(p) + 1))
    ax.set_yticks(range(len(names)), names)
    ax.xaxis.tick_top()
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
    return fig


SCENE = Scene(
    "lattice",
    _payload,
    _picture,
    describe="Probabilities of a blank and two letters in {frames} frames, the lattice of all paths that read as a "
    "text, and how {title} pushes each probability",
    summary=", lattice",
    variables=(("a1", "b1", "a2", "b2"),),
    draws="CTC",
    fits=lambda loss: loss.takes.scene == "lattice",
    needs=("cells",),
)
