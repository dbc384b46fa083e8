"""The mirror of members: found by what they are known by, and really gone when they are."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from connectors.stores.memory.engine import open_memory
from resolvers.copying import Side, copy, digest_of
from resolvers.domain.catalog import Provenance
from resolvers.domain.members import Consent, Identity, IdentityKind, Member
from resolvers.filters import MemberFilter
from resolvers.ports import Store
from tests.contract.shop import NOON, minutes

PHONE, EMAIL, CARD = IdentityKind.PHONE, IdentityKind.EMAIL, IdentityKind.CARD


def member(id: str, *known: tuple[IdentityKind, str], system: str = "crm", **more: Any) -> Member:
    """A member of the CRM, known there by some things, unless more is said."""
    of = tuple(Identity(kind, system, value, NOON, "source") for kind, value in known)
    return replace(Member(id, f"Name {id}", of, Provenance(system, id, NOON), NOON), **more)


def gone(one: Member) -> Member:
    """What is left of a member that its source has no more."""
    return Member(one.id, None, (), one.provenance, one.updated_at, gone=True)


def ids(found: Sequence[Member]) -> list[str]:
    return [it.id for it in found]


async def walk(store: Store, asked: MemberFilter, size: int = 2) -> list[str]:
    """Ids from the first page to the last."""
    seen: list[str] = []
    while page := await store.members.member_page(asked, seen[-1] if seen else None, size):
        seen += ids(page)
        assert len(seen) < 99
    return seen


async def test_a_member_comes_back_whole_and_watchers_hear_of_what_differs(shop, store):
    whole = member(
        "m1",
        (PHONE, "+8613800000001"),
        tier="gold",
        points=7,
        tags=("vip", "vip", "new"),
        consents=(Consent("sms", given=False, at=NOON),),
    )
    other = member("m2")

    assert await store.members.save_members([whole, other]) == 2
    seen_later = replace(whole, provenance=replace(whole.provenance, observed_at=NOON + minutes(1)))
    assert await store.members.save_members([seen_later, other]) == 0
    assert await store.members.save_members([replace(other, tier="gold"), whole]) == 1

    found = await store.members.members(["m2", "m1", "m9"])
    assert found == {"m1": whole, "m2": replace(other, tier="gold")}
    assert await shop.events() == [("member", "m1"), ("member", "m2"), ("member", "m2")]


async def test_of_several_words_on_one_member_the_last_stays(shop, store):
    assert await store.members.save_members([member("m1"), member("m1", tier="gold")]) == 1

    assert await store.members.members(["m1"]) == {"m1": member("m1", tier="gold")}
    assert await shop.events() == [("member", "m1")]


async def test_members_are_found_by_what_they_are_known_by(store):
    one = member("m1", (PHONE, "1"), (EMAIL, "a@b"))
    twice = replace(one.identities[0], system="till")
    one = replace(one, identities=(*one.identities, twice))
    two, three = member("m2", (PHONE, "1"), system="till"), member("m3", (CARD, "1"), (PHONE, "2"))
    await store.members.save_members([three, two, one])

    by_phone = await store.members.members_known_by(PHONE, ["2", "1", "9", "1"])
    assert by_phone == {"1": [one, two], "2": [three]}
    assert await store.members.members_known_by(PHONE, ["1"], "till") == {"1": [one, two]}
    assert await store.members.members_known_by(PHONE, ["1"], "crm") == {"1": [one]}
    assert await store.members.members_known_by(EMAIL, ["1"]) == {}


async def test_what_a_member_is_not_known_by_any_more_finds_nobody(store):
    await store.members.save_members([member("m1", (PHONE, "1"), tags=("vip",), tier="gold")])

    await store.members.save_members([member("m1", (PHONE, "2"), tags=("new",), tier="blue")])

    assert await store.members.members_known_by(PHONE, ["1"]) == {}
    asked = {"phone": "1"}, {"tags": ("vip",)}, {"tiers": ("gold",)}
    assert [await walk(store, MemberFilter(**one)) for one in asked] == [[], [], []]
    asked = {"phone": "2"}, {"tags": ("new",)}, {"tiers": ("blue",)}
    assert [await walk(store, MemberFilter(**one)) for one in asked] == [["m1"], ["m1"], ["m1"]]


MANY = [
    member("m1", (PHONE, "1"), (EMAIL, "a@b"), tier="gold", tags=("vip", "new")),
    member("m2", (PHONE, "1"), tier="gold", tags=("vip",), updated_at=NOON + minutes(1)),
    member("m3", (EMAIL, "a@b"), tier="blue", tags=("new",), updated_at=NOON + minutes(1)),
    member("m4", (CARD, "1"), tags=("old",), updated_at=NOON + minutes(2)),
    member("m5", (PHONE, "1"), system="till", tier="gold", tags=("vip",)),
    member("m6", (CARD, "1"), system="till", tier="gold", updated_at=NOON + minutes(3)),
]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["m1", "m2", "m3", "m4", "m5", "m6"]),
        ({"phone": "1"}, ["m1", "m2", "m5"]),
        ({"email": "a@b"}, ["m1", "m3"]),
        ({"card": "1"}, ["m4", "m6"]),
        ({"phone": "1", "email": "a@b"}, ["m1"]),
        ({"phone": "1", "card": "1"}, []),
        ({"systems": ("till",)}, ["m5", "m6"]),
        ({"systems": ("till", "crm")}, ["m1", "m2", "m3", "m4", "m5", "m6"]),
        ({"tiers": ("gold",)}, ["m1", "m2", "m5", "m6"]),
        ({"tiers": ("gold", "blue")}, ["m1", "m2", "m3", "m5", "m6"]),
        ({"tags": ("vip",)}, ["m1", "m2", "m5"]),
        ({"tags": ("vip", "new")}, ["m1", "m2", "m3", "m5"]),
        ({"updated_since": NOON + minutes(1)}, ["m2", "m3", "m4", "m6"]),
        ({"phone": "1", "tags": ("vip", "new"), "systems": ("crm",)}, ["m1", "m2"]),
        ({"tags": ("vip",), "tiers": ("gold",), "systems": ("crm",)}, ["m1", "m2"]),
        ({"tiers": ("gold",), "updated_since": NOON + minutes(1)}, ["m2", "m6"]),
        ({"systems": ("crm",), "tiers": ("gold", "blue"), "tags": ("new", "old")}, ["m1", "m3"]),
        ({"tags": ("vip",), "updated_since": NOON + minutes(1)}, ["m2"]),
    ],
)
async def test_pages_hold_what_a_filter_asks_for_in_order_of_id(store, asked, found):
    left = [member("m0", (PHONE, "1"), tier="gold", tags=("vip",)), member("m7", (EMAIL, "a@b"))]
    await store.members.save_members([*reversed(MANY), *left])
    await store.members.save_members([gone(it) for it in left])

    assert await walk(store, MemberFilter(**asked)) == found


async def test_the_ids_of_one_system_are_walked_without_those_that_are_gone(store):
    await store.members.save_members(MANY)
    await store.members.save_members([gone(MANY[1])])

    assert await store.members.member_ids("crm", None, 2) == ["m1", "m3"]
    assert await store.members.member_ids("crm", "m3", 2) == ["m4"]
    assert await store.members.member_ids("crm", "m4", 2) == []


async def test_of_one_that_is_gone_nothing_is_left_but_the_record(shop, store):
    one = member("m1", (PHONE, "+8613800000001"), tier="gold", tags=("vip",))
    await store.members.save_members([one, member("m2", (PHONE, "+8613800000001"))])

    assert await store.members.save_members([gone(one)]) == 1

    assert await store.members.members(["m1"]) == {"m1": gone(one)}
    assert ids(
        (await store.members.members_known_by(PHONE, ["+8613800000001"]))["+8613800000001"]
    ) == ["m2"]
    assert await shop.events() == [("member", "m1"), ("member", "m2"), ("member", "m1")]
    rows = [
        row for part in await store.upkeep.parts() for row in await store.upkeep.dump(part, None, 9)
    ]
    assert [row.key for row in rows] == ["m1", "m2"]
    assert b"Name m1" not in rows[0].body
    assert b"+86138" not in rows[0].body

    await store.members.save_members([one])  # the source has it again
    assert ids(await store.members.member_page(MemberFilter(tiers=("gold",)), None, 9)) == ["m1"]


async def test_a_copy_carries_them_over_with_what_they_are_found_by(store):
    await store.members.save_members([*MANY, gone(member("m7"))])
    other = open_memory()

    async for _ in copy(Side("one", store), Side("other", other), "copier", lambda: NOON, 0):
        pass
    rows = await other.upkeep.dump("members", None, 99)
    await store.upkeep.load("members", rows)

    for each in (store, other):
        assert await walk(each, MemberFilter(phone="1", tags=("vip",))) == ["m1", "m2", "m5"]
        assert await walk(each, MemberFilter()) == ids(MANY)
    assert await digest_of(store, "members") == await digest_of(other, "members")
