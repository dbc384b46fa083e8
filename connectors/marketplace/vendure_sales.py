"""Our sales in Vendure: entered once however often they are sent, called off, and paid back.

Vendure takes an order in eight calls, none of which can be repeated blindly. So each try looks at
what is there under our reference, which is the order's code from its first moment on
(``examples/vendure-orders``), makes the first step that is missing, and looks again. Whoever was
ended between two steps, or lost an answer, goes on where the shop says it is.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from connectors.marketplace.vendure_client import VendureClient
from connectors.marketplace.vendure_sale_steps import (
    CALLED_OFF,
    DONE,
    DRAFT,
    LEFT,
    PAYING,
    CannotEnter,
    LineStep,
    line_step,
    money_back,
    total_of,
)
from connectors.marketplace.vendure_shop import Shop
from connectors.marketplace.vendure_wire import Row, legible, refusal, refused
from resolvers.backend_ports import WriteResult
from resolvers.domain.errors import BackendRefused, BackendUnavailable, HalfDone, UnknownOutcome
from resolvers.domain.outbox import Sale

STEPS_MAX = 2 * 100 + 20
"""Most calls that one try makes: a line of a sale takes one, the rest less than 20."""

SECONDS_MAX = 60.0
"""How long one try begins new calls. It took 1 to 3 s for one line, 0.2 s more for each."""

STEP_CALLS_MAX = 3
"""Calls between two looks at the clock: the order, what a step asks for, the step."""

METHOD = "gateway"
"""Means of payment as the shop's people see it."""

BUYER = {"firstName": "Gateway", "lastName": "Orders"}

_REFUSED = "... on ErrorResult { errorCode }"
_FOUND = """query($options: OrderListOptions) {
  rows: orders(options: $options) {
    totalItems
    items {
      id code state totalWithTax shippingWithTax currencyCode
      customer { id }
      shippingLines { shippingMethod { code } }
      lines { id quantity unitPriceWithTax productVariant { sku } customFields { gatewayPrice } }
      payments { id state amount transactionId refunds { id state total transactionId } }
    }
  }
}"""
_GOODS = """query($options: ProductVariantListOptions) {
  rows: productVariants(options: $options) { totalItems items { id sku } }
}"""
_DRAFT = "mutation { made: createDraftOrder { id code } }"
_DELETE = "mutation($id: ID!) { made: deleteDraftOrder(orderId: $id) { result } }"
_ADD = f"""mutation($id: ID!, $input: AddItemToDraftOrderInput!) {{
  made: addItemToDraftOrder(orderId: $id, input: $input) {{ ... on Order {{ id }} {_REFUSED} }}
}}"""
_ADJUST = f"""mutation($id: ID!, $input: AdjustDraftOrderLineInput!) {{
  made: adjustDraftOrderLine(orderId: $id, input: $input) {{ ... on Order {{ id }} {_REFUSED} }}
}}"""
_BUYER = f"""mutation($id: ID!, $input: CreateCustomerInput!) {{
  made: setCustomerForDraftOrder(orderId: $id, input: $input) {{ ... on Order {{ id }} {_REFUSED} }}
}}"""
_WAYS = """query($id: ID!) {
  ways: eligibleShippingMethodsForDraftOrder(orderId: $id) { id code }
}"""
_WAY = f"""mutation($id: ID!, $way: ID!) {{
  made: setDraftOrderShippingMethod(orderId: $id, shippingMethodId: $way) {{
    ... on Order {{ id }} {_REFUSED}
  }}
}}"""
_STATE = f"""mutation($id: ID!, $state: String!) {{
  made: transitionOrderToState(id: $id, state: $state) {{ ... on Order {{ id }} {_REFUSED} }}
}}"""
_PAY = f"""mutation($input: ManualPaymentInput!) {{
  made: addManualPaymentToOrder(input: $input) {{ ... on Order {{ id }} {_REFUSED} }}
}}"""
_CANCEL = f"""mutation($input: CancelOrderInput!) {{
  made: cancelOrder(input: $input) {{ ... on Order {{ id }} {_REFUSED} }}
}}"""
_REFUND = f"""mutation($input: RefundOrderInput!) {{
  made: refundOrder(input: $input) {{ ... on Refund {{ id }} {_REFUSED} }}
}}"""
_SETTLE = f"""mutation($input: SettleRefundInput!) {{
  made: settleRefund(input: $input) {{ ... on Refund {{ id }} {_REFUSED} }}
}}"""

REFERENCE = "x-gateway-reference"
"""The header by which the shop's plugin knows an order of ours."""


class Sales:
    """Takes sales, one a call."""

    def __init__(self, shop: Shop, timer: Callable[[], float] = time.monotonic) -> None:
        self._client: VendureClient = shop.client
        self._terms = shop.terms
        self._timer = timer

    async def place(self, sales: Sequence[Sale], *, second_try: bool) -> Sequence[WriteResult]:  # noqa: ARG002  # every try looks first
        """Enters a sale and pays it, or goes on with what an earlier try has left.

        Raises:
            BackendRefused: more than one sale, or the shop says no to us; what is there stays.
            BackendUnavailable, BackendTimedOut, UnknownOutcome: to be tried again.
        """
        if len(sales) != 1:
            raise refused(f"1 sale a call, not {len(sales)}", "INVALID", self._client.code)
        [sale] = sales
        return [await self._through(sale, self._placed)]

    async def cancel(self, sale: Sale) -> WriteResult:
        """Calls a sale off and pays it back; a draft is deleted.

        One that is not there, or was called off before, is called off: nobody will hand it over.

        Raises:
            BackendRefused, BackendUnavailable, BackendTimedOut, UnknownOutcome: as ``place``.
        """
        try:
            return await self._through(sale, self._canceled)
        except CannotEnter as error:
            return WriteResult(sale.reference, error=str(error))

    async def _through(
        self, sale: Sale, work: Callable[[Sale], Awaitable[WriteResult]]
    ) -> WriteResult:
        """Does the work; a shop that is lost, or lets us in no more, after a step was made may have
        the sale.
        """
        before = self._client.written
        try:
            return await work(sale)
        except (BackendUnavailable, BackendRefused) as error:
            is_answer = isinstance(error, BackendRefused) and error.kind != "AUTH"
            if is_answer or self._client.written == before:
                raise
            raise HalfDone(error.message, backend=self._client.code) from error

    async def _canceled(self, sale: Sale) -> WriteResult:
        until = self._timer() + SECONDS_MAX
        for _ in range(STEPS_MAX):
            self._in_time(until)
            row = await self._found(sale.reference)
            if row is None:
                return WriteResult(sale.reference)
            with legible("an order", self._client.code):
                done = await self._called_off_further(sale, row)
            if done is not None:
                return done
        raise self._endless()

    # ---- entering -----------------------------------------------------------------------------

    async def _placed(self, sale: Sale) -> WriteResult:
        """Step by step; a no names the order that stands there, so that it can be called off."""
        until = self._timer() + SECONDS_MAX
        standing: str | None = None
        try:
            for _ in range(STEPS_MAX):
                self._in_time(until)
                row = await self._found(sale.reference)
                if row is None:
                    standing = await self._drafted(sale)
                    continue
                with legible("an order", self._client.code):
                    standing = row["id"]
                    done = await self._placed_further(sale, row)
                if done is not None:
                    return done
            raise self._endless()
        except CannotEnter as error:
            return WriteResult(sale.reference, standing, str(error))
        except BackendRefused as error:
            if standing is None or error.kind == "AUTH":
                raise
            return WriteResult(sale.reference, standing, error.message)

    async def _placed_further(self, sale: Sale, row: Row) -> WriteResult | None:
        """One step of entering an order; None until it is."""
        state = row["state"]
        if state == CALLED_OFF:
            return WriteResult(sale.reference, error="it is called off in the shop")
        if state in DONE:
            return WriteResult(sale.reference, row["id"], _amiss(sale, row))
        if state == DRAFT:
            await self._furthered(sale, row)
        elif state == PAYING:
            await self._paid(sale, row)
        else:
            raise CannotEnter(f"somebody has made it {state[:40]} in the shop")
        return None

    async def _found(self, reference: str) -> Row | None:
        options = {"filter": {"code": {"eq": reference}}, "take": 1}
        rows, _ = await self._client.listed(_FOUND, options)
        return rows[0] if rows else None

    async def _drafted(self, sale: Sale) -> str:
        """Makes the draft; its id. A shop without the plugin gives it a code of its own: then it is
        deleted.
        """
        made = await self._wrote(sale, _DRAFT, {})
        with legible("a draft", self._client.code):
            id, code = str(made["made"]["id"]), made["made"]["code"]
        if code != sale.reference:
            await self._wrote(sale, _DELETE, {"id": id})
            why = "the shop has not the plugin of examples/vendure-orders"
            raise refused(why, "PERMANENT", self._client.code)
        return id

    async def _furthered(self, sale: Sale, row: Row) -> None:
        """One step of a draft: the first that is missing."""
        id, step = row["id"], line_step(sale, row["lines"])
        if step is not None:
            await self._lined(sale, id, step)
        elif row["customer"] is None:
            buyer = {**BUYER, "emailAddress": self._terms.buyer}
            await self._did(sale, _BUYER, {"id": id, "input": buyer})
        elif not row["shippingLines"]:
            told = await self._client.read(_WAYS, {"id": id}, channel=self._channel(sale))
            fit = [way["id"] for way in told["ways"] if way["code"] == self._terms.way]
            if not fit:
                raise CannotEnter("the shop has no such way to ship as options.order_shipping")
            await self._did(sale, _WAY, {"id": id, "way": fit[0]})
        elif (error := _amiss(sale, row)) is not None:
            raise CannotEnter(error)
        else:
            await self._did(sale, _STATE, {"id": id, "state": PAYING})

    async def _lined(self, sale: Sale, id: str, step: LineStep) -> None:
        """Makes one line what it should be."""
        if step.line is not None:
            change: Mapping[str, object] = {"orderLineId": step.line, "quantity": step.quantity}
            await self._did(sale, _ADJUST, {"id": id, "input": change})
            return
        options = {"filter": {"sku": {"eq": step.sku}}, "take": 2}
        rows, _ = await self._client.listed(_GOODS, options, channel=self._channel(sale))
        if len(rows) != 1:
            many = "no variant" if not rows else "several variants"
            raise CannotEnter(f"the shop has {many} {step.sku} in that channel")
        item = {
            "productVariantId": rows[0]["id"],
            "quantity": step.quantity,
            "customFields": {"gatewayPrice": step.price},
        }
        await self._did(sale, _ADD, {"id": id, "input": item})

    async def _paid(self, sale: Sale, row: Row) -> None:
        if (error := _amiss(sale, row)) is not None:
            raise CannotEnter(error)
        payment = {
            "orderId": row["id"],
            "method": METHOD,
            "transactionId": sale.reference,
            "metadata": {},
        }
        await self._did(sale, _PAY, {"input": payment})

    # ---- calling off --------------------------------------------------------------------------

    async def _called_off_further(self, sale: Sale, row: Row) -> WriteResult | None:
        """One step of calling an order off; None until it is."""
        id, state = row["id"], row["state"]
        if state == DRAFT:
            await self._wrote(sale, _DELETE, {"id": id})
            return None
        if state in LEFT:
            return WriteResult(sale.reference, id, f"it is too late: it is {state[:40]}")
        if state != CALLED_OFF:
            cancel = {"orderId": id, "reason": sale.reference, "cancelShipping": True}
            await self._did(sale, _CANCEL, {"input": cancel})
            return None
        back = money_back(row["payments"] or (), sale.reference)
        if back is None:
            return WriteResult(sale.reference, id)
        if back.refund is not None:
            settled = {"id": back.refund, "transactionId": sale.reference}
            await self._did(sale, _SETTLE, {"input": settled})
            return None
        refund = {
            "paymentId": back.payment,
            "amount": back.amount,
            "reason": sale.reference,
            "lines": [],
            "shipping": 0,
            "adjustment": 0,
        }
        await self._did(sale, _REFUND, {"input": refund})
        return None

    # ---- calls --------------------------------------------------------------------------------

    async def _did(self, sale: Sale, document: str, variables: Mapping[str, object]) -> None:
        """One step. That it was refused is told by the next look, unless nothing has changed.

        Raises:
            CannotEnter: the shop's rules are against it; people have to look.
        """
        told = await self._wrote(sale, document, variables)
        with legible("the answer to a step", self._client.code):
            code = told["made"].get("errorCode")
        if code is not None:
            raise CannotEnter(str(refusal(code, self._client.code)))

    async def _wrote(self, sale: Sale, document: str, variables: Mapping[str, object]) -> Row:
        return await self._client.write(
            document,
            variables,
            channel=self._channel(sale),
            headers={REFERENCE: sale.reference},
        )

    def _channel(self, sale: Sale) -> str:
        """The shop's channel of a sale: that of its channel here."""
        for theirs, ours in self._terms.channels.items():
            if ours.code == sale.channel:
                return theirs
        raise CannotEnter("its channel is none of options.channels")

    def _in_time(self, until: float) -> None:
        if self._timer() > until:
            raise UnknownOutcome(
                f"{self._client.code}: it takes too long; it goes on later",
                backend=self._client.code,
            )

    def _endless(self) -> BackendRefused:
        return refused("its orders do not become what they are told", "CONFLICT", self._client.code)


def _amiss(sale: Sale, row: Row) -> str | None:
    """What people have to look at before, or though, an order is paid."""
    if row["totalWithTax"] == total_of(sale):
        return None
    return (
        f"it comes to {row['totalWithTax']} in the shop, not {total_of(sale)} (minor units):"
        " compare its way to ship and its promotions"
    )
