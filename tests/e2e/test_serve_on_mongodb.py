"""``gateway serve`` on MongoDB: two gateways are one house, and the store's own commands (G5)."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.child import Child, finished, started
from tests.mongod import fresh_name

SETTINGS = """
[store]
engine = "mongo"
url = "{url}"
database = "{name}"

[[channels]]
code = "web"
name = "Web"
kind = "ONLINE"
locations = ["WH-01"]

[[backends]]
code = "erp"
vendor = "sandbox-erp"
"""

SKU = "BT-0001-30ML"
HOLD = """mutation ($key: String!) { reserveStock(input: {
  idempotencyKey: $key, channel: "web", lines: [{sku: "BT-0001-30ML", quantity: 2}]
}) { replayed reservation { id status } userErrors { code message } } }"""
RELEASE = """mutation ($key: String!, $id: ID!) {
  releaseReservation(input: {idempotencyKey: $key, reservationId: $id}) { reservation { status } }
}"""
WATCH = "subscription ($id: ID!) { reservationChanged(id: $id) { id status } }"

pytestmark = [pytest.mark.mongo, pytest.mark.timeout(600)]


@pytest.fixture
def config(tmp_path: Path, mongo_url: str) -> str:
    path = tmp_path / "shop.toml"
    path.write_text(SETTINGS.format(url=mongo_url, name=fresh_name()))
    return str(path)


@pytest.fixture
def pair(tmp_path: Path, config: str) -> Iterator[tuple[Child, Child]]:
    """Two gateways of one house, both ready."""
    data = tmp_path / "data"
    with started(data, "serve", "--config", config) as one:
        one.read_until("\n")
        with started(data, "serve", "--config", config) as other:
            other.read_until("\n")
            until_ready(one)
            until_ready(other)
            yield one, other


def until_ready(child: Child) -> None:
    until = time.monotonic() + 180
    while httpx2.get(f"{child.address}/health/ready", timeout=30).status_code != 200:
        assert time.monotonic() < until, child.log()
        time.sleep(0.2)


async def test_two_gateways_on_one_database_are_one_house(
    tmp_path: Path, config: str, pair: tuple[Child, Child]
) -> None:
    one, other = pair
    made = finished("token", "--role", "operator", "--data", str(tmp_path / "data"))
    trusted = {"Authorization": f"Bearer {made.stdout.strip()}"}

    def told(child: Child, query: str, **variables: str) -> Any:
        body = {"query": query, "variables": variables}
        url = f"{child.address}/graphql"
        answer = httpx2.post(url, json=body, headers=trusted, timeout=30).json()
        assert "errors" not in answer, answer
        return answer["data"]

    held = told(one, HOLD, key="hold-1")["reserveStock"]
    again = told(other, HOLD, key="hold-1")["reserveStock"]
    assert (held["replayed"], again["replayed"]) == (False, True)
    id = held["reservation"]["id"]
    assert again["reservation"] == {"id": id, "status": "HELD"}

    async with other.socket(headers=trusted) as socket:
        watch = {"query": WATCH, "variables": {"id": id}}
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": watch}))
        first = json.loads(await socket.recv())
        told(one, RELEASE, key="release-1", id=id)
        second = json.loads(await socket.recv())
    seen = [one["payload"]["data"]["reservationChanged"]["status"] for one in (first, second)]
    assert seen == ["HELD", "RELEASED"]

    checked = finished("store", "check", "--config", config, timeout=120)
    assert (checked.returncode, "is sound" in checked.stdout) == (0, True)


def test_a_pilot_is_brought_over_by_one_command(tmp_path: Path, config: str) -> None:
    pilot = tmp_path / "pilot"
    sqlite = tmp_path / "pilot.toml"
    _, _, rest = SETTINGS.partition('database = "{name}"\n')
    sqlite.write_text(rest)
    read = finished("sync", "erp", "--config", str(sqlite), "--data", str(pilot))
    assert read.returncode == 0, read.stderr

    copied = finished("store", "copy", str(pilot), config, timeout=300)
    checked = finished("store", "check", "--config", config, timeout=120)
    again = finished("store", "copy", str(pilot), config, timeout=120)

    assert (copied.returncode, "rows, all the same" in copied.stdout) == (0, True), copied.stderr
    assert checked.returncode == 0, checked.stdout
    assert (again.returncode, "nothing is left to do" in again.stderr) == (1, True)
