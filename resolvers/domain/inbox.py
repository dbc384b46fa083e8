"""Messages that backends sent us: kept before they are acknowledged, understood later. Pure.

A person's wish to have a backend read is kept among them, as a message of the house's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

BODY_BYTES_MAX = 1024 * 1024
"""Largest message; the largest of any vendor here is a quarter of it."""

DEDUPE_CHARS_MAX = 255
"""Longest key that a message is known again by."""

ERROR_CHARS_MAX = 500
"""Longest error that is kept with a message."""

PAUSE_FIRST_SECONDS, PAUSE_MAX_SECONDS = 2.0, 300.0
"""Pauses between two tries of what a message hinted at: each twice the one before, up to this."""

CLAIM = timedelta(seconds=30)
"""How long a message that waits for a reading is left alone: if its reader dies, it is due again
so soon."""

_WISH, _WHOLE = "gateway wish", "gateway whole"  # no header of HTTP has a blank in its name
_PULLED = ("gateway pulled", "yes")
_OWN = "\x1f"  # opens our own dedupe keys; those of backends are printable


class MessageStatus(StrEnum):
    """How far a message has come. PARKED waits for a person."""

    WAITING = "WAITING"
    DONE = "DONE"
    PARKED = "PARKED"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a backend, as its bytes came.

    ``dedupe_key`` is unique for its backend: the same message twice is kept once. ``headers`` are
    those that the message is understood by, lower case, without any secret. ``error`` says why it
    could not be understood.
    """

    id: str
    backend: str
    dedupe_key: str
    received_at: datetime
    body: bytes = field(repr=False)
    headers: tuple[tuple[str, str], ...] = ()
    status: MessageStatus = MessageStatus.WAITING
    attempts: int = 0
    not_before: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Hint:
    """What a message says has changed: an entity (as feeds name them) and the backend's id of one
    thing of it, None for many. Hints are never believed, only followed: the thing is read anew.
    """

    entity: str
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """A person's wish to have some entities of a backend read; ``whole``: from their beginning."""

    entities: tuple[str, ...]
    whole: bool


def wished(  # noqa: PLR0917  # who, what, when
    id: str, backend: str, subject: str, key: str, wish: Wish, now: datetime
) -> Message:
    """The message that keeps a wish; the same caller's same key makes the same one."""
    digest = sha256(f"{subject}{_OWN}{key}".encode("utf-8", "surrogatepass")).hexdigest()
    headers = [(_WISH, entity) for entity in wish.entities]
    if wish.whole:
        headers.append((_WHOLE, "yes"))
    return Message(id, backend, f"{_OWN}wish:{digest}", now, b"", tuple(headers))


def wish_of(message: Message) -> Wish | None:
    """The wish that a message keeps; None if it is a backend's."""
    entities = tuple(value for name, value in message.headers if name == _WISH)
    return Wish(entities, (_WHOLE, "yes") in message.headers) if entities else None


def marked_pulled(message: Message) -> Message:
    """The message with a mark that it was fetched: who fetches understands it, not who receives."""
    return replace(message, headers=(*message.headers, _PULLED))


def was_pulled(message: Message) -> bool:
    """Says whether a message was fetched."""
    return _PULLED in message.headers


def known_by(key: str, body: bytes) -> str:
    """A backend's dedupe key as it is kept; one that cannot be kept becomes the body's digest."""
    fits = 0 < len(key) <= DEDUPE_CHARS_MAX and key.isprintable()
    return key if fits else f"sha256:{sha256(body).hexdigest()}"


# ---- what becomes of a message ----------------------------------------------------------------


def done(message: Message) -> Message:
    """All that it hinted at was read."""
    return replace(message, status=MessageStatus.DONE, not_before=None, error=None)


def claimed(message: Message, now: datetime) -> Message:
    """A reading under way will answer it."""
    return replace(message, not_before=now + CLAIM)


def parked(message: Message, error: str) -> Message:
    """A person has to look."""
    return replace(
        message,
        status=MessageStatus.PARKED,
        attempts=message.attempts + 1,
        not_before=None,
        error=error[:ERROR_CHARS_MAX],
    )


def put_off(
    message: Message, error: str, now: datetime, patience: timedelta, least: float = 0.0
) -> Message:
    """What it hinted at could not be read now: it waits, ``least`` seconds or more; or for a
    person, if it has been tried for longer than ``patience``.
    """
    attempts = message.attempts + 1
    if timedelta(seconds=sum(map(pause_after, range(1, attempts)))) >= patience:
        return parked(message, error)
    pause = timedelta(seconds=max(least, pause_after(attempts)))
    return replace(
        message, attempts=attempts, not_before=now + pause, error=error[:ERROR_CHARS_MAX]
    )


def pause_after(attempts: int) -> float:
    """Seconds until the next try, after so many."""
    assert attempts > 0
    return min(PAUSE_MAX_SECONDS, PAUSE_FIRST_SECONDS * 2.0 ** min(attempts - 1, 20))


def distinct(hints: Sequence[Hint]) -> tuple[Hint, ...]:
    """Each hint once, in order."""
    return tuple(dict.fromkeys(hints))
