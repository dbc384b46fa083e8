"""Messages of BottleCRM: signed, hints only.

They come in any order after an outage, hold neither tags nor custom fields, and none is sent when a
tag is renamed or merged; so a contact is always read anew, and all of them from time to time. What
was signed is the body, so that is what a message is understood by.
"""

import json
from collections.abc import Mapping, Sequence

from connectors.crm.bottlecrm_translate import is_id
from connectors.webhooks import SCHEMES, Endpoint, kept_headers, verified
from connectors.webhooks import dedupe_key as digest_key
from resolvers.domain.errors import NotUnderstood
from resolvers.domain.inbox import Hint, Message
from resolvers.event_ports import RawMessage
from resolvers.house import MEMBERS

SCHEME = "bottlecrm"

CONTACT = "contact."
"""What events of contacts begin with."""


class Events:
    """What one organization sends."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.acknowledgement = SCHEMES[SCHEME].acknowledgement

    def verify(self, raw: RawMessage) -> bool:
        """Says whether the CRM has sent it, within the last minutes."""
        return verified(SCHEME, raw, self._endpoint)

    def dedupe_key(self, raw: RawMessage) -> str:
        """The event's own id, which is the same however often it is sent; the id in the headers is
        another each time. The body's digest where there is none.
        """
        try:
            told = json.loads(raw.body)
        except ValueError:
            return digest_key(SCHEME, raw)
        event = told.get("id") if isinstance(told, dict) else None
        known = isinstance(event, str) and is_id(event)
        return f"event:{event}" if known else digest_key(SCHEME, raw)

    def kept_headers(self, raw: RawMessage) -> Mapping[str, str]:
        """The event's name, for whoever lists messages."""
        return kept_headers(SCHEME, raw)

    def hints(self, message: Message) -> Sequence[Hint]:
        """The contact that it is about; nothing where it is about something else.

        Raises:
            NotUnderstood: no event, or one of a contact that it does not name.
        """
        try:
            told = json.loads(message.body)
            event = _text(told["event"])
            if not event.startswith(CONTACT):  # of a lead, say, or the ping of a new endpoint
                return []
            return [Hint(MEMBERS, _id(told["data"]["id"]))]
        except (ValueError, KeyError, TypeError):
            raise NotUnderstood(f"{message.backend}: a message that is not of this CRM") from None


def _text(told: object) -> str:
    if not isinstance(told, str) or not told:
        raise ValueError("an event has a name")
    return told


def _id(told: object) -> str:
    if not isinstance(told, str) or not is_id(told):
        raise ValueError("a contact has an id")
    return told
