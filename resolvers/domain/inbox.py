"""Messages that backends sent us: kept before they are acknowledged, understood later. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


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
