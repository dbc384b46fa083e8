"""The catalogue: products, their variants (SKUs), prices per channel, and each fact's source.

Pure records. A SKU is the ERP's item code, compared exactly. Prices are money in minor units.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from resolvers.domain.values import Money


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a fact came from, and when that system was last seen saying so."""

    system: str
    external_id: str
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or film of a product."""

    url: str
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a bundle: so many units of another SKU."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Variant:
    """What is sold and counted: one SKU.

    ``prices`` are by channel code; a channel without one does not sell it. ``titles`` and
    ``options`` are by locale (``zh-CN``, ``en``), the first is the default. ``said_by`` says which
    backends each attribute was taken from (a price as ``prices.CHANNEL``); it is empty if one
    system says all.
    """

    sku: str
    product: str
    titles: Mapping[str, str]
    barcodes: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    prices: Mapping[str, Money] = field(default_factory=dict)
    unit_cost: Money | None = None
    components: tuple[Component, ...] = ()
    provenance: tuple[Provenance, ...] = ()
    said_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Product:
    """A style: what a shopper looks at, with the variants to choose from. ``handle`` is its key;
    ``said_by`` as of a variant.
    """

    handle: str
    titles: Mapping[str, str]
    variants: tuple[Variant, ...]
    brand: str | None = None
    description: str | None = None
    categories: tuple[str, ...] = ()
    media: tuple[Media, ...] = ()
    updated_at: datetime | None = None
    provenance: tuple[Provenance, ...] = ()
    said_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def title_of(titles: Mapping[str, str], locale: str | None) -> str:
    """The title in the asked locale, else in its language, else the first that there is."""
    assert titles, "everything that is sold has a title"
    if locale is not None:
        if locale in titles:
            return titles[locale]
        language = locale.split("-")[0]
        for tag, title in titles.items():
            if tag.split("-")[0] == language:
                return title
    return next(iter(titles.values()))
