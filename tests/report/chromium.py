"""A headless Chromium, driven through the two pipes that it offers: enough to open a page, look at it and use it."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None
)

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]

KEYS = {"Escape": ("Escape", ""), "Enter": ("Enter", "\r"), "Tab": ("Tab", "")}

# The middle of an element, or null where another element lies above it.
MIDDLE = """(() => {
  const element = document.querySelector(%s);
  element.scrollIntoView({ block: "center", behavior: "instant" });
  const { x, y, width, height } = element.getBoundingClientRect();
  const middle = [x + width / 2, y + height / 2];
  return element.contains(document.elementFromPoint(...middle)) ? middle : null;
})()"""


class Chromium:
    """One browser with one page.

    Attributes:
        console: what pages said on the console and their uncaught errors, complaints of the content security policy
            included; emptied by `open`.
    """

    def __init__(self, profile: Path) -> None:
        self.console: list[str] = []
        self._number = 0
        self._session = ""
        self._buffer = b""
        commands, self._out = os.pipe()
        self._in, answers = os.pipe()
        # the browser reads commands from descriptor 3 and writes answers to descriptor 4
        line = f'exec "$@" 3<&{commands} 4>&{answers}'
        program = [str(BROWSER), *FLAGS, "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", line, "browser", *program],
            pass_fds=(commands, answers),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)

    def send(self, method: str, **parameters: Any) -> Any:
        """Send a command and wait for what it gives."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def _read(self, seconds: float = 60) -> dict[str, Any]:
        """The next message; what is said on the console is kept."""
        end = time.monotonic() + seconds
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"no answer of the browser within {seconds} s"
            data = os.read(self._in, 1 << 20)
            assert data, "the browser has ended"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        told = message.get("params", {})
        if message.get("method") == "Runtime.consoleAPICalled":
            self.console.append(str([argument.get("value") for argument in told["args"]]))
        elif message.get("method") == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.console.append(str(details.get("exception", {}).get("description") or details["text"]))
        elif message.get("method") == "Log.entryAdded":
            self.console.append(str(told["entry"]["text"]))
        return message

    def wait(self, event: str) -> None:
        """Wait for an event."""
        while self._read().get("method") != event:
            pass

    def open(self, address: Path | str, width: int = 1400, height: int = 900, scripts: bool = True) -> None:
        """Open a page, in a window of that size, with or without scripts."""
        url = address.as_uri() if isinstance(address, Path) else address
        self.send("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.send("Page.navigate", url="about:blank")
        self.wait("Page.loadEventFired")
        self.console.clear()
        self.send("Page.navigate", url=url)
        self.wait("Page.loadEventFired")

    def ask(self, expression: str) -> Any:
        """The value of an expression on the page; promises are awaited."""
        given = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in given, given["exceptionDetails"]
        return given["result"].get("value")

    def until(self, expression: str, seconds: float = 20) -> Any:
        """Wait until an expression is true, and give its value."""
        end = time.monotonic() + seconds
        while (value := self.ask(expression)) in (None, False, 0, ""):
            assert time.monotonic() < end, f"not within {seconds} s: {expression}"
            time.sleep(0.02)
        return value

    def press(self, key: str) -> None:
        """Press a key."""
        name, text = KEYS.get(key, (key, key))
        code = {"Escape": 27, "Enter": 13, "Tab": 9}.get(key, ord(key[0]))
        parameters = {"key": name, "text": text, "windowsVirtualKeyCode": code}
        self.send("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **parameters)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=name, windowsVirtualKeyCode=code)

    def click(self, selector: str) -> None:
        """Click on an element as a user does: with the mouse, where it is seen once the page has stopped scrolling."""
        place, before = self.until(MIDDLE % json.dumps(selector)), None
        while place != before:
            time.sleep(0.05)
            place, before = self.until(MIDDLE % json.dumps(selector)), place
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def media(self, **features: str) -> None:
        """Set what the user prefers, such as `prefers-color-scheme`."""
        named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.send("Emulation.setEmulatedMedia", features=named)

    def picture(self, path: Path, whole: bool = False) -> Path:
        """A picture of what is seen, or of the whole page."""
        data = self.send("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))
        return path

    def pdf(self) -> bytes:
        """The page printed."""
        return base64.b64decode(self.send("Page.printToPDF", printBackground=True)["data"])
