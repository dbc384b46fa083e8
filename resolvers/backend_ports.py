"""What the answers need from backends, by role, and the few records exchanged.

Every role of a backend is optional; what a backend is able to do is declared as data
(``Capabilities``), never guessed. ``connectors`` answers by shape.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from resolvers.domain.breakers import BreakerState
from resolvers.domain.catalog import Product
from resolvers.domain.listings import Listing
from resolvers.domain.locations import Location
from resolvers.domain.members import Member
from resolvers.domain.movements import Movement
from resolvers.domain.orders import Order
from resolvers.domain.outbox import Adjustment, GiveBack, Sale, Transfer
from resolvers.domain.sources import StockSource, Watermark
from resolvers.event_ports import EventPuller, EventReceiver, OrderDeliveries
from resolvers.live_ports import LivePrices, LiveStock
from resolvers.loyalty_port import Loyalty, LoyaltyTerms

T = TypeVar("T")


class Role(StrEnum):
    """What a backend does for the house."""

    CATALOG_SOURCE = "CATALOG_SOURCE"
    LOCATION_SOURCE = "LOCATION_SOURCE"
    STOCK_FEED = "STOCK_FEED"
    STOCK_SINK = "STOCK_SINK"
    ORDER_SOURCE = "ORDER_SOURCE"
    ORDER_SINK = "ORDER_SINK"
    RETURN_SINK = "RETURN_SINK"
    TRANSFER_SINK = "TRANSFER_SINK"
    LISTING_SOURCE = "LISTING_SOURCE"
    PUBLICATION_SINK = "PUBLICATION_SINK"
    MEMBER_SOURCE = "MEMBER_SOURCE"
    EVENT_RECEIVER = "EVENT_RECEIVER"
    EVENT_PULLER = "EVENT_PULLER"
    LOYALTY = "LOYALTY"
    LIVE_STOCK = "LIVE_STOCK"
    LIVE_PRICES = "LIVE_PRICES"


class CompareAndSet(StrEnum):
    """What a backend does about a number that has moved since it was read.

    NATIVE: it refuses a write that names another number than it has. NONE: the last write wins, so
    that whoever writes reads before, and reads back.
    """

    NATIVE = "NATIVE"
    NONE = "NONE"


class Throttle(StrEnum):
    """How a backend says that it is asked too much."""

    COST_BUCKET = "COST_BUCKET"
    TOKEN_BUCKET = "TOKEN_BUCKET"  # noqa: S105  # a kind of limit
    UNDOCUMENTED = "UNDOCUMENTED"


class Idempotency(StrEnum):
    """How a backend can be kept from doing a write twice."""

    NATIVE_KEY = "NATIVE_KEY"
    EXTERNAL_REFERENCE = "EXTERNAL_REFERENCE"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend declares about itself; the house obeys it.

    ``stock`` says what its numbers of stock mean, None if it has none; ``cancels`` whether it takes
    a cancellation from us, ``returns`` goods that came back, ``transfers`` goods that go from one
    of its locations to another; ``sales_per_call`` how many sales one call may carry;
    ``write_seconds_max`` how long a write whose answer was lost may still be running there.
    ``publications_per_call`` is how many quantities one call may carry, ``publication_cas`` what
    it does about one that has moved, ``order_lag_seconds`` how long after a number of its has
    gone down the order may be missing from those it tells. ``throttle`` is how it limits us,
    ``calls_per_second`` and ``calls_at_once`` what it may be asked. ``webhooks`` names the scheme
    that it signs messages by, None if it sends none. ``scanned`` are the entities that it tells no
    changes of: they are read whole each time. ``deletions`` says whether it tells of the others
    what is gone. ``pulls_events`` says whether its messages are fetched; ``loyalty`` what its
    points are, None if it keeps none. ``live_stock_per_call`` and ``live_prices_per_call`` are how
    many SKUs of a place, or listings, one call of those roles may ask for.
    """

    roles: tuple[Role, ...]
    idempotency: Idempotency
    stock: StockSource | None = None
    delta: str = "full scan"
    cancels: bool = False
    returns: bool = False
    transfers: bool = False
    sales_per_call: int = 1
    write_seconds_max: float = 30.0
    publications_per_call: int = 1
    publication_cas: CompareAndSet = CompareAndSet.NONE
    order_lag_seconds: float = 0.0
    throttle: Throttle = Throttle.UNDOCUMENTED
    calls_per_second: float = 50.0
    calls_at_once: int = 8
    webhooks: str | None = None
    scanned: tuple[str, ...] = ()
    deletions: bool = False
    pulls_events: bool = False
    loyalty: LoyaltyTerms | None = None
    live_stock_per_call: int = 50
    live_prices_per_call: int = 50


@dataclass(frozen=True, slots=True)
class Level:
    """One SKU's number at a location, as its system means it, what the system itself has sold or
    set aside of what lies there, and what is on its way to it.
    """

    on_hand: int
    elsewhere: int = 0
    incoming: int = 0


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

    ``departed`` was read before the numbers, so the numbers hold it. ``tells_incoming`` says that
    levels say what is on its way; else whoever sends it has to.
    """

    location: str
    levels: Mapping[str, Level]
    watermark: int | None
    departed: tuple[Departed, ...] = ()
    tells_incoming: bool = False


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


@dataclass(frozen=True, slots=True)
class Changes(Generic[T]):
    """One page of what a source has: things, the ids of those that are gone, and where to go on.

    ``whole`` is true on the last page of a reading of everything: what was in no page is gone.
    """

    items: Sequence[T]
    cursor: str
    gone: Sequence[str] = ()
    whole: bool = False


class ListingSource(Protocol):
    """What a marketplace offers. A cursor as in the catalogue."""

    def listings(self, cursor: str) -> AsyncIterator[Changes[Listing]]: ...
    async def listing(self, id: str) -> Listing | None: ...


class MemberSource(Protocol):
    """People. A cursor as in the catalogue."""

    def members(self, cursor: str) -> AsyncIterator[Changes[Member]]: ...
    async def member(self, external_id: str) -> Member | None: ...


@dataclass(frozen=True, slots=True)
class Publication:
    """How many units a listing may sell from now on. ``reference`` is ours; ``seen`` the number
    that the marketplace had when ours was worked out, None if nobody looked.
    """

    reference: str
    listing: str
    quantity: int
    seen: int | None = None


class PublicationSink(Protocol):
    """Takes quantities that listings may sell, absolute, and tells those that it has."""

    async def publish(self, publications: Sequence[Publication]) -> Sequence[WriteResult]: ...
    async def published(self, listings: Sequence[str]) -> Mapping[str, int]: ...


class OrderSink(Protocol):
    """Takes sales; looked up by our reference before any second try."""

    async def place(self, sales: Sequence[Sale], *, second_try: bool) -> Sequence[WriteResult]: ...
    async def cancel(self, sale: Sale) -> WriteResult: ...


class SaleLookup(Protocol):
    """Says which of our sales it has, whatever has become of them; writes nothing."""

    async def known(self, references: Sequence[str]) -> Mapping[str, str]:
        """Its own ids by our references; sales that it does not have are left out."""


class ReturnSink(Protocol):
    """Takes goods that came back; looked up by our reference before any second try.

    What lies where they came back is told by the next reading, and not counted here.
    """

    async def give_back(self, returned: GiveBack, *, second_try: bool) -> WriteResult: ...


class TransferSink(Protocol):
    """Takes the steps of transfers, in their order; looked up by our reference before each. A step
    that was taken before, or that a later one has passed, is taken.
    """

    async def transfer(self, transfer: Transfer, *, second_try: bool) -> WriteResult: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """How much a backend is asked now.

    ``calls_per_second`` is the rate that is kept to, ``silent_seconds`` how long it is left alone
    because it complained.
    """

    breaker: BreakerState
    calls_per_second: float
    under_way: int
    waiting: int
    silent_seconds: float


class Governed(Protocol):
    """Says how much a backend is asked."""

    def standing(self) -> Standing: ...


@dataclass(frozen=True, slots=True)
class Backend:
    """One configured system, with the roles it plays. Absent roles are None.

    ``timeout_seconds`` is the longest that one call to it may take. ``movements`` tells between two
    readings of ``stock`` what moved; only a system whose readings have watermarks can.
    ``deliveries`` are of an order source whose messages name them. ``publishes``: it is to be told
    what its listings may sell.
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
    sale_lookup: SaleLookup | None = None
    return_sink: ReturnSink | None = None
    transfer_sink: TransferSink | None = None
    listings: ListingSource | None = None
    publication: PublicationSink | None = None
    publishes: bool = False
    members: MemberSource | None = None
    events: EventReceiver | None = None
    puller: EventPuller | None = None
    deliveries: OrderDeliveries | None = None
    loyalty: Loyalty | None = None
    live_stock: LiveStock | None = None
    live_prices: LivePrices | None = None
    governor: Governed | None = None
    close: Callable[[], object] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        declared = self.capabilities.stock
        assert self.stock is None or declared is not None, "what its numbers mean is declared"
        pulls, points = self.capabilities.pulls_events, self.capabilities.loyalty
        assert pulls == (self.puller is not None), "who is asked for messages says so"
        assert (points is None) == (self.loyalty is None), "what its points are is declared"
        assert self.deliveries is None or self.order_source is not None, "they are of its orders"
        assert self.capabilities.returns == (self.return_sink is not None)
        assert self.capabilities.transfers == (self.transfer_sink is not None)
        assert self.live_stock is None or self.stock is not None, "a look is laid over readings"
        assert self.live_prices is None or self.listings is not None, "prices are of listings"
        if self.movements is not None:
            assert self.stock is not None, "movements start from a reading"
            assert declared is not None
            assert declared.watermark is not Watermark.NONE, "movements need a place to start from"
