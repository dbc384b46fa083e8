"""Where our mirror and a backend's own word differ, and what may be done about it. Pure.

Nothing here corrects anything: what a reading corrects is ``facts``'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from resolvers.domain.books import Books, Known, Scope
from resolvers.domain.due_writes import is_expected
from resolvers.domain.facts import Count, count
from resolvers.domain.orders import Order, OrderStatus
from resolvers.domain.outbox import Write
from resolvers.domain.publication import PublicationRecord, PublicationState
from resolvers.domain.sources import Seen

FACETS = ("on_hand", "elsewhere", "incoming")
"""What two counts of a SKU can differ in."""


@dataclass(frozen=True, slots=True)
class StockDifference:
    """One number of a SKU at a location: ours, and what a count of the system's word makes of it,
    with what that had not seen yet.
    """

    location: str
    sku: str
    facet: str
    ours: int
    theirs: int


@dataclass(frozen=True, slots=True)
class MissingSale:
    """A sale that a backend said it had, and has no more. ``has_left`` says that goods of it were
    handed over already: told again, they would be handed over again.
    """

    write: Write
    order_number: str
    has_left: bool


@dataclass(frozen=True, slots=True)
class ListingDifference:
    """Pieces that a listing may sell: as we told its marketplace, and as that says; None if it does
    not know the listing.
    """

    listing: str
    ours: int
    theirs: int | None


def stock_differences(known: Known, told: Count) -> list[StockDifference]:
    """What a count would change, in order of SKU; none where the books hold a later word, and none
    of a SKU of which nobody can say yet whether its system's numbers hold a movement of it.
    """
    books = Books(known, Scope(skus=frozenset(told.levels), feeds=frozenset([told.feed.key])))
    found = []
    for entry in count(books, told).entries:
        if _is_in_doubt(books, told, entry.sku):
            continue
        position = books.stream(entry.sku).position(entry.location)
        for facet in FACETS:
            ours, more = getattr(position, facet), getattr(entry, facet)
            if more:
                found.append(StockDifference(entry.location, entry.sku, facet, ours, ours + more))
    return sorted(found, key=lambda it: (it.location, it.sku, FACETS.index(it.facet)))


def _is_in_doubt(books: Books, told: Count, sku: str) -> bool:
    """Whether the last word on a SKU, or this one, may or may not hold a movement: then the books
    promise less until a later one, which is no difference.
    """
    feed = books.feeds.get(told.feed.key)
    marks = {told.feed.watermark, told.feed.watermark if feed is None else feed.watermark}
    for movement in books.stream(sku).unseen.values():
        if movement.location != told.feed.location:
            continue
        stamp = movement.acknowledged
        if stamp is None and movement.sent:
            return True
        if stamp is not None and any(told.source.seen(stamp, at) is Seen.PERHAPS for at in marks):
            return True
    return False


def expected_sales(order: Order, writes: Sequence[Write], backend: str) -> list[Write]:
    """Sales of an order that a backend has taken and must still have."""
    if order.status is OrderStatus.CANCELED:
        return []
    return [it for it in writes if it.backend == backend and is_expected(it, writes)]


def missing(order: Order, write: Write) -> MissingSale:
    """A sale of an order that its backend has no more."""
    assert write.sale is not None
    gone = {reference for reference, _, units in order.left if units > 0}
    skus = {line.sku for line in write.sale.lines}
    left = write.sale.reference in gone or any(
        units and sku in skus for sku, units in order.departed
    )
    return MissingSale(write, order.number, left or order.status is OrderStatus.FULFILLED)


def listing_differences(
    before: Mapping[str, PublicationRecord],
    said: Mapping[str, int],
    after: Mapping[str, PublicationRecord],
) -> list[ListingDifference]:
    """Listings whose marketplace says another number than the one that it was told last, by
    listing. One that is on its way, or whose record has moved while it was asked, is left out.
    """
    return [
        ListingDifference(id, record.wanted, said.get(id))
        for id, record in sorted(before.items())
        if _disagrees(record, said.get(id)) and _is_as_it_was(record, after.get(id))
    ]


def _disagrees(record: PublicationRecord, theirs: int | None) -> bool:
    """Whether a marketplace says otherwise than a record that is at rest. That it says nothing of a
    listing whose number it has not taken is no news.
    """
    if record.state is PublicationState.FAILED:
        return theirs is not None and theirs != record.wanted
    return record.state is PublicationState.TOLD and theirs != record.wanted


def _is_as_it_was(record: PublicationRecord, now: PublicationRecord | None) -> bool:
    return now is not None and (now.wanted, now.state) == (record.wanted, record.state)
