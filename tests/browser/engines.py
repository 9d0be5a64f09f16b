"""Firefox and WebKit behind one interface: Playwright's builds if installed, else the system's.

Playwright's builds come from a server of its own. The browsers of a distribution come from its
package archive, and are those that readers have. No library drives both of them without further
downloads: Playwright 1.65 starts Debian's Firefox ESR (channel `moz-firefox`), but sends it a
command that it does not know; Selenium needs geckodriver, which Debian does not package, and for
WebKitGTK would save about 30 lines and bring eight packages. So the system's Firefox is driven here
by WebDriver BiDi, on a websocket that Firefox opens itself, and WebKitGTK by WebDriver, through
requests to its driver, as far as the tests need them.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import websocket
from playwright.sync_api import Error, sync_playwright

from .programs import free_port, run_program, temporary_folder, wait_for_port

FIREFOXES = ("firefox", "firefox-esr")
MINI_BROWSERS = ("/usr/lib/*/webkit2gtk-4.*/MiniBrowser", "/usr/libexec/webkit2gtk-4.*/MiniBrowser")
INSTALL = {
    "firefox": "`playwright install firefox`, or `apt-get install firefox-esr` on Debian",
    "webkit": "`playwright install webkit`, or `apt-get install webkit2gtk-driver xvfb` on Debian",
}
KEYS = {"ArrowRight": "\ue014"}
LOCAL = ("file:", "blob:", "data:", "about:", "moz-extension:", "resource:", "chrome:")
PREFERENCES = {
    "app.update.auto": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.proxy.http": "127.0.0.1",  # no proxy is there, so no request leaves the machine
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.type": 1,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "ui.prefersReducedMotion": 1,
}

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
DEAD_PROXY = {"proxyType": "manual", "httpProxy": "127.0.0.1:9", "sslProxy": "127.0.0.1:9"}
# of MiniBrowser's window, in CSS pixels, approximately
MIN_WIDTH, TOOLBAR_HEIGHT = 500, 60
FRAME = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Frame</title></head>
<body style="margin: 0"><iframe title="The page" src="page.html" width="{width}" height="{height}"
style="display: block; border: 0"></iframe></body></html>"""
RECORD_ERRORS = """<script>
  window.sslErrors = [];
  {
    const note = (what) => window.sslErrors.push(`${what}`), { error } = console;
    addEventListener("error", (event) => note(event.message ?? event.target.src), true);
    addEventListener("unhandledrejection", (event) => note(event.reason));
    console.error = (...words) => { note(words.join(" ")); error.apply(console, words); };
  }
</script>"""


class Engine(Protocol):
    """A browser with one page."""

    version: str

    def open(self, address: str) -> None:
        """Load a page, and forget the errors of the previous one."""

    def resize(self, width: int, height: int) -> None:
        """Give the page this size in CSS pixels, or the nearest that the browser can."""

    def call(self, function: str, *arguments: Any) -> Any:
        """Call a JavaScript function, wait for its promise, and return the result, as JSON."""

    def press(self, key: str) -> None:
        """Press and release a key of `KEYS`."""

    def click(self, x: float, y: float) -> None:
        """Press and release the mouse button at a point of the window, in CSS pixels."""

    def errors(self) -> list[str]:
        """Errors of the page since it was opened, and the addresses it requested elsewhere."""


class PlaywrightEngine:
    """A browser that Playwright has built."""

    def __init__(self, stack: ExitStack, name: str) -> None:
        playwright = stack.enter_context(sync_playwright())
        browser = stack.enter_context(getattr(playwright, name).launch())
        self.version = f"{name} {browser.version}"
        self._page = browser.new_page(reduced_motion="reduce")
        self._errors: list[str] = []
        self._page.on("console", lambda m: m.type == "error" and self._errors.append(m.text))
        self._page.on("pageerror", lambda error: self._errors.append(str(error)))
        self._page.on("request", lambda r: r.url.startswith(LOCAL) or self._errors.append(r.url))

    def open(self, address: str) -> None:
        self._errors.clear()
        self._page.goto(address)

    def resize(self, width: int, height: int) -> None:
        self._page.set_viewport_size({"width": width, "height": height})

    def call(self, function: str, *arguments: Any) -> Any:
        return self._page.evaluate(f"(all) => ({function})(...all)", list(arguments))

    def press(self, key: str) -> None:
        self._page.keyboard.press(key)

    def click(self, x: float, y: float) -> None:
        self._page.mouse.click(x, y)

    def errors(self) -> list[str]:
        return list(self._errors)


def _actions(source: str, *steps: dict[str, Any]) -> list[dict[str, Any]]:
    """Actions of one input source, in the form that WebDriver and WebDriver BiDi share."""
    return [{"type": source, "id": source, "actions": list(steps)}]


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
    """The system's Firefox, driven by WebDriver BiDi."""

    def __init__(self, stack: ExitStack, executable: str) -> None:
        profile = stack.enter_context(temporary_folder())
        lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items())
        (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
        own = ("--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", 0)
        running = stack.enter_context(run_program(executable, *own, folder=profile))
        found = running.wait_for_output(r"WebDriver BiDi listening on (ws://\S+)")
        self._socket = websocket.create_connection(
            f"{found}/session", timeout=60, suppress_origin=True
        )
        stack.callback(self._socket.close)
        self._count = 0
        self._errors: list[str] = []
        able = self._ask("session.new", capabilities={})["capabilities"]
        self.version = f"{able['browserName']} {able['browserVersion']}"
        self._ask("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])
        self._context = self._ask("browsingContext.getTree")["contexts"][0]["context"]

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result; record errors that arrive meanwhile."""
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
                self._errors.append(said["text"])
            if answer.get("method") == "network.beforeRequestSent":
                url = said["request"]["url"]
                if said["context"] == self._context and not url.startswith(LOCAL):
                    self._errors.append(url)

    def open(self, address: str) -> None:
        self._errors.clear()
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

    def errors(self) -> list[str]:
        self.call("() => 0")  # afterwards, all earlier events have arrived
        return list(self._errors)


class WebKitGtk:
    """The system's WebKitGTK in its MiniBrowser, driven by WebDriver, on a virtual screen.

    MiniBrowser's window cannot be as narrow as a phone, so a narrow page is loaded in a frame.
    WebDriver does not report the console, so the page records its own errors: see `RECORD_ERRORS`.
    """

    def __init__(self, stack: ExitStack, mini_browser: str) -> None:
        self._folder = folder = stack.enter_context(temporary_folder())
        (folder / "gtk-3.0").mkdir()
        (folder / "gtk-3.0" / "settings.ini").write_text("[Settings]\ngtk-enable-animations=0\n")
        size = ("-screen", 0, "1400x1000x24")
        screen = stack.enter_context(run_program("Xvfb", "-displayfd", 1, *size, folder=folder))
        variables = {
            "DISPLAY": f":{screen.wait_for_output(r'^([0-9]+)$')}",
            "NO_AT_BRIDGE": "1",
            "WEBKIT_DISABLE_COMPOSITING_MODE": "1",  # it draws faster without a graphics card
            "XDG_CONFIG_HOME": str(folder),
        }
        if os.geteuid() == 0:
            variables["WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS"] = "1"
        port = free_port()
        self._address = f"http://127.0.0.1:{port}/session"
        driver = run_program("WebKitWebDriver", f"--port={port}", folder=folder, **variables)
        stack.enter_context(driver)
        wait_for_port(port)
        options = {"binary": mini_browser, "args": ["--automation"]}
        wanted = {"webkitgtk:browserOptions": options, "proxy": DEAD_PROXY}
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
        """Open a copy of the page that records its errors and finds its files by a base address."""
        page = Path(urllib.request.url2pathname(urllib.parse.urlsplit(address).path))
        more = f'<head><base href="{page.parent.as_uri()}/">{RECORD_ERRORS}'
        html = page.read_text(encoding="utf-8").replace("<head>", more, 1)
        (self._folder / "page.html").write_text(html, encoding="utf-8")
        self._ask("POST", "/url", {"url": (self._folder / "page.html").as_uri()})

    def resize(self, width: int, height: int) -> None:
        self._ask("POST", "/window/rect", {"width": width, "height": height + TOOLBAR_HEIGHT})
        if width < MIN_WIDTH:
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

    def errors(self) -> list[str]:
        return self.call("() => window.sslErrors")


def _through_json(function: str, arguments: tuple[Any, ...]) -> str:
    """Source of a function without arguments whose promise is the result as JSON."""
    call = f"({function})(...{json.dumps(arguments)})"
    return f"async () => JSON.stringify((await {call}) ?? null)"


@contextmanager
def open_engine(name: str) -> Iterator[Engine | None]:
    """Start "firefox" or "webkit"; None if it is not installed.

    Raises:
        RuntimeError: if it is installed and does not start.
    """
    with ExitStack() as stack:
        yield _playwright_engine(stack, name) or _system_engine(stack, name)


def _playwright_engine(stack: ExitStack, name: str) -> Engine | None:
    """Playwright's browser; None if it was not downloaded, or if system libraries are missing."""
    with sync_playwright() as playwright:
        path = Path(getattr(playwright, name).executable_path)
    if not path.exists():
        return None
    with ExitStack() as tried:
        try:
            engine = PlaywrightEngine(tried, name)
        except Error:
            return None
        stack.push(tried.pop_all())
    return engine


def _system_engine(stack: ExitStack, name: str) -> Engine | None:
    if name == "firefox":
        found = next(filter(None, map(shutil.which, FIREFOXES)), None)
        return Firefox(stack, found) if found else None
    browsers = [path for pattern in MINI_BROWSERS for path in sorted(glob.glob(pattern))]
    tools = all(map(shutil.which, ("WebKitWebDriver", "Xvfb")))
    return WebKitGtk(stack, browsers[-1]) if browsers and tools else None
