"""What the answers need from backends that have something to tell: messages that they send us,
messages that we fetch, and deliveries of orders.

Who keeps what was fetched, and when it is acknowledged, stands in ``pulling``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from resolvers.domain.inbox import Hint, Message
from resolvers.domain.orders import Order


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message as it came in: nothing of it is believed yet. Header names are lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What a vendor wants to hear so that it does not send again."""

    status: int = 200
    content_type: str = "application/json"
    body: bytes = b"{}"


class EventReceiver(Protocol):
    """Knows a backend's messages: whether they are its own, which are the same, what they say."""

    acknowledgement: Acknowledgement

    def verify(self, raw: RawMessage) -> bool:
        """Says whether the backend has sent it, and not too long ago; on the raw bytes."""

    def dedupe_key(self, raw: RawMessage) -> str:
        """What is the same for the same message sent again, at most 255 characters."""

    def kept_headers(self, raw: RawMessage) -> Mapping[str, str]:
        """The headers that it is understood by; no secret."""

    def hints(self, message: Message) -> Sequence[Hint]:
        """What it says has changed.

        Raises:
            NotUnderstood: it makes no sense to us; a person has to look.
        """


@dataclass(frozen=True, slots=True)
class Pulled:
    """A message that lies at its source until it is acknowledged by ``id``.

    ``dedupe_key`` is the same for the same message pulled again, at most 255 characters;
    ``headers`` is what it is understood by beside its body, names in lower case, no secret.
    """

    id: str
    dedupe_key: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


class EventPuller(Protocol):
    """A source whose messages we fetch: a folder, a queue. Nothing is taken from it unseen: what is
    not acknowledged is pulled again.
    """

    async def pull(self, limit: int) -> Sequence[Pulled]:
        """The eldest messages that are not acknowledged, at most so many; none if none is."""

    async def acknowledge(self, ids: Sequence[str]) -> None:
        """Says that messages are kept for good. One that is not there any more is no error."""

    def hints(self, message: Message) -> Sequence[Hint]:
        """What a kept message says has changed.

        Raises:
            NotUnderstood: it makes no sense to us; a person has to look.
        """


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one delivery holds: the orders that make sense, and in ``left_out`` what does not, named
    for a person without quoting it; "" if all does.
    """

    orders: Sequence[Order]
    left_out: str = ""


class OrderDeliveries(Protocol):
    """Orders that come in deliveries (files, batches), each read by the name that a message gave
    it.
    """

    async def delivered(self, external_id: str) -> Delivered:
        """One delivery as it stands now.

        Raises:
            NotUnderstood: it is gone, or none of it makes sense.
        """
