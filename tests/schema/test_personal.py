"""Where an order goes is shown to whose order it is and to who may read it; else it is masked."""

from dataclasses import replace
from typing import Any

import pytest

from resolvers.access import Principal, Role, Scope
from tests.schema.asking import ask, place
from tests.support import ASSOCIATE, CHANNEL, MANAGER, OPERATOR, PARTNER, SHOPPER, Shop

ADDRESS = "{ recipient phone countryCode region city district street postalCode }"
DOCUMENT = f"""query ($number: String!) {{
  order(by: {{number: $number}}) {{ delivery {{ method locationCode address {ADDRESS} }} }}
}}"""

WHOLE = {
    "recipient": "林若溪",
    "phone": "+8612000000001",
    "countryCode": "CN",
    "region": "上海",
    "city": "上海",
    "district": None,
    "street": "示例路 1 号",
    "postalCode": "200000",
}
MASKED = WHOLE | {
    "recipient": "林**",
    "phone": "+861****0001",
    "street": "****",
    "postalCode": "****",
}
SHIP = {"ship": {name: value for name, value in WHOLE.items() if value is not None}}
EVERYWHERE = replace(ASSOCIATE, locations=())
NARROWED = replace(
    PARTNER, narrowed_to=frozenset({Scope.ORDER, Scope.ORDERS_OWN, Scope.ORDERS_ALL})
)


async def shown(shop: Shop, number: str, caller: Principal) -> Any:
    answer = await ask(shop, DOCUMENT, caller, number=number)
    assert answer.errors == []
    return answer.data["order"]["delivery"]["address"]


@pytest.mark.parametrize(
    ("caller", "address"),
    [
        (SHOPPER, WHOLE),
        (Principal(Role.SHOPPER, "other-phone", "M-1"), WHOLE),
        (EVERYWHERE, MASKED),
        (replace(MANAGER, locations=()), WHOLE),
        (OPERATOR, WHOLE),
        (PARTNER, WHOLE),
        (NARROWED, MASKED),
    ],
)
async def test_an_address_is_masked_for_whoever_may_see_the_order_only(
    shop: Shop, caller: Principal, address: Any
) -> None:
    order = (await place(shop, "o", SHOPPER, delivery=SHIP))["order"]

    assert await shown(shop, order["number"], caller) == address


async def test_who_placed_an_order_for_another_sees_where_it_goes(shop: Shop) -> None:
    by_partner = (await place(shop, "p", NARROWED, delivery=SHIP))["order"]

    assert await shown(shop, by_partner["number"], NARROWED) == WHOLE
    assert await shown(shop, by_partner["number"], EVERYWHERE) == MASKED


async def test_masks_hold_by_whichever_way_an_order_is_reached(shop: Shop) -> None:
    order = (await place(shop, "o", SHOPPER, delivery=SHIP))["order"]
    told = f"delivery {{ address {ADDRESS} }}"
    document = f"""query ($id: ID!, $of: [_Any!]!) {{
      node(id: $id) {{ ... on Order {{ {told} }} }}
      orders(first: 5) {{ nodes {{ {told} }} }}
      _entities(representations: $of) {{ ... on Order {{ {told} }} }}
    }}"""
    of = [{"__typename": "Order", "number": order["number"]}]

    answer = await ask(shop, document, EVERYWHERE, id=order["id"], of=of)

    found = [answer.data["node"], *answer.data["orders"]["nodes"], *answer.data["_entities"]]
    assert [at["delivery"]["address"] for at in found] == [MASKED] * 3


async def test_where_nobody_ships_nothing_is_masked(shop: Shop) -> None:
    pickup = {"pickup": {"locationCode": "ST-01"}}
    order = (await place(shop, "o", SHOPPER, delivery=pickup, channel=CHANNEL))["order"]

    answer = await ask(shop, DOCUMENT, EVERYWHERE, number=order["number"])

    told = {"method": "PICKUP", "locationCode": "ST-01", "address": None}
    assert answer.data["order"]["delivery"] == told
