"""Feeds: read to their end, since a cursor, and after a stop (P1, S5, M1)."""

from resolvers.backend_ports import Role
from resolvers.domain.errors import BackendRefused
from tests.contract.connectors.cases import Case, shows
from tests.contract.connectors.reading import FEEDS, ONE_BY_ONE, one, pages, read, settled
from tests.contract.connectors.rig import Rig, Things

STRANGE = ("0", "99999999", "no id of theirs", "../../admin", "' or ''='", "x" * 300, "会员")


def is_scanned(rig: Rig, role: Role) -> bool:
    return FEEDS[role] in rig.backend.capabilities.scanned


def role_of(case: Case) -> Role:
    assert case.role is not None
    return case.role


@shows("is read to its end over pages, each thing once", *FEEDS, of=["there"])
async def test_everything_is_read_once_over_pages(case, rig: Rig, things: Things) -> None:
    expected = await things.there()

    reading = await read(rig.backend, role_of(case))

    assert len(reading.pages) > 1
    assert reading.ids == expected
    assert reading.rows == len(reading.ids), "nothing twice where nothing moves"


@shows("a reading that was stopped goes on from the cursor of any page", *FEEDS, of=["there"])
async def test_reading_goes_on_from_each_page(case, rig: Rig, things: Things) -> None:
    expected = await things.there()
    role = role_of(case)

    so_far: set[str] = set()
    count = 0
    async for page in pages(rig.connect(), role):
        so_far |= page.things.keys()
        count += 1
        rest = await read(rig.connect(), role, page.cursor)
        assert so_far | rest.ids == expected, f"after page {count}"
    assert count > 1


@shows("what changed since a cursor is told, over the edge of a page", *FEEDS, of=["change"])
async def test_a_delta_over_a_page_tells_all_that_changed(case, rig: Rig, things: Things) -> None:
    role = role_of(case)
    await things.there()
    cursor = await settled(rig.backend, role)

    changed = await things.change(things.edge)
    told = await read(rig.backend, role, cursor)

    assert len(changed) == things.edge
    assert changed <= told.ids
    assert len(told.pages) > 1


@shows("a delta tells nothing but what changed, and that again at most", *FEEDS, of=["change"])
async def test_a_delta_tells_nothing_else(case, rig: Rig, things: Things) -> None:
    role = role_of(case)
    await things.there()
    cursor = await settled(rig.backend, role)
    changed = await things.change(3)
    told = await read(rig.backend, role, cursor)
    again = await read(rig.backend, role, told.cursor)

    everything = await things.there()
    if is_scanned(rig, role):
        assert told.ids == again.ids == everything, "what is scanned is read whole each time"
    else:
        assert changed <= told.ids
        assert told.ids == changed
        assert again.ids <= changed


@shows("changes of one stamp over the edge of a page are all told", *FEEDS, of=["change_at_once"])
async def test_equal_stamps_lose_nothing(case, rig: Rig, things: Things) -> None:
    role = role_of(case)
    await things.there()
    cursor = await settled(rig.backend, role)

    changed = await things.change_at_once(things.edge)
    told: set[str] = set()
    for _ in range(3):  # the second and third look back
        reading = await read(rig.backend, role, cursor)
        told |= reading.ids
        cursor = reading.cursor

    assert len(changed) == things.edge
    assert changed <= told


@shows("a delta that was stopped at a page loses nothing", *FEEDS, of=["change"])
async def test_a_delta_that_was_stopped_loses_nothing(case, rig: Rig, things: Things) -> None:
    role = role_of(case)
    await things.there()
    cursor = await settled(rig.backend, role)
    changed = await things.change(things.edge)

    told: set[str] = set()
    async for page in pages(rig.connect(), role, cursor):
        told |= page.things.keys()
        cursor = page.cursor
        break
    first = len(told)
    rest = await read(rig.connect(), role, cursor)

    assert changed <= told | rest.ids
    assert not changed <= told or first > things.edge, "it was stopped before its end"


@shows("what changes behind a reading is told by the next", *FEEDS, of=["there", "change"])
async def test_a_change_behind_a_reading_is_told(case, rig: Rig, things: Things) -> None:
    role = role_of(case)
    await things.there()
    changed: set[str] = set()
    after: set[str] = set()
    cursor = ""
    async for page in pages(rig.backend, role):
        if changed:
            after |= page.things.keys()
        else:
            changed = await things.change(3)
        cursor = page.cursor

    later = await read(rig.backend, role, cursor)

    assert changed <= after | later.ids


@shows(
    "what is gone is told: by itself, or by a whole reading", *ONE_BY_ONE, of=["there", "delete"]
)
async def test_what_is_gone_is_told(case, rig: Rig, things: Things) -> None:
    """The house forgets what is gone by either: ``deletions`` says which it may rely on."""
    role = role_of(case)
    await things.there()
    cursor = await settled(rig.backend, role)

    gone = await things.delete()
    delta = await read(rig.backend, role, cursor)
    whole = await read(rig.backend, role)

    told = gone in delta.gone
    assert gone not in delta.ids | whole.ids
    if rig.backend.capabilities.deletions:
        assert told
    else:
        assert [page.whole for page in whole.pages] == [False] * (len(whole.pages) - 1) + [True]
    assert await one(rig.backend, role, gone) is None


@shows("one that nobody has is None or refused, whatever its id looks like", *ONE_BY_ONE)
async def test_an_unknown_id_is_none_or_refused(case, rig: Rig) -> None:
    for id in STRANGE:
        try:
            found = await one(rig.backend, role_of(case), id)
        except BackendRefused as refused:
            found, kind = None, refused.kind
        else:
            kind = "NOT_FOUND"
        assert found is None, id
        assert kind in {"NOT_FOUND", "INVALID"}, id


@shows("one by one it is what the feed tells", *ONE_BY_ONE, of=["there"])
async def test_one_is_what_the_feed_tells(case, rig: Rig, things: Things) -> None:
    role = role_of(case)
    await things.there()
    async for page in pages(rig.backend, role):
        id, told = next(iter(page.things.items()))
        break

    alone = await one(rig.backend, role, id)

    assert alone is not None
    assert (alone.updated_at, alone.provenance.external_id) == (
        told.updated_at, told.provenance.external_id
    )  # fmt: skip


@shows("a cursor of somebody else is refused, or read from the beginning", *FEEDS, of=["there"])
async def test_a_cursor_of_somebody_else(case, rig: Rig, things: Things) -> None:
    expected = await things.there()
    role = role_of(case)
    for cursor in ("next please", "{}", "[1]", '{"since": "never"}'):
        if is_scanned(rig, role):
            assert (await read(rig.backend, role, cursor)).pages[-1].whole
            continue
        try:
            told = await read(rig.backend, role, cursor)
        except BackendRefused as refused:
            found, kind = expected, refused.kind
        else:
            found, kind = told.ids, "INVALID"
        assert (found, kind) == (expected, "INVALID")


@shows("two that bear one SKU are both told", Role.LISTING_SOURCE, of=["twins"])
async def test_a_sku_that_is_listed_twice(case, rig: Rig, things: Things) -> None:
    twins = await things.twins()

    found = {}
    for id in twins:
        listing = await one(rig.backend, Role.LISTING_SOURCE, id)
        assert listing is not None
        found[id] = listing.seller_code

    assert len(found) == 2
    assert len(set(found.values())) == 1
    assert None not in found.values()
    assert twins <= (await read(rig.backend, Role.LISTING_SOURCE)).ids
