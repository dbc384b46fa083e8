"""What connectors' HTTP makes of each fault, through the proxy that the bad days are made with, and
before a system of one answer (G2, G4).
"""

import contextlib
import gc
import http.server
import socket
import threading
from collections.abc import Iterator

import pytest

from connectors.governor import Governor, GovernorTerms
from connectors.wire import Call, Intent, Patience, Reply, Wire
from resolvers.domain.errors import (
    BackendThrottled,
    BackendTimedOut,
    BackendUnavailable,
    CommerceError,
    UnknownOutcome,
)
from tests.badlands.dialects import BOTTLECRM
from tests.badlands.faults import Fault
from tests.badlands.proxy import Proxy

PATIENCE = Patience(connect=2.0, read=2.0, total=2.0)
ANSWER = b'{"id": "1", "tags": [], "at": "2026-11-28T03:00:00.000Z"}'


class System(http.server.ThreadingHTTPServer):
    """Answers everything alike, and counts what it was asked."""

    asked = 0


class Answering(http.server.BaseHTTPRequestHandler):
    server: System

    def do_POST(self) -> None:
        self.server.asked += 1
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def system() -> Iterator[System]:
    with System(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


@pytest.fixture
def proxy(system: System) -> Iterator[Proxy]:
    with Proxy(int(system.server_address[1]), BOTTLECRM) as between:
        yield between


async def asked(proxy: Proxy, intent: Intent) -> Reply | CommerceError:
    wire = Wire(Governor("crm", GovernorTerms()), proxy.url, PATIENCE)
    try:
        return await wire.send(Call("POST", "/any", intent, content=b"{}"))
    except CommerceError as error:
        return error
    finally:
        await wire.close()


READS = {
    Fault.REFUSED: BackendUnavailable,
    Fault.HANGING: BackendTimedOut,
    Fault.TRICKLE: BackendTimedOut,
    Fault.RESET: BackendUnavailable,
    Fault.ANSWER_LOST: BackendUnavailable,
    Fault.FAILS: BackendUnavailable,
    Fault.THROTTLED: BackendThrottled,
    Fault.THROTTLED_BARE: BackendThrottled,
}
UNDONE = (Fault.REFUSED, Fault.THROTTLED, Fault.THROTTLED_BARE)
"""Faults of which a write is known not to have been done."""


@pytest.mark.parametrize("fault", READS)
async def test_a_read_that_fails_says_how_and_is_answered_when_the_fault_is_over(
    proxy: Proxy, fault: Fault
) -> None:
    proxy.fail(fault)
    failed = await asked(proxy, Intent.READ)
    proxy.fail(None)
    answered = await asked(proxy, Intent.READ)

    assert type(failed) is READS[fault]
    assert isinstance(answered, Reply)
    assert answered.body == ANSWER


@pytest.mark.parametrize("fault", READS)
async def test_a_write_is_called_undone_only_where_that_is_known(
    proxy: Proxy, system: System, fault: Fault
) -> None:
    proxy.fail(fault)

    failed = await asked(proxy, Intent.WRITE)

    assert type(failed) is (READS[fault] if fault in UNDONE else UnknownOutcome)
    assert fault not in UNDONE or system.asked == 0


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault.FIELD_GONE, b'{"id": "1", "at": "2026-11-28T03:00:00.000Z"}'),
        (Fault.CLOCK_AHEAD, b'{"id": "1", "tags": [], "at": "2026-11-28T03:10:00.000Z"}'),
        (Fault.CLOCK_BEHIND, b'{"id": "1", "tags": [], "at": "2026-11-28T02:50:00.000Z"}'),
        (Fault.NOT_JSON, b"<html>under repair</html>"),
    ],
)
async def test_an_answer_is_another_as_the_fault_says(
    proxy: Proxy, fault: Fault, told: bytes
) -> None:
    proxy.fail(fault)

    answered = await asked(proxy, Intent.READ)

    assert isinstance(answered, Reply)
    assert answered.body == told


def test_who_comes_while_the_door_is_shut_is_refused_and_not_forgotten(proxy: Proxy) -> None:
    """A connection that nobody holds any more is a ResourceWarning, and that an error."""
    ended = threading.Event()

    def knock() -> None:
        while not ended.is_set():
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", proxy.port), timeout=5),
            ):
                pass

    callers = [threading.Thread(target=knock) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        for _ in range(100):
            proxy.fail(Fault.REFUSED)
            proxy.fail(None)
    finally:
        ended.set()
        for caller in callers:
            caller.join(10)
    gc.collect()
