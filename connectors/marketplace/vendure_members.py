"""The shop's customers as a feed of members."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from connectors.marketplace.vendure_changes import Feed, Watched, changed_after
from connectors.marketplace.vendure_shop import Shop
from connectors.marketplace.vendure_translate import translate_member
from connectors.marketplace.vendure_wire import legible
from resolvers.backend_ports import Changes
from resolvers.domain.members import Member

_CUSTOMERS = """query($options: CustomerListOptions) {
  rows: customers(options: $options) { totalItems items { %s } }
}"""
_FIELDS = """id firstName lastName emailAddress phoneNumber createdAt updatedAt
  groups { name }"""


class Members:
    """The customers of one shop."""

    def __init__(self, shop: Shop, clock: Callable[[], datetime]) -> None:
        self._client = shop.client
        self._region = shop.terms.region
        self._clock = clock
        self._feed = Feed(
            shop.client,
            _CUSTOMERS % "id",
            (Watched("customer", _CUSTOMERS % "id updatedAt", changed_after),),
            clock=clock,
        )

    async def members(self, cursor: str) -> AsyncIterator[Changes[Member]]:
        """Pages of at most 50: all, or those changed since a cursor."""
        async for found in self._feed.since(cursor):
            members = await self._read(found.ids)
            told = {member.provenance.external_id for member in members}
            gone = [id for id in found.ids if id not in told]
            yield Changes(members, found.cursor, gone, found.whole)

    async def member(self, external_id: str) -> Member | None:
        """One as it is now; None if the shop has it no more."""
        found = await self._read((external_id,))
        return found[0] if found else None

    async def _read(self, ids: Sequence[str]) -> list[Member]:
        if not ids:
            return []
        options = {"filter": {"id": {"in": list(ids)}}, "take": len(ids), "sort": {"id": "ASC"}}
        rows, _ = await self._client.listed(_CUSTOMERS % _FIELDS, options)
        with legible("a customer", self._client.code):
            return [
                translate_member(
                    row, system=self._client.code, region=self._region, at=self._clock()
                )
                for row in rows
            ]
