"""How much of a SKU may still be taken under caps, daily and per-member limits.

Counts are kept in the SKU's own stream from its first entry, whether a rule asks for them or not.
What is given back goes to the day on which it was taken. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from resolvers.domain.rules import Asked, RuleBook, RuleKind, StockRule, choose
from resolvers.domain.stock import EntryKind, StockEntry, Stream, TakenKey, apply

LIVE, DAY, MEMBER, LOOSE = "live", "day", "member", "loose"

_TAKES = (EntryKind.HOLD, EntryKind.RELEASE, EntryKind.EXPIRE)
"""Kinds that take units or give them back. A commit makes them firm, a fulfillment sells them."""


@lru_cache(maxsize=64)  # a batch asks for one instant only; 2 us a decision
def business_day(now: datetime, time_zone: str) -> str:
    """The day on which something happens for the business: ``2026-11-25``."""
    return now.astimezone(ZoneInfo(time_zone)).date().isoformat()


def first_day(now: datetime) -> str:
    """The eldest day that a decision at ``now`` may count on, in whatever time zone it is made."""
    return (now - timedelta(days=1)).date().isoformat()


def day_key(channel: str, day: str) -> TakenKey:
    """Where the units of a channel and a business day are counted."""
    return (DAY, f"{day} {channel}")


def loose_key(location: str, channel: str, anywhere: str) -> TakenKey:
    """Where the units are counted that a place holds though another would do."""
    return (LOOSE, f"{location}\x1f{channel}\x1f{anywhere}")


def taken_by(entry: StockEntry) -> Iterator[tuple[TakenKey, int]]:
    """What an entry changes in the counts of its SKU."""
    taker, units = entry.taker, entry.soft + entry.hard
    if taker is None:
        return
    if taker.anywhere is not None and entry.soft:
        yield loose_key(entry.location, taker.channel, taker.anywhere), entry.soft
    if not units:
        return
    yield (LIVE, taker.channel), units
    if entry.kind in _TAKES:
        yield day_key(taker.channel, taker.day), units
        if taker.member is not None:
            yield (MEMBER, taker.member), units


def moved(stream: Stream, entry: StockEntry) -> Stream:
    """The stream with one more entry in its positions and counts."""
    taken = dict(stream.taken)
    for key, units in taken_by(entry):
        taken[key] = taken.get(key, 0) + units
    position = apply(stream.position(entry.location), entry)
    return replace(stream, positions={**stream.positions, entry.location: position}, taken=taken)


def counts(entries: Iterable[StockEntry]) -> dict[str, dict[TakenKey, int]]:
    """Counts by SKU, rebuilt from nothing but entries; what has come to nothing is left out."""
    found: dict[str, dict[TakenKey, int]] = {}
    for entry in entries:
        for key, units in taken_by(entry):
            of_sku = found.setdefault(entry.sku, {})
            of_sku[key] = of_sku.get(key, 0) + units
    return {sku: {k: n for k, n in of_sku.items() if n} for sku, of_sku in found.items()}


@dataclass(frozen=True, slots=True)
class Bound:
    """How many units a rule still leaves to a channel or a member; below zero when it came late."""

    rule: StockRule
    left: int


def bounds(
    taken: Mapping[TakenKey, int],
    book: RuleBook,
    asked: Asked,
    day: str,
    member: str | None,
) -> list[Bound]:
    """Every limit that holds for a SKU in a channel, with what it leaves."""
    found: list[Bound] = []
    cap = choose(book.by_kind[RuleKind.CAP], asked)
    if cap is not None:
        live = (units for (kind, of), units in taken.items() if kind == LIVE and _among(cap, of))
        found.append(Bound(cap, (cap.quantity or 0) - sum(live)))
    daily = choose(book.by_kind[RuleKind.DAILY_LIMIT], asked)
    if daily is not None:
        today = (
            units
            for (kind, of), units in taken.items()
            if kind == DAY and of.startswith(f"{day} ") and _among(daily, of.split(" ", 1)[1])
        )
        found.append(Bound(daily, (daily.quantity or 0) - sum(today)))
    personal = choose(book.by_kind[RuleKind.MEMBER_LIMIT], asked)
    if personal is not None and member is not None:
        has = taken.get((MEMBER, member), 0)
        found.append(Bound(personal, (personal.quantity or 0) - has))
    return found


def needs_member(book: RuleBook, asked: Asked) -> bool:
    """Says whether only a known member may take this SKU."""
    return choose(book.by_kind[RuleKind.MEMBER_LIMIT], asked) is not None


def taken_at(stream: Stream, now: datetime) -> dict[TakenKey, int]:
    """The counts as they are at ``now``: holds that are due count nowhere, swept or not."""
    taken = dict(stream.taken)
    for pin in stream.pins.values():
        if pin.due(now) and pin.taker is not None:
            keys = [(LIVE, pin.taker.channel), day_key(pin.taker.channel, pin.taker.day)]
            keys += [(MEMBER, pin.taker.member)] if pin.taker.member is not None else []
            if pin.taker.anywhere is not None:
                keys.append(loose_key(pin.location, pin.taker.channel, pin.taker.anywhere))
            for key in keys:
                if key in taken:
                    taken[key] -= pin.quantity
    return taken


def _among(rule: StockRule, channel: str) -> bool:
    return not rule.channels or channel in rule.channels
