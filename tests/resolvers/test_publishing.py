"""Each marketplace is told what it may sell, once, and never sells what somebody else has (S5)."""

import pytest

from connectors.sandbox.knobs import Fault, Knobs
from resolvers.backend_ports import Publication
from resolvers.domain.errors import BackendUnavailable, InsufficientStock
from resolvers.domain.listings import ListingMapping
from resolvers.domain.publication import PublicationState
from resolvers.oversells import browse_oversells, orders_touched
from resolvers.stock import AdjustStock, adjust_stock
from tests.resolvers.conftest import ADMIN, House, opened
from tests.resolvers.telling import CODE, SKU, Telling, When


@pytest.fixture
async def telling(house: House) -> Telling:
    """A house whose marketplace has been told everything."""
    telling = Telling(house)
    await telling.tell()
    return telling


async def test_every_listing_gets_what_its_channel_may_promise(telling):
    """S5: the first walk tells all, and a second one finds nothing to do."""
    listings = telling.house.runtime.store.listings
    page = await listings.listing_page(CODE, None, 2000, unmatched=False)
    numbers = await telling.house.marketplace.published([it.id for it in page])
    truth = await telling.house.marketplace.stands_for()
    by_sku: dict[str, int] = {}
    for it in page:
        if it.seller_code == truth[it.id]:
            by_sku[truth[it.id]] = by_sku.get(truth[it.id], 0) + numbers[it.id]
    assert len(by_sku) > 900
    some = list(by_sku)[:20] + list(by_sku)[-20:]
    assert [by_sku[sku] for sku in some] == [
        await telling.house.promised(sku, CODE) for sku in some
    ]
    assert any(by_sku[sku] != 999 for sku in some)

    sent = len(telling.sink.sent)
    telling.anew()
    await telling.tell()
    assert len(telling.sink.sent) == sent


async def test_a_listing_that_nobody_can_place_keeps_its_own_number(telling):
    page = await telling.house.runtime.store.listings.listing_page(CODE, None, 9, unmatched=True)

    assert page
    assert set((await telling.house.marketplace.published([it.id for it in page])).values()) == {
        999
    }


async def test_what_a_till_sells_lowers_the_listing_and_what_comes_back_is_no_news(telling):
    """S5: one write; the listing that comes back with our own number costs none."""
    before, sent = await telling.number(), len(telling.sink.sent)

    await telling.sell_at_a_till()
    await telling.tell()

    assert await telling.number() == before - 1
    assert telling.sink.sent[sent:] == [{await telling.listing(): before - 1}]
    record = await telling.record()
    assert (record.wanted, record.told, record.found) == (before - 1,) * 3
    assert record.state is PublicationState.TOLD
    looks = telling.sink.looks
    await telling.house.sync(CODE)
    await telling.tell()
    assert (len(telling.sink.sent), telling.sink.looks) == (sent + 1, looks)


async def test_a_shop_that_never_rests_keeps_no_other_listing_waiting(telling):
    """S5: something changes during every look; the walk over all listings goes on all the same."""
    other = max((await telling.house.marketplace.stands_for()).values())
    promised, listing = await telling.number(other), await telling.listing(other)
    await telling.sink.publish([Publication("typed in", listing, promised + 7, None)])
    telling.anew()
    lease = await telling.lease()

    for _ in range(40):
        telling.changed.note(("stock", SKU))
        await telling.publisher.step(telling.house(ADMIN), lambda: lease)

    assert await telling.number(other) == promised


async def test_what_has_just_changed_waits_for_one_call_of_a_walk_over_all_listings(telling):
    """S5: a marketplace that answers slowly is gone through a call at a time."""
    before, lease = await telling.number(), await telling.lease()
    telling.anew()
    looks = telling.sink.looks

    assert await telling.publisher.step(telling.house(ADMIN), lambda: lease)
    assert telling.sink.looks == looks + 1
    await telling.sell_at_a_till()
    telling.changed.note(("stock", SKU))
    assert await telling.publisher.step(telling.house(ADMIN), lambda: lease)

    assert await telling.number() == before - 1


async def test_ten_changes_are_told_as_one(telling):
    before, sent = await telling.number(), len(telling.sink.sent)

    for _ in range(3):
        await telling.sell_at_a_till()
    await telling.tell()

    promised = await telling.house.promised(SKU, CODE)
    assert telling.sink.sent[sent:] == [{await telling.listing(): promised}]
    assert promised < before


async def test_a_marketplaces_own_sale_needs_no_write_and_is_not_given_back(telling):
    """S5: its sale has lowered both numbers already."""
    before, sent = await telling.number(), len(telling.sink.sent)

    await telling.house.marketplace.order({await telling.listing(): 2})
    await telling.house.sync(CODE)
    await telling.tell()

    assert await telling.number() == before - 2
    assert len(telling.sink.sent) == sent


async def test_a_sale_that_nobody_has_read_yet_is_read_before_a_number_is_told(telling):
    """S5: the till sold one, and the marketplace one of which nobody has heard."""
    before = await telling.number()
    await telling.house.marketplace.order({await telling.listing(): 1})

    await telling.sell_at_a_till()
    await telling.tell()

    assert await telling.number() == before - 2
    assert telling.sink.sent[-1] == {await telling.listing(): before - 2}
    assert await telling.house.promised(SKU, CODE) == before - 2


async def test_a_number_typed_in_by_hand_is_found_and_put_right(telling):
    before = await telling.number()
    await telling.house.marketplace.type_in(await telling.listing(), 500)

    telling.house.clock.turn(minutes=6)
    await telling.house.sync()
    await telling.tell()

    assert await telling.number() == before


@pytest.mark.parametrize("when", When)
async def test_who_is_killed_before_or_after_a_number_arrived_leaves_the_next_to_find_out(
    telling, when
):
    """S5: the number under way was written down; a sale in between is in the books first. Where it
    never arrived, that sale leaves the very number that was under way.
    """
    before = await telling.number()
    await telling.sell_at_a_till()
    await telling.hear()
    telling.sink.killed = when
    lease = await telling.lease()
    with pytest.raises(KeyboardInterrupt):
        await telling.publisher.step(telling.house(ADMIN), lambda: lease)
    record = await telling.record()
    assert (record.sending, record.state) == (before - 1, PublicationState.WAITING)
    assert await telling.number() == (before if when is When.BEFORE else before - 1)
    await telling.house.marketplace.order({await telling.listing(): 1})

    telling.sink.killed = None
    telling.anew()
    await telling.tell()
    telling.house.clock.turn(seconds=2)
    await telling.tell()

    assert await telling.number() == before - 2 == await telling.house.promised(SKU, CODE)
    assert (await telling.record()).state is PublicationState.TOLD


async def test_the_last_unit_that_both_have_sold_ends_in_oversells(telling):
    """S5, S4: what a marketplace sells before it is told is a fact, and who waits is named."""
    before, house = await telling.number(), telling.house
    for shop in ("ST-01", "ST-03"):  # each has two, of which one is kept for people in the shop
        await house.tills.sell(shop, SKU, 2)
    number = await house.marketplace.order({await telling.listing(): before})

    await house.sync()
    await telling.tell()

    found = (await browse_oversells(house(ADMIN), 10, None)).nodes
    assert sum(it.missing for it in found if it.level.position.sku == SKU) == 2
    touched = [order for it in found for order in await orders_touched(house(ADMIN), it)]
    assert {order.external[0].external_id for order in touched} == {number}
    assert await telling.number() == 0 == await house.promised(SKU, CODE)


async def test_an_answer_that_was_lost_is_looked_for_and_sent_no_second_time(telling):
    before, sent = await telling.number(), len(telling.sink.sent)
    await telling.house.marketplace.set_knobs(Knobs(fail=Fault.ANSWER_LOST))

    await telling.sell_at_a_till()
    await telling.tell()
    telling.house.clock.turn(seconds=1)
    await telling.tell()

    assert telling.sink.sent[sent:] == [{await telling.listing(): before - 1}]
    assert (await telling.record()).state is PublicationState.TOLD


async def test_a_marketplace_that_is_down_waits_with_what_it_is_to_be_told(telling):
    before = await telling.number()
    await telling.house.marketplace.set_knobs(Knobs(fail=Fault.UNAVAILABLE))
    await telling.sell_at_a_till()

    with pytest.raises(BackendUnavailable):
        await telling.tell()

    record = await telling.record()
    assert (record.wanted, record.state) == (before - 1, PublicationState.WAITING)
    assert (await telling.house.runtime.store.publications.publication_counts())[CODE].waiting == 1
    await telling.house.marketplace.set_knobs(Knobs())
    await telling.tell()
    assert await telling.number() == before - 1
    assert await telling.house.runtime.store.publications.publication_counts() == {}


async def test_a_listing_that_is_gone_is_shown_and_tried_ever_more_seldom(telling):
    """S5: what a marketplace does not take is no loop."""
    listing = await telling.listing()
    await telling.house.marketplace.take_down(listing)
    await telling.sell_at_a_till()
    await telling.tell()
    looks = telling.sink.looks
    for _ in range(60):
        telling.house.clock.turn(seconds=1)
        await telling.tell()

    key = (CODE, listing)
    record = (await telling.house.runtime.store.publications.publications([key]))[key]
    assert record.state is PublicationState.FAILED
    assert "no such listing" in (record.error or "")
    assert telling.sink.looks - looks <= 5
    await telling.house.sync(CODE)
    telling.house.clock.turn(minutes=6)
    await telling.tell()
    over = (await telling.house.runtime.store.publications.publications([key]))[key]
    assert over.state is PublicationState.ENDED


async def test_one_that_spoils_a_call_costs_the_others_one_call_only(telling):
    truth = await telling.house.marketplace.stands_for()
    bad, good = await telling.listing(), list(truth)[1]
    for id in (bad, good):
        await telling.house.marketplace.type_in(id, 500)
    telling.sink.spoiled = frozenset([bad])

    telling.house.clock.turn(minutes=6)
    await telling.house.sync()
    await telling.tell()
    telling.house.clock.turn(seconds=1)
    await telling.tell()

    assert (await telling.record()).state is PublicationState.FAILED
    assert (await telling.house.marketplace.published([good]))[good] != 500
    assert (await telling.record()).error == "one of these is wrong"


async def test_two_listings_of_one_sku_share_what_there_is(telling):
    """S5: never are both sold as though each had all of it."""
    truth = await telling.house.marketplace.stands_for()
    first, second = await telling.listing(), list(truth)[1]
    await telling.house.runtime.store.listings.save_mapping(
        ListingMapping(CODE, second, SKU, 3, "me", telling.house.clock())
    )

    telling.house.clock.turn(minutes=6)
    await telling.house.sync()
    await telling.tell()

    promised = await telling.house.promised(SKU, CODE)
    numbers = await telling.house.marketplace.published([first, second])
    assert numbers[first] + 3 * numbers[second] == promised
    assert numbers[second] == promised // 4


async def test_a_part_that_is_damaged_lowers_the_bundle(telling):
    """S5: a bundle is on offer as often as its scarcest part allows."""
    variants = await telling.house.runtime.store.catalog.variant_page(None, 5000)
    bundle = next(it for it in variants if it.components)
    part, now = bundle.components[0], telling.house.clock()
    listing = await telling.listing()
    mapping = ListingMapping(CODE, listing, bundle.sku, 1, "me", now)
    await telling.house.runtime.store.listings.save_mapping(mapping)
    telling.house.clock.turn(minutes=6)
    await telling.house.sync()
    await telling.tell()
    before = await telling.number()

    lost = await telling.house.on_hand(part.sku, "WH-01")
    asked = AdjustStock("k", part.sku, "WH-01", "DAMAGED", delta=-lost)
    await adjust_stock(telling.house(ADMIN), asked)
    await telling.tell()

    assert before > await telling.number() == await telling.house.promised(bundle.sku, CODE)


async def test_who_has_lost_its_turn_sends_nothing(telling):
    sent = len(telling.sink.sent)
    await telling.sell_at_a_till()
    await telling.hear()

    assert not await telling.publisher.step(telling.house(ADMIN), lambda: None)

    assert len(telling.sink.sent) == sent


async def test_nothing_is_told_before_the_first_readings_are_in(tmp_path):
    """A house that has read nothing would tell all to be sold out."""
    async with opened(tmp_path) as house:
        telling = Telling(house)
        await house.sync(CODE)
        await telling.tell()
        assert telling.sink.looks == 0


async def test_a_marketplace_sells_no_more_than_it_was_told(telling):
    number = await telling.number()

    with pytest.raises(InsufficientStock):
        await telling.house.marketplace.order({await telling.listing(): number + 1})

    assert await telling.number() == number
