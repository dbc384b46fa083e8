"""A gateway at its most talkative, fed with people's data in every place: none of it comes out."""

import asyncio
import json
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from connectors.sandbox.knobs import Fault, Knobs
from connectors.sandbox.tills import SandboxTills
from tests.e2e.child import PROTOCOL, Child, finished, started

SETTINGS = """
[telemetry]
log_level = "debug"

[limits]
introspection = false

[[channels]]
code = "mini-program"
name = "Mini"
kind = "ONLINE"

[[backends]]
code = "erp"
vendor = "sandbox-erp"

[[backends]]
code = "pos"
vendor = "sandbox-pos"
"""
ORDER = """mutation Order($input: PlaceOrderInput!) {
  placeOrder(input: $input) { order { id } userErrors { code message } }
}"""
SEEDS = {
    "phone": "13912345678",
    "spaced": "+86 137 1234 5670",
    "landline": "021-87654321",
    "mail": "seed.person@mail.example",
    "street": "梧桐里七弄九号",
    "person": "欧阳种子",
    "note": "ring-the-green-bell-twice",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzZWVkIn0.c2VlZHNlZWRzZWVk",
    "key": "ucg_live_5eed5eed5eed",
    "password": "correct-horse-seed",
}


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "shop.toml"
    path.write_text(SETTINGS)
    return str(path)


def order(**other: Any) -> dict[str, Any]:
    address = {
        "recipient": SEEDS["person"],
        "phone": SEEDS["phone"],
        "countryCode": "CN",
        "region": "上海",
        "city": "上海",
        "street": SEEDS["street"],
    }
    return {
        "idempotencyKey": "seeded",
        "channel": "mini-program",
        "lines": [{"sku": "BT-0001-30ML", "quantity": 1}],
        "delivery": {"ship": address},
        **other,
    }


def bodies() -> Iterator[bytes]:
    """Requests that say something of a person: right, wrong, and not requests at all."""
    wrong = order(lines=[{"sku": SEEDS["mail"], "quantity": SEEDS["phone"]}])
    asked = [
        {"query": ORDER, "variables": {"input": order()}, "operationName": "Order"},
        {"query": ORDER, "variables": {"input": wrong}},
        {"query": ORDER, "variables": {"input": order(delivery=SEEDS["street"])}},
        {"query": ORDER, "variables": {"input": SEEDS["person"]}, "operationName": SEEDS["phone"]},
        {"query": ORDER, "variables": SEEDS["note"]},
        {"query": ORDER, "variables": {"input": {**order(), SEEDS["phone"]: 1}}},
    ]
    for seed in SEEDS.values():
        text = json.dumps(seed)
        asked += [
            {"query": f"{{ variant(by: {{sku: {text}}}) {{ sku }} }}"},
            {"query": f"{{ products(first: {text}) {{ nodes {{ id }} }} }}"},
            {"query": f"{{ {seed} }}", "operationName": seed},
            {"query": f"query Op_{seed} {{ channels {{ code }} }}"},
            {"query": "{ node(id: $id) { id } }", "variables": {"id": seed, seed: seed}},
            {"query": "{ channels { code } }", "extensions": {"token": seed}},
        ]
    yield from (json.dumps(body).encode() for body in asked)
    yield from (f'{{"query": "{seed}'.encode() for seed in SEEDS.values())
    yield "\n".join(SEEDS.values()).encode()


NAMING = ("x-request-id", "x-client-name", "apollographql-client-name", "x-client-version")
"""Headers that are there to be written down: what no pattern knows would stand in the log."""

WORDS = ("street", "person", "note", "password")


def headers(name: str) -> Iterator[dict[str, str]]:
    """Places in a request's head where a seed may stand."""
    seed = SEEDS[name]
    if seed.isascii():
        yield from ({at: seed} for at in ("authorization", "user-agent", "cookie", "origin"))
        yield from ({"authorization": f"{scheme} {seed}"} for scheme in ("Bearer", "Basic"))
        yield {"traceparent": seed}
        if name not in WORDS:
            yield from ({at: seed} for at in NAMING)


async def fed(child: Child, token: str) -> None:
    """Sends everything everywhere."""
    url = f"{child.address}/graphql"
    known = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    plain = {"content-type": "application/json"}
    async with httpx2.AsyncClient(timeout=30) as client:
        for body in bodies():
            await client.post(url, content=body, headers=known)
            await client.post(url, content=body, headers={**plain, "accept": "text/event-stream"})
        for name, seed in SEEDS.items():
            await client.get(f"{url}/{seed}", params={"token": seed})
            await client.get(url, params={"query": seed, "phone": seed}, headers=plain)
            await client.request("PURGE", f"{child.address}/{seed}")
            for more in headers(name):
                await client.post(url, content=b'{"query": "{ channels { code } }"}', headers=more)
                await client.post(
                    url,
                    content=b'{"query": "{ channels { code } }"}',
                    headers={**plain, **more},
                )
    address = url.replace("http", "ws")
    for seed in SEEDS.values():
        payloads = [{"Authorization": seed}, {"token": seed}, {seed: seed}]
        for payload in [*payloads, {"token": token}]:
            async with connect(address, subprotocols=[PROTOCOL]) as socket:
                with suppress(ConnectionClosed, TimeoutError):
                    await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
                    await asyncio.wait_for(socket.recv(), 5)
                    said = {"query": ORDER, "variables": {"input": order(channel=seed)}}
                    await socket.send(
                        json.dumps({"type": "subscribe", "id": seed, "payload": said})
                    )
                    await asyncio.wait_for(socket.recv(), 5)
                    await socket.send(json.dumps({"type": seed, "payload": seed}))
                    await asyncio.wait_for(socket.recv(), 5)


async def test_nothing_that_a_person_said_comes_out(tmp_path: Path, config: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    tills = SandboxTills(data)
    await tills.set_knobs(Knobs(fail=Fault.UNAVAILABLE))
    tills.close()
    token = finished("token", "--role", "shopper", "--member", "M-SEED-9", "--data", str(data))
    signed = token.stdout.strip()

    with started(data, "serve", "--config", config) as child:
        child.read_until("\n")
        await fed(child, signed)
        async with httpx2.AsyncClient() as other:
            asked = {"query": '{ variant(by: {sku: "x"}) { nonsense } }'}
            refused = (await other.post(f"{child.address}/graphql", json=asked)).text
            counted = (await other.get(f"{child.address}/metrics")).text
        assert child.stop(signal.SIGTERM) == 0
        printed, log = child.text, child.log()

    assert log.count('"event":"http"') > 300
    assert '"event":"operation"' in log
    assert 'gateway_backend_failing{backend="pos",entity="orders"} 1.0' in counted
    for place, text in (
        ("stdout", printed),
        ("log", log),
        ("metrics", counted),
        ("answer", refused),
    ):
        found = {
            name
            for name, seed in {**SEEDS, "token": signed, "member": "M-SEED-9"}.items()
            if seed in text or json.dumps(seed)[1:-1] in text
        }
        assert (place, found) == (place, set())
