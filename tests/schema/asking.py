"""Asks the schema as the process does, and reads its answers."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from resolvers.access import Principal
from schema.info import RequestContext
from schema.operations import Operation, Schema, run, watch
from schema.root import build_schema
from tests.support import CHANNEL, SHOPPER, SKU, Shop

HOLD = """mutation Hold($input: ReserveStockInput!) {
  reserveStock(input: $input) {
    reservation { id status expiresAt lines { sku quantity pins { locationCode quantity } } }
    replayed
    userErrors {
      __typename code message field
      ... on InsufficientStockError { sku requested availableToPromise }
    }
  }
}"""

PLACE = """mutation Place($input: PlaceOrderInput!) {
  placeOrder(input: $input) {
    order { id number status total { amount currencyCode } paymentDueAt lines { id sku quantity } }
    replayed
    userErrors { code message field }
  }
}"""

PAY = """mutation Pay($input: RecordPaymentInput!) {
  recordPayment(input: $input) {
    order { id status paid { amount } }
    userErrors { code message field }
  }
}"""

SHIP = {
    "ship": {
        "recipient": "林若溪",
        "phone": "+8612000000001",
        "countryCode": "CN",
        "region": "上海",
        "city": "上海",
        "street": "示例路 1 号",
    }
}

schema_of = cache(build_schema)


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer as a client reads it: its data, its errors, and what it warns of."""

    data: Any
    errors: list[dict[str, Any]]
    warnings: list[dict[str, Any]]

    @property
    def code(self) -> str:
        """The code of the only error."""
        [error] = self.errors
        return str(error["extensions"]["code"])


async def ask(shop: Shop, document: str, caller: Principal = SHOPPER, **variables: Any) -> Answered:
    """Runs a query or a mutation."""
    return await ask_of(schema_of(), shop, document, caller, **variables)


async def ask_of(
    schema: Schema, shop: Shop, document: str, caller: Principal = SHOPPER, **variables: Any
) -> Answered:
    """Runs an operation on a schema of its own."""
    context = RequestContext(shop.context(caller), [], "r-1")
    return read((await run(schema, Operation(document, variables), context)).body)


async def states(
    shop: Shop, document: str, caller: Principal = SHOPPER, **variables: Any
) -> AsyncIterator[Answered]:
    """Runs a subscription."""
    context = RequestContext(shop.context(caller), [], "r-1")
    answers = watch(schema_of(), Operation(document, variables), context)
    async with aclosing(answers) as following:
        async for answer in following:
            yield read(answer.body)


def read(body: Mapping[str, Any]) -> Answered:
    """An answer's body as a client reads it."""
    told = msgspec.json.decode(msgspec.json.encode(body))
    warnings = told.get("extensions", {}).get("warnings", [])
    return Answered(told.get("data"), told.get("errors", []), warnings)


async def hold(shop: Shop, key: str, caller: Principal = SHOPPER, **more: Any) -> Any:
    """What ``reserveStock`` answers for one unit of the example's SKU, unless more is said."""
    asked = {
        "idempotencyKey": key,
        "channel": CHANNEL,
        "lines": [{"sku": SKU, "quantity": 1}],
        **more,
    }
    answer = await ask(shop, HOLD, caller, input=asked)
    assert answer.errors == []
    return answer.data["reserveStock"]


async def place(shop: Shop, key: str, caller: Principal = SHOPPER, **more: Any) -> Any:
    """What ``placeOrder`` answers for one unit, shipped, unless more is said."""
    asked = {
        "idempotencyKey": key,
        "channel": CHANNEL,
        "lines": [{"sku": SKU, "quantity": 1}],
        "delivery": SHIP,
        **more,
    }
    answer = await ask(shop, PLACE, caller, input=asked)
    assert answer.errors == []
    return answer.data["placeOrder"]
