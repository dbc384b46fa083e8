"""Gateway processes on a real ERP, as an operator would start them, and a caller to ask them."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import httpx2

CONFIG = Path(__file__).parents[2] / "examples" / "tryton.toml"
READY_SECONDS = 90
STOP_SECONDS = 20


def command() -> str:
    """The gateway of the environment that runs the tests."""
    return str(Path(sys.executable).with_name("gateway"))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Served:
    """One gateway process on a data directory.

    It turns nobody away for being busy: the real systems beside it make it slow, and what is proved
    here is what becomes of orders.
    """

    def __init__(self, data: Path, variables: Mapping[str, str], config: Path = CONFIG) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data / f"gateway-{self.port}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [command(), "serve", "--config", config, "--data", data, "--port", str(self.port)],
                env={**os.environ, "GATEWAY_LIMITS_WAIT_SECONDS": "0", **variables},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(self.url + path, timeout=10)

    def wait_until_it_answers(self) -> None:
        self._wait(lambda: self.get("/health/live").status_code == 200)

    def wait_until_ready(self) -> None:
        self._wait(lambda: self.get("/health/ready").status_code == 200)

    def _wait(self, so: Any) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            with contextlib.suppress(httpx2.TransportError):
                if so():
                    return
            time.sleep(0.2)
        raise AssertionError(f"not so within {READY_SECONDS} s: {self.log.read_text()[-2000:]}")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(STOP_SECONDS)


@contextlib.contextmanager
def served(
    data: Path, variables: Mapping[str, str], count: int = 1, config: Path = CONFIG
) -> Iterator[list[Served]]:
    """So many gateway processes on one data directory."""
    data.mkdir(parents=True, exist_ok=True)
    processes = [Served(data, variables, config) for _ in range(count)]
    try:
        yield processes
    finally:
        for process in processes:
            process.stop()


def token(data: Path, role: str, *options: str) -> str:
    """A token of a role, made by the command itself."""
    made = subprocess.run(
        [command(), "token", "--data", data, "--role", role, *options],
        check=True,
        capture_output=True,
        text=True,
    )
    return made.stdout.strip()


class Caller:
    """Somebody with a token, over one keep-alive connection pool."""

    def __init__(self, url: str, bearer: str | None = None) -> None:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        limits = httpx2.Limits(max_connections=100)
        self._client = httpx2.AsyncClient(base_url=url, headers=headers, timeout=60, limits=limits)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an answer without errors."""
        answer = await self._client.post("/graphql", json={"query": query, "variables": variables})
        body: dict[str, Any] = answer.json()
        assert "errors" not in body, body["errors"]
        data: dict[str, Any] = body["data"]
        return data
