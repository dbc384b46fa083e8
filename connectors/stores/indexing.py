"""What products, orders and writes are found and sorted by, and the cursors of product pages.

The same in every engine, so that a walk over pages answers alike. Pure; no store is asked here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from itertools import accumulate

import msgspec

from connectors.stores.coding import encode, instant, micros
from resolvers.domain.catalog import Product, Provenance
from resolvers.domain.errors import InvalidInput
from resolvers.domain.orders import Order
from resolvers.domain.outbox import Write
from resolvers.domain.search import index_terms, lowest_price, title_key
from resolvers.domain.values import MINOR_MAX
from resolvers.filters import ProductSort

SortKey = int | str
"""What a product is sorted by before its handle. Every order is ascending: what is asked for from
the highest is kept as a negative number."""

_UNSOLD = 10 * MINOR_MAX  # after every price, from the lowest and from the highest
_INTEGER_MAX = 2**63 - 1
_HANDLE_ORDER = "HANDLE"
_LONG_AGO = instant(0)

_cursor = msgspec.json.Decoder(tuple[str, SortKey, str]).decode


@dataclass(frozen=True, slots=True)
class PriceKeys:
    """A lowest price as sort keys: ``cheap`` from the lowest, ``dear`` from the highest."""

    cheap: int
    dear: int


@dataclass(frozen=True, slots=True)
class ProductIndex:
    """What one product is found and sorted by. ``age`` grows with the time since its last change.

    ``categories`` hold those above its own, too; ``channels`` are those that sell it.
    """

    title: str
    age: int
    price: PriceKeys
    channels: Mapping[str, PriceKeys]
    categories: frozenset[str]
    terms: frozenset[str]


def index_of(product: Product, now: datetime) -> ProductIndex:
    """The index of a product; one that does not say when it changed has changed ``now``."""
    sold = {code for variant in product.variants for code in variant.prices}
    return ProductIndex(
        title_key(product),
        age_of(product.updated_at or now),
        _price_keys(lowest_price(product, None)),
        {code: _price_keys(lowest_price(product, code)) for code in sorted(sold)},
        frozenset(above for own in product.categories for above in _and_above(own)),
        index_terms(product),
    )


def age_of(updated_at: datetime) -> int:
    """An instant as a sort key, the newest first."""
    return -micros(updated_at)


def digest_of(product: Product) -> bytes:
    """Tells products apart by what they say, whenever that was seen."""

    def unseen(provenance: tuple[Provenance, ...]) -> tuple[Provenance, ...]:
        return tuple(replace(fact, observed_at=_LONG_AGO) for fact in provenance)

    variants = tuple(
        replace(variant, provenance=unseen(variant.provenance)) for variant in product.variants
    )
    said = replace(product, variants=variants, provenance=unseen(product.provenance))
    return blake2b(encode(said), digest_size=16).digest()


def sort_key_of(sort: ProductSort, channel: str | None) -> Callable[[ProductIndex, int], SortKey]:
    """The sort key of a product, by its index and how many words of a search it has exactly."""
    if sort is ProductSort.TITLE_ASC:
        return lambda index, _: index.title
    if sort is ProductSort.UPDATED_DESC:
        return lambda index, _: index.age
    if sort is ProductSort.RELEVANCE:
        return lambda _, exact: -exact
    if sort is ProductSort.PRICE_ASC:
        return lambda index, _: _price_in(index, channel).cheap
    return lambda index, _: _price_in(index, channel).dear


def cursor_of(sort: ProductSort, key: SortKey, handle: str, *, searched: bool) -> str:
    """Where a product stands in an order, as text."""
    return encode((_order_of(sort, searched=searched), key, handle)).decode()


def after_cursor(sort: ProductSort, cursor: str, *, searched: bool) -> tuple[SortKey, str]:
    """The sort key and handle that a page starts after.

    Raises:
        InvalidInput: no cursor of ours, or one of another order.
    """
    try:
        order, key, handle = _cursor(cursor.encode())
    except (msgspec.DecodeError, UnicodeError):
        raise InvalidInput("the cursor is none of ours; start again", field=("after",)) from None
    text = sort is ProductSort.TITLE_ASC
    fits = isinstance(key, str) if text else isinstance(key, int) and abs(key) <= _INTEGER_MAX
    if order != _order_of(sort, searched=searched) or not fits:
        raise InvalidInput("the cursor is of another order; start again", field=("after",))
    return key, handle


def place_of(order: Order) -> str | None:
    """The location that an order is found by: where it is handed over, else where it was sold."""
    if order.delivery is not None and order.delivery.location is not None:
        return order.delivery.location
    return order.origin_location


def ready_at(write: Write) -> datetime:
    """When a write may be tried again, as far as it itself is concerned."""
    return max(write.not_before or _LONG_AGO, write.settle_until or _LONG_AGO)


def _order_of(sort: ProductSort, *, searched: bool) -> str:
    return _HANDLE_ORDER if sort is ProductSort.RELEVANCE and not searched else sort.value


def _price_keys(price: int | None) -> PriceKeys:
    return PriceKeys(_UNSOLD, _UNSOLD) if price is None else PriceKeys(price, -price)


def _price_in(index: ProductIndex, channel: str | None) -> PriceKeys:
    return index.price if channel is None else index.channels[channel]


def _and_above(category: str) -> list[str]:
    """A category and those above it: ``beauty`` and ``beauty/skincare`` for the latter."""
    return list(accumulate(category.split("/"), lambda above, own: f"{above}/{own}"))
