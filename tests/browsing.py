"""What the tests of the built site share: a page in Chromium that is watched and kept from the network."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Read = Callable[..., Any]  # the fixture `read`

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
TABLET, DESKTOP = {"width": 820, "height": 1180}, {"width": 1440, "height": 900}
QUIET = """async () => {
    await document.fonts.ready;
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    for (const one of document.getAnimations()) one.finish();  // else a text may be half faded in
}"""
# What reaches out of the window sideways, unless it is in a box that scrolls; also far below.
OVERFLOWING = """() => {
    for (const one of document.querySelectorAll("section")) one.style.contentVisibility = "visible";
    const edge = document.documentElement.clientWidth + 1;
    const scrolls = (one) => one && one !== document.body
        && (["auto", "scroll"].includes(getComputedStyle(one).overflowX) || scrolls(one.parentElement));
    const wide = document.documentElement.scrollWidth > edge ? ["the page"] : [];
    for (const one of document.querySelectorAll("body *")) {
        const box = one.getBoundingClientRect();
        const outside = box.width && (box.right > edge || box.left < -1);
        const aside = one.closest("svg *, math *, .sr-only, .skip-link");
        if (outside && !aside && one.checkVisibility({ visibilityProperty: true }) && !scrolls(one.parentElement)) {
            wide.push(`${one.tagName}.${one.className} ${Math.round(box.left)}..${Math.round(box.right)}`);
        }
    }
    return wide;
}"""


@dataclass
class Opened:
    """A page in the browser, where its site is, what it loaded, and what went wrong."""

    page: Any
    root: str
    loaded: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def prepare(self, theme: str) -> None:
        """Watch the page, and keep it from the network; without a theme it is a first visit."""
        page = self.page
        page.context.set_default_timeout(30_000)
        if theme:
            page.add_init_script(f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')")
        page.route("**/*", self.guard)
        page.on("console", lambda said: self.faults.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("response", lambda got: self.faults.append(f"{got.status} {got.url}") if got.status >= 400 else None)
        page.on("response", lambda got: self.loaded.add(got.url))

    def guard(self, route: Any) -> None:
        """Let through what is of the site."""
        if route.request.url.startswith((self.root, "data:", "blob:")):
            route.continue_()
        else:
            self.faults.append(f"asked for {route.request.url}")
            route.abort()


def settle(page: Any) -> None:
    """Wait until the page stands still."""
    page.evaluate(QUIET)
