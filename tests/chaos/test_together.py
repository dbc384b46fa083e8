"""Many at once on one store: tasks of one process, threads with a loop and a door each, and four
processes. A hot SKU is sold to the unit, a mix of everything adds up, a key has one effect (S4).
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from resolvers.domain.reservation import Status
from resolvers.domain.rules import RuleKind, StockRule
from resolvers.domain.stock import as_of
from resolvers.ruling import set_stock_rule
from tests.chaos.audit import audit
from tests.chaos.child import branch, wall_clock, work
from tests.chaos.mix import SKUS, WAREHOUSE, Mix, Told, furnish
from tests.support import OPERATOR, SKU, open_store

SECONDS_MAX = 150

pytestmark = pytest.mark.timeout(300)

Commands = Sequence[dict[str, Any]]
Together = Callable[[str, Path, Sequence[Commands]], Awaitable[list[list[Told]]]]


def some(place: str, count: int) -> int:
    """As many as the store at a place does in a few seconds: the stand-in of MongoDB is slow."""
    return count * 2 // 5 if place.startswith("mongodb") else count


async def in_tasks(place: str, _: Path, parts: Sequence[Commands]) -> list[list[Told]]:
    """All in one process, through one engine and one store, a hundred and more at once."""
    heard: list[list[Told]] = [[] for _ in parts]
    shop = branch(await open_store(place))
    await asyncio.gather(
        *(work(shop, part, told.append, 32) for part, told in zip(parts, heard, strict=True))
    )
    await shop.close()
    return heard


async def in_threads(place: str, _: Path, parts: Sequence[Commands]) -> list[list[Told]]:
    """Each part in a thread of its own, with its own loop and its own store."""

    async def one(part: Commands) -> list[Told]:
        told: list[Told] = []
        store = await open_store(place)
        await work(branch(store), part, told.append)
        await store.close()
        return told

    threads = (asyncio.to_thread(asyncio.run, one(part)) for part in parts)
    return list(await asyncio.gather(*threads))


async def in_processes(place: str, files: Path, parts: Sequence[Commands]) -> list[list[Told]]:
    """Each part in a process of its own; they begin together."""
    ready = asyncio.Barrier(len(parts))

    async def one(at: int, part: Commands) -> list[Told]:
        commands = files / f"commands-{at}"
        commands.write_text("".join(json.dumps(command) + "\n" for command in part))
        words = ["-m", "tests.chaos.child", place, str(commands)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        async with asyncio.timeout(SECONDS_MAX):
            assert await process.stdout.readline() == b"\n"
            await ready.wait()
            told, _ = await process.communicate(b"\n")
        assert process.returncode == 0
        return [json.loads(line) for line in told.splitlines()]

    return list(await asyncio.gather(*(one(at, part) for at, part in enumerate(parts))))


WAYS = pytest.mark.parametrize(
    ("together", "count"), [(in_tasks, 4), (in_threads, 2), (in_processes, 4)]
)


def buyers(prefix: str, count: int, units: int = 1) -> Commands:
    """So many who want the hot SKU."""
    return [{"key": f"{prefix}-{at}", "kind": "hold", "lines": {SKU: units}} for at in range(count)]


@WAYS
async def test_every_unit_of_a_hot_sku_is_promised_and_none_twice(
    place: str, tmp_path: Path, together: Together, count: int
) -> None:
    units = some(place, 150)
    await furnish(place, units, 0)
    parts = [buyers(f"p{at}", some(place, 240) // count) for at in range(count)]

    found = await together(place, tmp_path, parts)

    told = {one["key"]: one for part in found for one in part}
    refused = Counter(one.get("refused") for one in told.values())
    assert refused == {None: units, "INSUFFICIENT_STOCK": some(place, 90)}
    assert len({one["answer"] for one in told.values() if "answer" in one}) == units
    asked = {command["key"]: command for part in parts for command in part}
    await adds_up(place, asked, told, {SKU: units})


@WAYS
async def test_limits_hold_to_the_unit(
    place: str, tmp_path: Path, together: Together, count: int
) -> None:
    """Members try four times each, for a SKU with a cap and for one with a limit a member."""
    await furnish(place, 1000, 1000)
    capped, personal = SKUS[:2]
    members, cap = some(place, 60), some(place, 70)
    shop = branch(await open_store(place))
    for rule in (
        StockRule("cap", RuleKind.CAP, cap, skus=(capped,)),
        StockRule("each", RuleKind.MEMBER_LIMIT, 2, skus=(personal,)),
    ):
        await set_stock_rule(shop.context(OPERATOR), rule.code, rule)
    await shop.close()
    parts: list[list[dict[str, Any]]] = [[] for _ in range(count)]
    for at in range(4 * members):
        hold = {"kind": "hold", "member": f"M-{at % members}"}
        for sku in (capped, personal):
            parts[at % count].append({"key": f"{sku}-{at}", "lines": {sku: 1}, **hold})

    found = await together(place, tmp_path, parts)

    told = {one["key"]: one for part in found for one in part}
    asked = {command["key"]: command for part in parts for command in part}
    taken = Counter(
        (sku, asked[key]["member"] if sku == personal else "")
        for key, one in told.items()
        if "answer" in one
        for sku in asked[key]["lines"]
    )
    assert taken == {(capped, ""): cap, **{(personal, f"M-{at}"): 2 for at in range(members)}}
    refused = Counter(one.get("refused") for one in told.values())
    over = 4 * members - cap
    assert refused == {None: cap + 2 * members, "CHANNEL_LIMIT_REACHED": over + 2 * members}
    await adds_up(place, asked, told, dict.fromkeys(SKUS, 1000))


@WAYS
async def test_a_mix_of_everything_adds_up_to_the_unit(
    place: str, tmp_path: Path, together: Together, count: int
) -> None:
    seeded = {sku: 90 if sku == SKU else 25 for sku in SKUS}
    await furnish(place, 90, 25)
    parts = [Mix(at, f"p{at}").life(some(place, 400) // count) for at in range(count)]

    found = await together(place, tmp_path, parts)

    told = {one["key"]: one for part in found for one in part}
    asked = {command["key"]: command for part in parts for command in part}
    assert told.keys() == asked.keys()
    done = Counter(asked[key]["kind"] for key, one in told.items() if "answer" in one)
    assert all(done[kind] for kind in ("hold", "extend", "release", "order", "pay", "adjust"))
    await adds_up(place, asked, told, seeded)


@WAYS
async def test_the_same_key_at_once_has_one_effect_and_one_answer(
    place: str, tmp_path: Path, together: Together, count: int
) -> None:
    await furnish(place, 150, 0)
    part = buyers("p", 60)

    found = await together(place, tmp_path, [part] * count)

    answers = [{one["key"]: one["answer"] for one in told} for told in found]
    assert answers == [answers[0]] * count
    replayed = Counter(one["replayed"] for told in found for one in told)
    assert replayed == {False: 60, True: 60 * (count - 1)}
    asked = {command["key"]: command for command in part}
    await adds_up(place, asked, {one["key"]: one for one in found[0]}, {SKU: 150})


@WAYS
async def test_the_same_key_at_once_with_other_content_has_the_effect_of_one(
    place: str, tmp_path: Path, together: Together, count: int
) -> None:
    await furnish(place, 1000, 0)
    parts = [buyers("p", 60, units) for units in range(1, count + 1)]

    found = await together(place, tmp_path, parts)

    asked: dict[str, dict[str, Any]] = {}
    told: dict[str, Told] = {}
    for part, heard in zip(parts, found, strict=True):
        for command in part:
            [one] = [one for one in heard if one["key"] == command["key"]]
            if "answer" in one:
                assert command["key"] not in told
                told[command["key"]], asked[command["key"]] = one, command
            else:
                assert one["refused"] == "IDEMPOTENCY_KEY_REUSED"
    assert len(told) == 60
    await adds_up(place, asked, told, {SKU: 1000})


async def adds_up(
    place: str,
    asked: dict[str, dict[str, Any]],
    told: dict[str, Told],
    seeded: dict[str, int],
) -> None:
    """What was asked and told, and what is live now, is what the store has."""
    store = await open_store(place)
    found = await audit(store, asked, told, seeded)
    now = wall_clock()
    live = Counter[str]()
    for known in found.reservations.values():
        if known.seen_at(now).status in (Status.HELD, Status.COMMITTED):
            live.update(dict(known.units))
    for sku, stream in (await store.stock.streams(SKUS, now)).items():
        positions = as_of(stream, now)
        assert sum(at.soft + at.hard for at in positions.values()) == live[sku]
        assert positions[WAREHOUSE].unpromised >= 0
    await store.close()
