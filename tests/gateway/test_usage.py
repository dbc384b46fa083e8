"""Uses of fields: counted by client and day, bounded, written each minute and at the stop."""

import asyncio
import json
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from connectors.stores.memory.engine import open_memory
from gateway.bootstrap import Place
from gateway.monitor import watching
from gateway.telemetry import telemetry_of
from gateway.usage import CLIENTS_MAX, PENDING_MAX, Usage
from gateway.usage_commands import Asked, Row, Unknown, rows_of, show
from resolvers.domain.callers import Use
from schema.usage import Uses
from tests.gateway.house import NOON, PROMISE, House, house_of, talking

DAY = date(2026, 3, 2)
SHELF = Uses("Shelf", ("Query.variant", "Variant.sku"), {})


async def written(usage: Usage) -> list[tuple[str, str, int]]:
    store = open_memory()
    await usage.flush(store.callers)
    return [(use.field, use.client, use.count) for use in await store.callers.uses(date.min)]


async def test_each_operation_counts_once_for_each_part_that_it_uses() -> None:
    usage = Usage(lambda: NOON)
    for _ in range(3):
        usage.add(SHELF, "web")
    usage.add(SHELF, "till", ["Tone.LOUD", "Tone.LOUD"])

    assert await written(usage) == [
        ("Query.variant", "till", 1),
        ("Query.variant", "web", 3),
        ("Tone.LOUD", "till", 2),
        ("Variant.sku", "till", 1),
        ("Variant.sku", "web", 3),
    ]
    assert usage.waiting == 0


async def test_clients_that_call_themselves_anything_are_counted_together() -> None:
    usage = Usage(lambda: NOON)
    for at in range(5_000):
        usage.add(SHELF, f"c{at}")
    for _ in range(7):
        usage.add(SHELF, "web")
    assert usage.waiting < 2 * 1_001 + PENDING_MAX

    found = [(client, count) for field, client, count in await written(usage) if "sku" in field]

    assert len(found) == CLIENTS_MAX
    assert sum(count for _, count in found) == 5_007
    assert dict(found)["other"] > 4_000


async def test_a_day_names_no_more_than_so_many_clients() -> None:
    now = [NOON]
    usage = Usage(lambda: now[0])
    store = open_memory()
    for minute in range(10):
        for at in range(CLIENTS_MAX):
            usage.add(SHELF, f"c{minute}-{at}")
        await usage.flush(store.callers)

    clients = {use.client for use in await store.callers.uses(date.min)}

    assert len(clients) == 201
    assert "other" in clients

    now[0] += timedelta(days=1)
    await usage.flush(store.callers)
    usage.add(SHELF, "tomorrow's")
    await usage.flush(store.callers)
    last = list(await store.callers.uses(DAY + timedelta(days=1)))
    assert [(use.client, use.day) for use in last] == [("tomorrow's", date(2026, 3, 3))] * 2


class _Down:
    """A store that takes nothing until it is up."""

    up = False

    def __init__(self) -> None:
        self.taken: list[Use] = []

    async def add_uses(self, uses: Sequence[Use]) -> None:
        if not self.up:
            raise OSError("down")
        self.taken += uses


async def test_what_could_not_be_written_is_written_next_time() -> None:
    usage, store = Usage(lambda: NOON), _Down()
    port: Any = store
    usage.add(SHELF, "web")
    with pytest.raises(OSError, match="down"):
        await usage.flush(port)
    assert usage.waiting == 2

    store.up = True
    usage.add(SHELF, "web")
    await usage.flush(port)

    assert [(use.field, use.count) for use in store.taken] == [
        ("Query.variant", 1),
        ("Variant.sku", 1),
        ("Query.variant", 1),
        ("Variant.sku", 1),
    ]


async def test_uses_of_requests_and_connections_are_in_the_store_after_the_stop(
    house: House,
) -> None:
    house = house_of(house.runtime, telemetry=telemetry_of(house.runtime))
    async with watching(house.runtime, house.desk.telemetry):
        await house.post({"query": PROMISE}, apollographql_client_name="web")
        await house.post({"query": PROMISE}, x_client_name="13800138000")
        await house.post({"query": "{ nonsense }"}, x_client_name="web")
        async with talking(house.app) as talk:
            await talk.event()
            await talk.introduce({"x-client-name": "mini"})
            await talk.subscribe("1", PROMISE)
            assert (await talk.message())["type"] == "next"
            await talk.message()

    found = await house.runtime.store.callers.uses(date.min)

    assert [(use.client, use.count) for use in found if use.field == "Availability.sku"] == [
        ("mini", 1),
        ("unnamed", 1),
        ("web", 1),
    ]
    assert {use.day for use in found} == {DAY}
    assert "Query.availability(channel:)" in {use.field for use in found}


KNOWN = {"Order.number": None, "Order.code": "Since 2026-01-01: use number", "Order.no": "gone"}
COUNTED = [
    Use(DAY, "web", "Order.code", 3),
    Use(DAY + timedelta(days=1), "web", "Order.code", 4),
    Use(DAY, "till", "Order.code", 9),
    Use(DAY, "web", "Order.number", 100),
    Use(DAY, "web", "Order.dropped", 1),
]


def test_the_table_shows_what_is_used_and_what_may_go() -> None:
    everything = rows_of(COUNTED, KNOWN, Asked(DAY))
    old = rows_of(COUNTED, KNOWN, Asked(DAY, deprecated=True))

    assert [(row.field, row.client, row.count) for row in everything] == [
        ("Order.number", "web", 100),
        ("Order.code", "till", 9),
        ("Order.code", "web", 7),
        ("Order.dropped", "web", 1),
    ]
    why = "Since 2026-01-01: use number"
    assert old == [
        Row("Order.code", "till", 9, DAY, why),
        Row("Order.code", "web", 7, DAY + timedelta(days=1), why),
        Row("Order.no", None, 0, None, "gone"),
    ]
    assert rows_of(COUNTED, KNOWN, Asked(DAY, "Order.no")) == [old[2]]
    with pytest.raises(Unknown, match=r"the schema has no 'Order\.x'"):
        rows_of(COUNTED, KNOWN, Asked(DAY, "Order.x"))


def test_the_command_prints_a_table_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    store = open_memory()
    asyncio.run(store.callers.add_uses([Use(DAY, "web", "Order.number", 1200)]))
    place = Place("memory", lambda: store)

    show(place, Asked(DAY, "Order.number"), as_json=True)
    assert json.loads(capsys.readouterr().out) == [
        {
            "field": "Order.number",
            "client": "web",
            "count": 1200,
            "last": "2026-03-02",
            "deprecated": None,
        }
    ]

    show(place, Asked(DAY, "Order.number"), as_json=False)
    assert "│ Order.number │ web    │ 1,200 │ 2026-03-02 │" in capsys.readouterr().out
