"""Messages that wait for a person, and people's wishes to have a backend read.

How messages are worked off stands in ``resolvers/inbox.py``.
"""

from collections.abc import Sequence

from resolvers.access import Scope as Right
from resolvers.backend_ports import Backend
from resolvers.commands import Decide, checked_key, run
from resolvers.context import Context
from resolvers.domain.books import Books, Change, Key, Scope
from resolvers.domain.errors import InvalidInput, NotFound, Refused, refuse
from resolvers.domain.inbox import Message, Wish, wished
from resolvers.house import BackendView, backends
from resolvers.paging import PAGE_MAX, Page, checked_first, page_of
from resolvers.sync import entities

_SYNC, _REPLAY = "syncBackend", "replayInbox"


async def browse_parked(
    ctx: Context, backend: str | None, first: int, after: str | None
) -> Page[Message]:
    """A page of the messages that wait for a person, the eldest first.

    Raises:
        InvalidInput: a page size that cannot be meant.
    """
    ctx.principal.require(Right.HOUSE)
    checked_first(first)
    found = await ctx.store.inbox.parked(backend, after, first + 1)
    return page_of([(message.id, message) for message in found], first, after)


async def replay_inbox(
    ctx: Context, key: str, backend: str | None, ids: Sequence[str] | None
) -> tuple[int, bool]:
    """Makes parked messages wait again, the named ones or all (of a backend): how many, and whether
    that was done before under this key. Ids of messages that are not parked are left out.

    Raises:
        NotFound: no such backend; nothing changed.
        InvalidInput: too many ids; nothing changed.
    """
    ctx.principal.require(Right.OPERATE)
    if ids is not None and len(ids) > PAGE_MAX:
        raise InvalidInput(f"names at most {PAGE_MAX} messages", field=("input", "ids"))
    recorded = Key(ctx.principal.subject, _REPLAY, checked_key(key))

    async def prepare() -> tuple[Scope, Decide]:
        if backend is not None:
            _backend(ctx, backend)
        # A second request under the key must not replay what was parked again since the first.
        before = await ctx.store.stock.recorded_answer(recorded)
        count = 0
        if before is None:
            count = await ctx.store.inbox.replay(backend, ids, ctx.now)

        def decide(_: Books) -> tuple[Change, str]:
            return Change(), f"{count} messages"

        return Scope(), decide

    asked = (backend, None if ids is None else tuple(ids))
    outcome = await run(ctx, _REPLAY, key, asked, prepare)
    for code in ctx.backends if backend is None else (backend,):
        ctx.intake.ring(code)
    return int(outcome.answer.split()[0]), outcome.replayed


async def wish_sync(
    ctx: Context, key: str, code: str, wanted: Sequence[str] | None, *, whole: bool
) -> tuple[BackendView, bool]:
    """Has a backend read soon, by whoever has its turn: the backend, and whether that was wished
    before under this key. Without ``wanted`` all that it is read for.

    Raises:
        NotFound: no such backend; nothing changed.
        InvalidInput: entities that it is not read for; nothing changed.
    """
    ctx.principal.require(Right.OPERATE)

    async def prepare() -> tuple[Scope, Decide]:
        known = entities(_backend(ctx, code))
        refuse([_unknown(at, known) for at, it in enumerate(wanted or ()) if it not in known])

        def decide(_: Books) -> tuple[Change, str]:
            return Change(), code

        return Scope(), decide

    asked = (code, None if wanted is None else tuple(wanted), whole)
    outcome = await run(ctx, _SYNC, key, asked, prepare)
    read = entities(_backend(ctx, code))
    wish = Wish(tuple(it for it in read if not wanted or it in wanted), whole)
    # Kept again for a replay: the first try may have ended between the two.
    subject = ctx.principal.subject
    await ctx.intake.keep(wished(ctx.new_id(), code, subject, key, wish, ctx.now))
    view = next(it for it in await backends(ctx) if it.backend.code == code)
    return view, outcome.replayed


def _backend(ctx: Context, code: str) -> Backend:
    found = ctx.backends.get(code)
    if found is None:
        raise NotFound("there is no such backend", field=("input", "backend"))
    return found


def _unknown(at: int, known: Sequence[str]) -> Refused:
    told = f"it is read for {', '.join(known)}"
    return InvalidInput(told, field=("input", "entities", at))
