"""What a member bought, and who sees how much of it (M1, M4)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from resolvers.domain.members import member_id
from schema.ids import seal
from tests.schema.asking import ask, place
from tests.schema.people import HERSELF, LIN_ID, peopled_shop
from tests.support import ASSOCIATE, OPERATOR, SHOPPER, SKU, Shop, counted


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    opened = await peopled_shop()
    yield opened
    await opened.close()


ORDERS = """query ($id: ID!, $first: Int!, $after: String) { node(id: $id) { ... on Member {
  orders(first: $first, after: $after) {
    nodes { number } pageInfo { hasNextPage endCursor }
  }
} } }"""


async def bought(shop: Shop, key: str, **more: Any) -> str:
    """An order of the member's, one minute after the last; its number."""
    shop.clock.advance(minutes=1)
    made = await place(shop, key, OPERATOR, memberId=LIN_ID, **more)
    return str(made["order"]["number"])


async def test_a_member_has_its_orders_and_the_list_of_orders_takes_its_id(shop: Shop) -> None:
    first, second, third = [await bought(shop, key) for key in ("a", "b", "c")]
    await place(shop, "d", SHOPPER)

    page = (await ask(shop, ORDERS, HERSELF, id=LIN_ID, first=2)).data["node"]["orders"]
    rest = await ask(shop, ORDERS, HERSELF, id=LIN_ID, first=2, after=page["pageInfo"]["endCursor"])
    document = """query ($f: OrderFilter) { orders(first: 9, filter: $f) { nodes { number } } }"""
    listed = await ask(shop, document, OPERATOR, f={"memberId": LIN_ID})

    assert page["nodes"] == [{"number": third}, {"number": second}]
    assert page["pageInfo"]["hasNextPage"] is True
    assert rest.data["node"]["orders"]["nodes"] == [{"number": first}]
    assert rest.data["node"]["orders"]["pageInfo"]["hasNextPage"] is False
    assert [node["number"] for node in listed.data["orders"]["nodes"]] == [third, second, first]


async def test_a_shops_people_see_the_orders_of_all_their_shops_and_of_no_other(shop: Shop) -> None:
    await shop.stocked(SKU, "ST-02", 3)
    pickup = {at: {"pickup": {"locationCode": at}} for at in ("ST-01", "ST-02")}
    one = await bought(shop, "a", delivery=pickup["ST-01"])
    await bought(shop, "b")
    two = await bought(shop, "c", delivery=pickup["ST-02"])
    in_both = replace(ASSOCIATE, locations=("ST-01", "ST-02"))

    seen = [
        [node["number"] for node in answer.data["node"]["orders"]["nodes"]]
        for answer in [
            await ask(shop, ORDERS, caller, id=LIN_ID, first=9) for caller in (ASSOCIATE, in_both)
        ]
    ]
    halved = await ask(shop, ORDERS, in_both, id=LIN_ID, first=1)

    assert seen == [[one], [two, one]]
    assert halved.data["node"]["orders"]["nodes"] == [{"number": two}]
    assert halved.data["node"]["orders"]["pageInfo"]["hasNextPage"] is True


async def test_a_member_that_nobody_knows_is_null_and_its_id_stays(shop: Shop) -> None:
    order = (await place(shop, "o", SHOPPER))["order"]["id"]
    document = "query ($id: ID!) { order(by: {id: $id}) { memberId member { id } } }"

    answer = await ask(shop, document, OPERATOR, id=order)

    assert answer.data == {"order": {"memberId": seal("Member", "M-1"), "member": None}}


async def test_the_members_of_a_page_of_orders_are_one_question(shop: Shop) -> None:
    for key in ("a", "b", "c"):
        await bought(shop, key)
    await place(shop, "d", OPERATOR, memberId=seal("Member", member_id("crm", "c2")))
    store, asked = counted(shop.store)
    counting = Shop(store, clock=shop.clock)

    answer = await ask(
        counting, "{ orders(first: 9) { nodes { member { displayName } } } }", OPERATOR
    )

    names = [node["member"]["displayName"] for node in answer.data["orders"]["nodes"]]
    assert sorted(names) == ["林若溪", "林若溪", "林若溪", "陈思远"]
    assert asked == {"stock.order_page": 1, "members.members": 1}
