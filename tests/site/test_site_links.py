"""Every link of every page of the site leads somewhere."""

from pathlib import Path

from tools import links


def test_every_link_within_the_site_leads_somewhere(built: Path) -> None:
    assert links.faults(built) == []
