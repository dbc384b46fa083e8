"""What the stand-in shop has, and what its people and its buyers do there."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any

from tests.shopify.standin_data import Row, connection
from tests.support import Clock

LOCATION = "gid://shopify/Location/7"
TILL = "gid://shopify/Location/75001"


class Shop:
    """One shop, whose time is turned by hand. Stamps are whole seconds."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.currency = "CNY"
        self.scopes = ["read_customers", "write_inventory", "read_locations", "read_orders"]
        self.scopes += ["read_products"]
        self.products: dict[str, Row] = {}
        self.variants: dict[str, Row] = {}
        self.items: dict[str, Row] = {}
        self.orders: dict[str, Row] = {}
        self.customers: dict[str, Row] = {}
        self.index_lag = timedelta(0)
        self._numbers = count(1001)

    def offer(self, title: str, *variants: Mapping[str, Any], **more: Any) -> list[str]:
        """A product with variants; the ids of these. A variant has a ``sku``, and may have more."""
        product: Row = {
            "__typename": "Product",
            "id": self._id("Product"),
            "title": title,
            "status": "ACTIVE",
            "description": "",
            "featuredMedia": None,
            **more,
        }
        owned: list[Row] = []
        product["variants"] = lambda _, **args: connection(owned, **args)
        owned += [self._variant(product, **told) for told in variants]
        self.products[product["id"]] = product
        self.touch(product)
        return [variant["id"] for variant in owned]

    def available(self, variant: str) -> int:
        """What the shop may sell of a variant."""
        return int(self.variants[variant]["inventoryItem"]["available"])

    def sell(self, variant: str, units: int = 1) -> None:
        """Somebody buys: less is available, whether or not it was there."""
        row = self.variants[variant]
        row["inventoryItem"]["available"] -= units
        self.touch(row["product"])

    def order(self, *lines: Mapping[str, Any], **told: Any) -> str:
        """An order, paid and not yet sent, unless more is said; its id."""
        number = next(self._numbers)
        items = [self._line(**line) for line in lines]
        total = told.pop("total", None) or f"{sum(float(it['_sum']) for it in items):.2f}"
        at = self._stamp()
        order: Row = {
            "__typename": "Order",
            "id": f"gid://shopify/Order/{number}",
            "name": f"#{number}",
            "createdAt": at,
            "processedAt": at,
            "cancelledAt": None,
            "sourceName": "web",
            "currencyCode": self.currency,
            "taxesIncluded": True,
            "displayFinancialStatus": "PAID",
            "displayFulfillmentStatus": "UNFULFILLED",
            "totalPriceSet": self.bag(total),
            "currentTotalPriceSet": self.bag(total),
            "totalShippingPriceSet": self.bag("0.00"),
            "totalTaxSet": self.bag("0.00"),
            "currentTotalTaxSet": self.bag("0.00"),
            "transactions": [],
            "fulfillments": [],
            "_lines": items,
            "lineItems": lambda _, **args: connection(items, **args),
            **told,
        }
        self.orders[order["id"]] = order
        self.touch(order)
        return str(order["id"])

    def person(self, name: str, email: str | None, phone: str | None, *tags: str) -> str:
        """A customer; their id."""
        id = self._id("Customer")
        sms = {"state": "UNSUBSCRIBED", "updatedAt": self._stamp()}
        mail = {"marketingState": "SUBSCRIBED", "marketingUpdatedAt": self._stamp()}
        self.customers[id] = {
            "__typename": "Customer",
            "id": id,
            "displayName": name,
            "createdAt": self._stamp(),
            "tags": list(tags),
            "defaultEmailAddress": email and {"emailAddress": email, **mail},
            "defaultPhoneNumber": phone and {"phoneNumber": phone, "smsMarketingConsent": sms},
        }
        self.touch(self.customers[id])
        return id

    def touch(self, row: Row) -> None:
        """Stamps a thing with the second that it is; the index has it later."""
        row.setdefault("_stamps", []).append((self.clock() + self.index_lag, self._stamp()))
        row["updatedAt"] = self._stamp()

    def bag(self, amount: str) -> Row:
        """An amount of the shop's money."""
        return {"shopMoney": {"amount": amount, "currencyCode": self.currency}}

    # ---- parts --------------------------------------------------------------------------------

    def _variant(self, product: Row, *, sku: str | None, **told: Any) -> Row:
        item: Row = {
            "__typename": "InventoryItem",
            "id": self._id("InventoryItem"),
            "tracked": told.pop("tracked", True),
            "available": told.pop("available", 0),
            "stocked": told.pop("stocked", True),
        }
        item["inventoryLevel"] = lambda _, **args: self._level(item, **args)
        variant: Row = {
            "__typename": "ProductVariant",
            "id": self._id("ProductVariant"),
            "title": "Default Title",
            "displayName": f"{product['title']} - {told.get('title', 'Default Title')}",
            "sku": sku,
            "barcode": None,
            "price": "128.00",
            "updatedAt": self._stamp(),
            "media": lambda _, **__: {"nodes": []},
            "inventoryItem": item,
            "product": product,
            **told,
        }
        item["variant"] = variant
        item["variants"] = lambda _, **args: connection([variant], **args)
        self.items[item["id"]] = item
        self.variants[variant["id"]] = variant
        return variant

    def _level(self, item: Row, **told: str) -> Row | None:
        if told["locationId"] != LOCATION or not item["stocked"]:
            return None
        quantity = {"quantity": item["available"]}
        return {"isActive": True, "quantities": lambda _, names: [quantity]}

    def _line(self, sku: str | None, units: int, price: str, **told: Any) -> Row:
        line = {
            "id": self._id("LineItem"),
            "sku": sku,
            "name": sku or "Gift wrapping",
            "quantity": units,
            "currentQuantity": units,
            "unfulfilledQuantity": units,
            "originalUnitPriceSet": self.bag(price),
            "_sum": float(price) * units,
        }
        return {**line, **told}

    def _id(self, kind: str) -> str:
        return f"gid://shopify/{kind}/{next(self._numbers)}"

    def _stamp(self) -> str:
        return self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
