"""Turns at streams that several processes want at once.

Who was beaten joins the stream's queue and goes on when it stands first, so that each process comes
round. A turn is only fairness: the version of the stream stays the truth, and whoever does not know
of the queue yet does no harm but to itself.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from connectors.stores.mongo.client import Database

TURN_SECONDS = 2.0
"""Longest that a process keeps others waiting that says nothing more: it may be dead."""

REMEMBERED_SECONDS = 1.0
"""How long a process that was beaten at a stream goes on asking for its turn there."""

_AT_ONCE = 8  # streams of one batch whose turns are waited for
_REMEMBERED_MOST = 1_000
_LOOK_SECONDS = 0.002


class Turns:
    """One process's turns, by SKU."""

    def __init__(
        self,
        database: Database,
        owner: str,
        *,
        timer: Callable[[], float] = time.monotonic,
        rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._owner = owner
        self._timer = timer
        self._rest = rest
        self._wanted: dict[str, float] = {}

    def wanted(self, skus: Iterable[str]) -> list[str]:
        """Those of some streams at which this process was beaten of late."""
        now = self._timer()
        return sorted(sku for sku in skus if self._wanted.get(sku, 0.0) > now)[:_AT_ONCE]

    def beaten(self, skus: Iterable[str]) -> None:
        """Notes that another process was faster at some streams."""
        now = self._timer()
        if len(self._wanted) > _REMEMBERED_MOST:
            self._wanted = {sku: until for sku, until in self._wanted.items() if until > now}
        for sku in skus:
            self._wanted[sku] = now + REMEMBERED_SECONDS

    async def take(self, skus: Sequence[str]) -> None:
        """Waits for the turns at some streams, in their order, each for a bounded time."""
        for sku in skus:
            patience = self._timer() + TURN_SECONDS
            while await self._first(sku) != self._owner and self._timer() < patience:
                await self._rest(_LOOK_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311

    async def give_back(self, skus: Sequence[str]) -> None:
        """Lets the next ones come."""
        for sku in skus:
            leave = {"$pull": {"queue": {"owner": self._owner}}}
            await self._database.modify("turns", {"_id": sku}, leave, durable=False)

    async def _first(self, sku: str) -> str:
        """Joins the queue, or says that one is still there; who stands first."""
        found = await self._database.modify(
            "turns", {"_id": sku}, [_joined(self._owner)], upsert=True, durable=False
        )
        assert found is not None
        return str(found["queue"][0]["owner"])


def _joined(owner: str) -> Mapping[str, Any]:
    """The queue without those that were not heard of for too long, and with one more at its end."""
    until = {"$add": ["$$NOW", int(TURN_SECONDS * 1000)]}
    own: Mapping[str, Any] = {"owner": owner, "until": until}
    alive = {
        "$filter": {
            "input": {"$ifNull": ["$queue", []]},
            "as": "one",
            "cond": {"$or": [{"$eq": ["$$one.owner", owner]}, {"$gt": ["$$one.until", "$$NOW"]}]},
        }
    }
    renewed = {
        "$map": {
            "input": "$$alive",
            "as": "one",
            "in": {"$cond": [{"$eq": ["$$one.owner", owner]}, own, "$$one"]},
        }
    }
    # Not "$$alive.owner": over nobody at all that is no list everywhere.
    there = {"$in": [owner, {"$map": {"input": "$$alive", "as": "one", "in": "$$one.owner"}}]}
    queue = {"$cond": [there, renewed, {"$concatArrays": ["$$alive", [own]]}]}
    return {"$set": {"queue": {"$let": {"vars": {"alive": alive}, "in": queue}}, "seen": "$$NOW"}}
