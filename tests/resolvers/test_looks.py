"""Looks laid over the books, and the bounds of the desk that asks for them (S2, G4)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.sandbox import retailer
from gateway.bootstrap import closed
from resolvers.domain.feeds import Feed
from resolvers.domain.looks import Look, seen_by
from resolvers.domain.sources import BY_SEQUENCE, StockSource, Watermark
from resolvers.domain.stock import Position, Stream, Unseen
from resolvers.live import CALLS_MAX, LiveDesk
from resolvers.terms import LiveField
from tests.support import NOON, SKU, Clock

AT = "WH-01"
UNMARKED = StockSource(watermark=Watermark.NONE)
LATER = NOON + timedelta(seconds=5)


def books(*unseen: Unseen) -> Stream:
    """Ten units on hand, with movements that the last reading had not."""
    position = Position(SKU, AT, on_hand=10)
    return replace(
        Stream(SKU), positions={AT: position}, unseen={movement.id: movement for movement in unseen}
    )


FEED = Feed("erp", "stock", AT, watermark=7, observed_at=NOON)


@pytest.mark.parametrize(
    ("unseen", "source", "watermark", "shown"),
    [
        ((), BY_SEQUENCE, 8, 20),
        ((Unseen("m", SKU, AT, -3, acknowledged=9),), BY_SEQUENCE, 8, 17),
        ((Unseen("m", SKU, AT, -3, acknowledged=8),), BY_SEQUENCE, 8, 20),
        ((Unseen("m", SKU, AT, 4),), BY_SEQUENCE, 8, 24),
        ((Unseen("m", SKU, AT, 4, sent=True),), BY_SEQUENCE, 8, 20),
        ((Unseen("m", SKU, AT, -4, sent=True),), BY_SEQUENCE, 8, 16),
        ((Unseen("m", SKU, AT, 4, acknowledged=8),), UNMARKED, 8, 20),
        ((Unseen("m", SKU, AT, -4, acknowledged=8),), UNMARKED, 8, 16),
        ((Unseen("m", SKU, AT, -4, acknowledged=7),), UNMARKED, 8, 20),
    ],
)
def test_a_look_counts_what_its_system_had_not_seen_and_in_doubt_less(
    unseen: tuple[Unseen, ...], source: StockSource, watermark: int, shown: int
) -> None:
    look = Look(20, watermark, LATER)

    assert seen_by(look, books(*unseen), FEED, source, LATER) == shown


@pytest.mark.parametrize("look", [Look(20, 6, LATER), Look(20, 8, NOON)])
def test_a_look_before_the_last_reading_says_nothing(look: Look) -> None:
    assert seen_by(look, books(), FEED, BY_SEQUENCE, LATER) is None


async def test_no_more_calls_are_under_way_than_are_allowed_and_closing_ends_them(
    tmp_path: Path,
) -> None:
    backends = retailer.backends(tmp_path)
    desk, shut, calls = LiveDesk(Clock()), asyncio.Event(), list[Sequence[int]]()

    async def read(keys: Sequence[int]) -> Mapping[int, int]:
        calls.append(keys)
        await shut.wait()
        return {}

    until = asyncio.get_running_loop().time()
    groups = [[at] for at in range(CALLS_MAX + 1)]
    asked = await desk.ask(
        backends[0], LiveField.STOCK, groups, read, since=NOON, until=until + 0.05
    )
    await desk.close()

    assert asked.found == {} and asked.why
    assert calls == groups[:CALLS_MAX]
    for backend in backends:
        await closed(backend)
