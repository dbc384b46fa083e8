"""Orders: looked up by id, number and foreign id, listed newest first, lapsed when unpaid."""

import random
from datetime import datetime

import pytest

from resolvers.domain.books import Change
from resolvers.domain.catalog import Provenance
from resolvers.domain.locations import Method
from resolvers.domain.orders import Delivery, OrderStatus
from resolvers.filters import OrderFilter
from tests.contract.shop import NOON, minutes, order

CANCELED, CONFIRMED, PENDING = OrderStatus.CANCELED, OrderStatus.CONFIRMED, OrderStatus.PENDING


async def test_an_order_is_found_by_its_id_its_number_and_its_foreign_ids(shop):
    sold = order("1", external=(Provenance("till", "T-7", NOON), Provenance("erp", "T-7", NOON)))
    await shop.post(Change(orders=(sold, order("2"))))

    assert await shop.store.stock.orders(["1", "9"]) == {"1": sold}
    assert await shop.store.stock.orders_by_number(["N-1", "N-9", "1"]) == {"N-1": sold}
    assert await shop.store.stock.order_by_external("till", "T-7") == sold
    assert await shop.store.stock.order_by_external("erp", "T-7") == sold
    assert await shop.store.stock.order_by_external("till", "T-8") is None


async def test_an_order_is_found_by_what_it_became(shop):
    await shop.post(Change(orders=(order("1"), order("2", NOON + minutes(1)))))
    known = Provenance("erp", "SO-1", NOON)
    became = order("1", NOON + minutes(2), status=CANCELED, external=(known,))

    await shop.post(Change(orders=(became,)))

    assert await shop.store.stock.orders_by_number(["N-1"]) == {"N-1": became}
    assert await shop.store.stock.order_by_external("erp", "SO-1") == became
    page = await shop.store.stock.order_page(OrderFilter(), None, 10, NOON)
    assert page == [became, order("2", NOON + minutes(1))]


async def test_an_order_keeps_what_has_left_for_each_of_its_sales(shop):
    """Later words of it are settled by that to the unit (O6)."""
    left = (("N-1/WH", "BOTTLE", 1), ("N-1/WH/4", "BOTTLE", 2))
    sold = order("1", departed=(("BOTTLE", 3),), sales=(("WH", "N-1/WH/4"),), left=left)

    await shop.post(Change(orders=(sold,)))

    assert await shop.store.stock.orders(["1"]) == {"1": sold}


async def test_an_order_never_takes_the_number_of_another(shop):
    await shop.post(Change(orders=(order("1"),)))

    with pytest.raises(Exception, match="number"):
        await shop.post(Change(orders=(order("2", number="N-1"),)))

    assert await shop.store.stock.orders(["1", "2"]) == {"1": order("1")}


async def test_a_foreign_id_stays_with_the_order_that_had_it_first(shop):
    known = (Provenance("till", "T-7", NOON),)
    await shop.post(Change(orders=(order("1", external=known),)))

    await shop.post(Change(orders=(order("2", external=known),)))

    found = await shop.store.stock.order_by_external("till", "T-7")
    assert found == order("1", external=known)


async def test_orders_are_walked_newest_first_without_loss_or_repeat(shop):
    placed = [order(f"{at:02}", NOON + minutes(at // 4)) for at in range(30)]
    for one in random.Random(3).sample(placed, len(placed)):
        await shop.post(Change(orders=(one,)))
    walked: list[str] = []
    after: tuple[datetime, str] | None = None

    for _ in range(len(placed)):
        page = await shop.store.stock.order_page(OrderFilter(), after, 7, NOON)
        walked += [one.id for one in page]
        if len(page) < 7:
            break
        after = page[-1].placed_at, page[-1].id

    assert walked == [one.id for one in reversed(placed)]


@pytest.fixture
async def found(shop):
    """Five orders that differ in one thing each; a function that lists those a filter keeps."""
    shipped = Delivery(Method.SHIP)
    await shop.post(
        Change(
            orders=(
                order("1"),
                order("2", NOON + minutes(1), channel="store", origin_location="SH"),
                order("3", NOON + minutes(2), member_id="M1", delivery=shipped),
                order("4", NOON + minutes(3), delivery=Delivery(Method.PICKUP, "SH")),
                order("5", NOON + minutes(4), subject="other", status=CANCELED),
            )
        )
    )

    async def found(**asked: object) -> str:
        asking = OrderFilter(**asked)  # type: ignore[arg-type]
        page = await shop.store.stock.order_page(asking, None, 10, NOON)
        return "".join(one.id for one in page)

    return found


async def test_orders_are_kept_by_each_filter(found):
    assert await found() == "54321"
    assert await found(channels=("store", "live")) == "2"
    assert await found(statuses=(CANCELED,)) == "5"
    assert await found(statuses=(CANCELED, CONFIRMED)) == "54321"
    assert await found(member_id="M1") == "3"
    assert await found(subject="other") == "5"
    assert await found(location="SH") == "42"
    assert await found(updated_since=NOON + minutes(3)) == "54"
    assert await found(placed_from=NOON + minutes(1), placed_to=NOON + minutes(3)) == "32"
    assert await found(subject="caller", location="SH", channels=("web",)) == "4"


async def test_an_unpaid_order_past_its_deadline_is_listed_as_canceled(shop):
    due = order("1", status=PENDING, payment_due_at=NOON + minutes(5))
    await shop.post(Change(orders=(due, order("2", status=PENDING))))

    async def listed(status: OrderStatus, at: int) -> list[tuple[str, OrderStatus]]:
        asked = OrderFilter(statuses=(status,))
        page = await shop.store.stock.order_page(asked, None, 10, NOON + minutes(at))
        return [(one.id, one.status) for one in page]

    assert await listed(PENDING, 4) == [("2", PENDING), ("1", PENDING)]
    assert await listed(CANCELED, 4) == []
    assert await listed(PENDING, 5) == [("2", PENDING)]
    assert await listed(CANCELED, 5) == [("1", CANCELED)]
