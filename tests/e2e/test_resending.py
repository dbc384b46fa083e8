"""A key that is sent again, where only real processes can show it: to two of them at once, after
they were killed, and while the first request still runs and its client has hung up (S4).
"""

import asyncio
import json
import signal
import socket
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from gateway.bootstrap import STORE_FILE, place_in
from tests.e2e.child import Child, demo
from tests.mutations import MUTATIONS, Mutation, counted, more, replays

pytestmark = pytest.mark.timeout(400)  # every mutation, at several processes: 90 s on busy cores

TIMES = 5
"""How often each process is asked at the same time."""


class Door:
    """A gateway, asked by its operator. What is asked of it must be answered without errors."""

    def __init__(self, child: Child, client: httpx2.AsyncClient) -> None:
        self.url = f"{child.address}/graphql"
        self.token = child.token("operator")
        self._client = client

    async def ask(self, document: str, **variables: Any) -> Any:
        body = {"query": document, "variables": variables}
        answer = (await self._client.post(self.url, json=body, headers=self.token)).json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def send(self, mutation: Mutation, input: Mapping[str, Any]) -> Any:
        return (await self.ask(mutation.document, input=input))[mutation.name]


async def effects(data: Path) -> dict[str, int]:
    """What is in the store of all that the mutations may do."""
    store = place_in(data).open()
    found = [await counted(store, it, it.name) for it in MUTATIONS]
    await store.close()
    entries = {it.name: each["entries"] for it, each in zip(MUTATIONS, found, strict=True)}
    units = sum(each["units"] for each in found)
    return {**found[0], **entries, "entries": sum(entries.values()), "units": units}


def once() -> dict[str, int]:
    """What is more when each mutation was done once."""
    done = Counter[str]()
    for it in MUTATIONS:
        done.update(it.effect)
        done[it.name] += it.effect.get("entries", 0)
    return dict(+done)


async def test_two_processes_and_a_third_after_both_were_killed_do_it_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with httpx2.AsyncClient(timeout=60) as client:
        with demo(data) as one, demo(data) as other:
            doors = [Door(one, client), Door(other, client)]
            inputs = [(it, await it.prepared(doors[0].ask, it.name)) for it in MUTATIONS]
            before = await effects(data)
            told = []
            for it, input in inputs:
                sent = [door.send(it, input) for door in doors * TIMES]
                told.append(replays(await asyncio.gather(*sent)))
            for child in (one, other):
                assert child.stop(signal.SIGKILL) == -signal.SIGKILL
        with demo(data) as third:
            door = Door(third, client)
            again = [await door.send(it, input) for it, input in inputs]
            assert third.stop() == 0

    assert again == [{**answer, "replayed": True} for answer in told]
    assert more(await effects(data), before) == once()


async def test_while_the_first_still_runs_and_after_its_client_hung_up_it_is_done_once(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    async with httpx2.AsyncClient(timeout=60) as client:
        with demo(data) as child:
            door = Door(child, client)
            inputs = [(it, await it.prepared(door.ask, it.name)) for it in MUTATIONS]
            before = await effects(data)
            with busy(data / STORE_FILE):
                for it, input in inputs:
                    hang_up(child, it, input)
                sent = [
                    asyncio.create_task(door.send(it, input)) for it, input in inputs for _ in "ab"
                ]
                answered, _ = await asyncio.wait(sent, timeout=0.5)
            told = await asyncio.gather(*sent)
            again = [await door.send(it, input) for it, input in inputs]
            assert child.stop() == 0

    assert answered == set()
    for at, last in enumerate(again):
        assert [{**it, "replayed": True} for it in told[2 * at : 2 * at + 2]] == [last, last]
    assert more(await effects(data), before) == once()


@contextmanager
def busy(path: Path) -> Iterator[None]:
    """A store that nobody else can write to, as while a backup tool or a shell holds it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")


def hang_up(child: Child, mutation: Mutation, input: Mapping[str, Any]) -> None:
    """Sends a request whole, and is gone before it is answered."""
    body = json.dumps({"query": mutation.document, "variables": {"input": input}}).encode()
    at = urlsplit(child.address)
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Type: application/json\r\n"
        f"Authorization: {child.token('operator')['Authorization']}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((at.hostname, at.port or 0), timeout=10) as client:
        client.sendall(head.encode() + body)
