"""A small shop over one store, for the contract suites: it posts changes and tells the time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from resolvers.domain.books import Batch, Books, Change, Key, Known, Recorded, Scope
from resolvers.domain.catalog import Product, Provenance, Variant
from resolvers.domain.feeds import FeedKey
from resolvers.domain.orders import Order, OrderLine, OrderStatus
from resolvers.domain.outbox import Write, WriteAction
from resolvers.domain.reservation import Line, Reservation, Status, hold_entries
from resolvers.domain.stock import EntryKind, Pin, Position, StockEntry
from resolvers.domain.values import Money, utc
from resolvers.engine import StockEngine
from resolvers.ports import Store

NOON = utc(2026, 3, 2, 12)


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


class Shop:
    """Posts changes to a store at its own time, as the engine would."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOON
        self.engine = StockEngine(store.stock, lambda: self.now)

    async def post(
        self, change: Change, *, key: Key | None = None, feeds: frozenset[FeedKey] = frozenset()
    ) -> Batch:
        scope = replace(scope_of(change), feeds=feeds)

        def decide(known: Known) -> Batch:
            books = Books(known, scope)
            books.post(change)
            if key is not None:
                books.record(Recorded(key.id, "fingerprint", "answer", books.now))
            return books.batch()

        return await self.store.stock.transact(
            scope, [] if key is None else [key], lambda: self.now, decide
        )

    async def receive(self, sku: str, location: str, quantity: int) -> None:
        await self.post(Change(entries=(receipt(sku, location, quantity, self.now),)))

    async def hold(
        self, id: str, *pins: tuple[str, str, int], until: datetime | None = None
    ) -> Reservation:
        """Holds units at locations for fifteen minutes, or until an instant."""
        until = until or self.now + minutes(15)
        held = [Pin(id, sku, location, quantity, until) for sku, location, quantity in pins]
        lines = tuple(Line(sku, quantity) for sku, _, quantity in pins)
        reservation = Reservation(id, Status.HELD, "web", lines, "caller", self.now, until)
        entries = tuple(hold_entries(held, self.now))
        await self.post(Change(entries=entries, pins=tuple(held), reservations=(reservation,)))
        return reservation

    async def position(self, sku: str, location: str) -> Position:
        streams = await self.store.stock.streams([sku], self.now)
        return streams[sku].position(location)

    async def events(self) -> list[tuple[str, str]]:
        return [(event.topic, event.key) for event in await self.store.house.events(0, 10_000)]


def scope_of(change: Change) -> Scope:
    """Everything that a change touches."""
    skus = [entry.sku for entry in change.entries] + [pin.sku for pin in change.pins]
    return Scope(
        frozenset(skus) | {movement.sku for movement in change.unseen},
        frozenset(reservation.id for reservation in change.reservations),
        frozenset(order.id for order in change.orders),
    )


def receipt(sku: str, location: str, quantity: int, at: datetime = NOON) -> StockEntry:
    return StockEntry(EntryKind.RECEIPT, sku, location, "delivery", "erp", at, on_hand=quantity)


def order(id: str, placed_at: datetime = NOON, **more: object) -> Order:
    """A confirmed order of one bottle, number ``N-<id>``, unless more is said."""
    made = Order(
        id,
        f"N-{id}",
        "web",
        OrderStatus.CONFIRMED,
        (OrderLine("1", "BOTTLE", "Bottle 瓶", 1, Money(1000, "CNY")),),
        "CNY",
        placed_at,
        placed_at,
        "caller",
    )
    return replace(made, **more)  # type: ignore[arg-type]


def write(id: str, subject: str, **more: object) -> Write:
    """A write that the ERP waits for, unless more is said."""
    made = Write(id, "erp", WriteAction.PLACE_SALE, subject, NOON)
    return replace(made, **more)  # type: ignore[arg-type]


def product(handle: str, variants: Sequence[Variant] = (), **more: object) -> Product:
    """A product with one SKU of the same name, sold in the web channel, unless more is said."""
    own = tuple(variants) or (variant(handle.upper(), handle),)
    made = Product(
        handle, {"en": handle}, own, updated_at=NOON, provenance=(Provenance("erp", "1", NOON),)
    )
    return replace(made, **more)  # type: ignore[arg-type]


def variant(sku: str, handle: str, **more: object) -> Variant:
    made = Variant(sku, handle, {"en": sku}, prices={"web": Money(1000, "CNY")})
    return replace(made, **more)  # type: ignore[arg-type]
