"""What some variants cost now, for whoever waits for the answer: one question, of few points."""

from collections.abc import Mapping, Sequence

from connectors.governor import Lane
from connectors.marketplace.shopify_client import ShopifyClient
from connectors.marketplace.shopify_operations import PRICES
from connectors.marketplace.shopify_rows import PricesAnswer
from connectors.marketplace.shopify_translate import Terms, prices_of
from resolvers.live_ports import Prices

PER_CALL = 50
"""Variants of one question; each costs a point."""


class Looks:
    """Asks for prices."""

    def __init__(self, client: ShopifyClient, terms: Terms) -> None:
        self._client = client
        self._terms = terms

    async def prices(self, listings: Sequence[str]) -> Mapping[str, Prices]:
        """What variants cost, by their ids; one that is gone is absent. A question waits for its
        points as all do, so that people who look use up nobody's.

        Raises:
            BackendRefused, BackendUnavailable, BackendTimedOut: as their names say.
        """
        asked = {"ids": list(listings)}
        told = await self._client.ask(
            PRICES, asked, PricesAnswer, lane=Lane.LIVE, size=len(listings)
        )
        currency = told.shop.currency_code
        return {
            node.id: prices_of(node.price, currency, self._terms)
            for node in told.nodes
            if node is not None and node.id
        }
