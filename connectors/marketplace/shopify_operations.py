"""Everything that is asked of Shopify's Admin API: one GraphQL document each, and nothing else.

Written for one version of the API; the tests check each against the schema that Shopify publishes
of it. A version lives twelve months.
"""

from dataclasses import dataclass

from connectors.wire import Intent

API_VERSION = "2026-10"

PATH = f"/admin/api/{API_VERSION}/graphql.json"


@dataclass(frozen=True, slots=True)
class Operation:
    """One document. ``cost`` is what it is taken to cost, in points, until Shopify has said it;
    ``first`` how many things are asked for at once until Shopify finds it too many.
    """

    name: str
    text: str
    cost: float
    first: int = 1
    intent: Intent = Intent.READ


_VARIANT = """
  id title displayName sku barcode price updatedAt
  media(first: 1) { nodes { ... on MediaImage { image { url altText } } } }
  inventoryItem {
    id tracked
    inventoryLevel(locationId: $location) { isActive quantities(names: ["available"]) { quantity } }
  }
"""
_PRODUCT = """
  id title status updatedAt description
  featuredMedia { ... on MediaImage { image { url altText } } }
"""
_ORDER = """
  id name createdAt updatedAt processedAt cancelledAt sourceName currencyCode taxesIncluded
  displayFinancialStatus displayFulfillmentStatus
  customer { id }
  retailLocation { id }
  shippingAddress {
    name phone countryCodeV2 province city address1 address2 zip latitude longitude
  }
  totalPriceSet { shopMoney { amount currencyCode } }
  currentTotalPriceSet { shopMoney { amount currencyCode } }
  totalShippingPriceSet { shopMoney { amount currencyCode } }
  totalTaxSet { shopMoney { amount currencyCode } }
  currentTotalTaxSet { shopMoney { amount currencyCode } }
  transactions(first: 10) {
    id kind status gateway formattedGateway processedAt createdAt
    amountSet { shopMoney { amount currencyCode } }
  }
"""
_LINE = """
  id sku name quantity currentQuantity unfulfilledQuantity
  originalUnitPriceSet { shopMoney { amount currencyCode } }
"""
_CUSTOMER = """
  id displayName createdAt updatedAt tags
  defaultEmailAddress { emailAddress marketingState marketingUpdatedAt }
  defaultPhoneNumber { phoneNumber smsMarketingConsent { state updatedAt } }
"""
_PAGE = "pageInfo { hasNextPage endCursor }"

SHOP = Operation(
    "Shop",
    """query Shop($location: ID!) {
  shop { name currencyCode }
  location(id: $location) { id name isActive }
  currentAppInstallation { accessScopes { handle } }
}""",
    5,
)

PRODUCTS = Operation(
    "Products",
    f"""query Products($first: Int!, $query: String, $location: ID!) {{
  shop {{ currencyCode }}
  products(first: $first, query: $query, sortKey: ID) {{
    nodes {{
      {_PRODUCT}
      variants(first: 10) {{ nodes {{ {_VARIANT} }} {_PAGE} }}
    }}
    {_PAGE}
  }}
}}""",
    800,
    first=10,
)

VARIANTS = Operation(
    "Variants",
    f"""query Variants($id: ID!, $first: Int!, $after: String, $location: ID!) {{
  product(id: $id) {{
    variants(first: $first, after: $after) {{ nodes {{ {_VARIANT} }} {_PAGE} }}
  }}
}}""",
    800,
    first=100,
)

LISTING = Operation(
    "Listing",
    f"""query Listing($id: ID!, $location: ID!) {{
  shop {{ currencyCode }}
  node(id: $id) {{
    ... on ProductVariant {{ {_VARIANT} product {{ {_PRODUCT} }} }}
    ... on InventoryItem {{
      variants(first: 1) {{ nodes {{ {_VARIANT} product {{ {_PRODUCT} }} }} }}
    }}
  }}
}}""",
    20,
)

PRICES = Operation(
    "Prices",
    """query Prices($ids: [ID!]!) {
  shop { currencyCode }
  nodes(ids: $ids) { ... on ProductVariant { id price } }
}""",
    50,
)

LEVELS = Operation(
    "Levels",
    """query Levels($ids: [ID!]!, $location: ID!) {
  nodes(ids: $ids) {
    ... on ProductVariant {
      id
      inventoryItem {
        id tracked
        inventoryLevel(locationId: $location) {
          isActive quantities(names: ["available"]) { quantity }
        }
      }
    }
  }
}""",
    500,
    first=250,
)

SET_QUANTITIES = Operation(
    "SetQuantities",
    """mutation SetQuantities($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id }
    userErrors { field message code }
  }
}""",
    10,
    intent=Intent.WRITE,
)

ORDERS = Operation(
    "Orders",
    f"""query Orders($first: Int!, $query: String) {{
  orders(first: $first, query: $query, sortKey: ID) {{
    nodes {{
      {_ORDER}
      lineItems(first: 10) {{ nodes {{ {_LINE} }} {_PAGE} }}
    }}
    {_PAGE}
  }}
}}""",
    800,
    first=10,
)

ORDER_LINES = Operation(
    "OrderLines",
    f"""query OrderLines($id: ID!, $first: Int!, $after: String) {{
  order(id: $id) {{ lineItems(first: $first, after: $after) {{ nodes {{ {_LINE} }} {_PAGE} }} }}
}}""",
    400,
    first=100,
)

FULFILLMENTS = Operation(
    "Fulfillments",
    """query Fulfillments($id: ID!) {
  order(id: $id) {
    fulfillments(first: 20) {
      status
      fulfillmentLineItems(first: 20) {
        nodes { quantity lineItem { id } }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}""",
    850,
)

CUSTOMERS = Operation(
    "Customers",
    f"""query Customers($first: Int!, $query: String) {{
  customers(first: $first, query: $query, sortKey: ID) {{ nodes {{ {_CUSTOMER} }} {_PAGE} }}
}}""",
    500,
    first=100,
)

CUSTOMER = Operation(
    "Customer",
    f"""query Customer($id: ID!) {{ customer(id: $id) {{ {_CUSTOMER} }} }}""",
    5,
)

OPERATIONS = (
    PRICES,
    SHOP,
    PRODUCTS,
    VARIANTS,
    LISTING,
    LEVELS,
    SET_QUANTITIES,
    ORDERS,
    ORDER_LINES,
    FULFILLMENTS,
    CUSTOMERS,
    CUSTOMER,
)
"""All of them; names are unique."""
