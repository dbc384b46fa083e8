"""What ``gateway demo`` prints when it is ready: addresses, tokens, and two requests to paste; and
the token that its GraphiQL opens with.
"""

import json
from collections.abc import Mapping
from typing import Any

from gateway.app import EXAMPLE_CHANNEL, EXAMPLE_SKU
from gateway.tokens import Tokens, principal_of
from resolvers.access import Principal, Role

SHOP = "ST-01"
"""The shop that the demo's associate and manager work in."""

QUERY = (
    "query Shelf($sku: String!, $channel: String!) {"
    " variant(by: {sku: $sku}) {"
    " sku title price(channel: $channel) { amount currencyCode }"
    " availability(channel: $channel) { availableToPromise asOf stale } } }"
)
"""What a shop window asks: one SKU, its price, and how many can be promised."""

QUERY_VARIABLES = {"sku": EXAMPLE_SKU, "channel": EXAMPLE_CHANNEL}

MUTATION = (
    "mutation Hold($input: ReserveStockInput!) {"
    " reserveStock(input: $input) {"
    " reservation { id status expiresAt lines { sku quantity pins { locationCode quantity } } }"
    " replayed userErrors { code message field } } }"
)
"""What a check-out asks first: one unit, held for one buyer."""


def hold(key: str) -> dict[str, Any]:
    """The variables of the mutation, under an idempotency key."""
    line = {"sku": EXAMPLE_SKU, "quantity": 1}
    return {"input": {"idempotencyKey": key, "channel": EXAMPLE_CHANNEL, "lines": [line]}}


def callers() -> list[Principal]:
    """One caller for each role; those who work in a shop are bound to one."""
    shop = {Role.ASSOCIATE: (SHOP,), Role.MANAGER: (SHOP,)}
    return [principal_of(role, locations=shop.get(role, ())) for role in Role]


def shopper_headers(tokens: Tokens, ttl_seconds: int) -> str:
    """What the demo's GraphiQL has in its editor of headers: the token of a shopper, made now."""
    token = tokens.issue(principal_of(Role.SHOPPER), ttl_seconds)
    told = "A shopper's token. The demo has printed one for each role."
    return f'{{\n  // {told}\n  "Authorization": "Bearer {token}"\n}}'


def welcome(address: str, retailer: str, tokens: Tokens, ttl_seconds: int, key: str) -> str:
    """The text, for a server that answers at ``address``; ``key`` is the printed hold's own."""
    signed = {caller.role: tokens.issue(caller, ttl_seconds) for caller in callers()}
    rows = [f"  {role:<10} {token}" for role, token in signed.items()]
    return "\n".join(
        [
            "",
            f"{retailer[0].upper()}{retailer[1:]} is open.",
            "",
            f"  GraphQL    {address}/graphql",
            f"  GraphiQL   {address}/graphiql",
            f"  Health     {address}/health/ready",
            f"  Metrics    {address}/metrics",
            "",
            f"Tokens, good for {ttl_seconds // 3600} hours (associate and manager work in {SHOP}):",
            "",
            *rows,
            "",
            "What can be promised of one SKU, asked without a token:",
            "",
            curl(address, QUERY, QUERY_VARIABLES),
            "",
            "Hold one unit of it, as a shopper:",
            "",
            curl(address, MUTATION, hold(key), signed[Role.SHOPPER]),
            "",
            "Stop with Ctrl-C.",
            "",
        ]
    )


def curl(address: str, query: str, variables: Mapping[str, Any], token: str | None = None) -> str:
    """A request as a command to paste."""
    body = json.dumps({"query": query, "variables": variables})
    assert "'" not in body, "it stands between single quotes"
    lines = [f"curl -s {address}/graphql", "-H 'Content-Type: application/json'"]
    if token is not None:
        lines.append(f"-H 'Authorization: Bearer {token}'")
    return "  " + " \\\n    ".join([*lines, f"-d '{body}'"])
