"""What Shopify answers, as records: only the fields that are asked for, by the names it gives them.

A field of another kind than these say makes the whole answer none.
"""

from datetime import datetime
from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class PageInfo(Struct, rename="camel", frozen=True):
    """Whether more follows, and after what."""

    has_next_page: bool
    end_cursor: str | None = None


class Page(Struct, Generic[T], rename="camel", frozen=True):
    """Some of many."""

    nodes: list[T]
    page_info: PageInfo


class Some(Struct, Generic[T], rename="camel", frozen=True):
    """The first of many."""

    nodes: list[T]


class Named(Struct, rename="camel", frozen=True):
    """A thing of which only the id is asked."""

    id: str


class Amount(Struct, rename="camel", frozen=True):
    """An amount in major units, as text."""

    amount: str
    currency_code: str


class MoneyBag(Struct, rename="camel", frozen=True):
    """An amount in the shop's own currency; what the buyer saw is not asked."""

    shop_money: Amount


# ---- products ---------------------------------------------------------------------------------


class Image(Struct, rename="camel", frozen=True):
    """A picture."""

    url: str
    alt_text: str | None = None


class Media(Struct, rename="camel", frozen=True):
    """A picture, or something else, of which nothing is asked."""

    image: Image | None = None


class Quantity(Struct, rename="camel", frozen=True):
    """A number of one kind."""

    quantity: int


class Level(Struct, rename="camel", frozen=True):
    """What may be sold at our location."""

    is_active: bool
    quantities: list[Quantity]


class InventoryItem(Struct, rename="camel", frozen=True):
    """What is counted of a variant. Without a level it is not stocked at our location."""

    id: str
    tracked: bool
    inventory_level: Level | None = None

    @property
    def available(self) -> int | None:
        """What may be sold at our location; None if Shopify keeps no number there."""
        level = self.inventory_level
        if not self.tracked or level is None or not level.is_active or not level.quantities:
            return None
        return level.quantities[0].quantity


class Variant(Struct, rename="camel", frozen=True):
    """What is sold: one listing."""

    id: str
    title: str
    display_name: str
    price: str
    updated_at: datetime
    inventory_item: InventoryItem
    media: Some[Media]
    sku: str | None = None
    barcode: str | None = None


class Product(Struct, rename="camel", frozen=True):
    """What a shopper looks at."""

    id: str
    title: str
    status: str
    updated_at: datetime
    description: str = ""
    featured_media: Media | None = None


class ListedProduct(Product, rename="camel", frozen=True, kw_only=True):
    """A product with the first of its variants."""

    variants: Page[Variant]


class OwnedVariant(Variant, rename="camel", frozen=True, kw_only=True):
    """A variant with its product."""

    product: Product


class Found(Struct, rename="camel", frozen=True):
    """A variant, or an inventory item with its variant; of anything else nothing."""

    id: str | None = None
    title: str | None = None
    display_name: str | None = None
    price: str | None = None
    updated_at: datetime | None = None
    inventory_item: InventoryItem | None = None
    media: Some[Media] | None = None
    product: Product | None = None
    sku: str | None = None
    barcode: str | None = None
    variants: Some[OwnedVariant] | None = None

    def variant(self) -> OwnedVariant | None:
        """The variant, if it is one or has one."""
        if self.variants is not None:
            return next(iter(self.variants.nodes), None)
        if (
            self.id is None
            or self.title is None
            or self.display_name is None
            or self.price is None
            or self.updated_at is None
            or self.inventory_item is None
            or self.product is None
        ):
            return None
        return OwnedVariant(
            id=self.id,
            title=self.title,
            display_name=self.display_name,
            price=self.price,
            updated_at=self.updated_at,
            inventory_item=self.inventory_item,
            media=self.media or Some(nodes=[]),
            sku=self.sku,
            barcode=self.barcode,
            product=self.product,
        )


class Counted(Struct, rename="camel", frozen=True):
    """A variant with its number, or anything else without."""

    id: str | None = None
    inventory_item: InventoryItem | None = None


class Currency(Struct, rename="camel", frozen=True):
    """The currency of the shop."""

    currency_code: str


# ---- answers --------------------------------------------------------------------------------


class Shop(Struct, rename="camel", frozen=True):
    """The shop."""

    name: str
    currency_code: str


class Place(Struct, rename="camel", frozen=True):
    """A location."""

    id: str
    name: str
    is_active: bool


class AccessScope(Struct, rename="camel", frozen=True):
    """A right of the app."""

    handle: str


class Installation(Struct, rename="camel", frozen=True):
    """The app in the shop."""

    access_scopes: list[AccessScope]


class ShopAnswer(Struct, rename="camel", frozen=True):
    """Who answers, and what we may do there."""

    shop: Shop
    current_app_installation: Installation
    location: Place | None = None


class ProductsAnswer(Struct, rename="camel", frozen=True):
    """Products."""

    shop: Currency
    products: Page[ListedProduct]


class ProductVariants(Struct, rename="camel", frozen=True):
    """More variants of a product."""

    variants: Page[Variant]


class VariantsAnswer(Struct, rename="camel", frozen=True):
    """More variants; None if the product is gone."""

    product: ProductVariants | None = None


class ListingAnswer(Struct, rename="camel", frozen=True):
    """One thing, if it is there."""

    shop: Currency
    node: Found | None = None


class Priced(Struct, rename="camel", frozen=True):
    """What a variant costs; nothing, if it is of another kind."""

    id: str = ""
    price: str = ""


class PricesAnswer(Struct, rename="camel", frozen=True):
    """Prices in the order they were asked for; None where nothing is."""

    shop: Currency
    nodes: list[Priced | None]


class LevelsAnswer(Struct, rename="camel", frozen=True):
    """Numbers in the order they were asked for; None where nothing is."""

    nodes: list[Counted | None]


class UserError(Struct, rename="camel", frozen=True):
    """Why a write was not done."""

    message: str
    field: list[str] | None = None
    code: str | None = None


class Done(Struct, rename="camel", frozen=True):
    """What became of a write."""

    user_errors: list[UserError]
    inventory_adjustment_group: Named | None = None


class SetQuantitiesAnswer(Struct, rename="camel", frozen=True):
    """What became of our quantities."""

    inventory_set_quantities: Done
