"""The connector before a CRM from a script: a list that moves, bad answers, and messages."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from resolvers.backend_ports import Backend, Changes, Probe
from resolvers.domain.errors import (
    BackendRefused,
    BackendThrottled,
    BackendUnavailable,
    NotUnderstood,
)
from resolvers.domain.inbox import Hint, Message
from resolvers.domain.members import Member
from resolvers.event_ports import RawMessage
from tests.connectors.bottlecrm_scripted import (
    GOLD,
    TAGS,
    Answer,
    ScriptedCrm,
    contact,
    id_of,
    recorded,
)

NO_ORGANIZATION = {"detail": "Organization context is required. Please login again."}


async def pages(door: Backend, cursor: str = "") -> list[Changes[Member]]:
    assert door.members is not None
    return [page async for page in door.members.members(cursor)]


def numbers(found: list[Changes[Member]]) -> list[int]:
    return sorted(
        int(it.provenance.external_id.replace("-", ""), 16) for page in found for it in page.items
    )


def refusing(status: int, told: object = None, *, html: str = "") -> list[Callable[[], Answer]]:
    def answer() -> Answer:
        if html:
            return httpx2.Response(status, html=html)
        return httpx2.Response(status, json=told)

    return [answer]


# ---- reading whole ----------------------------------------------------------------------------


async def test_everybody_is_read_once_and_the_last_page_says_that_it_was_the_last():
    found = await pages(ScriptedCrm(450).door())

    assert numbers(found) == [*range(1, 451)]
    assert [page.whole for page in found] == [False, False, False, True]
    assert max(len(page.items) for page in found) == 200


async def test_people_deleted_between_two_pages_hide_nobody():
    crm = ScriptedCrm(600)

    def leave() -> None:
        if len(crm.rows) > 300:
            del crm.rows[0:50]

    crm.between = leave

    found = await pages(crm.door())

    left = {int(row["id"].replace("-", ""), 16) for row in crm.rows}
    assert left <= set(numbers(found))
    assert found[-1].whole


async def test_people_created_between_two_pages_are_read_too_and_nobody_twice():
    crm = ScriptedCrm(450)

    def come() -> None:
        if len(crm.rows) < 456:
            crm.rows.insert(0, contact(len(crm.rows) + 1))

    crm.between = come

    found = await pages(crm.door())

    assert len(numbers(found)) == len(set(numbers(found)))
    assert {*range(1, 454)} <= set(numbers(found))


async def test_a_list_that_never_holds_still_is_told_after_three_readings():
    crm = ScriptedCrm(30)

    def come() -> None:
        for _ in range(25):
            crm.rows.insert(0, contact(len(crm.rows) + 1))

    crm.between = come

    with pytest.raises(BackendUnavailable, match="did not hold still"):
        await pages(crm.door())


async def test_a_reading_that_was_stopped_goes_on_and_does_not_say_who_is_gone():
    crm = ScriptedCrm(450)
    first = (await pages(crm.door()))[0]
    del crm.rows[0:3]

    found = await pages(crm.door(), first.cursor)

    assert {*range(1, 251)} <= set(numbers(found)) <= {*range(1, 256)}
    assert not any(page.whole for page in found)


async def test_a_list_cut_short_ends_with_an_error_and_not_in_a_circle():
    crm = ScriptedCrm(450)
    crm.answers["/contacts/"] = refusing(200, {"count": 450, "results": crm.rows[:5]})

    with pytest.raises(BackendUnavailable, match="could not be read whole"):
        await pages(crm.door())


async def test_a_token_that_does_not_see_everybody_tells_of_nobody_that_they_are_gone():
    crm = ScriptedCrm(3)
    crm.role = "USER"
    reading = crm.book().members("")

    first = await anext(reading)
    with pytest.raises(BackendRefused, match="no administrator") as refused:
        await anext(reading)
    with pytest.raises(BackendRefused, match="no administrator"):
        await crm.book().member(id_of(7))

    assert numbers([first]) == [1, 2, 3]
    assert not first.whole
    assert refused.value.kind == "AUTH"


async def test_a_crm_without_anybody_is_read_whole():
    assert [page.whole for page in await pages(ScriptedCrm(0).door())] == [True]


async def test_a_tag_that_is_new_since_the_names_were_read_is_looked_up_at_once():
    crm = ScriptedCrm(1)
    crm.tags = [TAGS[1]]
    crm.between = lambda: setattr(crm, "tags", [*TAGS])

    found = await pages(crm.door())

    assert found[0].items[0].tags == ("tier:gold",)
    assert crm.asked.count("/tags/") == 2


@pytest.mark.parametrize(
    "more", [{"custom_fields": None}, {"updated_at": None}, {"id": "x"}, {"tags": GOLD}]
)
async def test_a_row_of_another_shape_stops_the_reading_with_its_name(more):
    crm = ScriptedCrm(3)
    crm.rows[1] |= more

    with pytest.raises(BackendUnavailable, match="makes no sense"):
        await pages(crm.door())


# ---- one by one -------------------------------------------------------------------------------


async def test_one_is_read_by_id_and_whoever_is_gone_is_nobody():
    crm = ScriptedCrm(2)
    crm.rows[0]["is_active"] = False
    book = crm.book()

    there = await book.member(id_of(1))

    assert there is not None
    assert there.display_name == "Ruoxi Wu1"
    assert await book.member(id_of(2)) is None
    assert await book.member(id_of(3)) is None


async def test_an_id_that_is_none_asks_nothing():
    crm = ScriptedCrm(2)
    book = crm.book()

    assert await book.member("../../tags") is None
    assert crm.asked == []


async def test_only_whoever_has_the_telephone_now_is_found_by_it():
    crm = ScriptedCrm(3)
    crm.rows[0] |= {"phone": "138-0000-0001", "phone_e164": "+8613800000001"}
    crm.rows[1] |= {"phone": "139-0000-0001", "phone_e164": "+8613900000001"}

    found = await crm.book().with_phone("+8613800000001")

    assert [it.provenance.external_id for it in found] == [id_of(3)]


async def test_look_ups_stay_below_the_limit_of_the_crm():
    book = ScriptedCrm(0).book()

    asked = [book.with_phone("+8613800000001") for _ in range(24)]
    answered = await asyncio.gather(*asked, return_exceptions=True)

    assert [it for it in answered if not isinstance(it, BackendThrottled)] == [[]] * 20


# ---- refusals and outages ---------------------------------------------------------------------


async def test_a_refusal_at_once_is_asked_again_and_then_believed():
    crm = ScriptedCrm(1)
    crm.answers["/tags/"] = refusing(403, NO_ORGANIZATION)

    with pytest.raises(BackendRefused, match="Please login again") as refused:
        await pages(crm.door())

    assert refused.value.kind == "AUTH"
    assert crm.asked == ["/tags/", "/tags/"]
    assert "secret" not in str(refused.value)


async def test_a_refusal_that_is_gone_when_asked_again_was_none():
    crm = ScriptedCrm(1)
    crm.answers["/tags/"] = refusing(403, NO_ORGANIZATION) + refusing(200, {"tags": TAGS})

    assert numbers(await pages(crm.door())) == [1]


async def test_a_slow_refusal_is_an_outage_and_not_asked_again():
    crm = ScriptedCrm(1)
    crm.answers["/tags/"] = refusing(403, NO_ORGANIZATION)

    with pytest.raises(BackendUnavailable, match="HTTP 403"):
        await pages(crm.door(slow_after=0.0))

    assert crm.asked == ["/tags/"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (refusing(500, html="<h1>Server Error (500)</h1>"), "HTTP 500"),
        (refusing(200, html="<h1>Welcome</h1>"), "not JSON"),
        (refusing(200, ["a", "list"]), "not an object"),
        (refusing(302, {}), "HTTP 302"),
        (refusing(200, {"tags": "none"}), "tags is str"),
        (refusing(200, {}), "tags is NoneType"),
        (refusing(404, {}), "nothing at that address"),
    ],
)
async def test_an_answer_that_makes_no_sense_is_an_outage(answer, told):
    crm = ScriptedCrm(1)
    crm.answers["/tags/"] = answer

    with pytest.raises(BackendUnavailable, match=told):
        await pages(crm.door())


async def test_the_doctor_names_what_is_wrong_from_the_outside_in():
    crm = ScriptedCrm(2)
    crm.answers["/healthz/"] = refusing(200, {})
    crm.answers["/contacts/"] = refusing(200, {"count": 2, "results": crm.rows[:1]})
    crm.answers["/custom-fields/"] = refusing(200, recorded("fields"))
    well = await crm.door(options={"card_field": "card_no"}).health.probe()
    crm.answers["/custom-fields/"] = refusing(403, {"detail": "needs custom-fields:read"})
    unscoped = await crm.door().health.probe()
    crm.answers["/custom-fields/"] = refusing(200, recorded("fields"))
    crm.role = "USER"
    blind = await crm.door().health.probe()
    crm.answers["/healthz/"] = refusing(502, html="bad gateway")
    down = await crm.door().health.probe()

    assert well == Probe(good=True, detail="2 contacts, without the custom fields card_no")
    assert "needs custom-fields:read" in unscoped.detail
    assert "administrator's token" in unscoped.remedy
    assert "no administrator" in blind.detail
    assert down.detail == "crm: /healthz/: HTTP 502"


# ---- messages ---------------------------------------------------------------------------------


def raw(name: str) -> RawMessage:
    told = recorded(name)
    stamp = told["headers"]["x-bottlecrm-signature"].removeprefix("t=").split(",")[0]
    at = datetime.fromtimestamp(int(stamp), UTC)
    return RawMessage("POST", "/webhooks/crm", "", told["headers"], told["body"].encode(), at)


def message(body: bytes) -> Message:
    return Message("1", "crm", "key", datetime(2026, 11, 28, tzinfo=UTC), body)


def test_a_recorded_message_is_the_crm_s_own_and_hints_at_its_contact():
    events = ScriptedCrm().door().events
    assert events is not None
    told = raw("updated")

    assert events.verify(told)
    assert not events.verify(RawMessage("POST", "", "", told.headers, b"{}", told.received_at))
    late = told.received_at + timedelta(minutes=6)
    assert not events.verify(RawMessage("POST", "", "", told.headers, told.body, late))
    assert events.hints(message(told.body)) == [
        Hint("members", recorded("contacts")["results"][0]["id"])
    ]


def test_a_message_sent_again_is_known_by_the_event_s_id():
    events = ScriptedCrm().door().events
    assert events is not None
    told = raw("updated")
    again = dict(told.headers) | {"x-bottlecrm-delivery": "another"}

    key = events.dedupe_key(told)

    assert key == f"event:{json.loads(told.body)['id']}"
    assert events.dedupe_key(RawMessage("POST", "", "", again, told.body, told.received_at)) == key


@pytest.mark.parametrize("body", [raw("ping").body, b'{"event": "lead.created", "data": {}}'])
def test_what_is_not_about_contacts_changes_nothing(body):
    events = ScriptedCrm().door().events
    assert events is not None

    assert events.hints(message(body)) == []


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        b"{}",
        b'{"event": 7}',
        b'{"event": "contact.updated"}',
        b'{"event": "contact.updated", "data": {"id": "../7"}}',
        b'{"event": "contact.updated", "data": {"id": null}}',
    ],
)
def test_a_message_that_makes_no_sense_waits_for_a_person(body):
    events = ScriptedCrm().door().events
    assert events is not None

    with pytest.raises(NotUnderstood):
        events.hints(message(body))
    assert events.dedupe_key(RawMessage("POST", "", "", {}, body, datetime.now(UTC)))
