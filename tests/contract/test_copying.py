"""Copies of whole stores, from any engine to any other: the same to the last row, or told (G5)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.stores.memory.engine import open_memory
from connectors.stores.sqlite.engine import open_sqlite
from resolvers.copying import (
    TURN,
    Copied,
    NotCopied,
    Side,
    StoreBusy,
    copy,
    digest_of,
    require_whole,
)
from resolvers.domain.books import Change, Key
from resolvers.domain.callers import ApiKey, AuditRecord, Deed, Use
from resolvers.domain.catalog import Provenance
from resolvers.domain.feeds import Feed
from resolvers.domain.inbox import Message
from resolvers.domain.limits import business_day
from resolvers.domain.listings import Listing, ListingMapping
from resolvers.domain.locations import Location, LocationKind
from resolvers.domain.members import Identity, IdentityKind, Member
from resolvers.domain.publication import PublicationRecord
from resolvers.domain.reservation import hold_entries
from resolvers.domain.rules import RuleBook, RuleKind, StockRule, set_rule
from resolvers.domain.stock import EntryKind, Pin, Taker, Unseen
from resolvers.filters import (
    AuditFilter,
    MemberFilter,
    OrderFilter,
    ProductFilter,
    ProductSort,
)
from resolvers.ports import Store
from resolvers.upkeep import check, compact
from resolvers.upkeep_port import Row
from tests.contract.shop import NOON, Shop, minutes, order, product, variant, write
from tests.mongod import open_fresh

KEY = Key("caller", "reserveStock", "k")


async def furnished(store: Store) -> Shop:
    """A shop with something in every part, old entries folded."""
    shop = Shop(store)
    await store.catalog.save_locations([Location("WH", "仓库", LocationKind.WAREHOUSE)])
    bottle = variant("A", "bottle", barcodes=("690", "691"))
    await store.catalog.save_products(
        [product("bottle", [bottle], brand="Amber"), product("jar", updated_at=None)], NOON
    )
    rule = StockRule("cap", RuleKind.CAP, 5, channels=("web",))
    await shop.post(Change(rules=(set_rule(RuleBook(), rule, "me", NOON),)))
    await store.house.save_feeds([Feed("erp", "stock", "WH", 3, NOON, "c-3")])
    await shop.receive("A", "WH", 9)
    long = Pin("R0", "A", "WH", 1, NOON + timedelta(days=9), taker=Taker("web", "2026-03-02"))
    claim = await shop.hold("R0", ("A", "ST", 1), until=long.until)
    await shop.post(Change(tuple(hold_entries([long], NOON)), (long,), reservations=(claim,)))
    shop.now += timedelta(days=3)
    day = business_day(shop.now, "Asia/Shanghai")
    pin = Pin("R1", "A", "WH", 2, shop.now + minutes(9), True, Taker("web", day, "m1", ""))
    bought = order("1", external=(Provenance("tmall", "T-1", NOON),))
    held = await shop.hold("R1", ("A", "ST", 1))
    await shop.post(
        Change(
            tuple(hold_entries([pin], shop.now)),
            (pin,),
            (Unseen("m1", "A", "WH", -1, 17, sent=True),),
            (held,),
            (bought,),
            (write("W1", "1", order_id="1"), write("W2", "1", order_id="1")),
        ),
        key=KEY,
    )
    await store.callers.save_api_key(ApiKey("k1", "acme", "digest", (), (), (), NOON))
    done = AuditRecord("a1", NOON, "caller", "shopper", "reserveStock", "k", Deed.DONE, "R1")
    await store.callers.record_audit([done])
    await store.callers.add_uses([Use(NOON.date(), "app", "Order.number", 2)])
    await furnish_mirror(store)
    async for _ in compact(store, shop.now - timedelta(days=2), shop.now):
        pass
    return shop


async def furnish_mirror(store: Store) -> None:
    """One message, one member, and one listing that a person mapped."""
    seen = Provenance("tmall", "1", NOON)
    await store.inbox.keep([Message("i1", "tmall", "d1", NOON, b"\xff\x00", (("x-id", "1"),))])
    phone = Identity(IdentityKind.PHONE, "tmall", "+8613800000001", NOON, "source")
    await store.members.save_members([Member("m1", "王", (phone,), seen, NOON, tags=("vip",))])
    await store.listings.save_masters("tmall", [product("bottle")])
    await store.listings.save_listings([Listing("tmall", "1", "瓶", seen, NOON, "X")])
    await store.listings.save_mapping(ListingMapping("tmall", "1", "A", 2, "me", NOON))
    lease = await store.house.lease("publish:tmall", "me", 6, NOON)
    assert lease is not None
    told = PublicationRecord("tmall", "1", 3, NOON, told=4, told_at=NOON, found=4)
    assert await store.publications.save_publications([told], lease)


async def copied(one: Store, other: Store, shop: Shop) -> list[Copied]:
    sides = Side("one", one), Side("other", other)
    return [step async for step in copy(*sides, "copier", lambda: shop.now, 0)]


async def answers(store: Store) -> list[object]:
    """What some questions are answered that are found by more than rows."""
    newest = ProductSort.UPDATED_DESC
    return [
        await store.catalog.product_page(ProductFilter(search="amber"), newest, None, 10),
        await store.catalog.product_page(ProductFilter(), newest, None, 10),
        await store.catalog.skus_of_barcode("691"),
        await store.stock.order_by_external("tmall", "T-1"),
        await store.stock.orders_by_number(["N-1"]),
        await store.stock.order_page(OrderFilter(), None, 10, NOON),
        (await store.stock.reservations(["R1"])).get("R1"),
        await store.stock.unseen("WH"),
        await store.stock.history("A", None, None, 10),
        await store.stock.folded_at(["A"]),
        await store.stock.rules(),
        await store.stock.recorded_answer(KEY),
        await store.outbox.due_writes("erp", NOON, 10),
        await store.outbox.writes_of(["1"]),
        await store.house.feeds(),
        await store.callers.api_keys(),
        await store.callers.audit_page(AuditFilter(), None, 10),
        await store.callers.uses(NOON.date()),
        await store.inbox.due_messages("tmall", NOON, 10),
        await store.members.member_page(MemberFilter(phone="+8613800000001"), None, 10),
        await store.members.member_page(MemberFilter(tags=("vip",)), None, 10),
        await store.listings.masters(["bottle"]),
        await store.listings.listings_of(["A"]),
        await store.publications.open_publications(None, None, 10),
        await store.publications.publications([("tmall", "1")]),
    ]


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_sqlite(tmp_path / "other.db")
    yield opened
    await opened.close()


async def test_a_store_goes_through_every_engine_and_answers_as_before(store, file):
    shop = await furnished(store)
    memory = open_memory()

    await copied(store, memory, shop)
    await copied(memory, file, shop)

    parts = await store.upkeep.parts()
    assert [part for part, rows in parts.items() if not rows] == []
    for part in parts:
        assert await digest_of(file, part) == await digest_of(store, part)
    assert await answers(file) == await answers(store)
    assert [step.findings async for step in check(file)] == [(), ()]


@pytest.mark.mongo
@pytest.mark.parametrize("engine", ["memory", "sqlite"])
async def test_a_pilot_goes_over_to_mongodb_is_written_there_and_can_come_back(
    tmp_path, mongo_url, engine
):
    pilot = open_memory() if engine == "memory" else open_sqlite(tmp_path / "pilot.db")
    shop = await furnished(pilot)
    mongo = open_fresh(mongo_url, lambda: shop.now)
    await copied(pilot, mongo, shop)

    for part in await pilot.upkeep.parts():
        assert await digest_of(mongo, part) == await digest_of(pilot, part)
    assert await answers(mongo) == await answers(pilot)

    moved = Shop(mongo)
    moved.now = shop.now
    await moved.receive("A", "WH", 1)
    await moved.hold("R2", ("A", "WH", 1))
    await moved.post(Change(orders=(order("2"),), writes=(write("W3", "1", order_id="1"),)))
    assert [w.id for w in (await mongo.outbox.writes_of(["1"]))["1"]] == ["W1", "W2", "W3"]
    newest = await mongo.stock.history("A", "WH", None, 2)
    assert [entry.kind for _, entry in newest] == [EntryKind.HOLD, EntryKind.RECEIPT]
    assert [step.findings async for step in check(mongo)] == [(), ()]

    back = open_memory()
    await copied(mongo, back, moved)
    assert await answers(back) == await answers(mongo)
    assert [step.findings async for step in check(back)] == [(), ()]
    for opened in (pilot, mongo, back):
        await opened.close()


async def test_a_copied_store_is_written_like_any_other(store, file):
    shop = await furnished(store)
    await copied(store, file, shop)
    other = Shop(file)
    other.now = shop.now

    await other.receive("A", "WH", 1)
    await other.hold("R2", ("A", "WH", 1))
    await other.post(Change(orders=(order("2"),), writes=(write("W3", "1", order_id="1"),)))

    assert [w.id for w in (await file.outbox.writes_of(["1"]))["1"]] == ["W1", "W2", "W3"]
    assert [step.findings async for step in check(file)] == [(), ()]


async def test_a_copy_that_is_stopped_after_any_page_goes_on_and_comes_out_the_same(store, file):
    shop = await furnished(store)
    sides = Side("one", store), Side("other", file)
    stops = 0

    for _ in range(100):
        steps = copy(*sides, "copier", lambda: shop.now, 0)
        seen = await anext(steps)
        await steps.aclose()
        if seen.compared:
            break
        stops += 1
        with pytest.raises(NotCopied, match="is a copy of one that is not finished"):
            await require_whole(file)
    await copied(store, file, shop)

    assert stops == len(await store.upkeep.parts())
    assert await file.upkeep.parts() == await store.upkeep.parts()
    await require_whole(file)


async def test_a_source_that_was_written_in_between_is_no_copy(store, file):
    shop = await furnished(store)
    sides = Side("one", store), Side("other", file)

    async def copied_while_a_rule_changes() -> None:
        async for step in copy(*sides, "copier", lambda: shop.now, 0):
            if step.part == "taken" and not step.compared:
                [row] = await store.upkeep.dump("rules", None, 9)
                changed = Row(row.key, row.body.replace(b'"me"', b'"you"'))
                await store.upkeep.load("rules", [changed])

    with pytest.raises(NotCopied, match="rules came out different: 1 rows in one, 1 in other"):
        await copied_while_a_rule_changes()

    with pytest.raises(NotCopied, match="not finished"):
        await require_whole(file)


@pytest.mark.parametrize("served", ["one", "other"])
async def test_a_store_that_is_served_is_neither_copied_nor_copied_to(store, file, served):
    shop = await furnished(store)
    house = {"one": store, "other": file}[served].house
    await house.lease(TURN, "a gateway", 60, shop.now)

    with pytest.raises(StoreBusy, match=f"{served} is being served; stop that gateway"):
        await copied(store, file, shop)

    assert sum((await file.upkeep.parts()).values()) == 0
    free = {"one": file, "other": store}[served].house
    assert await free.lease(TURN, "somebody", 1, shop.now) is not None


async def test_a_copy_of_another_store_is_left_alone(store, file):
    shop = await furnished(store)
    steps = copy(Side("one", store), Side("other", file), "copier", lambda: shop.now, 0)
    await anext(steps)
    await steps.aclose()

    with pytest.raises(NotCopied, match="other holds a copy of one; name another place"):
        async for _ in copy(Side("two", store), Side("other", file), "c", lambda: shop.now, 0):
            pass
