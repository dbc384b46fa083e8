"""A small Shopify shop, asked over ASGI: what it answers is executed on the cut of the real schema.

It has the quirks that its maker tells of: points that run out with HTTP 200, a dearest question,
keys that are demanded and remembered, compare-and-set, tokens that end, stamps of whole seconds, an
index that is late, and messages that come twice and in any order. Time is turned by hand.
"""

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

import httpx2
from graphql import DocumentNode, graphql_sync, parse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.marketplace.shopify_operations import API_VERSION, PATH
from resolvers.event_ports import RawMessage
from tests.shopify.published import cut_schema
from tests.shopify.standin_cost import WRITE, cost_of, is_write, spent_on
from tests.shopify.standin_data import Row, connection, matching
from tests.shopify.standin_shop import LOCATION, Shop
from tests.support import Clock

DOMAIN = "bluetea.myshopify.com"
URL = f"https://{DOMAIN}"
CLIENT_ID, CLIENT_SECRET = "app-1", "shpss_secret"

POINTS_MAX, POINTS_PER_SECOND, COST_MAX = 2000.0, 100.0, 1000
TOKEN_SECONDS = {"client_credentials": 86_399, "refresh_token": 3_600}


class ShopifyStandin(Shop):
    """The shop, as it answers."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock or Clock())
        self.busy = 0
        """So many writes are answered as if another of their key were at work."""
        self.remembers_keys = True
        self.lost = 0
        """So many answers are lost on their way; what was asked is done."""
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        """Questions that were executed, by name, with their variables."""
        self.throttled = 0
        self.cost_max = COST_MAX
        self.granted: list[str] = []
        self.tokens: dict[str, datetime | None] = {"shpat_static": None}
        self.refresh_tokens = {"shprt_0": ""}
        self._points, self._points_at = POINTS_MAX, self.clock()
        self._keys: dict[str, tuple[str, Any]] = {}
        self._schema = cut_schema()

    # ---- messages ----------------------------------------------------------------------------

    def message(self, topic: str, body: Mapping[str, Any], id: str = "w-1") -> RawMessage:
        """A message as it would be sent, signed."""
        raw = json.dumps(body).encode()
        digest = hmac.digest(CLIENT_SECRET.encode(), raw, hashlib.sha256)
        headers = {
            "x-shopify-hmac-sha256": base64.b64encode(digest).decode(),
            "x-shopify-topic": topic,
            "x-shopify-shop-domain": DOMAIN,
            "x-shopify-webhook-id": id,
        }
        return RawMessage("POST", "/webhooks/shop", "", headers, raw, self.clock())

    def delivered(self, sent: Sequence[RawMessage], dice: random.Random) -> list[RawMessage]:
        """Messages as they arrive: some twice, in any order."""
        arriving = [*sent, *dice.choices(sent, k=len(sent))]
        dice.shuffle(arriving)
        return arriving

    # ---- time ---------------------------------------------------------------------------------

    def timer(self) -> float:
        """The seconds that have passed."""
        return self.clock().timestamp()

    async def sleep(self, seconds: float) -> None:
        """Turns the clock on instead of waiting, and a little more, as any sleep."""
        self.clock.advance(seconds=seconds + 0.001)

    # ---- the wire -----------------------------------------------------------------------------

    def transport(self) -> httpx2.AsyncBaseTransport:
        """The way to it; answers may be lost there."""
        routes = [
            Route(PATH, self._graphql, methods=["POST"]),
            Route("/admin/oauth/access_token", self._grant, methods=["POST"]),
        ]
        return _Losing(self, httpx2.ASGITransport(app=Starlette(routes=routes)))

    async def _grant(self, request: Request) -> Response:
        form = {name: told[0] for name, told in parse_qs((await request.body()).decode()).items()}
        grant = form.get("grant_type", "")
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return JSONResponse({"error": "invalid_client"}, 400)
        more: Row = {}
        if grant == "refresh_token":
            known = form.get("refresh_token", "")
            if known not in self.refresh_tokens:
                return JSONResponse({"error": "invalid_grant"}, 400)
            self.refresh_tokens.pop(self.refresh_tokens[known], None)  # its successor is in use
            successor = f"shprt_{len(self.granted) + 1}"
            self.refresh_tokens[successor] = known
            more = {"refresh_token": successor, "refresh_token_expires_in": 7_776_000}
        self.granted.append(grant)
        token, seconds = f"shpua_{len(self.granted)}", TOKEN_SECONDS[grant]
        self.tokens[token] = self.clock() + timedelta(seconds=seconds)
        return JSONResponse({"access_token": token, "expires_in": seconds, **more})

    async def _graphql(self, request: Request) -> Response:
        headers = {
            "date": format_datetime(self.clock(), usegmt=True),
            "x-shopify-api-version": API_VERSION,
        }
        token = request.headers.get("x-shopify-access-token", "")
        ends_at = self.tokens.get(token, self.clock())
        if ends_at is not None and ends_at <= self.clock():
            told = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return JSONResponse({"errors": told}, 401, headers)
        return JSONResponse(self._answer(json.loads(await request.body())), headers=headers)

    def _answer(self, asked: Mapping[str, Any]) -> Row:
        document, variables = parse(asked["query"]), asked.get("variables", {})
        cost = cost_of(document, variables)
        if cost > self.cost_max:
            return _failed(f"Query cost is {cost}, more than {self.cost_max}", "MAX_COST_EXCEEDED")
        now = self.clock()
        grown = (now - self._points_at).total_seconds() * POINTS_PER_SECOND
        self._points, self._points_at = min(POINTS_MAX, self._points + grown), now
        if cost > self._points:
            self.throttled += 1
            return {**_failed("Throttled", "THROTTLED"), "extensions": self._points_told(cost)}
        told = self._executed(document, variables)
        spent = WRITE if is_write(document) else spent_on(list((told["data"] or {}).values()))
        self._points -= spent
        return {**told, "extensions": self._points_told(cost, spent)}

    def spend(self, points: float) -> None:
        """Another app of the same key uses points up."""
        self._points -= points

    def _points_told(self, cost: int, spent: int | None = None) -> Row:
        throttle = {
            "maximumAvailable": POINTS_MAX,
            "currentlyAvailable": int(self._points),
            "restoreRate": POINTS_PER_SECOND,
        }
        costs = {"requestedQueryCost": cost, "actualQueryCost": spent}
        return {"cost": {**costs, "throttleStatus": throttle}}

    def _executed(self, document: DocumentNode, variables: Mapping[str, Any]) -> Row:
        root = {
            "shop": {"name": "Blue Tea", "currencyCode": self.currency},
            "location": lambda _, id: {
                LOCATION: {"id": LOCATION, "name": "Online stock", "isActive": True}
            }.get(id),
            "currentAppInstallation": {"accessScopes": [{"handle": it} for it in self.scopes]},
            "products": lambda _, **args: self._search(self.products, **args),
            "orders": lambda _, **args: self._search(self.orders, **args),
            "customers": lambda _, **args: self._search(self.customers, **args),
            "product": lambda _, id: self.products.get(id),
            "order": lambda _, id: self.orders.get(id),
            "customer": lambda _, id: self.customers.get(id),
            "node": lambda _, id: self.variants.get(id) or self.items.get(id),
            "nodes": lambda _, ids: [self.variants.get(id) for id in ids],
            "inventorySetQuantities": lambda info, input: self._set(
                _key(document, variables), input
            ),
        }
        name = next(iter(document.definitions)).name.value  # type: ignore[attr-defined]
        self.asked.append((name, variables))
        told = graphql_sync(
            self._schema, document_text(document), root, variable_values=dict(variables)
        )
        errors = [error.formatted for error in told.errors or ()]
        return {"data": told.data, **({"errors": errors} if errors else {})}

    # ---- stock --------------------------------------------------------------------------------

    def _set(self, key: str | None, input: Mapping[str, Any]) -> Row:
        quantities = input["quantities"]
        if any("changeFromQuantity" not in it for it in quantities):
            raise _Refusal(
                "InventoryQuantityInput must include the following argument: changeFromQuantity",
                "INVALID_FIELD_ARGUMENTS",
            )
        if key is None:
            raise _Refusal("The @idempotent directive is required", "BAD_REQUEST")
        assert len(quantities) <= 250
        if self.busy:
            self.busy -= 1
            return _no("IDEMPOTENCY_CONCURRENT_REQUEST", None)
        digest = json.dumps(input, sort_keys=True)
        if key in self._keys and self.remembers_keys:
            known, result = self._keys[key]
            if known != digest:
                return _no("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", None)
            return (
                dict(result)
                if not result["userErrors"]
                else _no("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", None)
            )
        result = self._set_all(quantities)
        self._keys[key] = (digest, result)
        return result

    def _set_all(self, quantities: Sequence[Mapping[str, Any]]) -> Row:
        """All of them, or none."""
        errors: list[Row] = []
        for at, it in enumerate(quantities):
            item = self.items.get(it["inventoryItemId"])
            place = ["input", "quantities", str(at)]
            if item is None or not item["stocked"]:
                errors += _no("INVALID_INVENTORY_ITEM", [*place, "inventoryItemId"])["userErrors"]
            elif it["changeFromQuantity"] not in (None, item["available"]):
                field = [*place, "changeFromQuantity"]
                errors += _no("CHANGE_FROM_QUANTITY_STALE", field)["userErrors"]
        if errors:
            return {"inventoryAdjustmentGroup": None, "userErrors": errors}
        for it in quantities:
            item = self.items[it["inventoryItemId"]]
            item["available"] = it["quantity"]
            self.touch(item["variant"]["product"])
        group = {"id": self._id("InventoryAdjustmentGroup")}
        return {"inventoryAdjustmentGroup": group, "userErrors": []}

    def _search(self, things: Mapping[str, Row], query: str = "", **args: Any) -> Row:
        assert args.pop("sortKey") == "ID"
        return connection(matching(list(things.values()), query, self.clock()), **args)


class _Refusal(Exception):
    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.extensions = {"code": code}


class _Losing(httpx2.AsyncBaseTransport):
    """Passes everything on; of some, the answer is lost."""

    def __init__(self, shop: ShopifyStandin, behind: httpx2.AsyncBaseTransport) -> None:
        self._shop = shop
        self._behind = behind

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._behind.handle_async_request(request)
        if self._shop.lost:
            self._shop.lost -= 1
            await response.aclose()
            raise httpx2.ReadError("the line broke", request=request)
        return response


def _no(code: str, field: list[str] | None) -> Row:
    error = {"code": code, "field": field, "message": code.replace("_", " ").capitalize()}
    return {"inventoryAdjustmentGroup": None, "userErrors": [error]}


def _failed(message: str, code: str) -> Row:
    return {"errors": [{"message": message, "extensions": {"code": code}}]}


def _key(document: DocumentNode, variables: Mapping[str, Any]) -> str | None:
    """The key of the one field of a mutation."""
    for directive in _directives(document):
        if directive.name.value == "idempotent":
            return str(variables[directive.arguments[0].value.name.value])
    return None


def _directives(document: DocumentNode) -> Iterator[Any]:
    for definition in document.definitions:
        for field in definition.selection_set.selections:  # type: ignore[attr-defined]
            yield from field.directives or ()


def document_text(document: DocumentNode) -> str:
    """The text that a document was read from."""
    assert document.loc is not None
    return document.loc.source.body
