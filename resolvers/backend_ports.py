"""What the answers need from backends, by role, and the few records exchanged.

Every role of a backend is optional; what a backend is able to do is declared as data
(``Capabilities``), never guessed. ``connectors`` answers by shape.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from resolvers.domain.catalog import Product
from resolvers.domain.locations import Location
from resolvers.domain.movements import Movement
from resolvers.domain.orders import Order
from resolvers.domain.outbox import Adjustment, Sale
from resolvers.domain.sources import StockSource, Watermark


class Role(StrEnum):
    """What a backend does for the house."""

    CATALOG_SOURCE = "CATALOG_SOURCE"
    LOCATION_SOURCE = "LOCATION_SOURCE"
    STOCK_FEED = "STOCK_FEED"
    STOCK_SINK = "STOCK_SINK"
    ORDER_SOURCE = "ORDER_SOURCE"
    ORDER_SINK = "ORDER_SINK"


class Idempotency(StrEnum):
    """How a backend can be kept from doing a write twice."""

    NATIVE_KEY = "NATIVE_KEY"
    EXTERNAL_REFERENCE = "EXTERNAL_REFERENCE"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend declares about itself; the house obeys it.

    ``stock`` says what its numbers of stock mean, None if it has none; ``cancels`` whether it takes
    a cancellation from us; ``sales_per_call`` how many sales one call may carry;
    ``write_seconds_max`` how long a write whose answer was lost may still be running there.
    """

    roles: tuple[Role, ...]
    idempotency: Idempotency
    stock: StockSource | None = None
    delta: str = "full scan"
    cancels: bool = False
    sales_per_call: int = 1
    write_seconds_max: float = 30.0


@dataclass(frozen=True, slots=True)
class Level:
    """One SKU's number at a location, as its system means it, and what the system itself has sold
    of what lies there.
    """

    on_hand: int
    elsewhere: int = 0


@dataclass(frozen=True, slots=True)
class Departed:
    """Units of one of our sales that have left the building in all, as its backend counts them."""

    reference: str
    sku: str
    total: int


@dataclass(frozen=True, slots=True)
class StockReading:
    """What one location's system says: every SKU it has (absent: none), at its own watermark, which
    is None if it has none.

    ``departed`` was read before the numbers, so the numbers hold it.
    """

    location: str
    levels: Mapping[str, Level]
    watermark: int | None
    departed: tuple[Departed, ...] = ()


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What a backend made of a write: its own id for it, or why it refused.

    ``acknowledged`` is the backend's sequence of taking it, comparable with its watermarks.
    """

    reference: str
    external_id: str | None = None
    error: str | None = None
    acknowledged: int | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """How a backend answered when asked whether it is well. ``remedy`` says what to do if not."""

    good: bool
    detail: str
    remedy: str = ""


class Health(Protocol):
    """Is it there, does it let us in, does it have what we need?"""

    async def probe(self) -> Probe: ...


class CatalogSource(Protocol):
    """Master data, in pages; a cursor of "" asks for everything, else for what changed since."""

    def products(self, cursor: str) -> AsyncIterator[tuple[Sequence[Product], str]]: ...


class LocationSource(Protocol):
    """The places that a backend knows and is the authority of."""

    async def locations(self) -> Sequence[Location]: ...


class StockFeed(Protocol):
    """Numbers per location, read whole."""

    async def read(self, location: str) -> StockReading: ...


class StockMovements(Protocol):
    """What moved at a location after a place in its sequence, in pages, the eldest first.

    The sequence of a movement never changes: a source that stamps one anew leaves movements out.
    """

    def movements(self, location: str, after: int) -> AsyncIterator[Sequence[Movement]]: ...


class StockSink(Protocol):
    """Takes changes of on-hand stock; looked up by reference before any second try."""

    async def adjust(self, adjustment: Adjustment, *, second_try: bool) -> WriteResult: ...


class OrderSource(Protocol):
    """Orders that were placed there: sales, till tickets. A cursor as in the catalogue."""

    def orders(self, cursor: str) -> AsyncIterator[tuple[Sequence[Order], str]]: ...


class OrderSink(Protocol):
    """Takes sales; looked up by our reference before any second try."""

    async def place(self, sales: Sequence[Sale], *, second_try: bool) -> Sequence[WriteResult]: ...
    async def cancel(self, sale: Sale) -> WriteResult: ...


@dataclass(frozen=True, slots=True)
class Backend:
    """One configured system, with the roles it plays. Absent roles are None.

    ``timeout_seconds`` is the longest that one call to it may take. ``movements`` tells between two
    readings of ``stock`` what moved; only a system whose readings have watermarks can.
    """

    code: str
    vendor: str
    capabilities: Capabilities
    health: Health
    poll_seconds: float = 2.0
    timeout_seconds: float = 10.0
    catalog: CatalogSource | None = None
    locations: LocationSource | None = None
    stock: StockFeed | None = None
    movements: StockMovements | None = None
    stock_sink: StockSink | None = None
    order_source: OrderSource | None = None
    order_sink: OrderSink | None = None
    close: Callable[[], object] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        declared = self.capabilities.stock
        assert self.stock is None or declared is not None, "what its numbers mean is declared"
        if self.movements is not None:
            assert self.stock is not None, "movements start from a reading"
            assert declared is not None
            assert declared.watermark is not Watermark.NONE, "movements need a place to start from"
