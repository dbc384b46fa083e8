"""A real Vendure shop that sends its messages to the suite. One shop for the whole run."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from connectors.marketplace import vendure
from connectors.webhooks import Endpoint
from resolvers.backend_ports import Backend, Role
from resolvers.domain.outbox import Sale, SaleLine
from resolvers.domain.values import Money
from resolvers.event_ports import RawMessage
from tests.contract.connectors.receiver import Receiver
from tests.contract.connectors.rig import SECRET, Feeds, Reasons, Things
from tests.contract.connectors.tap import HttpRig
from tests.live.vendure import seed
from tests.live.vendure.api import REFUSED, Api
from tests.live.vendure.connected import CHANNELS, OPTIONS, level
from tests.live.vendure.house import RunningVendure, VendureHouse
from tests.live.vendure.killed import ENTERS

LIST_MAX = 1000
CALLER = "conformance{at}@example.com"
SOLD, PRICE = "BT0103-01", Money(43_210, "CNY")
STANDS = ("PaymentAuthorized", "PaymentSettled", "Shipped", "Delivered")

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Shop:
    """The shop, and where it sends its messages."""

    vendure: RunningVendure
    receiver: Receiver


class OfShop(Things, ABC):
    """Things that the shop's owner lists and changes."""

    edge = 51
    query: str
    table: str

    @property
    def admin(self) -> Api:
        admin: Api = self.rig.admin
        return admin

    async def there(self) -> set[str]:
        found = self.listed()
        if len(found) <= self.edge:
            self.add(self.edge + 5 - len(found))
        return set(self.listed())

    async def change_at_once(self, count: int) -> set[str]:
        """Written past the shop, so that all bear one stamp."""
        changed = self.listed()[:count]
        shop: Shop = self.rig.system
        shop.vendure.postgres.sql(
            f"update {self.table} set \"updatedAt\" = now() at time zone 'utc'"
            f" where id in ({', '.join(changed)})",
            "vendure",
        )
        return set(changed)

    def listed(self) -> list[str]:
        """Ids in order."""
        rows = self.admin.ask(f"{{ {self.query} {{ items {{ id }} }} }}")["items"]
        return sorted((row["id"] for row in rows), key=int)

    @abstractmethod
    def add(self, count: int) -> None:
        """Has so many more of them."""


class Listings(OfShop):
    query = f"productVariants(options: {{take: {LIST_MAX}}})"
    table = "product_variant"

    async def change(self, count: int) -> set[str]:
        changed = self.listed()[:count]
        price = 10_000 + next(_numbers)
        seed.change_variants(self.admin, [{"id": id, "price": price} for id in changed])
        return set(changed)

    def add(self, count: int) -> None:
        raise AssertionError("the shop is seeded with more of them than a page")

    async def delete(self) -> str:
        id = self.listed()[-1]
        self.admin.ask("mutation($i: ID!) { deleteProductVariant(id: $i) { result } }", i=id)
        return id

    async def twins(self) -> set[str]:
        first, second = self.listed()[60:62]
        sku = f"TWIN-{next(_numbers)}"
        seed.change_variants(self.admin, [{"id": first, "sku": sku}, {"id": second, "sku": sku}])
        return {first, second}


class Orders(OfShop):
    query = (
        f"orders(options: {{take: {LIST_MAX}, filter: {{state: {{notIn: "
        '["AddingItems", "ArrangingPayment", "Draft", "Created"]}}})'
    )
    table = '"order"'

    async def change(self, count: int) -> set[str]:
        before = set(self.listed())
        self.add(count)
        return set(self.listed()) - before

    def add(self, count: int) -> None:
        variant = self.rig.plenty
        for _ in range(count):
            shopper = self.rig.system.vendure.shopper()
            shopper.takes(variant, 1)
            mail = CALLER.format(at=next(_numbers))
            shopper.says_who("Ruoxi", "Wu", mail, "136 0013 9995")
            shopper.pays("pickup")


class People(OfShop):
    query = f"customers(options: {{take: {LIST_MAX}}})"
    table = "customer"

    async def change(self, count: int) -> set[str]:
        changed = self.listed()[:count]
        for id in changed:
            input = {"id": id, "title": f"T{next(_numbers)}"}
            self.admin.made("updateCustomer", input, f"... on Customer {{ id }} {REFUSED}")
        return set(changed)

    async def delete(self) -> str:
        self.add(1)
        id = self.listed()[-1]
        self.admin.ask("mutation($i: ID!) { deleteCustomer(id: $i) { result } }", i=id)
        return id

    def add(self, count: int) -> None:
        for _ in range(count):
            mail = CALLER.format(at=next(_numbers))
            who = {"firstName": "Ruoxi", "lastName": "Wu", "emailAddress": mail}
            self.admin.made("createCustomer", who, f"... on Customer {{ id }} {REFUSED}")


class VendureRig(HttpRig):
    name = "Vendure"
    mark = "live_vendure"
    roles = (
        Role.LISTING_SOURCE, Role.ORDER_SOURCE, Role.ORDER_SINK, Role.PUBLICATION_SINK,
        Role.MEMBER_SOURCE, Role.LIVE_PRICES, Role.EVENT_RECEIVER,
    )  # fmt: skip
    feeds: ClassVar[Feeds] = {
        Role.LISTING_SOURCE: Listings,
        Role.ORDER_SOURCE: Orders,
        Role.MEMBER_SOURCE: People,
    }
    cannot: ClassVar[Reasons] = {"stale": "what its plugin signs bears no time"}
    writes = (b"updateProductVariants", b"addManualPaymentToOrder")
    """Of an order the last step, by which it stands."""
    login = b"login(username"

    @staticmethod
    @contextmanager
    def running(folder: Path) -> Iterator[Shop]:
        with (
            Receiver(lambda raw: raw.headers["x-vendure-event-id"]) as receiver,
            VendureHouse.ready().start(folder) as shop,
        ):
            shop.stop()
            shop.start_again((receiver.url, SECRET.decode()))
            yield Shop(shop, receiver)

    @cached_property
    def admin(self) -> Api:
        shop: Shop = self.system
        return shop.vendure.admin()

    @cached_property
    def plenty(self) -> str:
        """A variant that is never sold out."""
        [row] = self.admin.ask(
            '{ productVariants(options: {filter: {sku: {eq: "BT0101-01"}}}) { items { id } } }'
        )["items"]
        seed.change_variants(self.admin, [{"id": row["id"], "trackInventory": "FALSE"}])
        return str(row["id"])

    def made(self, **otherwise: Any) -> Backend:
        shop: RunningVendure = self.system.vendure
        told: dict[str, Any] = {
            "code": "shop",
            "url": shop.url,
            "user": shop.user,
            "password": shop.password,
            "channels": CHANNELS,
            "webhooks": Endpoint((SECRET,)),
            "timeout_seconds": 30.0,
            "options": {**OPTIONS, **ENTERS},
            "clock": self.clock,
            "timer": self.timer,
            "transport": self.tap,
        }
        return vendure.backend(**{**told, **otherwise})

    async def ask(self, backend: Backend) -> object:
        assert backend.members is not None
        return await backend.members.member("1")

    async def expire(self) -> None:
        """Logs the connector out, with what it shows to be let in; an hour later."""
        shown = [
            it.headers["authorization"] for it in self.tap.asked if "authorization" in it.headers
        ]
        session = Api(self.system.vendure.port, "admin-api")
        session.token = shown[-1].removeprefix("Bearer ")
        session.ask("mutation { logout { success } }")
        self.passed += timedelta(hours=1)

    async def offered(self, count: int) -> Sequence[str]:
        """From the end of the list; the beginning is changed by others."""
        rows = self.admin.ask(
            f"{{ productVariants(options: {{take: {LIST_MAX}, filter: {{sku: {{notEq: "
            '"BT0101-01"}}}) { items { id } } }'
        )["items"]
        return sorted((row["id"] for row in rows), key=int)[-count:]

    async def for_sale(self, listing: str) -> int:
        on_hand, allocated = level(self.admin, listing)
        return on_hand - allocated

    async def sell(self, listing: str) -> None:
        shopper = self.system.vendure.shopper()
        shopper.takes(listing, 1)
        shopper.says_who("Ruoxi", "Wu", CALLER.format(at=next(_numbers)), "136 0013 9995")
        shopper.pays("pickup")

    async def reprice(self, listing: str) -> None:
        change = {"id": listing, "price": 20_000 + next(_numbers)}
        seed.change_variants(self.admin, [change])

    async def sale(self, reference: str, sku: str | None = None) -> Sale:
        line = SaleLine(sku or SOLD, 1, PRICE)
        return Sale(reference, "", datetime.now(UTC), (line,), channel="web")

    async def bad_sale(self, reference: str) -> Sale:
        return await self.sale(reference, sku="NO-SUCH-SKU")

    async def unknown_sale(self, reference: str) -> Sale:
        return await self.sale(reference)

    async def booked(self, reference: str) -> int:
        rows = self.admin.ask(
            "query($c: String!) {"
            " orders(options: {filter: {code: {eq: $c}}}) { items { state } } }",
            c=reference,
        )["items"]
        return sum(row["state"] in STANDS for row in rows)

    def receiving(self, *secrets: bytes) -> Backend:
        return self.connect(webhooks=Endpoint(secrets))

    async def messages(self) -> Sequence[RawMessage]:
        receiver: Receiver = self.system.receiver
        for _ in range(2):
            await Listings(self).change(1)
        return receiver.three()
