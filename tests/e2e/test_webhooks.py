"""A message that was answered 200 outlives the process that is killed before it worked it off."""

import hmac
import signal
import time
from pathlib import Path

import httpx2

from connectors.sandbox.couriers import secret_of
from tests.e2e.child import START_SECONDS, started

COUNT = 40
PARKED = "{ backends { code parkedIn } }"


def test_nothing_that_was_acknowledged_is_lost_with_its_process(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with started(data) as child:
        child.wait_until_open()
        secret = secret_of(data)
        answers = []
        with httpx2.Client() as client:
            for at in range(COUNT):
                body = f'{{"order": "{at}"}}'.encode()
                headers = {
                    "x-sandbox-signature": f"{hmac.digest(secret, body, 'sha256').hex()}",
                    "x-sandbox-topic": "carts/update",  # nobody knows it, so it is parked
                }
                url = f"{child.address}/webhooks/marketplace-a"
                answers.append(client.post(url, content=body, headers=headers).status_code)
        child.process.send_signal(signal.SIGKILL)
        child.process.wait()
        log = child.log()

    with started(data) as child:
        child.wait_until_open()
        until = time.monotonic() + START_SECONDS
        parked = 0
        while parked < COUNT and time.monotonic() < until:
            time.sleep(0.1)
            backends = child.ask(PARKED, "operator")["data"]["backends"]
            parked = {it["code"]: it["parkedIn"] for it in backends}["marketplace-a"]

    assert answers == [200] * COUNT
    assert parked == COUNT
    assert secret.decode() not in log
