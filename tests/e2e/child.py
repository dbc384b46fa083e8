"""A gateway as its users meet it: a child process, its printed welcome, HTTP and WebSocket.

It listens on a free port of loopback and is ended by its process id.
"""

import ctypes
import json
import os
import re
import selectors
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

START_SECONDS = 60.0
STOP_SECONDS = 20.0
PROTOCOL = Subprotocol("graphql-transport-ws")
LAST_LINE = "Stop with Ctrl-C."

_CAP_DAC_OVERRIDE, _PR_CAPBSET_DROP = 1, 24


def command(*words: str) -> list[str]:
    return [sys.executable, "-B", "-m", "gateway", *words]


def finished(
    *words: str, preexec: Callable[[], None] | None = None, timeout: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """A command that is expected to end by itself."""
    return subprocess.run(
        command(*words),
        capture_output=True,
        check=False,
        text=True,
        timeout=timeout,
        preexec_fn=preexec,
    )


def obey_file_modes() -> None:
    """Makes a program that is started as root obey the modes of files, as everybody else must."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0) == 0


@dataclass
class Child:
    """A running gateway. ``text`` is what it has printed; its log goes to a file."""

    process: subprocess.Popen[bytes]
    errors: Path
    text: str = ""

    def wait_until_open(self) -> None:
        """Reads its welcome to the end."""
        self.read_until(LAST_LINE)

    def read_until(self, words: str) -> None:
        """Reads what it prints until some words stand in it."""
        assert self.process.stdout is not None
        until = time.monotonic() + START_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while words not in self.text:
                ready = selector.select(until - time.monotonic())
                part = os.read(self.process.stdout.fileno(), 65_536) if ready else b""
                assert part, f"it did not open: {self.log()}"
                self.text += part.decode()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Asks it to end; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)

    def log(self) -> str:
        return self.errors.read_text(encoding="utf-8")

    @property
    def address(self) -> str:
        found = re.search(r"^(?:Opening|Serving) .* at (http://\S+)", self.text, re.MULTILINE)
        assert found is not None, self.text
        return found[1]

    def token(self, role: str) -> dict[str, str]:
        """The header of a caller, from the table that was printed."""
        found = re.search(rf"^  {role} +(\S+)$", self.text, re.MULTILINE)
        assert found is not None, self.text
        return {"Authorization": f"Bearer {found[1]}"}

    def commands(self) -> list[list[str]]:
        """The commands to paste, as a shell would split them."""
        pasted = re.findall(r"^  curl (?:.*\\\n)*.*$", self.text, re.MULTILINE)
        return [shlex.split(text) for text in pasted]

    def paste(self, words: Sequence[str]) -> httpx2.Response:
        """Does what a printed command would do."""
        headers = dict(
            words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H"
        )
        body = words[words.index("-d") + 1]
        [url] = [word for word in words if word.startswith("http")]
        return httpx2.post(url, content=body.encode(), headers=headers)

    def ask(self, query: str, role: str | None = None, **variables: Any) -> Any:
        """The body of an answer."""
        headers = {} if role is None else self.token(role)
        body = {"query": query, "variables": variables}
        return httpx2.post(f"{self.address}/graphql", json=body, headers=headers).json()

    @asynccontextmanager
    async def socket(
        self, role: str | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[ClientConnection]:
        """A WebSocket that has introduced itself, by a printed token or by headers."""
        url = self.address.replace("http", "ws") + "/graphql"
        headers = headers or ({} if role is None else self.token(role))
        async with connect(url, subprotocols=[PROTOCOL], additional_headers=headers) as socket:
            await socket.send('{"type": "connection_init"}')
            assert json.loads(await socket.recv()) == {"type": "connection_ack"}
            yield socket


@contextmanager
def started(data: Path, *words: str) -> Iterator[Child]:
    """A gateway, by default a demo, on a free port; ended at the end of the block.

    It may not be open yet when the block begins.
    """
    data.mkdir(exist_ok=True)
    errors = data.parent / f"{data.name}-{time.monotonic_ns()}.log"
    with errors.open("wb") as log:
        process = subprocess.Popen(
            command(*(words or ("demo",)), "--port", "0", "--data", str(data)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    with process:
        child = Child(process, errors)
        try:
            yield child
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(STOP_SECONDS)


@contextmanager
def demo(data: Path) -> Iterator[Child]:
    """A demo that is open."""
    with started(data) as child:
        child.wait_until_open()
        yield child
