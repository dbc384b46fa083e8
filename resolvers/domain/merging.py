"""One product out of what its sources say: its masters (ERPs), and listings of its SKUs.

For each attribute the first source in its order that says something is believed. The outcome hangs
on what is said now and on nothing else: not on who came first, nor on who has been there. Pure.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from resolvers.domain.catalog import Product, Provenance, Variant
from resolvers.domain.listings import Offer, per_unit
from resolvers.domain.values import Money

T = TypeVar("T")


class Attribute(StrEnum):
    """What a source may be believed about. A title is believed language by language, a price
    channel by channel; barcodes of all sources add up.
    """

    TITLE = "title"
    BRAND = "brand"
    DESCRIPTION = "description"
    MEDIA = "media"
    CATEGORIES = "categories"
    BARCODES = "barcodes"
    OPTIONS = "options"
    PRICES = "prices"
    COST = "cost"


@dataclass(frozen=True, slots=True)
class Sources:
    """Who may be believed: backends with master data and marketplaces, by code, in the order that
    the configuration has them. ``preferred`` names some that go before the others, by attribute.
    """

    masters: tuple[str, ...] = ()
    listings: tuple[str, ...] = ()
    preferred: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def alone(self) -> bool:
        """Whether there is nothing to merge: one system says all."""
        return len(self.masters) <= 1 and not self.listings

    def order(self, attribute: Attribute) -> tuple[str, ...]:
        """Whom to believe about an attribute, the first first. Master data goes before listings,
        but a channel's price is what its buyers see.
        """
        usual = (*self.masters, *self.listings)
        if attribute is Attribute.PRICES:
            usual = (*self.listings, *self.masters)
        return tuple(dict.fromkeys((*self.preferred.get(attribute, ()), *usual)))


def merged(
    masters: Mapping[str, Product],
    offers: Iterable[Offer],
    sources: Sources,
    clashing: frozenset[str] = frozenset(),
) -> Product | None:
    """The product as it is shown; None if no master has it.

    A listing of several units says what one of them costs, and nothing else; if that is no whole
    amount, its channel has no price. A listing's barcode counts unless another SKU has it, too;
    ``clashing`` are those that SKUs of other products have.
    """
    told = [_Word(code, masters[code]) for code in sources.masters if code in masters]
    if not told:
        return None
    ground = told[0].product
    skus = list(dict.fromkeys(sku for word in told for sku in word.variants))
    heard = _heard([offer for offer in offers if offer.sku in skus], ground, sources)
    if len(told) == 1 and not heard:
        return ground
    return _Merge([*told, *heard], sources, clashing).product(ground, skus)


def prices_said(offers: Iterable[Offer]) -> Mapping[str, Money | None]:
    """What the offers of one marketplace for one SKU say that a unit costs, by channel; None where
    it is no whole amount. Of several the one with the fewest units is believed.
    """
    said: dict[str, Money | None] = {}
    for offer in sorted(offers, key=_rank):
        for channel, price in offer.listing.prices:
            if said.get(channel) is None:
                said[channel] = per_unit(price, offer.units)
    return said


def _rank(offer: Offer) -> tuple[int, str, str]:
    return offer.units, offer.listing.backend, offer.listing.id


class _Word:
    """What one source says of a product; ``unpriced`` are channels that it names without a price,
    by SKU.
    """

    def __init__(
        self,
        code: str,
        product: Product,
        unpriced: Mapping[str, Sequence[str]] | None = None,
        updated_at: datetime | None = None,
    ) -> None:
        self.code = code
        self.product = product
        self.variants = {variant.sku: variant for variant in product.variants}
        self.is_listing = unpriced is not None
        self.unpriced = unpriced or {}
        self.updated_at = updated_at or product.updated_at


def _heard(offers: Sequence[Offer], ground: Product, sources: Sources) -> list[_Word]:
    """The words of marketplaces, each said as a master would say it."""
    by_code: dict[str, list[Offer]] = {}
    for offer in sorted(offers, key=_rank):
        by_code.setdefault(offer.listing.backend, []).append(offer)
    return [_word_of(code, by_code[code], ground) for code in sources.listings if code in by_code]


def _word_of(code: str, offers: Sequence[Offer], ground: Product) -> _Word:
    locale = next(iter(ground.titles))
    variants: list[Variant] = []
    unpriced: dict[str, Sequence[str]] = {}
    for sku in sorted({offer.sku for offer in offers}):
        own = [offer for offer in offers if offer.sku == sku]
        said = prices_said(own)
        singles = [offer.listing for offer in own if offer.units == 1]
        unpriced[sku] = [channel for channel, price in said.items() if price is None]
        variants.append(
            Variant(
                sku,
                ground.handle,
                {locale: singles[0].title} if singles else {},
                tuple(barcode for it in singles for barcode in it.barcodes),
                prices={channel: price for channel, price in said.items() if price is not None},
                provenance=tuple(offer.listing.provenance for offer in own),
            )
        )
    singles = [offer.listing for offer in offers if offer.units == 1]
    named = [it for it in singles if it.product_title]
    told = [it for it in singles if it.description]
    shown = [it for it in singles if it.media]
    product = Product(
        ground.handle,
        {locale: named[0].product_title or ""} if named else {},
        tuple(variants),
        description=told[0].description if told else None,
        media=shown[0].media if shown else (),
        provenance=tuple(
            dict.fromkeys(it.provenance for it in (*named[:1], *told[:1], *shown[:1]))
        ),
    )
    return _Word(code, product, unpriced, max(offer.listing.updated_at for offer in offers))


class _Merge:
    """Puts the words of several sources together."""

    def __init__(self, words: Sequence[_Word], sources: Sources, clashing: frozenset[str]) -> None:
        self._words = words
        self._clashing = clashing
        self._ranked = {at: self._by_rank(at, sources.order(at)) for at in Attribute}
        self._bearers: dict[str, set[str]] = {}
        for word in words:
            for variant in word.variants.values():
                for barcode in variant.barcodes:
                    self._bearers.setdefault(barcode, set()).add(variant.sku)

    def product(self, ground: Product, skus: Sequence[str]) -> Product:
        """The product, on the ground of what its first master says."""
        taken = _Taken(self._ranked)
        variants = tuple(self._variant(sku) for sku in skus)
        made = replace(
            ground,
            titles=taken.titles(lambda word: word.product.titles),
            variants=variants,
            brand=taken.first(Attribute.BRAND, lambda word: word.product.brand),
            description=taken.first(Attribute.DESCRIPTION, lambda word: word.product.description),
            categories=taken.first(Attribute.CATEGORIES, lambda word: word.product.categories)
            or (),
            media=taken.first(Attribute.MEDIA, lambda word: word.product.media) or (),
        )
        heard = [word.product.provenance for word in self._words if word.code in taken.givers]
        return replace(
            made,
            updated_at=self._updated_at(),
            provenance=_each_once([ground.provenance, *heard]),
            said_by=taken.said_by,
        )

    def _variant(self, sku: str) -> Variant:
        own = [word.variants[sku] for word in self._words if sku in word.variants]
        taken = _Taken(self._ranked)

        def said(read: Callable[[Variant], T]) -> Callable[[_Word], T | None]:
            return lambda word: read(word.variants[sku]) if sku in word.variants else None

        made = replace(
            own[0],
            titles=taken.titles(lambda word: said(lambda variant: variant.titles)(word) or {}),
            barcodes=self._barcodes(sku, taken),
            options=taken.first(Attribute.OPTIONS, said(lambda variant: variant.options)) or (),
            prices=self._prices(sku, taken),
            unit_cost=taken.first(Attribute.COST, said(lambda variant: variant.unit_cost)),
        )
        heard = [
            word.variants[sku].provenance
            for word in self._words
            if sku in word.variants and word.code in taken.givers
        ]
        provenance = _each_once([own[0].provenance, *heard])
        return replace(made, provenance=provenance, said_by=taken.said_by)

    def _barcodes(self, sku: str, taken: "_Taken") -> tuple[str, ...]:
        found: dict[str, None] = {}
        for word in self._ranked[Attribute.BARCODES]:
            variant = word.variants.get(sku)
            for barcode in variant.barcodes if variant is not None else ():
                shared = barcode in self._clashing or len(self._bearers[barcode]) > 1
                if barcode not in found and not (word.is_listing and shared):
                    found[barcode] = None
                    taken.note(Attribute.BARCODES, word)
        return tuple(found)

    def _prices(self, sku: str, taken: "_Taken") -> dict[str, Money]:
        prices: dict[str, Money | None] = {}
        for word in self._ranked[Attribute.PRICES]:
            variant = word.variants.get(sku)
            if variant is None:
                continue
            said: dict[str, Money | None] = dict.fromkeys(word.unpriced.get(sku, ()))
            for channel, price in {**said, **variant.prices}.items():
                if channel not in prices:
                    prices[channel] = price
                    taken.note(f"{Attribute.PRICES}.{channel}", word)
        return {channel: price for channel, price in sorted(prices.items()) if price is not None}

    def _by_rank(self, attribute: Attribute, order: Sequence[str]) -> list[_Word]:
        """The words in the order in which they are believed. Of a backend that is both its master
        data goes first, but about prices.
        """
        listings_first = attribute is Attribute.PRICES
        return sorted(
            self._words,
            key=lambda word: (order.index(word.code), word.is_listing is not listings_first),
        )

    def _updated_at(self) -> datetime | None:
        times = [word.updated_at for word in self._words]
        known = [time for time in times if time is not None]
        return max(known) if len(known) == len(times) else None


class _Taken:
    """What is taken from whom while one thing is put together."""

    def __init__(self, ranked: Mapping[Attribute, Sequence[_Word]]) -> None:
        self._ranked = ranked
        self.said_by: dict[str, tuple[str, ...]] = {}
        self.givers: set[str] = set()

    def note(self, attribute: str, word: _Word) -> None:
        """Remembers that a source gave an attribute, or a part of it."""
        before = self.said_by.get(attribute, ())
        if word.code not in before:
            self.said_by[str(attribute)] = (*before, word.code)
        self.givers.add(word.code)

    def first(self, attribute: Attribute, says: Callable[[_Word], T | None]) -> T | None:
        """What the first source says that says anything."""
        for word in self._ranked[attribute]:
            if value := says(word):
                self.note(attribute, word)
                return value
        return None

    def titles(self, says: Callable[[_Word], Mapping[str, str]]) -> dict[str, str]:
        """The title in each language, by the first source that has it."""
        found: dict[str, str] = {}
        for word in self._ranked[Attribute.TITLE]:
            for locale, title in says(word).items():
                if locale not in found:
                    found[locale] = title
                    self.note(Attribute.TITLE, word)
        return found


def _each_once(facts: Iterable[Iterable[Provenance]]) -> tuple[Provenance, ...]:
    return tuple(dict.fromkeys(fact for part in facts for fact in part))
