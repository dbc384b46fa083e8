"""Several workers behind one port, as clients and operators meet them (G4, G5, S4)."""

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.child import START_SECONDS, STOP_SECONDS, Child, finished, started

WORKERS = 4
SKU, PLACE, UNITS = "BT-0001-30ML", "WH-01", 20

LEVELS = """query { stockLevels(first: 100, filter: {sku: ["BT-0001-30ML"]}) {
  nodes { location { code } onHand softReserved hardReserved } } }"""
RECOUNT = """mutation ($key: String!, $sku: String!, $at: String!, $has: Int!, $was: Int!) {
  adjustStock(input: {idempotencyKey: $key, sku: $sku, locationCode: $at, reason: COUNT,
    recount: {onHand: $has, expected: $was}}) { userErrors { code } } }"""
HOLD = """mutation ($key: String!) {
  reserveStock(input: {idempotencyKey: $key, channel: "mini-program",
    lines: [{sku: "BT-0001-30ML", quantity: 1}], ttlSeconds: 3600}) {
    reservation { id } userErrors { code } } }"""
SETTINGS = """
[retailer]
name = "Chain"

[server]
drain_seconds = 0
workers = 2

[[channels]]
code = "web"
name = "Web"
kind = "ONLINE"

[[backends]]
code = "erp"
vendor = "sandbox-erp"
"""


@contextmanager
def crew(data: Path, workers: int) -> Iterator[Child]:
    """A demo of some workers, all of which serve."""
    with started(data, "demo", "--workers", str(workers)) as child:
        child.wait_until_open()
        until(lambda: up_in(child) == workers, child)
        yield child


def until(so: Callable[[], bool], child: Child) -> None:
    ends = time.monotonic() + START_SECONDS
    while not so():
        assert time.monotonic() < ends, child.log()
        time.sleep(0.05)


def metrics_of(child: Child) -> str:
    return httpx2.get(f"{child.address}/metrics").text


def up_in(child: Child) -> int:
    return len(
        re.findall(r'^gateway_worker_up\{worker="\d+"\} 1.0$', metrics_of(child), re.MULTILINE)
    )


def workers_of(supervisor: int) -> list[int]:
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text()
    return [int(pid) for pid in children.split()]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who asks by a connection of its own each time: any worker may have it."""

    child: Child
    client: httpx2.AsyncClient

    async def ask(self, role: str, query: str, **variables: Any) -> Any:
        """An answer's data."""
        body = {"query": query, "variables": variables}
        address = f"{self.child.address}/graphql"
        answer = await self.client.post(address, json=body, headers=self.child.token(role))
        found = answer.json()
        assert "errors" not in found, found
        return found["data"]


@asynccontextmanager
async def calling(data: Path, workers: int) -> AsyncIterator[Caller]:
    """Whoever calls a demo of some workers, all of which serve."""
    limits = httpx2.Limits(max_keepalive_connections=0)
    with crew(data, workers) as child:
        async with httpx2.AsyncClient(timeout=START_SECONDS, limits=limits) as client:
            yield Caller(child, client)


async def stocked(caller: Caller, units: int) -> None:
    """Leaves so many units that are not promised, all at one place."""
    for level in (await caller.ask("operator", LEVELS))["stockLevels"]["nodes"]:
        at, was = level["location"]["code"], level["onHand"]
        promised = level["softReserved"] + level["hardReserved"]
        has = promised + (units if at == PLACE else 0)
        if has != was:
            wish = {"key": f"count-{at}", "sku": SKU, "at": at, "has": has, "was": was}
            told = await caller.ask("operator", RECOUNT, **wish)
            assert told["adjustStock"]["userErrors"] == []


def counted(text: str, worker: int) -> float:
    found = re.findall(
        rf'^gateway_operations_total\{{result="ok",type="mutation",worker="{worker}"\}} (.*)$',
        text,
        re.MULTILINE,
    )
    return float(found[0]) if found else 0.0


async def test_nothing_is_oversold_by_four_workers_behind_one_port(tmp_path: Path) -> None:
    async with calling(tmp_path / "data", WORKERS) as caller:
        await stocked(caller, UNITS)
        wishes = (caller.ask("shopper", HOLD, key=f"k-{at}") for at in range(3 * UNITS))
        answers = [data["reserveStock"] for data in await asyncio.gather(*wishes)]
        levels = (await caller.ask("operator", LEVELS))["stockLevels"]["nodes"]
        text = metrics_of(caller.child)

        assert caller.child.stop() == 0

    held = [answer["reservation"]["id"] for answer in answers if answer["reservation"]]
    refused = [error["code"] for answer in answers for error in answer["userErrors"]]
    assert len(held) == len(set(held)) == UNITS
    assert refused == ["INSUFFICIENT_STOCK"] * (2 * UNITS)
    assert all(at["onHand"] >= at["softReserved"] + at["hardReserved"] for at in levels)
    # the kernel deals 60 connections out to four: that one of them had none is 1 in 10^7
    assert all(counted(text, worker) > 0 for worker in range(WORKERS)), text


async def test_a_wish_that_is_sent_again_to_another_worker_is_one_wish(tmp_path: Path) -> None:
    async with calling(tmp_path / "data", 2) as caller:
        wishes = (caller.ask("shopper", HOLD, key="the same") for _ in range(24))
        ids = [data["reserveStock"]["reservation"]["id"] for data in await asyncio.gather(*wishes)]

    assert len(set(ids)) == 1


async def test_whoever_listens_to_one_worker_hears_what_any_has_changed(tmp_path: Path) -> None:
    watch = {"query": f'subscription {{ stockChanged(skus: ["{SKU}"]) {{ softReserved }} }}'}
    async with calling(tmp_path / "data", 2) as caller:
        child = caller.child
        async with child.socket("operator") as one:
            await one.send(json.dumps({"type": "subscribe", "id": "w", "payload": watch}))
            assert json.loads(await one.recv())["type"] == "next"
            before = [counted(metrics_of(child), worker) for worker in range(2)]
            for at in range(64):  # until both have made a hold: each new connection is dealt anew
                assert (await caller.ask("shopper", HOLD, key=f"k-{at}"))["reserveStock"]
                now = [counted(metrics_of(child), worker) for worker in range(2)]
                heard = json.loads(await asyncio.wait_for(one.recv(), START_SECONDS))
                assert heard["type"] == "next", heard
                while (ping := await drained(one)) is not None:
                    assert ping["type"] in ("next", "ping"), ping
                if all(n > b for n, b in zip(now, before, strict=True)):
                    break
            else:
                pytest.fail("one of the workers has made no hold")


async def drained(socket: Any) -> Any:
    """What has come already; None if nothing has."""
    try:
        return json.loads(await asyncio.wait_for(socket.recv(), 0.05))
    except TimeoutError:
        return None


def test_a_worker_that_is_killed_is_replaced_and_the_others_go_on(tmp_path: Path) -> None:
    with crew(tmp_path / "data", 2) as child:
        [one, other] = workers_of(child.process.pid)

        os.kill(one, signal.SIGKILL)

        until(lambda: up_in(child) == 2 and one not in workers_of(child.process.pid), child)
        assert other in workers_of(child.process.pid)
        assert child.ask("{ channels { code } }")["data"]["channels"]
        assert f"(process {one}) was killed by signal 9; it is started anew in 0 s" in child.log()
        assert child.stop() == 0


def test_a_supervisor_that_is_killed_leaves_nobody_behind(tmp_path: Path) -> None:
    with crew(tmp_path / "data", 2) as child:
        workers = workers_of(child.process.pid)
        address = child.address

        child.process.kill()
        child.process.wait(STOP_SECONDS)

        until(lambda: not any(is_running(pid) for pid in workers), child)
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"{address}/health/live")
    assert "Traceback" not in child.log()


def test_ctrl_c_ends_all_of_them(tmp_path: Path) -> None:
    with crew(tmp_path / "data", 2) as child:
        workers = workers_of(child.process.pid)

        assert child.stop(signal.SIGINT) == 0
        assert not any(is_running(pid) for pid in workers)
    assert "Traceback" not in child.log()


def test_all_workers_take_settings_over_at_a_signal(tmp_path: Path) -> None:
    config = tmp_path / "shop.toml"
    config.write_text(SETTINGS)
    with started(tmp_path / "data", "serve", "--config", str(config)) as child:
        child.read_until("\n")
        until(lambda: up_in(child) == 2, child)

        config.write_text(SETTINGS.replace("workers", 'allowed_origins = ["*"]\nworkers'))
        child.process.send_signal(signal.SIGHUP)

        until(lambda: child.log().count("settings taken over") == 2, child)
        [one, _] = workers_of(child.process.pid)
        os.kill(one, signal.SIGKILL)  # the next one is to know what the other does
        until(lambda: child.log().count("settings taken over") == 3, child)
        assert child.stop() == 0


def test_a_port_that_is_taken_is_refused_by_a_crew_too(tmp_path: Path) -> None:
    with crew(tmp_path / "one", 2) as child:
        port = child.address.rpartition(":")[2]

        for workers in ("1", "2"):
            words = ("demo", "--port", port, "--data", str(tmp_path / "two"))
            ended = finished(*words, "--workers", workers)
            assert ended.returncode == 1
            assert "address already in use" in ended.stderr


def test_workers_that_would_share_nothing_are_refused(tmp_path: Path) -> None:
    config = tmp_path / "shop.toml"
    config.write_text(SETTINGS + '\n[store]\nengine = "memory"\n')

    ended = finished("serve", "--config", str(config), "--data", str(tmp_path / "data"))

    assert ended.returncode == 2
    assert 'server.workers: expected 1 with engine = "memory"' in ended.stderr


def test_what_keeps_the_first_worker_from_serving_is_told_once(tmp_path: Path) -> None:
    config = tmp_path / "shop.toml"
    config.write_text(SETTINGS.replace('code = "erp"', 'code = "nobody"'))

    words = ("--config", str(config), "--data", str(tmp_path / "data"), "--port", "0")
    ended = finished("serve", *words)

    assert ended.returncode == 2
    assert ended.stderr.count("backends.nobody.code") == 1
