"""The connector on a running CRM, compared with what was entered there, and with a witness who asks
without it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from resolvers.backend_ports import Probe
from resolvers.domain.errors import BackendRefused, BackendTimedOut, BackendUnavailable
from resolvers.domain.inbox import Hint, Message
from resolvers.domain.members import IdentityKind, Member
from tests.contract.connectors.receiver import Receiver
from tests.live_crm.door import Door
from tests.live_crm.house import RunningCrm
from tests.live_crm.people import COUNT, Person, by_reference, people, with_phone

# The first run installs the CRM.
pytestmark = [pytest.mark.live_crm, pytest.mark.timeout(1800)]

Known = tuple[IdentityKind, str, str]


@pytest.fixture
def put_back(crm: RunningCrm) -> Iterator[None]:
    """For a test that changes whom others count."""
    yield
    crm.reset()


def known_by(member: Member) -> set[Known]:
    return {(it.kind, it.system, it.value) for it in member.identities}


def expected(person: Person, id: str) -> set[Known]:
    told = {
        (IdentityKind.EXTERNAL, "crm"): id,
        (IdentityKind.PHONE, "crm"): person.e164,
        (IdentityKind.EMAIL, "crm"): (person.email or "").lower(),
        (IdentityKind.CARD, "crm"): person.fields.get("member_card"),
        (IdentityKind.UNION_ID, "crm"): person.fields.get("wechat_unionid"),
        (IdentityKind.OPEN_ID, "crm"): person.fields.get("wechat_openid"),
        (IdentityKind.EXTERNAL, "pos"): person.fields.get("pos_customer_id"),
    }
    return {(kind, system, value) for (kind, system), value in told.items() if value}


# ---- reading ----------------------------------------------------------------------------------


async def test_a_whole_reading_is_exactly_who_was_entered(door, staff):
    rows = staff.by_reference()

    found = await door.everybody()

    entered = by_reference()
    assert {ref: known_by(found[row["id"]]) for ref, row in rows.items()} == {
        ref: expected(person, rows[ref]["id"]) for ref, person in entered.items()
    }
    assert {ref: set(found[row["id"]].tags) for ref, row in rows.items()} == {
        ref: set(person.tags) for ref, person in entered.items()
    }
    assert {ref: found[row["id"]].points for ref, row in rows.items()} == {
        ref: person.fields.get("points") for ref, person in entered.items()
    }
    consents = {
        ref: {consent.kind: consent.given for consent in found[row["id"]].consents}
        for ref, row in rows.items()
    }
    assert consents == {
        ref: {
            key.removeprefix("consent_"): given
            for key, given in person.fields.items()
            if key.startswith("consent_")
        }
        for ref, person in entered.items()
    }
    assert len(found) == COUNT == 300


async def test_every_tier_is_that_of_the_tag(door):
    tiers = Counter(member.tier for member in (await door.everybody()).values())

    entered = Counter(
        next((tag[5:] for tag in person.tags if tag.startswith("tier:")), None)
        for person in people()
    )
    assert tiers == entered


async def test_everybody_with_a_telephone_is_found_however_it_was_written(door, staff):
    e164 = "+8613800000007"
    rows = staff.by_reference()

    found = await door.with_phone(e164)

    refs = [person.ref for person in with_phone(e164)]
    assert set(found) == {rows[ref]["id"] for ref in refs}
    assert len(refs) == 2


async def test_the_doctor_counts_them(door):
    assert await door.backend.health.probe() == Probe(good=True, detail="300 contacts")


async def test_a_token_of_no_administrator_is_told_to_the_doctor_and_never_believed(crm, staff):
    id = staff.by_reference()["person-000001"]["id"]
    async with Door(crm, token=crm.house.token("guide")) as guide:
        probe = await guide.backend.health.probe()
        with pytest.raises(BackendRefused, match="no administrator"):
            await guide.everybody()
        with pytest.raises(BackendRefused, match="no administrator"):
            await guide.members.member(id)

    assert not probe.good
    assert "administrator" in probe.remedy


# ---- changes ----------------------------------------------------------------------------------


async def test_a_changed_telephone_is_read_and_the_old_one_is_gone(door, staff, put_back):
    id = staff.by_reference()["person-000001"]["id"]

    staff.change(id, phone="0086 139-9999-0001")

    assert (await door.one(id)).first(IdentityKind.PHONE) == "+8613999990001"
    assert await door.with_phone("+8613999990001") == [id]
    assert id not in await door.with_phone("+8613800000001")


async def test_a_changed_tag_alone_changes_the_tier_and_the_stamp(door, staff, put_back):
    id = staff.by_reference()["person-000002"]["id"]
    before = await door.one(id)

    staff.change(id, tags=[staff.tag("tier:diamond")])

    after = await door.one(id)
    assert (before.tier, after.tier) == ("platinum", "diamond")
    assert after.tags == ("tier:diamond",)
    assert after.updated_at > before.updated_at
    assert after.identities == before.identities


async def test_a_tag_that_was_archived_is_in_the_next_whole_reading_of_nobody(
    door, staff, administrator, put_back
):
    tag = staff.tag("敏感肌")
    assert sum("敏感肌" in it.tags for it in (await door.everybody()).values()) == 20

    administrator.ask("DELETE", f"tags/{tag}/")

    assert sum("敏感肌" in it.tags for it in (await door.everybody()).values()) == 0


async def test_whoever_was_deleted_or_put_out_of_use_is_gone(door, staff, put_back):
    rows = staff.by_reference()
    deleted, unused = rows["person-000003"]["id"], rows["person-000004"]["id"]

    staff.delete(deleted)
    staff.change(unused, is_active=False)

    found = await door.everybody()
    assert await door.members.member(deleted) is None
    assert await door.members.member(unused) is None
    assert not {deleted, unused} & found.keys()
    assert len(found) == 298


async def test_of_two_merged_the_loser_is_gone_and_the_keeper_has_the_tags_of_both(
    door, staff, put_back
):
    rows = staff.by_reference()
    keeper, loser = rows["person-000005"]["id"], rows["person-000006"]["id"]
    tiers = {(await door.one(id)).tier for id in (keeper, loser)}

    staff.merge(keeper, loser)

    kept = await door.one(keeper)
    assert await door.members.member(loser) is None
    assert tiers == {"gold", "platinum"}
    assert kept.tier == "platinum"
    assert {"tier:gold", "tier:platinum"} <= set(kept.tags)
    assert len(await door.everybody()) == 299


async def test_nobody_is_missed_when_people_are_deleted_between_two_pages(door, staff, put_back):
    rows = [row["id"] for row in staff.contacts()]
    found: set[str] = set()
    left = iter(rows[:40])

    async for page in door.pages():
        found |= {it.provenance.external_id for it in page.items}
        for id in (next(left, None) for _ in range(10)):
            if id is not None:
                staff.delete(id)

    assert {row["id"] for row in staff.contacts()} <= found


# ---- messages ---------------------------------------------------------------------------------


async def test_a_message_comes_signed_and_leads_to_the_contact(crm, staff, administrator, put_back):
    with Receiver(lambda raw: raw.body.hex(), polite=True) as receiver:
        endpoint, secret = administrator.send_to(receiver.url)
        async with (
            Door(crm, webhook_secrets=[secret.encode()]) as door,
            Door(crm, webhook_secrets=[b"another"]) as stranger,
        ):
            ours, theirs = door.backend.events, stranger.backend.events
            assert ours is not None and theirs is not None
            id = staff.create("新", "会员", phone="138 8888 0001", tags=[staff.tag("tier:gold")])
            raw = receiver.next()
            administrator.ask("POST", f"webhooks/{endpoint}/test/", {})
            ping = receiver.next()
            member = await door.one(id)

    told = Message("1", "crm", ours.dedupe_key(raw), raw.received_at, raw.body)
    assert ours.verify(raw) and ours.verify(ping)
    assert not theirs.verify(raw)
    assert not ours.verify(replace(raw, body=raw.body.replace(b"created", b"deleted")))
    assert ours.hints(told) == [Hint("members", id)]
    assert ours.hints(replace(told, body=ping.body)) == []
    assert ours.kept_headers(raw) == {"x-bottlecrm-event": "contact.created"}
    assert (member.display_name, member.tier) == ("新会员", "gold")
    assert member.first(IdentityKind.PHONE) == "+8613888880001"


# ---- bad days ---------------------------------------------------------------------------------


async def test_a_token_without_the_scope_is_refused_with_the_scope(crm, administrator):
    token, _ = administrator.new_token("tags-only", ["tags:read"])
    async with Door(crm, token=token) as door:
        with pytest.raises(BackendRefused, match="contacts:read"):
            await door.everybody()


async def test_a_server_that_is_stopped_is_unavailable_and_comes_back(crm, door):
    crm.stop_web()
    with pytest.raises(BackendUnavailable):
        await door.everybody()
    probe = await door.backend.health.probe()
    crm.start_again()

    assert not probe.good
    assert len(await door.everybody()) == COUNT


async def test_a_database_that_is_down_is_an_outage_within_the_time_that_was_set(crm):
    crm.postgres.stop()
    async with Door(crm, timeout_seconds=2.0) as door:
        with pytest.raises(BackendTimedOut):
            await door.everybody()
    crm.start_again()

    async with Door(crm) as door:
        assert len(await door.everybody()) == COUNT


async def test_redis_gone_costs_the_look_up_alone(crm, door):
    crm.kill("redis")
    with pytest.raises(BackendUnavailable):
        await door.with_phone("+8613800000007")
    found = await door.everybody()
    crm.start_again()

    assert len(found) == COUNT
    assert len(await door.with_phone("+8613800000007")) == 2
