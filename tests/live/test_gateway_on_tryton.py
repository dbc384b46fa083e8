"""The main job on a real ERP: what it says is answered, what is sold arrives there once, and its
tills lower what is promised."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.served import Caller, Served, served, token
from tests.live.tryton.house import RunningTryton, TrytonHouse
from tests.live.tryton.rpc import Sale

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

LEVELS = """
query Levels($after: String) {
  stockLevels(first: 100, after: $after) {
    nodes { variant { sku price(channel: "mini-program") { amount currencyCode } }
            location { code } onHand }
    pageInfo { hasNextPage endCursor } } }
"""
PRODUCTS = """
query Products($after: String) {
  products(first: 100, after: $after) {
    nodes { variants(first: 100) {
      nodes { sku price(channel: "mini-program") { amount currencyCode } } } }
    pageInfo { hasNextPage endCursor } } }
"""
PROMISED = """
query Promised($sku: String!) {
  availability(skus: [$sku], channel: "mini-program") { availableToPromise } }
"""
RESERVE = """
mutation Reserve($key: String!, $sku: String!, $at: String) {
  reserveStock(input: { idempotencyKey: $key, channel: "mini-program", locationCode: $at,
                        lines: [{ sku: $sku, quantity: 1 }], ttlSeconds: 600 }) {
    reservation { id } userErrors { code } } }
"""
PLACE = """
mutation Place($key: String!, $reservation: ID!) {
  placeOrder(input: { idempotencyKey: $key, channel: "mini-program", reservationId: $reservation,
      delivery: { ship: { recipient: "A", phone: "+861", countryCode: "CN", region: "Shanghai",
                          city: "Shanghai", street: "1" } } }) {
    order { id number status total { amount currencyCode } } userErrors { code message } } }
"""
PAY = """
mutation Pay($key: String!, $order: ID!, $amount: Decimal!) {
  recordPayment(input: { idempotencyKey: $key, orderId: $order,
      payment: { method: "WECHAT", amount: { amount: $amount, currencyCode: "CNY" } } }) {
    order { id number status } userErrors { code message } } }
"""
FIRM = "processing"


@pytest.fixture(scope="module")
def erp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTryton]:
    with TrytonHouse.ready().start(tmp_path_factory.mktemp("erp")) as running:
        yield running


def variables(erp: RunningTryton) -> dict[str, str]:
    return {
        "GATEWAY_BACKENDS_ERP_URL": erp.url,
        "TRYTON_GATEWAY_PASSWORD": erp.house.password("gateway"),
    }


@pytest.fixture(scope="module")
def pair(erp: RunningTryton, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Served]]:
    """Two gateway processes on one data directory."""
    with served(tmp_path_factory.mktemp("pair"), variables(erp), 2) as processes:
        for process in processes:
            process.wait_until_ready()
        yield processes


async def walked(caller: Caller, query: str, field: str) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = []
    after = None
    for _ in range(100):
        page = (await caller.ask(query, after=after))[field]
        nodes += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return nodes
    raise AssertionError("a list that never ends")


async def buy(
    shopper: Caller, partner: Caller, sku: str, name: str, at: str | None = None
) -> tuple[str, str | None]:
    """Hold, place, and the partner's word that it was paid: the outcome and the order's number."""
    held = (await shopper.ask(RESERVE, key=f"{name}-hold", sku=sku, at=at))["reserveStock"]
    if held["userErrors"]:
        return held["userErrors"][0]["code"], None
    reservation = held["reservation"]["id"]
    placed = (await shopper.ask(PLACE, key=f"{name}-place", reservation=reservation))["placeOrder"]
    assert placed["userErrors"] == []
    order = placed["order"]
    amount = order["total"]["amount"]
    paid = await partner.ask(PAY, key=f"{name}-pay", order=order["id"], amount=amount)
    assert paid["recordPayment"]["userErrors"] == []
    return paid["recordPayment"]["order"]["status"], order["number"]


async def eventually(erp: RunningTryton, count: int, numbers: set[str], seconds: int) -> list[Sale]:
    """The ERP's sales of some orders, once there are so many."""
    sales: list[Sale] = []
    for _ in range(seconds):
        witness = await asyncio.to_thread(erp.witness)
        found = await asyncio.to_thread(witness.sales, "UC")
        sales = [sale for sale in found if sale["reference"].split("/")[0] in numbers]
        if len([sale for sale in sales if sale["state"] == FIRM]) >= count:
            break
        await asyncio.sleep(1)
    return sales


async def test_every_sku_price_and_quantity_is_the_erps_own(
    erp: RunningTryton, pair: list[Served]
) -> None:
    witness = erp.witness()
    prices = witness.prices()

    async with Caller(pair[0].url, token(pair[0].data, "guest")) as guest:
        products = await walked(guest, PRODUCTS, "products")
        levels = await walked(guest, LEVELS, "stockLevels")

    variants = [variant for product in products for variant in product["variants"]["nodes"]]
    assert len(variants) == len(prices) >= 200
    assert {variant["sku"]: variant["price"]["amount"] for variant in variants} == {
        sku: f"{price:.2f}" for sku, price in prices.items()
    }
    for code in ("CW01", "SH01", "SH02", "BJ01", "GZ01"):
        answered = {
            level["variant"]["sku"]: level["onHand"]
            for level in levels
            if level["location"]["code"] == code and level["onHand"]
        }
        assert answered == witness.on_hand(code)


async def test_sixty_buyers_of_ten_units_over_two_processes_end_in_ten_sales(
    erp: RunningTryton, pair: list[Served]
) -> None:
    sku = "BT0101-01"
    keeper = erp.witness()
    for code in ("CW01", "SH01", "SH02", "BJ01", "GZ01"):
        keeper.count_stock(code, sku, 10 if code == "CW01" else 0)
    shopper = token(pair[0].data, "shopper", "--member", "M-60")
    partner = token(pair[0].data, "partner", "--channel", "mini-program")
    async with (
        Caller(pair[0].url, shopper) as one,
        Caller(pair[1].url, shopper) as other,
        Caller(pair[0].url, partner) as trusted,
        Caller(pair[1].url, partner) as trusted_too,
    ):
        await promised(one, sku, 10)

        outcomes = await asyncio.gather(
            *(
                buy((one, other)[at % 2], (trusted_too, trusted)[at % 2], sku, f"sixty-{at}")
                for at in range(60)
            )
        )

    codes = [code for code, _ in outcomes]
    assert (codes.count("CONFIRMED"), codes.count("INSUFFICIENT_STOCK")) == (10, 50)
    numbers = {number for _, number in outcomes if number is not None}
    sales = await eventually(erp, 10, numbers, 60)
    assert len(sales) == 10
    assert {sale["reference"] for sale in sales} == numbers
    assert {sale["state"] for sale in sales} == {"processing"}
    assert [line["quantity"] for sale in sales for line in sale["lines"]] == [1] * 10


async def promised(caller: Caller, sku: str, units: int, tries: int = 120) -> None:
    """Waits until so many units are promised."""
    for _ in range(tries):
        answer = (await caller.ask(PROMISED, sku=sku))["availability"][0]["availableToPromise"]
        if answer == units:
            return
        await asyncio.sleep(0.25)
    raise AssertionError(f"{answer} of {sku} are promised, not {units}")


async def test_a_till_ticket_lowers_the_promise_within_two_poll_intervals(
    erp: RunningTryton, pair: list[Served]
) -> None:
    sku = "BT0102-01"
    witness = erp.witness()
    witness.count_stock("SH01", sku, 7)
    async with Caller(pair[1].url) as anybody:
        level = await at_location(anybody, sku, "SH01", 7)
        before = level["promised"]

        await asyncio.to_thread(witness.sell_at_till, "SH01", sku, 2)
        posted = asyncio.get_running_loop().time()
        await at_location(anybody, sku, "SH01", 5)
        seen = asyncio.get_running_loop().time()

        await promised(anybody, sku, before - 2)
    assert seen - posted <= 2 * 2.0 + 1.5  # two polls of two seconds, and the reading itself


async def at_location(caller: Caller, sku: str, code: str, on_hand: int) -> dict[str, Any]:
    """Waits until so many units are on hand at a location."""
    query = """query At($sku: String!, $code: String!) {
      stockLevels(first: 1, filter: { sku: [$sku], locationCode: [$code] }) { nodes { onHand } }
      availability(skus: [$sku], channel: "mini-program") { availableToPromise } }"""
    for _ in range(200):
        answer = await caller.ask(query, sku=sku, code=code)
        [level] = answer["stockLevels"]["nodes"]
        if level["onHand"] == on_hand:
            return {"promised": answer["availability"][0]["availableToPromise"]}
        await asyncio.sleep(0.1)
    raise AssertionError(f"{level} of {sku} at {code}, not {on_hand}")


async def test_orders_accepted_while_the_erp_is_killed_are_there_once_after_its_return(
    erp: RunningTryton, pair: list[Served]
) -> None:
    sku = "BT0103-01"
    erp.witness().count_stock("CW01", sku, 100)
    shopper = token(pair[0].data, "shopper", "--member", "M-40")
    partner = token(pair[0].data, "partner", "--channel", "mini-program")
    async with Caller(pair[0].url, shopper) as one, Caller(pair[0].url, partner) as trusted:
        await at_location(one, sku, "CW01", 100)

        async def buyer(at: int) -> tuple[str, str | None]:
            await asyncio.sleep(at * 0.1)
            return await buy(one, trusted, sku, f"forty-{at}")

        buyers = [asyncio.create_task(buyer(at)) for at in range(40)]
        await asyncio.sleep(2)
        erp.kill()
        outcomes = await asyncio.gather(*buyers)
    await asyncio.sleep(1)
    await asyncio.to_thread(erp.start_again)

    assert [code for code, _ in outcomes] == ["CONFIRMED"] * 40
    numbers = {number for _, number in outcomes if number is not None}
    assert len(numbers) == 40
    sales = await eventually(erp, 40, numbers, 240)
    assert sorted(sale["reference"] for sale in sales) == sorted(numbers)
    assert {sale["state"] for sale in sales} == {FIRM}


def test_a_gateway_starts_without_its_erp_says_so_and_catches_up(tmp_path: Path) -> None:
    with TrytonHouse.ready().start(tmp_path / "erp") as erp:
        erp.stop()
        with served(tmp_path / "data", variables(erp)) as [gateway]:
            gateway.wait_until_it_answers()
            early = gateway.get("/health/ready")

            erp.start_again()
            gateway.wait_until_ready()

    assert early.status_code == 503
    assert any(text.startswith("erp: ") for text in early.json()["missing"])
