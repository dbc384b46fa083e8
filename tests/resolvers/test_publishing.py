"""Each marketplace is told what it may sell, once, and never sells what somebody else has (S5)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.sandbox.knobs import Fault, Knobs
from resolvers.backend_ports import Backend, Publication, WriteResult
from resolvers.domain.errors import BackendRefused, BackendUnavailable, InsufficientStock
from resolvers.domain.listings import ListingMapping
from resolvers.domain.publication import PublicationRecord, PublicationState
from resolvers.ports import Lease
from resolvers.publishing import Publisher
from resolvers.stock import AdjustStock, adjust_stock
from resolvers.watch import Follower
from tests.resolvers.conftest import ADMIN, House, opened

CODE = "marketplace-a"
SKU = "BT-0001-30ML"
EVERY = timedelta(minutes=5)
STEPS_MAX = 200


class Sink:
    """The marketplace's door, and what came through it."""

    def __init__(self, behind: Backend) -> None:
        assert behind.publication is not None
        self._behind = behind.publication
        self.sent: list[Mapping[str, int]] = []
        self.looks = 0
        self.spoiled: frozenset[str] = frozenset()
        self.killed_after = False

    async def publish(self, publications: Sequence[Publication]) -> Sequence[WriteResult]:
        self.sent.append({it.listing: it.quantity for it in publications})
        if self.spoiled & {it.listing for it in publications}:
            raise BackendRefused("one of these is wrong", backend=CODE, kind="INVALID")
        results = await self._behind.publish(publications)
        if self.killed_after:
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


@pytest.fixture
async def telling(tmp_path: Path) -> AsyncIterator[Telling]:
    """A house whose marketplace has been told everything."""
    async with opened(tmp_path) as house:
        assert await house.sync()
        telling = Telling(house)
        await telling.tell()
        yield telling


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


@pytest.mark.parametrize("arrived", [True, False])
async def test_who_is_killed_after_or_before_a_number_arrived_leaves_the_next_to_find_out(
    telling, arrived
):
    """S5: the number under way was written down; a sale in between is in the books first."""
    before = await telling.number()
    await telling.sell_at_a_till()
    await telling.hear()
    telling.sink.killed_after = True
    if not arrived:
        await telling.house.marketplace.set_knobs(Knobs(fail=Fault.TIMEOUT))
    lease = await telling.lease()
    if arrived:
        with pytest.raises(KeyboardInterrupt):
            await telling.publisher.step(telling.house(ADMIN), lambda: lease)
        record = await telling.record()
        assert record.sending == before - 1
        assert record.state is PublicationState.WAITING
    await telling.house.marketplace.set_knobs(Knobs())
    await telling.house.marketplace.order({await telling.listing(): 1})

    telling.sink.killed_after = False
    telling.anew()
    await telling.tell()
    telling.house.clock.turn(seconds=2)
    await telling.tell()

    assert await telling.number() == before - 2 == await telling.house.promised(SKU, CODE)
    assert (await telling.record()).state is PublicationState.TOLD


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
