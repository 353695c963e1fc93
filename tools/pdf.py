"""The whole book as one PDF, printed by Chromium: `python -m tools.pdf` (`make pdf`)."""

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pikepdf
import yaml

from tools import book, paper
from tools.browser import FLAGS, MISSING, browser_path

PDF = Path("_build") / "lossbook.pdf"
DOCUMENT = Path("_build") / "lossbook.html"
LEAST = 7.0  # points: smaller letters are hard to read
NO_CHINESE = "no font for Chinese was found, the PDF would have boxes; install one, such as Debian's fonts-noto-cjk"

# A formula that is too wide is broken at its signs, then made smaller until it fits, as a table is. All is measured
# before anything is changed: after each change the browser lays out five hundred pages again. What has to be smaller
# than the least size is told.
FIT = """(least) => {
    const points = (one) => parseFloat(getComputedStyle(one).fontSize) * 72 / 96;
    const share = (one) => {
        const parts = one.localName === "math" ? [...one.children] : [one];
        const boxes = parts.map((part) => part.getBoundingClientRect()).filter((box) => box.width);
        const host = one.closest("td, th, li, dd, .lb-unfolded, .sd-card-body, section") ?? document.body;
        const width = Math.max(...boxes.map((box) => box.right)) - Math.min(...boxes.map((box) => box.left));
        return width / host.clientWidth;
    };
    const wide = (selector, by) => [...document.querySelectorAll(selector)]
        .map((one) => ({one, share: share(one), size: points(one)}))
        .filter((found) => found.share > by);
    const broken = (math) => {
        const lines = [[]];
        const parts = [...math.children];
        for (const [index, part] of parts.entries()) {
            const sign = part.localName === "mo" && ["+", "-", "\u2212"].includes(part.textContent);
            if (sign && index > 2 && parts[index - 1].localName !== "mo") lines.push([]);
            lines.at(-1).push(part);
        }
        return lines.map((line) => {
            const one = math.cloneNode(false);
            one.append(...line);
            return one;
        });
    };
    for (const {one} of wide("math[display=block]", 1.2)) one.replaceWith(...broken(one));
    for (const {one, share, size} of wide("math", 1)) one.style.fontSize = `${size / (1.005 * share)}pt`;
    // words wrap in a table, so its width does not tell what its letters need
    for (let size = 8.75; size >= least; size -= 0.25) {
        for (const {one} of wide("table", 1.001)) one.style.fontSize = `${size}pt`;
    }
    const small = [...document.querySelectorAll("math[style]")].filter((one) => points(one) < least - 0.01);
    return [...small, ...wide("math, table", 1.001).map(({one}) => one)].map((one) => one.textContent.slice(0, 80));
}"""
# A font without Chinese draws every character as the same box.
CHINESE = """() => {
    const drawn = (character) => {
        const canvas = document.createElement("canvas");
        const context = canvas.getContext("2d");
        context.font = `40px ${getComputedStyle(document.documentElement).fontFamily}`;
        context.fillText(character, 5, 60);
        return canvas.toDataURL();
    };
    return drawn("损") !== drawn("失");
}"""
IMAGES = "() => [...document.images].filter((one) => !(one.complete && one.naturalWidth)).map((one) => one.src)"
NUMBER = """(numbers) => {
    for (const link of document.querySelectorAll("#contents a")) {
        link.querySelector(".lb-page-number").textContent = String(numbers[link.hash.slice(1)]);
    }
}"""


def chromium() -> str:
    """The browser that prints."""
    path = browser_path()
    if path is None:
        raise book.BookError(f"The PDF is printed by a browser: {MISSING}.")
    return path


@contextmanager
def laid_out(document: Path) -> Iterator[Any]:
    """The document in Chromium, as it will be printed: what is too wide made to fit, every font and picture there."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page()
        page.emulate_media(media="print", color_scheme="light")
        page.goto(document.as_uri())
        page.evaluate("document.fonts.ready")
        if not page.evaluate(CHINESE):
            raise book.BookError(NO_CHINESE)
        if missing := page.evaluate(IMAGES):
            raise book.BookError(f"pictures are missing: {', '.join(missing)}")
        if wide := page.evaluate(FIT, LEAST):
            raise book.BookError("too wide for paper, even in small letters:\n" + "\n".join(wide))
        yield page
        browser.close()


def printed(page: Any, *, tagged: bool) -> bytes:
    """The PDF of what the browser shows. Tags, for a screen reader, and bookmarks take half of the time."""
    session = page.context.new_cdp_session(page)
    options = {"preferCSSPageSize": True, "printBackground": True, "transferMode": "ReturnAsStream"}
    tags = {"generateTaggedPDF": tagged, "generateDocumentOutline": tagged}
    stream = session.send("Page.printToPDF", options | tags)["stream"]
    whole = io.BytesIO()
    done = False
    while not done:
        part = session.send("IO.read", {"handle": stream, "size": 1 << 22})
        whole.write(base64.b64decode(part["data"]))
        done = part["eof"]
    return whole.getvalue()


def places(pdf: bytes) -> dict[str, int]:
    """The page of every anchor that something links to."""
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        number = {page.obj.objgen: count for count, page in enumerate(opened.pages, 1)}
        return {name.lstrip("/"): number[place[0].objgen] for name, place in opened.Root.Dests.items()}


def finish(pdf: bytes, target: Path, root: Path) -> None:
    """Write the PDF, compressed, with its title and author and without the hour of its making."""
    settings = yaml.safe_load((root / "_config.yml").read_text())
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        del opened.docinfo
        opened.docinfo["/Title"] = settings["title"]
        opened.docinfo["/Author"] = settings["author"]
        opened.save(
            target, object_stream_mode=pikepdf.ObjectStreamMode.generate, recompress_flate=True, deterministic_id=True
        )


def make(root: Path = book.ROOT) -> Path:
    """Bring the site up to date, print it, and return the PDF."""
    chromium()  # told before the site is made
    site = book.make(root)
    book.say("Putting the pages together ...")
    (root / DOCUMENT).write_text(paper.document(site, root))
    with laid_out(root / DOCUMENT) as page:
        book.say("Printing, to learn the page numbers ...")
        numbers = places(printed(page, tagged=False))
        page.evaluate(NUMBER, numbers)
        book.say("Printing with them ...")
        pdf = printed(page, tagged=True)
    if places(pdf) != numbers:
        raise book.BookError("the page numbers moved the pages that they count")
    finish(pdf, root / PDF, root)
    return root / PDF


def main() -> None:
    """The command line."""
    target = make()
    with pikepdf.open(target) as pdf:
        book.say(f"{target}: {len(pdf.pages)} pages, {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    book.command(main)
