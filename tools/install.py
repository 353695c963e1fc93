"""Install what requirements.txt pins into this environment, and say where the work is.

python -m tools.install            with NEWEST=1 in the environment: the newest releases instead of the pins
python -m tools.install compare    what is installed and differs from the pins

pip itself says nothing, or three lines about each of 150 packages. Its errors are shown as they are.
"""

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install"]
FILE = re.compile(r"\s*(Downloading|Using cached) (\S+?)-\S+ \(([\d.]+) ([MG]B)\)")
PIN = re.compile(r"^([\w.-]+)==(\S+)$", re.MULTILINE)
JUDGES = ("mypy", "ruff")
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


def newest(requirements: str) -> str:
    """The packages that are chosen, without their versions; pip finds what they bring along."""
    chosen = requirements.partition("# what these bring along")[0]
    # What judges the style of code keeps its version: a new rule of theirs says nothing of the book.
    free = PIN.sub(lambda line: line[0] if line[1] in JUDGES else line[1], chosen)
    # Jupyter Book 2 is another program.
    return free.replace("jupyter-book\n", "jupyter-book<2\n")


def differences(requirements: str) -> list[str]:
    """Each package of which another version is installed than the pin says; packages that nothing needs any more."""
    found = []
    for name, pin in PIN.findall(requirements):
        try:
            version = metadata.version(name).partition("+")[0]  # torch for the CPU is 2.13.0+cpu
        except metadata.PackageNotFoundError:
            version = "not installed"
        if version != pin:
            found.append(f"- {name} {version} (the pin is {pin})")
    return found


def install(root: Path) -> int:
    """Install the requirements and the package; the exit status."""
    requirements = root / "requirements.txt"
    text = requirements.read_text()
    if os.environ.get("NEWEST") == "1":
        text = newest(text)
        requirements = root / "_build" / "newest.txt"
        requirements.parent.mkdir(exist_ok=True)
        requirements.write_text(text)
    steps = Steps(len(re.findall(r"^\w", text, re.MULTILINE)))
    command = [*PIP, "--progress-bar", "off", "-r", str(requirements)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as pip:
        for line in pip.stdout or ():
            if told := steps.told(line):
                print(f"  {told}", flush=True)
    return pip.returncode or subprocess.call([*PIP, "--quiet", "--no-deps", "--no-build-isolation", "-e", str(root)])


if __name__ == "__main__":
    if sys.argv[1:] == ["compare"]:
        print("\n".join(differences((ROOT / "requirements.txt").read_text())))
    else:
        sys.exit(install(ROOT))
