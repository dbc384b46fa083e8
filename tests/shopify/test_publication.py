"""What we publish to Shopify: in effect once, and never over a sale that we have not seen."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.marketplace import shopify
from connectors.marketplace.shopify_operations import SET_QUANTITIES
from resolvers.backend_ports import Backend, Publication, PublicationSink
from resolvers.domain.errors import BackendRefused, UnknownOutcome
from tests.shopify.conftest import OPTIONS, WEB, Connect
from tests.shopify.standin import URL, ShopifyStandin


def sink(backend: Backend) -> PublicationSink:
    assert backend.publication is not None
    return backend.publication


def writes(shop: ShopifyStandin) -> list[Any]:
    return [variables for name, variables in shop.asked if name == SET_QUANTITIES.name]


async def test_a_quantity_is_published_over_the_number_that_was_seen(
    shop: ShopifyStandin, backend: Backend
) -> None:
    [id] = shop.offer("Tea", {"sku": "A", "available": 5})
    [result] = await sink(backend).publish([Publication("p-1", id, 3, seen=5)])

    assert (result.reference, result.error) == ("p-1", None)
    assert (result.external_id or "").startswith("gid://shopify/InventoryAdjustmentGroup/")
    assert await sink(backend).published([id, "gid://shopify/ProductVariant/9"]) == {id: 3}
    [told] = writes(shop)
    assert told["input"]["referenceDocumentUri"] == "gid://unified-commerce-gateway/Publication/p-1"


async def test_one_that_nobody_has_looked_at_is_looked_at_first(
    shop: ShopifyStandin, backend: Backend
) -> None:
    [id] = shop.offer("Tea", {"sku": "A", "available": 5})
    await sink(backend).publish([Publication("p-1", id, 3)])

    assert writes(shop)[0]["input"]["quantities"][0]["changeFromQuantity"] == 5
    assert shop.available(id) == 3


async def test_a_sale_in_between_is_not_erased_and_the_rest_is_published(
    shop: ShopifyStandin, backend: Backend
) -> None:
    a, b = shop.offer("Tea", {"sku": "A", "available": 5}, {"sku": "B", "available": 5})
    shop.sell(a)

    first, second = await sink(backend).publish(
        [Publication("p-1", a, 4, seen=5), Publication("p-2", b, 4, seen=5)]
    )

    assert first.error == "it has moved: Change from quantity stale"
    assert second.error is None
    assert (shop.available(a), shop.available(b)) == (4, 4)
    assert len(writes(shop)) == 2


async def test_what_is_not_stocked_or_unknown_is_refused_alone(
    shop: ShopifyStandin, backend: Backend
) -> None:
    a, b = shop.offer("Tea", {"sku": "A", "available": 5}, {"sku": "B", "stocked": False})
    unknown = "gid://shopify/ProductVariant/9"
    results = await sink(backend).publish(
        [Publication("p-1", a, 1), Publication("p-2", b, 1), Publication("p-3", unknown, 1)]
    )

    assert [it.error for it in results] == [
        None,
        f"{b} is not stocked at gid://shopify/Location/7, or not tracked",
        f"{unknown} is not stocked at gid://shopify/Location/7, or not tracked",
    ]


async def test_a_lost_answer_is_looked_up_and_nothing_is_written_twice(
    shop: ShopifyStandin, backend: Backend
) -> None:
    [id] = shop.offer("Tea", {"sku": "A", "available": 5})
    await sink(backend).published([id])
    shop.lost = 1
    with pytest.raises(UnknownOutcome):
        await sink(backend).publish([Publication("p-1", id, 3, seen=5)])

    assert await sink(backend).published([id]) == {id: 3}
    assert len(writes(shop)) == 1


@pytest.mark.parametrize("remembers_keys", [True, False])
async def test_the_same_call_again_is_done_once_even_where_keys_are_forgotten(
    shop: ShopifyStandin, backend: Backend, remembers_keys: bool
) -> None:
    shop.remembers_keys = remembers_keys
    [id] = shop.offer("Tea", {"sku": "A", "available": 5})
    publication = Publication("p-1", id, 3, seen=5)
    await sink(backend).publish([publication])
    shop.sell(id)
    [again] = await sink(backend).publish([publication])

    assert shop.available(id) == 2
    assert (again.error is None) is remembers_keys
    assert len({told["key"] for told in writes(shop)}) == 1


async def test_a_key_at_work_is_waited_for_and_given_up_as_unknown(
    shop: ShopifyStandin, backend: Backend
) -> None:
    [id] = shop.offer("Tea", {"sku": "A", "available": 5})
    shop.busy = 2
    [result] = await sink(backend).publish([Publication("p-1", id, 3, seen=5)])
    assert result.error is None
    assert len({told["key"] for told in writes(shop)}) == 1

    shop.busy = 99
    with pytest.raises(UnknownOutcome, match="still at work"):
        await sink(backend).publish([Publication("p-2", id, 2, seen=3)])


async def test_an_attempt_that_failed_gets_another_key(
    shop: ShopifyStandin, backend: Backend
) -> None:
    [id] = shop.offer("Tea", {"sku": "A", "available": 4})
    publication = Publication("p-1", id, 3, seen=5)
    [stale] = await sink(backend).publish([publication])
    assert stale.error is not None
    shop.variants[id]["inventoryItem"]["available"] = 5  # somebody corrected it
    [result] = await sink(backend).publish([publication])

    assert result.error is None
    assert shop.available(id) == 3
    assert len({told["key"] for told in writes(shop)}) == 2


async def test_one_call_has_at_most_250_quantities(shop: ShopifyStandin, backend: Backend) -> None:
    ids = shop.offer("Tea", *({"sku": f"S{at}", "available": 1} for at in range(260)))
    results = await sink(backend).publish(
        [Publication(f"p-{at}", id, 0) for at, id in enumerate(ids)]
    )

    assert [it.error for it in results] == [None] * 260
    assert [len(told["input"]["quantities"]) for told in writes(shop)] == [250, 10]
    assert set((await sink(backend).published(ids)).values()) == {0}


class Without(httpx2.AsyncBaseTransport):
    """Leaves something out of every question."""

    def __init__(self, behind: httpx2.AsyncBaseTransport, *left_out: bytes) -> None:
        self._behind = behind
        self._left_out = left_out

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        content = request.content
        for text in self._left_out:
            content = content.replace(text, b"")
        headers = {k: v for k, v in request.headers.items() if k != "content-length"}
        made = httpx2.Request(request.method, request.url, headers=headers, content=content)
        return await self._behind.handle_async_request(made)


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        ((b", $key: String!", b" @idempotent(key: $key)"), "@idempotent directive is required"),
        ((b',"changeFromQuantity":5',), "must include the following argument: changeFromQuantity"),
    ],
)
async def test_the_shop_demands_a_key_and_the_number_before(
    shop: ShopifyStandin, connect: Connect, left_out: tuple[bytes, ...], message: str
) -> None:
    """The stand-in is as strict as its maker: a connector without either would not pass."""
    [id] = shop.offer("Tea", {"sku": "A", "available": 5})
    backend = connect(shop, transport=Without(shop.transport(), *left_out))
    with pytest.raises(BackendRefused, match=message):
        await sink(backend).publish([Publication("p-1", id, 3, seen=5)])
    assert shop.available(id) == 5


# ---- any order of things ----------------------------------------------------------------------


class House:
    """Owns the stock, hears of the shop's sales when it looks, and publishes what is left."""

    def __init__(self, shop: ShopifyStandin, sink: PublicationSink, listing: str, owned: int):
        self.shop = shop
        self.sink = sink
        self.listing = listing
        self.owned = owned
        self.sold = 0  # by the shop, all in all
        self.heard = 0  # of it, by us
        self.passes = 0

    @property
    def promised(self) -> int:
        return self.owned - self.heard

    async def publish(self) -> bool:
        """One pass: looks first, hears of the sales that the number shows, publishes the rest."""
        self.passes += 1
        seen = (await self.sink.published([self.listing]))[self.listing]
        self.heard = self.sold  # orders are heard of at the latest with the number that shows them
        told = Publication(f"p-{self.passes}", self.listing, self.promised, seen)
        if seen == told.quantity:
            return True
        return await self._publish(told)

    async def publish_as_seen(self, seen: int) -> bool:
        """A pass whose look is old: whatever has happened since."""
        self.passes += 1
        told = Publication(f"p-{self.passes}", self.listing, self.promised, seen)
        return await self._publish(told)

    async def _publish(self, told: Publication) -> bool:
        try:
            [result] = await self.sink.publish([told])
        except UnknownOutcome:
            found = await self.sink.published([self.listing])
            return found[self.listing] == told.quantity
        return result.error is None


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("sell"), st.integers(1, 3)),
        st.tuples(st.just("own"), st.integers(-3, 5)),
        st.tuples(st.just("look"), st.just(0)),
        st.tuples(st.just("publish"), st.just(0)),
        st.tuples(st.just("publish lost"), st.just(0)),
        st.tuples(st.just("publish as looked"), st.just(0)),
    ),
    max_size=20,
)


@settings(max_examples=40)
@given(STEPS)
def test_no_sale_is_erased_and_after_one_pass_no_more_is_published_than_was_said(
    steps: list[tuple[str, int]],
) -> None:
    asyncio.run(_played(steps))


async def _played(steps: list[tuple[str, int]]) -> None:
    shop = ShopifyStandin()
    [listing] = shop.offer("Tea", {"sku": "A", "available": 10})
    house = House(shop, _sink(shop), listing, owned=10)
    looked, heard = 10, 0
    for step, units in steps:
        shop.clock.advance(seconds=30)
        before = shop.available(listing)
        if step == "sell":
            shop.sell(listing, units)
            house.sold += units
        elif step == "own":
            house.owned += units
        elif step == "look":
            looked, heard = before, house.sold
        elif step == "publish as looked":
            house.heard = heard
            if not await house.publish_as_seen(looked):
                assert shop.available(listing) == before, "a refused write changed something"
            elif before != looked:
                pytest.fail("a write over a number that had moved was taken")
        else:
            house.heard = house.sold
            await house.sink.published([listing])
            if step == "publish lost":
                await _with_lost_write(house, shop)
            else:
                await house.publish()
            assert shop.available(listing) == house.promised
        assert shop.available(listing) <= max(before, house.owned - house.heard)

    await house.publish()
    assert shop.available(listing) == house.owned - house.sold


async def _with_lost_write(house: House, shop: ShopifyStandin) -> None:
    """A pass whose write is done and whose answer is lost."""
    seen = shop.available(house.listing)
    if seen == house.promised:
        return
    shop.lost = 1
    assert await house.publish_as_seen(seen)


def _sink(shop: ShopifyStandin) -> PublicationSink:
    backend = shopify.backend(
        code="shop",
        url=URL,
        user=None,
        password="shpat_static",
        channels=(WEB,),
        data=Path(),
        options=OPTIONS,
        clock=shop.clock,
        timer=shop.timer,
        sleep=shop.sleep,
        transport=shop.transport(),
    )
    return sink(backend)
