"""Looks at some of a marketplace's listings, works out what each may sell, and tells what differs.

Everything that is sent is written down before, and read back after. When which listings are looked
at stands in ``publishing``, the rules in ``domain/publication``.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from resolvers.backend_ports import Backend, Publication, WriteResult
from resolvers.context import Context
from resolvers.domain.errors import (
    BackendRefused,
    BackendTimedOut,
    BackendUnavailable,
    CommerceError,
    UnknownOutcome,
)
from resolvers.domain.listings import Listing, Offer
from resolvers.domain.publication import (
    MOVED_MAX,
    Next,
    PublicationRecord,
    PublicationState,
    ended,
    failed,
    looked,
    refused,
    sending,
    sent,
    shared,
    unsent,
    wanting,
)
from resolvers.house import ORDERS
from resolvers.merging import offers_for, offers_of
from resolvers.ports import Renewed
from resolvers.stock import availability
from resolvers.taking import take_orders

AT_ONCE = 100
"""Most SKUs or listings of one look: as many as availability is asked for at a time."""

ORDER_PAGES_MAX = 50
"""Most pages of orders that are read before a number; with more, the follower catches up first."""

AGAIN = timedelta(seconds=0.5)
"""Pause before a listing is looked at again that somebody else has just changed."""

log = logging.getLogger(__name__)

Key = tuple[str, str]
Records = Mapping[Key, PublicationRecord]


class LostTurn(Exception):
    """Somebody else tells this marketplace now, or may before a call would end."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a look came to: when each listing is to be looked at again, None if nothing is left to
    do; and those that were refused together and are told each alone from now on.
    """

    again: dict[str, datetime | None] = field(default_factory=dict)
    alone: set[str] = field(default_factory=set)


class Teller:
    """Tells one marketplace. ``bundles`` learns which bundles are on offer, by SKU of a part."""

    def __init__(self, backend: Backend, bundles: dict[str, set[str]]) -> None:
        assert backend.publication is not None, "else there is nobody to be told"
        assert backend.order_source is not None, "else its sales would be handed back to it"
        self._backend = backend
        self._sink = backend.publication
        self._orders = backend.order_source
        self._bundles = bundles
        self._lag = timedelta(seconds=backend.capabilities.order_lag_seconds)

    async def tell(
        self, ctx: Context, listings: Sequence[Listing], renewed: Renewed, *, verify: bool
    ) -> Heard:
        """Looks at listings that one call carries, and tells what differs. Without ``verify`` the
        marketplace is not asked of those that are to sell as many as they were told.

        Raises:
            CommerceError: the marketplace could not be asked, or not be told.
            LostTurn: it is not our turn any more; nothing was sent.
        """
        known = await ctx.store.publications.publications([(it.backend, it.id) for it in listings])
        records = await self._wanted(ctx, listings, known)
        over = [it for it in known.values() if it.listing not in records]
        await self._save(ctx, known, map(ended, over), renewed)
        heard = Heard({it.id: None for it in listings})
        heard.again.update((it.listing, it.not_before) for it in records.values())
        now = ctx.now
        due = [it for it in records.values() if it.not_before is None or it.not_before <= now]
        if not verify:
            due = [it for it in due if it.state is not PublicationState.TOLD]
        if len(due) < len(records):
            await self._save(ctx, known, records.values(), renewed)
        if not due:
            return heard
        try:
            numbers = await self._sink.published([it.listing for it in due])
        except CommerceError:
            await self._save(ctx, known, due, renewed)  # it shall be seen to wait
            raise
        steps = _steps(due, numbers, ctx.now, None, self._lag)
        if any(step is Next.ORDERS for step, _ in steps):
            steps = await self._after_orders(ctx, listings, steps, numbers)
        await self._save(ctx, known, (it for step, it in steps if step is not Next.TELL), renewed)
        heard.again.update((it.listing, _again(step, it, ctx.now, self._lag)) for step, it in steps)
        told = [it for step, it in steps if step is Next.TELL]
        if told:
            await self._send(ctx, told, heard, renewed)
        return heard

    async def _wanted(
        self, ctx: Context, listings: Sequence[Listing], known: Records
    ) -> dict[str, PublicationRecord]:
        """The records of listings with what they are to sell now. One that has ended, or that never
        stood for anything that is sold, has none; one that did before sells nothing.
        """
        pieces = await pieces_of(ctx, listings, self._bundles)
        records: dict[str, PublicationRecord] = {}
        for it in listings:
            key = (it.backend, it.id)
            record, quantity = known.get(key), pieces.get(it.id)
            told_before = record is not None and not record.ended
            if it.active and (quantity is not None or told_before):
                records[it.id] = wanting(record, key, quantity or 0, ctx.now)
        return records

    async def _after_orders(
        self,
        ctx: Context,
        listings: Sequence[Listing],
        steps: Sequence[tuple[Next, PublicationRecord]],
        numbers: Mapping[str, int],
    ) -> list[tuple[Next, PublicationRecord]]:
        """What is to be done once the marketplace's orders have been read, from where the house
        stands, and the numbers worked out anew.
        """
        read_at, pages = ctx.now, 0
        feed = (await ctx.loaders.feeds()).get((self._backend.code, ORDERS, ""))
        async for orders, _ in self._orders.orders("" if feed is None else feed.cursor):
            await take_orders(ctx, self._backend, orders)
            pages += 1
            if pages == ORDER_PAGES_MAX:
                return list(steps)
        records = {(it.backend, it.listing): it for _, it in steps}
        now_known = await self._wanted(ctx.renewed(), listings, records)
        due = [now_known.get(it.listing, it) for _, it in steps]
        return _steps(due, numbers, ctx.now, read_at, self._lag)

    async def _send(
        self, ctx: Context, told: Sequence[PublicationRecord], heard: Heard, renewed: Renewed
    ) -> None:
        """Makes one call, and notes what came of it."""
        running_max = timedelta(seconds=self._backend.capabilities.write_seconds_max)
        begun = [sending(it, ctx.now, running_max) for it in told]
        await self._save(ctx, {}, begun, renewed)
        asked = [Publication(ctx.new_id(), it.listing, it.wanted, it.found) for it in begun]
        heard.again.update((it.listing, ctx.now + AGAIN) for it in begun)
        try:
            results = await self._sink.publish(asked)
        except BackendUnavailable:
            await self._save(ctx, {}, map(unsent, begun), renewed)
            raise
        except BackendRefused as error:
            await self._save(ctx, {}, await self._refused(ctx, begun, error, heard), renewed)
            if not error.final:
                raise
            return
        except (UnknownOutcome, BackendTimedOut) as error:
            log.warning("%s: %s", self._backend.code, error)
            return  # the next look says what came of it
        await self._read_back(ctx, begun, _results(asked, results), heard, renewed)

    async def _refused(
        self, ctx: Context, begun: Sequence[PublicationRecord], error: BackendRefused, heard: Heard
    ) -> list[PublicationRecord]:
        """What becomes of numbers that were refused all at once: each is told alone from now on, as
        one may have spoiled it for all.
        """
        if not error.final:
            return [unsent(it) for it in begun]
        if len(begun) > 1:
            heard.alone.update(it.listing for it in begun)
            return [unsent(it) for it in begun]
        records = [failed(unsent(it), str(error), ctx.now) for it in begun]
        heard.again.update((it.listing, it.not_before) for it in records)
        return records

    async def _read_back(
        self,
        ctx: Context,
        begun: Sequence[PublicationRecord],
        results: Mapping[str, WriteResult | None],
        heard: Heard,
        renewed: Renewed,
    ) -> None:
        """Asks what the listings have now, and notes it beside what the marketplace answered."""
        at = ctx.now
        taken = {
            it.listing: sent(it, at)
            for it in begun
            if (result := results[it.listing]) is not None and result.error is None
        }
        try:
            numbers = await self._sink.published([it.listing for it in begun])
        except CommerceError:
            await self._save(ctx, {}, taken.values(), renewed)
            raise
        records: list[PublicationRecord] = []
        for it in begun:
            result, number = results[it.listing], numbers.get(it.listing)
            if result is None:
                continue  # nobody says what became of it: the next look does
            if result.error is not None:
                record = refused(it, number, result.error, ctx.now)
            else:
                _, record = looked(taken[it.listing], number, ctx.now, None, self._lag)
                if record.moved_at is not None and record.attempts >= MOVED_MAX:
                    why = f"it has {number} right after it was told {it.wanted}"
                    record = failed(record, why, ctx.now)
            records.append(record)
            at_rest = record.found == record.wanted and record.moved_at is None
            again = None if at_rest and record.error is None else ctx.now + AGAIN
            heard.again[it.listing] = record.not_before or again
        await self._save(ctx, {}, records, renewed)

    async def _save(
        self,
        ctx: Context,
        known: Records,
        records: Iterable[PublicationRecord],
        renewed: Renewed,
    ) -> None:
        """Writes down the records that differ from what is known."""
        changed = [it for it in records if known.get((it.backend, it.listing)) != it]
        if not changed:
            return
        lease = renewed()
        if lease is None or not await ctx.store.publications.save_publications(changed, lease):
            raise LostTurn


def _steps(
    records: Iterable[PublicationRecord],
    numbers: Mapping[str, int],
    now: datetime,
    orders_read_at: datetime | None,
    lag: timedelta,
) -> list[tuple[Next, PublicationRecord]]:
    return [looked(it, numbers.get(it.listing), now, orders_read_at, lag) for it in records]


def _again(step: Next, record: PublicationRecord, now: datetime, lag: timedelta) -> datetime | None:
    """When a listing is to be looked at again."""
    if step is Next.WAIT:
        settled = record.settle_until
        shown = None if record.moved_at is None else record.moved_at + lag
        return max(now + AGAIN, settled or shown or now)
    return now + AGAIN if step is Next.ORDERS else record.not_before


def _results(
    asked: Sequence[Publication], results: Sequence[WriteResult]
) -> dict[str, WriteResult | None]:
    by_reference = {it.reference: it for it in results}
    return {it.listing: by_reference.get(it.reference) for it in asked}


# ---- what a listing may sell ------------------------------------------------------------------


async def pieces_of(
    ctx: Context, listings: Sequence[Listing], bundles: dict[str, set[str]]
) -> dict[str, int]:
    """How many pieces each of some listings of one backend may sell, by id; those that stand for
    nothing that is sold, or are sold in no channel of the house, are left out. Listings of one SKU
    in the same channels share what these may promise.
    """
    asked = {it.id for it in listings if it.active}
    offers = await offers_of(ctx, [it for it in listings if it.active])
    skus = list(dict.fromkeys(offer.sku for offer in offers))
    backends = {it.backend for it in listings}
    groups: dict[tuple[str, tuple[str, ...]], list[Offer]] = {}
    for sku, on_offer in (await offers_for(ctx, skus)).items():
        for offer in on_offer:
            channels = _channels(ctx, offer.listing)
            if offer.listing.backend in backends and channels:
                groups.setdefault((sku, channels), []).append(offer)
    promised = {
        channel: await _promised(ctx, sorted({sku for sku, of in groups if channel in of}), channel)
        for channel in sorted({channel for _, of in groups for channel in of})
    }
    await _note_bundles(ctx, skus, bundles)
    pieces: dict[str, int] = {}
    for (sku, channels), on_offer in groups.items():
        units = [promised[channel].get(sku) for channel in channels]
        known = [each for each in units if each is not None]
        if len(known) == len(units):
            dealt = shared(min(known), [offer.units for offer in on_offer])
            pieces.update(zip((offer.listing.id for offer in on_offer), dealt, strict=True))
    return {id: count for id, count in pieces.items() if id in asked}


def _channels(ctx: Context, listing: Listing) -> tuple[str, ...]:
    """The house's channels that a listing is sold in: those in which it has a price."""
    known = ctx.directory.channels
    return tuple(sorted({code for code, _ in listing.prices if code in known}))


async def _promised(ctx: Context, skus: Sequence[str], channel: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for at in range(0, len(skus), AT_ONCE):
        some = skus[at : at + AT_ONCE]
        promises = await availability(ctx, some, channel)
        told: Iterator[tuple[str, int]] = (
            (sku, promise.availability.available)
            for sku, promise in zip(some, promises, strict=True)
            if promise is not None
        )
        found.update(told)
    return found


async def _note_bundles(ctx: Context, skus: Sequence[str], bundles: dict[str, set[str]]) -> None:
    for variant in await ctx.loaders.variants_by_sku.load_many(list(skus)):
        if variant is not None:
            for part in variant.components:
                bundles.setdefault(part.sku, set()).add(variant.sku)
