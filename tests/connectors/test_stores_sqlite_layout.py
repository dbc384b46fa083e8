"""A store that the program's first layout was written to is read by this one (G5)."""

import sqlite3
from datetime import timedelta
from pathlib import Path

from connectors.stores.coding import micros
from connectors.stores.sqlite.database import Database
from connectors.stores.sqlite.engine import open_sqlite
from connectors.stores.sqlite.layout import LAYOUT
from resolvers.domain.books import Key
from resolvers.domain.stock import EntryKind
from resolvers.upkeep import check
from tests.contract.shop import NOON, Shop, minutes

KEY = Key("caller", "reserveStock", "k")
UNTIL = NOON + minutes(15)
RECEIPT = b"""[{"kind":"RECEIPT","sku":"A","location":"WH","cause":"delivery","source":"erp",
"at":"2026-03-02T12:00:00Z","on_hand":5},{"kind":"RECEIPT","sku":"A","location":"ST",
"cause":"delivery","source":"erp","at":"2026-03-02T12:00:00Z","on_hand":1}]"""
HOLD = b"""[{"kind":"HOLD","sku":"A","location":"WH","cause":"R1","source":"gateway",
"at":"2026-03-02T12:00:00Z","soft":2,"taker":{"channel":"web","day":"2026-03-02","member":null}}]"""
RESERVATION = b"""{"id":"R1","status":"HELD","channel":"web","lines":[{"sku":"A","quantity":2}],
"subject":"caller","created_at":"2026-03-02T12:00:00Z","expires_at":"2026-03-02T12:15:00Z",
"order_id":null,"units":[["A",2]]}"""


async def first_layout(path: Path) -> None:
    """A hold of two of five units, as the first layout had it."""
    await Database(path, layout=LAYOUT[:1]).close()
    at, until = micros(NOON), micros(UNTIL)
    with sqlite3.connect(path) as connection:
        for batch, body in enumerate((RECEIPT, HOLD), start=1):
            connection.execute("INSERT INTO journal VALUES (?, ?, ?)", (batch, at, body))
            connection.execute("INSERT INTO journal_skus VALUES ('A', ?)", (batch,))
        connection.execute("INSERT INTO streams VALUES ('A', 2, ?)", (at,))
        connection.execute("INSERT INTO positions VALUES ('A', 'WH', 5, 2, 0, 0, 0, ?)", (at,))
        connection.execute("INSERT INTO positions VALUES ('A', 'ST', 1, 0, 0, 0, 0, ?)", (at,))
        connection.execute(
            "INSERT INTO pins VALUES ('A', 'R1', 'WH', 2, ?, 1, 'web', '2026-03-02', NULL)",
            (until,),
        )
        connection.executemany(
            "INSERT INTO taken VALUES ('A', ?, ?, 2)", [("live", "web"), ("day", "2026-03-02 web")]
        )
        connection.execute(
            "INSERT INTO reservations VALUES ('R1', 'HELD', ?, ?)", (until, RESERVATION)
        )
        connection.execute("INSERT INTO keys VALUES (?, 'print', 'R1', ?)", (KEY.id, at))
    connection.close()


async def test_a_store_of_the_first_layout_is_brought_up_to_date_and_is_sound(tmp_path):
    path = tmp_path / "store.db"
    await first_layout(path)

    shop = Shop(open_sqlite(path))

    assert [step.findings async for step in check(shop.store)] == [(), ()]
    held, pins = (await shop.store.stock.reservations(["R1"]))["R1"]
    assert (held.subject, held.expires_at) == ("caller", UNTIL)
    assert [(pin.location, pin.quantity, pin.until) for pin in pins] == [("WH", 2, UNTIL)]
    assert await shop.store.stock.recorded_answer(KEY) == "R1"
    history = await shop.store.stock.history("A", "WH", None, 10)
    assert [entry.kind for _, entry in history] == [EntryKind.HOLD, EntryKind.RECEIPT]
    shop.now += timedelta(hours=1)
    await shop.hold("R2", ("A", "WH", 5))  # the first is over, and its units are free
    assert [step.findings async for step in check(shop.store)] == [(), ()]
    await shop.store.close()
