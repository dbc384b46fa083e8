"""The webshop of the retailer that the live Tryton belongs to: half of its brands under the same
SKUs and prices, two channels, two places, eight customers, and the users of shop and gateway.

The same at every run. Everything is entered over the Admin API, as a person would.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from tests.live.tryton import seed as erp
from tests.live.vendure.api import REFUSED, Api

WEB, MINI = "web", "mini"
"""Tokens of the channels: Vendure's own default channel, and one for beauty alone."""

LOCATIONS = (("CW01", "中央仓 Central Warehouse"), ("SH01", "上海淮海路店 Shanghai Huaihai Road"))
"""Named by code. Goods lie in the first; nothing does in the second."""

BRANDS = 2  # of each department
OPENING_UNITS = 20
CHEAPER_EVERY = 5
CHEAPER_BY = 1000
"""In the channel ``mini`` every fifth SKU costs ten yuan less."""

UNKNOWN_SKU = "MP-GIFT-01"
"""Sold here and unknown to the ERP."""

HIDDEN_SKU = "BT0213-01"
"""Known to both, and not for sale here."""

COUPON = "LIVE10"
"""Takes ten per cent off."""

SHOP_ONLY_CUSTOMERS = (
    ("W2001", "沈知夏", "137 0013 2001", "Shen.Zhixia@example.com"),
    ("W2002", "韩牧之", "not given", "han.muzhi@example.com"),
)
"""One telephone number as people write it at home, and one that is none."""

CUSTOMER_PASSWORD = "a customer's password"  # of every customer

GATEWAY_RIGHTS = [
    "ReadProduct",
    "UpdateProduct",
    "ReadStockLocation",
    "ReadOrder",
    "ReadCustomer",
    "CreateOrder",
    "UpdateOrder",
    "DeleteOrder",
    "PlaceGatewayOrders",
]
"""All that the gateway's user may do."""

_CHANNEL = f"... on Channel {{ id }} {REFUSED}"


class Offer(NamedTuple):
    """One SKU as it is entered."""

    sku: str
    option: str
    price: int
    barcode: str | None


class Style(NamedTuple):
    """A product with its SKUs. Prices are in fen, with VAT."""

    name: str
    slug: str
    beauty: bool
    offers: tuple[Offer, ...]


def styles() -> Iterator[Style]:
    """What is sold: a part of the ERP's catalogue, and a set that the ERP does not have."""
    for department in (erp.BEAUTY, erp.LEATHER):
        kept = dict(list(department.brands.items())[:BRANDS])
        for row in erp.catalogue(department._replace(brands=kept)):
            yield Style(
                row["name"],
                row["code"].lower(),
                department is erp.BEAUTY,
                tuple(_offers(row, row["products"][0][1])),
            )
    gift = Offer(UNKNOWN_SKU, "一套 One set", 49900, None)
    yield Style("节日礼盒 Festive Gift Set", "gift-set", beauty=True, offers=(gift,))


def _offers(style: Mapping[str, Any], variants: list[dict[str, Any]]) -> Iterator[Offer]:
    for row in variants:
        gross = row.get("gross_price", style["gross_price"])
        [[_, [barcode]]] = row["identifiers"]
        sku = style["code"] + row["suffix_code"]
        yield Offer(sku, row["description"], int(gross * 100), barcode["code"])


def seed(admin: Api, gateway_password: str, say: Callable[[str], None]) -> None:
    """Fills a database that has its tables and nothing else; ``admin`` is logged in."""
    say("seeding 1/4: channels, places, ways to ship and to pay")
    tax, channels = found_shop(admin)
    places = [*build_places(admin, channels[MINI])]
    offer_ways(admin, list(channels.values()))
    say("seeding 2/4: products")
    enter_products(admin, tax, places[0], channels[MINI])
    say("seeding 3/4: customers")
    for customer in (*erp.CUSTOMERS, *SHOP_ONLY_CUSTOMERS):
        enter_customer(admin, *customer)
    say("seeding 4/4: the gateway's user")
    enter_gateway(admin, list(channels.values()), gateway_password)


def found_shop(admin: Api) -> tuple[str, dict[str, str]]:
    """Country, tax and channels. Gives the tax category, and the channels' ids by token."""
    china = admin.made(
        "createCountry", {"code": "CN", "enabled": True, "translations": _english("China")}
    )
    zone = admin.made("createZone", {"name": "China", "memberIds": [china["id"]]})["id"]
    tax = admin.made("createTaxCategory", {"name": "增值税 VAT", "isDefault": True})["id"]
    rate = {"name": "VAT 13%", "enabled": True, "value": 13, "categoryId": tax, "zoneId": zone}
    admin.made("createTaxRate", rate)
    terms = {
        "defaultCurrencyCode": "CNY",
        "availableCurrencyCodes": ["CNY"],
        "pricesIncludeTax": True,
        "defaultTaxZoneId": zone,
        "defaultShippingZoneId": zone,
    }
    web = admin.ask("{ activeChannel { id } }")["id"]
    admin.made("updateChannel", {"id": web, "token": WEB, **terms}, _CHANNEL)
    mini = {"code": MINI, "token": MINI, "defaultLanguageCode": "en", **terms}
    return tax, {WEB: web, MINI: admin.made("createChannel", mini, _CHANNEL)["id"]}


def build_places(admin: Api, mini: str) -> Iterator[str]:
    """The place that Vendure brought along becomes the first."""
    [present] = admin.ask("{ stockLocations { items { id } } }")["items"]
    for at, (code, description) in enumerate(LOCATIONS):
        words = {"name": code, "description": description}
        if at == 0:
            id = admin.made("updateStockLocation", {"id": present["id"], **words})["id"]
        else:
            id = admin.made("createStockLocation", words)["id"]
        share = {"channelId": mini, "stockLocationIds": [id]}
        admin.made("assignStockLocationsToChannel", share)
        yield id


def offer_ways(admin: Api, channels: list[str]) -> None:
    """Three ways to get the goods, two to pay, and a coupon; all in every channel."""
    ways = (
        ("express", "快递 Express", 1200),
        ("pickup", "自提 Pickup", 0),
        ("elsewhere", "另行发货 Sent from elsewhere", 0),
    )
    for code, name, rate in ways:
        terms = {"rate": str(rate), "includesTax": "include", "taxRate": "13"}
        way = {
            "code": code,
            "fulfillmentHandler": "manual-fulfillment",
            "translations": _english(name, description=""),
            "checker": _chosen("default-shipping-eligibility-checker", {"orderMinimum": "0"}),
            "calculator": _chosen("default-shipping-calculator", terms),
        }
        id = admin.made("createShippingMethod", way)["id"]
        share = {"channelId": channels[1], "shippingMethodIds": [id]}
        admin.made("assignShippingMethodsToChannel", share)
    for code, settles in (("test-pay", "true"), ("test-authorize", "false")):
        means = {
            "code": code,
            "enabled": True,
            "translations": _english(code, description=""),
            "handler": _chosen("test-pay", {"settle": settles}),
        }
        id = admin.made("createPaymentMethod", means)["id"]
        share = {"channelId": channels[1], "paymentMethodIds": [id]}
        admin.made("assignPaymentMethodsToChannel", share)
    coupon = {
        "enabled": True,
        "couponCode": COUPON,
        "translations": _english("九折 Ten per cent off"),
        "conditions": [],
        "actions": [_chosen("order_percentage_discount", {"discount": "10"})],
    }
    admin.made("createPromotion", coupon, f"... on Promotion {{ id }} {REFUSED}")


def enter_products(admin: Api, tax: str, place: str, mini: str) -> None:
    beauty: list[str] = []
    cheaper: list[dict[str, Any]] = []
    for style in styles():
        product, variants = enter_style(admin, style, tax, place)
        if style.beauty:
            beauty.append(product)
            cheaper += [
                {"id": variants[offer.sku], "price": offer.price - CHEAPER_BY}
                for offer in style.offers
                if int(variants[offer.sku]) % CHEAPER_EVERY == 0
            ]
    share = {"channelId": mini, "productIds": beauty, "priceFactor": 1.0}
    admin.made("assignProductsToChannel", share)
    admin.channel = MINI
    change_variants(admin, cheaper)
    admin.channel = None


def enter_style(admin: Api, style: Style, tax: str, place: str) -> tuple[str, dict[str, str]]:
    """One product. Gives its id, and its variants' by SKU."""
    words = _english(style.name, slug=style.slug, description=f"<p>{style.name}</p>")
    product = admin.made("createProduct", {"enabled": True, "translations": words})["id"]
    options: list[dict[str, str]] = [{}]
    if len(style.offers) > 1:
        options = [
            {"code": f"o{at}", "translations": _english(offer.option)}  # type: ignore[dict-item]
            for at, offer in enumerate(style.offers)
        ]
        group = {"code": style.slug, "translations": _english("款式 Option"), "options": options}
        made = admin.made("createProductOptionGroup", group, "id options { id }")
        options = made["options"]
        admin.ask(
            "mutation($p: ID!, $g: ID!) {"
            " addOptionGroupToProduct(productId: $p, optionGroupId: $g) { id } }",
            p=product,
            g=made["id"],
        )
    variants = admin.ask(
        "mutation($input: [CreateProductVariantInput!]!) {"
        " createProductVariants(input: $input) { id sku } }",
        input=[
            {
                "productId": product,
                "sku": offer.sku,
                "price": offer.price,
                "enabled": offer.sku != HIDDEN_SKU,
                "trackInventory": "TRUE",
                "taxCategoryId": tax,
                "optionIds": [option["id"]] if option else [],
                "translations": _english(f"{style.name} {offer.option}"),
                "stockLevels": [{"stockLocationId": place, "stockOnHand": OPENING_UNITS}],
                "customFields": {"barcode": offer.barcode},
            }
            for offer, option in zip(style.offers, options, strict=True)
        ],
    )
    return product, {row["sku"]: row["id"] for row in variants}


def change_variants(admin: Api, changes: list[dict[str, Any]]) -> None:
    admin.ask(
        "mutation($input: [UpdateProductVariantInput!]!) {"
        " updateProductVariants(input: $input) { id } }",
        input=changes,
    )


def enter_customer(admin: Api, code: str, name: str, phone: str, email: str) -> None:
    who = {"title": code, "firstName": name[1:], "lastName": name[0]}
    admin.ask(
        "mutation($input: CreateCustomerInput!, $password: String!) {"
        " createCustomer(input: $input, password: $password)"
        f" {{ ... on Customer {{ id }} {REFUSED} }} }}",
        input={**who, "phoneNumber": phone, "emailAddress": email},
        password=CUSTOMER_PASSWORD,
    )


def enter_gateway(admin: Api, channels: list[str], password: str) -> None:
    role = {
        "code": "gateway",
        "description": "The gateway",
        "permissions": GATEWAY_RIGHTS,
        "channelIds": channels,
    }
    user = {
        "firstName": "The",
        "lastName": "gateway",
        "emailAddress": "gateway@example.com",
        "password": password,
        "roleIds": [admin.made("createRole", role)["id"]],
    }
    admin.made("createAdministrator", user)


def _english(name: str, **more: str) -> list[dict[str, str]]:
    return [{"languageCode": "en", "name": name, **more}]


def _chosen(code: str, arguments: Mapping[str, str]) -> dict[str, Any]:
    """A part that the shop's owner chooses, with what it asks for."""
    told = [{"name": name, "value": value} for name, value in arguments.items()]
    return {"code": code, "arguments": told}
