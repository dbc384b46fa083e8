"""Signals of stock as clients follow them: low, out, oversold, back."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, cast

import strawberry
from strawberry import UNSET

from resolvers import signals
from resolvers.signals import Signal
from schema.enums import SignalKind
from schema.fields import plain
from schema.info import Info
from schema.stock import LocationCodes, StockLevelType, noted


@strawberry.type(
    name="StockSignal", description="That a stock level is short of something, or no more."
)
class StockSignalType:
    """Read from the flow's signal."""

    kind: SignalKind = strawberry.field(
        description="How the level is: the gravest of the kinds asked for that holds."
    )
    stock_level: StockLevelType = plain("level", "The level as it is.")
    low_units: int = plain("level.low_units", "From how many units to promise down it is low.")
    as_of: datetime = plain("level.at", "The instant that the signal is about.")


Kinds = Annotated[
    list[SignalKind] | None,
    strawberry.argument(
        description="Which kinds; absent: all. A level that is graver than what is asked for is "
        "told as that: with `LOW_STOCK` alone, also what is out of stock."
    ),
]


@strawberry.type
class SignalsSubscription:
    """The root field that follows signals."""

    @strawberry.subscription(
        graphql_type=StockSignalType,
        description="Levels that are low, out of stock or oversold now (the first 1,000; "
        "`stockLevels` with `lowStock` or `outOfStock` lists them all), then each whose kind "
        "changes. States, not differences: a slow client misses some, but never the last. What "
        "changes by time alone, as safety stock that grows with the age of a feed, is told when "
        "the level or a stock rule changes next.",
    )
    @staticmethod
    async def stock_signal(
        info: Info, location_codes: LocationCodes = UNSET, kinds: Kinds = UNSET
    ) -> AsyncIterator[Signal]:
        """Signals, one at a time."""
        watched = signals.watch_signals(info.context.ctx, location_codes or (), kinds or ())
        async with aclosing(cast("AsyncGenerator[Signal, None]", watched)) as states:
            async for signal in states:
                noted(info, [signal.level])
                yield signal
