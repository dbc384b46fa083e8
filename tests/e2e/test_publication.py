"""What a till sells is off the marketplaces within seconds, at default settings (S5)."""

import asyncio
import time
from pathlib import Path

from connectors.sandbox.marketplaces import SandboxMarketplace
from connectors.sandbox.tills import SandboxTills
from tests.e2e.child import Child, demo

SKU = "BT-0001-30ML"
WITHIN_SECONDS = 5.0
START_SECONDS = 60.0
SHOPS = ("ST-01", "ST-03")
"""Each has two, of which one is kept for people in the shop."""
OPEN = "{ backends { code pendingPublications failedPublications } }"
PROMISED = """query ($sku: String!) {
  availability(skus: [$sku], channel: "marketplace-a") { availableToPromise }
}"""


async def at_rest(child: Child) -> None:
    """Waits until every listing of the first walk has been told."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        counts = child.ask(OPEN, "operator")["data"]["backends"]
        told = await asyncio.to_thread(child.ask, PROMISED, sku=SKU)
        assert {it["failedPublications"] for it in counts} == {0}
        if not any(it["pendingPublications"] for it in counts) and told["data"]:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the first walk never ended")


async def test_a_till_sells_and_the_marketplace_offers_one_less_within_five_seconds(
    tmp_path: Path,
) -> None:
    with demo(tmp_path / "data") as child:
        market = SandboxMarketplace(tmp_path / "data", "a")
        tills = SandboxTills(tmp_path / "data")
        listing = next(id for id, sku in (await market.stands_for()).items() if sku == SKU)

        async def becomes(number: int, seconds: float) -> float:
            began = time.monotonic()
            while (await market.published([listing]))[listing] != number:
                waited = time.monotonic() - began
                assert waited < seconds, f"not lowered within {waited:.1f} s"
                await asyncio.sleep(0.02)
            return time.monotonic() - began

        [answer] = child.ask(PROMISED, sku=SKU)["data"]["availability"]
        number = int(answer["availableToPromise"])
        await becomes(number, START_SECONDS)
        await at_rest(child)
        for sold, shop in enumerate(SHOPS, start=1):
            await tills.sell(shop, SKU, 1)
            await becomes(number - sold, WITHIN_SECONDS)

        await market.order({listing: 1})
        await asyncio.sleep(WITHIN_SECONDS)
        assert (await market.published([listing]))[listing] == number - len(SHOPS) - 1
        [answer] = child.ask(PROMISED, sku=SKU)["data"]["availability"]
        assert answer["availableToPromise"] == number - len(SHOPS) - 1
        market.close()
        tills.close()
