"""What some variants cost now, for whoever waits for the answer: one question for each of our
channels, and nothing asked but prices.
"""

import asyncio
from collections.abc import Mapping, Sequence

from connectors.governor import Lane
from connectors.marketplace.vendure_listings import PRICE_FIELDS, variants
from connectors.marketplace.vendure_shop import Shop
from connectors.marketplace.vendure_translate import by_id, translate_prices
from connectors.marketplace.vendure_wire import Row, legible
from resolvers.live_ports import Prices

PER_CALL = 50
"""Variants of one question: what a page of ours has at most by its default."""


class Looks:
    """Asks for prices."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def prices(self, listings: Sequence[str]) -> Mapping[str, Prices]:
        """What variants cost with tax, by their ids; one that no channel of ours sells is absent.

        Raises:
            BackendRefused, BackendUnavailable, BackendTimedOut: as their names say.
        """
        channels = self._shop.terms.channels
        told = await asyncio.gather(*(self._seen(code, listings) for code in channels))
        seen = list(zip(channels.values(), told, strict=True))
        with legible("a variant", self._shop.client.code):
            return {
                id: translate_prices([(channel, rows[id]) for channel, rows in seen if id in rows])
                for id in listings
                if any(id in rows for _, rows in seen)
            }

    async def _seen(self, channel: str, listings: Sequence[str]) -> Mapping[str, Row]:
        """The variants as a channel of the shop sees them, by id."""
        options = {"filter": {"id": {"in": list(listings)}}, "take": len(listings)}
        rows, _ = await self._shop.client.listed(
            variants(PRICE_FIELDS), options, channel=channel, lane=Lane.LIVE
        )
        with legible("a variant", self._shop.client.code):
            return by_id(rows)
