"""A house that tells one marketplace what it may sell, step by step, and what came through."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from enum import Enum, auto

from resolvers.backend_ports import Backend, Publication, WriteResult
from resolvers.domain.errors import BackendRefused
from resolvers.domain.publication import PublicationRecord
from resolvers.ports import Lease
from resolvers.publishing import Publisher
from resolvers.watch import Follower
from tests.resolvers.conftest import ADMIN, House

CODE = "marketplace-a"
SKU = "BT-0001-30ML"
EVERY = timedelta(minutes=5)
STEPS_MAX = 200


class When(Enum):
    """Whether the process is killed before or after the marketplace took a number."""

    BEFORE = auto()
    AFTER = auto()


class Sink:
    """The marketplace's door, and what came through it."""

    def __init__(self, behind: Backend) -> None:
        assert behind.publication is not None
        self._behind = behind.publication
        self.sent: list[Mapping[str, int]] = []
        self.looks = 0
        self.spoiled: frozenset[str] = frozenset()
        self.killed: When | None = None

    async def publish(self, publications: Sequence[Publication]) -> Sequence[WriteResult]:
        if self.killed is When.BEFORE:
            raise KeyboardInterrupt
        self.sent.append({it.listing: it.quantity for it in publications})
        if self.spoiled & {it.listing for it in publications}:
            raise BackendRefused("one of these is wrong", backend=CODE, kind="INVALID")
        results = await self._behind.publish(publications)
        if self.killed is When.AFTER:
            raise KeyboardInterrupt
        return results

    async def published(self, listings: Sequence[str]) -> Mapping[str, int]:
        self.looks += 1
        return await self._behind.published(listings)


class Telling:
    """A house that tells one marketplace, step by step."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.sink = Sink(house.runtime.backends[CODE])
        self.backend = replace(house.runtime.backends[CODE], publication=self.sink)
        self.last = 0
        self.anew()

    def anew(self) -> None:
        """Another process goes on."""
        self.changed = Follower()
        self.publisher = Publisher(self.backend, self.changed, EVERY)

    async def tell(self) -> None:
        """Steps until nothing is due now."""
        await self.hear()
        lease = await self.lease()
        for _ in range(STEPS_MAX):
            if not await self.publisher.step(self.house(ADMIN), lambda: lease):
                return
        raise AssertionError("it never came to rest")

    async def hear(self) -> None:
        for event in await self.house.runtime.store.house.events(self.last, 100_000):
            self.last = event.sequence
            self.changed.note((event.topic, event.key))

    async def lease(self) -> Lease:
        now = self.house.clock()
        found = await self.house.runtime.store.house.lease(f"publish:{CODE}", "test", 60, now)
        assert found is not None
        return found

    async def listing(self, sku: str = SKU) -> str:
        truth = await self.house.marketplace.stands_for()
        return next(id for id, stands in truth.items() if stands == sku)

    async def number(self, sku: str = SKU) -> int:
        listing = await self.listing(sku)
        return (await self.house.marketplace.published([listing]))[listing]

    async def record(self, sku: str = SKU) -> PublicationRecord:
        key = (CODE, await self.listing(sku))
        return (await self.house.runtime.store.publications.publications([key]))[key]

    async def sell_at_a_till(self, units: int = 1) -> None:
        await self.house.tills.sell("ST-01", SKU, units)
        await self.house.sync("pos", "erp")
