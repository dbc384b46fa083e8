"""Journeys of a shopper and a developer through ``gateway demo``, over a real network."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from connectors.sandbox.erp import SandboxErp
from connectors.sandbox.knobs import Fault, Knobs
from tests.e2e.child import PROTOCOL, Child, demo, started

SKU = "BT-0001-30ML"
AVAILABLE = """query ($sku: String!) {
  availability(skus: [$sku], channel: "mini-program") { availableToPromise }
}"""
HOLD = """mutation ($key: String!, $sku: String!, $quantity: Int!) {
  reserveStock(input: {
    idempotencyKey: $key, channel: "mini-program", lines: [{sku: $sku, quantity: $quantity}]
  }) {
    reservation { id status }
    replayed
    userErrors { code }
  }
}"""
RELEASE = """mutation ($key: String!, $id: ID!) {
  releaseReservation(input: {idempotencyKey: $key, reservationId: $id}) {
    reservation { status }
    userErrors { code }
  }
}"""
WATCH = "subscription ($id: ID!) { reservationChanged(id: $id) { id status } }"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with demo(tmp_path_factory.mktemp("demo") / "data") as child:
        yield child


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Child, Child]]:
    """Two processes on one data directory, started at the same moment."""
    data = tmp_path_factory.mktemp("pair") / "data"
    with started(data) as one, started(data) as other:
        one.wait_until_open()
        other.wait_until_open()
        yield one, other


def available(child: Child, sku: str = SKU) -> int:
    [answer] = child.ask(AVAILABLE, sku=sku)["data"]["availability"]
    return int(answer["availableToPromise"])


def test_what_the_welcome_prints_can_be_pasted(shop: Child) -> None:
    query, mutation = shop.commands()
    before = available(shop)

    asked = shop.paste(query).json()["data"]["variant"]
    held = shop.paste(mutation).json()["data"]["reserveStock"]
    again = shop.paste(mutation).json()["data"]["reserveStock"]

    assert (asked["sku"], asked["availability"]["availableToPromise"]) == (SKU, before)
    assert asked["price"]["currencyCode"] == "CNY"
    assert held["reservation"]["status"] == "HELD"
    assert (held["replayed"], again["replayed"]) == (False, True)
    assert again["reservation"] == held["reservation"]
    assert available(shop) == before - 1


@pytest.mark.parametrize(
    "role", ["guest", "shopper", "associate", "manager", "partner", "operator", "admin"]
)
def test_every_role_has_a_token_that_is_trusted(shop: Child, role: str) -> None:
    assert shop.ask("{ channels { code } }", role)["data"]["channels"]


def test_nobody_and_a_bad_token_change_nothing(shop: Child) -> None:
    before = available(shop)
    body = {"query": HOLD, "variables": {"key": "nobody", "sku": SKU, "quantity": 1}}

    nobody = httpx2.post(f"{shop.address}/graphql", json=body)
    forged = httpx2.post(
        f"{shop.address}/graphql", json=body, headers={"Authorization": "Bearer nonsense"}
    )
    guest = shop.ask(HOLD, "guest", key="guest", sku=SKU, quantity=1)

    assert nobody.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert forged.status_code == 401
    assert forged.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert guest["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert available(shop) == before


def test_a_developer_finds_the_page_the_health_and_the_metrics(shop: Child) -> None:
    with httpx2.Client(base_url=shop.address, follow_redirects=True) as client:
        page = client.get("/")
        live = client.get("/health/live")
        ready = client.get("/health/ready")
        metrics = client.get("/metrics")

    assert str(page.url) == f"{shop.address}/graphiql"
    assert (live.status_code, ready.status_code) == (200, 200)
    assert ready.json() == {"ready": True, "missing": []}
    assert "gateway_operations_total" in metrics.text


async def test_a_page_of_another_host_is_refused_at_the_handshake(shop: Child) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        await connect(
            shop.address.replace("http", "ws") + "/graphql",
            subprotocols=[PROTOCOL],
            origin=Origin("https://evil.test"),
        )

    assert refusal.value.response.status_code == 403


async def test_a_frame_that_is_too_long_ends_the_connection(shop: Child) -> None:
    async with shop.socket() as socket:
        await socket.send(" " * 1_048_577)

        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_it_is_ready_when_its_backends_have_been_read(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    erp = SandboxErp(data)
    await erp.set_knobs(Knobs(fail=Fault.UNAVAILABLE))
    with started(data) as child:
        child.read_until("Opening")
        before = httpx2.get(f"{child.address}/health/ready")

        await erp.set_knobs(Knobs())
        child.wait_until_open()
        after = httpx2.get(f"{child.address}/health/ready")
    erp.close()

    assert (before.status_code, before.json()["ready"]) == (503, False)
    assert {told.split(" not read yet")[0] for told in before.json()["missing"]} >= {
        "erp: catalog",
        "erp: locations",
    }
    assert (after.status_code, after.json()) == (200, {"ready": True, "missing": []})


async def test_sixty_buyers_at_two_gateways_get_the_last_ten_units_once(
    pair: tuple[Child, Child],
) -> None:
    one, other = pair
    everything = available(one)
    set_aside = one.ask(HOLD, "shopper", key="all but ten", sku=SKU, quantity=everything - 10)
    assert set_aside["data"]["reserveStock"]["userErrors"] == []

    async with httpx2.AsyncClient(timeout=30) as client:
        answers = await asyncio.gather(
            *(
                client.post(
                    f"{child.address}/graphql",
                    json={"query": HOLD, "variables": hold},
                    headers=child.token("shopper"),
                )
                for buyer in range(30)
                for child, hold in (
                    (one, {"key": f"one-{buyer}", "sku": SKU, "quantity": 1}),
                    (other, {"key": f"other-{buyer}", "sku": SKU, "quantity": 1}),
                )
            )
        )

    assert Counter(outcome(answer.json()) for answer in answers) == {
        "HELD": 10,
        "INSUFFICIENT_STOCK": 50,
    }
    assert (available(one), available(other)) == (0, 0)


def outcome(body: Any) -> str:
    """The status of what is held, or why nothing is."""
    payload = body["data"]["reserveStock"]
    if payload["reservation"] is not None:
        assert payload["userErrors"] == []
        return str(payload["reservation"]["status"])
    [error] = payload["userErrors"]
    return str(error["code"])


async def test_a_watcher_at_one_gateway_sees_what_happens_at_the_other(
    pair: tuple[Child, Child],
) -> None:
    one, other = pair
    sku = "BT-0002-30ML"
    held = one.ask(HOLD, "shopper", key="watched", sku=sku, quantity=1)
    id = held["data"]["reserveStock"]["reservation"]["id"]

    async with other.socket("shopper") as socket, asyncio.timeout(10):
        payload = {"query": WATCH, "variables": {"id": id}}
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        first = json.loads(await socket.recv())
        released = one.ask(RELEASE, "shopper", key="released", id=id)
        second = json.loads(await socket.recv())

    assert first["payload"]["data"]["reservationChanged"] == {"id": id, "status": "HELD"}
    assert released["data"]["releaseReservation"]["reservation"]["status"] == "RELEASED"
    assert second["payload"]["data"]["reservationChanged"] == {"id": id, "status": "RELEASED"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_stops_with_0_while_clients_are_connected(
    tmp_path: Path, number: signal.Signals
) -> None:
    with demo(tmp_path / "data") as child:
        async with child.socket() as socket, httpx2.AsyncClient() as client:
            kept = await client.get(f"{child.address}/health/live")
            assert kept.status_code == 200

            code = await asyncio.to_thread(child.stop, number)

            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
        assert closed.value.rcvd is not None
        assert (code, closed.value.rcvd.code) == (0, 1001)
        assert "Traceback" not in child.log()


def test_it_logs_json_and_no_token(shop: Child) -> None:
    shop.ask("{ channels { code } }", "admin")

    lines = [json.loads(line) for line in shop.log().splitlines()]

    assert any(line.get("path") == "/graphql" for line in lines)
    assert shop.token("admin")["Authorization"].removeprefix("Bearer ") not in shop.log()
