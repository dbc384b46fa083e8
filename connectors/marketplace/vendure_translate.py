"""Vendure's variants and customers as listings and members. Pure: no network, no clock.

Prices are with tax, in minor units, as Vendure works them out for each of its channels.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.marketplace.vendure_wire import Row, instant
from resolvers.domain.catalog import Media, Provenance
from resolvers.domain.identities import phone_if_any
from resolvers.domain.listings import Listing
from resolvers.domain.locations import Channel
from resolvers.domain.members import Identity, IdentityKind, Member, member_id
from resolvers.domain.values import Money

_CJK_FIRST = "\u2e80"
"""From here on lie the scripts in which the family name comes first."""

RECORD = "customer record"
"""Who vouches for what a customer is known by: the shop's record of them."""


@dataclass(frozen=True, slots=True)
class Place:
    """The stock location that we publish to, and what the shop's settings say of its stock.

    ``location`` None: quantities are not read. ``threshold`` is how many units are never sold, and
    ``tracked`` whether stock is counted, each where a variant does not say otherwise.
    """

    location: str | None
    threshold: int = 0
    tracked: bool = True


def translate_listing(
    variant: Row,
    product: Row,
    prices: Sequence[tuple[Channel, Row]],
    place: Place,
    *,
    system: str,
    at: datetime,
) -> Listing:
    """A variant as a listing. ``prices`` are the same variant as each of our channels sees it; one
    that does not sell it is not among them.
    """
    barcode = (variant.get("customFields") or {}).get("barcode")
    description = product["description"] or None
    return Listing(
        backend=system,
        id=variant["id"],
        title=variant["name"],
        provenance=Provenance(system, variant["id"], at),
        updated_at=max(instant(variant["updatedAt"]), instant(product["updatedAt"])),
        seller_code=variant["sku"] or None,
        barcodes=(barcode,) if barcode else (),
        prices=translate_prices(prices),
        description=description,
        media=tuple(Media(asset["source"], asset["name"]) for asset in product["assets"]),
        product_title=product["name"],
        published=for_sale(variant, place),
        active=variant["enabled"] and product["enabled"],
    )


def translate_prices(seen: Sequence[tuple[Channel, Row]]) -> tuple[tuple[str, Money], ...]:
    """What a variant costs, by our channel, as each of them sees it; a channel of another currency
    than ours is left out.
    """
    return tuple(
        (channel.code, Money(row["priceWithTax"], row["currencyCode"]))
        for channel, row in seen
        if row["currencyCode"] == channel.currency
    )


def for_sale(variant: Row, place: Place) -> int | None:
    """The units that the shop may sell from our location; None if nobody counts them.

    On hand in Vendure holds what buyers have paid for and not been sent (*allocated*).
    """
    counted = {"TRUE": True, "FALSE": False}.get(variant["trackInventory"], place.tracked)
    if place.location is None or not counted:
        return None
    level = level_at(variant, place.location)
    return max(0, level[0] - level[1] - kept_back(variant, place))


def level_at(variant: Row, location: str) -> tuple[int, int]:
    """On hand and allocated at a location; a variant that never lay there has nothing."""
    for level in variant["stockLevels"]:
        if level["stockLocationId"] == location:
            return int(level["stockOnHand"]), int(level["stockAllocated"])
    return 0, 0


def kept_back(variant: Row, place: Place) -> int:
    """Units that are never sold: the variant's own number, or the shop's. Below zero, so many more
    than there are may be sold.
    """
    if variant["useGlobalOutOfStockThreshold"]:
        return place.threshold
    return int(variant["outOfStockThreshold"])


def translate_member(customer: Row, *, system: str, region: str, at: datetime) -> Member:
    """A customer as a member; telephone numbers are read as written in ``region``."""
    since = instant(customer["createdAt"])
    known: list[tuple[IdentityKind, str | None]] = [
        (IdentityKind.EXTERNAL, customer["id"]),
        (IdentityKind.EMAIL, mail(customer["emailAddress"])),
        (IdentityKind.PHONE, phone_if_any(customer["phoneNumber"], region)),
    ]
    return Member(
        id=member_id(system, customer["id"]),
        display_name=full_name(customer["firstName"], customer["lastName"]),
        identities=tuple(
            Identity(kind, system, value, since, RECORD) for kind, value in known if value
        ),
        provenance=Provenance(system, customer["id"], at),
        updated_at=instant(customer["updatedAt"]),
        tags=tuple(sorted(group["name"] for group in customer["groups"])),
    )


def mail(text: str | None) -> str | None:
    """A mail address as it is compared."""
    return (text or "").strip().lower() or None


def full_name(first: str | None, last: str | None) -> str | None:
    """A name as it is written where it comes from: 吴若溪, but Ruoxi Wu."""
    given, family = (first or "").strip(), (last or "").strip()
    if any(sign >= _CJK_FIRST for sign in given + family):
        return f"{family}{given}" or None
    return f"{given} {family}".strip() or None


def by_id(rows: Iterable[Row]) -> Mapping[str, Row]:
    """Rows by their id."""
    return {row["id"]: row for row in rows}
