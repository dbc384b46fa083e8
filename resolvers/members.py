"""Answers about members: found by what they are known by, listed, and who calls.

Each source's record stands for itself. Every reader comes through ``record_of`` and ``known_by``,
so that what joins records into one person can stand behind these two later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from resolvers.access import Scope as Right
from resolvers.context import Context
from resolvers.domain.errors import InvalidInput
from resolvers.domain.identities import (
    KEY_CHARS_MAX,
    card_of,
    email_of,
    key_of_person,
    masked_identity,
    phone_of,
)
from resolvers.domain.members import IdentityKind, Member, member_id
from resolvers.domain.personal import hidden, masked_name
from resolvers.filters import MemberFilter
from resolvers.loyalty import Spendable, spendable
from resolvers.paging import Page, checked_first, checked_lists, not_a_cursor, page_of

_LISTED = {
    IdentityKind.PHONE: "list them with members(filter: {phone: …})",
    IdentityKind.EMAIL: "list them with members(filter: {email: …})",
    IdentityKind.CARD: "list them with members(filter: {card: …})",
}
_UNLISTED = "ask for one by id"


@dataclass(frozen=True, slots=True)
class Shown:
    """A member as a caller may see it: whole, or masked."""

    member: Member
    whole: bool


# ---- the seam -----------------------------------------------------------------------------------


async def record_of(ctx: Context, ids: Sequence[str]) -> Mapping[str, Member]:
    """The record that stands for each id; unknown ones and those that are gone are left out."""
    found = await ctx.loaders.members_by_id.load_many(list(ids))
    return {
        id: member
        for id, member in zip(ids, found, strict=True)
        if member is not None and not member.gone
    }


async def known_by(
    ctx: Context, kind: IdentityKind, value: str, system: str | None = None
) -> Sequence[Member]:
    """Every record that is known by something (in a system), in order of id."""
    found = (await ctx.store.members.members_known_by(kind, [value], system)).get(value, ())
    for member in found:
        ctx.loaders.members_by_id.prime(member.id, member)
    standing = await record_of(ctx, [member.id for member in found])
    return [standing[member.id] for member in found if member.id in standing]


# ---- answers ------------------------------------------------------------------------------------


async def member_by_id(ctx: Context, id: str) -> Shown | None:
    """One member, if this caller may see it."""
    if not _may_see(ctx, id):
        return None
    found = (await record_of(ctx, [id])).get(id)
    return None if found is None else _shown(ctx, found)


async def myself(ctx: Context) -> Shown | None:
    """The member who calls; None if the token names none, or nobody knows it."""
    own = ctx.principal.member_id
    return None if own is None else await member_by_id(ctx, own)


async def member_by_phone(ctx: Context, phone: str) -> Shown | None:
    """The member of a phone in any notation. Raises as ``_only``."""
    at = ("by", "phone")
    return await _only(ctx, IdentityKind.PHONE, phone_of(phone, ctx.terms.phone_region, field=at))


async def member_by_email(ctx: Context, email: str) -> Shown | None:
    """The member of a mail address. Raises as ``_only``."""
    return await _only(ctx, IdentityKind.EMAIL, email_of(email, field=("by", "email")))


async def member_by_card(ctx: Context, card: str) -> Shown | None:
    """The member of a card. Raises as ``_only``."""
    return await _only(ctx, IdentityKind.CARD, card_of(card, field=("by", "card")))


async def member_by_union_id(ctx: Context, union_id: str) -> Shown | None:
    """The member of a WeChat union id. Raises as ``_only``."""
    value = key_of_person(union_id, field=("by", "unionId"))
    return await _only(ctx, IdentityKind.UNION_ID, value)


async def member_by_external(ctx: Context, system: str, id: str) -> Shown | None:
    """The member that a system calls so: its own record, else whoever is known to have that id
    there. Raises as ``_only``.
    """
    code = key_of_person(system, field=("by", "external", "system"))
    value = key_of_person(id, field=("by", "external", "id"))
    own = await member_by_id(ctx, member_id(code, value))
    return own or await _only(ctx, IdentityKind.EXTERNAL, value, code)


async def points_of(ctx: Context, shown: Shown) -> Spendable:
    """What a member that the caller sees may spend.

    Raises:
        Unready: the system that keeps its points gives no answer, and none is known.
    """
    record = (await record_of(ctx, [shown.member.id])).get(shown.member.id)
    if record is None:
        return Spendable(shown.member.points)
    return await spendable(ctx.backends, ctx.loaders.balances, record)


async def browse_members(
    ctx: Context, asked: MemberFilter, first: int, after: str | None
) -> Page[Shown]:
    """A page of members, in order of id.

    Raises:
        InvalidInput: a page size, cursor or filter that cannot be meant.
    """
    ctx.principal.require(Right.MEMBERS)
    checked_first(first)
    checked_lists(system=asked.systems, tier=asked.tiers, tags=asked.tags)
    for name, values in (("system", asked.systems), ("tier", asked.tiers), ("tags", asked.tags)):
        for value in values:
            key_of_person(value, field=("filter", name))
    if after is not None and len(after) > KEY_CHARS_MAX:
        raise not_a_cursor()
    rows = await ctx.store.members.member_page(_normal(ctx, asked), after, first + 1)
    for member in rows:
        ctx.loaders.members_by_id.prime(member.id, member)
    standing = await record_of(ctx, [member.id for member in rows])
    return page_of([(id, _shown(ctx, member)) for id, member in standing.items()], first, after)


def _normal(ctx: Context, asked: MemberFilter) -> MemberFilter:
    """The filter with its values as they are compared."""
    phone, email, card = asked.phone, asked.email, asked.card
    region = ctx.terms.phone_region
    return replace(
        asked,
        phone=None if phone is None else phone_of(phone, region, field=("filter", "phone")),
        email=None if email is None else email_of(email, field=("filter", "email")),
        card=None if card is None else card_of(card, field=("filter", "card")),
    )


# ---- who of several, and how much of them -------------------------------------------------------


async def _only(
    ctx: Context, kind: IdentityKind, value: str, system: str | None = None
) -> Shown | None:
    """Who is known by something: never a guess among several.

    Of several records it is that of the source which is configured first, if it has one.

    Raises:
        InvalidInput: that source has several, too.
    """
    ctx.principal.require(Right.MEMBERS)
    found = await known_by(ctx, kind, value, system)
    if not found:
        return None
    preferred = min(_rank(ctx, member) for member in found)
    first = [member for member in found if _rank(ctx, member) == preferred]
    if len(first) == 1:
        return _shown(ctx, first[0])
    raise InvalidInput(
        f"{len(first)} members of {first[0].provenance.system} are known by this; "
        f"{_LISTED.get(kind, _UNLISTED)}",
        field=("by",),
    )


def _rank(ctx: Context, member: Member) -> tuple[int, str]:
    """Where a record's source stands among those that are configured; others come last."""
    sources = [code for code, backend in ctx.backends.items() if backend.members is not None]
    system = member.provenance.system
    return (sources.index(system) if system in sources else len(sources), system)


def _may_see(ctx: Context, id: str) -> bool:
    return ctx.principal.member_id == id or ctx.principal.may(Right.MEMBERS)


def _shown(ctx: Context, member: Member) -> Shown:
    """A member with what this caller may not see of it masked."""
    if ctx.principal.member_id == member.id or ctx.principal.may(Right.PERSONAL):
        return Shown(member, whole=True)
    masked = replace(
        member,
        display_name=None if member.display_name is None else masked_name(member.display_name),
        identities=tuple(
            replace(it, value=masked_identity(it.kind, it.value)) for it in member.identities
        ),
        provenance=replace(member.provenance, external_id=hidden(member.provenance.external_id)),
    )
    return Shown(masked, whole=False)
