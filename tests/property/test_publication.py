"""However sales, messages, lost answers and kills fall together, a marketplace ends with the number
that its channel may promise, and what it has sold is not handed back to it (S5).

Against a naive model: a marketplace that counts down, and tells its orders when it is asked.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from random import Random

import pytest

from connectors.sandbox import chain
from resolvers.backend_ports import (
    Backend,
    Capabilities,
    Changes,
    CompareAndSet,
    Idempotency,
    Probe,
    Publication,
    Role,
    WriteResult,
)
from resolvers.domain.catalog import Provenance
from resolvers.domain.errors import BackendUnavailable, UnknownOutcome
from resolvers.domain.feeds import Feed
from resolvers.domain.listings import Listing
from resolvers.domain.orders import Order, OrderLine, OrderStatus
from resolvers.domain.publication import PublicationState
from resolvers.domain.values import Money
from resolvers.publishing import Publisher
from resolvers.taking import take_orders
from resolvers.watch import Follower
from tests.support import NOON, OPERATOR, SKU, Shop

CODE, LISTING, PLACE = "marketplace-a", "L-1", "WH-01"
SETTLE_SECONDS = 5.0
ACTIONS = 60
STEPS_MAX = 100


class Killed(BaseException):
    """The process is gone."""


class Market:
    """A marketplace with one listing. ``mishaps`` befall the next writes; ``meanwhile`` somebody
    buys between a look and a write.
    """

    def __init__(self, cas: CompareAndSet, random: Random) -> None:
        self.cas = cas
        self.random = random
        self.number = 9
        self.sales: list[int] = []
        self.mishaps: list[str] = []
        self.late: list[Publication] = []
        self.meanwhile = 0
        self.sold_at_look = 0
        self.stock = 0
        self.writes = 0
        self.handed_back = 0

    @property
    def sold(self) -> int:
        return sum(self.sales)

    def buy(self, units: int) -> None:
        if units <= self.number:
            self.number -= units
            self.sales.append(units)

    async def probe(self) -> Probe:
        return Probe(good=True, detail="it is there")

    async def listing(self, id: str) -> Listing | None:
        return listing()

    async def listings(self, cursor: str) -> AsyncIterator[Changes[Listing]]:
        yield Changes([listing()], "1")

    async def orders(self, cursor: str) -> AsyncIterator[tuple[Sequence[Order], str]]:
        yield [order(at, units) for at, units in enumerate(self.sales)], "1"

    async def published(self, listings: Sequence[str]) -> Mapping[str, int]:
        number = self.number
        self.sold_at_look = self.sold
        if self.meanwhile:
            self.buy(self.meanwhile)
            self.meanwhile = 0
        return dict.fromkeys(listings, number)

    async def publish(self, publications: Sequence[Publication]) -> Sequence[WriteResult]:
        [asked] = publications
        mishap = self.mishaps.pop(0) if self.mishaps else ""
        if mishap == "down":
            raise BackendUnavailable("not there", backend=CODE)
        if mishap == "killed before":
            raise Killed
        if mishap == "lost":
            raise UnknownOutcome("no answer", backend=CODE)
        if mishap == "late":
            self.late.append(asked)
            raise UnknownOutcome("no answer", backend=CODE)
        result = self._taken(asked)
        if mishap == "killed after":
            raise Killed
        if mishap == "unknown":
            raise UnknownOutcome("no answer", backend=CODE)
        return [result]

    def arrive(self) -> None:
        """A write that nobody waits for any more comes in."""
        for asked in self.late:
            if self.cas is CompareAndSet.NONE or self.number == asked.seen:
                self.number = asked.quantity
        self.late.clear()

    def _taken(self, asked: Publication) -> WriteResult:
        if self.cas is CompareAndSet.NATIVE and self.number != asked.seen:
            return WriteResult(asked.reference, error="it has moved")
        self.writes += 1
        self.number = asked.quantity
        beyond = asked.quantity - max(0, self.stock - self.sold)
        under_way = self.sold - self.sold_at_look if self.cas is CompareAndSet.NONE else 0
        self.handed_back += max(0, beyond - under_way)
        return WriteResult(asked.reference, LISTING)


def listing() -> Listing:
    prices = ((CODE, Money(100, "CNY")),)
    return Listing(CODE, LISTING, "瓶", Provenance(CODE, LISTING, NOON), NOON, SKU, prices=prices)


def order(at: int, units: int) -> Order:
    number = f"A-{at}"
    return Order(
        number,
        number,
        CODE,
        OrderStatus.CONFIRMED,
        (OrderLine("1", SKU, "瓶", units, Money(100, "CNY")),),
        "CNY",
        NOON,
        NOON,
        f"backend:{CODE}",
        system=CODE,
        external=(Provenance(CODE, number, NOON),),
    )


class House:
    """A shop with twenty units, and one marketplace that is told."""

    def __init__(self, cas: CompareAndSet, random: Random) -> None:
        self.market = Market(cas, random)
        able = Capabilities(
            (Role.LISTING_SOURCE, Role.ORDER_SOURCE, Role.PUBLICATION_SINK),
            Idempotency.NONE,
            write_seconds_max=SETTLE_SECONDS,
            publication_cas=cas,
        )
        market = self.market
        self.backend = Backend(
            CODE,
            "any",
            able,
            market,
            order_source=market,
            listings=market,
            publication=market,
            publishes=True,
        )
        self.shop = Shop(backends=[self.backend])
        self.last = 0
        self.anew()

    def anew(self) -> None:
        self.changed = Follower()
        self.publisher = Publisher(self.backend, self.changed, timedelta(minutes=5))

    async def opens(self) -> None:
        place = [at for at in chain.LOCATIONS if at.code == PLACE]  # what is owed is owed there
        await self.shop.furnish(locations=place)
        await self.shop.store.listings.save_listings([listing()])
        feeds = [Feed(CODE, of, "", 1, NOON) for of in ("listings", "orders")]
        await self.shop.store.house.save_feeds(feeds)
        await self.counts(20)

    async def counts(self, units: int) -> None:
        self.market.stock = units
        await self.shop.stocked(SKU, PLACE, units)

    async def hears(self, copies: int = 1) -> None:
        """The house's own reading of orders, once or twice."""
        ctx = self.shop.context(OPERATOR)
        for _ in range(copies):
            async for orders, _ in self.market.orders(""):
                await take_orders(ctx, self.backend, orders)

    async def tells(self) -> None:
        """One turn of the publisher, which may be killed in it."""
        for event in await self.shop.store.house.events(self.last, 100_000):
            self.last = event.sequence
            self.changed.note((event.topic, event.key))
        now = self.shop.clock()
        lease = await self.shop.store.house.lease(f"publish:{CODE}", "me", 3600, now)
        for _ in range(STEPS_MAX):
            try:
                if not await self.publisher.step(self.shop.context(OPERATOR), lambda: lease):
                    return
            except BackendUnavailable:
                return
            except Killed:
                self.anew()
                return
        raise AssertionError("it never came to rest")

    async def rests(self) -> None:
        """Until nobody does anything any more."""
        self.market.mishaps.clear()
        self.market.meanwhile = 0
        for _ in range(12):
            self.shop.clock.advance(seconds=60)
            await self.tells()


MISHAPS = ("down", "killed before", "killed after", "lost", "unknown")


@pytest.mark.parametrize("cas", CompareAndSet)
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("seed", range(25))
async def test_at_rest_it_has_what_may_be_promised_and_nothing_was_handed_back(cas, seed, late):
    random = Random(f"{seed} {cas} {late}")
    house = House(cas, random)
    await house.opens()
    market = house.market
    for _ in range(ACTIONS):
        match random.randrange(9):
            case 0 | 1:
                market.buy(random.randint(1, 3))
            case 2:
                market.meanwhile = random.randint(1, 2)
            case 3:
                await house.counts(max(market.sold, market.stock + random.randint(-3, 2)))
            case 4:
                await house.hears(random.randint(1, 2))
            case 5:
                market.mishaps.append(random.choice((*MISHAPS, "late") if late else MISHAPS))
            case 6:
                market.arrive()
                house.shop.clock.advance(seconds=random.choice((0.1, 1, SETTLE_SECONDS + 1)))
            case _:
                await house.tells()
    market.arrive()
    await house.rests()

    assert market.number == await house.shop.available(SKU, CODE)
    assert market.number == max(0, market.stock - market.sold)
    if not late:
        assert market.handed_back == 0
    key = (CODE, LISTING)
    record = (await house.shop.store.publications.publications([key]))[key]
    assert (record.state, record.found) == (PublicationState.TOLD, market.number)
    writes = market.writes
    await house.rests()
    assert market.writes == writes, "at rest nothing is written"
    await house.shop.close()
