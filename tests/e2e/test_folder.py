"""A shop whose only system is a folder of CSV files, served: goods appear, stock is promised, a
ticket lowers it, and a sale lies there once, whatever is killed (G2, S1, S2, O1, G4).
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.connectors.dropped import PLACES, PRODUCTS, TICKETS
from tests.e2e.child import START_SECONDS, Child, finished, started

WRITTEN_AGO = 5.0

SETTINGS = """
[retailer]
name = "Corner Shop"

[server]
shutdown_seconds = 1

[[channels]]
code = "store"
name = "Store"
kind = "IN_STORE"

[[channels]]
code = "web"
name = "Web"
kind = "ONLINE"

[[backends]]
code = "till"
vendor = "folder"
poll_seconds = 0.1

[backends.options]
path = "{root}"
quiet_seconds = "1"
"""
SHELF = """{ availability(skus: ["DR-S"], channel: "web") { availableToPromise }
  variant(by: {sku: "DR-S"}) { title price(channel: "web") { amount } } }"""
HOUSE = """{ backends { status lastError parkedIn lag { entity seconds } roles capabilities }
  parkedMessages(first: 9) { nodes { backend error } } }"""
SOLD = """{ orders(first: 9) { nodes { number status total { amount }
  backendWrites { status externalId attempts } } } }"""
ORDER = """mutation ($input: PlaceOrderInput!) { placeOrder(input: $input) {
  order { number status } userErrors { code message field } } }"""
REPLAY = """mutation { replayInbox(input: {idempotencyKey: "again"}) { count } }"""


class House:
    """A folder, and the gateway that is served over it."""

    def __init__(self, tmp_path: Path) -> None:
        self.root, self.data = tmp_path / "till", tmp_path / "data"
        self.config = tmp_path / "shop.toml"
        self.config.write_text(SETTINGS.format(root=self.root))
        self.root.mkdir()
        made = finished("token", "--role", "admin", "--data", str(self.data))
        self._headers = {"Authorization": f"Bearer {made.stdout.strip()}"}

    def put(self, name: str, content: str) -> None:
        """As a careful writer does it: under another name first."""
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        half = path.with_suffix(".tmp")
        half.write_text(content, encoding="utf-8")
        then = time.time() - WRITTEN_AGO
        os.utime(half, (then, then))
        half.replace(path)

    def counted(self, units: int, ago: float) -> None:
        self.put("stock-SH01.csv", f"sku,on_hand,as_of\nDR-S,{units},{stamp(ago)}\n")

    def ask(self, child: Child, query: str, **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        answer = httpx2.post(f"{child.address}/graphql", json=body, headers=self._headers).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def promised(self, child: Child) -> int:
        [told] = self.ask(child, SHELF)["availability"]
        return -1 if told is None else int(told["availableToPromise"])

    def sales(self) -> list[str]:
        out = self.root / "orders-out"
        return sorted(it.name for it in out.glob("*.csv")) if out.exists() else []


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    made.put("products.csv", PRODUCTS)
    made.put("locations.csv", PLACES.partition("WH01")[0])
    made.counted(5, ago=60)
    return made


def stamp(ago: float) -> str:
    """So many seconds ago, as a till writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - ago))


def until(told: Callable[[], bool]) -> None:
    end = time.monotonic() + START_SECONDS
    while not told():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def test_a_folder_is_a_shop(house: House) -> None:
    with started(house.data, "serve", "--config", str(house.config)) as child:
        child.read_until("\n")
        until(lambda: house.promised(child) == 5)
        assert house.ask(child, SHELF)["variant"] == {
            "title": "红色连衣裙 S",
            "price": {"amount": "399.00"},
        }

        now = stamp(30)
        house.put(
            "inbox/tickets-1.csv",
            f"{TICKETS.splitlines()[0]}\nT-1,SH01,{now},DR-S,2,399,,\nT-2,SH01,never,DR-S,1,1,,\n",
        )

        until(lambda: house.promised(child) == 3)
        until(lambda: bool(house.ask(child, HOUSE)["parkedMessages"]["nodes"]))
        told = house.ask(child, HOUSE)
        [name] = [it.name for it in (house.root / "done").iterdir()]
        assert told["parkedMessages"]["nodes"] == [
            {
                "backend": "till",
                "error": f"{name}: 1 left out: line 3: time is no time like "
                "2026-03-02T12:00:00+08:00",
            }
        ]
        [seen] = told["backends"]
        assert (seen["status"], seen["lastError"], seen["parkedIn"]) == ("UP", None, 1)
        assert "events" in [lag["entity"] for lag in seen["lag"]]
        assert seen["capabilities"]["pullsEvents"] is True
        [sold] = house.ask(child, SOLD)["orders"]["nodes"]
        assert (sold["status"], sold["total"]["amount"]) == ("FULFILLED", "798.00")

        mended = (house.root / "done" / name).read_text().replace("never", now)
        house.put(f"done/{name}", mended)
        assert house.ask(child, REPLAY)["replayInbox"]["count"] == 1

        until(lambda: len(house.ask(child, SOLD)["orders"]["nodes"]) == 2)
        until(lambda: house.promised(child) == 2)
        until(lambda: house.ask(child, HOUSE)["backends"][0]["parkedIn"] == 0)
        assert child.stop(signal.SIGTERM) == 0


def test_a_sale_lies_there_once_whatever_is_killed(house: House) -> None:
    """The till takes the file away at once; the process dies as it sees it, written down or not."""
    with started(house.data, "serve", "--config", str(house.config)) as child:
        child.read_until("\n")
        until(lambda: house.promised(child) == 5)
        bought = {
            "idempotencyKey": "one",
            "channel": "web",
            "lines": [{"sku": "DR-S", "quantity": 2}],
            "delivery": {"pickup": {"locationCode": "SH01"}},
            "payments": [{"method": "WECHAT", "amount": {"amount": "798", "currencyCode": "CNY"}}],
        }
        placed = house.ask(child, ORDER, input=bought)["placeOrder"]
        assert placed["userErrors"] == []
        end = time.monotonic() + START_SECONDS
        while not house.sales():  # without a pause: the kill falls beside the move
            assert time.monotonic() < end, "no sale was put down"
        child.process.send_signal(signal.SIGKILL)
        child.process.wait()
    number = placed["order"]["number"]
    assert house.sales() == [f"{number}.csv"]
    (house.root / "orders-out" / f"{number}.csv").unlink()

    with started(house.data, "serve", "--config", str(house.config)) as child:
        child.read_until("\n")

        def told() -> bool:
            [sold] = house.ask(child, SOLD)["orders"]["nodes"]
            return [it["status"] for it in sold["backendWrites"]] == ["DONE"]

        until(told)
        [sold] = house.ask(child, SOLD)["orders"]["nodes"]
        assert sold["backendWrites"][0]["externalId"] == f"{number}.csv"
        assert house.sales() == []

        handed = f"T-9,SH01,{{}},DR-S,2,399,,{number}\n"
        house.put("inbox/tickets-9.csv", f"{TICKETS.splitlines()[0]}\n{handed.format(stamp(30))}")
        house.counted(3, ago=10)
        until(lambda: house.ask(child, SOLD)["orders"]["nodes"][0]["status"] == "FULFILLED")
        assert house.promised(child) == 3


def test_doctor_says_what_is_wrong_with_a_folder(house: House) -> None:
    words = ("doctor", "--config", str(house.config), "--data", str(house.data))
    assert "products, locations, 1 files of stock" in shown(finished(*words).stdout)

    (house.root / "products.csv").unlink()

    seen = finished(*words)
    assert seen.returncode == 1
    assert "there is no products.csv" in shown(seen.stdout)


def shown(table: str) -> str:
    """The words of the column that says what was seen."""
    cells = [line.split("│")[4].strip() for line in table.splitlines() if line.count("│") > 4]
    return " ".join(cells)
