"""What each listing is to sell, and what its marketplace was told, in every engine (S5)."""

from dataclasses import replace
from typing import Any

from resolvers.domain.publication import PublicationRecord
from resolvers.ports import Lease, Store
from resolvers.publication_port import PublicationCounts
from tests.contract.shop import NOON, minutes


def record(listing: str, wanted: int, backend: str = "tmall", **more: Any) -> PublicationRecord:
    """A record that waits, unless more is said."""
    return replace(PublicationRecord(backend, listing, wanted, NOON), **more)


def told(listing: str, number: int, backend: str = "tmall") -> PublicationRecord:
    return record(listing, number, backend, told=number, told_at=NOON, found=number)


async def turn(store: Store, owner: str = "me", at: int = 0) -> Lease:
    lease = await store.house.lease("publish:tmall", owner, 6, NOON + minutes(at))
    assert lease is not None
    return lease


async def test_a_record_comes_back_whole_and_a_later_one_goes_over_it(store):
    whole = record(
        "1",
        5,
        told=4,
        told_at=NOON,
        sending=5,
        settle_until=NOON + minutes(1),
        found=3,
        moved_at=NOON,
        verified_at=NOON,
        error="no",
        attempts=2,
        not_before=NOON + minutes(2),
    )
    lease = await turn(store)

    assert await store.publications.save_publications([whole, record("1", 9, "jd")], lease)
    asked = [("tmall", "1"), ("jd", "1"), ("jd", "2")]
    assert await store.publications.publications(asked) == {
        ("tmall", "1"): whole,
        ("jd", "1"): record("1", 9, "jd"),
    }

    assert await store.publications.save_publications([told("1", 5)], lease)
    assert await store.publications.publications([("tmall", "1")]) == {("tmall", "1"): told("1", 5)}


async def test_who_has_lost_its_turn_writes_nothing(store):
    old = await turn(store)
    await turn(store, "other", at=1)

    assert not await store.publications.save_publications([record("1", 5)], old)

    assert await store.publications.publications([("tmall", "1")]) == {}
    assert await store.publications.publication_counts() == {}


async def test_what_waits_or_failed_is_listed_in_order_and_counted(store):
    waits = [record("2", 1), record("1", 1), record("1", 1, "jd")]
    rest = [told("3", 1), record("4", 1, error="gone"), record("5", 1, error="x", ended=True)]
    assert await store.publications.save_publications([*waits, *rest], await turn(store))

    async def walk(backend: str | None) -> list[str]:
        seen: list[str] = []
        after: tuple[str, str] | None = None
        while page := await store.publications.open_publications(backend, after, 2):
            seen += [f"{it.backend} {it.listing}" for it in page]
            after = (page[-1].backend, page[-1].listing)
            assert len(seen) < 99
        return seen

    assert await walk(None) == ["jd 1", "tmall 1", "tmall 2", "tmall 4"]
    assert await walk("tmall") == ["tmall 1", "tmall 2", "tmall 4"]
    assert await store.publications.publication_counts() == {
        "jd": PublicationCounts(1, 0),
        "tmall": PublicationCounts(2, 1),
    }
