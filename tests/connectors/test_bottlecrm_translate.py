"""What real contacts become, and what is made of values that mean nothing."""

from datetime import UTC, datetime

import pytest

from connectors.crm.bottlecrm_terms import Terms, terms_of
from connectors.crm.bottlecrm_translate import full_name, translate_contact
from connectors.crm.bottlecrm_wire import Illegible
from connectors.options import BadOption
from resolvers.domain.catalog import Provenance
from resolvers.domain.members import Consent, Identity, IdentityKind, Member, member_id
from tests.connectors.bottlecrm_scripted import GOLD, NOW, OLD, contact, id_of, recorded

NAMES = {GOLD: "tier:gold", id_of(903): "tier:silver", id_of(904): "敏感肌"}


def read(row, **terms) -> Member | None:
    return translate_contact(row, NAMES, system="crm", terms=Terms(**terms), at=NOW)


def test_a_recorded_contact_is_this_member():
    row = recorded("contacts")["results"][1]
    names = {tag["id"]: tag["name"] for tag in recorded("tags")["tags"]}
    created = datetime.fromisoformat(row["created_at"]).astimezone(UTC)
    changed = datetime.fromisoformat(row["updated_at"]).astimezone(UTC)

    def known(kind: IdentityKind, value: str) -> Identity:
        return Identity(kind, "crm", value, created, "crm record")

    assert translate_contact(row, names, system="crm", terms=Terms(), at=NOW) == Member(
        id=member_id("crm", row["id"]),
        display_name="沈知夏",
        identities=(
            known(IdentityKind.EXTERNAL, row["id"]),
            known(IdentityKind.PHONE, "+8613700132001"),
            known(IdentityKind.EMAIL, "shen.zhixia@example.com"),
            known(IdentityKind.CARD, "M00000007"),
        ),
        provenance=Provenance("crm", row["id"], NOW),
        updated_at=changed,
        tier="platinum",
        points=600,
        tags=("tier:platinum",),
        consents=(Consent("sms", True, changed),),
    )


def test_the_answer_about_one_contact_holds_the_row_of_the_list():
    assert recorded("contact")["contact_obj"] == recorded("contacts")["results"][0]


def test_ids_of_other_systems_stand_under_their_names_without_blanks():
    fields = {"pos_customer_id": "POS 12", "wechat_unionid": "o6_1", "member_card": 77.0}
    told = read(contact(1, custom_fields=fields), external=(("pos_customer_id", "pos"),))

    assert told is not None
    assert [(it.kind.value, it.system, it.value) for it in told.identities[1:]] == [
        ("CARD", "crm", "77"),
        ("UNION_ID", "crm", "o6_1"),
        ("EXTERNAL", "pos", "POS12"),
    ]


@pytest.mark.parametrize(
    ("more", "lost"),
    [
        ({"phone": "12345", "phone_e164": ""}, IdentityKind.PHONE),
        ({"phone": "call my wife"}, IdentityKind.PHONE),
        ({"email": "none"}, IdentityKind.EMAIL),
        ({"custom_fields": {"member_card": True}}, IdentityKind.CARD),
        ({"custom_fields": {"member_card": ["M1"]}}, IdentityKind.CARD),
    ],
)
def test_a_value_that_means_nothing_is_left_out_and_the_person_stays(more, lost):
    told = read(contact(1, **more))

    assert told is not None
    assert told.first(lost) is None
    assert told.display_name == "Ruoxi Wu1"


def test_a_number_that_the_crm_could_not_read_is_read_in_the_region_of_the_settings():
    row = contact(1, phone="020 7946 0018", phone_e164="")

    told = read(row, region="GB")

    assert told is not None
    assert told.first(IdentityKind.PHONE) == "+442079460018"


@pytest.mark.parametrize(
    ("points", "told"),
    [(12.9, 12), (0, 0), ("12", None), (True, None), (1e300, None), (None, None)],
)
def test_points_are_whole_or_unknown(points, told):
    member = read(contact(1, custom_fields={"points": points}))

    assert member is not None
    assert member.points == told


def test_archived_tags_are_left_out_and_two_tiers_need_an_order():
    row = contact(1, tags=[GOLD, OLD, id_of(903), id_of(904)])

    unordered, ordered = read(row), read(row, tiers=("silver", "gold"))

    assert unordered is not None and ordered is not None
    assert unordered.tags == ("tier:gold", "tier:silver", "敏感肌")
    assert (unordered.tier, ordered.tier) == (None, "gold")


def test_whoever_was_put_out_of_use_is_nobody():
    assert read(contact(1, is_active=False)) is None


@pytest.mark.parametrize(
    "more",
    [
        {"id": 7},
        {"id": "7"},
        {"tags": None},
        {"tags": [{"id": "x"}]},
        {"custom_fields": []},
        {"updated_at": "yesterday"},
        {"updated_at": "2026-11-02T10:00:00"},
        {"updated_at": "0001-01-01T00:00:00+08:00"},  # the day before the first
        {"first_name": None},
        {"phone_e164": 86},
        {"is_active": 1},
    ],
)
def test_a_row_of_another_shape_is_refused(more):
    with pytest.raises(Illegible):
        read(contact(1, **more))


@pytest.mark.parametrize("gone", ["phone", "phone_e164", "email", "custom_fields", "tags"])
def test_a_row_that_lacks_a_part_is_refused(gone):
    row = contact(1)
    del row[gone]

    with pytest.raises(Illegible, match=gone):
        read(row)


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        ("若溪", "吴", "吴若溪"),
        ("吴若溪", "-", "吴若溪"),
        ("Ruoxi", "Wu", "Ruoxi Wu"),
        ("-", "-", None),
    ],
)
def test_names_are_written_as_where_they_come_from(first, last, told):
    assert full_name(first, last) == told


def test_options_say_what_stands_where():
    options = {"tiers": "silver, gold", "external_fields": "pos_id=pos,nick = tm"}

    assert terms_of(options) == Terms(
        tiers=("silver", "gold"), external=(("pos_id", "pos"), ("nick", "tm"))
    )
    assert terms_of({}) == Terms()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("phone_region", "China"),
        ("external_fields", "pos_id"),
        ("tier_prefix", " "),
        ("teirs", "gold"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused_by_name(option, value):
    with pytest.raises(BadOption) as refused:
        terms_of({option: value})

    assert refused.value.option == option
