"""The house's own book-keeping: leases with fences, feeds, the tail of changes, and tidying."""

from dataclasses import replace

from resolvers.domain.books import Change, Key
from resolvers.domain.feeds import Feed
from resolvers.ports import Event, Lease
from tests.contract.shop import NOON, minutes, order


async def test_a_lease_is_one_owners_until_its_end(store):
    taken = await store.house.lease("sync", "one", 60, NOON)

    assert taken == Lease("sync", "one", NOON + minutes(1), 1)
    assert await store.house.lease("sync", "two", 60, NOON) is None
    assert await store.house.lease("outbox", "two", 60, NOON) is not None


async def test_renewing_a_lease_keeps_its_fence(store):
    await store.house.lease("sync", "one", 60, NOON)

    renewed = await store.house.lease("sync", "one", 120, NOON + minutes(1))

    assert renewed == Lease("sync", "one", NOON + minutes(3), 1)
    assert await store.house.lease("sync", "two", 60, NOON + minutes(2)) is None


async def test_a_lease_that_has_ended_is_taken_with_a_higher_fence(store):
    await store.house.lease("sync", "one", 60, NOON)

    taken = await store.house.lease("sync", "two", 60, NOON + minutes(1))

    assert taken == Lease("sync", "two", NOON + minutes(2), 2)
    assert await store.house.lease("sync", "one", 60, NOON + minutes(1)) is None


async def test_a_lease_given_back_is_free_at_once_and_its_fence_grows_on(store):
    taken = await store.house.lease("sync", "one", 60, NOON)

    await store.house.release_lease(taken)

    assert await store.house.lease("sync", "two", 60, NOON) == Lease(
        "sync", "two", NOON + minutes(1), 2
    )


async def test_a_lease_that_has_moved_on_cannot_be_given_back(store):
    old = await store.house.lease("sync", "one", 60, NOON)
    await store.house.lease("sync", "two", 60, NOON + minutes(1))

    await store.house.release_lease(old)

    assert await store.house.lease("sync", "one", 60, NOON + minutes(1)) is None


async def test_feeds_are_written_over_and_listed_by_key(store):
    stock = Feed("erp", "stock", "WH", 3, NOON, "c-3", "timed out", 6, 5)
    feeds = (Feed("pos", "orders"), stock, Feed("erp", "catalog"), Feed("erp", "stock", "SH"))
    await store.house.save_feeds(feeds)

    await store.house.save_feeds([replace(stock, watermark=4, error="")])

    assert await store.house.feeds() == [
        Feed("erp", "catalog"),
        Feed("erp", "stock", "SH"),
        Feed("erp", "stock", "WH", 4, NOON, "c-3", "", 6, 5),
        Feed("pos", "orders"),
    ]


async def test_a_feed_is_never_written_over_one_of_a_later_watermark(store):
    known = Feed("erp", "stock", "WH", 3, NOON)
    await store.house.save_feeds([known])
    heard = replace(known, observed_at=NOON + minutes(1))

    await store.house.save_feeds([replace(known, watermark=2, cursor="old"), Feed("pos", "stock")])
    assert await store.house.feeds() == [known, Feed("pos", "stock")]

    await store.house.save_feeds([heard])
    assert await store.house.feeds() == [heard, Feed("pos", "stock")]


async def test_events_are_followed_from_a_sequence(shop, store):
    assert await store.house.last_event() == 0
    assert await store.house.events(0, 10) == []

    await shop.post(Change(orders=(order("1"), order("2"), order("3"))))

    assert await store.house.last_event() == 3
    assert await store.house.events(1, 10) == [Event(2, "order", "2"), Event(3, "order", "3")]
    assert await store.house.events(0, 1) == [Event(1, "order", "1")]
    assert await store.house.events(3, 10) == []


async def test_trimming_drops_keys_from_before_an_instant_eldest_first(shop, store):
    keys = [Key("caller", "reserveStock", f"key-{at}") for at in range(4)]
    for key in keys:
        await shop.post(Change(), key=key)
        shop.now += minutes(1)

    assert await store.house.trim(NOON + minutes(3), 100, limit=2) == 2
    assert [await store.stock.recorded_answer(key) for key in keys] == [
        None,
        None,
        "answer",
        "answer",
    ]
    assert await store.house.trim(NOON + minutes(3), 100, limit=2) == 1
    assert await store.house.trim(NOON + minutes(3), 100, limit=2) == 0


async def test_trimming_keeps_the_newest_events(shop, store):
    await shop.post(Change(orders=tuple(order(f"{at}") for at in range(6))))

    assert await store.house.trim(NOON, 2, limit=3) == 3
    assert await store.house.trim(NOON, 2, limit=3) == 1
    assert await store.house.trim(NOON, 2, limit=3) == 0
    assert await store.house.events(0, 10) == [Event(5, "order", "4"), Event(6, "order", "5")]

    await shop.post(Change(orders=(order("6"),)))

    assert await store.house.last_event() == 7
    assert await store.house.events(6, 10) == [Event(7, "order", "6")]
