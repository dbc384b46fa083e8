"""Works off what backends have sent: each message is understood, and what it hints at is read anew.

A hint is never believed. One that names a thing has that thing read; one that names none, the next
reading of its entity. A message is done when all of that was, so that nothing is lost with the
process that was at it. The same message may be worked off twice, which comes to the same.
"""

import asyncio
import logging
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from resolvers.backend_ports import Backend
from resolvers.context import Context
from resolvers.domain.errors import (
    BackendRefused,
    BackendThrottled,
    BackendTimedOut,
    BackendUnavailable,
    CommerceError,
    NotUnderstood,
)
from resolvers.domain.inbox import (
    Hint,
    Message,
    claimed,
    distinct,
    done,
    parked,
    put_off,
    was_pulled,
    wish_of,
)
from resolvers.sync import entities, follow_hint, follows_one

ROUND_MAX = 500
"""Most messages of one round."""

FOLLOWED_MAX = 50
"""Most single things that are read in one round; the other messages wait for the next."""

FOLLOWED_AT_ONCE = 4
"""Most of them beside each other; a backend that takes fewer calls at a time is asked for fewer."""

ROUND_SECONDS = 5.0
"""When a round takes no more things on."""

Wake = Callable[[str, bool], None]
"""Has an entity read at once; whole, if it says so."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Understood:
    """A message and what it comes to: things to be read one by one, and entities."""

    message: Message
    things: tuple[Hint, ...] = ()
    entities: tuple[str, ...] = ()
    whole: bool = False


@dataclass(slots=True)
class _Open:
    """A message that waits for readings of some entities."""

    message: Message
    left: set[str]


@dataclass(slots=True)
class _Round:
    """What one round has found out so far."""

    until: float
    settled: list[Message] = field(default_factory=list)
    outcomes: dict[Hint, Exception | None] = field(default_factory=dict)


class Inbox:
    """One backend's messages, worked off by whoever has its turn."""

    def __init__(self, backend: Backend, wake: Wake) -> None:
        self._backend = backend
        self._wake = wake
        self._entities = frozenset(entities(backend))
        self._open: dict[str, _Open] = {}
        self._hinted: dict[str, set[str]] = {}
        self._being_read: dict[str, set[str]] = {}

    async def work(self, ctx: Context) -> bool:
        """Works off one round of what is due; says whether there may be more."""
        due = await ctx.store.inbox.due_messages(self._backend.code, ctx.now, ROUND_MAX)
        if not due:
            return False
        this = _Round(time.monotonic() + ROUND_SECONDS)
        understood = self._understood(ctx, due, this)
        taken = _first(understood, FOLLOWED_MAX)
        await self._follow(ctx, taken, this)
        told = [it for it in taken if all(hint in this.outcomes for hint in it.things)]
        self._conclude(ctx, told, this)
        await ctx.store.inbox.settle(this.settled)
        return len(due) == ROUND_MAX or len(told) < len(understood)

    def begun(self, entity: str) -> None:
        """Notes that a reading has begun: it answers whoever hinted before."""
        self._being_read.setdefault(entity, set()).update(self._hinted.pop(entity, ()))

    async def ended(self, ctx: Context, entity: str, *, good: bool) -> None:
        """Settles the messages that a reading has answered, or has not."""
        settled = []
        for id in self._being_read.pop(entity, ()):
            waiting = self._open.get(id)
            if waiting is None:
                continue
            if good:
                waiting.left.discard(entity)
                if waiting.left:
                    continue
                settled.append(done(waiting.message))
            else:
                error = f"{entity} of {self._backend.code} could not be read"
                settled.append(put_off(waiting.message, error, ctx.now, _patience(ctx)))
            del self._open[id]
        if settled:
            await ctx.store.inbox.settle(settled)

    def forget(self) -> None:
        """Leaves everything to whoever has the next turn."""
        self._open.clear()
        self._hinted.clear()
        self._being_read.clear()

    def _understood(self, ctx: Context, due: Sequence[Message], this: _Round) -> list[_Understood]:
        """What is new among the due messages; those that make no sense are parked."""
        found = []
        for message in due:
            if message.id in self._open:
                this.settled.append(claimed(message, ctx.now))
                continue
            try:
                found.append(self._read(message))
            except NotUnderstood as error:
                this.settled.append(parked(message, str(error)))
            except Exception as error:  # noqa: BLE001  # one message must not stop the others
                this.settled.append(parked(message, _our_fault(error)))
        return found

    def _read(self, message: Message) -> _Understood:
        wish = wish_of(message)
        if wish is not None:
            known = tuple(it for it in wish.entities if it in self._entities)
            return _Understood(message, entities=known, whole=wish.whole)
        pulled = was_pulled(message)
        reader = self._backend.puller if pulled else self._backend.events
        if reader is None:
            way = "messages are fetched from" if pulled else "webhooks are configured for"
            raise NotUnderstood(f"no {way} {self._backend.code} any more")
        hints = [
            hint if follows_one(self._backend, hint.entity) else Hint(hint.entity)
            for hint in reader.hints(message)
            if hint.entity in self._entities
        ]
        whole = dict.fromkeys(it.entity for it in hints if it.external_id is None)
        things = [it for it in hints if it.entity not in whole]  # the reading has them, too
        return _Understood(message, distinct(things), tuple(whole))

    async def _follow(self, ctx: Context, taken: Sequence[_Understood], this: _Round) -> None:
        """Reads each thing once, some beside each other, until the round's time is over or the
        backend is not there.
        """
        things = distinct([hint for it in taken for hint in it.things])
        at_once = min(FOLLOWED_AT_ONCE, self._backend.capabilities.calls_at_once)
        gone: Exception | None = None
        for start in range(0, len(things), at_once):
            some = things[start : start + at_once]
            if gone is not None:
                this.outcomes.update(dict.fromkeys(some, gone))
                continue
            if time.monotonic() >= this.until:
                return
            outcomes = await asyncio.gather(*(self._follow_one(ctx, hint) for hint in some))
            this.outcomes.update(zip(some, outcomes, strict=True))
            gone = next(
                (it for it in outcomes if isinstance(it, BackendUnavailable | BackendTimedOut)),
                None,
            )

    async def _follow_one(self, ctx: Context, hint: Hint) -> Exception | None:
        assert hint.external_id is not None
        try:
            await follow_hint(ctx, self._backend, hint.entity, hint.external_id)
        except Exception as error:  # noqa: BLE001  # it is the message's, and no other's
            return error
        return None

    def _conclude(self, ctx: Context, told: Iterable[_Understood], this: _Round) -> None:
        """Says what becomes of each message whose things were looked at."""
        for it in told:
            errors = (this.outcomes[hint] for hint in it.things)
            error = next((error for error in errors if error is not None), None)
            if error is not None:
                this.settled.append(_failed(ctx, it.message, error))
            elif not it.entities:
                this.settled.append(done(it.message))
            else:
                self._open[it.message.id] = _Open(it.message, set(it.entities))
                this.settled.append(claimed(it.message, ctx.now))
                for entity in it.entities:
                    self._hinted.setdefault(entity, set()).add(it.message.id)
                    self._wake(entity, it.whole)


def _first(understood: Sequence[_Understood], most: int) -> list[_Understood]:
    """Messages in order, for as long as they do not name too many things; at least one."""
    taken: list[_Understood] = []
    things: set[Hint] = set()
    for it in understood:
        things.update(it.things)
        if taken and len(things) > most:
            break
        taken.append(it)
    return taken


def _failed(ctx: Context, message: Message, error: Exception) -> Message:
    """A message whose follow-up failed: for the backend's sake it waits, else for a person."""
    if isinstance(error, BackendRefused) and error.final:
        return parked(message, str(error))
    if isinstance(error, NotUnderstood):
        return parked(message, str(error))
    if isinstance(error, CommerceError | OSError):
        pause = error.retry_after if isinstance(error, BackendThrottled) else None
        return put_off(message, str(error), ctx.now, _patience(ctx), pause or 0.0)
    return parked(message, _our_fault(error))


def _patience(ctx: Context) -> timedelta:
    return timedelta(hours=ctx.terms.inbox.retry_hours)


def _our_fault(error: Exception) -> str:
    """What is said of a bug: where it was, never what it says, which may be of the message."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].name}, line {frames[-1].lineno}" if frames else "nowhere"
    log.error("a message made our own code fail: %s in %s", type(error).__name__, where)
    return f"our own code failed: {type(error).__name__} in {where}"
