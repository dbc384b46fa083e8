"""How the house itself stands: its backends, how fresh each is, and whether it may serve yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from resolvers.access import Scope as Right
from resolvers.backend_ports import Backend, Standing
from resolvers.context import Context
from resolvers.domain.breakers import BreakerState
from resolvers.domain.feeds import Feed
from resolvers.domain.locations import Location
from resolvers.ports import Store
from resolvers.publication_port import PublicationCounts

CATALOG, LOCATIONS, STOCK, ORDERS, HEALTH = "catalog", "locations", "stock", "orders", "health"
LISTINGS, MEMBERS, EVENTS = "listings", "members", "events"


class BackendStatus(StrEnum):
    """How a backend answers: all of it, some of it, nothing."""

    UP = "UP"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"


@dataclass(frozen=True, slots=True)
class EntityLag:
    """When an entity of a backend was last heard of; the eldest of its locations counts. ``read``
    is how many things a reading that is under way has taken, 0 if none is.
    """

    entity: str
    observed_at: datetime | None
    read: int = 0


@dataclass(frozen=True, slots=True)
class BackendView:
    """One backend as an operator sees it. ``breaker`` says whether it is asked at all; ``standing``
    how much, None if nobody keeps count. ``parked_in`` are messages that wait for a person,
    ``dead_out`` writes that do; ``numbers`` counts the listings that have not taken yet what they
    may sell.
    """

    backend: Backend
    status: BackendStatus
    breaker: BreakerState
    standing: Standing | None
    lag: tuple[EntityLag, ...]
    pending_out: int
    parked_in: int
    dead_out: int
    last_error: str | None
    numbers: PublicationCounts


async def backends(ctx: Context) -> list[BackendView]:
    """Every configured backend, by code."""
    ctx.principal.require(Right.HOUSE)
    feeds = (await ctx.loaders.feeds()).values()
    parked = await ctx.store.inbox.parked_counts()
    numbers = await ctx.store.publications.publication_counts()
    dead = await ctx.store.outbox.dead_counts()
    return [
        _view(
            backend,
            [feed for feed in feeds if feed.backend == code],
            _Waiting(
                await ctx.store.outbox.pending_writes(code),
                parked.get(code, 0),
                dead.get(code, 0),
                numbers.get(code, PublicationCounts()),
            ),
        )
        for code, backend in sorted(ctx.backends.items())
    ]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What waits for a backend, or for people about it."""

    out: int
    parked: int
    dead: int
    numbers: PublicationCounts


def _view(backend: Backend, feeds: Sequence[Feed], waiting: _Waiting) -> BackendView:
    failing = [feed for feed in feeds if feed.error]
    status = BackendStatus.DEGRADED if failing else BackendStatus.UP
    if len(failing) == len(feeds):
        status = BackendStatus.DOWN
    heard: dict[str, datetime | None] = {}
    read: dict[str, int] = {}
    for feed in feeds:
        read[feed.entity] = read.get(feed.entity, 0) + feed.read
        at = heard.setdefault(feed.entity, feed.observed_at)
        if at is not None and (feed.observed_at is None or feed.observed_at < at):
            heard[feed.entity] = feed.observed_at
    error = failing[0].error if failing else None
    if not feeds:
        error = "not heard of yet"
    lag = tuple(EntityLag(entity, at, read[entity]) for entity, at in sorted(heard.items()))
    standing = None if backend.governor is None else backend.governor.standing()
    asked = BreakerState.OPEN if failing else BreakerState.CLOSED
    breaker = asked if standing is None else standing.breaker
    return BackendView(
        backend,
        status,
        breaker,
        standing,
        lag,
        pending_out=waiting.out,
        parked_in=waiting.parked,
        dead_out=waiting.dead,
        last_error=error,
        numbers=waiting.numbers,
    )


async def missing(store: Store, configured: Mapping[str, Backend]) -> list[str]:
    """What has never been read, in words: empty once every first reading is in."""
    feeds = {feed.key: feed for feed in await store.house.feeds()}
    places = await store.catalog.locations()
    told: list[str] = []
    for code, backend in sorted(configured.items()):
        for entity, location in expected(backend, places):
            feed = feeds.get((code, entity, location))
            if feed is not None and feed.observed_at is not None:
                continue
            where = f" of {location}" if location else ""
            why = f": {feed.error}" if feed is not None and feed.error else ""
            told.append(f"{code}: {entity}{where} not read yet{why}")
    return told


def expected(backend: Backend, places: Sequence[Location]) -> list[tuple[str, str]]:
    """The (entity, location) pairs that a backend is read for."""
    pairs = [
        (entity, "")
        for entity, role in (
            (LOCATIONS, backend.locations),
            (CATALOG, backend.catalog),
            (ORDERS, backend.order_source),
        )
        if role is not None
    ]
    if backend.stock is not None:
        pairs += [(STOCK, at.code) for at in places if at.authority == backend.code]
    return pairs
