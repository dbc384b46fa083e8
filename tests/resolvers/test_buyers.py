"""Who bought at a till or on a marketplace is known by the CRM's record of them (M1, O1)."""

from resolvers import members, orders
from tests.resolvers.conftest import ADMIN, House


async def test_a_phone_leads_to_a_member_and_the_member_to_what_it_bought(house: House) -> None:
    """C100002 shows a card at a till, and is the first buyer on the marketplace."""
    ticket = await house.tills.sell("ST-05", "BT-0002-30ML", 1, customer="C100002")
    await house.tills.sell("ST-05", "BT-0002-30ML", 1)
    house.clock.turn(minutes=1)
    listing = next(iter(await house.marketplace.stands_for()))
    number = await house.marketplace.order({listing: 1})
    assert await house.sync()

    found = await members.member_by_phone(house(ADMIN), "0086 120-0000-0002")
    assert found is not None
    assert found.member.provenance.external_id == "C100002"
    page = await orders.orders_of_member(house(ADMIN), found.member.id, 9, None)
    assert [order.external[0].external_id for order in page.nodes] == [number, ticket]


async def test_a_member_that_the_crm_forgot_is_found_by_nothing_and_its_order_stays(
    house: House,
) -> None:
    ticket = await house.tills.sell("ST-05", "BT-0002-30ML", 1, customer="C100002")
    await house.sync()
    await house.crm.forget("C100002")
    assert await house.sync()

    assert await members.member_by_phone(house(ADMIN), "+8612000000002") is None
    order = await orders.order_by_external(house(ADMIN), "pos", ticket)
    assert order is not None
    assert order.member_id is not None
    assert await members.member_by_id(house(ADMIN), order.member_id) is None
