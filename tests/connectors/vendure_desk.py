"""The order desk of a scripted Vendure: drafts, lines, payments, refunds in memory, with the quirks
of the real one that were seen.

A code is unique. Adding an item that is there adds to it. Nothing may be paid twice. A refund waits
until it is settled.
"""

import json
from collections.abc import Callable

import httpx2

from tests.connectors.vendure_scripted import Row, Shop, answer

FAILED = {"errors": [{"message": "failed", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}
WAYS = [{"id": "3", "code": "elsewhere"}, {"id": "1", "code": "express"}]


class Desk(Shop):
    """``lose`` says of each write, by its number, whether it is lost on the way there ("before"),
    or its answer on the way back ("after"), or finds nobody to connect to ("down"); any other word
    is the code of a refusal.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lists["orders"] = []
        self.lose: Callable[[int], str | None] = lambda _: None
        self.writes = 0
        self.plugin = True
        self.surcharge = 0

    async def handle(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content)
        query, variables = body["query"], body["variables"]
        if "login(" in query or "made: " not in query:
            if "ways: " in query:
                return answer({"data": {"ways": WAYS}})
            return await super().handle(request)
        self.writes += 1
        lost = self.lose(self.writes)
        if lost == "before":
            raise httpx2.ReadTimeout("lost")
        if lost == "down":
            raise httpx2.ConnectError("down")
        if lost not in (None, "after"):
            return answer({"errors": [{"message": "no", "extensions": {"code": lost}}]})
        done = self._do(query, variables, request.headers)
        if lost == "after":
            raise httpx2.ReadTimeout("lost")
        return done

    @property
    def orders(self) -> list[Row]:
        return self.lists["orders"]

    def _do(self, query: str, variables: Row, headers: httpx2.Headers) -> httpx2.Response:
        [step] = [name for name in _STEPS if f"made: {name}(" in query or f"made: {name} " in query]
        if step == "createDraftOrder":
            return self._draft(headers.get("x-gateway-reference"))
        told = variables.get("input", {})
        id = variables.get("id") or told.get("orderId") or self._order_of_payment(told)
        [order] = [it for it in self.orders if it["id"] == id]
        error = getattr(self, _STEPS[step])(order, variables)
        lines = sum(it["quantity"] * it["unitPriceWithTax"] for it in order["lines"])
        order["totalWithTax"] = lines + self.surcharge
        return answer({"data": {"made": {"errorCode": error} if error else {"id": id}}})

    def _draft(self, reference: str | None) -> httpx2.Response:
        code = reference if self.plugin and reference else f"T9TV{len(self.orders)}"
        if any(it["code"] == code for it in self.orders):
            return answer(FAILED)
        order: Row = {
            "id": str(900 + self.writes),
            "code": code,
            "state": "Draft",
            "orderPlacedAt": None,
            "totalWithTax": 0,
            "customer": None,
            "shippingLines": [],
            "lines": [],
            "payments": [],
        }
        self.orders.append(order)
        return answer({"data": {"made": {"id": order["id"], "code": code}}})

    def _order_of_payment(self, told: Row) -> str:
        wanted = {told.get("paymentId"), told.get("id")}
        [id] = [
            order["id"]
            for order in self.orders
            for payment in order["payments"]
            if wanted & {payment["id"], *(refund["id"] for refund in payment["refunds"])}
        ]
        return str(id)

    def _add_item(self, order: Row, variables: Row) -> str | None:
        item = variables["input"]
        price = item["customFields"]["gatewayPrice"]
        [variant] = [
            v for v in self.lists["productVariants"] if v["id"] == item["productVariantId"]
        ]
        for line in order["lines"]:
            if (line["productVariant"]["sku"], line["unitPriceWithTax"]) == (variant["sku"], price):
                line["quantity"] += item["quantity"]
                return None
        order["lines"].append(
            {
                "id": f"{order['id']}{len(order['lines'])}",
                "quantity": item["quantity"],
                "unitPriceWithTax": price,
                "productVariant": {"sku": variant["sku"]},
                "customFields": {"gatewayPrice": price},
            }
        )
        return None

    def _adjust(self, order: Row, variables: Row) -> str | None:
        change = variables["input"]
        [line] = [it for it in order["lines"] if it["id"] == change["orderLineId"]]
        line["quantity"] = change["quantity"]
        order["lines"] = [it for it in order["lines"] if it["quantity"]]
        return None

    def _set_buyer(self, order: Row, _: Row) -> str | None:
        order["customer"] = {"id": "12"}
        return None

    def _set_way(self, order: Row, variables: Row) -> str | None:
        order["shippingLines"] = [{"shippingMethod": {"code": variables["way"]}}]
        return None

    def _move(self, order: Row, variables: Row) -> str | None:
        if order["state"] != "Draft":
            return "ORDER_STATE_TRANSITION_ERROR"
        order["state"] = variables["state"]
        return None

    def _pay(self, order: Row, variables: Row) -> str | None:
        if order["state"] != "ArrangingPayment":
            return "MANUAL_PAYMENT_STATE_ERROR"
        payment = variables["input"]
        order["payments"].append(
            {
                "id": f"p{order['id']}",
                "state": "Settled",
                "amount": order["totalWithTax"],
                "transactionId": payment["transactionId"],
                "refunds": [],
            }
        )
        order["state"] = "PaymentSettled"
        return None

    def _delete(self, order: Row, _: Row) -> str | None:
        self.orders.remove(order)
        return None

    def _cancel(self, order: Row, _: Row) -> str | None:
        if order["state"] == "Cancelled":
            return "EMPTY_ORDER_LINE_SELECTION_ERROR"
        order["state"] = "Cancelled"
        return None

    def _refund(self, order: Row, variables: Row) -> str | None:
        [payment] = order["payments"]
        told = variables["input"]
        given = sum(it["total"] for it in payment["refunds"] if it["state"] != "Failed")
        if told["amount"] + given > payment["amount"]:
            return "REFUND_AMOUNT_ERROR"
        refund = {"id": f"r{self.writes}", "state": "Pending", "total": told["amount"]}
        payment["refunds"].append({**refund, "transactionId": None})
        return None

    def _settle(self, order: Row, variables: Row) -> str | None:
        [payment] = order["payments"]
        [refund] = [it for it in payment["refunds"] if it["id"] == variables["input"]["id"]]
        if refund["state"] != "Pending":
            return "REFUND_STATE_TRANSITION_ERROR"
        refund["state"] = "Settled"
        return None


_STEPS = {
    "createDraftOrder": "",
    "deleteDraftOrder": "_delete",
    "addItemToDraftOrder": "_add_item",
    "adjustDraftOrderLine": "_adjust",
    "setCustomerForDraftOrder": "_set_buyer",
    "setDraftOrderShippingMethod": "_set_way",
    "transitionOrderToState": "_move",
    "addManualPaymentToOrder": "_pay",
    "cancelOrder": "_cancel",
    "refundOrder": "_refund",
    "settleRefund": "_settle",
}
