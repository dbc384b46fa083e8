"""What a contact of BottleCRM is in our words. Pure.

A value that means nothing (a number that nobody can be called on, points that are a text) is left
out. A row of another shape than ever is refused, and with it its page: a CRM that has changed must
not empty the record of everybody.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from connectors.crm.bottlecrm_terms import Terms
from connectors.crm.bottlecrm_wire import Illegible, Row, member_of
from resolvers.domain.catalog import Provenance
from resolvers.domain.identities import phone_if_any
from resolvers.domain.members import Consent, Identity, IdentityKind, Member, member_id

RECORD = "crm record"
"""Who vouches for what a contact is known by: the CRM's record of them."""

_NO_NAME = "-"
"""The CRM wants two names of everybody; who has one gets this for the other."""

_CJK_FIRST = "\u2e80"


def translate_contact(
    row: Row, names: Mapping[str, str], *, system: str, terms: Terms, at: datetime
) -> Member | None:
    """A contact as a member; None if it was put out of use there. ``names`` are those of tags by
    id; tags without a name are in use no more.

    Raises:
        Illegible: the row is of another shape than the CRM's contacts.
    """
    external_id = contact_id(row)
    if not member_of(row, "is_active", bool):
        return None
    fields: Row = member_of(row, "custom_fields", dict)
    since, changed = _instant(row, "created_at"), _instant(row, "updated_at")
    tags = sorted({names[id] for id in tag_ids(row) if id in names})
    known = _known_by(row, fields, system, external_id, terms)
    return Member(
        id=member_id(system, external_id),
        display_name=full_name(member_of(row, "first_name", str), member_of(row, "last_name", str)),
        identities=tuple(Identity(kind, of, it, since, RECORD) for kind, of, it in known),
        provenance=Provenance(system, external_id, at),
        updated_at=changed,
        tier=_tier(tags, terms),
        points=_whole(fields.get(terms.points_field)),
        tags=tuple(tags),
        consents=tuple(_consents(fields, terms.consent_prefix, changed)),
    )


def contact_id(row: Row) -> str:
    """A contact's id; raises as ``translate_contact``."""
    told: str = member_of(row, "id", str)
    if not is_id(told):
        raise Illegible("id is no UUID")
    return told


def tag_ids(row: Row) -> Sequence[str]:
    """The ids of a contact's tags; raises as ``translate_contact``."""
    told: list[Any] = member_of(row, "tags", list)
    if not all(isinstance(id, str) for id in told):
        raise Illegible("tags holds something that is no id")
    return told


def is_id(told: str) -> bool:
    """Whether the CRM could have given such an id."""
    try:
        return str(UUID(told)) == told
    except ValueError:
        return False


def full_name(first: str, last: str) -> str | None:
    """A name as it is written where it comes from: 吴若溪, but Ruoxi Wu."""
    given, family = (name.strip() for name in (first, last))
    parts = [name for name in (given, family) if name and name != _NO_NAME]
    if any(sign >= _CJK_FIRST for part in parts for sign in part):
        return "".join(reversed(parts)) or None
    return " ".join(parts) or None


def _known_by(
    row: Row, fields: Row, system: str, external_id: str, terms: Terms
) -> Iterator[tuple[IdentityKind, str, str]]:
    yield IdentityKind.EXTERNAL, system, external_id
    written = _text(row, "phone_e164") or _text(row, "phone")
    if number := phone_if_any(written, terms.region):
        yield IdentityKind.PHONE, system, number
    if "@" in (mail := _text(row, "email").lower()):
        yield IdentityKind.EMAIL, system, mail
    for kind, key in (
        (IdentityKind.CARD, terms.card_field),
        (IdentityKind.UNION_ID, terms.union_id_field),
        (IdentityKind.OPEN_ID, terms.open_id_field),
    ):
        if value := _code(fields.get(key)):
            yield kind, system, value
    for key, of in terms.external:
        if value := _code(fields.get(key)):
            yield IdentityKind.EXTERNAL, of, value


def _tier(tags: Sequence[str], terms: Terms) -> str | None:
    """The tier that a tag names. After a merge there may be two: the higher counts if their order
    was told, else nobody knows.
    """
    found = [tag.removeprefix(terms.tier_prefix) for tag in tags if _names_tier(tag, terms)]
    ranked = [tier for tier in terms.tiers if tier in found]
    if ranked:
        return ranked[-1]
    return found[0] if len(found) == 1 else None


def _names_tier(tag: str, terms: Terms) -> bool:
    return tag.startswith(terms.tier_prefix) and tag != terms.tier_prefix


def _consents(fields: Row, prefix: str, at: datetime) -> Iterator[Consent]:
    """What was ticked. The CRM does not keep when; it was at the latest when the contact was last
    changed.
    """
    for key, given in sorted(fields.items()):
        if key.startswith(prefix) and key != prefix and isinstance(given, bool):
            yield Consent(key.removeprefix(prefix), given, at)


def _text(row: Row, name: str) -> str:
    """A text that may be absent."""
    if name not in row:
        raise Illegible(f"{name} is missing")
    return "" if row[name] is None else str(member_of(row, name, str)).strip()


def _code(told: object) -> str:
    """A card or an id as it is compared: without blanks. Some are typed into fields for numbers."""
    if isinstance(told, bool) or not isinstance(told, str | int | float):
        return ""
    if isinstance(told, float):
        told = int(told) if told.is_integer() else ""
    return "".join(str(told).split())


def _whole(told: object) -> int | None:
    """Points are whole; a part of one has not been earned yet."""
    if isinstance(told, bool) or not isinstance(told, int | float):
        return None
    return int(told) if abs(told) < 2**53 else None


def _instant(row: Row, name: str) -> datetime:
    told: str = member_of(row, name, str)
    try:
        found = datetime.fromisoformat(told)
        in_utc = found.astimezone(UTC)
    except (ValueError, OverflowError):  # also what in UTC lies outside of the calendar
        raise Illegible(f"{name} is no time") from None
    if found.tzinfo is None:
        raise Illegible(f"{name} has no time zone")
    return in_utc
