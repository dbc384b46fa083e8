"""Listings: what a marketplace offers under an id of its own, and which SKU each stands for.

A listing stands for so many units of one SKU. Which one is the marketplace's word (its seller code
is a SKU), or a person's, which wins. Pure.
"""

from dataclasses import dataclass
from datetime import datetime

from resolvers.domain.catalog import Media, Provenance
from resolvers.domain.values import Money


@dataclass(frozen=True, slots=True)
class Listing:
    """One offer of a marketplace as it was last read.

    ``seller_code`` is what the seller wrote on it, mostly a SKU. ``prices`` are by channel code,
    for the whole listing. ``published`` is the quantity that the marketplace says it may sell, None
    if it does not tell.
    """

    backend: str
    id: str
    title: str
    provenance: Provenance
    updated_at: datetime
    seller_code: str | None = None
    barcodes: tuple[str, ...] = ()
    prices: tuple[tuple[str, Money], ...] = ()
    description: str | None = None
    media: tuple[Media, ...] = ()
    product_title: str | None = None
    published: int | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class ListingMapping:
    """A person's word that a listing stands for so many ``units`` of a SKU."""

    backend: str
    listing: str
    sku: str
    units: int
    set_by: str
    set_at: datetime


@dataclass(frozen=True, slots=True)
class Offer:
    """A listing with what it stands for: so many ``units`` of a SKU."""

    listing: Listing
    sku: str
    units: int = 1


def offer_of(listing: Listing, mapping: ListingMapping | None) -> Offer | None:
    """What a listing stands for: a person's word, else one unit of the SKU that is exactly its
    seller code; None if neither says. Whether anybody sells that SKU is not asked here.
    """
    if mapping is not None:
        return Offer(listing, mapping.sku, mapping.units)
    return None if listing.seller_code is None else Offer(listing, listing.seller_code)


def per_unit(price: Money, units: int) -> Money | None:
    """The price of one of so many units; None if that is no whole amount."""
    minor, rest = divmod(price.minor, units)
    return None if rest else Money(minor, price.currency)
