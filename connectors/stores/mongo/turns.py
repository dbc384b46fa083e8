"""Turns at streams that several processes want at once.

Who was beaten at a stream joins its queue, and whoever sees that another stands there joins it too:
each goes on when it stands first, so that every process comes round. A turn is only fairness; the
version of the stream stays the truth.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from connectors.stores.mongo.client import Database
from connectors.stores.mongo.driver import DriverError
from resolvers.domain.errors import CommerceError

TURN_SECONDS = 2.0
"""How long a process that is not heard of any more keeps the others waiting."""

_RENEWED_SECONDS = TURN_SECONDS / 4
_PATIENCE_SECONDS = 10.0
_AT_ONCE = 8  # streams of one batch whose turns are waited for
_LOOK_SECONDS, _LOOK_MOST = 0.002, 0.05


class Turns:
    """One process's turns."""

    def __init__(
        self,
        database: Database,
        owner: str,
        *,
        timer: Callable[[], float] = time.monotonic,
        rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``owner`` names the process; ``timer`` counts seconds since any start."""
        self._database = database
        self._owner = owner
        self._timer = timer
        self._rest = rest

    @asynccontextmanager
    async def turn(self, skus: Collection[str]) -> AsyncIterator["Turn"]:
        """The turns of one batch: at those of its streams at which another stands; more may be
        taken.
        """
        turn = Turn(self)
        renewing = asyncio.create_task(turn.renew(), name="turns")
        try:
            await turn.take(await self.crowded(skus))
            yield turn
        finally:
            turn.over.set()
            # The batch is what it is, whatever becomes of the places: who is silent is passed over.
            with suppress(CommerceError, OSError, DriverError):
                await renewing  # what it has begun to say would come after that it has left
            with suppress(CommerceError, OSError, DriverError):
                await turn.leave()

    async def crowded(self, skus: Collection[str]) -> list[str]:
        """Those of some streams at which another process stands."""
        asked = {"_id": {"$in": sorted(skus)}, "queue.0": {"$exists": True}}
        found = await self._database.glance("turns", asked)
        return [
            of["_id"] for of in found if any(one["owner"] != self._owner for one in of["queue"])
        ]

    async def join(self, sku: str) -> bool:
        """Stands at the end of a queue, or is heard of again; those that are not go. Says whether
        this process stands first.
        """
        found = await self._database.modify(
            "turns", {"_id": sku}, _joined(self._owner), upsert=True, durable=False
        )
        return found is not None and found["queue"][0]["owner"] == self._owner

    async def leave(self, sku: str) -> None:
        """Lets the next one come."""
        gone = {"$pull": {"queue": {"owner": self._owner}}}
        await self._database.modify("turns", {"_id": sku}, gone, durable=False)

    def patience(self) -> float:
        """Until when one batch waits for turns, in the timer's seconds."""
        return self._timer() + _PATIENCE_SECONDS

    async def wait(self, sku: str, patience: float) -> None:
        """Joins a queue and waits until this process stands first, or patience ends."""
        first, pause = await self.join(sku), _LOOK_SECONDS
        heard = self._timer()
        while not first and self._timer() < patience:
            await self._rest(pause * random.uniform(0.5, 1.5))  # noqa: S311
            pause = min(2 * pause, _LOOK_MOST)
            if self._timer() - heard > _RENEWED_SECONDS:  # the first may be gone
                first, heard = await self.join(sku), self._timer()
                continue
            found = await self._database.glance("turns", {"_id": sku})
            queue = found[0]["queue"] if found else []
            first = not queue or queue[0]["owner"] == self._owner


class Turn:
    """The turns that one batch has taken."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._taken: list[str] = []
        self._patience = turns.patience()
        self.over = asyncio.Event()

    async def take(self, skus: Sequence[str]) -> None:
        """Waits for the turns at some streams more, in one order: no two wait for each other."""
        more = [sku for sku in skus if sku not in self._taken][:_AT_ONCE]
        if not more:
            return
        taken = sorted([*self._taken, *more])
        await self.leave()
        for sku in taken:
            self._taken.append(sku)
            await self._turns.wait(sku, self._patience)

    async def leave(self) -> None:
        """Lets the next ones come."""
        taken, self._taken = self._taken, []
        for sku in taken:
            await self._turns.leave(sku)

    async def renew(self) -> None:
        """Is heard of again and again, while it waits and works."""
        while not self.over.is_set():
            try:
                async with asyncio.timeout(_RENEWED_SECONDS):
                    await self.over.wait()
            except TimeoutError:
                for sku in list(self._taken):
                    await self._turns.join(sku)


def _joined(owner: str) -> Sequence[Mapping[str, Any]]:
    """The queue without those that were not heard of for too long, and with one more at its end."""
    now = {"$toLong": "$$NOW"}
    own = {"owner": owner, "until": {"$add": [now, int(TURN_SECONDS * 1000)]}}
    its: Mapping[str, Any] = {"$eq": ["$$one.owner", owner]}

    def of_each(what: object) -> Mapping[str, Any]:
        return {"$map": {"input": "$queue", "as": "one", "in": what}}

    alive = {
        "$filter": {
            "input": {"$ifNull": ["$queue", []]},
            "as": "one",
            "cond": {"$or": [its, {"$gt": ["$$one.until", now]}]},
        }
    }
    there = {"$in": [owner, of_each("$$one.owner")]}
    renewed = of_each({"$cond": [its, own, "$$one"]})
    return (
        {"$set": {"queue": alive, "seen": "$$NOW"}},
        {"$set": {"queue": {"$cond": [there, renewed, {"$concatArrays": ["$queue", [own]]}]}}},
    )
