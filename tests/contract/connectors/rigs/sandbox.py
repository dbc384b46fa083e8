"""The four kinds of systems of the sandbox retailer. Each test has a chain of its own."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

import httpx2

from connectors.sandbox import goods, retailer
from connectors.sandbox.chain import SHOPS, TIERS, members
from connectors.sandbox.couriers import Courier, Manners
from connectors.sandbox.crm import SandboxCrm
from connectors.sandbox.erp import SandboxErp
from connectors.sandbox.knobs import Fault, Knobs
from connectors.sandbox.ledger import SaleStatus
from connectors.sandbox.marketplaces import SandboxMarketplace
from connectors.sandbox.tills import SandboxTills
from connectors.webhooks import Endpoint
from resolvers.backend_ports import Backend, Role
from resolvers.domain.errors import NotFound
from resolvers.domain.outbox import (
    Adjustment,
    GiveBack,
    ReturnedLine,
    Sale,
    SaleLine,
    Transfer,
    TransferLine,
    TransferStep,
)
from resolvers.domain.values import Money
from resolvers.event_ports import RawMessage
from resolvers.live_ports import Spot
from tests.contract.connectors.reading import read
from tests.contract.connectors.rig import SECRET, Feeds, Reasons, Rig, Things

SKU, PLACE, PRICE = "BT-0001-30ML", "WH-01", Money(76000, "CNY")

NUMBERED: Reasons = {"change_at_once": "it numbers its changes; no two are alike"}
NO_DOOR: Reasons = {
    "stranger": "it knows no credentials",
    "logins": "nobody logs in there",
    "throttle": "it may be asked without limit",
    "turned_away": "it may be asked without limit",
}


class SandboxRig(Rig):
    """What the four have in common: knobs, and a file."""

    code: str
    renews = False
    cannot: ClassVar[Reasons] = NO_DOOR

    def made(self, **otherwise: Any) -> Backend:
        endpoint = Endpoint(otherwise.get("secrets", (SECRET,)))
        at = otherwise.get("data", self.folder)
        for backend in retailer.backends(at):
            if backend.code == self.code:
                market = Role.LISTING_SOURCE in self.roles
                return retailer.receiving(backend, endpoint) if market else backend
            assert backend.close is not None
            backend.close()
        raise AssertionError(self.code)

    @cached_property
    @abstractmethod
    def door(self) -> Any:
        """Its own people's way in."""

    async def turn(self, knobs: Knobs) -> None:
        await self.door.set_knobs(knobs)

    async def close(self) -> None:
        await super().close()
        if "door" in self.__dict__:
            self.door.close()

    def elsewhere(self) -> Backend:
        taken = self.folder / "taken"
        taken.mkdir()
        (taken / "sandbox").write_text("a file where its folder should be")
        return self.connect(data=taken)

    async def expire(self) -> None:
        await self.turn(Knobs(fail=Fault.REFUSE))

    async def fall_silent(self) -> None:
        await self.turn(Knobs(fail=Fault.TIMEOUT))

    async def lose_answer(self) -> None:
        await self.turn(Knobs(fail=Fault.ANSWER_LOST))

    async def lose_question(self) -> None:
        await self.turn(Knobs(fail=Fault.TIMEOUT))

    async def mend(self) -> None:
        await self.turn(Knobs())

    async def ask(self, backend: Backend) -> object:
        role = next(iter(self.feeds))
        return await read(backend, role)


# ---- the ERP ----------------------------------------------------------------------------------


class Products(Things):
    cannot: ClassVar[Reasons] = NUMBERED

    async def there(self) -> set[str]:
        return {product.handle for product in goods.catalogue()}

    async def change(self, count: int) -> set[str]:
        changed = goods.catalogue()[:count]
        for at, product in enumerate(changed):
            await self.rig.door.reprice(product.variants[0].sku, "store", 10_000 + at)
        return {product.handle for product in changed}


class SandboxErpRig(SandboxRig):
    name = "sandbox ERP"
    code = "erp"
    roles = (
        Role.CATALOG_SOURCE, Role.LOCATION_SOURCE, Role.STOCK_FEED, Role.STOCK_SINK,
        Role.ORDER_SINK, Role.RETURN_SINK, Role.TRANSFER_SINK, Role.LIVE_STOCK,
    )  # fmt: skip
    feeds: ClassVar[Feeds] = {Role.CATALOG_SOURCE: Products}

    @cached_property
    def door(self) -> SandboxErp:
        return SandboxErp(self.folder)

    async def shelf(self) -> Spot:
        return SKU, PLACE

    async def adjustment(self, reference: str, delta: int) -> Adjustment:
        return Adjustment(reference, SKU, PLACE, delta, "found behind the shelf")

    async def on_hand(self, location: str, sku: str) -> int:
        return await self.door.on_hand(location, sku)

    async def move(self, location: str, sku: str, units: int) -> None:
        await self.door.receive(location, sku, units)

    async def sale(self, reference: str, sku: str | None = None) -> Sale:
        return Sale(reference, PLACE, self.clock(), (SaleLine(sku or SKU, 1, PRICE),))

    async def booked(self, reference: str) -> int:
        try:
            found = await self.door.sale(reference)
        except NotFound:
            return 0
        return int(found.status is not SaleStatus.CANCELED)

    async def bad_sale(self, reference: str) -> Sale:
        return await self.sale(reference, sku="NO-SUCH-SKU")

    async def unknown_sale(self, reference: str) -> Sale:
        return await self.sale(reference)

    async def give_back(self, reference: str) -> GiveBack:
        return GiveBack(reference, SHOPS[0], self.clock(), (ReturnedLine(SKU, 2, PRICE),))

    async def returned(self, reference: str) -> int:
        return sum(it.reference == reference for it in await self.door.returns())

    async def transfer(self, reference: str, step: TransferStep, units: int = 2) -> Transfer:
        return Transfer(reference, step, PLACE, SHOPS[0], (TransferLine(SKU, units),))

    async def transfers(self, reference: str) -> int:
        booked = [it for it in await self.door.transfers() if it.reference == reference]
        return sum(it.step is not TransferStep.CANCELED for it in booked)


# ---- the tills and a marketplace --------------------------------------------------------------


class Tickets(Things):
    cannot: ClassVar[Reasons] = NUMBERED

    def __init__(self, rig: Any) -> None:
        super().__init__(rig)
        self.known: set[str] = set()

    async def there(self) -> set[str]:
        if not self.known:
            await self.change(self.edge)
        return set(self.known)

    async def change(self, count: int) -> set[str]:
        sold = {await self.sold(at) for at in range(count)}
        self.known |= sold
        return sold

    async def sold(self, at: int) -> str:
        number: str = await self.rig.door.sell(SHOPS[at % len(SHOPS)], SKU, 1)
        return number


class SandboxTillsRig(SandboxRig):
    name = "sandbox tills"
    code = "pos"
    roles = (Role.ORDER_SOURCE,)
    feeds: ClassVar[Feeds] = {Role.ORDER_SOURCE: Tickets}

    @cached_property
    def door(self) -> SandboxTills:
        return SandboxTills(self.folder)


class Orders(Tickets):
    async def sold(self, at: int) -> str:
        listing = next(iter(await self.rig.door.stands_for()))
        number: str = await self.rig.door.order({listing: 1 + at % 3})
        return number


class Listings(Things):
    cannot: ClassVar[Reasons] = NUMBERED

    async def there(self) -> set[str]:
        return set(await self.rig.door.stands_for())

    async def change(self, count: int) -> set[str]:
        changed = list(await self.rig.door.stands_for())[:count]
        for at, listing in enumerate(changed):
            await self.rig.door.reprice(listing, 10_000 + at)
        return set(changed)

    async def delete(self) -> str:
        listing: str = next(iter(await self.rig.door.stands_for()))
        await self.rig.door.take_down(listing)
        return listing

    async def twins(self) -> set[str]:
        by_sku: dict[str, set[str]] = {}
        for listing, sku in (await self.rig.door.stands_for()).items():
            by_sku.setdefault(sku, set()).add(listing)
        return next(found for found in by_sku.values() if len(found) == 2)


class SandboxMarketplaceRig(SandboxRig):
    name = "sandbox marketplace"
    code = "marketplace-a"
    roles = (
        Role.LISTING_SOURCE, Role.ORDER_SOURCE, Role.PUBLICATION_SINK, Role.LIVE_PRICES,
        Role.EVENT_RECEIVER,
    )  # fmt: skip
    feeds: ClassVar[Feeds] = {Role.LISTING_SOURCE: Listings, Role.ORDER_SOURCE: Orders}
    cannot: ClassVar[Reasons] = {**NO_DOOR, "stale": "what it signs bears no time"}

    @cached_property
    def door(self) -> SandboxMarketplace:
        return SandboxMarketplace(self.folder, "a")

    async def offered(self, count: int) -> Sequence[str]:
        return list(await self.door.stands_for())[:count]

    async def for_sale(self, listing: str) -> int:
        found = await self.door.listing(listing)
        assert found is not None and found.published is not None
        return found.published

    async def sell(self, listing: str) -> None:
        await self.door.order({listing: 1})

    async def reprice(self, listing: str) -> None:
        await self.door.reprice(listing, 4_321)

    def receiving(self, *secrets: bytes) -> Backend:
        return self.connect(secrets=secrets)

    async def messages(self) -> Sequence[RawMessage]:
        """By its courier, who comes twice."""
        came: list[RawMessage] = []

        async def taken(request: httpx2.Request) -> httpx2.Response:
            headers = {name.lower(): told for name, told in request.headers.items()}
            at = self.clock()
            came.append(RawMessage("POST", request.url.path, "", headers, request.content, at))
            return httpx2.Response(200)

        url, way = "http://gateway.test/webhooks/marketplace-a", httpx2.MockTransport(taken)
        courier = Courier(url, SECRET, Manners(doubled=True), way)
        telling = SandboxMarketplace(self.folder, "a", courier=courier)
        listing = next(iter(await telling.stands_for()))
        number = await telling.order({listing: 1})
        await telling.call_off(number)
        await courier.close()
        telling.close()
        by_id: dict[str, list[RawMessage]] = {}
        for raw in came:
            by_id.setdefault(raw.headers["x-sandbox-id"], []).append(raw)
        (first, _), (second, again) = by_id.values()
        return first, second, again


# ---- the CRM ----------------------------------------------------------------------------------


class Members(Things):
    cannot: ClassVar[Reasons] = NUMBERED

    async def there(self) -> set[str]:
        return {member.id for member in members()}

    async def change(self, count: int) -> set[str]:
        changed = [(it.id, it.tier) for it in members()[:count]]
        for id, tier in changed:
            await self.rig.door.change_tier(id, next(it for it in TIERS if it != tier))
        return {id for id, _ in changed}

    async def delete(self) -> str:
        id = members()[0].id
        await self.rig.door.forget(id)
        return id


class SandboxMembersRig(SandboxRig):
    name = "sandbox CRM"
    code = "crm"
    roles = (Role.MEMBER_SOURCE, Role.LOYALTY)
    feeds: ClassVar[Feeds] = {Role.MEMBER_SOURCE: Members}

    @cached_property
    def door(self) -> SandboxCrm:
        return SandboxCrm(self.folder)

    async def count_points(self, member: str, points: int) -> None:
        await self.door.count_points(member, points)
