"""The operations that GraphiQL opens with: from browsing to prices that differ.

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
# Run it twice: the same key gets the same hold again.
# For another hold, change "idempotencyKey" below.
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

WATCH = """\
# The level as it is now. Leave it running, hold a unit
# from another window, and see it change.
subscription Watch($skus: [String!]!, $locationCodes: [String!]) {
  stockChanged(skus: $skus, locationCodes: $locationCodes) {
    variant {
      sku
    }
    location {
      code
      name
    }
    onHand
    softReserved
    hardReserved
    availableToPromise
  }
}
"""

FOLLOW = """\
subscription Follow($id: ID!) {
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

WHO_BOUGHT = """\
# For a shop's people: send the token of an associate or a manager.
query WhoBought($phone: String!) {
  member(by: { phone: $phone }) {
    displayName
    phone
    tier
    pointsBalance
    tags
    orders(first: 10) {
      nodes {
        number
        channel
        placedAt
        total {
          amount
          currencyCode
        }
      }
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

PHONE = "120 0000 0001"
"""The first member of the sandbox, as somebody may write it."""

SHIP_TO = {
    "recipient": "Lin Wei",
    "phone": "+86 138 0000 0000",
    "countryCode": "CN",
    "region": "Shanghai",
    "city": "Shanghai",
    "district": "Xuhui",
    "street": "1 Huaihai Middle Road",
}


def examples(sku: str, channel: str, location: str) -> list[Example]:
    """The eight tabs, about one unit of ``sku`` in ``channel``, and what lies at ``location``."""
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
        example("Watch the stock of one place", WATCH, skus=[sku], locationCodes=[location]),
        example("Follow a reservation: paste its id below", FOLLOW, id=""),
        example("Why can this many be promised?", EXPLAIN, skus=[sku], channel=channel),
        example("Whose phone is this, and what did they buy?", WHO_BOUGHT, phone=PHONE),
        example("Listings without a SKU, prices that differ", LISTINGS, first=5),
    ]


def example(title: str, query: str, **variables: Any) -> Example:
    """A tab with its variables laid out to be edited."""
    return Example(title, query, msgspec.json.format(msgspec.json.encode(variables)).decode())
