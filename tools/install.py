"""Install what requirements.txt pins into this environment, and say where the work is.

python -m tools.install

pip itself says nothing, or three lines about each of 150 packages. Its errors are shown as they are.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install"]
FILE = re.compile(r"\s*(Downloading|Using cached) (\S+?)-\S+ \(([\d.]+) ([MG]B)\)")
LARGE = 20  # MB: a file that one waits for
OFTEN = 25


class Steps:
    """What to tell of pip's lines."""

    def __init__(self, packages: int) -> None:
        self.packages, self.found = packages, 0

    def told(self, line: str) -> str:
        """A line for the reader, or nothing."""
        if line.startswith("Collecting "):
            self.found += 1
            return f"found {self.found} of {self.packages} packages" if self.found % OFTEN == 0 else ""
        if line.startswith("Installing collected packages: "):
            return f"unpacking {line.count(',') + 1} packages"
        file = FILE.match(line)
        if file and (file[4] == "GB" or float(file[3]) >= LARGE):
            return f"{file[1].lower()} {file[2]} ({file[3]} {file[4]})"
        return ""


def install(root: Path) -> int:
    """Install the requirements and the package; the exit status."""
    requirements = root / "requirements.txt"
    steps = Steps(requirements.read_text().count("=="))
    command = [*PIP, "--progress-bar", "off", "-r", str(requirements)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as pip:
        for line in pip.stdout or ():
            if told := steps.told(line):
                print(f"  {told}", flush=True)
    return pip.returncode or subprocess.call([*PIP, "--quiet", "--no-deps", "--no-build-isolation", "-e", str(root)])


if __name__ == "__main__":
    sys.exit(install(ROOT))
