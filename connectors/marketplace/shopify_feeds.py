"""What flows in from Shopify: listings, orders and people, in pages or one by one."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime

from connectors.governor import Lane
from connectors.marketplace.shopify_changes import pages, so_many
from connectors.marketplace.shopify_client import ShopifyClient
from connectors.marketplace.shopify_operations import (
    CUSTOMER,
    CUSTOMERS,
    FULFILLMENTS,
    LISTING,
    ORDER_LINES,
    ORDERS,
    PRODUCTS,
    VARIANTS,
)
from connectors.marketplace.shopify_order_rows import (
    CustomerAnswer,
    CustomersAnswer,
    FulfillmentsAnswer,
    Line,
    Order,
    OrderLinesAnswer,
    OrdersAnswer,
)
from connectors.marketplace.shopify_orders_translate import (
    channel_of,
    is_whole,
    left_of,
    order_of,
)
from connectors.marketplace.shopify_rows import (
    ListedProduct,
    ListingAnswer,
    ProductsAnswer,
    Variant,
    VariantsAnswer,
)
from connectors.marketplace.shopify_translate import (
    GID,
    Terms,
    listing_of,
    listings_of,
    member_of,
)
from resolvers.backend_ports import Changes
from resolvers.domain.listings import Listing
from resolvers.domain.members import Member
from resolvers.domain.orders import Order as Placed


class Listings:
    """Variants, each a listing, with the number of one location."""

    def __init__(
        self, client: ShopifyClient, location: str, terms: Terms, clock: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._location = location
        self._terms = terms
        self._clock = clock

    async def listings(self, cursor: str) -> AsyncIterator[Changes[Listing]]:
        """Listings of all products, or of those that changed since a cursor."""
        place = {"location": self._location}
        async for told, products, after, whole in pages(
            self._client,
            PRODUCTS,
            ProductsAnswer,
            lambda it: it.products,
            cursor=cursor,
            clock=self._clock,
            variables=place,
        ):
            found: list[Listing] = []
            for product in products:
                variants = await self._variants(product)
                found += listings_of(
                    product, variants, told.shop.currency_code, self._clock(), self._terms
                )
            yield Changes(found, after, whole=whole)

    async def listing(self, id: str) -> Listing | None:
        """One listing by its id, or by that of what is counted of it (an inventory item)."""
        if not id.startswith(GID):
            return None
        told = await self._client.ask(
            LISTING, {"id": id, "location": self._location}, ListingAnswer, lane=Lane.LIVE
        )
        variant = None if told.node is None else told.node.variant()
        if variant is None:
            return None
        return listing_of(
            variant, variant.product, told.shop.currency_code, self._clock(), self._terms
        )

    async def _variants(self, product: ListedProduct) -> Sequence[Variant]:
        """All variants of a product; most have few."""
        variants, page = list(product.variants.nodes), product.variants.page_info
        while page.has_next_page:
            asked = {"id": product.id, "after": page.end_cursor, "location": self._location}
            told = await self._client.fitted(VARIANTS, so_many(asked), VariantsAnswer)
            if told.product is None:
                break
            variants += told.product.variants.nodes
            page = told.product.variants.page_info
        return variants


class Orders:
    """Orders of the shop and of its tills."""

    def __init__(
        self,
        client: ShopifyClient,
        terms: Terms,
        locations: Mapping[int, str],
        clock: Callable[[], datetime],
    ) -> None:
        """``locations`` are our codes of tills' locations, by the number of Shopify's."""
        self._client = client
        self._terms = terms
        self._locations = locations
        self._clock = clock

    async def orders(self, cursor: str) -> AsyncIterator[tuple[Sequence[Placed], str]]:
        """Pages of orders: all that the app may see, or those changed since a cursor."""
        async for _, found, after, _ in pages(
            self._client,
            ORDERS,
            OrdersAnswer,
            lambda it: it.orders,
            cursor=cursor,
            clock=self._clock,
        ):
            told = [await self._order(order) for order in found]
            yield [order for order in told if order is not None], after

    async def _order(self, order: Order) -> Placed | None:
        if channel_of(order, self._terms) is None:
            return None
        lines = await self._lines(order)
        whole = all(is_whole(line) for line in lines)
        left = {} if whole else await self._left(order.id)
        return order_of(order, lines, left, self._terms, self._locations)

    async def _lines(self, order: Order) -> Sequence[Line]:
        lines, page = list(order.line_items.nodes), order.line_items.page_info
        while page.has_next_page:
            asked = {"id": order.id, "after": page.end_cursor}
            told = await self._client.fitted(ORDER_LINES, so_many(asked), OrderLinesAnswer)
            if told.order is None:
                break
            lines += told.order.line_items.nodes
            page = told.order.line_items.page_info
        return lines

    async def _left(self, id: str) -> Mapping[str, int]:
        """What has left of an order of which something was taken off or sent back."""
        told = await self._client.ask(FULFILLMENTS, {"id": id}, FulfillmentsAnswer)
        return {} if told.order is None else left_of(told.order.fulfillments)


class Members:
    """Customers."""

    def __init__(self, client: ShopifyClient, terms: Terms, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._terms = terms
        self._clock = clock

    async def members(self, cursor: str) -> AsyncIterator[Changes[Member]]:
        """All people, or those that changed since a cursor."""
        async for _, found, after, whole in pages(
            self._client,
            CUSTOMERS,
            CustomersAnswer,
            lambda it: it.customers,
            cursor=cursor,
            clock=self._clock,
        ):
            people = [member_of(it, self._clock(), self._terms) for it in found]
            yield Changes(people, after, whole=whole)

    async def member(self, external_id: str) -> Member | None:
        """One person by Shopify's id."""
        if not external_id.startswith(f"{GID}Customer/"):
            return None
        told = await self._client.ask(CUSTOMER, {"id": external_id}, CustomerAnswer, lane=Lane.LIVE)
        if told.customer is None:
            return None
        return member_of(told.customer, self._clock(), self._terms)
