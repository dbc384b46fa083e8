"""A Vendure shop for tests without one: its lists are rows in memory, its quirks those of the real.

Every answer is HTTP 200 but for a document that it does not know. Rows are as ``fixtures/vendure``
has them.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

from connectors.marketplace import vendure
from resolvers.backend_ports import Backend
from resolvers.domain.locations import Channel, ChannelKind

FIXTURES = Path(__file__).parent / "fixtures" / "vendure"
NOW = datetime(2026, 11, 28, 3, tzinfo=UTC)
WEB = Channel("web", "Web", ChannelKind.ONLINE, "CNY")
MINI = Channel("mini-program", "Mini program", ChannelKind.ONLINE, "CNY")
OPTIONS = {
    "channels": "__default_channel__=web, mini=mini-program",
    "location": "CW01",
    "barcode_field": "barcode",
}
LIST_MAX = 1000
SINGLE: Mapping[str, Any] = {
    "globalSettings": {"outOfStockThreshold": 0, "trackInventory": True},
    "activeChannel": {"code": "__default_channel__", "defaultCurrencyCode": "CNY"},
}
"""What is asked for by one word."""

Row = dict[str, Any]


def recorded(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


class Shop:
    """``lists`` are by root field, prices of channels by token. ``broken`` answers in place of the
    next questions, one each; ``before`` is called with each document that is asked.
    """

    def __init__(self) -> None:
        told = recorded("listings")
        self.lists: dict[str, list[Row]] = {
            "productVariants": told["variants"],
            "products": [
                {**row, "variants": [v for v in told["variants"] if v["productId"] == row["id"]]}
                for row in told["products"]
            ],
            "orders": recorded("orders"),
            "customers": recorded("customers"),
            "stockLocations": [{"id": "1", "name": "CW01"}, {"id": "2", "name": "SH01"}],
        }
        self.prices = {"web": told["web"], "mini": told["mini"]}
        self.login = recorded("login")
        self.broken: list[httpx2.Response] = []
        self.before: Callable[[str], None] = lambda _: None
        self.logins = 0
        self.tokens: set[str] = set()
        self.asked: list[tuple[str, Mapping[str, Any], str]] = []
        self.written: list[list[Row]] = []
        self.take_max = LIST_MAX
        self.seconds = 0.0

    def backend(self, **more: Any) -> Backend:
        return vendure.backend(
            code="shop",
            url="http://shop.test",
            user="gateway@example.com",
            password="secret",
            channels=(WEB, MINI),
            options=more.pop("options", OPTIONS),
            clock=more.pop("clock", lambda: NOW),
            timer=lambda: self.seconds,
            transport=httpx2.MockTransport(self.handle),
            **more,
        )

    async def handle(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content)
        query, variables = body["query"], body["variables"]
        if "login(" in query:
            return self._let_in()
        channel = request.headers["vendure-token"]
        self.asked.append((query, variables, channel))
        self.before(query)
        if self.broken:
            return self.broken.pop(0)
        if request.headers["authorization"].removeprefix("Bearer ") not in self.tokens:
            return answer(recorded("errors")["logged out"])
        if "updateProductVariants" in query:
            return self._write(variables["input"])
        for name, told in SINGLE.items():
            if name in query:
                return answer({"data": {name: told}})
        return self._list(query, variables["options"], channel)

    def _let_in(self) -> httpx2.Response:
        """A login. There is one session at a time."""
        self.logins += 1
        if "errorCode" in self.login["data"]["login"]:
            return answer(self.login)
        self.tokens = {f"token-{self.logins}"}
        return answer(self.login, {"vendure-auth-token": f"token-{self.logins}"})

    def _list(self, query: str, options: Row, channel: str) -> httpx2.Response:
        if options["take"] > self.take_max:
            return answer(recorded("errors")["too many rows"])
        [root] = re.findall(r"rows: (\w+)", query)
        priced = root == "productVariants" and "priceWithTax" in query
        rows = self.lists[root]
        if priced:  # as the channel sees it
            prices = {row["id"]: row for row in self.prices[channel]}
            rows = [{**row, **prices[row["id"]]} for row in rows if row["id"] in prices]
        rows = [row for row in rows if fits(row, options.get("filter") or {})]
        skip = options.get("skip", 0)
        page = rows[skip : skip + options["take"]]
        if "updatedAt" in (options.get("sort") or {}):
            page = sorted(rows, key=lambda row: row["updatedAt"], reverse=True)[: options["take"]]
        return answer({"data": {"rows": {"totalItems": len(rows), "items": page}}})

    def _write(self, changes: list[Row]) -> httpx2.Response:
        """All or nothing, whatever the numbers were before."""
        known = {row["id"]: row for row in self.lists["productVariants"]}
        self.written.append(changes)
        if any(change["id"] not in known for change in changes):
            return answer(recorded("errors")["unknown variant"])
        for change in changes:
            for level in change["stockLevels"]:
                [at] = [
                    it
                    for it in known[change["id"]]["stockLevels"]
                    if it["stockLocationId"] == level["stockLocationId"]
                ]
                at["stockOnHand"] = level["stockOnHand"]
        return answer({"data": {"updateProductVariants": []}})

    def level(self, id: str) -> Row:
        """What lies at CW01."""
        [row] = [row for row in self.lists["productVariants"] if row["id"] == id]
        [at] = [it for it in row["stockLevels"] if it["stockLocationId"] == "1"]
        return dict(at)

    def sell(self, id: str, units: int) -> None:
        """A shopper pays for units of a variant."""
        for row in self.lists["productVariants"]:
            for at in row["stockLevels"]:
                if row["id"] == id and at["stockLocationId"] == "1":
                    at["stockAllocated"] += units


def answer(
    body: Any, headers: Mapping[str, str] | None = None, status: int = 200
) -> httpx2.Response:
    return httpx2.Response(status, headers=headers, json=body)


def fits(row: Row, filter: Mapping[str, Any]) -> bool:
    """Whether a row passes a filter, as far as the connector uses them."""
    for name, wanted in filter.items():
        if name == "_or":
            good = any(fits(row, part) for part in wanted)
        elif name == "_and":
            good = all(fits(row, part) for part in wanted)
        else:
            [(how, value)] = wanted.items()
            told = row.get(name)
            match how:
                case "eq":
                    good = told == value
                case "in":
                    good = told in value
                case "notIn":
                    good = told not in value
                case "after":
                    good = told is not None and told > value
                case _:
                    raise AssertionError(how)
        if not good:
            return False
    return True
