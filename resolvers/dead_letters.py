"""Writes that are given up and wait for a person: listing them, having them tried again, and saying
what became of one.

How writes are told, and when one is given up, stands in ``resolvers/relay``.
"""

from collections.abc import Sequence

from resolvers.access import Scope as Right
from resolvers.commands import Decide, checked_key, checked_name, run
from resolvers.context import Context
from resolvers.domain.books import Books, Change, Key, Scope
from resolvers.domain.errors import InvalidInput, NotFound
from resolvers.domain.outbox import Verdict, Write, WriteStatus, ruled
from resolvers.paging import PAGE_MAX, Page, checked_first, not_a_cursor, page_of

_REPLAY, _RULE = "replayOutbox", "ruleOnDeadLetter"


async def browse_dead(
    ctx: Context, backend: str | None, first: int, after: str | None
) -> Page[Write]:
    """A page of the writes that wait for a person, the eldest first.

    Raises:
        InvalidInput: a page size that cannot be meant, or a cursor that is none of ours.
    """
    ctx.principal.require(Right.HOUSE)
    checked_first(first)
    if after is not None and not (after.isascii() and after.isdecimal() and len(after) < 19):
        raise not_a_cursor()
    found = await ctx.store.outbox.dead_writes(backend, int(after or 0), first + 1)
    return page_of([(str(write.sequence), write) for write in found], first, after)


async def replay_outbox(
    ctx: Context, key: str, backend: str | None, ids: Sequence[str] | None
) -> tuple[int, bool]:
    """Has dead letters tried again, the named ones or all (of a backend): how many, and whether
    that was done before under this key. Left out are ids of what is no dead letter, and those of
    which a person must say first what became of them.

    Raises:
        NotFound: no such backend; nothing changed.
        InvalidInput: too many ids; nothing changed.
    """
    ctx.principal.require(Right.OPERATE)
    if ids is not None and len(ids) > PAGE_MAX:
        raise InvalidInput(f"names at most {PAGE_MAX} dead letters", field=("input", "ids"))
    recorded = Key(ctx.principal.subject, _REPLAY, checked_key(key))

    async def prepare() -> tuple[Scope, Decide]:
        if backend is not None and backend not in ctx.backends:
            raise NotFound("there is no such backend", field=("input", "backend"))
        # A second request under the key must not revive what has died again since the first.
        before = await ctx.store.stock.recorded_answer(recorded)
        count = 0
        if before is None:
            count = await ctx.store.outbox.replay_writes(backend, ids)

        def decide(_: Books) -> tuple[Change, str]:
            return Change(), f"{count} writes"

        return Scope(), decide

    asked = (backend, None if ids is None else tuple(ids))
    outcome = await run(ctx, _REPLAY, key, asked, prepare)
    return int(outcome.answer.split()[0]), outcome.replayed


async def rule_on(
    ctx: Context, key: str, id: str, verdict: Verdict, external_id: str | None
) -> tuple[Write, bool]:
    """Notes what a person says of one dead letter: the write as it is then, and whether that was
    said before under this key. It takes effect when it is the write's turn, at once as a rule.

    Raises:
        NotFound: no such write; nothing changed.
        InvalidInput: it is no dead letter (any more), or an external id with a verdict that has
            none; nothing changed.
    """
    ctx.principal.require(Right.OPERATE)
    recorded = Key(ctx.principal.subject, _RULE, checked_key(key))

    async def prepare() -> tuple[Scope, Decide]:
        checked_name(external_id, "externalId")
        if external_id is not None and verdict is not Verdict.THERE:
            told = "only what is there has an external id"
            raise InvalidInput(told, field=("input", "externalId"))
        if await ctx.store.stock.recorded_answer(recorded) is None:
            await _rule(ctx, recorded.id, id, verdict, external_id)

        def decide(_: Books) -> tuple[Change, str]:
            return Change(), id

        return Scope(), decide

    outcome = await run(ctx, _RULE, key, (id, verdict, external_id), prepare)
    write = await ctx.store.outbox.write(outcome.answer)
    assert write is not None, "a write is never removed"
    return write, outcome.replayed


async def _rule(
    ctx: Context, ruling: str, id: str, verdict: Verdict, external_id: str | None
) -> None:
    write = await ctx.store.outbox.write(id)
    if write is None:
        raise NotFound("there is no such dead letter", field=("input", "id"))
    if write.ruling == ruling:  # noted, and then the process ended before the key was
        return
    dead = write.status is WriteStatus.FAILED
    if not dead or not await ctx.store.outbox.rule_on_write(
        ruled(write, verdict, external_id, ruling)
    ):
        raise InvalidInput("it is no dead letter any more", field=("input", "id"))
