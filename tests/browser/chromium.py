"""A headless Chromium that shows pages from files: driven by the DevTools protocol, over two pipes, so that it opens no port.

Source: chromedevtools.github.io/devtools-protocol, stable version; with `--remote-debugging-pipe` the browser reads messages from
file descriptor 3 and writes to 4, each message ending with a zero byte.
"""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

_OPTIONS = (
    "--headless",
    "--no-sandbox",  # a job in a container may not make one; only the project's own pages are shown
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
_SECONDS = 60.0


class Chromium:
    """A browser with one tab. `requests`: the addresses that pages have asked for since the last `show`; `complaints`: what the
    console and the log of the browser say since then."""

    def __init__(self, program: str, profile: Path) -> None:
        receive, self._to = os.pipe()
        self._from, send = os.pipe()
        command = ["bash", "-c", f'exec "$0" "$@" 3<&{receive} 4>&{send}', program, *_OPTIONS, f"--user-data-dir={profile}"]
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            command, pass_fds=(receive, send), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(receive)
        os.close(send)
        self._incoming: IO[bytes] = os.fdopen(self._from, "rb", buffering=0)
        self._buffer = b""
        self._number = 0
        self._session: dict[str, str] = {}
        self._loaded = False
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._session = {"sessionId": session}
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._to)  # the browser ends when nobody drives it
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._incoming.close()

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of one command of the protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters} | self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def _receive(self) -> dict[str, Any]:
        """The next message; an event is noted on its way."""
        until = time.monotonic() + _SECONDS
        while b"\0" not in self._buffer:
            assert select.select([self._incoming], [], [], max(0, until - time.monotonic()))[0], "the browser does not answer"
            received = self._incoming.read(1 << 16)
            assert received, "the browser has ended"
            self._buffer += received
        message, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        self._note(found)
        return found

    def _note(self, message: dict[str, Any]) -> None:
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded" | "Page.javascriptDialogOpening":
                self.complaints.append(json.dumps(message["params"]))

    def show(self, page: Path, width: int, *, dark: bool = False, media: str = "screen") -> None:
        """Shows a page, in a window of so many CSS pixels."""
        self.requests.clear()
        self.complaints.clear()
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.send("Emulation.setScrollbarsHidden", hidden=True)
        self._loaded = False
        self.send("Page.navigate", url=page.as_uri())
        while not self._loaded:
            self._receive()

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript in the page. The page itself may run none."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def picture(self) -> bytes:
        """The whole page as PNG."""
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])
