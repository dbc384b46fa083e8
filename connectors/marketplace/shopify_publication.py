"""Quantities that we publish to Shopify: the ``available`` of one location, by compare-and-set.

Each call names the number that ours was worked out from, so that a sale in between is never erased:
Shopify then refuses that line, and a new number is worked out from a new look. A call is all or
nothing; the lines that were not blamed are sent again without the others. The key of a call follows
from all that is in it: the same call again is done once.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from connectors.marketplace.shopify_client import ShopifyClient
from connectors.marketplace.shopify_operations import LEVELS, SET_QUANTITIES
from connectors.marketplace.shopify_rows import LevelsAnswer, SetQuantitiesAnswer, UserError
from connectors.marketplace.shopify_wire import refused
from resolvers.backend_ports import Publication, WriteResult
from resolvers.domain.errors import UnknownOutcome

AT_ONCE = 250
"""Most quantities of one call: no list that Shopify takes is longer."""

BUSY_MAX = 5
BUSY_SECONDS = 1.0
"""A call whose key is at work already is asked for again so often, with this pause between."""

NAME = "available"
REASON = "correction"

_STALE = "CHANGE_FROM_QUANTITY_STALE"
_BUSY = "IDEMPOTENCY_CONCURRENT_REQUEST"
_FAILED_BEFORE = "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"


@dataclass(frozen=True, slots=True)
class Line:
    """One quantity to publish, of an inventory item, from the number that it is worked out from."""

    reference: str
    item: str
    quantity: int
    seen: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What Shopify counts of a listing, and its number."""

    item: str
    available: int | None


class Publications:
    """Says what listings may sell at one location."""

    def __init__(
        self,
        client: ShopifyClient,
        location: str,
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._client = client
        self._location = location
        self._sleep = sleep
        self._items: dict[str, str] = {}
        """Inventory items by listing: Shopify never changes which belongs to which."""

    async def published(self, listings: Sequence[str]) -> Mapping[str, int]:
        """What listings may sell now; those of which Shopify keeps no number are left out."""
        found = await self._counted(listings)
        return {id: it.available for id, it in found.items() if it.available is not None}

    async def publish(self, publications: Sequence[Publication]) -> Sequence[WriteResult]:
        """Publishes quantities. One whose number has moved since it was seen is refused.

        Raises:
            UnknownOutcome: they may have been published: ask for what is published.
            BackendRefused: Shopify takes none of them.
            BackendUnavailable: nothing was sent.
        """
        results: dict[str, WriteResult] = {}
        lines: list[Line] = []
        looked = [it.listing for it in publications if self._must_look(it)]
        found = await self._counted(looked) if looked else {}
        for it in publications:
            item = self._items.get(it.listing)
            seen = it.seen
            if it.listing in found:
                seen = found[it.listing].available if seen is None else seen
            if item is None or seen is None:
                told = f"{it.listing} is not stocked at {self._location}, or not tracked"
                results[it.reference] = WriteResult(it.reference, error=told)
            else:
                lines.append(Line(it.reference, item, it.quantity, seen))
        for at in range(0, len(lines), AT_ONCE):
            results |= await self._set(lines[at : at + AT_ONCE])
        return [results[it.reference] for it in publications]

    def _must_look(self, publication: Publication) -> bool:
        return publication.seen is None or publication.listing not in self._items

    async def _counted(self, listings: Sequence[str]) -> Mapping[str, Counted]:
        found: dict[str, Counted] = {}
        at = 0
        while at < len(listings):
            told = await self._client.fitted(LEVELS, self._asked(listings, at), LevelsAnswer)
            for id, node in zip(listings[at:], told.nodes, strict=False):
                if node is not None and node.id == id and node.inventory_item is not None:
                    self._items[id] = node.inventory_item.id
                    found[id] = Counted(node.inventory_item.id, node.inventory_item.available)
            at += max(1, len(told.nodes))
        return found

    def _asked(self, listings: Sequence[str], at: int) -> Callable[[int], Mapping[str, object]]:
        return lambda size: {"ids": list(listings[at : at + size]), "location": self._location}

    async def _set(self, lines: Sequence[Line]) -> Mapping[str, WriteResult]:
        """One call, and another without the lines that it was refused for, until none is."""
        results: dict[str, WriteResult] = {}
        left = list(lines)
        while left:
            done, errors = await self._sent(left)
            if not errors:
                results |= {it.reference: WriteResult(it.reference, done) for it in left}
                break
            blamed = _blamed(errors, len(left))
            if not blamed:
                raise self._refusal(errors[0])
            for at, why in blamed.items():
                reference = left[at].reference
                results[reference] = WriteResult(reference, error=why)
            left = [it for at, it in enumerate(left) if at not in blamed]
        return results

    async def _sent(self, lines: Sequence[Line]) -> tuple[str | None, Sequence[UserError]]:
        """One call under its key: Shopify's id of what was done, or why nothing was."""
        attempt, busy = 1, 0
        while True:
            told = await self._client.ask(
                SET_QUANTITIES, self._variables(lines, attempt), SetQuantitiesAnswer
            )
            done = told.inventory_set_quantities
            codes = {error.code for error in done.user_errors}
            if _FAILED_BEFORE in codes and attempt == 1:
                attempt = 2
            elif _BUSY in codes:
                busy += 1
                if busy == BUSY_MAX:
                    raise UnknownOutcome(
                        f"{self._client.code}: our quantities are still at work there",
                        backend=self._client.code,
                    )
                await self._sleep(BUSY_SECONDS)
            else:
                group = done.inventory_adjustment_group
                return None if group is None else group.id, done.user_errors

    def _variables(self, lines: Sequence[Line], attempt: int) -> Mapping[str, object]:
        quantities = [
            {
                "inventoryItemId": it.item,
                "locationId": self._location,
                "quantity": it.quantity,
                "changeFromQuantity": it.seen,
            }
            for it in lines
        ]
        told = [[it.reference for it in lines], quantities, attempt]
        digest = sha256(msgspec.json.encode(told)).hexdigest()
        first = lines[0].reference if len(lines) == 1 else digest[:32]
        return {
            "input": {
                "name": NAME,
                "reason": REASON,
                "referenceDocumentUri": f"gid://unified-commerce-gateway/Publication/{first}",
                "quantities": quantities,
            },
            "key": digest,
        }

    def _refusal(self, error: UserError) -> Exception:
        kind = "PERMANENT" if (error.code or "").startswith("IDEMPOTENCY") else "INVALID"
        return refused(f"{error.code}: {error.message}", kind, self._client.code)


def _blamed(errors: Sequence[UserError], count: int) -> Mapping[int, str]:
    """Which lines are at fault, and why: ``["input", "quantities", "3", …]`` names the fourth."""
    blamed: dict[int, str] = {}
    for error in errors:
        match error.field:
            case ["input", "quantities", at, *_] if at.isdigit() and int(at) < count:
                what = "it has moved" if error.code == _STALE else error.code
                blamed.setdefault(int(at), f"{what}: {error.message}")
            case _:
                continue
    return blamed
