"""Shopify's products and people as listings and members. Pure: no network, no clock."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.marketplace.shopify_order_rows import (
    Customer,
)
from connectors.marketplace.shopify_rows import (
    Amount,
    ListedProduct,
    Media,
    Product,
    Variant,
)
from resolvers.domain import catalog, listings, members
from resolvers.domain.catalog import Provenance
from resolvers.domain.errors import BackendUnavailable, InvalidInput
from resolvers.domain.identities import phone_if_any
from resolvers.domain.locations import Channel
from resolvers.domain.members import Consent, Identity, IdentityKind, member_id
from resolvers.domain.values import Money, money

GID = "gid://shopify/"
"""Begins every id; a kind and a number follow."""

_ONLY_VARIANT = "Default Title"
"""Title of the variant of a product that has no others."""

_OFFERED = ("ACTIVE", "UNLISTED")


@dataclass(frozen=True, slots=True)
class Terms:
    """What all that one shop says shares: who says it, where it sells, and where phones are when
    they do not say so. A channel that is None takes nothing.
    """

    system: str
    channel: Channel | None
    tills: Channel | None
    region: str


def gid(kind: str, told: str) -> str:
    """The id of a thing, from all of it or from its number.

    Raises:
        ValueError: neither.
    """
    number = told.removeprefix(f"{GID}{kind}/")
    if not number.isascii() or not number.isdigit():
        raise ValueError(f"{told[:40]!r} is no id of a {kind}")
    return f"{GID}{kind}/{number}"


def number_of(id: str) -> int:
    """The number in an id, by which Shopify orders things of a kind."""
    return int(id.rpartition("/")[2])


def money_of(told: Amount, system: str) -> Money:
    """An amount, exactly.

    Raises:
        BackendUnavailable: it has more digits than its currency.
    """
    return _money(told.amount, told.currency_code, system)


def _money(amount: str, currency: str, system: str) -> Money:
    try:
        return money(amount, currency)
    except InvalidInput as error:
        raise BackendUnavailable(f"{system}: {error.message}", backend=system) from None


# ---- listings ---------------------------------------------------------------------------------


def listing_of(
    variant: Variant, product: Product, currency: str, observed_at: datetime, terms: Terms
) -> listings.Listing:
    """A variant as a listing. Its number is that of our location; prices are the shop's own."""
    code = (variant.sku or "").strip()
    barcode = (variant.barcode or "").strip()
    return listings.Listing(
        backend=terms.system,
        id=variant.id,
        title=product.title if variant.title == _ONLY_VARIANT else variant.display_name,
        provenance=Provenance(terms.system, variant.id, observed_at),
        updated_at=max(variant.updated_at, product.updated_at),
        seller_code=code or None,
        barcodes=(barcode,) if barcode else (),
        prices=prices_of(variant.price, currency, terms),
        description=product.description or None,
        media=tuple(_media([*variant.media.nodes, product.featured_media])),
        product_title=product.title,
        published=variant.inventory_item.available,
        active=product.status in _OFFERED,
    )


def prices_of(price: str, currency: str, terms: Terms) -> tuple[tuple[str, Money], ...]:
    """What a variant costs in our channel; nothing where the shop has another currency."""
    channel = terms.channel
    if channel is None or channel.currency != currency:
        return ()
    return ((channel.code, _money(price, currency, terms.system)),)


def listings_of(
    product: ListedProduct,
    variants: Sequence[Variant],
    currency: str,
    observed_at: datetime,
    terms: Terms,
) -> list[listings.Listing]:
    """All variants of a product as listings."""
    return [listing_of(it, product, currency, observed_at, terms) for it in variants]


def _media(told: Sequence[Media | None]) -> Iterator[catalog.Media]:
    seen: set[str] = set()
    for it in told:
        if it is not None and it.image is not None and it.image.url not in seen:
            seen.add(it.image.url)
            yield catalog.Media(it.image.url, it.image.alt_text or "")


# ---- members ----------------------------------------------------------------------------------


def member_of(customer: Customer, observed_at: datetime, terms: Terms) -> members.Member:
    """A customer as a member: known by id, mail address and phone, as far as the app may know."""
    found = [Identity(IdentityKind.EXTERNAL, terms.system, customer.id, customer.created_at, _SAYS)]
    consents = []
    name: str | None = customer.display_name.strip() or None
    if (mail := customer.default_email_address) is not None:
        address = mail.email_address.strip().lower()
        found.append(
            Identity(IdentityKind.EMAIL, terms.system, address, customer.created_at, _SAYS)
        )
        said_at = mail.marketing_updated_at or customer.updated_at
        consents.append(Consent("EMAIL_MARKETING", mail.marketing_state == _YES, said_at))
        name = None if name is not None and name.lower() == address else name
    if (phone := customer.default_phone_number) is not None:
        number = phone_if_any(phone.phone_number, terms.region)
        if number is not None:
            found.append(
                Identity(IdentityKind.PHONE, terms.system, number, customer.created_at, _SAYS)
            )
        said_at = phone.sms_marketing_consent.updated_at or customer.updated_at
        consents.append(
            Consent("SMS_MARKETING", phone.sms_marketing_consent.state == _YES, said_at)
        )
        name = None if name == phone.phone_number else name
    return members.Member(
        id=member_id(terms.system, customer.id),
        display_name=name,
        identities=tuple(found),
        provenance=Provenance(terms.system, customer.id, observed_at),
        updated_at=customer.updated_at,
        tags=tuple(sorted({tag.strip() for tag in customer.tags if tag.strip()})),
        consents=tuple(consents),
    )


_SAYS = "the source's record"
_YES = "SUBSCRIBED"
