"""The sandbox CRM: the members of the chain, under the CRM's own ids.

A role for members does not exist in the ports yet; until it does, this is a typed change feed and a
probe, with the records of ``chain``.
"""

import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date, datetime
from pathlib import Path

from connectors.sandbox.chain import TIERS, SandboxMember, members
from connectors.sandbox.knobs import Knobs
from connectors.sandbox.systems import System, following, horizon, start_at, wall_clock
from resolvers.backend_ports import Probe
from resolvers.domain.errors import InvalidInput, NotFound

CODE = "crm"

_LAYOUT = """
CREATE TABLE member (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, phone TEXT NOT NULL UNIQUE, email TEXT NOT NULL UNIQUE,
  tier TEXT NOT NULL, tags TEXT NOT NULL, home_location TEXT NOT NULL, joined_on TEXT NOT NULL,
  updated_at TEXT NOT NULL, changed INTEGER NOT NULL UNIQUE
) WITHOUT ROWID
"""


def _seed(db: sqlite3.Connection) -> None:
    db.executemany(
        "INSERT INTO member VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                member.id,
                member.name,
                member.phone,
                member.email,
                member.tier,
                json.dumps(member.tags, ensure_ascii=False),
                member.home_location,
                member.joined_on.isoformat(),
                member.updated_at.isoformat(),
                at,
            )
            for at, member in enumerate(members(), start=1)
        ],
    )
    start_at(db, len(members()))


def _changed(
    db: sqlite3.Connection, after: int, until: int, limit: int
) -> list[tuple[int, SandboxMember]]:
    rows = db.execute(
        "SELECT * FROM member WHERE changed > ? AND changed <= ? ORDER BY changed LIMIT ?",
        (after, until, limit),
    ).fetchall()
    return [
        (
            changed,
            SandboxMember(
                id,
                name,
                phone,
                email,
                tier,
                tuple(json.loads(tags)),
                home,
                date.fromisoformat(joined_on),
                datetime.fromisoformat(updated_at),
            ),
        )
        for id, name, phone, email, tier, tags, home, joined_on, updated_at, changed in rows
    ]


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

    def members(self, cursor: str) -> AsyncIterator[tuple[Sequence[SandboxMember], str]]:
        """Members in pages of 100: all, or those that changed since a cursor."""
        return self._system.pages(cursor, _changed, horizon)

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
