"""What the shop is told to sell: exactly that, or why not (S5)."""

from collections.abc import Sequence

import pytest

from connectors.marketplace.vendure_publication import Decided, decide
from connectors.marketplace.vendure_translate import Place
from resolvers.backend_ports import Backend, Publication, WriteResult
from resolvers.domain.errors import BackendRefused, UnknownOutcome
from tests.connectors.vendure_scripted import Shop, answer

FAILED = {"errors": [{"message": "Connection terminated unexpectedly"}], "data": None}


def wanted(listing: str, quantity: int, seen: int | None = None) -> Publication:
    return Publication(f"p{listing}", listing, quantity, seen)


async def publish(backend: Backend, *publications: Publication) -> Sequence[WriteResult]:
    assert backend.publication is not None
    return await backend.publication.publish(publications)


async def published(backend: Backend, *listings: str) -> dict[str, int]:
    assert backend.publication is not None
    return dict(await backend.publication.published(listings))


def overwrite(shop: Shop) -> None:
    """The shop writes back what it had read of variant 5 before."""
    for row in shop.lists["productVariants"]:
        for at in row["stockLevels"]:
            if row["id"] == "5" and at["stockLocationId"] == "1":
                at["stockOnHand"] = 20


async def test_a_number_is_written_on_top_of_what_is_sold_already():
    shop = Shop()
    backend = shop.backend()
    shop.sell("5", 3)

    told = await publish(backend, wanted("5", 4), wanted("111", 0))

    assert [it.error for it in told] == [None, None]
    assert (shop.level("5")["stockOnHand"], shop.level("111")["stockOnHand"]) == (7, 0)
    assert await published(backend, "5", "111", "99") == {"5": 4, "111": 0}
    assert len(shop.written) == 1  # one write for both


async def test_what_is_so_already_is_not_written():
    shop = Shop()
    backend = shop.backend()

    await publish(backend, wanted("5", 20))
    shop.sell("5", 25)  # oversold there
    await publish(backend, wanted("5", 0))

    assert shop.written == []


async def test_a_number_that_has_moved_since_it_was_seen_is_left_alone():
    shop = Shop()
    shop.sell("5", 1)

    told = await publish(shop.backend(), wanted("5", 30, seen=20), wanted("111", 9, seen=20))

    assert [(it.reference, it.error) for it in told] == [
        ("p5", "19 are for sale now, not 20: it has moved"), ("p111", None)
    ]  # fmt: skip
    assert [[change["id"] for change in write] for write in shop.written] == [["111"]]


async def test_a_number_that_the_shop_writes_over_is_written_again():
    """A sale of the shop reads a row, changes it, and writes all of it back."""
    shop = Shop()
    spoiled: list[str] = []

    def spoil(query: str) -> None:
        if shop.written and len(spoiled) < 1 and "stockLevels" in query:
            spoiled.append(query)
            overwrite(shop)

    shop.before = spoil
    told = await publish(shop.backend(), wanted("5", 4, seen=20))

    assert told[0].error is None
    assert len(shop.written) == 2
    assert shop.level("5")["stockOnHand"] == 4


@pytest.mark.parametrize("overwritten", [False, True])
async def test_what_the_shop_sells_while_it_is_told_is_not_handed_back(overwritten: bool):
    shop = Shop()

    def sell(query: str) -> None:
        if len(shop.written) == 1 and shop.level("5")["stockAllocated"] == 0:
            shop.sell("5", 1)
            if overwritten:
                overwrite(shop)

    shop.before = sell
    backend = shop.backend()
    [told] = await publish(backend, wanted("5", 4, seen=20))

    assert told.error is None
    assert await published(backend, "5") == {"5": 3}
    assert len(shop.written) == (2 if overwritten else 1)


async def test_one_who_writes_it_over_each_time_is_told_of():
    shop = Shop()

    def spoil(query: str) -> None:
        for row in shop.lists["productVariants"]:
            for at in row["stockLevels"]:
                at["stockOnHand"] = 20

    shop.before = spoil
    [told] = await publish(shop.backend(), wanted("5", 4))

    assert told.error == "it was overwritten 3 times"
    assert len(shop.written) == 3


async def test_a_write_whose_answer_failed_may_be_repeated_without_harm():
    shop = Shop()
    backend = shop.backend()

    def fail(query: str) -> None:
        if "mutation" in query and not shop.broken and len(shop.asked) < 6:
            shop.broken = [answer(FAILED)]

    shop.before = fail
    with pytest.raises(UnknownOutcome):
        await publish(backend, wanted("5", 4, seen=20))
    shop.before = lambda _: None
    told = await publish(backend, wanted("5", 4, seen=20))

    assert told[0].error is None
    assert await published(backend, "5") == {"5": 4}


async def test_a_listing_that_goes_at_that_moment_does_not_keep_the_others_from_being_told():
    shop = Shop()

    def delete(query: str) -> None:
        if "mutation" in query:
            rows = shop.lists["productVariants"]
            shop.lists["productVariants"] = [row for row in rows if row["id"] != "111"]

    shop.before = delete
    told = await publish(shop.backend(), wanted("5", 4), wanted("111", 9))

    assert [(it.reference, it.error) for it in told] == [
        ("p5", None), ("p111", "the shop has no such listing")
    ]  # fmt: skip
    assert shop.level("5")["stockOnHand"] == 4


async def test_more_than_fifty_go_in_several_writes():
    shop = Shop()
    row = shop.lists["productVariants"][0]
    level = dict(row["stockLevels"][1])
    shop.lists["productVariants"] = [
        {**row, "id": str(at), "stockLevels": [dict(level)]} for at in range(1, 121)
    ]

    told = await publish(shop.backend(), *(wanted(str(at), 100 + at) for at in range(1, 121)))

    assert {it.error for it in told} == {None}
    assert [len(write) for write in shop.written] == [50, 50, 20]


async def test_without_a_place_to_publish_to_nothing_is_written():
    with pytest.raises(BackendRefused, match=r"options\.location"):
        await publish(Shop().backend(options={}), wanted("5", 4))


def test_stock_that_nobody_counts_takes_no_number():
    row = {**Shop().lists["productVariants"][0], "trackInventory": "FALSE"}

    told = decide(wanted("1", 4), row, Place("1"), None)

    assert told == Decided(error="the shop does not count its stock")
