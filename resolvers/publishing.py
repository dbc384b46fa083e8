"""When which listings of a marketplace are looked at, so that it is told what they may sell (S5).

What changed is gathered, and only the last state matters: a SKU that changed ten times is looked at
once. What a look does stands in ``telling``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from resolvers.backend_ports import Backend
from resolvers.context import Context
from resolvers.domain.listings import Listing
from resolvers.house import CATALOG, LISTINGS, LOCATIONS, ORDERS, STOCK, expected
from resolvers.merging import offers_for
from resolvers.ports import Renewed
from resolvers.telling import AT_ONCE, LostTurn, Teller
from resolvers.watch import Follower

FOLLOWED = ("stock", "rule", "catalog")
"""The topics of which a publisher hears."""

LOOK_SECONDS = 0.5
"""Pause between two looks at whether the first readings are in."""

_GROUND = (LOCATIONS, CATALOG, STOCK)

_SKUS, _LISTINGS_DUE, _WALK = range(3)
"""Kinds of what is due, in their turns."""

_Place = tuple[str, str]


def is_published_to(backend: Backend) -> bool:
    """Says whether a backend is told what its listings may sell: it was switched on, and its number
    is not the one that ours comes from.
    """
    able = backend.publication is not None and backend.listings is not None
    return able and backend.publishes and backend.order_source is not None and backend.stock is None


@dataclass(slots=True)
class _Due:
    """What is to be looked at. Losing it costs a walk over all listings, nothing else.

    ``walk`` is where a walk over all listings stands, None if none is under way.
    """

    skus: dict[str, None] = field(default_factory=dict)
    listings: dict[str, datetime] = field(default_factory=dict)
    alone: set[str] = field(default_factory=set)
    walk: _Place | None = None
    walk_at: datetime | None = None


class Publisher:
    """Keeps one marketplace told. ``changed`` hears of the topics of ``FOLLOWED``; ``whole_every``
    is the pause between two walks over all its listings.
    """

    def __init__(self, backend: Backend, changed: Follower, whole_every: timedelta) -> None:
        assert is_published_to(backend)
        self._code = backend.code
        self._size = min(AT_ONCE, backend.capabilities.publications_per_call)
        self._bundles: dict[str, set[str]] = {}
        self._teller = Teller(backend, self._bundles)
        self._changed = changed
        self._whole_every = whole_every
        self._due = _Due(walk=(self._code, ""))
        self._ready = False
        self._looked_at = _WALK

    async def step(self, ctx: Context, renewed: Renewed) -> bool:
        """Looks at what is due, about as much as one call carries; says whether more is due now.

        Raises:
            CommerceError: the marketplace cannot be told now; what is due stays so.
        """
        ctx = ctx.renewed()
        if not await self._may_begin(ctx):
            return False
        await self._note_changes(ctx)
        try:
            return await self._step(ctx, renewed)
        except LostTurn:
            self.forget()
            return False

    def seconds_left(self, now: datetime) -> float:
        """Until something is due that no change wakes it for."""
        at = [*self._due.listings.values()]
        if self._due.walk_at is not None:
            at.append(self._due.walk_at)
        return max(0.0, (min(at) - now).total_seconds()) if at and self._ready else LOOK_SECONDS

    def forget(self) -> None:
        """Notes that somebody else may tell the marketplace: all is looked at in the next turn."""
        self._due = _Due(walk=(self._code, ""))

    async def _may_begin(self, ctx: Context) -> bool:
        """Says whether the first readings are in that a number rests on: of what was never read,
        nothing could be promised, and all would be told to be sold out.
        """
        if self._ready:
            return True
        feeds = await ctx.loaders.feeds()
        places = await ctx.store.catalog.locations()
        needed = [
            (code, entity, location)
            for code, backend in ctx.backends.items()
            for entity, location in expected(backend, places)
            if entity in _GROUND
        ]
        needed += [(self._code, entity, "") for entity in (LISTINGS, ORDERS)]
        read = [feeds.get(key) for key in needed]
        self._ready = all(it is not None and it.observed_at is not None for it in read)
        return self._ready

    # ---- what is due --------------------------------------------------------------------------

    async def _note_changes(self, ctx: Context) -> None:
        due, changed = self._due, self._changed.taken()
        if changed is None or any(topic == "rule" for topic, _ in changed):
            due.walk = (self._code, "")
            due.skus.clear()
            return
        if due.walk is None and due.walk_at is not None and due.walk_at <= ctx.now:
            due.walk = (self._code, "")
        due.skus.update((key, None) for topic, key in sorted(changed) if topic == "stock")
        handles = sorted(key for topic, key in changed if topic == "catalog")
        for product in (await ctx.store.catalog.products(handles)).values() if handles else ():
            due.skus.update((variant.sku, None) for variant in product.variants)

    async def _step(self, ctx: Context, renewed: Renewed) -> bool:
        """Looks at one kind of what is due, each in its turn: where something changes during every
        look, the others would never be looked at.
        """
        due, ready = self._due, self._listings_due(ctx.now)
        kinds = (bool(due.skus), bool(ready), due.walk is not None)
        turns = ((self._looked_at + by) % len(kinds) for by in range(1, len(kinds) + 1))
        self._looked_at = next((kind for kind in turns if kinds[kind]), self._looked_at)
        if not any(kinds):
            return False
        if self._looked_at == _SKUS:
            await self._look_at_skus(ctx, list(islice(due.skus, self._size)), renewed)
        elif self._looked_at == _LISTINGS_DUE:
            await self._look_at_listings(ctx, ready, renewed)
        elif due.walk is not None:
            await self._walk(ctx, due.walk, renewed)
        return bool(due.skus or due.walk or self._listings_due(ctx.now))

    def _listings_due(self, now: datetime) -> list[str]:
        due = (id for id, at in self._due.listings.items() if at <= now)
        return list(islice(due, self._size))

    async def _look_at_skus(self, ctx: Context, skus: Sequence[str], renewed: Renewed) -> None:
        concerned = dict.fromkeys(skus)
        for sku in skus:
            concerned.update(dict.fromkeys(sorted(self._bundles.get(sku, ()))))
        offers = await offers_for(ctx, list(concerned))
        own = {
            offer.listing.id: offer.listing
            for of_sku in offers.values()
            for offer in of_sku
            if offer.listing.backend == self._code
        }
        await self._tell(ctx, list(own.values()), renewed, verify=False)
        for sku in skus:
            self._due.skus.pop(sku, None)

    async def _look_at_listings(self, ctx: Context, ids: Sequence[str], renewed: Renewed) -> None:
        found = await ctx.store.listings.listings([(self._code, id) for id in ids])
        await self._tell(ctx, list(found.values()), renewed)

    async def _walk(self, ctx: Context, start: _Place, renewed: Renewed) -> None:
        """Looks at the next of all listings: no more than one call carries, so that what changes
        meanwhile has its turn soon at a marketplace that is slow.
        """
        page = await ctx.store.listings.listing_page(self._code, start, self._size, unmatched=False)
        await self._tell(ctx, page, renewed)
        if len(page) == self._size:
            self._due.walk = (page[-1].backend, page[-1].id)
        else:
            self._due.walk, self._due.walk_at = None, await self._next_walk(ctx)

    async def _next_walk(self, ctx: Context) -> datetime:
        """When all listings are looked at again: after a while, or before that when a business day
        or the window of a rule begins or ends.
        """
        now, zone = ctx.now, ZoneInfo(ctx.terms.time_zone)
        tomorrow = now.astimezone(zone).date() + timedelta(days=1)
        midnight = datetime.combine(tomorrow, time(), zone).astimezone(UTC)
        rules = (await ctx.store.stock.rules()).rules
        edges = [
            edge
            for rule in rules
            for edge in (rule.active_from, rule.active_to, rule.lend_back_from)
            if edge is not None and now < edge
        ]
        return min(now + self._whole_every, midnight, *edges)

    # ---- looking ------------------------------------------------------------------------------

    async def _tell(
        self, ctx: Context, listings: Sequence[Listing], renewed: Renewed, *, verify: bool = True
    ) -> None:
        due = self._due
        alone = [it for it in listings if it.id in due.alone]
        together = [it for it in listings if it.id not in due.alone]
        lots = [together[at : at + self._size] for at in range(0, len(together), self._size)]
        for lot in (*lots, *([it] for it in alone)):
            heard = await self._teller.tell(ctx.renewed(), lot, renewed, verify=verify)
            due.alone.update(heard.alone)
            for id, at in heard.again.items():
                due.listings.pop(id, None)
                if at is not None:
                    due.listings[id] = at
