"""What messages are due by, what tells mirrored people and listings apart, and what is counted of
what marketplaces are told.

The same in every engine. Pure; no store is asked here.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import TypeVar

from connectors.stores.coding import encode, instant
from resolvers.domain.inbox import Message, MessageStatus
from resolvers.domain.listings import Listing
from resolvers.domain.members import Member
from resolvers.domain.publication import PublicationState
from resolvers.publication_port import PublicationCounts

T = TypeVar("T")
Key = TypeVar("Key", bound=Hashable)

_LONG_AGO = instant(0)

OPEN = (PublicationState.WAITING, PublicationState.FAILED)
"""What a number is that somebody still waits for."""


def counts_of(rows: Iterable[tuple[str, str, int]]) -> dict[str, PublicationCounts]:
    """Counts by backend, of rows of backend, state and number."""
    by_backend: dict[str, dict[str, int]] = {}
    for backend, state, count in rows:
        by_backend.setdefault(backend, {})[state] = count
    return {
        backend: PublicationCounts(*(found.get(state, 0) for state in OPEN))
        for backend, found in by_backend.items()
    }


def due_at(message: Message) -> datetime:
    """When a message may be tried."""
    return message.not_before or _LONG_AGO


def settled(message: Message) -> Message:
    """A message as it is kept: of one that is done, without its body."""
    return replace(message, body=b"") if message.status is MessageStatus.DONE else message


def replayed(message: Message, now: datetime) -> Message:
    """A parked message that waits again, as if it had not been tried."""
    return replace(message, status=MessageStatus.WAITING, not_before=now, attempts=0)


def said_by(record: Member | Listing) -> bytes:
    """Tells records apart by what they say, whenever that was seen."""
    unseen = replace(record.provenance, observed_at=_LONG_AGO)
    return blake2b(encode(replace(record, provenance=unseen)), digest_size=16).digest()


def differing(
    records: Sequence[T],
    key: Callable[[T], Key],
    said: Callable[[T], bytes],
    known: Mapping[Key, bytes],
) -> list[tuple[T, bytes]]:
    """Records that say something else than is known, each with its digest; of several with one key
    the last.
    """
    last = {key(it): it for it in records}
    digested = [(of, it, said(it)) for of, it in last.items()]
    return [(it, digest) for of, it, digest in digested if known.get(of) != digest]
