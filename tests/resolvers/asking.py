"""What the tests of a buyer's way ask for, and the state that a refusal must leave."""

from resolvers import orders
from resolvers.domain.locations import Method
from resolvers.domain.orders import Address, Delivery, Order
from resolvers.domain.reservation import Line
from resolvers.domain.values import Money
from resolvers.placing import AskedLine, AskedPayment, PlaceOrder
from resolvers.reservations import ReserveStock
from tests.resolvers.conftest import PARTNER, House

SKU = "BT-0001-30ML"
SET = "BT-0313-SET"
SHIP = Delivery(
    Method.SHIP, address=Address("林若溪", "+8612000000001", "CN", "上海", "上海", "示例路 1 号")
)
PICKUP = Delivery(Method.PICKUP, "ST-01")


def asked(key: str, quantity: int = 1, sku: str = SKU, **more: object) -> ReserveStock:
    return ReserveStock(key, "mini-program", (Line(sku, quantity),), **more)  # type: ignore[arg-type]


def order_of(key: str, reservation: str | None = None, **more: object) -> PlaceOrder:
    details = {"delivery": SHIP, "reservation_id": reservation, **more}
    return PlaceOrder(key, "mini-program", **details)  # type: ignore[arg-type]


async def state_of(house: House) -> object:
    """Everything that a refusal must leave as it was."""
    store = house.runtime.store
    return (
        await store.house.last_event(),
        await store.stock.entries(SKU),
        await store.outbox.pending_writes("erp"),
    )


async def paid_order(house: House, key: str, quantity: int = 1) -> Order:
    """An order of a partner that was paid where it was placed."""
    price = 76000 * quantity
    order, _ = await orders.place_order(
        house(PARTNER),
        PlaceOrder(
            key,
            "mini-program",
            Delivery(Method.SHIP),
            lines=(AskedLine(SKU, quantity),),
            payments=(AskedPayment("WECHAT", Money(price, "CNY")),),
        ),
    )
    return order
