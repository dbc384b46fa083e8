"""Tryton's rows of goods and places in the house's words. Pure: no network, no clock.

Orders are in ``tryton_orders_translate``; what becomes of our own sales in ``tryton_prices``.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from math import floor

from connectors.erp.tryton_wire import Row
from resolvers.domain.catalog import Product, Provenance, Variant
from resolvers.domain.locations import Capability, Location, LocationKind
from resolvers.domain.values import MINOR_MAX, Money, digits_of

_SIZE = re.compile(r"\d+([.,]\d+)?\s*\S.*|\d+|X{0,4}[SL]|M", re.IGNORECASE)
_NOT_IN_A_SLUG = re.compile(r"[^\w]+")


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A warehouse, with the records of where its goods lie, and where those go that are missed.

    ``zoned`` says that goods come in, lie and go out in zones of their own.
    """

    id: int
    code: str
    name: str
    storage: int
    lost_found: int | None
    zoned: bool
    address: str | None


@dataclass(frozen=True, slots=True)
class CatalogTerms:
    """What all products of one backend share.

    ``channels`` are the codes of those that sell at the prices of the company's currency;
    ``categories`` are paths by record id, without those of the accountants.
    """

    system: str
    locale: str
    currency: str
    channels: tuple[str, ...]
    categories: Mapping[int, str]


def translate_warehouse(row: Row) -> Warehouse:
    """A warehouse, with its address in one line and nobody's name in it."""
    address = row["address."]
    parts: list[str | None] = []
    if address is not None:
        country = address["country."]
        parts = [address["street"], address["city"], address["postal_code"]]
        parts.append(country["name"] if country is not None else None)
    line = ", ".join(" ".join(part.split()) for part in parts if part)
    zones = {row["input_location"], row["storage_location"], row["output_location"]}
    return Warehouse(
        row["id"],
        row["code"],
        row["name"],
        row["storage_location"],
        row["lost_found_location"],
        len(zones) > 1,
        line or None,
    )


def translate_location(at: Warehouse, system: str, time_zone: str) -> Location:
    """A warehouse as buyers see it: where all goods lie in one zone, people can walk in."""
    shop = (Capability.PICKUP, Capability.SHIP_FROM, Capability.RETURN)
    return Location(
        at.code,
        at.name,
        LocationKind.WAREHOUSE if at.zoned else LocationKind.STORE,
        capabilities=(Capability.SHIP_FROM,) if at.zoned else shop,
        address=at.address,
        time_zone=time_zone,
        authority=system,
    )


def translate_categories(rows: Iterable[Row]) -> dict[int, str]:
    """Paths of categories (``beauty/skincare``) by record id; the accountants' are left out."""
    known = {row["id"]: row for row in rows if not row["accounting"]}
    return {id: _path(id, known) for id in known}


def translate_product(
    template: Row, variants: Sequence[Row], terms: CatalogTerms, seen_at: datetime
) -> Product:
    """A template with its variants. Without any left to sell it has none, and vanishes so."""
    handle = handle_of(template, terms.system)
    titles = {terms.locale: template["name"]}
    sold = [row for row in variants if template["active"] and row["active"] and row["code"]]
    option = _option_name(sold)
    stamps = [template["last_modified_at"], *(row["last_modified_at"] for row in variants)]
    paths = (terms.categories.get(id) for id in template["categories"])
    return Product(
        handle,
        titles,
        tuple(_variant(row, template, option, terms, seen_at) for row in sold),
        categories=tuple(sorted(path for path in paths if path is not None)),
        updated_at=max(stamps),
        provenance=(Provenance(terms.system, f"template:{template['id']}", seen_at),),
    )


def handle_of(template: Row, system: str) -> str:
    """The key of a product: its code, which people keep, or else its record."""
    return slug(template["code"] or "") or f"{slug(system)}-{template['id']}"


def slug(name: str) -> str:
    """A name as a word of an address: letters and digits of any script, joined by hyphens."""
    return _NOT_IN_A_SLUG.sub("-", name.lower()).strip("-_")


def title_with(name: str, description: str | None) -> str:
    """A variant's title: a style's name, with what tells the variant from its siblings."""
    return f"{name} {description}" if description else name


def money_of(amount: Decimal, currency: str) -> Money:
    """An amount, rounded half up to the currency's minor unit."""
    minor = amount.scaleb(digits_of(currency)).quantize(Decimal(1), ROUND_HALF_UP)
    assert abs(minor) <= MINOR_MAX
    return Money(int(minor), currency)


def units(quantity: float) -> int:
    """Whole units of a quantity: what is cut from a bolt sells by the whole metre."""
    return floor(quantity + 1e-9)


def _variant(
    row: Row, template: Row, option: str | None, terms: CatalogTerms, seen_at: datetime
) -> Variant:
    price, cost = row["gross_price_used"], row["cost_price"]
    for_sale = template["salable"] and price is not None
    barcodes = (identifier["code"] for identifier in row["identifiers."])
    return Variant(
        row["code"],
        handle_of(template, terms.system),
        {terms.locale: title_with(template["name"], row["description"])},
        tuple(dict.fromkeys(barcodes)),
        ((option, row["description"]),) if option is not None else (),
        dict.fromkeys(terms.channels, money_of(price, terms.currency)) if for_sale else {},
        money_of(cost, terms.currency) if cost is not None else None,
        provenance=(Provenance(terms.system, f"product:{row['id']}", seen_at),),
    )


def _option_name(variants: Sequence[Row]) -> str | None:
    """What variants differ in, as far as their descriptions tell; None where they do not."""
    told = [row["description"] or "" for row in variants]
    if len(told) < 2 or "" in told or len(set(told)) < len(told):
        return None
    return "size" if all(_SIZE.fullmatch(text) for text in told) else "option"


def _path(id: int, known: Mapping[int, Row]) -> str:
    names: list[str] = []
    row = known.get(id)
    while row is not None and len(names) < len(known):
        names.append(slug(row["name"]))
        row = known.get(row["parent"])
    return "/".join(reversed(names))
