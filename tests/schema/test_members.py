"""Members over the schema: found by what they are known by, listed, and masked (M1, M4)."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from resolvers.access import NOBODY, Principal
from resolvers.domain.members import member_id
from schema.ids import seal
from tests.schema.asking import ask, hold, place
from tests.schema.people import CARD, HERSELF, LIN, LIN_ID, PHONE, peopled_shop, source
from tests.support import ASSOCIATE, GUEST, MANAGER, OPERATOR, PARTNER, SHOPPER, Shop

MEMBER = """fragment Whole on Member {
  id displayName phone email tier pointsBalance tags
  consents { kind given at }
  identities { kind system value linkedAt evidence }
  provenance { system externalId }
}"""
BY = f"{MEMBER} query ($by: MemberBy!) {{ member(by: $by) {{ ...Whole }} }}"
LIST = """query ($first: Int!, $after: String, $f: MemberFilter) {
  members(first: $first, after: $after, filter: $f) {
    nodes { displayName provenance { system } } pageInfo { hasNextPage endCursor }
  }
}"""

WHOLE: dict[str, Any] = {
    "id": LIN_ID,
    "displayName": "林若溪",
    "phone": PHONE,
    "email": "lin@example.com",
    "tier": "GOLD",
    "pointsBalance": 1200,
    "tags": ["护肤", "送礼"],
    "consents": [{"kind": "sms", "given": True, "at": "2026-03-02T12:00:00Z"}],
    "identities": [
        {
            "kind": kind,
            "system": system,
            "value": value,
            "linkedAt": "2026-03-02T12:00:00Z",
            "evidence": "crm",
        }
        for kind, system, value in (
            ("PHONE", "crm", PHONE),
            ("EMAIL", "crm", "lin@example.com"),
            ("CARD", "crm", CARD),
            ("UNION_ID", "wechat", "u-1"),
            ("EXTERNAL", "marketplace-a", "buyer-7"),
        )
    ],
    "provenance": [{"system": "crm", "externalId": "c1"}],
}
MASKS = ["+861****8000", "l****@example.com", "****1234", "****", "****"]
MASKED = WHOLE | {
    "displayName": "林**",
    "phone": "+861****8000",
    "email": "l****@example.com",
    "identities": [
        known | {"value": mask} for known, mask in zip(WHOLE["identities"], MASKS, strict=True)
    ],
    "provenance": [{"system": "crm", "externalId": "****"}],
}


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    opened = await peopled_shop()
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    "by",
    [
        {"id": LIN_ID},
        {"phone": "138 0013 8000"},
        {"phone": "0086-13800138000"},
        {"phone": "＋８６１３８００１３８０００"},
        {"email": " Lin@Example.com "},
        {"card": "6225 8800 1234"},
        {"unionId": "u-1"},
        {"external": {"system": "crm", "id": "c1"}},
        {"external": {"system": "marketplace-a", "id": "buyer-7"}},
    ],
)
async def test_a_member_is_found_by_whatever_it_is_known_by(
    shop: Shop, by: Mapping[str, Any]
) -> None:
    answer = await ask(shop, BY, MANAGER, by=by)

    assert (answer.data, answer.errors) == ({"member": WHOLE}, [])


@pytest.mark.parametrize(
    "by",
    [
        {"id": seal("Member", "none")},
        {"id": seal("Order", LIN)},
        {"id": LIN},
        {"id": seal("Member", member_id("crm", "c4"))},
        {"phone": "13800138001"},
        {"external": {"system": "crm", "id": "c4"}},
        {"external": {"system": "none", "id": "c1"}},
        {"unionId": "U-1"},
    ],
)
async def test_nobody_and_whoever_is_gone_is_null(shop: Shop, by: Mapping[str, Any]) -> None:
    answer = await ask(shop, BY, OPERATOR, by=by)

    assert (answer.data, answer.errors) == ({"member": None}, [])


async def test_of_several_the_first_sources_only_one_is_meant_and_else_nobody_is_guessed(
    shop: Shop,
) -> None:
    """The CRM has one of three with this phone, but two with this card."""
    by_phone = await ask(shop, BY, MANAGER, by={"phone": PHONE})
    by_card = await ask(shop, BY, MANAGER, by={"card": "1000"})
    document = "query ($f: MemberFilter) { members(first: 9, filter: $f) { nodes { tier } } }"
    listed = await ask(shop, document, MANAGER, f={"card": "1000"})

    assert by_phone.data["member"]["provenance"] == [{"system": "crm", "externalId": "c1"}]
    assert by_card.data == {"member": None}
    assert by_card.code == "INVALID_INPUT"
    assert by_card.errors[0]["extensions"]["field"] == ["by"]
    assert by_card.errors[0]["message"] == (
        "2 members of crm are known by this; list them with members(filter: {card: …})"
    )
    assert listed.data["members"]["nodes"] == [{"tier": "SILVER"}] * 2


async def test_the_order_of_the_configuration_is_the_preference(shop: Shop) -> None:
    shop.backends = {"shop": source("shop"), "crm": source("crm")}

    answer = await ask(shop, BY, MANAGER, by={"phone": PHONE})

    assert answer.errors[0]["message"] == (
        "2 members of shop are known by this; list them with members(filter: {phone: …})"
    )


@pytest.mark.parametrize(
    ("by", "field"),
    [
        ({"phone": "99 secret"}, ["by", "phone"]),
        ({"phone": "13"}, ["by", "phone"]),
        ({"email": "13800138000"}, ["by", "email"]),
        ({"card": " "}, ["by", "card"]),
        ({"unionId": ""}, ["by", "unionId"]),
        ({"external": {"system": "crm", "id": "x" * 256}}, ["by", "external", "id"]),
    ],
)
async def test_what_nobody_can_be_known_by_is_refused_without_saying_it_back(
    shop: Shop, by: dict[str, Any], field: list[str]
) -> None:
    answer = await ask(shop, BY, MANAGER, by=by)

    assert (answer.data, answer.code) == ({"member": None}, "INVALID_INPUT")
    assert answer.errors[0]["extensions"]["field"] == field
    assert "secret" not in answer.errors[0]["message"]


@pytest.mark.parametrize(
    ("caller", "code"),
    [
        (NOBODY, "UNAUTHENTICATED"),
        (GUEST, "FORBIDDEN"),
        (SHOPPER, "FORBIDDEN"),
        (HERSELF, "FORBIDDEN"),
        (PARTNER, "FORBIDDEN"),
        (ASSOCIATE, None),
        (MANAGER, None),
        (OPERATOR, None),
    ],
)
async def test_only_the_houses_people_look_members_up(
    shop: Shop, caller: Principal, code: str | None
) -> None:
    one = await ask(shop, BY, caller, by={"phone": PHONE})
    several = await ask(shop, LIST, caller, first=9)

    assert [error["extensions"]["code"] for error in one.errors] == ([code] if code else [])
    assert [error["extensions"]["code"] for error in several.errors] == ([code] if code else [])


@pytest.mark.parametrize(
    ("caller", "told"),
    [(ASSOCIATE, MASKED), (MANAGER, WHOLE), (HERSELF, WHOLE), (SHOPPER, None), (PARTNER, None)],
)
async def test_masks_hold_by_whichever_way_a_member_is_reached(
    shop: Shop, caller: Principal, told: Any
) -> None:
    """By id, as an entity, as the buyer of an order and as whom a hold is for."""
    order = (await place(shop, "o", HERSELF))["order"]["id"]
    held = (await hold(shop, "h", HERSELF))["reservation"]["id"]
    document = f"""{MEMBER} query ($id: ID!, $of: [_Any!]!) {{
      node(id: $id) {{ ... on Member {{ ...Whole }} }}
      _entities(representations: $of) {{ ... on Member {{ ...Whole }} }}
    }}"""
    through = f"""{MEMBER} query ($order: ID!, $held: ID!) {{
      order(by: {{id: $order}}) {{ memberId member {{ ...Whole }} }}
      reservation(id: $held) {{ memberId member {{ ...Whole }} }}
    }}"""
    everywhere = replace(caller, locations=())

    direct = await ask(
        shop, document, caller, id=LIN_ID, of=[{"__typename": "Member", "id": LIN_ID}]
    )
    bought = await ask(shop, through, everywhere, order=order, held=held)

    assert direct.data == {"node": told, "_entities": [told]}
    if caller != SHOPPER:  # who sees neither the order nor the hold
        both = {"memberId": LIN_ID, "member": told}
        assert bought.data == {"order": both, "reservation": both}


@pytest.mark.parametrize(
    ("caller", "told"),
    [(HERSELF, WHOLE), (SHOPPER, None), (MANAGER, None)],
)
async def test_me_is_the_member_that_the_token_says(
    shop: Shop, caller: Principal, told: Any
) -> None:
    answer = await ask(shop, f"{MEMBER} {{ me {{ ...Whole }} }}", caller)

    assert (answer.data, answer.errors) == ({"me": told}, [])


@pytest.mark.parametrize(("caller", "code"), [(GUEST, "FORBIDDEN"), (NOBODY, "UNAUTHENTICATED")])
async def test_who_has_no_token_of_its_own_is_nobody(
    shop: Shop, caller: Principal, code: str
) -> None:
    answer = await ask(shop, "{ me { id } }", caller)

    assert (answer.data, answer.code) == ({"me": None}, code)


@pytest.mark.parametrize(
    ("filter", "names"),
    [
        ({}, ["陈思远", "陈思远", "林若溪", "林若溪", "小林"]),
        ({"phone": "138-0013-8000"}, ["林若溪", "林若溪", "小林"]),
        ({"email": "LIN@example.com"}, ["林若溪"]),
        ({"card": "1000", "tags": ["送礼"]}, ["陈思远"]),
        ({"system": ["shop"]}, ["林若溪", "小林"]),
        ({"tier": ["GOLD", "NONE"]}, ["林若溪"]),
        ({"tags": ["送礼"]}, ["陈思远", "林若溪"]),
        ({"updatedSince": "2026-03-02T12:00:01Z"}, []),
    ],
)
async def test_members_are_listed_by_what_they_are(
    shop: Shop, filter: dict[str, Any], names: list[str]
) -> None:
    answer = await ask(shop, LIST, OPERATOR, first=9, f=filter)

    assert sorted(node["displayName"] for node in answer.data["members"]["nodes"]) == sorted(names)


async def test_pages_of_members_lead_to_the_end_and_never_overlap(shop: Shop) -> None:
    seen: list[str] = []
    after = None
    for _ in range(3):
        answer = await ask(shop, LIST, OPERATOR, first=2, after=after)
        page = answer.data["members"]
        seen += [node["displayName"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]

    assert page["pageInfo"]["hasNextPage"] is False
    assert len(seen) == 5


@pytest.mark.parametrize(
    ("filter", "field"),
    [
        ({"phone": "138"}, ["filter", "phone"]),
        ({"email": "lin"}, ["filter", "email"]),
        ({"card": ""}, ["filter", "card"]),
        ({"tags": ["x"] * 101}, ["filter", "tags"]),
        ({"tier": [""]}, ["filter", "tier"]),
    ],
)
async def test_a_filter_that_cannot_be_meant_is_refused(
    shop: Shop, filter: dict[str, Any], field: list[str]
) -> None:
    answer = await ask(shop, LIST, OPERATOR, first=9, f=filter)

    assert answer.code == "INVALID_INPUT"
    assert answer.errors[0]["extensions"]["field"] == field
