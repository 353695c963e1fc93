"""What a reader waits for at first: the import, the first check, the first explorer, against `import torch`."""

import json
import subprocess
import sys

from benchmarks.timing import ROOT, duration, ratio, table

ROUNDS = 5

# Each step in a new process, which also gives the yardstick: torch, imported just before.
STEPS = {
    "import lossbook": "",
    "import lossbook, first check": "lossbook.check(lossbook.huber)",
    "import lossbook, first explorer": "lossbook.explore(lossbook.huber, [lossbook.mse, lossbook.mae]).html",
}
SCRIPT = """
import time
start = time.perf_counter()
import torch
torch_done = time.perf_counter()
import lossbook
{step}
print([torch_done - start, time.perf_counter() - torch_done])
"""


def run(rounds: int = ROUNDS) -> str:
    """The table of all steps."""
    times: dict[str, list[list[float]]] = {name: [] for name in STEPS}
    for number in range(rounds + 1):
        for name, step in STEPS.items():
            measured = in_new_process(SCRIPT.format(step=step))
            if number:  # the first round fills the disk's cache and writes the .pyc files
                times[name].append(measured)
    rows = []
    for name, pairs in times.items():
        of_torch, ours = zip(*pairs, strict=True)
        rows.append([name, ratio(ours, of_torch), duration(ours), duration(of_torch)])
    return "\n".join(
        [
            "Beyond `import torch`, done just before in the same process; at most 0.5 s is wanted for the import.",
            "",
            table(["step", "step/torch", "step", "import torch"], rows),
        ]
    )


def in_new_process(script: str) -> list[float]:
    """What the script prints in its last line."""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"startup: the script failed\n{done.stderr}")
    return list(map(float, json.loads(done.stdout.splitlines()[-1])))
