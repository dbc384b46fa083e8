"""The one place that every call to a backend passes on its way out: it is timed, counted and traced
here, whatever the vendor. A role that answers in pages is counted page by page.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from gateway.telemetry import Telemetry
from resolvers.backend_ports import (
    Backend,
    CatalogSource,
    Changes,
    Health,
    ListingSource,
    LocationSource,
    MemberSource,
    OrderSink,
    OrderSource,
    Probe,
    Publication,
    PublicationSink,
    ReturnSink,
    SaleLookup,
    StockFeed,
    StockMovements,
    StockReading,
    StockSink,
    TransferSink,
    WriteResult,
)
from resolvers.domain.catalog import Product
from resolvers.domain.inbox import Hint, Message
from resolvers.domain.listings import Listing
from resolvers.domain.locations import Location
from resolvers.domain.members import Member
from resolvers.domain.movements import Movement
from resolvers.domain.orders import Order
from resolvers.domain.outbox import Adjustment, GiveBack, Sale, Transfer
from resolvers.event_ports import Delivered, EventPuller, OrderDeliveries, Pulled
from resolvers.live_ports import LivePrices, LiveStock, Prices, Spot, StockLook
from resolvers.loyalty_port import Loyalty, PointsBalance

T = TypeVar("T")


def watched(backends: Mapping[str, Backend], telemetry: Telemetry) -> dict[str, Backend]:
    """The same backends, with every call to them told."""
    return {code: _watched(backend, _Calls(code, telemetry)) for code, backend in backends.items()}


def _watched(at: Backend, calls: "_Calls") -> Backend:
    return replace(
        at,
        health=_Health(at.health, calls),
        catalog=at.catalog and _Catalog(at.catalog, calls),
        locations=at.locations and _Locations(at.locations, calls),
        stock=at.stock and _Stock(at.stock, calls),
        movements=at.movements and _Movements(at.movements, calls),
        stock_sink=at.stock_sink and _StockSink(at.stock_sink, calls),
        order_source=at.order_source and _Orders(at.order_source, calls),
        order_sink=at.order_sink and _OrderSink(at.order_sink, calls),
        sale_lookup=at.sale_lookup and _SaleLookup(at.sale_lookup, calls),
        return_sink=at.return_sink and _ReturnSink(at.return_sink, calls),
        transfer_sink=at.transfer_sink and _TransferSink(at.transfer_sink, calls),
        listings=at.listings and _Listings(at.listings, calls),
        publication=at.publication and _Publication(at.publication, calls),
        members=at.members and _Members(at.members, calls),
        puller=at.puller and _Puller(at.puller, calls),
        deliveries=at.deliveries and _Deliveries(at.deliveries, calls),
        loyalty=at.loyalty and _Loyalty(at.loyalty, calls),
        live_stock=at.live_stock and _LiveStock(at.live_stock, calls),
        live_prices=at.live_prices and _LivePrices(at.live_prices, calls),
    )


@dataclass(frozen=True, slots=True)
class _Calls:
    """The calls to one backend."""

    backend: str
    telemetry: Telemetry

    @contextmanager
    def one(self, call: str) -> Iterator[None]:
        """One call, or one page."""
        began, result = time.perf_counter(), "ok"
        try:
            with self.telemetry.tracing.call(self.backend, call) as span:
                try:
                    yield
                except Exception as error:
                    result = "failed"
                    span.failed(type(error).__name__)
                    raise
        finally:
            took = time.perf_counter() - began
            self.telemetry.metrics.backend_seconds.labels(self.backend, call, result).observe(took)

    async def pages(self, call: str, pages: AsyncIterator[T]) -> AsyncIterator[T]:
        """The pages of an answer, each as a call; so is the look for one that is not there."""
        try:
            while True:
                with self.one(call):
                    page = await anext(pages, None)
                if page is None:
                    return
                yield page
        finally:
            if isinstance(pages, AsyncGenerator):
                await pages.aclose()


@dataclass(frozen=True, slots=True)
class _Health:
    inner: Health
    calls: _Calls

    async def probe(self) -> Probe:
        with self.calls.one("health"):
            return await self.inner.probe()


@dataclass(frozen=True, slots=True)
class _Catalog:
    inner: CatalogSource
    calls: _Calls

    def products(self, cursor: str) -> AsyncIterator[tuple[Sequence[Product], str]]:
        return self.calls.pages("products", self.inner.products(cursor))


@dataclass(frozen=True, slots=True)
class _Locations:
    inner: LocationSource
    calls: _Calls

    async def locations(self) -> Sequence[Location]:
        with self.calls.one("locations"):
            return await self.inner.locations()


@dataclass(frozen=True, slots=True)
class _Stock:
    inner: StockFeed
    calls: _Calls

    async def read(self, location: str) -> StockReading:
        with self.calls.one("stock"):
            return await self.inner.read(location)


@dataclass(frozen=True, slots=True)
class _Movements:
    inner: StockMovements
    calls: _Calls

    def movements(self, location: str, after: int) -> AsyncIterator[Sequence[Movement]]:
        return self.calls.pages("movements", self.inner.movements(location, after))


@dataclass(frozen=True, slots=True)
class _StockSink:
    inner: StockSink
    calls: _Calls

    async def adjust(self, adjustment: Adjustment, *, second_try: bool) -> WriteResult:
        with self.calls.one("adjust"):
            return await self.inner.adjust(adjustment, second_try=second_try)


@dataclass(frozen=True, slots=True)
class _Orders:
    inner: OrderSource
    calls: _Calls

    def orders(self, cursor: str) -> AsyncIterator[tuple[Sequence[Order], str]]:
        return self.calls.pages("orders", self.inner.orders(cursor))


@dataclass(frozen=True, slots=True)
class _OrderSink:
    inner: OrderSink
    calls: _Calls

    async def place(self, sales: Sequence[Sale], *, second_try: bool) -> Sequence[WriteResult]:
        with self.calls.one("place"):
            return await self.inner.place(sales, second_try=second_try)

    async def cancel(self, sale: Sale) -> WriteResult:
        with self.calls.one("cancel"):
            return await self.inner.cancel(sale)


@dataclass(frozen=True, slots=True)
class _SaleLookup:
    inner: SaleLookup
    calls: _Calls

    async def known(self, references: Sequence[str]) -> Mapping[str, str]:
        with self.calls.one("known sales"):
            return await self.inner.known(references)


@dataclass(frozen=True, slots=True)
class _ReturnSink:
    inner: ReturnSink
    calls: _Calls

    async def give_back(self, returned: GiveBack, *, second_try: bool) -> WriteResult:
        with self.calls.one("give_back"):
            return await self.inner.give_back(returned, second_try=second_try)


@dataclass(frozen=True, slots=True)
class _TransferSink:
    inner: TransferSink
    calls: _Calls

    async def transfer(self, transfer: Transfer, *, second_try: bool) -> WriteResult:
        with self.calls.one("transfer"):
            return await self.inner.transfer(transfer, second_try=second_try)


@dataclass(frozen=True, slots=True)
class _Listings:
    inner: ListingSource
    calls: _Calls

    def listings(self, cursor: str) -> AsyncIterator[Changes[Listing]]:
        return self.calls.pages("listings", self.inner.listings(cursor))

    async def listing(self, id: str) -> Listing | None:
        with self.calls.one("listing"):
            return await self.inner.listing(id)


@dataclass(frozen=True, slots=True)
class _Publication:
    inner: PublicationSink
    calls: _Calls

    async def publish(self, publications: Sequence[Publication]) -> Sequence[WriteResult]:
        with self.calls.one("publish"):
            return await self.inner.publish(publications)

    async def published(self, listings: Sequence[str]) -> Mapping[str, int]:
        with self.calls.one("published"):
            return await self.inner.published(listings)


@dataclass(frozen=True, slots=True)
class _Members:
    inner: MemberSource
    calls: _Calls

    def members(self, cursor: str) -> AsyncIterator[Changes[Member]]:
        return self.calls.pages("members", self.inner.members(cursor))

    async def member(self, external_id: str) -> Member | None:
        with self.calls.one("member"):
            return await self.inner.member(external_id)


@dataclass(frozen=True, slots=True)
class _Puller:
    inner: EventPuller
    calls: _Calls

    async def pull(self, limit: int) -> Sequence[Pulled]:
        with self.calls.one("pull"):
            return await self.inner.pull(limit)

    async def acknowledge(self, ids: Sequence[str]) -> None:
        with self.calls.one("acknowledge"):
            await self.inner.acknowledge(ids)

    def hints(self, message: Message) -> Sequence[Hint]:
        return self.inner.hints(message)


@dataclass(frozen=True, slots=True)
class _Deliveries:
    inner: OrderDeliveries
    calls: _Calls

    async def delivered(self, external_id: str) -> Delivered:
        with self.calls.one("delivered"):
            return await self.inner.delivered(external_id)


@dataclass(frozen=True, slots=True)
class _Loyalty:
    inner: Loyalty
    calls: _Calls

    async def balances(self, external_ids: Sequence[str]) -> Mapping[str, PointsBalance]:
        with self.calls.one("balances"):
            return await self.inner.balances(external_ids)


@dataclass(frozen=True, slots=True)
class _LiveStock:
    inner: LiveStock
    calls: _Calls

    async def look(self, spots: Sequence[Spot]) -> StockLook:
        with self.calls.one("live stock"):
            return await self.inner.look(spots)


@dataclass(frozen=True, slots=True)
class _LivePrices:
    inner: LivePrices
    calls: _Calls

    async def prices(self, listings: Sequence[str]) -> Mapping[str, Prices]:
        with self.calls.one("live prices"):
            return await self.inner.prices(listings)
