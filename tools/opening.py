"""A Sphinx extension: how a chapter opens, and the frame of a loss's card.

The sources are plain Markdown: a title, "After this chapter you will be able to" with a list, "About 25 minutes ...".
On the site the list and the line below it are one box, and above the title stands the part of the book with the
minutes. Cards are told by their first line, see lossbook/card.py.
"""

import html
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

OBJECTIVES = "After this chapter you will be able to"
MINUTES = re.compile(r"^About (\d+) minutes\b", re.MULTILINE)
CARD = re.compile(r"lossbook\.(\w+)")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("doctree-read", open_chapter)
    app.connect("doctree-read", frame_cards)
    app.connect("html-page-context", name_part)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def minutes(text: str) -> int | None:
    """How long a chapter takes to read, as it says."""
    found = MINUTES.search(text)
    return int(found[1]) if found else None


def objectives(text: str) -> list[str]:
    """What a reader will be able to do, as the chapter says."""
    _, _, rest = text.partition(f"\n{OBJECTIVES}\n\n")
    return re.findall(r"^- (.+)$", rest.partition("\n\n")[0], re.MULTILINE)


def open_chapter(app: Sphinx, tree: nodes.document) -> None:
    """Put the objectives, the minutes and what is needed into one box."""
    for first in tree.findall(nodes.paragraph):
        if first.astext() == OBJECTIVES and first.parent is not None:
            section, place = first.parent, first.parent.index(first)
            after = section.children[place + 1 : place + 3]
            if [type(one) for one in after] != [nodes.bullet_list, nodes.paragraph]:
                found = ", ".join(type(one).__name__ for one in after) or "nothing"
                expected = "a list and then a paragraph with the minutes"
                raise ValueError(f"{app.env.docname}: after {OBJECTIVES!r} got {found}, expected {expected}")
            listed, told = after
            told["classes"].append("lb-needs")
            box = nodes.container("", first, listed, told, is_div=True, classes=["lb-opening"])
            section.children[place : place + 3] = [box]
            box.parent = section
            return


def frame_cards(app: Sphinx, tree: nodes.document) -> None:
    """Give each card a frame, a name to link to, and the link."""
    for start in [one for one in tree.findall(nodes.paragraph) if named(one)]:
        name, around = named(start), start.parent
        place = around.index(start)
        rest = around.children[place:]
        ends = [i for i, one in enumerate(rest) if i and (named(one) or isinstance(one, nodes.section))]
        inside = rest[: ends[0]] if ends else rest
        card = nodes.container("", *inside, is_div=True, classes=["lb-card"], ids=[anchor(name)])
        around.children[place : place + len(inside)] = [card]
        card.parent = around
        start["classes"].append("lb-card-name")
        start += nodes.raw("", links(app, name), format="html")


def named(node: nodes.Node) -> str:
    """The loss whose card begins here; nothing anywhere else."""
    words = [one for one in node.children if one.astext()] if isinstance(node, nodes.paragraph) else []
    if len(words) < 3 or not (isinstance(words[0], nodes.strong) and isinstance(words[-1], nodes.literal)):
        return ""
    found = CARD.fullmatch(words[-1].astext())
    return found[1] if found else ""


def anchor(name: str) -> str:
    """The stable name of a card on its page."""
    return f"card-{name}"


def links(app: Sphinx, name: str) -> str:
    """To the card itself, and to the entry of the catalogue."""
    import lossbook as lb
    from tools.catalogue import anchor as entry

    title = html.escape(lb.get(name).title)
    there = f"{app.builder.get_relative_uri(app.env.docname, 'catalogue')}#{entry(lb.get(name))}"
    here = f'<a class="lb-here" href="#{anchor(name)}" aria-label="Link to this card: {title}">Link to this card</a>'
    return f' <span class="lb-card-links"><a href="{there}">Code and explorer</a> {here}</span>'


def name_part(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Above the title of a chapter: the part of the book, and the minutes."""
    from tools.book import source
    from tools.front import LOOK_UP, parts

    root = Path(app.srcdir)
    part = next((name for name, chapters in parts(root) if page in chapters), LOOK_UP)
    if part == LOOK_UP or "<h1>" not in context.get("body", ""):
        return
    time = minutes(source(page, root))
    line = html.escape(part) + (f" · {time} minutes" if time else "")
    context["body"] = context["body"].replace("<h1>", f'<p class="lb-kicker">{line}</p>\n<h1>', 1)
