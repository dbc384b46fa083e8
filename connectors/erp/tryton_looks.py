"""What lies of a few SKUs in a few warehouses now, for whoever waits for the answer.

Tryton sums a product's quantity over all locations that a question names, so that each warehouse is
a question of its own. No writing here.
"""

import asyncio
from collections.abc import Mapping, Sequence

from connectors.erp.tryton_company import CompanyBooks
from connectors.erp.tryton_rpc import TrytonClient
from connectors.erp.tryton_translate import units
from connectors.governor import Lane
from resolvers.live_ports import Spot, StockLook

PER_CALL = 50
"""SKUs of one question: some 8 ms of Tryton's one core, as measured, and 6 more for the rest."""


class Looks:
    """Counts SKUs of warehouses: all that lies in their zones, as a reading does."""

    def __init__(self, client: TrytonClient, books: CompanyBooks) -> None:
        self._client = client
        self._books = books

    async def look(self, spots: Sequence[Spot]) -> StockLook:
        """The spots, each warehouse asked for its own. Tryton has no watermark to tell.

        Raises:
            BackendRefused: no warehouse has such a code.
            BackendUnavailable, BackendTimedOut: it could not be asked.
        """
        skus: dict[str, list[str]] = {}
        for sku, location in spots:
            skus.setdefault(location, []).append(sku)
        told = await asyncio.gather(*(self._at(at, of) for at, of in skus.items()))
        return StockLook({spot: count for found in told for spot, count in found.items()})

    async def _at(self, location: str, skus: Sequence[str]) -> Mapping[Spot, int]:
        warehouse = await self._books.warehouse(location)
        rows = await self._client.rows(
            "product.product",
            [["code", "in", sorted(skus)]],
            ["code", "quantity"],
            context={"locations": [warehouse.id]},
            lane=Lane.LIVE,
        )
        return {(row["code"], location): units(row["quantity"]) for row in rows}
