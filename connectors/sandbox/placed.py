"""Orders placed in a sandbox system of sale: kept in its file, told as the house's records.

Shared by the tills and the marketplaces; numbers, channels and how goods reach a buyer are theirs.
"""

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.sandbox.chain import CURRENCY
from connectors.sandbox.systems import following
from resolvers.domain.catalog import Provenance
from resolvers.domain.errors import NotFound
from resolvers.domain.members import member_id
from resolvers.domain.orders import (
    Delivery,
    Order,
    OrderEvent,
    OrderLine,
    OrderStatus,
    Payment,
)
from resolvers.domain.values import Money

CRM = "crm"
"""The system that knows who buys in the chain."""

LAYOUT = """
CREATE TABLE placed (
  number TEXT PRIMARY KEY, changed INTEGER NOT NULL UNIQUE, serial INTEGER NOT NULL,
  status TEXT NOT NULL, placed_at TEXT NOT NULL, updated_at TEXT NOT NULL,
  lines TEXT NOT NULL, location TEXT, associate TEXT, customer TEXT
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Placed:
    """One order as its own system has it. ``serial`` counts within its number's range."""

    number: str
    serial: int
    status: OrderStatus
    placed_at: datetime
    updated_at: datetime
    lines: tuple[tuple[str, str, int, int], ...]
    """SKU, title, units, unit price in minor units."""
    location: str | None = None
    associate: str | None = None
    customer: str | None = None
    """Who bought, by the CRM's id: a card at the till, an account that was linked to it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What all orders of one system share, and how its goods reach a buyer."""

    system: str
    channel: str
    payment: str
    delivery: Callable[[Placed], Delivery]


def save(db: sqlite3.Connection, placed: Placed) -> None:
    """Writes an order down, new or changed."""
    db.execute(
        "REPLACE INTO placed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            placed.number,
            following(db),
            placed.serial,
            placed.status,
            placed.placed_at.isoformat(),
            placed.updated_at.isoformat(),
            json.dumps(placed.lines, ensure_ascii=False),
            placed.location,
            placed.associate,
            placed.customer,
        ),
    )


_COLUMNS = (
    "number, serial, status, placed_at, updated_at, lines, location, associate, customer, changed"
)


def find(db: sqlite3.Connection, number: str) -> Placed:
    """The order of a number.

    Raises:
        NotFound: there is none.
    """
    row = db.execute(f"SELECT {_COLUMNS} FROM placed WHERE number = ?", (number,)).fetchone()
    if row is None:
        raise NotFound(f"there is no order {number}")
    return _placed(row)


def changes(
    terms: Terms,
) -> Callable[[sqlite3.Connection, int, int, int], Sequence[tuple[int, Order]]]:
    """The change feed of a system's orders, eldest change first."""

    def changed(
        db: sqlite3.Connection, after: int, until: int, limit: int
    ) -> Sequence[tuple[int, Order]]:
        rows = db.execute(
            f"SELECT {_COLUMNS} FROM placed WHERE changed > ? AND changed <= ?"
            " ORDER BY changed LIMIT ?",
            (after, until, limit),
        ).fetchall()
        return [(row[-1], _order(terms, _placed(row))) for row in rows]

    return changed


def _placed(row: Sequence[object]) -> Placed:
    number, serial, status, placed_at, updated_at, lines, location, associate, customer, _ = row
    assert isinstance(serial, int)
    return Placed(
        str(number),
        serial,
        OrderStatus(str(status)),
        datetime.fromisoformat(str(placed_at)),
        datetime.fromisoformat(str(updated_at)),
        tuple((sku, title, units, minor) for sku, title, units, minor in json.loads(str(lines))),
        None if location is None else str(location),
        None if associate is None else str(associate),
        None if customer is None else str(customer),
    )


def _order(terms: Terms, placed: Placed) -> Order:
    """The order in the house's words: paid where it was placed, and identified from there."""
    fulfilled = placed.status is OrderStatus.FULFILLED
    lines = tuple(
        OrderLine(
            str(at), sku, title, units, Money(minor, CURRENCY), fulfilled=units if fulfilled else 0
        )
        for at, (sku, title, units, minor) in enumerate(placed.lines, start=1)
    )
    total = sum(line.quantity * line.unit_price.minor for line in lines)
    history = [OrderEvent("PLACED", placed.placed_at, terms.system)]
    if placed.updated_at != placed.placed_at:
        history.append(OrderEvent(placed.status, placed.updated_at, terms.system))
    return Order(
        id=f"{terms.system}-{placed.number}",
        number=placed.number,
        channel=terms.channel,
        status=placed.status,
        lines=lines,
        currency=CURRENCY,
        placed_at=placed.placed_at,
        updated_at=placed.updated_at,
        subject=f"backend:{terms.system}",
        delivery=terms.delivery(placed),
        payments=(Payment(terms.payment, Money(total, CURRENCY), placed.placed_at, placed.number),),
        history=tuple(history),
        member_id=None if placed.customer is None else member_id(CRM, placed.customer),
        associate_code=placed.associate,
        origin_location=placed.location,
        system=terms.system,
        external=(Provenance(terms.system, placed.number, placed.updated_at),),
    )
