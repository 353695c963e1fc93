"""What the tests of explorers share: a page of islands, and what a test asks of it."""

import json
import re
from pathlib import Path

PAGE = """<!doctype html><html lang="en"{attributes}><head><meta charset="utf-8"><title>Explorers</title>
<meta name="viewport" content="width=device-width"><style>body {{ margin: 8px; }} {style}</style>
<script>{script}</script></head>
<body>{islands}</body></html>"""


def data_of(text):
    """The JSON at the end of an island."""
    found = re.search(r'<script type="application/json">(.*?)</script></div>$', text)
    assert found
    return json.loads(found[1])


def samples(page, id, loss):
    return page.evaluate("([id, loss]) => document.getElementById(id).lossbook.samples(loss)", [id, loss])


def state(page, id):
    return page.evaluate("(id) => document.getElementById(id).lossbook.state", id)


def wait_until_saved(page, id):
    """Wait until the address has the present state: it is written a moment after the last change."""
    page.wait_for_function("(id) => location.href === document.getElementById(id).lossbook.url()", arg=id)


def middle(locator):
    """The middle of an element, in pixels of the window."""
    locator.scroll_into_view_if_needed()
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, locator, dx, dy):
    """Drag an element by its middle."""
    x, y = middle(locator)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y + dy, steps=5)
    page.mouse.up()


def finger(page, locator, dx, dy):
    """Drag an element by its middle, with a finger."""
    x, y = middle(locator)
    touch = page.context.new_cdp_session(page)
    for kind, *points in (
        ("touchStart", (x, y)), ("touchMove", (x + dx / 2, y + dy / 2)), ("touchMove", (x + dx, y + dy)), ("touchEnd",),
    ):  # fmt: skip
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": u, "y": v} for u, v in points]})
        page.evaluate("new Promise(requestAnimationFrame)")  # moves are handed on once a frame


def outside(page):
    """What reaches out of the window sideways, or is written too small."""
    return page.evaluate("""() => {
        const out = (b) => b.width && (b.left < 0 || b.right > innerWidth);
        const small = (e) => e.tagName === 'text' && parseFloat(getComputedStyle(e).fontSize) < 12;
        const parts = [...document.querySelectorAll(
            '.lb-plot :is(text, circle, rect, path), .lb-explorer button, .lb-explorer td')];
        const wide = document.documentElement.scrollWidth > innerWidth ? ['the page'] : [];
        return wide.concat(parts.filter((e) => !e.closest('[clip-path], defs') && !e.matches('.lb-hit')
            && (out(e.getBoundingClientRect()) || small(e))).map((e) => e.outerHTML));
    }""")


def violations(visit, address):
    """What axe finds on the light page or the dark one."""
    import axe_playwright_python

    page = visit(address)
    page.add_style_tag(content=f"body {{ background: {'#121417' if 'dark' in address else '#fff'} }}")
    page.evaluate((Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text())
    found = page.evaluate("axe.run({ include: [['.lb-explorer']] }).then((result) => result.violations)")
    return [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]]
