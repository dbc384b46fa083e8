"""The sandbox CRM: the members of the chain, under the CRM's own ids.

It tells every change by its sequence, and who was forgotten. Its people write phones as they like;
what is told is E.164.
"""

import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import astuple, replace
from datetime import UTC, date, datetime, time
from pathlib import Path

from connectors.sandbox.chain import CURRENCY, TIERS, SandboxMember, members
from connectors.sandbox.knobs import Knobs
from connectors.sandbox.systems import (
    System,
    following,
    horizon,
    sequence,
    start_at,
    wall_clock,
)
from resolvers.backend_ports import Changes, Probe
from resolvers.domain.catalog import Provenance
from resolvers.domain.errors import InvalidInput, NotFound
from resolvers.domain.identities import phone_of
from resolvers.domain.members import Consent, Identity, IdentityKind, Member, member_id
from resolvers.loyalty_port import LoyaltyTerms, PointsBalance

CODE = "crm"
REGION = "CN"
POINTS = LoyaltyTerms(worth_minor=1, currency=CURRENCY, tiers=TIERS)
"""A hundred points are worth a yuan."""

_LAYOUT = """
CREATE TABLE member (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, phone TEXT NOT NULL, email TEXT UNIQUE,
  card TEXT UNIQUE, union_id TEXT UNIQUE, points INTEGER NOT NULL, allows_sms INTEGER NOT NULL,
  tier TEXT NOT NULL, tags TEXT NOT NULL, home_location TEXT NOT NULL, joined_on TEXT NOT NULL,
  updated_at TEXT NOT NULL, changed INTEGER NOT NULL UNIQUE
) WITHOUT ROWID;
CREATE TABLE forgotten (id TEXT PRIMARY KEY, changed INTEGER NOT NULL UNIQUE) WITHOUT ROWID
"""
_COLUMNS = len(SandboxMember.__slots__) + 1


def _seed(db: sqlite3.Connection) -> None:
    marks = ", ".join("?" * _COLUMNS)
    rows = [_row(member, at) for at, member in enumerate(members(), start=1)]
    db.executemany(f"INSERT INTO member VALUES ({marks})", rows)
    start_at(db, len(rows))


def _row(member: SandboxMember, changed: int) -> tuple[object, ...]:
    written = replace(member, tags=())
    values = dict(zip(SandboxMember.__slots__, astuple(written), strict=True))
    values |= {
        "tags": json.dumps(member.tags, ensure_ascii=False),
        "joined_on": member.joined_on.isoformat(),
        "updated_at": member.updated_at.isoformat(),
    }
    return (*values.values(), changed)


def _member(row: Sequence[object]) -> SandboxMember:
    values = dict(zip(SandboxMember.__slots__, row, strict=True))
    values |= {
        "tags": tuple(json.loads(str(values["tags"]))),
        "allows_sms": bool(values["allows_sms"]),
        "joined_on": date.fromisoformat(str(values["joined_on"])),
        "updated_at": datetime.fromisoformat(str(values["updated_at"])),
    }
    return SandboxMember(**values)  # type: ignore[arg-type]  # as the columns are declared


def _changed(
    db: sqlite3.Connection, after: int, until: int, limit: int
) -> list[tuple[int, SandboxMember | str]]:
    """What changed: a member as it is, or the id of one that was forgotten."""
    between = "changed > ? AND changed <= ? ORDER BY changed LIMIT ?"
    asked = (after, until, limit)
    there = db.execute(f"SELECT * FROM member WHERE {between}", asked).fetchall()
    gone = db.execute(f"SELECT id, changed FROM forgotten WHERE {between}", asked).fetchall()
    found: list[tuple[int, SandboxMember | str]] = [(row[-1], _member(row[:-1])) for row in there]
    found += [(changed, id) for id, changed in gone]
    return sorted(found, key=lambda change: change[0])[:limit]


def translate_member(member: SandboxMember) -> Member:
    """A member of the CRM in the house's words."""
    joined = datetime.combine(member.joined_on, time(), UTC)
    known = (
        (IdentityKind.PHONE, CODE, phone_of(member.phone, REGION)),
        (IdentityKind.EMAIL, CODE, member.email),
        (IdentityKind.CARD, CODE, member.card),
        (IdentityKind.UNION_ID, "wechat", member.union_id),
    )
    return Member(
        member_id(CODE, member.id),
        member.name,
        tuple(
            Identity(kind, system, value, joined, CODE)
            for kind, system, value in known
            if value is not None
        ),
        Provenance(CODE, member.id, member.updated_at),
        member.updated_at,
        member.tier,
        member.points,
        member.tags,
        (Consent("sms", given=member.allows_sms, at=joined),),
    )


class SandboxCrm:
    """One door to the CRM of a data directory."""

    def __init__(self, data: Path, clock: Callable[[], datetime] = wall_clock) -> None:
        """Opens the door; the members are written down by whoever first asks."""
        self._system = System(data, CODE, _LAYOUT, _seed)
        self._clock = clock

    async def probe(self) -> Probe:
        """Says whether it is well, and how many members it has."""
        return await self._system.probe(
            lambda db: f"{db.execute('SELECT COUNT(*) FROM member').fetchone()[0]} members"
        )

    async def members(self, cursor: str) -> AsyncIterator[Changes[Member]]:
        """Members in pages of 100: all, or those that changed since a cursor.

        A reading of all says that it is whole unless something changed under it.
        """
        page: Changes[Member] | None = None
        async for found, at in self._system.pages(cursor, _changed, horizon):
            if page is not None:
                yield page
            there = [translate_member(it) for it in found if isinstance(it, SandboxMember)]
            page = Changes(there, at, [it for it in found if isinstance(it, str)])
        if page is not None:
            still = not cursor and await self._system.asked(sequence) == int(page.cursor)
            yield replace(page, whole=still)

    async def member(self, external_id: str) -> Member | None:
        """One member as it is now; None if there is none, or it was forgotten."""
        row = await self._system.asked(
            lambda db: db.execute("SELECT * FROM member WHERE id = ?", (external_id,)).fetchone()
        )
        return None if row is None else translate_member(_member(row[:-1]))

    async def balances(self, external_ids: Sequence[str]) -> Mapping[str, PointsBalance]:
        """The points of some members, and their tiers; of those that there are."""
        marks = ", ".join("?" * len(external_ids))
        rows = await self._system.asked(
            lambda db: db.execute(
                f"SELECT id, points, tier FROM member WHERE id IN ({marks})", tuple(external_ids)
            ).fetchall()
        )
        return {id: PointsBalance(points, tier) for id, points, tier in rows}

    async def count_points(self, id: str, points: int) -> None:
        """Corrects a member's points to what its people have counted; its feed says nothing of it
        until the next change of the member.

        Raises:
            NotFound: no such member.
            InvalidInput: fewer than none.
        """
        if points < 0:
            raise InvalidInput("nobody has fewer points than none")

        def counted(db: sqlite3.Connection) -> None:
            told = "UPDATE member SET points = ? WHERE id = ?"
            if not db.execute(told, (points, id)).rowcount:
                raise NotFound(f"there is no member {id}")

        await self._system.change(counted)

    async def forget(self, id: str) -> None:
        """Strikes a member out, as the person wished.

        Raises:
            NotFound: no such member.
        """

        def struck(db: sqlite3.Connection) -> None:
            if not db.execute("DELETE FROM member WHERE id = ?", (id,)).rowcount:
                raise NotFound(f"there is no member {id}")
            db.execute("INSERT INTO forgotten VALUES (?, ?)", (id, following(db)))

        await self._system.change(struck)

    async def change_tier(self, id: str, tier: str) -> None:
        """Lifts or lowers a member to a tier.

        Raises:
            NotFound: no such member.
            InvalidInput: no such tier.
        """
        if tier not in TIERS:
            raise InvalidInput(f"a tier is one of {', '.join(TIERS)}")
        now = self._clock()

        def moved(db: sqlite3.Connection) -> None:
            done = db.execute(
                "UPDATE member SET tier = ?, updated_at = ?, changed = ? WHERE id = ?",
                (tier, now.isoformat(), following(db), id),
            )
            if not done.rowcount:
                raise NotFound(f"there is no member {id}")

        await self._system.change(moved)

    async def knobs(self) -> Knobs:
        """How it behaves now."""
        return await self._system.knobs()

    async def set_knobs(self, knobs: Knobs) -> None:
        """Makes it behave otherwise, for every process at once."""
        await self._system.set_knobs(knobs)

    def close(self) -> None:
        """Shuts this door."""
        self._system.close()
