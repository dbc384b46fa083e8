"""Serves the gateway on real systems of its own, until stopped: the work of ``make demo-live``.

    python -m tests.live.demo [--port PORT] [--data DIR]

ERP and tills, a webshop and a CRM are installed and seeded on the first run. The ERP's database and
the gateway's store stay in DIR; webshop and CRM begin anew each time.
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
from tests.live.retailer import CONFIG, Retailer, open_retailer
from tests.live.served import command

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
PROMISED = """{ availability(skus: [\\"BT0101-01\\"], channel: \\"web\\")
  { sku availableToPromise explain { kind quantity locationCode } } }"""
STANDING = "{ backends { code status lag { entity seconds } } }"


def ready(port: int, serving: "subprocess.Popen[bytes]", ended: threading.Event) -> bool:
    """Waits until the gateway has read every system for the first time."""
    while not ended.wait(0.2):
        if serving.poll() is not None:
            return False
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return True
    return False


def question(port: int, asked: str, bearer: str = "") -> str:
    """A query to paste."""
    who = f" -H 'Authorization: Bearer {bearer}'" if bearer else ""
    words = " ".join(asked.split())
    head = f"curl -s http://127.0.0.1:{port}/graphql -H 'Content-Type: application/json'{who}"
    return f'{head} -d \'{{"query": "{words}"}}\''


def shown(port: int, data: Path, retailer: Retailer) -> None:
    """Says where everything is, and what to try first."""
    erp, shop, crm = retailer.erp, retailer.shop, retailer.crm
    print(f"ERP, tills  {erp.url}/{erp.database}/ (passwords in {erp.house.password_file})")
    print(f"webshop     {shop.url}/shop-api, /admin-api ({shop.house.home / 'passwords.json'})")
    print(f"CRM         {crm.url}/api/ (tokens in {crm.house.secrets_file})")
    print(f"GraphQL     http://127.0.0.1:{port}/graphql")
    print(f"GraphiQL    http://127.0.0.1:{port}/graphiql")
    print(f"ready?      http://127.0.0.1:{port}/health/ready")
    print(f"log         {data / 'gateway.log'}")
    bearers = {}
    for role, options in ROLES:
        token = [command(), "token", "--data", str(data), "--role", role, *options]
        made = subprocess.run(token, check=True, capture_output=True, text=True)
        bearers[role] = made.stdout.strip()
        print(f"{role:<11} {bearers[role]}")
    print(f"\nWhat the webshop may promise of one SKU:\n\n  {question(port, PROMISED)}")
    print(f"\nHow the three stand:\n\n  {question(port, STANDING, bearers['operator'])}")
    print("\nStop with Ctrl-C.", flush=True)


def serve(port: int, data: Path) -> int:
    """Runs all of them until one ends or somebody ends them."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with open_retailer(data / "systems") as retailer:
        words = [command(), "serve", "--config", str(CONFIG), "--data", str(data)]
        environment = {**os.environ, **retailer.variables()}
        retailer.send_messages_to(port)
        log = data / "gateway.log"
        with log.open("ab") as told:
            serving = subprocess.Popen(
                [*words, "--port", str(port)], env=environment, stdout=told, stderr=told
            )
        print("Reading the three for the first time ...", flush=True)
        try:
            if not ready(port, serving, ended):
                if ended.is_set():
                    return 0
                print(f"the gateway ended before it was ready; see {log}", file=sys.stderr)
                return 1
            shown(port, data, retailer)
            while not ended.wait(1):
                if serving.poll() is not None or not retailer.alive:
                    print(f"one has ended; the logs are in {data}", file=sys.stderr)
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
    parser = argparse.ArgumentParser(description="The gateway on real systems of its own.")
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
