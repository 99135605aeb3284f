"""A headless Chromium to open a page with, spoken to through two pipes; nothing but the browser is needed."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HANGS_S = 60
_AS_3_AND_4 = """
import fcntl, os, sys
high = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
for one, wanted in zip(high, (3, 4)):
    os.dup2(one, wanted)
os.execv(sys.argv[3], sys.argv[3:])
"""


def program() -> str | None:
    """Return the browser that is installed; None where none is."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Tab:
    """An open page.

    Attributes
    ----------
    requests : every address that was asked for
    errors : what the page's scripts threw or wrote as errors
    """

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._left = b""
        self._number = 0
        self._session: str | None = None
        self.requests: list[str] = []
        self.errors: list[str] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its answer; what happens meanwhile is kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def open(self, path: Path) -> None:
        """Open a file, and wait until it is loaded."""
        self.send("Page.navigate", url=path.resolve().as_uri())
        until = time.monotonic() + HANGS_S
        while self.run("document.readyState") != "complete" or self.run("location.href") == "about:blank":
            assert time.monotonic() < until, "the page does not load"
            time.sleep(0.05)

    def run(self, script: str) -> Any:
        """Return what an expression gives in the page."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def point(self, x: float, y: float) -> None:
        """Move the mouse there."""
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            ready, _, _ = select.select([self._from], [], [], HANGS_S)
            assert ready, "the browser does not answer"
            piece = os.read(self._from, 1 << 20)
            assert piece, "the browser has ended"
            self._left += piece
        line, _, self._left = self._left.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        if message.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
            self.errors.append(json.dumps(message["params"]))
        return message


@contextmanager
def opened(path: Path, profile: Path, width: int = 1100, height: int = 900) -> Iterator[Tab]:
    """Yield a page opened in a browser of its own, which ends with it."""
    name = program()
    assert name is not None
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    process = _started(name, profile, (width, height), theirs_in, theirs_out)
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        tab = Tab(ours_out, ours_in)
        tab.open(path)
        yield tab
    finally:
        os.close(ours_out)
        process.terminate()
        process.wait(HANGS_S)
        os.close(ours_in)


def _started(
    name: str, profile: Path, size: tuple[int, int], read: int, write: int
) -> subprocess.Popen[bytes]:
    """Start the browser; it reads commands from its descriptor 3 and answers on 4."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe"]
    options += [f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}", "about:blank"]
    return subprocess.Popen(
        [sys.executable, "-c", _AS_3_AND_4, str(read), str(write), name, *options],
        pass_fds=(read, write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(profile)},
    )
