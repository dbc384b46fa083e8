"""What a backend is asked while somebody waits for the answer: a few numbers, many at a time.

What is read in the background, whole or by what changed, stands in ``backend_ports``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from resolvers.domain.values import Money

Spot = tuple[str, str]
"""A SKU and a location."""

Prices = tuple[tuple[str, Money], ...]
"""What a listing costs, by our channel, tax included."""


@dataclass(frozen=True, slots=True)
class StockLook:
    """What lies at some spots, as their system counts it: all that is physically there, whatever
    its ordinary readings mean. A spot that it does not know is absent.

    ``watermark`` is the system's own, of the same moment; None if it has none.
    """

    on_hand: Mapping[Spot, int]
    watermark: int | None = None


class LiveStock(Protocol):
    """Counts a few SKUs at a few places now, before whoever waits in the background."""

    async def look(self, spots: Sequence[Spot]) -> StockLook: ...


class LivePrices(Protocol):
    """Says what listings cost now, by their own ids; one that it does not have is absent."""

    async def prices(self, listings: Sequence[str]) -> Mapping[str, Prices]: ...
