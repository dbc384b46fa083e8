"""What Shopify's messages say has changed. They come late, twice and in any order: nothing in them
is believed, the thing that they name is read anew.
"""

from collections.abc import Mapping, Sequence

import msgspec

from connectors import webhooks
from connectors.marketplace.shopify_translate import gid
from connectors.webhooks import Endpoint
from resolvers.domain.errors import NotUnderstood
from resolvers.domain.inbox import Hint, Message
from resolvers.event_ports import Acknowledgement, RawMessage
from resolvers.house import LISTINGS, MEMBERS, ORDERS

SCHEME = "shopify"

VARIANTS_MAX = 20
"""Most variants of a product that are read one by one; of more, all that changed is."""

_TOPIC = "x-shopify-topic"
_SHOP = "x-shopify-shop-domain"


class Events:
    """Messages of one shop."""

    def __init__(self, shop: str, endpoint: Endpoint) -> None:
        """``shop`` is its domain: an app has one secret for every shop that it is in."""
        self.acknowledgement: Acknowledgement = webhooks.SCHEMES[SCHEME].acknowledgement
        self._shop = shop
        self._endpoint = endpoint

    def verify(self, raw: RawMessage) -> bool:
        """Says whether this shop has sent it."""
        ours = raw.headers.get(_SHOP, self._shop).lower() == self._shop
        return webhooks.verified(SCHEME, raw, self._endpoint) and ours

    def dedupe_key(self, raw: RawMessage) -> str:
        """The same for every delivery of one message."""
        return webhooks.dedupe_key(SCHEME, raw)

    def kept_headers(self, raw: RawMessage) -> Mapping[str, str]:
        """The topic, and what else says what it is about."""
        return webhooks.kept_headers(SCHEME, raw)

    def hints(self, message: Message) -> Sequence[Hint]:
        """What has changed.

        Raises:
            NotUnderstood: another topic than we know, or none of its things; also what a person
                has to do, such as to forget somebody.
        """
        topic = dict(message.headers).get(_TOPIC, "")
        try:
            body = msgspec.json.decode(message.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise NotUnderstood("it is no JSON") from None
        if not isinstance(body, dict):
            raise NotUnderstood("it tells of nothing")
        kind = topic.partition("/")[0]
        try:
            if topic in _PRODUCTS:
                return _of_product(body)
            if kind in _STOCK:
                return [Hint(LISTINGS, gid("InventoryItem", str(body[_STOCK[kind]])))]
            if kind == "orders":
                return [Hint(ORDERS, gid("Order", str(body["id"])))]
            if kind in _OF_ORDERS:
                return [Hint(ORDERS, gid("Order", str(body["order_id"])))]
            if topic in _CUSTOMERS:
                return [Hint(MEMBERS, gid("Customer", str(body["id"])))]
        except (KeyError, TypeError, ValueError):
            raise NotUnderstood(f"{topic} names nothing that we could read") from None
        raise NotUnderstood(f"a message about {topic[:80] or 'nothing'} is for a person to look at")


_PRODUCTS = ("products/create", "products/update", "products/delete")
_STOCK = {"inventory_levels": "inventory_item_id", "inventory_items": "id"}
_OF_ORDERS = ("refunds", "fulfillments", "order_transactions")
_CUSTOMERS = (
    "customers/create",
    "customers/update",
    "customers/delete",
    "customers/enable",
    "customers/disable",
)


def _of_product(body: Mapping[str, object]) -> Sequence[Hint]:
    """Its variants; of a product that is gone none are named, and a reading of all finds them."""
    variants = body.get("variants")
    if not isinstance(variants, list) or not 0 < len(variants) <= VARIANTS_MAX:
        return [Hint(LISTINGS)]
    return [Hint(LISTINGS, gid("ProductVariant", str(it["id"]))) for it in variants]
