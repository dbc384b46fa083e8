"""Quantities that the shop may sell, told to it: read, written only where they differ, read back.

Vendure compares nothing: the last write wins, and its own sales read a number, change it and write
it back without a lock. So a number that has moved since ours was worked out is not overwritten, and
one that was not kept is written again, less what the shop has sold meanwhile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.marketplace.vendure_listings import STOCK_FIELDS, variants
from connectors.marketplace.vendure_shop import LOCATION, Shop
from connectors.marketplace.vendure_translate import Place, by_id, for_sale, kept_back, level_at
from connectors.marketplace.vendure_wire import Row, legible, refused
from resolvers.backend_ports import Publication, WriteResult
from resolvers.domain.errors import BackendRefused

PER_CALL = 50
"""Quantities in one write, which is one transaction there; 50 took 0.9 to 1.6 s."""

TRIES = 3
"""How often a number is written that somebody else overwrites at the same moment."""

_WRITE = """mutation($input: [UpdateProductVariantInput!]!) {
  updateProductVariants(input: $input) { id }
}"""


@dataclass(frozen=True, slots=True)
class Decided:
    """What is to be done about one publication: ``on_hand`` written, nothing, or ``error`` told."""

    on_hand: int | None = None
    error: str | None = None


def decide(
    wanted: Publication, variant: Row | None, place: Place, allocated: int | None
) -> Decided:
    """What makes the shop sell the wanted quantity, less what it has sold since the first look:
    ``allocated`` is what it had sold then, None at the first look itself. What the number had to be
    before is looked at only then: afterwards it is ours that was overwritten.
    """
    if variant is None:
        return Decided(error="the shop has no such listing")
    now = for_sale(variant, place)
    if now is None:
        return Decided(error="the shop does not count its stock")
    assert place.location is not None, "without one nothing is for sale"
    _, sold = level_at(variant, place.location)
    quantity = max(0, wanted.quantity - max(0, sold - (sold if allocated is None else allocated)))
    if now == quantity:
        return Decided()
    if allocated is None and wanted.seen is not None and now != wanted.seen:
        return Decided(error=f"{now} are for sale now, not {wanted.seen}: it has moved")
    return Decided(quantity + sold + kept_back(variant, place))


class Publisher:
    """Tells one shop what it may sell."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._client = shop.client

    async def publish(self, publications: Sequence[Publication]) -> Sequence[WriteResult]:
        """Makes each listing sell its quantity, in one write for up to 50.

        Raises:
            BackendRefused: the shop may not be written to, or has no such location.
            BackendUnavailable, BackendTimedOut: it could not be read; nothing was written.
            UnknownOutcome: nobody knows what was written; to publish again does no harm.
        """
        results: list[WriteResult] = []
        for at in range(0, len(publications), PER_CALL):
            results += await self._published(publications[at : at + PER_CALL])
        return results

    async def published(self, listings: Sequence[str]) -> Mapping[str, int]:
        """What may be sold of each; one that is gone or not counted is absent."""
        place = await self._place()
        told: dict[str, int] = {}
        for at in range(0, len(listings), PER_CALL):
            rows = await self._read(listings[at : at + PER_CALL])
            with legible("a stock level", self._client.code):
                numbers = {id: for_sale(row, place) for id, row in rows.items()}
            told |= {id: number for id, number in numbers.items() if number is not None}
        return told

    async def _published(self, publications: Sequence[Publication]) -> Sequence[WriteResult]:
        place = await self._place()
        assert place.location is not None, "one without is refused"
        wanted = {publication.listing: publication for publication in publications}
        errors: dict[str, str] = {}
        allocated: dict[str, int] = {}
        for turn in range(TRIES + 1):
            rows = await self._read(list(wanted))
            with legible("a stock level", self._client.code):
                decided = {
                    id: decide(publication, rows.get(id), place, allocated.get(id))
                    for id, publication in wanted.items()
                }
                for id, row in rows.items():
                    allocated.setdefault(id, level_at(row, place.location)[1])
            errors |= {id: it.error for id, it in decided.items() if it.error is not None}
            open_ = {id: it.on_hand for id, it in decided.items() if it.on_hand is not None}
            wanted = {id: wanted[id] for id in open_}
            if not wanted:
                break
            if turn == TRIES:
                errors |= dict.fromkeys(wanted, f"it was overwritten {TRIES} times")
                break
            await self._write(place, open_)
        return [
            WriteResult(it.reference, it.listing, errors.get(it.listing)) for it in publications
        ]

    async def _write(self, place: Place, on_hand: Mapping[str, int]) -> None:
        """One write, all or nothing. One listing that has just gone undoes it; the next look finds
        out which.
        """
        changes = [
            {
                "id": id,
                "stockLevels": [{"stockLocationId": place.location, "stockOnHand": number}],
            }
            for id, number in on_hand.items()
        ]
        try:
            await self._client.write(_WRITE, {"input": changes})
        except BackendRefused as error:
            if error.kind != "NOT_FOUND":
                raise

    async def _place(self) -> Place:
        place = await self._shop.place()
        if place.location is None:
            why = f"options.{LOCATION} does not name the stock location to publish to"
            raise refused(why, "INVALID", self._client.code)
        return place

    async def _read(self, ids: Sequence[str]) -> Mapping[str, Row]:
        options = {"filter": {"id": {"in": list(ids)}}, "take": max(1, len(ids))}
        rows, _ = await self._client.listed(variants(STOCK_FIELDS), options)
        with legible("a variant", self._client.code):
            return by_id(rows)
