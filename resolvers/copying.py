"""Copying a store into another one, of any engine: page by page, resumable, compared at the end.

Notes of how far it has come lie in the target, so that a copy that was stopped goes on there, and
nothing is served from half a store.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b

from resolvers.domain.errors import CommerceError
from resolvers.ports import Clock, Lease, Store
from resolvers.upkeep_port import COPYING, Row

_ROWS_PER_READ = 500

_FROM, _DONE = "!from", "!done"  # notes beside those of the parts, whose names begin otherwise

TURN = "sweep"
"""The turn that a serving gateway has, or waits for; who copies has it meanwhile."""

TURN_SECONDS = 10.0

PATIENCE_SECONDS = 12.0
"""How long a copy waits for a turn: that of a process which was killed ends by itself."""

_WAIT_SECONDS = 0.5


class StoreBusy(CommerceError):
    """A gateway serves from the store, or another copy is at it."""


class NotCopied(CommerceError):
    """A copy cannot be made, or is not what it is a copy of."""


@dataclass(frozen=True, slots=True)
class Copied:
    """How far a copy has come: rows of a part that are there, or were compared."""

    part: str
    rows: int
    total: int
    compared: bool = False


@dataclass(frozen=True, slots=True)
class Digest:
    """What a part says, whatever order an engine has its rows in."""

    rows: int
    sum: int


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a copy: a store, and what it is called in words."""

    name: str
    store: Store


async def copy(
    source: Side,
    target: Side,
    owner: str,
    clock: Clock,
    patience_seconds: float = PATIENCE_SECONDS,
) -> AsyncGenerator[Copied, None]:
    """Copies every part, goes on where an earlier copy of the same source was stopped, and compares
    both stores at the end.

    Raises:
        StoreBusy: one of them is being served.
        NotCopied: the target holds something else, or came out different.
    """
    turns = _Turns([source, target], owner, clock)
    try:
        await turns.take(patience_seconds)
        notes = await _begun(source, target)
        parts, there = await source.store.upkeep.parts(), await target.store.upkeep.parts()
        for part, total in parts.items():
            rows, after = there[part] if part in notes else 0, notes.get(part)
            while page := await source.store.upkeep.dump(part, after, _ROWS_PER_READ):
                await target.store.upkeep.load(part, page)
                rows, after = rows + len(page), page[-1].key
                await _note(target, part, after)
                await turns.keep()
                yield Copied(part, rows, total)
        for part in parts:
            own = await digest_of(source.store, part, turns.keep)
            made = await digest_of(target.store, part, turns.keep)
            if own != made:
                raise NotCopied(_differs(source, target, part, own, made))
            yield Copied(part, made.rows, own.rows, compared=True)
        await _note(target, _DONE, clock().isoformat())
    finally:
        await turns.give_back()


def _differs(source: Side, target: Side, part: str, own: Digest, made: Digest) -> str:
    return (
        f"{part} came out different: {own.rows} rows in {source.name}, {made.rows} in"
        f" {target.name}; if the source was written in between, empty the target and copy again"
    )


async def require_whole(store: Store) -> None:
    """Refuses a store whose copying was stopped half-way.

    Raises:
        NotCopied: with what to do.
    """
    notes = await _notes(store)
    if notes and _DONE not in notes:
        raise NotCopied(
            f"the store is a copy of {notes[_FROM]} that is not finished; run `gateway store copy`"
            " again before anything is served from it"
        )


async def _nothing() -> None:
    """What is done after each page if nobody asks for more."""


async def digest_of(
    store: Store, part: str, each: Callable[[], Awaitable[None]] = _nothing
) -> Digest:
    """How many rows a part has, and a digest of all; ``each`` is done after every page."""
    rows, total, after = 0, 0, None
    while page := await store.upkeep.dump(part, after, _ROWS_PER_READ):
        for row in page:
            hashed = blake2b(row.key.encode() + b"\0" + row.body, digest_size=32)
            total ^= int.from_bytes(hashed.digest())
        rows, after = rows + len(page), page[-1].key
        await each()
    return Digest(rows, total)


async def _begun(source: Side, target: Side) -> dict[str, str]:
    """Notes of an earlier try; the first is made now, before anything else.

    Raises:
        NotCopied: the target holds something else.
    """
    notes = await _notes(target.store)
    if not notes:
        parts = await target.store.upkeep.parts()
        if any(parts.values()):
            raise NotCopied(f"{target.name} is not empty; name a place where nothing is")
        await _note(target, _FROM, source.name)
    elif notes[_FROM] != source.name:
        raise NotCopied(f"{target.name} holds a copy of {notes[_FROM]}; name another place")
    elif _DONE in notes:
        raise NotCopied(f"{target.name} was copied whole at {notes[_DONE]}; nothing is left to do")
    return notes


async def _notes(store: Store) -> dict[str, str]:
    rows = await store.upkeep.dump(COPYING, None, _ROWS_PER_READ)
    return {row.key: json.loads(row.body) for row in rows}


async def _note(target: Side, key: str, text: str) -> None:
    await target.store.upkeep.load(COPYING, [Row(key, json.dumps(text).encode())])


class _Turns:
    """The turns that keep a gateway from serving either side of a copy meanwhile."""

    def __init__(self, sides: Sequence[Side], owner: str, clock: Clock) -> None:
        self._sides = sides
        self._owner = owner
        self._clock = clock
        self._leases: dict[str, Lease] = {}

    async def take(self, patience_seconds: float) -> None:
        """Takes each turn, and waits a while for one of somebody who is gone.

        Raises:
            StoreBusy: somebody goes on with it.
        """
        for side in self._sides:
            for _ in range(int(patience_seconds / _WAIT_SECONDS)):
                if await self._taken(side):
                    break
                await asyncio.sleep(_WAIT_SECONDS)
            else:
                await self._require(side)

    async def keep(self) -> None:
        """Renews what would end soon.

        Raises:
            StoreBusy: somebody has taken a turn over.
        """
        soon = self._clock() + timedelta(seconds=TURN_SECONDS / 2)
        for side in self._sides:
            if self._leases[side.name].until < soon:
                await self._require(side)

    async def give_back(self) -> None:
        """Gives back every turn that was taken."""
        for side in self._sides:
            lease = self._leases.pop(side.name, None)
            if lease is not None:
                await side.store.house.release_lease(lease)

    async def _require(self, side: Side) -> None:
        if not await self._taken(side):
            raise StoreBusy(f"{side.name} is being served; stop that gateway and copy again")

    async def _taken(self, side: Side) -> bool:
        lease = await side.store.house.lease(TURN, self._owner, TURN_SECONDS, self._clock())
        if lease is not None:
            self._leases[side.name] = lease
        return lease is not None
