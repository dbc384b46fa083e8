"""Points as the system that keeps them counts them, and when it gives no answer (M2, G4)."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from connectors.sandbox import retailer
from connectors.sandbox.crm import CODE, SandboxCrm
from connectors.sandbox.knobs import Fault, Knobs
from resolvers.backend_ports import Backend, Capabilities, Idempotency, Role
from resolvers.domain.errors import BackendRefused, BackendTimedOut, BackendUnavailable
from resolvers.loyalty import balances_of
from resolvers.loyalty_port import LoyaltyTerms, PointsBalance
from schema.ids import seal
from tests.schema.asking import ask
from tests.schema.people import Source
from tests.support import MANAGER, Shop, open_shop

ONE = """query ($by: MemberBy!) { member(by: $by) { displayName pointsBalance } }"""
ALL = "{ members(first: 100) { nodes { id pointsBalance } } }"


@dataclass
class House:
    """A shop whose CRM is the sandbox's, its members as the mirror has them, and that CRM."""

    shop: Shop
    crm: SandboxCrm
    member: str
    external: str
    points: int


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    doors = {door.code: door for door in retailer.backends(tmp_path)}
    crm = SandboxCrm(tmp_path)
    shop = await open_shop(backends=[doors[CODE]])
    pages = [page async for page in crm.members("")]
    people = list(pages[0].items)
    await shop.store.members.save_members(people)
    first = people[0]
    assert first.points is not None
    yield House(shop, crm, first.id, first.provenance.external_id, first.points)
    crm.close()
    for door in doors.values():
        assert door.close is not None
        door.close()


async def points(house: House):
    return await ask(house.shop, ONE, MANAGER, by={"id": seal("Member", house.member)})


async def test_points_are_those_that_their_system_has_now_not_those_of_the_mirror(house):
    await house.crm.count_points(house.external, house.points + 500)

    answered = await points(house)

    assert answered.data["member"]["pointsBalance"] == house.points + 500
    assert (answered.errors, answered.warnings) == ([], [])


async def test_points_of_a_page_are_one_question(house):
    asked: list[Sequence[str]] = []
    backend = house.shop.backends[CODE]
    counting = replace(backend, loyalty=Counting(house.crm, asked))
    house.shop.backends = {CODE: counting}

    answered = await ask(house.shop, ALL, MANAGER)

    assert len(answered.data["members"]["nodes"]) == 100
    assert [len(ids) for ids in asked] == [100]


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.TIMEOUT, Fault.REFUSE])
async def test_a_system_that_gives_no_answer_costs_its_points_their_freshness_alone(house, fault):
    """What was last told is served, with one warning however many members there are."""
    await house.crm.set_knobs(Knobs(fail=fault))

    answered = await ask(house.shop, ALL, MANAGER)

    nodes = answered.data["members"]["nodes"]
    assert all(node["pointsBalance"] is not None for node in nodes)
    assert answered.errors == []
    assert answered.warnings == [
        {
            "code": "STALE",
            "message": "crm gives no answer; its points are those that it last told",
            "path": ["pointsBalance"],
        }
    ]


async def test_where_nothing_was_told_before_the_field_is_null_with_one_error(house):
    [known] = (await house.shop.store.members.members([house.member])).values()
    await house.shop.store.members.save_members([replace(known, points=None)])
    await house.crm.set_knobs(Knobs(fail=Fault.UNAVAILABLE))

    answered = await points(house)

    assert answered.data["member"]["pointsBalance"] is None
    assert answered.data["member"]["displayName"] is not None
    [error] = answered.errors
    assert error["path"] == ["member", "pointsBalance"]
    assert error["extensions"]["code"] == "BACKEND_UNAVAILABLE"
    assert error["extensions"]["retryable"] is True
    assert error["extensions"]["backend"] == "crm"


async def test_nobody_waits_longer_for_points_than_they_are_worth(house):
    silent = Silent()
    backend = replace(house.shop.backends[CODE], loyalty=silent)

    with pytest.raises(BackendTimedOut, match="crm did not answer in time"):
        await balances_of({CODE: backend}, seconds=0.01).load((CODE, house.external))

    assert silent.canceled


async def test_one_system_that_fails_costs_no_other_its_points():
    good, bad = told("good", Told({"1": PointsBalance(7)})), told("bad", Refusing())
    loader = balances_of({"good": good, "bad": bad})

    asked = [loader.load(key) for key in (("good", "1"), ("bad", "1"), ("good", "2"))]
    found = await asyncio.gather(*asked, return_exceptions=True)

    assert (found[0], found[2]) == (PointsBalance(7), None)
    assert isinstance(found[1], BackendUnavailable)


async def test_a_system_without_points_has_what_the_mirror_says(house):
    house.shop.backends = {}
    await house.crm.count_points(house.external, house.points + 500)

    answered = await points(house)

    assert answered.data["member"]["pointsBalance"] == house.points


async def test_what_points_are_is_declared_beside_them():
    with pytest.raises(AssertionError, match="what its points are is declared"):
        Backend("x", "any", Capabilities((), Idempotency.NONE), Source(), loyalty=Told({}))


async def test_an_operator_sees_what_points_are_worth(house):
    declared = house.shop.backends[CODE].capabilities

    assert Role.LOYALTY in declared.roles
    assert declared.loyalty == LoyaltyTerms(1, "CNY", ("BRONZE", "SILVER", "GOLD", "PLATINUM"))


def told(code: str, loyalty) -> Backend:
    can = Capabilities((Role.LOYALTY,), Idempotency.NONE, loyalty=LoyaltyTerms())
    return Backend(code, "any", can, Source(), loyalty=loyalty)


@dataclass
class Counting:
    """Notes what the CRM is asked."""

    inner: SandboxCrm
    asked: list[Sequence[str]]

    async def balances(self, external_ids: Sequence[str]) -> Mapping[str, PointsBalance]:
        self.asked.append(external_ids)
        return await self.inner.balances(external_ids)


@dataclass
class Silent:
    """Never answers."""

    canceled: bool = field(default=False)

    async def balances(self, external_ids: Sequence[str]) -> Mapping[str, PointsBalance]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.canceled = True
            raise
        raise AssertionError


@dataclass
class Told:
    """Says what it was told to say."""

    has: Mapping[str, PointsBalance]

    async def balances(self, external_ids: Sequence[str]) -> Mapping[str, PointsBalance]:
        return {id: self.has[id] for id in external_ids if id in self.has}


class Refusing:
    """Lets nobody in."""

    async def balances(self, external_ids: Sequence[str]) -> Mapping[str, PointsBalance]:
        raise BackendRefused("not for you", backend="bad", kind="AUTH")
