"""The mirror of members in SQLite, with what they are found by.

Of those that are gone only the record itself is left: nothing that they were known by.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from connectors.stores.coding import decoder, encode, micros
from connectors.stores.mirrored import differing, said_by
from connectors.stores.sqlite.database import Database
from connectors.stores.sqlite.house import emit
from connectors.stores.sqlite.questions import Where, insert, marks, rows_for
from resolvers.domain.members import IdentityKind, Member
from resolvers.filters import MemberFilter

MEMBER = "id, system, tier, updated_at, gone"
"""What members are found by in their own table."""

_SAVED_AT_ONCE = 100
"""Most members of one transaction: while it runs, stock commands wait."""

_WALKS_MAX = 20
"""Most values that are walked beside each other."""

_KNOWN_BY = "SELECT member FROM member_identities WHERE kind = ? AND value = ?"

read_member = decoder(Member)

_Digested = tuple[Member, bytes]
_Walk = tuple[str, str, str, tuple[str, ...]]


def member_key(it: Member) -> tuple[object, ...]:
    """What a member is found by in its own table."""
    return it.id, it.provenance.system, it.tier, micros(it.updated_at), int(it.gone)


def identity_keys(it: Member) -> set[tuple[str, str, str]]:
    """Kind, value and system of what a member is found by."""
    return set() if it.gone else {(of.kind.value, of.value, of.system) for of in it.identities}


def tags_of(it: Member) -> set[str]:
    """The tags that a member is found by."""
    return set() if it.gone else set(it.tags)


def write_members(connection: sqlite3.Connection, members: Sequence[Member]) -> None:
    """Writes members, whatever stood there."""
    _put(connection, [(it, said_by(it)) for it in members])


def _put(connection: sqlite3.Connection, members: Sequence[_Digested]) -> None:
    """Writes members with what they are found by; what they were found by before is gone."""
    ids = [(it.id,) for it, _ in members]
    for table in ("member_identities", "member_tags"):
        connection.executemany(f"DELETE FROM {table} WHERE member = ?", ids)
    rows = [(*member_key(it), digest, encode(it)) for it, digest in members]
    insert(connection, f"INSERT OR REPLACE INTO members ({MEMBER}, digest, body)", rows)
    known = [(*of, it.id) for it, _ in members for of in sorted(identity_keys(it))]
    insert(connection, "INSERT OR FAIL INTO member_identities", known)
    tags = [(tag, it.id) for it, _ in members for tag in sorted(tags_of(it))]
    insert(connection, "INSERT OR FAIL INTO member_tags", tags)


class SqliteMembers:
    """Answers the MemberStore port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save_members(self, members: Sequence[Member]) -> int:
        """Writes what differs; a source that says what it said costs no write at all."""
        found = await self._database.read(partial(_differing, members=members))
        saved = 0
        for start in range(0, len(found), _SAVED_AT_ONCE):
            part = [it for it, _ in found[start : start + _SAVED_AT_ONCE]]
            saved += await self._database.write(partial(_save, members=part))
        return saved

    async def members(self, ids: Sequence[str]) -> Mapping[str, Member]:
        """Members by id; unknown ones are left out."""
        sql = "SELECT id, body FROM members WHERE id IN"
        return await self._database.read(
            lambda connection: {
                id: read_member(body) for id, body in rows_for(connection, sql, ids)
            }
        )

    async def members_known_by(
        self, kind: IdentityKind, values: Sequence[str], system: str | None = None
    ) -> Mapping[str, Sequence[Member]]:
        """Members by what they are known by, in order of id."""
        asked = Where()
        asked.add("i.kind = ?", kind)
        if system is not None:
            asked.add("i.system = ?", system)
        sql = (
            "SELECT DISTINCT i.value, m.id, m.body FROM member_identities AS i"
            f" CROSS JOIN members AS m ON m.id = i.member {asked.sql} AND i.value IN"
        )

        def work(connection: sqlite3.Connection) -> list[tuple[str, str, bytes]]:
            return list(rows_for(connection, sql, list(dict.fromkeys(values)), *asked.values))

        found: dict[str, list[Member]] = {}
        for value, _, body in sorted(await self._database.read(work)):
            found.setdefault(value, []).append(read_member(body))
        return found

    async def member_page(
        self, member_filter: MemberFilter, after: str | None, limit: int
    ) -> Sequence[Member]:
        """Members in order of id, after one."""
        found, values = _question(member_filter, after or "", limit)
        sql = f"SELECT body FROM members WHERE id IN ({found}) ORDER BY id"
        rows = await self._database.read(
            lambda connection: connection.execute(sql, values).fetchall()
        )
        return [read_member(body) for (body,) in rows]

    async def member_ids(self, system: str, after: str | None, limit: int) -> Sequence[str]:
        """Ids of a system's members that are not gone, in order, after one."""
        sql = "SELECT id FROM members WHERE gone = 0 AND system = ? AND id > ? ORDER BY id LIMIT ?"
        rows = await self._database.read(
            lambda connection: connection.execute(sql, (system, after or "", limit)).fetchall()
        )
        return [id for (id,) in rows]


def _differing(connection: sqlite3.Connection, members: Sequence[Member]) -> list[_Digested]:
    sql = "SELECT id, digest FROM members WHERE id IN"
    known: dict[str, bytes] = dict(rows_for(connection, sql, [it.id for it in members]))
    return differing(members, lambda it: it.id, said_by, known)


def _save(connection: sqlite3.Connection, members: Sequence[Member]) -> int:
    found = _differing(connection, members)  # somebody may have been faster
    _put(connection, found)
    emit(connection, "member", [it.id for it, _ in found])
    return len(found)


def _question(asked: MemberFilter, after: str, limit: int) -> tuple[str, list[object]]:
    """The ids of a page, by walks in order of id that SQLite merges: of each tag, tier or system
    that is asked for, or of all. No body is read that is not answered with.
    """
    walks = list(_walks(asked)) if not any(_known_by(asked)) else []
    if not 0 < len(walks) <= _WALKS_MAX:
        by = "" if any(_known_by(asked)) else " INDEXED BY members_in_order"
        walks = [(f"members AS m{by}", "m.id", "", ())]
    parts: list[str] = []
    values: list[object] = []
    for tables, id, clause, own in walks:
        where = _conditions(asked, id, after)
        if clause:
            where.add(clause, *own)
        parts.append(f"SELECT {id} AS id FROM {tables} {where.sql}")
        values += where.values
    return f"{' UNION '.join(parts)} ORDER BY 1 LIMIT ?", [*values, limit]


def _walks(asked: MemberFilter) -> Iterator[_Walk]:
    """Tables, id, condition and its value of each walk that a filter allows."""
    if asked.tags:
        for tag in asked.tags:
            # CROSS keeps SQLite at the order of the tag.
            tables = "member_tags AS t CROSS JOIN members AS m ON m.id = t.member"
            yield tables, "t.member", "t.tag = ?", (tag,)
    elif asked.tiers:
        for tier in asked.tiers:
            yield "members AS m INDEXED BY members_by_tier", "m.id", "m.tier = ?", (tier,)
    else:
        for system in asked.systems:
            yield "members AS m INDEXED BY members_by_system", "m.id", "m.system = ?", (system,)


def _conditions(asked: MemberFilter, id: str, after: str) -> Where:
    """The conditions of a filter; those that a walk is chosen by hold there by themselves."""
    where = Where()
    where.add(f"m.gone = 0 AND {id} > ?", after)
    known = list(_known_by(asked))
    if known:
        each = " INTERSECT ".join([_KNOWN_BY] * len(known))
        where.add(f"m.id IN ({each})", *(value for pair in known for value in pair))
    where.among("m.system", asked.systems)
    where.among("m.tier", asked.tiers)
    if asked.tags and id == "m.id":
        where.add(
            "EXISTS (SELECT 1 FROM member_tags AS g WHERE g.member = m.id"
            f" AND g.tag IN ({marks(asked.tags)}))",
            *asked.tags,
        )
    if asked.updated_since is not None:
        where.add("m.updated_at >= ?", micros(asked.updated_since))
    return where


def _known_by(asked: MemberFilter) -> Iterator[tuple[str, str]]:
    for kind, value in (
        (IdentityKind.PHONE, asked.phone),
        (IdentityKind.EMAIL, asked.email),
        (IdentityKind.CARD, asked.card),
    ):
        if value is not None:
            yield kind, value
