"""A headless Chromium that is driven by its DevTools protocol, over a WebSocket on loopback.

It knows no name and no host but 127.0.0.1, and everything that a page asks for, or complains of, is
written down. Every wait has an end; the browser is ended by its process id.
"""

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

START_SECONDS = 30.0
STOP_SECONDS = 10.0
WAIT_SECONDS = 20.0
"""How long a page may take to show something; the machine may be busy with other tests."""

ANSWER_SECONDS = WAIT_SECONDS + 10.0
MESSAGE_BYTES_MAX = 1 << 25
WINDOW = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}

FLAGS = (
    "--headless",
    "--no-sandbox",  # it cannot be had as root or in a container; the page is our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)
KEYS = {
    "Enter": {"code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"},
    "Delete": {"code": "Delete", "windowsVirtualKeyCode": 46},
    "Escape": {"code": "Escape", "windowsVirtualKeyCode": 27},
    "a": {"code": "KeyA", "windowsVirtualKeyCode": 65},
}
CONTROL = 2

# Looks again and again, until an expression is true or the time is over.
LOOK = """new Promise((done, fail) => {
  const end = performance.now() + %d;
  const look = () => {
    const seen = (() => { try { return (%s); } catch { return null; } })();
    if (seen) done(seen);
    else if (performance.now() < end) setTimeout(look, 50);
    else fail(new Error('never seen'));
  };
  look();
})"""

# Where an element is to be clicked, or nothing while it has no size.
MIDDLE = """(element => {
  element.scrollIntoView({block: 'nearest'});
  const box = element.getBoundingClientRect();
  return box.width && [box.x + box.width / 2, box.y + box.height / 2];
})(%s)"""


class BrowserFailed(AssertionError):
    """The browser refused a command, or did not show what was waited for."""


class Browser:
    """A running browser. What it says between answers goes to the page that it is about."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = count(1)
        self._pages: dict[str, Page] = {}

    def call(self, method: str, session: str | None = None, **params: Any) -> Any:
        """Does one thing, and waits for its answer."""
        id = self.send(method, session, **params)
        until = time.monotonic() + ANSWER_SECONDS
        while True:
            message = json.loads(self._socket.recv(timeout=max(0.0, until - time.monotonic())))
            if message.get("id") != id:
                self._hear(message)
            elif "error" in message:
                raise BrowserFailed(f"{method}: {message['error']['message']}")
            else:
                return message["result"]

    def send(self, method: str, session: str | None = None, **params: Any) -> int:
        """Asks for one thing whose answer nobody waits for; its number."""
        id = next(self._ids)
        told = {} if session is None else {"sessionId": session}
        self._socket.send(json.dumps({"id": id, "method": method, "params": params, **told}))
        return id

    @contextmanager
    def page(self) -> Iterator["Page"]:
        """An empty page, which shares no storage with others."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)
        session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = Page(self, session["sessionId"])
        self._watch(page.session, page)
        page.call("Page.enable")
        page.call("Emulation.setDeviceMetricsOverride", **WINDOW)
        try:
            yield page
        finally:
            self.call("Target.disposeBrowserContext", browserContextId=context)

    def _watch(self, session: str, page: "Page") -> None:
        """Hears of all that a page does, and its workers, which wait until we listen."""
        self._pages[session] = page
        for domain in ("Runtime", "Log", "Network"):
            self.send(f"{domain}.enable", session)
        auto = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
        self.send("Target.setAutoAttach", session, **auto)
        self.send("Runtime.runIfWaitingForDebugger", session)

    def _hear(self, message: dict[str, Any]) -> None:
        page = self._pages.get(message.get("sessionId", ""))
        if page is None or "method" not in message:
            return
        if message["method"] == "Target.attachedToTarget":
            page.workers += 1
            self._watch(message["params"]["sessionId"], page)
        else:
            page.hear(message["method"], message["params"])


class Page:
    """One page: what it shows, what it has asked for, and what it has complained of."""

    def __init__(self, browser: Browser, session: str) -> None:
        self.session = session
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.workers = 0
        self._browser = browser

    def call(self, method: str, **params: Any) -> Any:
        return self._browser.call(method, self.session, **params)

    def hear(self, method: str, params: dict[str, Any]) -> None:
        """Keeps addresses and complaints: of the policy, of scripts, of what did not load."""
        match method:
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Network.webSocketCreated":
                self.requests.append(params["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "assert"):
                self.complaints.append(str([told.get("value") for told in params["args"]]))
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.complaints.append(params["entry"]["text"])

    def open(self, url: str) -> None:
        """Goes to an address."""
        failed = self.call("Page.navigate", url=url).get("errorText")
        assert failed is None, failed

    def do(self, script: str) -> Any:
        """What an expression yields, once its promise is kept."""
        asked = {"expression": script, "awaitPromise": True, "returnByValue": True}
        answer = self.call("Runtime.evaluate", **asked)
        if "exceptionDetails" in answer:
            thrown = answer["exceptionDetails"]
            raise BrowserFailed(thrown.get("exception", {}).get("description", thrown["text"]))
        return answer["result"].get("value")

    def see(self, expression: str) -> Any:
        """What an expression yields, once it is true of the page."""
        try:
            return self.do(LOOK % (WAIT_SECONDS * 1000, expression))
        except BrowserFailed as failed:
            shown = self.do("document.body.innerText")
            raise BrowserFailed(f"{failed}: {expression}\n{self.complaints}\n{shown}") from failed

    def click(self, element: str) -> None:
        """Clicks in the middle of an element, as soon as it is there."""
        x, y = self.see(MIDDLE % element)
        for kind in ("mousePressed", "mouseReleased"):
            mouse = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", **mouse)

    def press(self, key: str, modifiers: int = 0) -> None:
        """Presses a key and lets go of it."""
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, modifiers=modifiers, **KEYS[key]
            )

    def type(self, text: str) -> None:
        """Types printable characters, one by one."""
        for letter in text:
            self.call("Input.dispatchKeyEvent", type="keyDown", key=letter, text=letter)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=letter)

    def picture(self, path: Path) -> None:
        """Writes what the window shows as PNG."""
        shot = self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def browser(program: str, profile: Path) -> Iterator[Browser]:
    """A browser with an empty profile, ended at the end of the block."""
    log = profile.with_suffix(".log")
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
    with process:
        try:
            address = _address(process, profile / "DevToolsActivePort", log)
            with connect(address, max_size=MESSAGE_BYTES_MAX, proxy=None) as socket:
                yield Browser(socket)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _address(process: "subprocess.Popen[bytes]", told: Path, log: Path) -> str:
    """Where the browser listens: a port and a path, which it writes into its profile."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        lines = told.read_text(encoding="ascii").splitlines() if told.exists() else []
        if len(lines) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.05)
    raise BrowserFailed(f"the browser did not start:\n{log.read_text(errors='replace')[-2000:]}")
