"""How a connector takes messages: the scheme that its vendor signs by, and what a message says.

A vendor's own part is one pure function from a message to hints.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from connectors.webhooks import SCHEMES, Endpoint, dedupe_key, kept_headers, verified
from resolvers.domain.errors import NotUnderstood
from resolvers.domain.inbox import Hint, Message
from resolvers.event_ports import RawMessage

Hints = Callable[[Message], Sequence[Hint]]
"""What a vendor's message says has changed; raises NotUnderstood if it makes no sense."""


class SignedReceiver:
    """Answers the EventReceiver port by a row of the table of schemes."""

    def __init__(self, scheme: str, endpoint: Endpoint, hints: Hints) -> None:
        """``scheme`` is the row's name; ``endpoint`` what is agreed with this backend."""
        self._scheme = scheme
        self._endpoint = endpoint
        self._hints = hints
        self.acknowledgement = SCHEMES[scheme].acknowledgement

    def verify(self, raw: RawMessage) -> bool:
        """Says whether the backend has sent it, and not too long ago."""
        return verified(self._scheme, raw, self._endpoint)

    def dedupe_key(self, raw: RawMessage) -> str:
        """What is the same for the same message sent again."""
        return dedupe_key(self._scheme, raw)

    def kept_headers(self, raw: RawMessage) -> Mapping[str, str]:
        """The headers that it is understood by."""
        return kept_headers(self._scheme, raw)

    def hints(self, message: Message) -> Sequence[Hint]:
        """What it says has changed."""
        return self._hints(message)


def object_of(message: Message) -> Mapping[str, Any]:
    """The JSON object that a message's body is.

    Raises:
        NotUnderstood: it is none.
    """
    try:
        found = msgspec.json.decode(message.body)
    except msgspec.DecodeError as error:
        raise NotUnderstood("the body is not JSON") from error
    if not isinstance(found, dict):
        raise NotUnderstood("the body is JSON, but no object")
    return found


def header_of(message: Message, name: str) -> str:
    """A kept header of a message.

    Raises:
        NotUnderstood: it came without.
    """
    found = dict(message.headers).get(name)
    if found is None:
        raise NotUnderstood(f"it came without the header {name}")
    return found
