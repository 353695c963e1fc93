"""Whether the site is as quick, light and open to all as it promises: `make audit` measures it, and passes or fails.

- What each page weighs for a browser with an empty cache, compressed, figures apart.
- Lighthouse with its settings for a phone (a slow network and a four times slower processor, simulated), on the front
  page and the heaviest chapters, three times each; the median counts. The site is served as a host of static pages
  does it, see tools/serve.py. Whatever else runs on the machine spoils the performance score.
- axe on every page, in light and dark; what is wider than a phone; what asks the network: those tests of the site.

Every report is kept in `_build/audit`.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tools import book, weight
from tools.browser import FLAGS, MISSING, browser_path
from tools.serve import serve
from tools.weight import Weight

FOLDER = Path("_build") / "audit"
LIGHTHOUSE = Path("tools") / "lighthouse"
LEAST = {"performance": 95, "accessibility": 100, "best-practices": 95, "seo": 95}
METRICS = {
    "first-contentful-paint": "first paint",
    "largest-contentful-paint": "largest paint",
    "total-blocking-time": "blocked",
    "cumulative-layout-shift": "shift",
    "speed-index": "speed index",
}
RUNS = 3
CHAPTERS = 3
PHONE: Any = {"width": 412, "height": 823}
BUSY = 1000  # Lighthouse's measure of the machine; a desktop computer at rest has 1,500 and more
TESTS = "axe or overflows or without_the_network"


@dataclass(frozen=True)
class Measured:
    """What Lighthouse said of a page."""

    page: str
    reports: list[dict[str, Any]]

    @property
    def scores(self) -> dict[str, int]:
        """The median score of each category, of 100."""
        return {
            name: round(statistics.median(100 * (report["categories"][name]["score"] or 0) for report in self.reports))
            for name in LEAST
        }

    @property
    def metrics(self) -> dict[str, float]:
        """The median of each figure that makes the performance score, times in milliseconds."""
        return {
            name: statistics.median(report["audits"][name]["numericValue"] for report in self.reports)
            for name in METRICS
        }

    @property
    def machine(self) -> float:
        """How quick the machine was in its slowest run."""
        return min(report["environment"]["benchmarkIndex"] for report in self.reports)

    @property
    def missed(self) -> list[str]:
        """The categories below what is promised."""
        return [name for name, score in self.scores.items() if score < LEAST[name]]

    def reasons(self) -> Iterable[str]:
        """The audits that cost points in a category that fails, with what they are about."""
        for name in self.missed:
            # the run whose score is the median
            report = sorted(self.reports, key=lambda one: one["categories"][name]["score"] or 0)[len(self.reports) // 2]
            for one in report["categories"][name]["auditRefs"]:
                audit = report["audits"][one["id"]]
                if one["weight"] and audit["score"] is not None and audit["score"] < 0.9:
                    yield f"{name}: {audit['id']}, {audit.get('displayValue') or audit['title']}"
                    yield from (f"    {about(item)}" for item in audit.get("details", {}).get("items", [])[:10])


def about(item: dict[str, Any]) -> str:
    """One item of an audit in a line: the element, the address, or what there is."""
    node = item.get("node") or {}
    return (node.get("snippet") or item.get("url") or json.dumps(item))[:160]


def need(*commands: str) -> None:
    """Stop unless these commands are there."""
    absent = [command for command in commands if shutil.which(command) is None]
    if absent:
        sys.exit(f"make audit needs Node 20 or newer and npm for Lighthouse; not found: {', '.join(absent)}")


def install(root: Path) -> Path:
    """Lighthouse, as its lock file says, under `_build/audit`; once."""
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    lock = (root / LIGHTHOUSE / "package-lock.json").read_text()
    done = folder / "node_modules" / ".lock"
    if not done.exists() or done.read_text() != lock:
        book.say("Installing Lighthouse (once) ...")
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(root / LIGHTHOUSE / name, folder)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True)
        done.write_text(lock)
    return folder / "node_modules" / "lighthouse" / "cli" / "index.js"


def weights(site: Path, address: str, names: Iterable[str], browser: str) -> dict[str, Weight]:
    """The weight of each page, opened on a phone with an empty cache."""
    from playwright.sync_api import sync_playwright

    found = {}
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        for name in names:
            page = chromium.new_context(viewport=PHONE).new_page()
            loaded: set[str] = set()
            page.on("response", partial(note, loaded))
            page.goto(f"{address}/{name}.html", wait_until="networkidle")
            found[name] = weight.weigh(site, (url for url in loaded if url.startswith(address)))
            page.context.close()
        chromium.close()
    return found


def note(loaded: set[str], response: Any) -> None:
    """Remember what was loaded."""
    loaded.add(response.url)


def heaviest(found: dict[str, Weight], count: int) -> list[str]:
    """The chapters that weigh most, figures included."""
    chapters = [name for name in found if name.startswith("chapters/")]
    return sorted(chapters, key=lambda name: -found[name].total - found[name].figures / 1000)[:count]


def measure(lighthouse: Path, address: str, name: str, browser: str) -> Measured:
    """What Lighthouse says of a page, several times."""
    reports = []
    for run in range(RUNS):
        out = lighthouse.parents[3] / f"{name.replace('/', '-')}-{run + 1}.json"
        command = ["node", str(lighthouse), f"{address}/{name}.html", "--quiet", "--no-enable-error-reporting"]
        command += ["--output=json", f"--output-path={out}", f"--only-categories={','.join(LEAST)}"]
        command += [f"--chrome-flags={' '.join(['--headless=new', *FLAGS])}"]
        subprocess.run(command, env={**os.environ, "CHROME_PATH": browser}, check=True)
        reports.append(json.loads(out.read_text()))
    return Measured(name, reports)


def table(rows: list[list[str]]) -> str:
    """Text in columns; the first row is the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def of_weights(found: dict[str, Weight]) -> tuple[str, bool]:
    """What the heaviest pages consist of, and whether all are light enough."""
    pages = sorted(found, key=lambda name: -found[name].total)
    text = "\n".join(f"  {name}: {found[name]}" for name in pages[:6])
    heavy = [name for name in pages if found[name].total > weight.LIMIT]
    verdict = f"too heavy: {', '.join(heavy)}" if heavy else f"none of {len(pages)} pages is heavier"
    return f"Weight, at most {weight.LIMIT} KB without figures: {verdict}\n{text}", not heavy


def of_lighthouse(measured: list[Measured]) -> tuple[str, bool]:
    """The scores of each page, why a score is missed, and whether all are good enough."""
    rows = [
        ["median of three", *LEAST, *METRICS.values()],
        ["at least", *map(str, LEAST.values()), *[""] * len(METRICS)],
    ]
    for one in measured:
        shown = [f"{value:.3f}" if "shift" in name else f"{value:.0f} ms" for name, value in one.metrics.items()]
        rows.append([one.page, *map(str, one.scores.values()), *shown])
    lines = ["Lighthouse, mobile, simulated; served compressed, HTTP/1.1, cached for ten minutes", table(rows)]
    for one in measured:
        lines += [f"  {one.page}: {reason}" for reason in one.reasons()]
    slow = min(one.machine for one in measured)
    if slow < BUSY:
        lines.append(
            f"  The machine was busy or is slow (benchmark {slow:.0f}, at rest 1,500 and more): measure again."
        )
    return "\n".join(lines), not any(one.missed for one in measured)


def of_tests(root: Path) -> tuple[str, bool]:
    """The tests of every page that stand for the rest."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadscope", "-k", TESTS]
    done = subprocess.run([*command, "tests/site/test_site.py"], cwd=root, env={**os.environ, "CI": "true"})
    verdict = "something was found (see above)" if done.returncode else "nothing found"
    return f"axe in light and dark, overflow, requests to the network, on every page: {verdict}", done.returncode == 0


def main(root: Path = book.ROOT) -> None:
    """The command line."""
    need("node", "npm")
    browser = browser_path() or sys.exit(MISSING)
    lighthouse = install(root)
    site = book.make(root)
    with serve(site) as address:
        book.say("Weighing every page ...")
        found = weights(site, address, [*book.pages(root), "search", "genindex"], browser)
        measured = []
        for name in ["index", *heaviest(found, CHAPTERS)]:
            book.say(f"Lighthouse on {name}, {RUNS} times ...")
            measured.append(measure(lighthouse, address, name, browser))
    book.say("Looking at every page, light and dark ...")
    told = [of_tests(root), of_weights(found), of_lighthouse(measured)]
    book.say("\n\n" + "\n\n".join(text for text, _ in told))
    if not all(good for _, good in told):
        sys.exit("\nThe audit failed.")
    book.say("\nThe audit passed.")


if __name__ == "__main__":
    book.command(main)
