"""The mirror of members in MongoDB, with what they are found by.

Of those that are gone only the record itself is left: nothing that they were known by.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from connectors.stores.coding import decoder, micros
from connectors.stores.mirrored import differing, said_by
from connectors.stores.mongo.client import Database
from connectors.stores.mongo.documents import text
from connectors.stores.mongo.house import emit
from connectors.stores.mongo.session import Document, Order, Query, Session
from connectors.stores.rows import words
from resolvers.domain.members import IdentityKind, Member
from resolvers.filters import MemberFilter
from resolvers.ports import Clock

_SAVED_AT_ONCE = 100
"""Most members of one transaction: long ones are beaten more often."""

_BY_ID: Order = (("_id", 1),)

_member = decoder(Member)


def member_doc(it: Member) -> Document:
    """A member, with what it is known by while it is there."""
    known = {words(of.kind.value, of.value) for of in it.identities}
    return {
        "_id": it.id,
        "system": it.provenance.system,
        "tier": it.tier,
        "updated_at": micros(it.updated_at),
        "gone": it.gone,
        "known": [] if it.gone else sorted(known),
        "tags": [] if it.gone else sorted(set(it.tags)),
        "digest": said_by(it),
        "body": text(it),
    }


def member_from(of: Document) -> Member:
    """A member from its document."""
    return _member(of["body"])


class MongoMembers:
    """Answers the MemberStore port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """``clock`` tells when watchers heard of a change."""
        self._database = database
        self._clock = clock

    async def save_members(self, members: Sequence[Member]) -> int:
        """Writes what differs; a source that says what it said costs no write at all."""
        found = await self._database.plain(partial(_differing, members=members))
        saved = 0
        for start in range(0, len(found), _SAVED_AT_ONCE):
            part = found[start : start + _SAVED_AT_ONCE]
            saved += await self._database.write(partial(self._save, members=part))
        return saved

    async def members(self, ids: Sequence[str]) -> Mapping[str, Member]:
        """Members by id; unknown ones are left out."""

        async def work(session: Session) -> dict[str, Member]:
            found = session.among("members", "_id", ids, fields=("_id", "body"))
            return {of["_id"]: member_from(of) async for of in found}

        return await self._database.plain(work)

    async def members_known_by(
        self, kind: IdentityKind, values: Sequence[str], system: str | None = None
    ) -> Mapping[str, Sequence[Member]]:
        """Members by what they are known by, in order of id."""
        asked = {words(kind.value, value) for value in values}

        async def work(session: Session) -> dict[str, Member]:
            found = session.among("members", "known", sorted(asked), fields=("_id", "body"))
            return {of["_id"]: member_from(of) async for of in found}

        known: dict[str, list[Member]] = {}
        for _, member in sorted((await self._database.plain(work)).items()):
            own = {
                it.value
                for it in member.identities
                if it.kind is kind and it.value in values and system in (None, it.system)
            }
            for value in own:
                known.setdefault(value, []).append(member)
        return known

    async def member_page(
        self, member_filter: MemberFilter, after: str | None, limit: int
    ) -> Sequence[Member]:
        """Members in order of id, after one."""
        asked = _asked(member_filter, after)
        found = await self._database.plain(
            lambda session: session.find(
                "members", asked, fields=("body",), order=_BY_ID, limit=limit
            )
        )
        return [member_from(of) for of in found]

    async def member_ids(self, system: str, after: str | None, limit: int) -> Sequence[str]:
        """Ids of a system's members that are not gone, in order, after one."""
        asked = _asked(MemberFilter(systems=(system,)), after)
        found = await self._database.plain(
            lambda session: session.find(
                "members", asked, fields=("_id",), order=_BY_ID, limit=limit
            )
        )
        return [of["_id"] for of in found]

    async def _save(self, session: Session, members: Sequence[Member]) -> int:
        found = await _differing(session, members)  # somebody may have been faster
        await session.put("members", map(member_doc, found))
        await emit(session, self._clock(), [("member", it.id) for it in found])
        return len(found)


async def _differing(session: Session, members: Sequence[Member]) -> list[Member]:
    ids = list(dict.fromkeys(it.id for it in members))
    stored = session.among("members", "_id", ids, fields=("_id", "digest"))
    known: dict[str, bytes] = {of["_id"]: of["digest"] async for of in stored}
    return [it for it, _ in differing(members, lambda it: it.id, said_by, known)]


def _asked(asked: MemberFilter, after: str | None) -> Query:
    """What a filter asks for, behind a member."""
    query: Document = {"gone": False}
    if after is not None:
        query["_id"] = {"$gt": after}
    known = list(_known_by(asked))
    if known:
        query["known"] = known[0] if len(known) == 1 else {"$all": known}
    for field, values in (
        ("tags", asked.tags),
        ("tier", asked.tiers),
        ("system", asked.systems),
    ):
        if values:
            query[field] = values[0] if len(values) == 1 else {"$in": list(values)}
    if asked.updated_since is not None:
        query["updated_at"] = {"$gte": micros(asked.updated_since)}
    return query


def _known_by(asked: MemberFilter) -> Iterator[str]:
    for kind, value in (
        (IdentityKind.PHONE, asked.phone),
        (IdentityKind.EMAIL, asked.email),
        (IdentityKind.CARD, asked.card),
    ):
        if value is not None:
            yield words(kind.value, value)
