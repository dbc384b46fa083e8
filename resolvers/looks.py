"""What is shown of stock and prices once their systems were asked anew, because what is known of
them is older than the retailer wishes.

Who asks, and for how long, is ``live``'s. Books and mirror are never changed from here: where a
system says something else by now, it is to be read soon, by whoever has that turn.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from resolvers.backend_ports import Backend
from resolvers.context import Context
from resolvers.domain.catalog import Provenance, Variant
from resolvers.domain.inbox import Wish, wished
from resolvers.domain.listings import Offer
from resolvers.domain.looks import Look, seen_by
from resolvers.domain.merging import prices_said
from resolvers.domain.values import Money
from resolvers.following import source_of
from resolvers.freshness import Unconfirmed, unconfirmed
from resolvers.house import LISTINGS, STOCK
from resolvers.levels import HOUSE, Level
from resolvers.live import LiveDesk, Said
from resolvers.live_ports import Prices, Spot
from resolvers.merging import offers_for
from resolvers.terms import LiveField

T = TypeVar("T")
K = TypeVar("K")

HINT_SECONDS = 60
"""A backend whose looks differ from the mirror is to be read so often at most, for that alone."""

_At = tuple[str, str, str]
"""A backend, a SKU and a location."""

_Of = tuple[str, str]
"""A backend and a SKU."""


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    """What a system said of one thing, or why it did not."""

    said: T | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class ShownPrice:
    """A price, and what could not be confirmed of it, None if nothing had to be."""

    price: Money | None
    fallen_back: Unconfirmed | None = None


def may_ask(ctx: Context, about: LiveField) -> bool:
    """Says whether anything is asked for a field at all."""
    return ctx.live is not None and ctx.terms.live.asks(about)


# ---- stock ------------------------------------------------------------------------------------


async def looked(ctx: Context, levels: Sequence[Level]) -> list[Level]:
    """The levels, those that are too old looked at anew; one that could not be is as it was, and
    says so. Levels of one request are asked for together.
    """
    if not may_ask(ctx, LiveField.STOCK):
        return list(levels)
    for code in {level.location.authority for level in levels}:
        _note_life(ctx, code, LiveField.STOCK)
    due = [at for at, level in enumerate(levels) if _is_due(ctx, level)]
    if not due:
        return list(levels)
    loader = ctx.loaders.gathered("live stock", lambda keys: _stock_of(ctx, keys))
    keys = [_key_of(levels[at]) for at in due]
    answers = await loader.load_many(keys)
    shown = list(levels)
    for at, answer in zip(due, answers, strict=True):
        shown[at] = await _level(ctx, levels[at], answer)
    return shown


def _is_due(ctx: Context, level: Level) -> bool:
    code = level.location.authority
    backend = ctx.backends.get(code or "")
    if backend is None or backend.live_stock is None:
        return False
    return _too_old(ctx, backend, LiveField.STOCK, level.origin.observed_at)


def _key_of(level: Level) -> _At:
    assert level.location.authority is not None, "somebody else's number is due"
    return level.location.authority, level.position.sku, level.location.code


async def _level(ctx: Context, level: Level, answer: _Answer[Look]) -> Level:
    code, sku, location = _key_of(level)
    feed = (await ctx.loaders.feeds()).get((code, STOCK, location))
    stream = await ctx.loaders.streams_by_sku.load(sku)
    if answer.said is None or feed is None or stream is None:
        return replace(level, origin=unconfirmed(level.origin, answer.why))
    source = source_of(ctx.backends[code])
    seen = seen_by(answer.said, stream, feed, source, ctx.now)
    if seen is None:
        return level
    if seen != level.position.on_hand:
        _hint(ctx, code, STOCK)
    return replace(level, seen=seen, origin=Provenance(code, sku, answer.said.at))


async def _stock_of(ctx: Context, keys: Sequence[_At]) -> Mapping[_At, _Answer[Look]]:
    """The answers of all backends that are asked, beside each other."""
    codes = list(dict.fromkeys(code for code, _, _ in keys))
    spots = [[(sku, at) for named, sku, at in keys if named == code] for code in codes]
    told = await asyncio.gather(
        *(_stock_at(ctx, ctx.backends[code], some) for code, some in zip(codes, spots, strict=True))
    )
    return {
        (code, *spot): answer
        for code, answers in zip(codes, told, strict=True)
        for spot, answer in answers.items()
    }


async def _stock_at(
    ctx: Context, backend: Backend, spots: Sequence[Spot]
) -> Mapping[Spot, _Answer[Look]]:
    source, feeds = source_of(backend), await ctx.loaders.feeds()
    live = backend.live_stock
    assert live is not None, "only such backends are asked"

    async def read(some: Sequence[Spot]) -> Mapping[Spot, Look]:
        at = ctx.now
        look = await live.look(some)
        made = {}
        for spot in some:
            feed = feeds.get((backend.code, STOCK, spot[1]))
            mark = source.believed(look.watermark, 0 if feed is None else feed.watermark, ctx.now)
            if spot in look.on_hand:
                made[spot] = Look(look.on_hand[spot], mark, at)
        return made

    places = sorted({at for _, at in spots})
    groups = [
        some
        for place in places
        for some in _parts(
            sorted(spot for spot in spots if spot[1] == place),
            backend.capabilities.live_stock_per_call,
        )
    ]
    asked = await _desk(ctx).ask(
        backend,
        LiveField.STOCK,
        groups,
        read,
        since=_since(ctx, backend, LiveField.STOCK),
        until=ctx.loaders.live_until(ctx.terms.live.deadline_seconds),
    )
    return {spot: _answer_of(asked.found.get(spot), asked.why) for spot in spots}


# ---- prices -----------------------------------------------------------------------------------


async def price_of(ctx: Context, variant: Variant, channel: str) -> ShownPrice:
    """What a variant costs in a channel, asked anew of the marketplace that it is shown from, if
    what that said is too old. Prices of one request are asked for together.
    """
    shown = variant.prices.get(channel)
    backend = _teller(ctx, variant, channel)
    if shown is None or backend is None:
        return ShownPrice(shown)
    _note_life(ctx, backend.code, LiveField.PRICE)
    feed = (await ctx.loaders.feeds()).get((backend.code, LISTINGS, ""))
    heard = None if feed is None else feed.observed_at
    if heard is None or not _too_old(ctx, backend, LiveField.PRICE, heard):
        return ShownPrice(shown)
    loader = ctx.loaders.gathered("live prices", lambda keys: _prices_of(ctx, keys))
    [answer] = await loader.load_many([(backend.code, variant.sku)])
    said = None if answer.said is None else answer.said.get(channel)
    if said is None or said.currency != shown.currency:
        why = answer.why or "it says no such price any more"
        if answer.said is not None:
            _hint(ctx, backend.code, LISTINGS)
        return ShownPrice(shown, Unconfirmed(backend.code, variant.sku, heard, why))
    if said != shown:
        _hint(ctx, backend.code, LISTINGS)
    return ShownPrice(said)


def _teller(ctx: Context, variant: Variant, channel: str) -> Backend | None:
    """The marketplace whose word a price is, if it can be asked."""
    told = variant.said_by.get(f"prices.{channel}")
    codes = told or tuple(fact.system for fact in variant.provenance[:1])
    backend = ctx.backends.get(codes[0]) if codes else None
    return None if backend is None or backend.live_prices is None else backend


async def _prices_of(
    ctx: Context, keys: Sequence[_Of]
) -> Mapping[_Of, _Answer[Mapping[str, Money | None]]]:
    """What all marketplaces that are asked say that one unit costs, by channel."""
    offers = await offers_for(ctx, list(dict.fromkeys(sku for _, sku in keys)))
    codes = list(dict.fromkeys(code for code, _ in keys))

    def of(code: str, sku: str) -> list[Offer]:
        return [it for it in offers.get(sku, ()) if it.listing.backend == code]

    def ids(code: str) -> list[str]:
        mine = (it.listing.id for named, sku in keys if named == code for it in of(code, sku))
        return sorted(set(mine))

    told = await asyncio.gather(*(_prices_at(ctx, ctx.backends[code], ids(code)) for code in codes))
    by_code = dict(zip(codes, told, strict=True))
    return {(code, sku): _priced(of(code, sku), by_code[code]) for code, sku in keys}


def _priced(
    offers: Iterable[Offer], told: Mapping[str, _Answer[Prices]]
) -> _Answer[Mapping[str, Money | None]]:
    """What one unit costs by the listings of a SKU: all of them must have answered."""
    found: list[Offer] = []
    for offer in offers:
        answer = told[offer.listing.id]
        if answer.said is None and answer.why != _GONE:
            return _Answer(None, answer.why)
        found.append(replace(offer, listing=replace(offer.listing, prices=answer.said or ())))
    return _Answer(prices_said(found))


async def _prices_at(
    ctx: Context, backend: Backend, ids: Sequence[str]
) -> Mapping[str, _Answer[Prices]]:
    live = backend.live_prices
    assert live is not None, "only such backends are asked"
    asked = await _desk(ctx).ask(
        backend,
        LiveField.PRICE,
        _parts(ids, backend.capabilities.live_prices_per_call),
        live.prices,
        since=_since(ctx, backend, LiveField.PRICE),
        until=ctx.loaders.live_until(ctx.terms.live.deadline_seconds),
    )
    return {id: _answer_of(asked.found.get(id), asked.why) for id in ids}


# ---- both -------------------------------------------------------------------------------------

_GONE = "it has it no more"


def _answer_of(said: Said[T] | None, why: str) -> _Answer[T]:
    if said is None:
        return _Answer(None, why or "it did not answer in time")
    return _Answer(said.value, "" if said.value is not None else _GONE)


def _desk(ctx: Context) -> LiveDesk:
    assert ctx.live is not None, "it is asked only then"
    return ctx.live


def _too_old(ctx: Context, backend: Backend, about: LiveField, heard: datetime) -> bool:
    after = ctx.terms.live.after(backend.code, about)
    return after > 0 and ctx.now - heard > timedelta(seconds=after)


def _since(ctx: Context, backend: Backend, about: LiveField) -> datetime:
    return ctx.now - timedelta(seconds=ctx.terms.live.after(backend.code, about))


def _note_life(ctx: Context, code: str | None, about: LiveField) -> None:
    """Notes how long an answer may be kept that shows this backend's field."""
    after = ctx.terms.live.after(code or HOUSE, about) if code in ctx.backends else 0.0
    if after > 0:
        ctx.loaders.good_for(after)


def _parts(keys: Sequence[K], size: int) -> list[Sequence[K]]:
    return [keys[at : at + size] for at in range(0, len(keys), size)]


def _hint(ctx: Context, code: str, entity: str) -> None:
    """Has a backend read soon, by whichever process has its turn: what is shown here differs."""
    turn = int(ctx.now.timestamp()) // HINT_SECONDS
    key, wish = f"look {entity} {turn}", Wish((entity,), whole=False)
    message = wished(ctx.new_id(), code, HOUSE, key, wish, ctx.now)
    _desk(ctx).errand(f"hint {code} {entity}", turn, lambda: ctx.intake.keep(message))
