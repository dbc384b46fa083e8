"""The mirror of people and listings: page by page, and let go of when their system has them no more
(G2, M1, P1).
"""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from resolvers.backend_ports import Backend, Capabilities, Changes, Idempotency, Probe
from resolvers.domain.catalog import Provenance
from resolvers.domain.errors import BackendUnavailable
from resolvers.domain.feeds import Feed
from resolvers.domain.listings import Listing
from resolvers.domain.members import Identity, IdentityKind, Member, member_id
from resolvers.domain.values import utc
from resolvers.house import LISTINGS, MEMBERS
from resolvers.reading import Memory
from resolvers.sync import Read, follow_hint, sync_entity
from tests.support import OPERATOR, Shop

NOON = utc(2026, 11, 28, 12)


def person(at: int, phone: str = "+8613800000000") -> Member:
    where = Provenance("crm", f"p{at}", NOON)
    known = Identity(IdentityKind.PHONE, "crm", phone, NOON, "crm")
    return Member(member_id("crm", f"p{at}"), f"Person {at}", (known,), where, NOON)


def listing(at: int) -> Listing:
    return Listing("crm", f"l{at}", f"Listing {at}", Provenance("crm", f"l{at}", NOON), NOON)


class Crm:
    """A system with people and listings, two to a page; it may fail after some pages."""

    def __init__(self) -> None:
        self.people = [person(at) for at in range(5)]
        self.offers = [listing(at) for at in range(5)]
        self.pages_before_it_fails = 99
        self.asked: list[str] = []

    async def probe(self) -> Probe:
        return Probe(good=True, detail="it is there")

    async def members(self, cursor: str) -> AsyncIterator[Changes[Member]]:
        async for found in self._pages(self.people, cursor):
            yield found

    async def listings(self, cursor: str) -> AsyncIterator[Changes[Listing]]:
        async for found in self._pages(self.offers, cursor):
            yield found

    async def member(self, external_id: str) -> Member | None:
        found = [it for it in self.people if it.provenance.external_id == external_id]
        return found[0] if found else None

    async def listing(self, id: str) -> Listing | None:
        return next((it for it in self.offers if it.id == id), None)

    async def _pages(self, things: list, cursor: str) -> AsyncIterator[Changes]:
        self.asked.append(cursor)
        start = int(cursor or 0)
        for number, at in enumerate(range(start, len(things), 2)):
            if number == self.pages_before_it_fails:
                raise BackendUnavailable("down", backend="crm")
            last = at + 2 >= len(things)
            yield Changes(things[at : at + 2], str(at + 2), whole=last)


class Mirror:
    """A shop that follows the CRM."""

    def __init__(self, scanned: tuple[str, ...]) -> None:
        self.crm = Crm()
        can = Capabilities((), Idempotency.NONE, scanned=scanned)
        self.backend = Backend("crm", "any", can, self.crm, members=self.crm, listings=self.crm)
        self.shop = Shop(backends=[self.backend])

    async def read(self, entity: str, *, whole: bool = False) -> Read:
        ctx = self.shop.context(OPERATOR)
        return await sync_entity(ctx, self.backend, entity, Memory(), whole=whole)

    async def hint(self, entity: str, external_id: str) -> int:
        return await follow_hint(self.shop.context(OPERATOR), self.backend, entity, external_id)

    async def feed(self, entity: str) -> Feed:
        return {it.entity: it for it in await self.shop.store.house.feeds()}[entity]

    async def there(self, entity: str) -> list[str]:
        """External ids of what the mirror shows."""
        if entity == LISTINGS:
            page = await self.shop.store.listings.listing_page("crm", None, 99, unmatched=False)
            return [it.id for it in page if it.active]
        ids = await self.shop.store.members.member_ids("crm", None, 99)
        found = (await self.shop.store.members.members(ids)).values()
        return sorted(it.provenance.external_id for it in found)


@pytest.fixture
def mirror() -> Mirror:
    return Mirror(scanned=(MEMBERS, LISTINGS))


@pytest.mark.parametrize(("entity", "letter"), [(MEMBERS, "p"), (LISTINGS, "l")])
async def test_every_page_is_taken_and_the_next_reading_finds_nothing_new(
    mirror: Mirror, entity: str, letter: str
) -> None:
    assert await mirror.read(entity) == Read(good=True, changed=5)
    assert await mirror.there(entity) == [f"{letter}{at}" for at in range(5)]
    assert await mirror.read(entity) == Read(good=True, changed=0)
    assert (await mirror.feed(entity)).observed_at == mirror.shop.clock()


@pytest.mark.parametrize("entity", [MEMBERS, LISTINGS])
async def test_what_a_whole_reading_does_not_find_is_gone(mirror: Mirror, entity: str) -> None:
    await mirror.read(entity)
    del mirror.crm.people[1], mirror.crm.offers[1]

    assert await mirror.read(entity) == Read(good=True, changed=1)
    assert len(await mirror.there(entity)) == 4
    assert await mirror.read(entity) == Read(good=True, changed=0)


async def test_of_somebody_who_is_gone_nothing_personal_stays(mirror: Mirror) -> None:
    await mirror.read(MEMBERS)
    del mirror.crm.people[1]
    await mirror.read(MEMBERS)

    id = member_id("crm", "p1")
    kept = (await mirror.shop.store.members.members([id]))[id]
    assert kept == Member(id, None, (), person(1).provenance, NOON, gone=True)


@pytest.mark.parametrize("entity", [MEMBERS, LISTINGS])
async def test_a_reading_that_was_stopped_goes_on_and_takes_nobody_for_gone(
    mirror: Mirror, entity: str
) -> None:
    await mirror.read(entity)
    mirror.crm.pages_before_it_fails = 1
    assert await mirror.read(entity) == Read(good=False, changed=0, there=False)
    stopped = await mirror.feed(entity)
    assert (stopped.cursor, stopped.read, stopped.error) == ("2", 2, "down")

    mirror.crm.pages_before_it_fails = 99
    assert await mirror.read(entity) == Read(good=True, changed=0)

    assert mirror.crm.asked == ["", "", "2"]
    assert len(await mirror.there(entity)) == 5
    assert (await mirror.feed(entity)).read == 0


async def test_a_source_of_changes_is_asked_from_where_it_stood_and_whole_by_wish() -> None:
    mirror = Mirror(scanned=())
    await mirror.read(LISTINGS)
    mirror.crm.offers += [listing(7), listing(8)]
    await mirror.read(LISTINGS)
    await mirror.read(LISTINGS, whole=True)

    assert mirror.crm.asked == ["", "6", ""]


async def test_a_hint_is_followed_to_the_one_thing(mirror: Mirror) -> None:
    await mirror.read(MEMBERS)
    await mirror.read(LISTINGS)
    mirror.crm.people[2] = person(2, "+8613911111111")
    mirror.crm.offers[2] = replace(listing(2), published=3)

    assert await mirror.hint(MEMBERS, "p2") == 1
    assert await mirror.hint(MEMBERS, "p2") == 0
    assert await mirror.hint(LISTINGS, "l2") == 1

    del mirror.crm.people[2], mirror.crm.offers[2]
    assert await mirror.hint(MEMBERS, "p2") == 1
    assert await mirror.hint(LISTINGS, "l2") == 1
    assert await mirror.there(MEMBERS) == ["p0", "p1", "p3", "p4"]
    assert await mirror.there(LISTINGS) == ["l0", "l1", "l3", "l4"]
    assert await mirror.hint(MEMBERS, "nobody") == 0
