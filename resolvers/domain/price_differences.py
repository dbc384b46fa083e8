"""What a SKU costs by whose word, and by how much that differs. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from resolvers.domain.catalog import Product, Provenance, Variant
from resolvers.domain.listings import Offer
from resolvers.domain.merging import Attribute, Sources, prices_said
from resolvers.domain.values import Money


@dataclass(frozen=True, slots=True)
class PriceSaid:
    """What one source says that a unit costs in a channel; None if its listing of several units
    comes to no whole amount. ``shown`` is whether this is the price that buyers are shown.
    """

    channel: str
    price: Money | None
    fact: Provenance
    shown: bool


@dataclass(frozen=True, slots=True)
class PriceDifference:
    """A variant whose prices differ, with all that is said of them. ``difference`` is between the
    lowest and the highest of one currency, the largest if there are several; None if a price is
    missing and the others are the same.
    """

    variant: Variant
    said: tuple[PriceSaid, ...]
    difference: Money | None


def spread(prices: Sequence[Money]) -> Money | None:
    """By how much some prices differ at most within one currency; None if they do not."""
    by_currency: dict[str, list[int]] = {}
    for price in prices:
        by_currency.setdefault(price.currency, []).append(price.minor)
    spreads = [Money(max(of) - min(of), code) for code, of in sorted(by_currency.items())]
    widest = max(spreads, key=lambda money: money.minor, default=None)
    return widest if widest is not None and widest.minor else None


def difference_of(
    variant: Variant, masters: Mapping[str, Product], offers: Sequence[Offer], sources: Sources
) -> PriceDifference | None:
    """How a variant's prices differ, between its channels or between its sources; None if they do
    not.
    """
    order = sources.order(Attribute.PRICES)
    told = [*_by_listings(offers, sources), *_by_masters(variant, masters, sources)]
    told.sort(key=lambda said: (said[0], order.index(said[3])))
    channels: set[str] = set()
    said: list[PriceSaid] = []
    for channel, price, fact, _ in told:
        said.append(PriceSaid(channel, price, fact, channel not in channels and price is not None))
        channels.add(channel)
    difference = spread([one.price for one in said if one.price is not None])
    if difference is None and all(one.price is not None for one in said):
        return None
    return PriceDifference(variant, tuple(said), difference)


_Told = tuple[str, Money | None, Provenance, str]
"""Channel, price, fact, and the code of the source."""


def _by_listings(offers: Sequence[Offer], sources: Sources) -> list[_Told]:
    told: list[_Told] = []
    for code in sources.listings:
        own = sorted(
            (offer for offer in offers if offer.listing.backend == code),
            key=lambda offer: (offer.units, offer.listing.id),
        )
        for channel, price in prices_said(own).items():
            fact = next(
                offer.listing.provenance for offer in own if channel in dict(offer.listing.prices)
            )
            told.append((channel, price, fact, code))
    return told


def _by_masters(variant: Variant, masters: Mapping[str, Product], sources: Sources) -> list[_Told]:
    told: list[_Told] = []
    for code in sources.masters:
        for own in masters[code].variants if code in masters else ():
            if own.sku == variant.sku:
                fact = (*own.provenance, *variant.provenance)[0]
                told += [(channel, price, fact, code) for channel, price in own.prices.items()]
    return told
