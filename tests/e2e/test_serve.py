"""``gateway serve`` and ``gateway sync``: what an operator does with a file of settings."""

import signal
import socket
from pathlib import Path

import httpx2
import pytest

from connectors.sandbox.erp import SandboxErp
from connectors.sandbox.knobs import Fault, Knobs
from tests.e2e.child import Child, finished, started

SETTINGS = """
[retailer]
name = "Chain"

[server]
shutdown_seconds = 1

[[channels]]
code = "web"
name = "Web"
kind = "ONLINE"

[[backends]]
code = "erp"
vendor = "sandbox-erp"
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "shop.toml"
    path.write_text(SETTINGS)
    return str(path)


def test_a_backend_is_read_whole_by_hand_and_served_afterwards(tmp_path: Path, config: str) -> None:
    data = tmp_path / "data"

    read = finished("sync", "erp", "--config", config, "--data", str(data))

    assert (read.returncode, read.stdout) == (0, "erp was read whole\n")
    with started(data, "serve", "--config", config) as child:
        child.read_until("\n")
        ready = httpx2.get(f"{child.address}/health/ready")
        asked = child.ask('{ variant(by: {sku: "BT-0001-30ML"}) { sku } channels { code } }')
        assert child.stop(signal.SIGTERM) == 0
    assert child.text.startswith("Serving Chain at http://127.0.0.1:")
    assert ready.json() == {"ready": True, "missing": []}
    assert asked == {"data": {"variant": {"sku": "BT-0001-30ML"}, "channels": [{"code": "web"}]}}


async def test_a_backend_that_cannot_be_read_is_told_and_ends_with_1(
    tmp_path: Path, config: str
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    erp = SandboxErp(data)
    await erp.set_knobs(Knobs(fail=Fault.REFUSE))
    erp.close()

    read = finished("sync", "erp", "--config", config, "--data", str(data))

    assert (read.returncode, read.stdout) == (1, "")
    last = read.stderr.splitlines()[-1]
    assert last == "gateway: erp was not read whole: erp lets nobody in"


def test_a_token_of_the_command_is_trusted_by_the_server(tmp_path: Path, config: str) -> None:
    data = tmp_path / "data"
    with started(data, "serve", "--config", config) as child:
        child.read_until("\n")
        made = finished("token", "--role", "operator", "--data", str(data))
        headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
        body = {"query": "{ backends { code } }"}

        answer = httpx2.post(f"{child.address}/graphql", json=body, headers=headers)

    assert answer.json() == {"data": {"backends": [{"code": "erp"}]}}


def test_a_request_head_without_end_is_hung_up_on(tmp_path: Path, config: str) -> None:
    with started(tmp_path / "data", "serve", "--config", config) as child:
        child.read_until("\n")
        with connection(child) as client:
            client.sendall(b"GET /health/live HTTP/1.1\r\nX-Endless: ")

            with pytest.raises(OSError, match=r"reset|pipe"):
                client.sendall(b"a" * 64_000_000)


def connection(child: Child) -> socket.socket:
    host, _, port = child.address.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=10)
