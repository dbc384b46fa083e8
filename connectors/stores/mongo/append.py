"""One batch of the stock engine in MongoDB: what is read for it, and how it is written.

Both run in one transaction. Whoever writes a stream that another has written since makes its
transaction begin anew; so does whoever counts the live units of a caller at the same time.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from connectors.stores.coding import instant, micros
from connectors.stores.mongo.callers import audit_doc
from connectors.stores.mongo.documents import (
    counted_more,
    feed_doc,
    journal_docs,
    key_doc,
    key_from,
    order_doc,
    order_from,
    pin_doc,
    pin_from,
    position_in,
    read_feed,
    read_ruling,
    reservation_doc,
    reservation_from,
    stream_from,
    text,
    unseen_doc,
    unseen_from,
    write_doc,
)
from connectors.stores.mongo.house import emit
from connectors.stores.mongo.session import Document, Session
from connectors.stores.rows import BETWEEN, words
from resolvers.domain.books import MOVABLE_MAX, Batch, Key, Known, Scope
from resolvers.domain.feeds import Feed, FeedKey
from resolvers.domain.limits import DAY, LIVE, LOOSE, MEMBER, first_day
from resolvers.domain.orders import Order
from resolvers.domain.reservation import Reservation
from resolvers.domain.rules import RuleBook
from resolvers.domain.stock import Pin, Position, Stream, TakenKey, Unseen

_PIN = ("_id", "sku")
_TOUCHED = {"$inc": {"touched": 1}, "$currentDate": {"seen": True}}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a batch knows, and the greatest number that any batch before it left there."""

    known: Known
    last: int


class Numbers:
    """Numbers of this process's batches: microseconds of their time, and always greater than those
    of every batch that wrote the same streams or orders before.

    Two processes may come to the same number in the same microsecond; then one of them finds it
    taken and decides again.
    """

    def __init__(self) -> None:
        self._last = 0

    def next(self, at: datetime, floor: int, count: int) -> int:
        """The first of so many numbers that follow each other, above a floor."""
        first = max(micros(at), self._last + 1, floor + 1)
        self._last = first + count - 1
        return first


async def known_for(
    session: Session, scope: Scope, keys: Sequence[Key], clock: datetime, rules: RuleBook
) -> Seen:
    """Everything that a batch needs to see."""
    recorded = await _by_id(session, "keys", [key.id for key in keys])
    reservations = await _by_id(session, "reservations", scope.reservations)
    orders = await _by_id(session, "orders", scope.orders)
    at, streams, last = await streams_of(session, scope, clock)
    known = Known(
        at,
        streams,
        {of["_id"]: reservation_from(of) for of in reservations},
        {of["_id"]: order_from(of) for of in orders},
        {of["_id"]: key_from(of) for of in recorded},
        await _feeds(session, scope.feeds),
        rules,
        await _callers(session, scope.callers),
    )
    return Seen(known, max([last, *(of["last"] for of in orders)]))


async def _by_id(session: Session, collection: str, ids: Iterable[str]) -> list[Document]:
    asked = list(ids)
    return await session.find(collection, {"_id": {"$in": asked}}) if asked else []


async def _feeds(session: Session, keys: frozenset[FeedKey]) -> dict[FeedKey, Feed]:
    found = await _by_id(session, "feeds", [words(*key) for key in keys])
    feeds = [read_feed(of["body"]) for of in found]
    return {feed.key: feed for feed in feeds}


async def _callers(session: Session, callers: frozenset[str]) -> dict[str, list[Reservation]]:
    """Reservations of some callers that are held or committed."""
    live: dict[str, list[Reservation]] = {caller: [] for caller in callers}
    if callers:
        for of in await session.find("reservations", {"live": {"$in": sorted(callers)}}):
            live[of["live"]].append(reservation_from(of))
    return live


async def streams_of(
    session: Session, scope: Scope, clock: datetime
) -> tuple[datetime, dict[str, Stream], int]:
    """The instant at which some streams are read, the streams, and the greatest number of a batch
    that wrote one; those without history are left out.

    Of their pins, the few that are due by then, those of the scope's reservations, and those that
    it may move: a hot SKU may have a hundred thousand that nothing is asked of.
    """
    skus = sorted(scope.skus)
    heads = await _by_id(session, "streams", skus)
    known = [of["_id"] for of in heads]
    now = max([clock, *(instant(of["at"]) for of in heads)])
    pins: dict[str, dict[str, Pin]] = {sku: {} for sku in known}
    unseen: dict[str, list[Unseen]] = {sku: [] for sku in known}
    taken: dict[str, dict[TakenKey, int]] = {sku: {} for sku in known}
    if known:
        own = [*scope.reservations]
        own += [id async for id in _movable(session, sorted(scope.movable))]
        asked: list[Document] = [{"sku": _any_of(known), "until": {"$lte": micros(now)}}]
        if own:
            asked.append({"reservation": {"$in": sorted(set(own))}})
        for query in asked:
            for of in await session.find("pins", query):
                if of["sku"] in pins:
                    pins[of["sku"]][of["_id"]] = pin_from(of)
        for of in await session.find("unseen", {"sku": _any_of(known)}):
            unseen[of["sku"]].append(unseen_from(of))
        for of in await _counts(session, known, now, sorted(scope.members)):
            taken[of["sku"]][of["kind"], of["name"]] = of["units"]
    streams = {
        of["_id"]: stream_from(of, pins[of["_id"]].values(), unseen[of["_id"]], taken[of["_id"]])
        for of in heads
    }
    return now, streams, max((of["last"] for of in heads), default=0)


def _any_of(values: Sequence[str]) -> object:
    """A condition that a field has one of the values. One alone is named as such: then every server
    walks an index of several fields in it.
    """
    return values[0] if len(values) == 1 else {"$in": list(values)}


async def _movable(session: Session, skus: Sequence[str]) -> AsyncIterator[str]:
    """Reservations with tentative pins, so many of each place, channel and method of some SKUs."""
    for sku in skus:
        loose = {"sku": sku, "kind": LOOSE, "units": {"$gt": 0}}
        for of in await session.find("counts", loose):
            location, channel, anywhere = of["name"].split(BETWEEN)
            kind = {"channel": channel, "anywhere": anywhere, "tentative": True}
            for pin in await session.find(
                "pins",
                {"sku": sku, "location": location, **kind},
                fields=("reservation",),
                order=(("reservation", 1),),
                limit=MOVABLE_MAX,
            ):
                yield pin["reservation"]


async def _counts(
    session: Session, skus: Sequence[str], now: datetime, members: Sequence[str]
) -> list[Document]:
    """Counts of some SKUs: every channel's and place's, those of recent days, some members'."""
    kinds: list[Document] = [
        {"kind": {"$in": [LIVE, LOOSE]}},
        {"kind": DAY, "name": {"$gte": first_day(now)}},
    ]
    if members:
        kinds.append({"kind": MEMBER, "name": {"$in": list(members)}})
    return await session.find("counts", {"sku": _any_of(skus), "$or": kinds})


async def rules_of(session: Session, known: RuleBook) -> RuleBook:
    """The rules as they are now; what is known already is not read again."""
    found = await session.find("rules", {"_id": {"$gte": known.version}}, order=(("_id", 1),))
    if known.version and (not found or found[0]["_id"] != known.version):
        return await rules_of(session, RuleBook())  # another store stands there now
    book = known
    for of in found:
        if of["_id"] > book.version:
            book = read_ruling(of["body"]).applied(book)
    return book


async def append(
    session: Session, numbers: Numbers, seen: Seen, batch: Batch, *, again: bool
) -> None:
    """Writes a batch, whole; ``again`` if it was tried before."""
    parts = journal_docs(0, batch.at, batch.entries)
    first = numbers.next(batch.at, seen.last, max(1, len(parts) + len(batch.writes)))
    last = first + max(1, len(parts) + len(batch.writes)) - 1
    await _append_streams(session, batch, last)
    await session.update("callers", [({"_id": it}, _TOUCHED) for it in batch.callers], upsert=True)
    await session.insert("journal", [{**of, "_id": first + of["_id"]} for of in parts])
    fresh = {it.id for it in batch.reservations if it.id not in seen.known.reservations}
    await append_pins(session, batch.pins, fresh)
    await append_unseen(session, batch.unseen)
    changes = [counted_more(*count) for count in batch.taken]
    await session.update("counts", changes, upsert=True)
    await session.insert(
        "rules", [{"_id": it.version, "code": it.code, "body": text(it)} for it in batch.rules]
    )
    made = [reservation_doc(it, batch.at) for it in batch.reservations]
    await session.insert("reservations", [of for of in made if of["_id"] in fresh])
    await session.put("reservations", [of for of in made if of["_id"] not in fresh])
    await append_orders(session, batch.orders, last)
    await session.insert(
        "writes",
        [
            write_doc(replace(it, sequence=first + len(parts) + at))
            for at, it in enumerate(batch.writes)
        ],
    )
    await session.put("feeds", [feed_doc(it) for it in batch.feeds])
    await session.insert("keys", [key_doc(it) for it in batch.recorded])
    # Of one that took long a record may stand there that says it failed. It is seldom, and makes
    # the batch begin anew; to look for it each time would cost every batch.
    keep = session.put if again else session.insert
    await keep("audit", [audit_doc(it) for it in batch.audit])
    # A key that answers with what it found and left as it is: that may not be dropped meanwhile.
    answers = {it.answer for it in batch.recorded}.intersection(seen.known.reservations)
    found = sorted(answers.difference(it.id for it in batch.reservations))
    await session.guard("reservations", [({"_id": it}, {"$inc": {"answers": 1}}) for it in found])
    await emit(session, batch.at, _told(batch))


def _told(batch: Batch) -> list[tuple[str, str]]:
    """What whoever follows the events hears of a batch."""
    return [
        *(("stock", stream.sku) for stream in batch.streams),
        *(("reservation", id) for id in batch.reservations_touched),
        *(("order", order.id) for order in batch.orders),
        *(("rule", ruling.code) for ruling in batch.rules),
    ]


async def _append_streams(session: Session, batch: Batch, last: int) -> None:
    """Moves the streams on, if nobody else has."""
    changed: dict[str, list[Position]] = {}
    for position in batch.positions:
        changed.setdefault(position.sku, []).append(position)
    fresh: list[Document] = []
    moved: list[tuple[Document, Document]] = []
    for stream in batch.streams:
        own = changed.get(stream.sku, [])
        head: Document = {"version": stream.version + 1, "at": micros(batch.at), "last": last}
        if not stream.version:
            positions = [position_in(position, batch.at) for position in own]
            fresh.append({"_id": stream.sku, **head, "positions": positions})
            continue
        # Only the positions that changed are sent: a SKU may have a thousand places.
        places = {location: at for at, location in enumerate(stream.positions)}
        for position in own:
            at = places.setdefault(position.location, len(places))
            head[f"positions.{at}"] = position_in(position, batch.at)
        moved.append(({"_id": stream.sku, "version": stream.version}, {"$set": head}))
    await session.guard("streams", moved)
    await session.insert("streams", fresh)


async def append_pins(session: Session, pins: Sequence[Pin], fresh: Iterable[str] = ()) -> None:
    """Writes pins, whatever stood there; those of no units go. Those of ``fresh`` reservations
    cannot stand there yet.
    """
    known = set(fresh)
    kept = [pin for pin in pins if pin.quantity]
    gone = [pin_doc(pin) for pin in pins if not pin.quantity]
    await session.delete("pins", [{name: of[name] for name in _PIN} for of in gone])
    await session.insert("pins", [pin_doc(pin) for pin in kept if pin.reservation in known])
    known_there = [pin_doc(pin) for pin in kept if pin.reservation not in known]
    await session.put("pins", known_there, by=_PIN)


async def append_unseen(session: Session, unseen: Sequence[Unseen]) -> None:
    """Writes movements, whatever stood there; those of no units go."""
    await session.delete("unseen", [{"_id": it.id} for it in unseen if not it.on_hand])
    await session.put("unseen", [unseen_doc(it) for it in unseen if it.on_hand])


async def append_orders(session: Session, orders: Sequence[Order], last: int) -> None:
    """Writes orders, whatever stood there under their ids. The first that another system knows by
    an id keeps it.
    """
    await session.put("orders", [order_doc(it, last) for it in orders])
    await session.update(
        "externals",
        [
            ({"_id": words(known.system, known.external_id)}, {"$setOnInsert": {"order": it.id}})
            for it in orders
            for known in it.external
        ],
        upsert=True,
    )
