"""Messages of the shop's plugin (``examples/vendure-webhooks``): signed by us both, and hints only.

A message is understood by its body alone, which is what was signed.
"""

import json
from collections.abc import Mapping, Sequence

from connectors.webhooks import SCHEMES, Endpoint, dedupe_key, kept_headers, verified
from resolvers.domain.errors import NotUnderstood
from resolvers.domain.inbox import Hint, Message
from resolvers.event_ports import RawMessage
from resolvers.house import LISTINGS, MEMBERS, ORDERS

SCHEME = "vendure"

IDS_MAX = 1000
"""Most things that one message may name: an import of more is found by looking for changes."""

_BY_ID: Mapping[str, tuple[str, bool]] = {
    "product": (LISTINGS, False),
    "product-channel": (LISTINGS, False),
    "variant": (LISTINGS, True),
    "variant-price": (LISTINGS, True),
    "variant-channel": (LISTINGS, True),
    "stock": (LISTINGS, True),
    "customer": (MEMBERS, True),
}
"""The entity of a topic, and whether its ids are those of the entity's things."""

_OF_ORDERS = frozenset(
    {"order-placed", "order-state", "payment", "refund", "refund-state", "fulfillment"}
)


class Events:
    """What the plugin of one shop sends."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.acknowledgement = SCHEMES[SCHEME].acknowledgement

    def verify(self, raw: RawMessage) -> bool:
        """Says whether the shop has sent it."""
        return verified(SCHEME, raw, self._endpoint)

    def dedupe_key(self, raw: RawMessage) -> str:
        """The event's id, the same however often it is sent."""
        return dedupe_key(SCHEME, raw)

    def kept_headers(self, raw: RawMessage) -> Mapping[str, str]:
        """The topic, for whoever lists messages."""
        return kept_headers(SCHEME, raw)

    def hints(self, message: Message) -> Sequence[Hint]:
        """What it says has changed.

        Raises:
            NotUnderstood: no topic of ours, or not what its topic is about.
        """
        try:
            told = json.loads(message.body)
            topic, about = told["topic"], told["data"]
            if topic in _OF_ORDERS:
                order = about.get("orderId")
                return [Hint(ORDERS, None if order is None else _id(order))]
            entity, named = _BY_ID[topic]
            ids = [_id(id) for id in about["ids"]]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise NotUnderstood(f"{message.backend}: a message that is not of the plugin") from None
        if not named or not ids or len(ids) > IDS_MAX:
            return [Hint(entity)]
        return [Hint(entity, id) for id in ids]


def _id(told: object) -> str:
    if not isinstance(told, str) or not told:
        raise ValueError("an id is a text")
    return told
