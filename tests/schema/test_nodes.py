"""Things found again by nothing but their id."""

import pytest

from resolvers.access import NOBODY, Principal
from schema.ids import seal
from tests.schema.asking import ask, hold, place
from tests.support import OTHER_SHOPPER, SHOPPER, SKU, Shop

NODES = """query ($ids: [ID!]!) { nodes(ids: $ids) {
  __typename id
  ... on Product { handle }
  ... on Variant { sku }
  ... on Location { code }
  ... on StockLevel { onHand }
  ... on Reservation { status }
  ... on Order { total { amount } }
} }"""


async def ids_of(shop: Shop) -> dict[str, str]:
    """One id of each type."""
    return {
        "Product": seal("Product", "amber-essence-001"),
        "Variant": seal("Variant", SKU),
        "Location": seal("Location", "ST-01"),
        "StockLevel": seal("StockLevel", SKU, "ST-01"),
        "Reservation": (await hold(shop, "h"))["reservation"]["id"],
        "Order": (await place(shop, "o"))["order"]["id"],
    }


async def test_a_thing_of_each_type_is_found_by_its_id_and_bears_it(shop: Shop) -> None:
    ids = await ids_of(shop)

    answer = await ask(shop, NODES, ids=list(ids.values()))

    assert answer.errors == []
    found = {node["__typename"]: node for node in answer.data["nodes"]}
    assert {kind: node["id"] for kind, node in found.items()} == ids
    assert found["Product"]["handle"] == "amber-essence-001"
    assert found["StockLevel"]["onHand"] == 3
    assert found["Order"]["total"] == {"amount": "760.00"}


@pytest.mark.parametrize("caller", [NOBODY, OTHER_SHOPPER])
async def test_what_a_caller_may_not_see_is_null_as_if_it_were_not_there(
    shop: Shop, caller: Principal
) -> None:
    ids = await ids_of(shop)

    answer = await ask(shop, NODES, caller, ids=[ids["Reservation"], ids["Order"], ids["Product"]])

    assert answer.errors == []
    seen = [node and node["__typename"] for node in answer.data["nodes"]]
    assert seen == [None, None, "Product"]


@pytest.mark.parametrize(
    "id",
    [
        SKU,
        "",
        "精华",
        seal("Variant", "none"),
        seal("Backend", "erp"),
        seal("StockLevel", SKU),
        seal("StockLevel", SKU, "none"),
        seal("Availability", SKU, "mini-program", "", ""),
    ],
)
async def test_what_is_no_id_of_a_thing_is_null(shop: Shop, id: str) -> None:
    answer = await ask(shop, "query ($id: ID!) { node(id: $id) { id } }", SHOPPER, id=id)

    assert (answer.data, answer.errors) == ({"node": None}, [])


async def test_more_than_a_hundred_ids_are_refused(shop: Shop) -> None:
    answer = await ask(shop, NODES, ids=[seal("Variant", SKU)] * 101)

    assert answer.code == "INVALID_INPUT"
    assert answer.errors[0]["extensions"]["field"] == ["ids"]
