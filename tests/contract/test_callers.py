"""Keys of partners, records of deeds and uses of fields: the same from every engine."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from connectors.stores.memory.engine import open_memory
from resolvers.copying import Side, copy, digest_of
from resolvers.domain.books import Books, Change, Key, Scope
from resolvers.domain.callers import ApiKey, AuditRecord, Deed, Use
from resolvers.domain.errors import NotFound
from resolvers.engine import Command, StockEngine
from resolvers.filters import AuditFilter
from resolvers.ports import Store
from tests.contract.shop import NOON, minutes

KEY = ApiKey("k1", "acme", "d1", ("catalog:read",), ("web",), (), NOON, NOON + minutes(9))
DAY = date(2026, 3, 2)


def deed(id: str, at: datetime = NOON, **more: object) -> AuditRecord:
    """A hold that was made, unless more is said."""
    record = AuditRecord(id, at, "member:1", "shopper", "reserveStock", f"key-{id}", Deed.DONE)
    return replace(record, **more)  # type: ignore[arg-type]  # names are the record's own


async def listed(store: Store, limit: int = 10, **asked: object) -> list[str]:
    page = await store.callers.audit_page(AuditFilter(**asked), None, limit)  # type: ignore[arg-type]
    return [record.id for record in page]


async def test_keys_are_written_over_and_listed_by_partner_and_age(store):
    later = replace(KEY, id="k0", created_at=NOON + minutes(1))
    other = ApiKey("k2", "aaa", "d2", (), (), ("ST",), NOON)
    for key in (later, KEY, other):
        await store.callers.save_api_key(key)

    ended = replace(KEY, revoked_at=NOON + minutes(5))
    await store.callers.save_api_key(ended)

    assert await store.callers.api_keys() == [other, ended, later]


async def test_a_record_is_kept_whole_and_one_that_is_there_is_left_as_it_is(store):
    whole = deed(
        "a",
        result=Deed.REFUSED,
        target="r-1",
        codes=("INSUFFICIENT_STOCK", "INVALID_INPUT"),
        client="till",
        request_id="q-1",
    )
    await store.callers.record_audit([whole])

    await store.callers.record_audit([replace(whole, result=Deed.FAILED), deed("b", key=None)])

    page = await store.callers.audit_page(AuditFilter(), None, 10)
    assert page == [deed("b", key=None), whole]


async def test_what_is_accepted_is_kept_with_what_changed_whatever_was_kept_before(store):
    engine = StockEngine(store.stock, lambda: NOON)
    accepted, refused = deed("a"), deed("b")
    await store.callers.record_audit([replace(accepted, result=Deed.FAILED, codes=("CONTENDED",))])

    def refusing(_: Books) -> tuple[Change, str]:
        raise NotFound("there is none")

    for record, decide in ((accepted, lambda _: (Change(), "R-1")), (refused, refusing)):
        key = Key(record.subject, record.action, str(record.key))
        with suppress(NotFound):
            await engine.run(Command(key, "", Scope(), decide, record))
    await engine.run(
        Command(
            Key(accepted.subject, accepted.action, str(accepted.key)),
            "",
            Scope(),
            lambda _: (Change(), "R-2"),
            deed("c"),
        )
    )

    page = await store.callers.audit_page(AuditFilter(), None, 10)
    assert page == [replace(accepted, target="R-1")]


async def test_pages_go_from_the_newest_on_also_through_equal_instants(store):
    records = [deed(id, NOON + minutes(at)) for at, id in ((0, "c"), (1, "b"), (1, "a"), (1, "d"))]
    await store.callers.record_audit(records)
    seen: list[str] = []
    after: tuple[datetime, str] | None = None

    while page := await store.callers.audit_page(AuditFilter(), after, 2):
        seen += [record.id for record in page]
        after = (page[-1].at, page[-1].id)

    assert seen == ["d", "b", "a", "c"]


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({"subject": "member:2"}, ["d", "c"]),
        ({"actions": ("placeOrder",)}, ["d", "b"]),
        ({"actions": ("placeOrder", "cancelOrder")}, ["d", "c", "b"]),
        ({"subject": "member:2", "actions": ("placeOrder",)}, ["d"]),
        ({"results": (Deed.REFUSED, Deed.FAILED)}, ["d", "c"]),
        ({"key": "key-b"}, ["b"]),
        ({"target": "r-1"}, ["a"]),
        ({"since": NOON + minutes(2)}, ["d", "c"]),
        ({"until": NOON + minutes(2)}, ["b", "a"]),
        ({"since": NOON + minutes(1), "until": NOON + minutes(3)}, ["c", "b"]),
    ],
)
async def test_a_filter_keeps_what_is_asked_for(store, asked, ids):
    await store.callers.record_audit(
        [
            deed("a", target="r-1"),
            deed("b", NOON + minutes(1), action="placeOrder"),
            deed(
                "c",
                NOON + minutes(2),
                subject="member:2",
                action="cancelOrder",
                result=Deed.REFUSED,
            ),
            deed(
                "d",
                NOON + minutes(3),
                subject="member:2",
                action="placeOrder",
                result=Deed.FAILED,
            ),
        ]
    )

    assert await listed(store, **asked) == ids
    assert await listed(store, 1, **asked) == ids[:1]


async def test_trimming_drops_the_eldest_and_no_more_than_it_may(store):
    await store.callers.record_audit([deed(f"r{at}", NOON + minutes(at)) for at in range(5)])

    assert await store.callers.trim_audit(NOON + minutes(3), 2) == 2
    assert await listed(store) == ["r4", "r3", "r2"]
    assert await store.callers.trim_audit(NOON + minutes(3), 2) == 1
    assert await store.callers.trim_audit(NOON + minutes(3), 2) == 0
    assert await listed(store) == ["r4", "r3"]


async def test_uses_that_two_write_at_once_are_added_up(store):
    more = [Use(DAY, "app", "Order.number", 2), Use(DAY + timedelta(1), "app", "Order.number", 1)]
    other = [Use(DAY, "app", "Order.number", 3), Use(DAY, "app", "Order.id", 1)]
    await store.callers.add_uses(more)

    await asyncio.gather(store.callers.add_uses(more), store.callers.add_uses(other))

    assert await store.callers.uses(DAY) == [
        Use(DAY, "app", "Order.id", 1),
        Use(DAY, "app", "Order.number", 7),
        Use(DAY + timedelta(1), "app", "Order.number", 2),
    ]
    assert await store.callers.uses(DAY + timedelta(1)) == [
        Use(DAY + timedelta(1), "app", "Order.number", 2)
    ]


async def test_a_copy_carries_them_over(store):
    await store.callers.save_api_key(KEY)
    early = datetime(1999, 12, 31, tzinfo=NOON.tzinfo)  # fewer digits, and yet the eldest
    await store.callers.record_audit([deed("b", early), deed("a"), deed("c", codes=("X",))])
    await store.callers.add_uses([Use(DAY, "app", "Order.number", 2)])
    other = open_memory()

    async for _ in copy(Side("one", store), Side("other", other), "copier", lambda: NOON, 0):
        pass

    assert await other.callers.api_keys() == [KEY]
    assert await listed(other) == ["c", "a", "b"]
    assert await other.callers.uses(DAY) == [Use(DAY, "app", "Order.number", 2)]
    keys = [row.key for row in await store.upkeep.dump("audit", None, 2)]
    assert keys == ["0000946598400000000\x1fb", "0001772452800000000\x1fa"]
    rest = await store.upkeep.dump("audit", keys[-1], 2)
    assert [row.key for row in rest] == ["0001772452800000000\x1fc"]
    assert (await digest_of(store, "audit")).rows == 3
