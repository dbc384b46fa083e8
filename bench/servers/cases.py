"""What every server is asked, and what its answers must be.

All answer the same documents of the same schema from the same data: the sandbox's catalogue, as the
gateway tells it. What a hold takes, and what a subscriber watches, lies outside the lists that are
asked for, so that their answers stay what they are.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.over_http import Asker
from bench.servers.house import Server

CHANNEL, PLACE = "mini-program", "WH-01"
LIST_MAX = 100
UNITS = 1_000_000
"""Units of what is held and what is watched, when a server starts."""

HOLD_SECONDS = 3600

FIVE_LEAVES = """query Five($sku: String!, $channel: String!) {
  variant(by: {sku: $sku}) {
    sku title product { handle } price(channel: $channel) { amount currencyCode }
  }
}"""
PRODUCT_LIST = """query Products($channel: String!) {
  products(first: 100) {
    nodes {
      handle title brand description categories
      variants(first: 3) {
        nodes { sku title price(channel: $channel) { amount currencyCode } }
      }
    }
  }
}"""
AVAILABLE_LIST = """query Available($channel: String!) {
  products(first: 20) {
    nodes {
      handle
      variants(first: 3) {
        nodes { sku availability(channel: $channel) { availableToPromise stale } }
      }
    }
  }
}"""
HOLD = """mutation Hold($key: String!, $sku: String!, $channel: String!,
  $at: String, $seconds: Int!) {
  reserveStock(input: {idempotencyKey: $key, channel: $channel,
    lines: [{sku: $sku, quantity: 1}], locationCode: $at, ttlSeconds: $seconds}) {
    reservation { id status lines { sku quantity } } replayed userErrors { code }
  }
}"""
ADJUST = """mutation Adjust($key: String!, $sku: String!, $at: String!, $delta: Int!) {
  adjustStock(input: {idempotencyKey: $key, sku: $sku, locationCode: $at, delta: $delta,
    reason: COUNT}) { stockLevel { onHand } userErrors { code } }
}"""
WATCH = """subscription Watch($skus: [String!]!, $at: [String!]!) {
  stockChanged(skus: $skus, locationCodes: $at) { location { code } availableToPromise }
}"""
EVERYTHING = """query Everything($channel: String!, $after: String) {
  products(first: 100, after: $after) {
    nodes {
      id handle title brand description categories
      variants(first: 20) {
        nodes {
          id sku title components { quantity } price(channel: $channel) { amount currencyCode }
          availability(channel: $channel) { availableToPromise stale }
        }
      }
    }
    pageInfo { endCursor hasNextPage }
  }
}"""
KEY = "@key@"
"""Stands in a body for the key that each request has of its own."""


@dataclass(frozen=True, slots=True)
class Case:
    """One document and its variables, and how many ask at once: fewer where an answer is large, so
    that what is under way when a round ends is a small part of it.
    """

    name: str
    document: str
    variables: Mapping[str, Any]
    connections: int

    @property
    def body(self) -> str:
        """What is posted."""
        return json.dumps({"query": self.document, "variables": self.variables})


@dataclass(frozen=True, slots=True)
class Goods:
    """Which SKU is read, held and watched."""

    read: str
    held: str
    watched: str


def cases(goods: Goods) -> Sequence[Case]:
    """Everything that is asked over HTTP."""
    return (
        Case("five leaves", FIVE_LEAVES, {"sku": goods.read, "channel": CHANNEL}, 16),
        Case("list of 100 products", PRODUCT_LIST, {"channel": CHANNEL}, 4),
        Case("20 products and what can be promised", AVAILABLE_LIST, {"channel": CHANNEL}, 8),
        hold(goods.held),
    )


def hold(sku: str, at: str | None = None) -> Case:
    """One unit of a SKU, wherever it lies or at a place; each request has a key of its own."""
    variables = {"key": KEY, "sku": sku, "channel": CHANNEL, "at": at, "seconds": HOLD_SECONDS}
    return Case("a hold", HOLD, variables, 16)


def leaves(found: object) -> int:
    """How many scalars an answer has, nulls counted; a list of scalars is one."""
    if isinstance(found, Mapping):
        return sum(map(leaves, found.values()))
    if isinstance(found, list) and found and isinstance(found[0], Mapping):
        return sum(map(leaves, found))
    return 1


def comparable(found: Any) -> Any:
    """Data of an answer with the id of what was made left out: it is each server's own."""
    held = found.get("reserveStock", {}).get("reservation")
    if held is None:
        return found
    assert isinstance(held["id"], str), held
    told = {**found["reserveStock"], "reservation": {**held, "id": "-"}}
    return {**found, "reserveStock": told}


def request(server: Server, body: str, token: str) -> bytes:
    """A body as bytes on the wire."""
    sent = body.encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n"
        f"Content-Type: application/json\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Length: {len(sent)}\r\n\r\n"
    )
    return head.encode() + sent


def fresh(body: str) -> str:
    """A body with a key that was never used."""
    return body.replace(KEY, f"k-{time.time_ns()}")


async def asked(asker: Asker, server: Server, body: str, token: str) -> tuple[bytes, Any]:
    """The whole answer to one request, and its data.

    Raises:
        RuntimeError: the answer has errors, or is none.
    """
    answer = await asker.ask(request(server, fresh(body), token))
    head, _, text = answer.partition(b"\r\n\r\n")
    found = json.loads(text)
    if b" 200 " not in head.partition(b"\r\n")[0] or found.get("errors") or not found.get("data"):
        raise RuntimeError(f"{server.name} answered {head[:40]!r} {text[:500]!r}")
    return answer, found["data"]


def written(file: Path, products: Sequence[Any]) -> Goods:
    """Writes what the others serve: the products that a gateway has told, as all serve them."""
    [held, watched, *_] = [
        variant["sku"]
        for product in reversed(products[LIST_MAX:])
        for variant in product["variants"]["nodes"]
        if variant["availability"]["availableToPromise"] > 0 and not variant["components"]
    ]
    goods = Goods(products[0]["variants"]["nodes"][0]["sku"], held, watched)
    rows = [
        {
            **product,
            "variants": [
                {
                    **{name: variant[name] for name in ("id", "sku", "title")},
                    "prices": {CHANNEL: variant["price"]} if variant["price"] else {},
                    "availableToPromise": variant["availability"]["availableToPromise"],
                }
                for variant in product["variants"]["nodes"]
            ],
        }
        for product in products
    ]
    levels = {goods.held: UNITS, goods.watched: UNITS}
    file.write_text(
        json.dumps({"place": PLACE, "levels": levels, "products": rows}, ensure_ascii=False),
        encoding="utf-8",
    )
    return goods
