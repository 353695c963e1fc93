"""The Firefox that readers have, driven by WebDriver BiDi: the W3C's protocol, which it speaks itself on a websocket.

Playwright drives Chromium; of Firefox it needs a build of its own, or a newer one than Debian's.
"""

import itertools
import json
import re
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

import websocket
from browsing import QUIET

SETTINGS = {
    # The protocol's own settings would let a page from the disk read its neighbors, which a reader's may not.
    "remote.prefs.recommended": False,
    # The network is off: everything but this machine is asked of a proxy that is not there.
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    # A first start that asks nothing, and input that counts at once and without a window in front.
    "browser.aboutwelcome.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "termsofuse.bypassNotification": True,
    "dom.input_events.security.minNumTicks": 0,
    "dom.input_events.security.minTimeElapsedInMS": 0,
    "focusmanager.testmode": True,
}
KEYS = {
    "Escape": "\ue00c", "Enter": "\ue007", "Tab": "\ue004", "Shift": "\ue008", "Control": "\ue009",
    "PageUp": "\ue00e", "PageDown": "\ue00f", "End": "\ue010", "Home": "\ue011",
    "ArrowLeft": "\ue012", "ArrowUp": "\ue013", "ArrowRight": "\ue014", "ArrowDown": "\ue015",
}  # fmt: skip
LOADED = """async () => {
    if (document.readyState === "complete") return;
    await new Promise((done) => window.addEventListener("load", done, { once: true }));
}"""
# Arguments and results travel as JSON, which both sides can write and read.
CALL = "async (given) => JSON.stringify(await ({function})(...JSON.parse(given)) ?? null)"


class Firefox:
    """A headless Firefox with one tab."""

    def __init__(self, path: str) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="firefox-", ignore_cleanup_errors=True)
        profile = Path(self.folder.name)
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in SETTINGS.items()]
        (profile / "user.js").write_text("".join(lines))
        self.process = subprocess.Popen(
            [path, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stderr
        said = []
        alarm = threading.Timer(60, self.process.kill)
        alarm.start()
        for line in self.process.stderr:
            said.append(line)
            if found := re.search(r"WebDriver BiDi listening on (\S+)", line):
                break
        else:
            raise RuntimeError("Firefox did not start:\n" + "".join(said))
        alarm.cancel()
        threading.Thread(target=self.process.stderr.read, daemon=True).start()  # else it would wait for a reader
        # Firefox refuses a socket that says which page it is from.
        self.socket = websocket.create_connection(f"{found[1]}/session", timeout=60, suppress_origin=True)
        self.numbers = itertools.count()
        self.tab = ""
        self.events: list[dict[str, Any]] = []
        self.send("session.new", capabilities={})
        self.send("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent", "network.fetchError"])
        self.tab = self.send("browsingContext.getTree")["contexts"][0]["context"]

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; keep the events that arrive meanwhile."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            got = json.loads(self.socket.recv())
            if got["type"] == "event":
                if self.tab in (got["params"].get("context"), got["params"].get("source", {}).get("context")):
                    self.events.append(got)  # else it is Firefox's own affair
            elif got["id"] == number:
                if got["type"] == "error":
                    raise RuntimeError(f"{method}: {got['message']}")
                return got["result"]

    def close(self) -> None:
        """End the browser and remove its profile."""
        self.socket.close()
        self.process.terminate()
        self.process.wait(timeout=30)
        self.folder.cleanup()

    def goto(self, address: str) -> None:
        """Open a page and wait until it is loaded; forget what happened before."""
        # The page before has its own last words, such as that a font was not wanted any more.
        self.send("browsingContext.navigate", context=self.tab, url="about:blank", wait="complete")
        self.evaluate(QUIET)
        self.events.clear()
        self.send("browsingContext.navigate", context=self.tab, url=address, wait="complete")
        # The answer may come before the last scripts have run.
        self.evaluate(LOADED)

    def size(self, width: int, height: int) -> None:
        """Set the size of the window's inside, and wait until the page stands still."""
        self.send("browsingContext.setViewport", context=self.tab, viewport={"width": width, "height": height})
        self.evaluate(QUIET)

    def requests(self) -> list[str]:
        """The addresses that the page asked for."""
        seen = [one["params"] for one in self.events if one["method"] == "network.beforeRequestSent"]
        return [one["request"]["url"] for one in seen]

    def faults(self) -> list[str]:
        """The warnings and errors since the page was opened, and what did not load."""
        self.send("session.status")  # fetches what was not yet heard
        told = [one["params"] for one in self.events if one["method"] == "log.entryAdded"]
        lost = [one["params"] for one in self.events if one["method"] == "network.fetchError"]
        return [f"{one['level']}: {one['text']}" for one in told if one["level"] in ("warn", "error")] + [
            f"{one['errorText']}: {one['request']['url']}"
            for one in lost
            if one["errorText"] != "NS_BINDING_ABORTED"  # not wanted any more when the next page was opened
        ]

    def evaluate(self, function: str, *given: Any) -> Any:
        """What a JavaScript function of the page returns."""
        got = self.send(
            "script.callFunction",
            functionDeclaration=CALL.format(function=function),
            arguments=[{"type": "string", "value": json.dumps(given)}],
            target={"context": self.tab},
            awaitPromise=True,
        )
        if got["type"] == "exception":
            raise AssertionError(got["exceptionDetails"]["text"])
        return json.loads(got["result"]["value"])

    def press(self, *keys: str) -> None:
        """Press keys one after the other: a name such as "Home", a chord such as "Control+k", or a letter."""
        actions = []
        for chord in keys:
            codes = [KEYS.get(key, key) for key in (chord.split("+") if len(chord) > 1 else [chord])]
            actions += [{"type": "keyDown", "value": code} for code in codes]
            actions += [{"type": "keyUp", "value": code} for code in reversed(codes)]
        self._perform({"type": "key", "id": "keyboard", "actions": actions})

    def drag(self, x: float, y: float, dx: float, dy: float) -> None:
        """Press at a place, move by so many pixels, let go; of no pixels it is a click."""
        places = [(x + dx * part / 4, y + dy * part / 4) for part in range(5 if dx or dy else 1)]
        moves = [{"type": "pointerMove", "x": round(u), "y": round(v), "duration": 0} for u, v in places]
        actions = [moves[0], {"type": "pointerDown", "button": 0}, *moves[1:], {"type": "pointerUp", "button": 0}]
        self._perform({"type": "pointer", "id": "mouse", "actions": actions})

    def _perform(self, source: dict[str, Any]) -> None:
        self.send("input.performActions", context=self.tab, actions=[source])
        self.evaluate("() => new Promise(requestAnimationFrame)")  # what moved is drawn with the next frame
