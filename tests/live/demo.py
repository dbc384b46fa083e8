"""Serves the gateway on a real ERP of its own, until stopped: the work of ``make demo-live``.

    python -m tests.live.demo [--port PORT] [--data DIR]

The ERP is installed and seeded on the first run. Its database and the gateway's store stay in DIR.
"""

import argparse
import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.live.processes import SystemFailed
from tests.live.tryton.house import RunningTryton, TrytonHouse

CONFIG = Path(__file__).parents[2] / "examples" / "tryton.toml"
STOP_SECONDS = 20
ROLES = (
    ("guest", ()),
    ("shopper", ("--member", "M-1")),
    ("partner", ("--channel", "mini-program")),
    ("associate", ("--location", "SH01", "--associate", "A-1")),
    ("manager", ("--location", "SH01")),
    ("operator", ()),
    ("admin", ()),
)


def gateway() -> str:
    """The command of the environment that runs this."""
    return str(Path(sys.executable).with_name("gateway"))


def environment(erp: RunningTryton) -> dict[str, str]:
    """What a gateway needs to know of a running ERP, beside the file of settings."""
    return {
        **os.environ,
        "GATEWAY_BACKENDS_ERP_URL": erp.url,
        "TRYTON_GATEWAY_PASSWORD": erp.house.password("gateway"),
    }


def ready(port: int, serving: "subprocess.Popen[bytes]", ended: threading.Event) -> bool:
    """Waits until the gateway has read the ERP for the first time."""
    while not ended.wait(0.2):
        if serving.poll() is not None:
            return False
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return True
    return False


def question(port: int) -> str:
    """A query to paste, of a SKU that this ERP has."""
    asked = '{ availability(skus: [\\"BT0101-01\\"], channel: \\"mini-program\\")'
    asked += " { sku availableToPromise explain { kind quantity locationCode } } }"
    head = f"curl -s http://127.0.0.1:{port}/graphql -H 'Content-Type: application/json'"
    return f'{head} -d \'{{"query": "{asked}"}}\''


def serve(port: int, data: Path) -> int:
    """Runs both until one ends or somebody ends them."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with TrytonHouse.ready().start(data / "erp") as erp:
        command = [gateway(), "serve", "--config", str(CONFIG), "--data", str(data)]
        serving = subprocess.Popen([*command, "--port", str(port)], env=environment(erp))
        try:
            if not ready(port, serving, ended):
                return 1
            print(f"ERP         {erp.url}/{erp.database}/ (passwords in {erp.house.password_file})")
            print(f"GraphQL     http://127.0.0.1:{port}/graphql")
            print(f"GraphiQL    http://127.0.0.1:{port}/graphiql")
            print(f"ready?      http://127.0.0.1:{port}/health/ready")
            for role, options in ROLES:
                token = [gateway(), "token", "--data", str(data), "--role", role, *options]
                made = subprocess.run(token, check=True, capture_output=True, text=True)
                print(f"{role:<11} {made.stdout.strip()}", flush=True)
            print(f"\nWhat can be promised of one SKU:\n\n  {question(port)}\n\nStop with Ctrl-C.")
            sys.stdout.flush()
            while not ended.wait(1):
                if serving.poll() is not None or not erp.alive:
                    return 1
        finally:
            serving.terminate()
            try:
                serving.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                serving.kill()
    return 0


def main() -> int:
    """Reads the options, and says in one line what went wrong."""
    parser = argparse.ArgumentParser(description="The gateway on a real ERP of its own.")
    parser.add_argument("--port", type=int, default=8000, help="on 127.0.0.1 (default: 8000)")
    parser.add_argument("--data", type=Path, default=Path("var/live"), help="where state is kept")
    options = parser.parse_args()
    try:
        options.data.mkdir(parents=True, exist_ok=True)
        return serve(options.port, options.data.resolve())
    except SystemFailed as failure:
        print(failure, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
