"""The sandbox CRM as a source of members: to the end, since a cursor, who was forgotten (M1)."""

from collections import Counter

import pytest

from connectors.sandbox.crm import SandboxCrm
from connectors.sandbox.knobs import Fault, Knobs
from resolvers.backend_ports import Changes
from resolvers.domain.catalog import Provenance
from resolvers.domain.errors import BackendRefused, BackendUnavailable, NotFound
from resolvers.domain.members import Consent, Identity, IdentityKind, Member, member_id
from resolvers.domain.values import utc

NOON = utc(2026, 3, 2, 12)


async def pages_of(crm: SandboxCrm, cursor: str = "") -> list[Changes[Member]]:
    return [page async for page in crm.members(cursor)]


async def test_everybody_is_told_in_pages_and_the_last_says_that_it_is_whole(crm) -> None:
    pages = await pages_of(crm)

    told = [(len(page.items), page.cursor, list(page.gone), page.whole) for page in pages]
    assert told == [(100, "100", [], False), (100, "200", [], False), (6, "206", [], True)]
    assert len({member.id for page in pages for member in page.items}) == 206
    assert await pages_of(crm, "206") == []


async def test_a_member_is_told_with_all_that_is_known_of_it(crm) -> None:
    told = await crm.member("C100003")

    joined = told.identities[0].linked_at
    assert told == Member(
        member_id("crm", "C100003"),
        told.display_name,
        (
            Identity(IdentityKind.PHONE, "crm", "+8612000000003", joined, "crm"),
            Identity(IdentityKind.EMAIL, "crm", "member003@example.com", joined, "crm"),
            Identity(IdentityKind.CARD, "crm", "88000003", joined, "crm"),
            Identity(IdentityKind.UNION_ID, "wechat", "union-000003", joined, "crm"),
        ),
        Provenance("crm", "C100003", utc(2026, 2, 28, 23, 57)),
        utc(2026, 2, 28, 23, 57),
        told.tier,
        111,
        told.tags,
        (Consent("sms", given=True, at=joined),),
    )
    assert told == (await pages_of(crm))[0].items[2]
    assert await crm.member("C999999") is None


async def test_six_phones_have_two_records_in_whatever_notation_they_are_written(crm) -> None:
    people = [member for page in await pages_of(crm) for member in page.items]

    known = Counter(member.first(IdentityKind.PHONE) for member in people)
    twice = sorted(phone for phone, records in known.items() if phone and records == 2)
    assert twice == [f"+86120{number:08}" for number in (31, 61, 91, 121, 151, 181)]


async def test_what_changed_is_told_once_more_and_only_that(crm) -> None:
    await crm.change_tier("C100007", "PLATINUM")
    await crm.change_tier("C100009", "SILVER")

    [page] = await pages_of(crm, "206")

    assert [(it.provenance.external_id, it.tier, it.updated_at) for it in page.items] == [
        ("C100007", "PLATINUM", NOON),
        ("C100009", "SILVER", NOON),
    ]
    assert (page.cursor, page.whole) == ("208", False)


async def test_who_was_forgotten_is_told_as_gone_and_is_not_there_any_more(crm) -> None:
    await crm.change_tier("C100007", "PLATINUM")
    await crm.forget("C100007")

    [page] = await pages_of(crm, "206")
    everybody = await pages_of(crm)

    assert (page.items, page.gone, page.cursor) == ([], ["C100007"], "208")
    assert sum(len(page.items) for page in everybody) == 205
    assert (everybody[-1].gone, everybody[-1].whole) == (["C100007"], True)
    assert await crm.member("C100007") is None
    with pytest.raises(NotFound):
        await crm.forget("C100007")


async def test_a_reading_under_which_something_changed_is_not_said_to_be_whole(crm) -> None:
    """Who moved behind the reading's end would be taken for gone."""
    reading = crm.members("")
    first = await anext(reading)
    await crm.change_tier("C100203", "PLATINUM")
    rest = [page async for page in reading]

    told = {member.provenance.external_id for page in [first, *rest] for member in page.items}
    assert "C100203" not in told
    assert [page.whole for page in [first, *rest]] == [False] * 3
    assert [it.provenance.external_id for it in (await pages_of(crm, "206"))[0].items] == [
        "C100203"
    ]


async def test_a_cursor_of_somebody_else_and_a_crm_that_is_down_are_said(crm) -> None:
    with pytest.raises(BackendRefused):
        await pages_of(crm, "next")
    await crm.set_knobs(Knobs(0, Fault.UNAVAILABLE))
    with pytest.raises(BackendUnavailable):
        await pages_of(crm)
    with pytest.raises(BackendUnavailable):
        await crm.member("C100001")
