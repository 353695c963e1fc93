"""What the site carries of others comes with their licenses."""

import re
from importlib import metadata
from pathlib import Path

import pytest

from tools import book, footer, licenses

# What a build makes of files of the packages, or of ours.
MADE = re.compile(
    r"documentation_options\.js|mystnb\.\w+\.css|pygments\.css|site\.css|\w+\.woff|explorer(/.*)?\.(css|js)"
)


def test_every_static_file_is_ours_or_of_a_package_that_is_listed(built: Path) -> None:
    packages = [path.name for name in licenses.PACKAGES for path in metadata.files(name) or []]
    known = {name.removesuffix("_t").removesuffix(".jinja") for name in packages}
    known |= {path.name for path in (book.ROOT / "_static").iterdir()}
    static = built / "_static"
    names = [str(path.relative_to(static)) for path in static.rglob("*") if path.is_file()]
    assert len(names) > 10
    assert [name for name in names if Path(name).name not in known and not MADE.fullmatch(name)] == []


@pytest.mark.parametrize("name", ["index", "chapters/regression"])
def test_every_footer_leads_to_the_licenses_and_the_downloads(built: Path, name: str) -> None:
    page = (built / f"{name}.html").read_text(encoding="utf-8")
    (link,) = re.findall(r'href="([^"]*licenses\.txt)"', page)
    text = ((built / name).parent / link).resolve().read_text(encoding="utf-8")
    for said in ("BSD 3-Clause License", "Attribution 4.0 International", "SIL OPEN FONT LICENSE", *licenses.PACKAGES):
        assert said in text
    for download in footer.DOWNLOADS:
        assert f'href="{book.addresses(book.ROOT)["Homepage"]}{download}"' in page
