"""The whole book as one HTML document to be printed: the built pages in order, without what only a screen can do."""

import base64
import posixpath
import re
import tomllib
from html import escape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from bs4 import BeautifulSoup, PageElement, Tag
from pygments.formatters import HtmlFormatter

from lossbook import explorer
from tools import book, mathematics

STYLE = Path(__file__).with_name("paper.css")
PICTURES = book.SITE.relative_to("_build").as_posix()  # from the document
SHORT = 16  # lines of code that stay on one page
# A page number that is not known yet takes the room of one that is.
UNKNOWN = "000"
# What works on a screen alone.
SCREEN = "script, noscript, template, style, iframe, button, input, select, label[for], a.headerlink, .toctree-wrapper"
SCREEN += ", .lb-filter, .lb-actions, .lb-card-links, .lb-entry, .lb-score, .lb-verdict, .backrefs"
# The catalogue would be as long as the chapters: what these or the package have better is left out.
NOT_IN_CATALOGUE = ("Explorer", "Code")
# Most of the marks in code, which say no more than that it is code: the PDF would be twice as large.
PLAIN = re.compile(r'<span class="(?:n|nn|o|p|pre|w)">([^<]*)</span>')
REFERENCE = re.compile(r"url\(#([^)]+)\)")

ABOUT = """\
<section class="lb-page" id="about-this-edition" style="page: front">
<h1>About this edition</h1>
<p>This is the whole book for paper and for a reader without a browser. It has the text of the site at one moment,
made from the same pages.</p>
<ul>
<li>Where the site has an explorer, with sliders and points to drag, this edition has its first picture, and in words
what it shows.</li>
<li>Code that the site folds, such as the set-up of a chapter and what only draws a figure, is not printed. It is in
the notebooks of <a href="{repository}">the repository</a>, and later code may need it.</li>
<li>Solutions of exercises and answers to quizzes are at the end of their chapter. What you are asked to predict before
you look has its answer right below.</li>
<li>The table of a check is printed once. Later ones have only their first line.</li>
<li>The catalogue has neither code nor explorers; both are on the site.</li>
</ul>
<p>Every contents line, cross-reference and citation is a link.</p>
</section>"""


def document(site: Path, root: Path) -> str:
    """The HTML of the book, to be written into the folder `_build`."""
    names = book.pages(root)
    articles = {name: article(site, name, set(names)) for name in names}
    keep_one_report(list(articles.values()))
    parts = [
        head(root, "".join(running_head(name, title(one)) for name, one in articles.items())),
        title_page(root),
        ABOUT.format(repository=book.repository(root)),
        contents(articles, root),
        *(page(name, one) for name, one in articles.items()),
        "</body></html>",
    ]
    return "\n".join(parts)


def head(root: Path, rules: str) -> str:
    """The head of the document with all its styles."""
    settings = yaml.safe_load((root / "_config.yml").read_text())
    font = base64.b64encode(mathematics.font()).decode()
    code = HtmlFormatter(style=settings["sphinx"]["config"]["html_theme_options"]["pygments_light_style"])
    site = (root / "_static" / "lossbook.css").read_text()
    styles = [explorer.style(), site, code.get_style_defs(".highlight"), STYLE.read_text(), rules]
    return f"""<!doctype html>
<html lang="{settings["sphinx"]["config"]["language"]}" data-theme="light"><head><meta charset="utf-8">
<title>{escape(settings["title"])}</title><meta name="author" content="{escape(settings["author"])}">
<style>@font-face {{ font-family: "Book Math"; src: url("data:font/woff;base64,{font}"); }}</style>
<style>{"".join(styles)}</style></head><body>"""


def article(site: Path, name: str, names: set[str]) -> Tag:
    """What a built page says, made ready for paper."""
    soup = BeautifulSoup(PLAIN.sub(r"\1", (site / f"{name}.html").read_text()), "html.parser")
    found = soup.select_one("article.bd-article")
    if found is None:
        raise book.BookError(f"{name}.html has no article")
    collect_answers(soup, found)
    for one in found.select(SCREEN):
        one.decompose()
    caption_explorers(soup, found)
    if name == "catalogue":
        shorten_catalogue(soup, found)
    unfold(soup, found)
    keep_together(found)
    drop_empty(found)
    own_names(found, name, names)
    return found


def collect_answers(soup: BeautifulSoup, found: Tag) -> None:
    """Move the solutions of exercises and the answers to the quiz to the end: nobody should read them by accident."""
    answers: list[Tag] = []
    for number, cell in enumerate(found.select(".cell.tag_hide-cell"), 1):
        answers += [paragraph(soup, f"Exercise {number}"), cell]
    for number, answer in enumerate(found.select(".lb-quiz details"), 1):
        answers += [paragraph(soup, f"Quiz, question {number}"), *answer.find_all("p", recursive=False)]
    for options in found.select(".lb-quiz label"):
        options.name = "p"
        options["class"] = "lb-option"
    if answers:
        section = soup.new_tag("section", id="answers")
        heading = soup.new_tag("h2")
        heading.string = "Solutions and answers"
        section.append(heading)
        for one in answers:
            section.append(one.extract())
        found.append(section)
    for one in found.select(".lb-quiz details, details.hide > summary"):
        one.decompose()
    for cell in found.select(".cell.tag_hide-input details.hide"):
        cell.decompose()


def paragraph(soup: BeautifulSoup, text: str) -> Tag:
    """A line in bold."""
    line = soup.new_tag("p", attrs={"class": "lb-lead"})
    line.string = text
    return line


def caption_explorers(soup: BeautifulSoup, found: Tag) -> None:
    """Say below the picture of an explorer what a screen reader is told: paper has no sliders to find out."""
    for figure in found.select(".lb-explorer > figure"):
        picture = figure.select_one("[aria-label]") or figure.select_one("[alt]")
        if picture is not None:
            caption = soup.new_tag("figcaption")
            caption.string = str(picture.get("aria-label") or picture.get("alt"))
            figure.append(caption)


def shorten_catalogue(soup: BeautifulSoup, found: Tag) -> None:
    """Leave out what each loss need not repeat, and say their properties in a line."""
    for fold in found.select("details"):
        if fold.summary is None or fold.summary.get_text(strip=True) in NOT_IN_CATALOGUE:
            fold.decompose()
        elif fold.parent is not None and fold.parent.name == "section":
            fold.summary.decompose()
    for table in found.select("table:has(th)"):
        if [head.get_text(strip=True) for head in table.select("th")] == ["property", "value"]:
            line = soup.new_tag("p", attrs={"class": "lb-properties"})
            for row in table.select("tbody tr"):
                what, value = row.find_all("td")
                separator = ["; "] if line.contents else []
                line.extend([*separator, *contents_of(what), ": ", *contents_of(value)])
            table.replace_with(line)


def contents_of(cell: Tag) -> list[PageElement]:
    """What stands in a cell of a table."""
    return [part.extract() for part in list((cell.p or cell).children)]


def unfold(soup: BeautifulSoup, found: Tag) -> None:
    """Open what is folded: paper has no arrow to press."""
    for fold in found.select("details"):
        fold.name = "div"
        fold["class"] = " ".join([*fold.attrs.get("class", []), "lb-unfolded"])
        if fold.summary is not None:
            fold.summary.name = "p"


def keep_together(found: Tag) -> None:
    """Mark what no page should break, and let no anchor stand between a heading and what is before it."""
    for code in found.select("pre"):
        if len(code.get_text().splitlines()) <= SHORT:
            code["class"] = "lb-short"
    for anchor in found.select("section > span[id]:empty"):
        heading = anchor.find_next_sibling(["h1", "h2", "h3", "h4"])
        if heading is not None:
            heading.insert(0, anchor.extract())


def keep_one_report(articles: list[Tag]) -> None:
    """Leave the table of a check once in the book, and its first line everywhere else."""
    reports = [one for article in articles[1:] for one in article.select(".lb-report table")]
    for table in [*articles[0].select(".lb-report table"), *reports[1:]]:
        table.decompose()


def drop_empty(found: Tag) -> None:
    """Remove the cells that have nothing left to show."""
    for cell in found.select(".cell, p"):
        if not cell.get_text(strip=True) and not cell.select("svg, img, math"):
            cell.decompose()


def own_names(found: Tag, name: str, names: set[str]) -> None:
    """Give each anchor the name of its page too, and let every link lead to it within the document."""
    for one in found.find_all(True):
        if "id" in one.attrs:
            one["id"] = f"{slug(name)}--{one['id']}"
        one.attrs.pop("title", None)
        for key, value in one.attrs.items():
            if isinstance(value, str) and "url(#" in value:
                one[key] = REFERENCE.sub(rf"url(#{slug(name)}--\1)", value)
            elif key == "xlink:href":
                one[key] = f"#{slug(name)}--{str(value).removeprefix('#')}"
            elif key in ("aria-labelledby", "aria-describedby"):
                one[key] = f"{slug(name)}--{value}"
        if one.name == "img":
            one["src"] = posixpath.normpath(posixpath.join(PICTURES, posixpath.dirname(name), str(one["src"])))
        if one.name == "a" and "href" in one.attrs:
            lead(one, name, names)


def lead(link: Tag, name: str, names: set[str]) -> None:
    """Let a link of a page lead within the document; where the document has no such place, it is text."""
    url = urlsplit(str(link["href"]))
    if url.scheme or url.netloc:
        return
    path = (
        posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(url.path))) if url.path else f"{name}.html"
    )
    target = path.removesuffix(".html")
    if target in names:
        link["href"] = f"#{slug(target)}--{url.fragment}" if url.fragment else f"#{slug(target)}"
    else:
        link.unwrap()


def slug(name: str) -> str:
    """What the anchors of a page begin with."""
    return name.replace("/", "-")


def title(found: Tag) -> str:
    """The title of a page."""
    return text(found.select("section:has(> h1)")[0])


def text(section: Tag) -> str:
    """The words of the heading that a section begins with."""
    heading = section.find(["h1", "h2"])
    assert heading is not None
    return " ".join(heading.get_text().split())


def page(name: str, found: Tag) -> str:
    """A page of the site as a part of the document."""
    return f'<section class="lb-page" id="{slug(name)}" style="page: {slug(name)}">{found.decode_contents()}</section>'


def running_head(name: str, text: str) -> str:
    """The rule that puts the title of a chapter at the head of its pages."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'@page {slug(name)} {{ @top-left {{ content: "{quoted}"; }} }}\n'


def title_page(root: Path) -> str:
    """The first page."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    settings = yaml.safe_load((root / "_config.yml").read_text())
    logo = (root / "_static" / "logo.svg").read_text()
    return f"""<section class="lb-page lb-title" style="page: cover">{logo}
<h1>{escape(settings["title"])}</h1><p class="lb-subtitle">{escape(project["description"])}</p>
<p>{escape(settings["author"])}</p><p>Version {project["version"]}, {settings["copyright"]}</p></section>"""


def contents(articles: dict[str, Tag], root: Path) -> str:
    """The table of contents, in the parts of _toc.yml: a chapter on a line, its sections below in one paragraph."""
    parts = yaml.safe_load((root / "_toc.yml").read_text())["parts"]
    captions = {part["chapters"][0]["file"]: part["caption"] for part in parts}
    lines = []
    for name, one in articles.items():
        if name in captions:
            lines.append(f'<p class="lb-part">{escape(captions[name])}</p>')
        lines.append(f'<p class="lb-chapter">{numbered(slug(name), title(one))}</p>')
        sections = [numbered(str(part["id"]), text(part)) for part in one.select("section:has(> h2)")]
        lines.append(f'<p class="lb-sections">{" ".join(sections)}</p>')
    return f'<nav class="lb-page" id="contents" style="page: front"><h1>Contents</h1>{"".join(lines)}</nav>'


def numbered(anchor: str, said: str) -> str:
    """A link of the contents, with room for the number of a page."""
    number = f'<span class="lb-page-number">{UNKNOWN}</span>'
    return f'<a href="#{anchor}"><span>{escape(said)}</span> {number}</a>'
