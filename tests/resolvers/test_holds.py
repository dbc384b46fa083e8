"""What a hold is refused with, and when it may be written down as over (S4)."""

from dataclasses import replace
from datetime import timedelta

from resolvers.domain import facts, holds
from resolvers.domain.backing import Hold
from resolvers.domain.books import Books, Change, Known, Scope
from resolvers.domain.errors import InsufficientStock, Several
from resolvers.domain.locations import Channel, ChannelKind, Location, LocationKind
from resolvers.domain.reservation import Line, Status
from resolvers.domain.stock import EntryKind
from resolvers.domain.values import utc

WEB = Channel("web", "Web", ChannelKind.ONLINE, "CNY")
PLACES = (Location("W", "Warehouse", LocationKind.WAREHOUSE),)


def test_a_line_that_is_short_is_named_with_what_is_left() -> None:
    books = Books(Known(utc(2026, 3, 2)), Scope(frozenset({"A", "B"})))
    told = facts.Correction("C", "A", "W", EntryKind.RECEIPT, "RECEIPT", 2)
    books.post(facts.correct(books, told))
    hold = Hold("R", "me", WEB, (Line("A", 3), Line("B", 1)), PLACES, 60, asked_at=(0, 2))

    try:
        holds.reserve(books, hold)
    except Several as several:
        refusals = several.refusals

    assert [(r.code, r.field) for r in refusals] == [
        ("INSUFFICIENT_STOCK", ("input", "lines", "0")),
        ("INSUFFICIENT_STOCK", ("input", "lines", "2")),
    ]
    assert isinstance(refusals[0], InsufficientStock)
    assert (refusals[0].requested, refusals[0].available) == (3, 2)
    assert replace(hold, asked_at=()).units == {"A": 3, "B": 1}


def test_a_sweeper_that_looks_too_early_ends_no_hold() -> None:
    books = Books(Known(utc(2026, 3, 2)), Scope(frozenset({"A"})))
    told = facts.Correction("C", "A", "W", EntryKind.RECEIPT, "RECEIPT", 2)
    books.post(facts.correct(books, told))
    hold = Hold("R", "me", WEB, (Line("A", 1),), PLACES, 60)
    books.post(holds.reserve(books, hold))

    assert holds.expire(books, "R") == Change()

    later = Books(
        Known(utc(2026, 3, 2) + timedelta(seconds=60), books.streams, books.reservations),
        Scope(frozenset({"A"}), frozenset({"R"})),
    )
    (expired,) = holds.expire(later, "R").reservations
    assert expired.status is Status.EXPIRED
