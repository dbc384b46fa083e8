"""Orders that the gateway took, entered in a real Vendure shop: once, at our price, whole, whoever
is killed on the way; called off and paid back once (O1-O6, G4).
"""

import json
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from resolvers.backend_ports import Backend
from resolvers.domain.orders import OrderStatus
from tests.live.vendure.api import Api, ApiRefused
from tests.live.vendure.connected import closed, level, orders, variant_id
from tests.live.vendure.house import RunningVendure
from tests.live.vendure.killed import desk, sale_of

pytestmark = [pytest.mark.live_vendure, pytest.mark.timeout(900)]

SERUM, SCENT = "BT0104-01", "BT0112-01"
LINES = [[SERUM, 2, 43210], [SCENT, 1, 99]]
TOTAL = 2 * 43210 + 99
KILLS_MAX = 20
SETTLED_SECONDS = 1.0
"""A write that was under way at the kill has ended by then; the relay waits longer."""

SEEN = """query($c: String!) { orders(options: {filter: {code: {eq: $c}}}) { totalItems items {
  id code state totalWithTax channels { code } customer { emailAddress }
  lines { quantity unitPriceWithTax productVariant { sku } }
  payments { state amount method transactionId refunds { state total } }
} } }"""


DRAFT = "mutation { createDraftOrder { id code } }"
ADD_ITEM = """mutation($order: ID!, $item: AddItemToDraftOrderInput!) {
  addItemToDraftOrder(orderId: $order, input: $item) {
    ... on Order { lines { id unitPriceWithTax } } ... on ErrorResult { errorCode message } } }"""
ADJUST = """mutation($order: ID!, $line: AdjustDraftOrderLineInput!) {
  adjustDraftOrderLine(orderId: $order, input: $line) {
    ... on Order { lines { unitPriceWithTax } } ... on ErrorResult { errorCode message } } }"""


@pytest.fixture
async def takes(vendure: RunningVendure) -> AsyncIterator[Backend]:
    """The connector at that shop, which takes our orders."""
    made = desk(vendure.url, vendure.user, vendure.password)
    yield made
    await closed(made)


def seen(vendure: RunningVendure, reference: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = vendure.admin().ask(SEEN, c=reference)["items"]
    return found


def all_orders(vendure: RunningVendure) -> int:
    """Every order and draft, of whatever name."""
    return int(vendure.admin().ask("{ orders(options: {take: 1}) { totalItems } }")["totalItems"])


def clerk_of(vendure: RunningVendure) -> Api:
    """One of the shop's own people, who may enter orders and nothing of the desk's."""
    admin, mail, password = vendure.admin(), "clerk@example.com", secrets.token_urlsafe(24)
    channel = admin.ask("{ activeChannel { id } }")["id"]
    role = {
        "code": "clerk",
        "description": "A clerk",
        "permissions": ["ReadOrder", "CreateOrder", "UpdateOrder"],
        "channelIds": [channel],
    }
    user = {"firstName": "A", "lastName": "clerk", "emailAddress": mail, "password": password}
    admin.made("createAdministrator", {**user, "roleIds": [admin.made("createRole", role)["id"]]})
    clerk = Api(vendure.port, "admin-api")
    clerk.log_in(mail, password)
    return clerk


def told(lines: list[Any], channel: str = "web") -> str:
    return json.dumps([channel, lines])


def attempt(
    vendure: RunningVendure, action: str, reference: str, write: int, mode: str
) -> list[Any] | None:
    """What one process was answered; None if it was killed."""
    command = [sys.executable, "-m", "tests.live.vendure.killed", action, reference]
    command += [vendure.url, vendure.user, vendure.password, told(LINES), str(write), mode]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode == -signal.SIGKILL:
        time.sleep(SETTLED_SECONDS)
        return None
    assert done.returncode == 0, done.stderr
    answer: list[Any] = json.loads(done.stdout)
    return answer


def until_answered(
    vendure: RunningVendure, action: str, reference: str, mode: str
) -> tuple[list[Any], int]:
    """One process after the other, each killed at its first write, until one has none to make; its
    answer, and how many were killed.
    """
    for killed in range(KILLS_MAX):
        answer = attempt(vendure, action, reference, 1, mode)
        if answer is not None:
            return answer, killed
    raise AssertionError(f"{KILLS_MAX} processes have not come to an end")


async def test_an_order_is_entered_whole_at_our_price_and_takes_nothing_from_the_shop(
    vendure: RunningVendure, takes: Backend
):
    """The last units are not for sale there any more, as we have sold them: it is entered all the
    same, and what the shop may sell stays as it was published (O1, S5)."""
    admin, sink = vendure.admin(), takes.order_sink
    serum = variant_id(admin, SERUM)
    shopper = vendure.shopper()
    shopper.takes(serum, 20)
    shopper.says_who("Ruoxi", "Wu", "all@example.com", "136 0013 9990")
    shopper.pays()
    assert level(admin, serum) == (20, 20)
    assert sink is not None

    [result] = await sink.place([sale_of("UC-1", told(LINES, "mini-program"))], second_try=False)

    [order] = seen(vendure, "UC-1")
    assert (result.external_id, result.error) == (order["id"], None)
    assert order["state"] == "PaymentSettled"
    assert order["totalWithTax"] == TOTAL
    assert {at["code"] for at in order["channels"]} == {"__default_channel__", "mini"}
    lines = {
        (it["productVariant"]["sku"], it["quantity"], it["unitPriceWithTax"])
        for it in order["lines"]
    }
    assert lines == {(SERUM, 2, 43210), (SCENT, 1, 99)}
    [payment] = order["payments"]
    assert (payment["state"], payment["amount"]) == ("Settled", TOTAL)
    assert (payment["method"], payment["transactionId"]) == ("gateway", "UC-1")
    assert level(admin, serum) == (20, 20)
    with pytest.raises(ApiRefused, match="INSUFFICIENT_STOCK"):
        vendure.shopper().takes(serum, 1)

    [again] = await sink.place([sale_of("UC-1", told(LINES, "mini-program"))], second_try=True)
    assert again == result
    assert len(seen(vendure, "UC-1")) == 1

    found, _ = await orders(takes)
    assert found["UC-1"].number == "UC-1", "by its number it is known as ours when it comes back"


@pytest.mark.parametrize("mode", ["after", "within"])
def test_whoever_is_killed_at_any_step_the_shop_has_the_order_once_and_calls_it_off_once(
    vendure: RunningVendure, mode: str
):
    """Each process is killed at its first write: when the shop has done it and nobody has heard, or
    while the shop works on it. The next one goes on (G4)."""
    reference = f"UC-KILL-{mode}"
    before, stock = all_orders(vendure), level(vendure.admin(), variant_id(vendure.admin(), SCENT))

    answer, killed = until_answered(vendure, "place", reference, mode)

    [order] = seen(vendure, reference)
    assert answer == [order["id"], None]
    assert killed >= 7, "a draft, two lines, a buyer, a way, a state, a payment"
    assert (order["state"], order["totalWithTax"]) == ("PaymentSettled", TOTAL)
    assert [(it["state"], it["amount"]) for it in order["payments"]] == [("Settled", TOTAL)]
    assert all_orders(vendure) == before + 1, "no draft is left behind"

    answer, killed = until_answered(vendure, "cancel", reference, mode)

    [order] = seen(vendure, reference)
    assert answer == [order["id"], None]
    assert killed >= 3, "called off, paid back, settled"
    assert order["state"] == "Cancelled"
    [payment] = order["payments"]
    assert payment["refunds"] == [{"state": "Settled", "total": TOTAL}]
    assert level(vendure.admin(), variant_id(vendure.admin(), SCENT)) == stock
    assert all_orders(vendure) == before + 1


async def test_a_draft_that_is_called_off_is_gone_and_one_that_never_was_is_called_off(
    vendure: RunningVendure, takes: Backend
):
    assert takes.order_sink is not None
    before = all_orders(vendure)
    assert attempt(vendure, "place", "UC-DRAFT", 3, "after") is None
    assert [it["state"] for it in seen(vendure, "UC-DRAFT")] == ["Draft"]

    result = await takes.order_sink.cancel(sale_of("UC-DRAFT", told(LINES)))
    never = await takes.order_sink.cancel(sale_of("UC-NEVER", told(LINES)))

    assert (result.external_id, result.error) == (None, None)
    assert (never.external_id, never.error) == (None, None)
    assert all_orders(vendure) == before


async def test_what_people_have_to_look_at_is_said_and_nothing_is_paid(
    vendure: RunningVendure, takes: Backend
):
    assert takes.order_sink is not None

    [unknown] = await takes.order_sink.place(
        [sale_of("UC-X", told([["NO-SUCH", 1, 100]]))], second_try=False
    )
    [elsewhere] = await takes.order_sink.place(
        [sale_of("UC-Y", told(LINES, "till"))], second_try=False
    )

    assert unknown.error == "the shop has no variant NO-SUCH in that channel"
    assert elsewhere.error == "its channel is none of options.channels"
    assert [it["payments"] for it in seen(vendure, "UC-X")] in ([None], [[]])
    assert seen(vendure, "UC-Y") == []


async def test_only_the_desk_names_numbers_and_prices(vendure: RunningVendure, takes: Backend):
    """No shopper sets the price of a line or numbers an order, and who enters orders for the shop
    without the desk's permission is turned away with its header, and enters nothing (G6)."""
    shopper = vendure.shopper()
    whole = shopper.api.whole(
        "mutation($v: ID!) { addItemToOrder(productVariantId: $v, quantity: 1,"
        " customFields: {gatewayPrice: 1}) { __typename } }",
        {"v": variant_id(vendure.admin(), SCENT)},
    )
    assert "customFields" in whole["errors"][0]["message"]
    put = shopper.api.whole(
        "mutation($v: ID!) { addItemToOrder(productVariantId: $v, quantity: 1)"
        " { ... on Order { code } } }",
        {"v": variant_id(vendure.admin(), SCENT)},
        x_gateway_reference="UC-SHOPPER",
    )
    assert put["data"]["addItemToOrder"]["code"] != "UC-SHOPPER"
    clerk, before = clerk_of(vendure), all_orders(vendure)

    drafts = [
        clerk.whole(DRAFT, x_gateway_reference="UC-CLERK"),
        clerk.whole(DRAFT),
    ]

    assert drafts[0]["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert seen(vendure, "UC-CLERK") == []
    assert drafts[1]["data"]["createDraftOrder"]["code"]
    assert all_orders(vendure) == before + 1
    draft = drafts[1]["data"]["createDraftOrder"]["id"]
    item = {"productVariantId": variant_id(vendure.admin(), SCENT), "quantity": 1}
    named = {"customFields": {"gatewayPrice": 1}}
    with pytest.raises(ApiRefused, match="ORDER_INTERCEPTOR_ERROR"):
        clerk.ask(ADD_ITEM, order=draft, item=item | named)
    [line] = clerk.ask(ADD_ITEM, order=draft, item=item)["lines"]
    assert line["unitPriceWithTax"] > 1
    changed = {"orderLineId": line["id"], "quantity": 1}
    with pytest.raises(ApiRefused, match="ORDER_INTERCEPTOR_ERROR"):
        clerk.ask(ADJUST, order=draft, line=changed | named)
    assert [line["unitPriceWithTax"]] == [
        it["unitPriceWithTax"] for it in clerk.ask(ADJUST, order=draft, line=changed)["lines"]
    ]
    probe = await takes.health.probe()
    assert probe.good, probe.detail


async def test_an_order_of_the_shop_that_shrinks_is_told_smaller(
    vendure: RunningVendure, takes: Backend
):
    """One unit of three is called off and paid back in the shop: the order has two, and the refund
    is a step of its history (O5, O6)."""
    admin = vendure.admin()
    shopper = vendure.shopper()
    shopper.takes(variant_id(admin, "BT0103-01"), 3)
    shopper.says_who("Ruoxi", "Wu", "less@example.com", "136 0013 9991")
    placed = shopper.pays("pickup")
    first, cursor = await orders(takes)
    [line] = placed["lines"]
    cancel = {
        "orderId": placed["id"],
        "lines": [{"orderLineId": line["id"], "quantity": 1}],
        "reason": "one too many",
        "cancelShipping": False,
    }
    admin.made("cancelOrder", cancel, "... on Order { id }")

    second, _ = await orders(takes, cursor)

    assert [it.quantity for it in first[placed["code"]].lines] == [3]
    assert [it.quantity for it in second[placed["code"]].lines] == [2]
    assert second[placed["code"]].status is OrderStatus.CONFIRMED
    before = first[placed["code"]].external[0].observed_at
    assert second[placed["code"]].external[0].observed_at > before
