"""Firefox and WebKit behind one small face: Playwright's own where they are, else the system's.

Playwright drives only browsers that it has built itself. The system's Firefox is spoken to in
WebDriver BiDi, messages on a websocket that Firefox opens itself; WebKitGTK in WebDriver, requests
to its own small server. Of both, no more is written here than what the tests ask for.
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import websocket
from playwright.sync_api import Error, sync_playwright

FIREFOXES = ("firefox", "firefox-esr")
MINI_BROWSERS = ("/usr/lib/*/webkit2gtk-4.*/MiniBrowser", "/usr/libexec/webkit2gtk-4.*/MiniBrowser")
HOW = {
    "firefox": "`playwright install firefox`, or `apt-get install firefox-esr` on Debian",
    "webkit": "`playwright install webkit`, or `apt-get install webkit2gtk-driver xvfb` on Debian",
}
KEYS = {"ArrowRight": "\ue014"}
OWN = ("file:", "blob:", "data:", "about:", "moz-extension:", "resource:", "chrome:")
PREFERENCES = {
    "app.update.auto": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.proxy.http": "127.0.0.1",  # nobody is there: nothing leaves the machine
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.type": 1,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "ui.prefersReducedMotion": 1,
}

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
NOBODY = {"proxyType": "manual", "httpProxy": "127.0.0.1:9", "sslProxy": "127.0.0.1:9"}
NARROWEST, BARS = 500, 60  # of MiniBrowser's window, about: in CSS pixels, its width and its bars
FRAME = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Frame</title></head>
<body style="margin: 0"><iframe title="The page" src="page.html" width="{width}" height="{height}"
style="display: block; border: 0"></iframe></body></html>"""
NOTING = """<script>
  window.sslComplaints = [];
  {
    const note = (what) => window.sslComplaints.push(`${what}`), { error } = console;
    addEventListener("error", (event) => note(event.message ?? event.target.src), true);
    addEventListener("unhandledrejection", (event) => note(event.reason));
    console.error = (...words) => { note(words.join(" ")); error.apply(console, words); };
  }
</script>"""


class Engine(Protocol):
    """A browser with one page in it."""

    version: str

    def open(self, address: str) -> None:
        """Load a page, and forget what was wrong with the one before."""

    def resize(self, width: int, height: int) -> None:
        """Make the page so many CSS pixels wide and high, or as near as the browser can."""

    def call(self, function: str, *arguments: Any) -> Any:
        """What a JavaScript function of these arguments gives, awaited; through JSON both ways."""

    def press(self, key: str) -> None:
        """Press and release a key of `KEYS`."""

    def click(self, x: float, y: float) -> None:
        """Press and release the mouse at a point of the window."""

    def complaints(self) -> list[str]:
        """Errors of the page since it was opened, and what it asked of others."""


@dataclass
class Started:
    """A program that runs, and the file where it writes."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait_for(self, pattern: str, seconds: float = 30) -> str:
        """The group of a pattern in what the program has written, as soon as it is there.

        Raises:
            RuntimeError: if it ends, or the time does, before it has written that.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            said = self.log.read_text(encoding="utf-8", errors="replace")
            found = re.search(pattern, said, re.MULTILINE)
            if found:
                return found[1]
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"{self.process.args} did not start: {said[-2000:]}")


@contextmanager
def started(*command: object, folder: Path, **surroundings: str) -> Iterator[Started]:
    """Start a program with all that it starts itself; at the end, end them all.

    Args:
        command: the program and its arguments.
        folder: where a file takes what it writes.
        surroundings: environment variables beside those that are there.
    """
    log = folder / f"{Path(str(command[0])).name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=os.environ | surroundings,
            start_new_session=True,
        )
    try:
        yield Started(process, log)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port: int, seconds: float = 30) -> None:
    """Wait until somebody on this machine answers at a port; OSError if nobody does."""
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone at the end, even if a browser was still writing into it."""
    folder = Path(tempfile.mkdtemp(prefix="ssl-engine-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Played:
    """Playwright's own browser."""

    def __init__(self, stack: ExitStack, kind: str) -> None:
        playwright = stack.enter_context(sync_playwright())
        browser = stack.enter_context(getattr(playwright, kind).launch())
        self.version = f"{kind} {browser.version}"
        self._page = browser.new_page(reduced_motion="reduce")
        self._said: list[str] = []
        self._page.on("console", lambda m: m.type == "error" and self._said.append(m.text))
        self._page.on("pageerror", lambda error: self._said.append(str(error)))
        self._page.on("request", lambda r: r.url.startswith(OWN) or self._said.append(r.url))

    def open(self, address: str) -> None:
        self._said.clear()
        self._page.goto(address)

    def resize(self, width: int, height: int) -> None:
        self._page.set_viewport_size({"width": width, "height": height})

    def call(self, function: str, *arguments: Any) -> Any:
        return self._page.evaluate(f"(all) => ({function})(...all)", list(arguments))

    def press(self, key: str) -> None:
        self._page.keyboard.press(key)

    def click(self, x: float, y: float) -> None:
        self._page.mouse.click(x, y)

    def complaints(self) -> list[str]:
        return list(self._said)


def _actions(kind: str, *steps: dict[str, Any]) -> list[dict[str, Any]]:
    """One input source's actions, in the words that WebDriver and WebDriver BiDi share."""
    return [{"type": kind, "id": kind, "actions": list(steps)}]


def _key(key: str) -> list[dict[str, Any]]:
    value = KEYS[key]
    return _actions("key", {"type": "keyDown", "value": value}, {"type": "keyUp", "value": value})


def _click(x: float, y: float) -> list[dict[str, Any]]:
    return _actions(
        "pointer",
        {"type": "pointerMove", "x": round(x), "y": round(y)},
        {"type": "pointerDown", "button": 0},
        {"type": "pointerUp", "button": 0},
    )


class Firefox:
    """The system's Firefox, by WebDriver BiDi."""

    def __init__(self, stack: ExitStack, executable: str) -> None:
        profile = stack.enter_context(scratch())
        lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items())
        (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
        own = ("--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", 0)
        running = stack.enter_context(started(executable, *own, folder=profile))
        found = running.wait_for(r"WebDriver BiDi listening on (ws://\S+)")
        self._socket = websocket.create_connection(
            f"{found}/session", timeout=60, suppress_origin=True
        )
        stack.callback(self._socket.close)
        self._count = 0
        self._said: list[str] = []
        able = self._ask("session.new", capabilities={})["capabilities"]
        self.version = f"{able['browserName']} {able['browserVersion']}"
        self._ask("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])
        self._context = self._ask("browsingContext.getTree")["contexts"][0]["context"]

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and give its result; events that come before it are noted."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._count:
                if answer["type"] == "error":
                    raise RuntimeError(f"{method}: {answer['error']}, {answer['message']}")
                return answer["result"]
            said = answer.get("params", {})
            if answer.get("method") == "log.entryAdded" and said["level"] == "error":
                self._said.append(said["text"])
            if answer.get("method") == "network.beforeRequestSent":
                url = said["request"]["url"]
                if said["context"] == self._context and not url.startswith(OWN):
                    self._said.append(url)

    def open(self, address: str) -> None:
        self._said.clear()
        self._ask("browsingContext.navigate", context=self._context, url=address, wait="complete")

    def resize(self, width: int, height: int) -> None:
        viewport = {"width": width, "height": height}
        self._ask("browsingContext.setViewport", context=self._context, viewport=viewport)

    def call(self, function: str, *arguments: Any) -> Any:
        answer = self._ask(
            "script.callFunction",
            functionDeclaration=_through_json(function, arguments),
            awaitPromise=True,
            target={"context": self._context},
        )
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def press(self, key: str) -> None:
        self._ask("input.performActions", context=self._context, actions=_key(key))

    def click(self, x: float, y: float) -> None:
        self._ask("input.performActions", context=self._context, actions=_click(x, y))

    def complaints(self) -> list[str]:
        self.call("() => 0")  # what was said before this has arrived after it
        return list(self._said)


class WebKitGtk:
    """The system's WebKitGTK in its MiniBrowser, by WebDriver, on a screen that nobody sees.

    MiniBrowser's window cannot be as narrow as a phone: a page made so loads again, in a frame.
    WebDriver tells nothing of the console, so the page must note its errors itself: see `NOTING`.
    """

    def __init__(self, stack: ExitStack, mini_browser: str) -> None:
        self._folder = folder = stack.enter_context(scratch())
        (folder / "gtk-3.0").mkdir()
        (folder / "gtk-3.0" / "settings.ini").write_text("[Settings]\ngtk-enable-animations=0\n")
        size = ("-screen", 0, "1400x1000x24")
        screen = stack.enter_context(started("Xvfb", "-displayfd", 1, *size, folder=folder))
        surroundings = {
            "DISPLAY": f":{screen.wait_for(r'^([0-9]+)$')}",
            "NO_AT_BRIDGE": "1",
            "WEBKIT_DISABLE_COMPOSITING_MODE": "1",  # it draws faster without a graphics card
            "XDG_CONFIG_HOME": str(folder),
        }
        if os.geteuid() == 0:
            surroundings["WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS"] = "1"
        port = free_port()
        self._address = f"http://127.0.0.1:{port}/session"
        driver = started("WebKitWebDriver", f"--port={port}", folder=folder, **surroundings)
        stack.enter_context(driver)
        wait_for_port(port)
        options = {"binary": mini_browser, "args": ["--automation"]}
        wanted = {"webkitgtk:browserOptions": options, "proxy": NOBODY}
        session = self._ask("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        self._address += f"/{session['sessionId']}"
        stack.callback(self._ask, "DELETE", "")
        able = session["capabilities"]
        self.version = f"WebKitGTK {able['browserVersion']}"

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            self._address + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with DIRECT.open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()) from error

    def open(self, address: str) -> None:
        """A copy of the page, which notes its errors, and finds its parts where the page does."""
        page = Path(urllib.request.url2pathname(urllib.parse.urlsplit(address).path))
        more = f'<head><base href="{page.parent.as_uri()}/">{NOTING}'
        html = page.read_text(encoding="utf-8").replace("<head>", more, 1)
        (self._folder / "page.html").write_text(html, encoding="utf-8")
        self._ask("POST", "/url", {"url": (self._folder / "page.html").as_uri()})

    def resize(self, width: int, height: int) -> None:
        self._ask("POST", "/window/rect", {"width": width, "height": height + BARS})
        if width < NARROWEST:
            frame = self._folder / "frame.html"
            frame.write_text(FRAME.format(width=width, height=height), encoding="utf-8")
            self._ask("POST", "/url", {"url": frame.as_uri()})
            self._ask("POST", "/frame", {"id": 0})

    def call(self, function: str, *arguments: Any) -> Any:
        script = (
            "const done = arguments[0];"
            f"({_through_json(function, arguments)})().then(done, (e) => done(`failed: ${{e}}`))"
        )
        said = self._ask("POST", "/execute/async", {"script": script, "args": []})
        if said.startswith("failed: "):
            raise RuntimeError(said)
        return json.loads(said)

    def press(self, key: str) -> None:
        self._ask("POST", "/actions", {"actions": _key(key)})

    def click(self, x: float, y: float) -> None:
        self._ask("POST", "/actions", {"actions": _click(x, y)})

    def complaints(self) -> list[str]:
        return self.call("() => window.sslComplaints")


def _through_json(function: str, arguments: tuple[Any, ...]) -> str:
    """A function without arguments whose promise is the result as JSON."""
    call = f"({function})(...{json.dumps(arguments)})"
    return f"async () => JSON.stringify((await {call}) ?? null)"


@contextmanager
def open_engine(kind: str) -> Iterator[Engine | None]:
    """The engine of this kind, "firefox" or "webkit"; None where it is not installed.

    Raises:
        RuntimeError: if it is installed and does not start.
    """
    with ExitStack() as stack:
        yield _own(stack, kind) or _systems(stack, kind)


def _own(stack: ExitStack, kind: str) -> Engine | None:
    """Playwright's own browser, unless it was not downloaded, or libraries that it needs lack."""
    with sync_playwright() as playwright:
        path = Path(getattr(playwright, kind).executable_path)
    if not path.exists():
        return None
    with ExitStack() as tried:
        try:
            engine = Played(tried, kind)
        except Error:
            return None
        stack.push(tried.pop_all())
    return engine


def _systems(stack: ExitStack, kind: str) -> Engine | None:
    if kind == "firefox":
        found = next(filter(None, map(shutil.which, FIREFOXES)), None)
        return Firefox(stack, found) if found else None
    browsers = [path for pattern in MINI_BROWSERS for path in sorted(glob.glob(pattern))]
    tools = all(map(shutil.which, ("WebKitWebDriver", "Xvfb")))
    return WebKitGtk(stack, browsers[-1]) if browsers and tools else None
