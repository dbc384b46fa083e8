"""How old what we know is: the age of a fact, and whether it is too old to be sold as new.

A fact is as fresh as the last word of its system, also when that word was that nothing has changed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from resolvers.context import Context
from resolvers.domain.catalog import Provenance
from resolvers.levels import HOUSE


@dataclass(frozen=True, slots=True)
class Unconfirmed(Provenance):
    """A fact whose system was asked anew for this answer, and did not say it again: ``why``."""

    why: str = ""


def unconfirmed(fact: Provenance, why: str) -> Unconfirmed:
    """The fact, marked so."""
    return Unconfirmed(fact.system, fact.external_id, fact.observed_at, why)


def age_seconds(ctx: Context, fact: Provenance) -> float:
    """Seconds since the fact was last heard."""
    return max(0.0, (ctx.now - fact.observed_at).total_seconds())


def stale(ctx: Context, fact: Provenance) -> bool:
    """Says whether a fact is older than is allowed, or its system was asked for it anew in vain.
    What we own ourselves never is.
    """
    return _is_stale(fact, _since(ctx))


async def confirmed(ctx: Context, facts: Iterable[Provenance], *entities: str) -> list[Provenance]:
    """The facts, each heard when its system last spoke of one of those entities at all.

    A system that is asked for what has changed confirms all the rest by its silence.
    """
    feeds = await ctx.loaders.feeds()
    heard = []
    for fact in facts:
        known = [feeds.get((fact.system, entity, "")) for entity in entities]
        spoke = [it.observed_at for it in known if it is not None and it.observed_at is not None]
        heard.append(replace(fact, observed_at=max(fact.observed_at, *spoke)) if spoke else fact)
    return heard


def eldest_stale(ctx: Context, facts: Sequence[Provenance]) -> Provenance | None:
    """Of the facts that are stale the one that was heard the longest ago."""
    if not facts:
        return None
    since = _since(ctx)
    old = [fact for fact in facts if _is_stale(fact, since)]
    return min(old, key=lambda fact: fact.observed_at, default=None)


def _since(ctx: Context) -> datetime:
    """When a fact must have been heard to be fresh now."""
    return ctx.now - timedelta(seconds=ctx.terms.stale_after_seconds)


def _is_stale(fact: Provenance, since: datetime) -> bool:
    return isinstance(fact, Unconfirmed) or (fact.observed_at < since and fact.system != HOUSE)
