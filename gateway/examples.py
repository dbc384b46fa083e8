"""The operations that GraphiQL opens with: browse, reserve, order, explain, compare, subscribe.

Plain documents against the published schema. How a tab is shown stands in ``gateway.graphiql``.
"""

from typing import Any

import msgspec

from gateway.graphiql import Example

BROWSE = """\
query Browse($first: Int!, $channel: String!) {
  products(first: $first) {
    nodes {
      title
      brand
      variants(first: 10) {
        nodes {
          sku
          title
          price(channel: $channel) {
            amount
            currencyCode
          }
          availability(channel: $channel) {
            availableToPromise
          }
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
"""

RESERVE = """\
mutation Reserve($input: ReserveStockInput!) {
  reserveStock(input: $input) {
    reservation {
      id
      status
      expiresAt
      lines {
        sku
        quantity
        pins {
          locationCode
          quantity
          tentative
        }
      }
    }
    replayed
    userErrors {
      ...Refusal
    }
  }
}

fragment Refusal on UserError {
  code
  message
  field
  ... on InsufficientStockError {
    sku
    requested
    availableToPromise
  }
}
"""

ORDER = """\
# To be picked up in a shop instead, send:
#   "delivery": { "pickup": { "locationCode": "…" } }
# To order what was reserved, send "reservationId" in the place of "lines".
mutation Order($input: PlaceOrderInput!) {
  placeOrder(input: $input) {
    order {
      id
      number
      status
      paymentDueAt
      total {
        amount
        currencyCode
      }
      lines {
        sku
        title
        quantity
        total {
          amount
        }
      }
      backendWrites {
        backend
        action
        status
        externalId
      }
    }
    replayed
    userErrors {
      code
      message
      field
    }
  }
}
"""

EXPLAIN = """\
query Explain($skus: [String!]!, $channel: String!) {
  availability(skus: $skus, channel: $channel) {
    sku
    availableToPromise
    asOf
    stale
    explain {
      kind
      quantity
      locationCode
      rule
      provenance {
        system
        externalId
        ageSeconds
        stale
      }
    }
  }
}
"""

SUBSCRIBE = """\
subscription Watch($id: ID!) {
  reservationChanged(id: $id) {
    id
    status
    expiresAt
    orderId
    lines {
      sku
      quantity
    }
  }
}
"""

LISTINGS = """\
# Needs the scope listings:read: take the manager's or the operator's token.
query Listings($first: Int!) {
  unmatchedListings(first: $first) {
    nodes {
      backend
      externalId
      title
      sellerCode
      duplicateOf
      suggestions {
        sku
        reason
        score
      }
    }
  }
  priceDifferences(first: $first) {
    nodes {
      variant {
        sku
      }
      difference {
        amount
        currencyCode
      }
      channels {
        channel
        price {
          amount
        }
        source
        shown
      }
    }
  }
}
"""

SHIP_TO = {
    "recipient": "Lin Wei",
    "phone": "+86 138 0000 0000",
    "countryCode": "CN",
    "region": "Shanghai",
    "city": "Shanghai",
    "district": "Xuhui",
    "street": "1 Huaihai Middle Road",
}


def examples(sku: str, channel: str = "mini-program") -> list[Example]:
    """The six tabs, about one unit of ``sku`` in ``channel``."""
    line = {"sku": sku, "quantity": 1}
    reservation = {"idempotencyKey": "example-reserve-1", "channel": channel, "lines": [line]}
    order = {
        "idempotencyKey": "example-order-1",
        "channel": channel,
        "lines": [line],
        "delivery": {"ship": SHIP_TO},
    }
    return [
        example("Browse the catalogue", BROWSE, first=10, channel=channel),
        example("Hold one unit for a buyer", RESERVE, input=reservation),
        example("Place an order, shipped", ORDER, input=order),
        example("Why can this many be promised?", EXPLAIN, skus=[sku], channel=channel),
        example("Listings without a SKU, prices that differ", LISTINGS, first=5),
        example("Watch a reservation: paste its id below", SUBSCRIBE, id=""),
    ]


def example(title: str, query: str, **variables: Any) -> Example:
    """A tab with its variables laid out to be edited."""
    return Example(title, query, msgspec.json.format(msgspec.json.encode(variables)).decode())
