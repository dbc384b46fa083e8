"""The ERP's books, as questions and postings on its open file: stock, prices, sales.

Every posting is a movement with its own place in the ERP's sequence; on hand is kept beside them
and can always be taken back to an earlier place. Which caller may do what, and the knobs, are not
known here. Quantities are whole units, amounts minor units.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from connectors.sandbox.chain import LOCATIONS
from connectors.sandbox.goods import catalogue, opening_stock, variants_by_sku
from connectors.sandbox.systems import following, horizon, start_at
from resolvers.backend_ports import Departed, Level, StockReading, WriteResult
from resolvers.domain.catalog import Product, Variant
from resolvers.domain.errors import InvalidInput, NotFound
from resolvers.domain.outbox import Adjustment, Sale, SaleLine
from resolvers.domain.values import Money

DEPARTED_SALES = 1000
"""Of how many sales a location still says what has left, the latest first."""

LAYOUT = """
CREATE TABLE product (
  handle TEXT PRIMARY KEY, changed INTEGER NOT NULL UNIQUE, updated_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE price (
  sku TEXT, channel TEXT, minor INTEGER NOT NULL, currency TEXT NOT NULL,
  PRIMARY KEY (sku, channel)
) WITHOUT ROWID;
CREATE TABLE stock (
  location TEXT, sku TEXT, on_hand INTEGER NOT NULL, elsewhere INTEGER NOT NULL,
  PRIMARY KEY (location, sku)
) WITHOUT ROWID;
CREATE TABLE movement (
  id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, kind TEXT NOT NULL, reference TEXT NOT NULL,
  location TEXT NOT NULL, sku TEXT NOT NULL, on_hand INTEGER NOT NULL, elsewhere INTEGER NOT NULL
);
CREATE INDEX movement_place ON movement (location, sequence);
CREATE INDEX movement_reference ON movement (reference, kind);
CREATE TABLE sale (
  reference TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, location TEXT NOT NULL, status TEXT NOT NULL,
  placed_at TEXT NOT NULL, taken INTEGER NOT NULL, canceled INTEGER, shipped INTEGER
) WITHOUT ROWID;
CREATE INDEX sale_shipped ON sale (location, shipped);
CREATE TABLE sale_line (
  reference TEXT, line INTEGER, sku TEXT NOT NULL, quantity INTEGER NOT NULL,
  minor INTEGER NOT NULL, currency TEXT NOT NULL, PRIMARY KEY (reference, line)
) WITHOUT ROWID
"""

_PLACES = frozenset(at.code for at in LOCATIONS)


class Movement(StrEnum):
    """Why stock moved in the ERP."""

    ADJUSTMENT = "ADJUSTMENT"
    RECEIPT = "RECEIPT"
    TILL = "TILL"
    SHIPMENT = "SHIPMENT"
    OWN_SALE = "OWN_SALE"
    BREAKAGE = "BREAKAGE"
    RETURN = "RETURN"
    TRANSFER = "TRANSFER"


class SaleStatus(StrEnum):
    """Where one of our sales stands in the ERP."""

    OPEN = "OPEN"
    PART_SHIPPED = "PART_SHIPPED"
    SHIPPED = "SHIPPED"
    CANCELED = "CANCELED"


@dataclass(frozen=True, slots=True)
class BookedSale:
    """A sale as the ERP has it: its own id, our reference, and what was sold."""

    id: str
    reference: str
    location: str
    status: SaleStatus
    lines: tuple[SaleLine, ...]


def seed(db: sqlite3.Connection) -> None:
    """The first day: every product, every price, what is on the shelves."""
    products = catalogue()
    db.executemany(
        "INSERT INTO product VALUES (?, ?, ?)",
        [
            (product.handle, at, product.updated_at.isoformat() if product.updated_at else "")
            for at, product in enumerate(products, start=1)
        ],
    )
    db.executemany(
        "INSERT INTO price VALUES (?, ?, ?, ?)",
        [
            (variant.sku, channel, price.minor, price.currency)
            for product in products
            for variant in product.variants
            for channel, price in variant.prices.items()
        ],
    )
    db.executemany("INSERT INTO stock VALUES (?, ?, ?, 0)", opening_stock())
    start_at(db, len(products))


# ---- catalogue --------------------------------------------------------------------------------


def products_changed(
    db: sqlite3.Connection, after: int, until: int, limit: int
) -> list[tuple[int, Product]]:
    """Products that changed after a sequence, eldest change first."""
    by_handle = {product.handle: product for product in catalogue()}
    rows = db.execute(
        "SELECT changed, handle, updated_at FROM product WHERE changed > ? AND changed <= ?"
        " ORDER BY changed LIMIT ?",
        (after, until, limit),
    ).fetchall()
    return [
        (changed, _as_priced(db, by_handle[handle], datetime.fromisoformat(updated_at)))
        for changed, handle, updated_at in rows
    ]


def _as_priced(db: sqlite3.Connection, product: Product, updated_at: datetime) -> Product:
    """A product with the prices that the books have now."""
    variants = tuple(
        replace(variant, prices=_prices(db, variant.sku)) for variant in product.variants
    )
    seen = tuple(replace(origin, observed_at=updated_at) for origin in product.provenance)
    return replace(product, variants=variants, updated_at=updated_at, provenance=seen)


def _prices(db: sqlite3.Connection, sku: str) -> dict[str, Money]:
    rows = db.execute("SELECT channel, minor, currency FROM price WHERE sku = ?", (sku,))
    return {channel: Money(minor, currency) for channel, minor, currency in rows}


def price_of(db: sqlite3.Connection, sku: str, channel: str) -> Money:
    """What a SKU costs in a channel.

    Raises:
        NotFound: the channel does not sell it.
    """
    price = _prices(db, sku).get(channel)
    if price is None:
        raise NotFound(f"{sku} is not sold in {channel}")
    return price


def reprice(db: sqlite3.Connection, sku: str, channel: str, price: Money, now: datetime) -> None:
    """Gives a SKU another price in a channel: a change of its product."""
    variant = _item(sku)
    db.execute(
        "REPLACE INTO price VALUES (?, ?, ?, ?)", (sku, channel, price.minor, price.currency)
    )
    db.execute(
        "UPDATE product SET changed = ?, updated_at = ? WHERE handle = ?",
        (following(db), now.isoformat(), variant.product),
    )


# ---- stock ------------------------------------------------------------------------------------


def reading(db: sqlite3.Connection, location: str) -> StockReading:
    """What a location has, with the watermark and the departures of the same moment."""
    until = horizon(db)
    later = {
        sku: (on_hand, elsewhere)
        for sku, on_hand, elsewhere in db.execute(
            "SELECT sku, SUM(on_hand), SUM(elsewhere) FROM movement"
            " WHERE location = ? AND sequence > ? GROUP BY sku",
            (location, until),
        )
    }
    rows = db.execute(
        "SELECT sku, on_hand, elsewhere FROM stock WHERE location = ? ORDER BY sku", (location,)
    ).fetchall()
    levels = {sku: _level(on_hand, elsewhere) for sku, on_hand, elsewhere in rows}
    for sku, (on_hand, elsewhere) in later.items():
        now = levels[sku]
        levels[sku] = _level(now.on_hand - on_hand, now.elsewhere - elsewhere)
    departed = db.execute(
        "SELECT reference, sku, -SUM(on_hand) FROM movement"
        " WHERE kind = ? AND sequence <= ? AND reference IN ("
        "  SELECT reference FROM sale WHERE location = ? AND shipped IS NOT NULL"
        "  ORDER BY shipped DESC LIMIT ?"
        " ) GROUP BY reference, sku ORDER BY reference, sku",
        (Movement.SHIPMENT, until, location, DEPARTED_SALES),
    )
    return StockReading(location, levels, until, tuple(Departed(*row) for row in departed))


_level = lru_cache(1024)(Level)
"""Levels are few and frozen; the same one serves every SKU that has it."""


def on_hand(db: sqlite3.Connection, location: str, sku: str) -> int:
    """Units of a SKU at a location."""
    row = db.execute(
        "SELECT on_hand FROM stock WHERE location = ? AND sku = ?", (location, sku)
    ).fetchone()
    return int(row[0]) if row else 0


def post(  # noqa: PLR0917  # one row of the movements, in the order of its columns
    db: sqlite3.Connection,
    kind: Movement,
    reference: str,
    location: str,
    sku: str,
    units: int,
    elsewhere: int = 0,
) -> int:
    """Moves stock; its place in the sequence. What was counted wrong may fall below zero."""
    at = following(db)
    db.execute(
        "INSERT INTO movement (sequence, kind, reference, location, sku, on_hand, elsewhere)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (at, kind, reference, location, sku, units, elsewhere),
    )
    db.execute(
        "INSERT INTO stock VALUES (?, ?, ?, ?) ON CONFLICT (location, sku) DO UPDATE"
        " SET on_hand = on_hand + excluded.on_hand, elsewhere = elsewhere + excluded.elsewhere",
        (location, sku, units, elsewhere),
    )
    return at


def posted(db: sqlite3.Connection, kind: Movement, reference: str) -> int | None:
    """Where a movement stands in the sequence, if it was posted."""
    row = db.execute(
        "SELECT sequence FROM movement WHERE reference = ? AND kind = ?", (reference, kind)
    ).fetchone()
    return int(row[0]) if row else None


def checked(location: str, sku: str, quantity: int) -> None:
    """Refuses what no shelf of the chain can have.

    Raises:
        NotFound: no such place, no such SKU, or a bundle, which lies on no shelf.
        InvalidInput: less than one unit.
    """
    if location not in _PLACES:
        raise NotFound(f"there is no location {location}")
    if _item(sku).components:
        raise NotFound(f"{sku} is a bundle; its components are in stock")
    if quantity < 1:
        raise InvalidInput(f"{quantity} units cannot be moved")


def _item(sku: str) -> Variant:
    variant = variants_by_sku().get(sku)
    if variant is None:
        raise NotFound(f"there is no item {sku}")
    return variant


def adjust(db: sqlite3.Connection, adjustment: Adjustment) -> WriteResult:
    """Books an adjustment, or finds it by its reference."""
    reference, sku, location = adjustment.reference, adjustment.sku, adjustment.location
    at = posted(db, Movement.ADJUSTMENT, reference)
    if at is None:
        try:
            checked(location, sku, abs(adjustment.delta))
        except (NotFound, InvalidInput) as refusal:
            return WriteResult(reference, error=refusal.message)
        at = post(db, Movement.ADJUSTMENT, reference, location, sku, adjustment.delta)
    return WriteResult(reference, external_id=f"MV-{at:06}", acknowledged=at)


# ---- sales ------------------------------------------------------------------------------------


def place(db: sqlite3.Connection, sale: Sale) -> WriteResult:
    """Books a sale under an id of the ERP's own, or finds it by its reference."""
    known = db.execute(
        "SELECT id, taken FROM sale WHERE reference = ?", (sale.reference,)
    ).fetchone()
    if known:
        return WriteResult(sale.reference, external_id=known[0], acknowledged=known[1])
    if not sale.lines:
        return WriteResult(sale.reference, error="a sale has lines")
    try:
        for line in sale.lines:
            checked(sale.location, line.sku, line.quantity)
    except (NotFound, InvalidInput) as refusal:
        return WriteResult(sale.reference, error=refusal.message)
    id, at = f"SO-{following(db, 'sale'):06}", following(db)
    db.execute(
        "INSERT INTO sale VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)",
        (sale.reference, id, sale.location, SaleStatus.OPEN, sale.placed_at.isoformat(), at),
    )
    db.executemany(
        "INSERT INTO sale_line VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                sale.reference,
                number,
                line.sku,
                line.quantity,
                line.unit_price.minor,
                line.unit_price.currency,
            )
            for number, line in enumerate(sale.lines, start=1)
        ],
    )
    return WriteResult(sale.reference, external_id=id, acknowledged=at)


def cancel(db: sqlite3.Connection, reference: str) -> WriteResult:
    """Cancels a sale, or finds that it is; what has begun to leave cannot be called back."""
    known = db.execute(
        "SELECT id, status, canceled FROM sale WHERE reference = ?", (reference,)
    ).fetchone()
    if known is None:
        return WriteResult(reference, error=f"there is no sale {reference}")
    id, status, at = known
    if status in (SaleStatus.SHIPPED, SaleStatus.PART_SHIPPED):
        return WriteResult(reference, external_id=id, error=f"{id} has left the building")
    if status == SaleStatus.OPEN:
        at = following(db)
        db.execute(
            "UPDATE sale SET status = ?, canceled = ? WHERE reference = ?",
            (SaleStatus.CANCELED, at, reference),
        )
    return WriteResult(reference, external_id=id, acknowledged=at)


def sales(db: sqlite3.Connection, reference: str | None = None) -> Sequence[BookedSale]:
    """Every sale in the order of its id, or the one of a reference."""
    lines: dict[str, list[SaleLine]] = {}
    for row in db.execute(
        "SELECT reference, sku, quantity, minor, currency FROM sale_line"
        " WHERE ?1 IS NULL OR reference = ?1 ORDER BY reference, line",
        (reference,),
    ):
        lines.setdefault(row[0], []).append(SaleLine(row[1], row[2], Money(row[3], row[4])))
    rows = db.execute(
        "SELECT id, reference, location, status FROM sale"
        " WHERE ?1 IS NULL OR reference = ?1 ORDER BY id",
        (reference,),
    )
    return [
        BookedSale(id, ours, location, SaleStatus(status), tuple(lines[ours]))
        for id, ours, location, status in rows
    ]


def outstanding(db: sqlite3.Connection, sale: BookedSale) -> dict[str, int]:
    """Units of each SKU of a sale that are still in the building."""
    left: dict[str, int] = {}
    for line in sale.lines:
        left[line.sku] = left.get(line.sku, 0) + line.quantity
    for sku, units in db.execute(
        "SELECT sku, SUM(on_hand) FROM movement WHERE reference = ? AND kind = ? GROUP BY sku",
        (sale.reference, Movement.SHIPMENT),
    ):
        left[sku] += units
    return {sku: units for sku, units in left.items() if units > 0}


def ship(db: sqlite3.Connection, reference: str, units: dict[str, int] | None) -> BookedSale:
    """Hands goods of a sale to the carrier: those named, or all that are left.

    Raises:
        NotFound: no such sale, or it was canceled.
        InvalidInput: more than is left.
    """
    found = sales(db, reference)
    if not found or found[0].status is SaleStatus.CANCELED:
        raise NotFound(f"there is no sale {reference} to ship")
    sale = found[0]
    left = outstanding(db, sale)
    for sku, quantity in (left if units is None else units).items():
        if not 0 < quantity <= left.get(sku, 0):
            raise InvalidInput(f"{left.get(sku, 0)} units of {sku} are left, not {quantity}")
        at = post(db, Movement.SHIPMENT, reference, sale.location, sku, -quantity)
        db.execute("UPDATE sale SET shipped = ? WHERE reference = ?", (at, reference))
    whole = not outstanding(db, sale)
    status = SaleStatus.SHIPPED if whole else SaleStatus.PART_SHIPPED
    db.execute("UPDATE sale SET status = ? WHERE reference = ?", (status, reference))
    return replace(sale, status=status)
