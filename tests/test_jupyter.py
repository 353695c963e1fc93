"""JupyterLab and Notebook in a browser: a chapter runs, its sliders move the traits in the kernel, and the traits them.

One server of its own serves both, with settings, kernels and sockets in a folder of their own, and copies of the
notebooks: nothing of the user's is read or written.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest
from explorers import middle
from jupyter_client.blocking.client import BlockingKernelClient

from lossbook.explorer import SCENES
from tools.book import ROOT

FRONTS = {"JupyterLab": "lab/tree", "Notebook": "notebooks"}
CHAPTER = "regression"
SECONDS = 120  # for a step that hangs: on a busy machine a first `import torch` takes its time
# A widget for each scene, whose first slider is not at its end.
WIDGETS = {
    "curve": "lb.huber, [lb.mse]",
    "sample": "lb.mse, [lb.mae], scene='sample', data=[1, 2, 6]",
    "fit": "lb.mse, [lb.mae], scene='fit', data=[[0, 1], [1, 2], [2, 0]]",
    "risk": "lb.hinge, scene='risk'",
    "bars": "lb.cross_entropy, scene='bars'",
    "simplex": "lb.cross_entropy, scene='simplex'",
    "plane": "lb.arcface, [lb.cosface], scene='plane', scale=8.0",
    "densities": "lb.kl_divergence, scene='densities'",
    "mask": "lb.dice, brush=0.5",
    "boxes": "lb.iou",
    "pair": "lb.contrastive",
    "triplet": "lb.triplet_margin",
    "similarity": "lb.info_nce",
    "attention": "lb.damsm_word",
    "walk": "lb.td_error",
    "lattice": "lb.ctc",
}
# What JupyterLab would ask the network for.
SETTINGS = {"@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False}}
# The front end's own hook. Its command is the one behind Run > Run All Cells.
READY = """(path) => {
    const context = window.jupyterapp?.shell.currentWidget?.context;
    return context?.path === path && context.sessionContext.session?.kernel?.status === "idle";
}"""
RUN = "jupyterapp.commands.execute('notebook:run-all-cells')"
CELLS = """[...jupyterapp.shell.currentWidget.content.model.cells].filter((cell) => cell.type === "code")
    .map((cell) => ({ ran: cell.executionCount, outputs: cell.outputs.toJSON() }))"""
# A cell has run before its widget is on the page.
FIND = """(scene) => {
    const found = [...document.querySelectorAll(".lb-explorer")].find((one) => one.lossbook?.scene === scene);
    if (found) found.dataset.found = scene;
    return found;
}"""
STATE = "(one) => one.lossbook.state"
PICTURE = "(one) => one.querySelector('.lb-plot').innerHTML"


@dataclass
class Server:
    """A running Jupyter server."""

    address: str
    runtime: Path

    def kernel(self, notebook: str) -> Path:
        """The connection file of the kernel of an open notebook."""
        with urllib.request.urlopen(f"{self.address}/api/sessions") as answer:
            (found,) = (one["kernel"]["id"] for one in json.load(answer) if one["path"] == notebook)
        return self.runtime / f"kernel-{found}.json"


class Kernel:
    """The kernel of an open notebook, asked from outside the browser."""

    def __init__(self, connection_file: Path) -> None:
        self.client = BlockingKernelClient(connection_file=str(connection_file))
        self.client.load_connection_file()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SECONDS)

    def run(self, code: str, expression: str = "None") -> Any:
        """Run code unseen by the notebook; the value of an expression, as JSON carries it."""
        asked = {"value": f"__import__('json').dumps({expression})"}
        reply = self.client.execute(code, silent=True, user_expressions=asked, reply=True, timeout=SECONDS)["content"]
        assert reply["status"] == "ok", reply
        assert reply["user_expressions"]["value"]["status"] == "ok", reply
        return json.loads(ast.literal_eval(reply["user_expressions"]["value"]["data"]["text/plain"]))

    def widget(self, name: str) -> str:
        """Code that finds the explorer that a page knows by this name."""
        every = "__import__('ipywidgets').widgets.widget._instances.values()"
        return f"[one for one in {every} if getattr(one, 'payload', {{}}).get('id') == {name!r}][-1]"

    def state(self, name: str) -> dict[str, Any]:
        """The traits of an explorer."""
        return self.run(
            f"_one = {self.widget(name)}",
            "{name: getattr(_one, name) for name in [*_one.payload['state'], "
            "*(each['name'] for each in _one.payload['parameters'])]}",
        )

    def set(self, name: str, trait: str, value: Any) -> None:
        """Set a trait of an explorer."""
        self.run(f"{self.widget(name)}.{trait} = {value!r}")


@dataclass
class Notebook:
    """A notebook in a front end."""

    page: Any
    kernel: Kernel
    faults: list[str] = field(default_factory=list)

    def explorer(self, scene: str) -> Any:
        """The live explorer of a scene, in view."""
        self.page.wait_for_function(FIND, arg=scene)
        found = self.page.locator(f"[data-found={scene}]")
        found.scroll_into_view_if_needed()
        return found

    def moved(self, explorer: Any, before: dict[str, Any]) -> dict[str, Any]:
        """The state that page and kernel agree on, once it is another than before."""
        name = explorer.evaluate("(one) => one.lossbook.id")
        return until(
            lambda: self.kernel.state(name), lambda state: state != before and state == explorer.evaluate(STATE)
        )


def until(ask: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
    """Ask until the answer is as wanted."""
    end = time.monotonic() + SECONDS / 4
    while not holds(answer := ask()):
        assert time.monotonic() < end, answer
    return answer


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A Jupyter server with both front ends, on copies of a chapter and a notebook with each scene."""
    # A socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="lossbook-", dir="/tmp") as name:
        folder = Path(name)
        for front in FRONTS:
            (folder / "books" / front).mkdir(parents=True)
            shutil.copy(ROOT / "chapters" / f"{CHAPTER}.ipynb", folder / "books" / front)
        cells = ["import lossbook as lb", *(f"lb.explore({one})" for one in WIDGETS.values())]
        scenes = nbformat.read(ROOT / "chapters" / f"{CHAPTER}.ipynb", as_version=4)
        scenes.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
        nbformat.write(scenes, folder / "books" / "scenes.ipynb")
        for plugin, settings in SETTINGS.items():
            path = folder / "settings" / f"{plugin}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(settings))
        places = {f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
        places |= {f"JUPYTERLAB_{kind}_DIR": str(folder / kind.lower()) for kind in ("SETTINGS", "WORKSPACES")}
        places |= {"IPYTHONDIR": str(folder / "ipython"), "JUPYTER_PREFER_ENV_PATH": "1"}
        command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--port=0"]
        command += ["--IdentityProvider.token=", f"--ServerApp.root_dir={folder / 'books'}"]
        command += ["--LabApp.extension_manager=readonly", "--LabApp.expose_app_in_browser=True"]
        # Kernels that start at once race for ports.
        command += ["--JupyterNotebookApp.expose_app_in_browser=True", "--KernelManager.transport=ipc"]
        with subprocess.Popen(command, env=os.environ | places, stderr=subprocess.PIPE, text=True) as process:
            said: list[str] = []
            alarm = threading.Timer(120, process.kill)
            alarm.start()
            for line in process.stderr or ():
                said.append(line)
                if "http://127.0.0.1:" in line:
                    break
            else:
                pytest.fail("the Jupyter server did not start:\n" + "".join(said))
            alarm.cancel()
            address = said[-1].split()[-1].split("/?")[0].rstrip("/")
            # Read on, or the pipe is full some day and the server waits.
            reader = threading.Thread(target=lambda: said.extend(process.stderr or ()))
            reader.start()
            try:
                yield Server(address, folder / "runtime")
            finally:
                process.terminate()
                reader.join()


def opened(browser: Any, server: Server, front: str, path: str) -> Notebook:
    """A notebook in a browser, all of its cells run."""
    page = browser.new_context(viewport={"width": 1280, "height": 1000}).new_page()
    page.context.set_default_timeout(SECONDS * 1000)
    outside: list[str] = []

    def guard(route: Any) -> None:
        if route.request.url.startswith((server.address, "data:", "blob:")):
            route.continue_()
        else:
            outside.append(f"asked for {route.request.url}")
            route.abort()

    page.route("**/*", guard)
    page.goto(f"{server.address}/{FRONTS[front]}/{path}?reset")  # without what was open before
    page.wait_for_function(READY, arg=path)
    notebook = Notebook(page, Kernel(server.kernel(path)), outside)
    # From here on: what a front end says while it starts is its own affair, and so is a font that it misses.
    page.on("console", lambda said: notebook.faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: notebook.faults.append(str(error)))
    page.evaluate(RUN)
    for cell in page.evaluate(CELLS):
        assert cell["ran"], cell
        assert not [one for one in cell["outputs"] if one["output_type"] == "error"], cell
    return notebook


def closed(notebook: Notebook) -> None:
    """Close a notebook; it must have had no error, and must not have asked the network for anything."""
    notebook.kernel.client.stop_channels()
    notebook.page.context.close()
    assert [fault for fault in notebook.faults if "Failed to load resource" not in fault] == []


@pytest.mark.parametrize("front", FRONTS)
def test_a_chapter_runs_and_a_slider_and_its_trait_move_each_other(browser: Any, server: Server, front: str) -> None:
    notebook = opened(browser, server, front, f"{front}/{CHAPTER}.ipynb")
    page, explorer = notebook.page, notebook.explorer("curve")
    slider = explorer.locator("input[type=range]")
    start = explorer.evaluate(STATE)
    page.mouse.click(*middle(slider))  # which also takes the keyboard from the front end
    clicked = notebook.moved(explorer, start)
    assert clicked["delta"] > 2
    page.keyboard.press("ArrowRight")
    pressed = notebook.moved(explorer, clicked)
    assert pressed["delta"] > clicked["delta"]
    # and the point, dragged
    x, y = middle(explorer.locator(".lb-point"))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 100, y, steps=5)
    page.mouse.up()
    dragged = notebook.moved(explorer, pressed)
    assert dragged["point"] > pressed["point"]
    # the other way round
    before = explorer.evaluate(PICTURE)
    notebook.kernel.set(explorer.evaluate("(one) => one.lossbook.id"), "delta", 0.5)
    page.wait_for_function("(one) => one.lossbook.state.delta === 0.5", arg=explorer.element_handle())
    assert explorer.evaluate(PICTURE) != before
    assert float(slider.input_value()) < 1
    closed(notebook)


@pytest.fixture(scope="module")
def scenes(browser: Any, server: Server) -> Iterator[Notebook]:
    """The notebook with a widget of each scene, in JupyterLab."""
    notebook = opened(browser, server, "JupyterLab", "scenes.ipynb")
    yield notebook
    closed(notebook)


@pytest.mark.parametrize("scene", SCENES)
def test_each_scene_is_live(scenes: Notebook, scene: str) -> None:
    explorer = scenes.explorer(scene)
    name, start = explorer.evaluate("(one) => [one.lossbook.id, one.lossbook.state]")
    sliders = explorer.locator("input[type=range]")
    control = (sliders if sliders.count() else explorer.locator("[role=slider]")).first
    control.press("ArrowUp" if control.get_attribute("aria-orientation") == "vertical" else "ArrowRight")
    moved = scenes.moved(explorer, start)
    changed = [key for key in moved if moved[key] != start[key]]
    assert len(changed) == 1
    before = explorer.evaluate(PICTURE)
    scenes.kernel.set(name, changed[0], start[changed[0]])
    scenes.page.wait_for_function(
        "([one, start]) => JSON.stringify(one.lossbook.state) === JSON.stringify(start)",
        arg=[explorer.element_handle(), start],
    )
    assert explorer.evaluate(PICTURE) != before or scene == "mask"  # the brush is not in the picture
    assert scenes.faults == []


# The least contrast of an explorer's texts with what is behind them.
CONTRAST = """(explorer) => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const channels = (color) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = (color) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
        const part = channels(color)[i] / 255;
        return sum + weight * (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    }, 0);
    const behind = (one) => {
        const color = getComputedStyle(one).backgroundColor;
        return channels(color)[3] === 255 ? color : behind(one.parentElement);
    };
    const texts = [...explorer.querySelectorAll(".lb-axes text, .lb-panel td, .lb-sliders label, button")];
    return Math.min(...texts.map((one) => {
        const style = getComputedStyle(one);
        const both = [light(one.matches("text") ? style.fill : style.color), light(behind(one))];
        return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
    }));
}"""


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_explorers_follow_the_theme_of_jupyterlab(scenes: Notebook, theme: str) -> None:
    scenes.page.evaluate(f"jupyterapp.commands.execute('apputils:change-theme', {{ theme: 'JupyterLab {theme}' }})")
    scenes.page.wait_for_function(f"document.body.dataset.jpThemeName === 'JupyterLab {theme}'")
    for scene in ("curve", "boxes"):
        explorer = scenes.explorer(scene)
        assert explorer.evaluate("(one) => getComputedStyle(one).colorScheme") == theme.lower()
        assert explorer.evaluate(CONTRAST) >= 4.5


def test_every_scene_has_a_widget() -> None:
    assert set(WIDGETS) == set(SCENES)
