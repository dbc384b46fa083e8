"""The sandbox's knobs bite, and every door and process sees the same chain."""

import asyncio
import json
import sqlite3
import sys
import time
from pathlib import Path

import pytest

from connectors.sandbox.erp import SandboxErp
from connectors.sandbox.knobs import Fault, Knobs
from resolvers.backend_ports import Departed, OrderSource
from resolvers.domain.catalog import Product
from resolvers.domain.errors import (
    BackendRefused,
    BackendTimedOut,
    BackendUnavailable,
    UnknownOutcome,
)
from resolvers.domain.orders import OrderStatus
from resolvers.domain.outbox import Adjustment, Sale, SaleLine
from resolvers.domain.values import Money, utc

SKU = "BT-0001-30ML"
NOON = utc(2026, 3, 2, 12)


def sale(reference: str, *lines: tuple[str, int], at: str = "WH-01") -> Sale:
    booked = tuple(SaleLine(sku, units, Money(76000, "CNY")) for sku, units in lines)
    return Sale(reference, at, NOON, booked)


async def catalogue_of(erp: SandboxErp, cursor: str = "") -> list[Product]:
    return [product async for page, _ in erp.products(cursor) for product in page]


async def orders_of(source: OrderSource, cursor: str = "") -> list[tuple[str, OrderStatus]]:
    return [(o.number, o.status) async for page, _ in source.orders(cursor) for o in page]


async def cursor_of(source: OrderSource) -> str:
    return [cursor async for _, cursor in source.orders("")][-1]


@pytest.mark.parametrize(
    ("fault", "reading", "writing"),
    [
        (Fault.UNAVAILABLE, BackendUnavailable, BackendUnavailable),
        (Fault.TIMEOUT, BackendTimedOut, UnknownOutcome),
        (Fault.REFUSE, BackendRefused, BackendRefused),
    ],
)
async def test_a_system_that_fails_has_done_nothing(erp, fault, reading, writing):
    await erp.set_knobs(Knobs(fail=fault))

    with pytest.raises(reading):
        await erp.read("WH-01")
    with pytest.raises(reading):
        await catalogue_of(erp)
    with pytest.raises(writing):
        await erp.place([sale("r-1", (SKU, 1))], second_try=False)
    probe = await erp.probe()

    assert not probe.good and probe.remedy
    assert await erp.sales() == []


async def test_a_lost_answer_is_found_again_by_its_reference(erp):
    before = await erp.on_hand("WH-01", SKU)
    lost = Adjustment("adj-1", SKU, "WH-01", -1, "broken")
    await erp.set_knobs(Knobs(fail=Fault.ANSWER_LOST))

    with pytest.raises(UnknownOutcome):
        await erp.place([sale("r-1", (SKU, 1))], second_try=False)
    with pytest.raises(UnknownOutcome):
        await erp.adjust(lost, second_try=False)
    seen = (await erp.read("WH-01")).levels[SKU].on_hand
    await erp.set_knobs(Knobs())
    (placed,) = await erp.place([sale("r-1", (SKU, 1))], second_try=True)
    await erp.adjust(lost, second_try=True)

    assert seen == before - 1
    assert placed.external_id == "SO-000001"
    assert len(await erp.sales()) == 1
    assert await erp.on_hand("WH-01", SKU) == before - 1


async def test_a_slow_system_answers_after_its_delay(erp):
    await erp.set_knobs(Knobs(delay_seconds=0.02))

    started = time.perf_counter()
    await erp.read("WH-01")

    assert time.perf_counter() - started >= 0.02


async def test_silent_feeds_stand_still_and_then_catch_up(erp, tills):
    cursor = await cursor_of(tills)
    before = await erp.read("ST-01")
    for door in (erp, tills):
        await door.set_knobs(Knobs(silent=True))

    await tills.sell("ST-01", SKU, 1)
    await erp.reprice(SKU, "store", 100)
    await erp.place([sale("r-1", (SKU, 1), at="ST-01")], second_try=False)
    await erp.ship("r-1")

    assert await erp.read("ST-01") == before
    assert await catalogue_of(erp, "320") == []
    assert len(await catalogue_of(erp)) == 320
    assert await orders_of(tills, cursor) == []

    for door in (erp, tills):
        await door.set_knobs(Knobs())
    after = await erp.read("ST-01")

    assert after.departed == (Departed("r-1", SKU, 1),)
    assert after.watermark == before.watermark + 4
    assert after.levels[SKU].on_hand == await erp.on_hand("ST-01", SKU)
    assert len(await catalogue_of(erp, "320")) == 1
    assert await orders_of(tills, cursor) == [("ST-01-000001", OrderStatus.FULFILLED)]


async def test_knobs_and_books_are_the_same_behind_every_door(erp, tmp_path):
    other = SandboxErp(tmp_path)
    try:
        await erp.place([sale("r-1", (SKU, 1))], second_try=False)
        await erp.set_knobs(Knobs(fail=Fault.REFUSE, silent=True))

        assert await other.knobs() == Knobs(fail=Fault.REFUSE, silent=True)
        assert [booked.id for booked in await other.sales()] == ["SO-000001"]
    finally:
        other.close()


_ONE_PROCESS = """
import asyncio, json, sys
from pathlib import Path
from connectors.sandbox.erp import SandboxErp
from resolvers.domain.outbox import Sale, SaleLine
from resolvers.domain.values import Money, utc

async def main():
    erp = SandboxErp(Path(sys.argv[1]))
    line = SaleLine("BT-0001-30ML", 1, Money(76000, "CNY"))
    placed = []
    for n in range(20):
        sale = Sale(f"r-{n}", "WH-01", utc(2026, 3, 2), (line,))
        placed += await erp.place([sale], second_try=False)
    print(json.dumps([result.external_id for result in placed]))
    erp.close()

asyncio.run(main())
"""


async def test_processes_that_start_at_once_seed_once_and_book_each_reference_once(erp, tmp_path):
    root = Path(__file__).parents[2]
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _ONE_PROCESS,
            str(tmp_path),
            cwd=root,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(3)
    ]
    answers = [json.loads((await child.communicate())[0]) for child in children]

    assert [child.returncode for child in children] == [0, 0, 0]
    assert answers[0] == answers[1] == answers[2]
    assert sorted(answers[0]) == [f"SO-{n:06}" for n in range(1, 21)]
    assert len(await erp.sales()) == 20
    assert len(await catalogue_of(erp)) == 320


async def test_a_file_of_another_edition_is_refused_and_says_so(erp, tmp_path):
    (tmp_path / "sandbox").mkdir()
    with sqlite3.connect(tmp_path / "sandbox" / "erp.sqlite") as db:
        db.execute("PRAGMA user_version=99")
    db.close()

    probe = await erp.probe()

    assert not probe.good
    assert "edition 99" in probe.detail
