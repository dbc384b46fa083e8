"""How a gateway stops: in the order in which those who depend on it must hear of it."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.child import START_SECONDS, STOP_SECONDS, Child, started

SETTINGS = """
[retailer]
name = "Chain"

[server]
drain_seconds = 3

[[channels]]
code = "web"
name = "Web"
kind = "ONLINE"

[[backends]]
code = "erp"
vendor = "sandbox-erp"
"""
WATCH = {"query": 'subscription { stockChanged(skus: ["BT-0001-30ML"]) { onHand } }'}
ASK = {"query": "{ channels { code } }"}
ASKED = {"data": {"channels": [{"code": "web"}]}}


@contextmanager
def serving(folder: Path, settings: str = SETTINGS) -> Iterator[Child]:
    """A gateway that is ready."""
    config = folder / "shop.toml"
    config.write_text(settings)
    with started(folder / "data", "serve", "--config", str(config)) as child:
        child.read_until("\n")
        until_told(child, 200, [], START_SECONDS)
        yield child


def until_told(child: Child, status: int, missing: list[str], seconds: float) -> None:
    """Waits until a gateway says how ready it is."""
    until = time.monotonic() + seconds
    told: tuple[int, Any] = (0, None)
    while told != (status, missing):
        assert time.monotonic() < until, told
        answer = httpx2.get(f"{child.address}/health/ready")
        told = (answer.status_code, answer.json()["missing"])


@contextmanager
def half_asked(child: Child, body: bytes) -> Iterator[socket.socket]:
    """A request of whose body one half has been sent."""
    host, _, port = child.address.removeprefix("http://").partition(":")
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=STOP_SECONDS) as client:
        client.sendall(head.encode() + body[:9])
        yield client


async def test_readiness_fails_first_and_then_everybody_has_a_last_word(tmp_path: Path) -> None:
    ask = json.dumps(ASK).encode()
    events = {"Accept": "text/event-stream"}
    with serving(tmp_path) as child, half_asked(child, ask) as request:
        async with (
            child.socket() as talk,
            httpx2.AsyncClient() as client,
            client.stream("POST", f"{child.address}/graphql", json=WATCH, headers=events) as stream,
        ):
            await talk.send(json.dumps({"type": "subscribe", "id": "w", "payload": WATCH}))
            assert json.loads(await talk.recv())["type"] == "next"
            lines = stream.aiter_lines()
            while await anext(lines) != "event: next":
                pass

            child.process.send_signal(signal.SIGTERM)

            until_told(child, 503, ["the gateway is stopping"], STOP_SECONDS)
            assert child.ask(ASK["query"]) == ASKED  # who has not heard of it yet is served
            async for _ in talk:  # what is told meanwhile
                pass
            assert (talk.close_code, talk.close_reason) == (1001, "Going away")
            assert [line async for line in lines if line][-2:] == ["event: complete", "data:"]
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"{child.address}/health/live")
        assert child.process.poll() is None  # there is a request under way
        request.sendall(ask[9:])
        head, _, body = request.makefile("rb").read().partition(b"\r\n\r\n")

        assert child.process.wait(STOP_SECONDS) == 0
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert json.loads(body) == ASKED
    assert "Traceback" not in child.log()


def test_a_second_signal_ends_the_wait(tmp_path: Path) -> None:
    with serving(tmp_path, SETTINGS.replace("= 3", "= 300")) as child:
        child.process.send_signal(signal.SIGTERM)
        until_told(child, 503, ["the gateway is stopping"], STOP_SECONDS)

        assert child.stop(signal.SIGTERM) == 0


async def test_who_will_not_end_is_not_waited_for(tmp_path: Path) -> None:
    impatient = SETTINGS.replace("drain_seconds = 3", "drain_seconds = 0\nshutdown_seconds = 1")
    with serving(tmp_path, impatient) as child, half_asked(child, b"x" * 20) as request:
        assert child.stop(signal.SIGTERM) == 0
        answered = b""
        with suppress(ConnectionResetError), request.makefile("rb") as answer:
            answered = answer.read()
        assert b"200 OK" not in answered
