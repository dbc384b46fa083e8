"""Messages of backends over HTTP: proven, kept once, acknowledged, and never seen in a log.

No worker runs here; what happens to a kept message stands in ``test_inbox.py``.
"""

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from connectors.receiving import SignedReceiver
from connectors.sandbox import chain
from connectors.webhooks import Endpoint
from gateway.bootstrap import Runtime, assemble
from gateway.settings import Settings, Storage
from gateway.telemetry import Metrics
from gateway.webhooks import PATHS, Webhooks
from resolvers.backend_ports import Backend, Capabilities, Idempotency, Probe
from resolvers.domain.errors import BackendUnavailable
from resolvers.domain.inbox import BODY_BYTES_MAX, Hint, Message
from resolvers.intake import Intake
from tests.gateway.house import NOON, House, house_of

SECRET, OLD = b"the new secret", b"the old secret"
TOKEN = b"t0ken-in-the-path"
BODY = b'{"id":820982911946154508}'


class Desk:
    async def probe(self) -> Probe:
        return Probe(good=True, detail="it is there")


def backend(code: str, scheme: str, *secrets: bytes) -> Backend:
    def hints(_: Message) -> Sequence[Hint]:
        return [Hint("health")]

    capabilities = Capabilities((), Idempotency.NONE, webhooks=scheme)
    receiver = SignedReceiver(scheme, Endpoint(secrets), hints)
    return Backend(code, "any", capabilities, Desk(), events=receiver)


@dataclass
class Street:
    """A gateway that three systems send to, and its clock; a fourth sends nothing."""

    house: House
    times: list[datetime] = field(default_factory=lambda: [NOON])

    @property
    def runtime(self) -> Runtime:
        return self.house.runtime

    async def send(self, path: str, body: Any = BODY, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.house.client() as client:
            return await client.post(path, content=body, headers=named)

    async def kept(self, code: str) -> list[Message]:
        return list(await self.runtime.store.inbox.due_messages(code, self.times[-1], 100))


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    times = [NOON]
    systems = [
        backend("shop", "shopify", SECRET, OLD),
        backend("crm", "bottlecrm", SECRET),
        backend("till", "path-token", TOKEN),
        Backend("quiet", "any", Capabilities((), Idempotency.NONE), Desk()),
    ]
    settings = Settings(store=Storage("memory"))
    runtime = assemble(settings, tmp_path, systems, chain.CHANNELS, lambda: times[-1])
    yield Street(house_of(runtime), times)
    await runtime.close()


def of_shop(body: bytes = BODY, secret: bytes = SECRET) -> str:
    return base64.b64encode(hmac.digest(secret, body, "sha256")).decode()


def of_crm(at: datetime) -> str:
    told = str(int(at.timestamp()))
    signed = told.encode() + b"." + BODY
    return f"t={told},v1={hmac.digest(SECRET, signed, 'sha256').hex()}"


@pytest.mark.parametrize("secret", [SECRET, OLD])
async def test_what_a_live_secret_has_signed_is_kept_and_acknowledged(street, secret):
    answer = await street.send(
        "/webhooks/shop",
        x_shopify_hmac_sha256=of_shop(secret=secret),
        x_shopify_webhook_id="b54557e4",
        x_shopify_topic="orders/create",
        content_type="text/anything",
    )

    assert (answer.status_code, answer.content) == (200, b"{}")
    [message] = await street.kept("shop")
    assert (message.dedupe_key, message.body, message.received_at) == ("b54557e4", BODY, NOON)
    assert message.headers == (("x-shopify-topic", "orders/create"),)


async def test_the_same_message_twice_is_acknowledged_twice_and_kept_once(street):
    signed = {"x_shopify_hmac_sha256": of_shop(), "x_shopify_webhook_id": "b54557e4"}

    answers = await asyncio.gather(*(street.send("/webhooks/shop", **signed) for _ in range(5)))

    assert [answer.status_code for answer in answers] == [200] * 5
    assert len(await street.kept("shop")) == 1


async def test_whoever_proves_nothing_learns_nothing(street):
    stranger = await street.send("/webhooks/nobody", x_shopify_hmac_sha256=of_shop())
    forged = await street.send("/webhooks/shop", x_shopify_hmac_sha256=of_shop(secret=b"guess"))
    silent = await street.send("/webhooks/quiet", x_shopify_hmac_sha256=of_shop())
    bare = await street.send("/webhooks/till")

    answers = [stranger, forged, silent, bare]
    assert [(it.status_code, it.content) for it in answers] == [(401, b"")] * 4
    assert len({str(_without_id(it.headers)) for it in answers}) == 1
    assert [await street.kept(code) for code in ("shop", "till")] == [[], []]


def _without_id(headers: httpx2.Headers) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "x-request-id"}


@pytest.mark.parametrize(("minutes", "status"), [(4, 200), (6, 401), (-6, 401)])
async def test_a_signed_time_is_good_for_five_minutes(street, minutes, status):
    street.times.append(NOON + timedelta(minutes=minutes))

    answer = await street.send("/webhooks/crm", x_bottlecrm_signature=of_crm(NOON))

    assert answer.status_code == status
    assert len(await street.kept("crm")) == (status == 200)


async def test_a_message_is_sent_by_post(street):
    async with street.house.client() as client:
        answer = await client.get("/webhooks/shop")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("declared", [True, False])
async def test_a_message_that_is_too_long_is_refused(street, *, declared):
    long = b"x" * (BODY_BYTES_MAX + 1)

    async def pieces() -> AsyncIterator[bytes]:
        yield long

    answer = await street.send("/webhooks/shop", long if declared else pieces())

    assert (answer.status_code, answer.headers["connection"]) == (413, "close")


async def test_a_message_of_just_the_most_is_kept(street):
    long = b"x" * BODY_BYTES_MAX

    answer = await street.send("/webhooks/shop", long, x_shopify_hmac_sha256=of_shop(long))

    assert answer.status_code == 200


def door(runtime: Runtime, **limits: Any) -> Starlette:
    """The endpoint alone, with limits of its own."""
    webhooks = Webhooks(runtime, Metrics(lambda: 0), **limits)
    return Starlette(routes=[Route(path, webhooks) for path in PATHS])


async def test_a_body_that_does_not_come_is_not_waited_for(street):
    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    app = door(street.runtime, body_seconds=0.05)
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        answer = await client.post("/webhooks/shop", content=never())

    assert (answer.status_code, answer.headers["connection"]) == (408, "close")


async def test_beyond_the_room_there_is_senders_come_again(street):
    app = door(street.runtime, in_hand_max=len(BODY) - 1)
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        answer = await client.post("/webhooks/shop", content=BODY)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


class Store:
    """An inbox that writes when it is let, and notes how many messages each write had."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.writes: list[int] = []
        self.error: Exception | None = None

    async def keep(self, messages: Sequence[Message]) -> int:
        await self.let.wait()
        self.writes.append(len(messages))
        if self.error is not None:
            raise self.error
        return len(messages)


def message(at: int) -> Message:
    return Message(str(at), "shop", str(at), NOON, b"{}")


async def test_messages_that_come_meanwhile_share_the_next_write():
    store = Store()
    intake = Intake(store)  # type: ignore[arg-type]  # the one part of it that is asked
    kept = [asyncio.ensure_future(intake.keep(message(at))) for at in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    kept += [asyncio.ensure_future(intake.keep(message(at))) for at in range(3, 600)]
    await asyncio.sleep(0)
    assert not any(it.done() for it in kept)

    store.let.set()
    await asyncio.gather(*kept)

    assert store.writes == [3, 500, 97]
    assert intake.bell("shop").is_set()


@pytest.mark.parametrize(("error", "waiting_max"), [("the disk is full", 9), ("", 0)])
async def test_what_is_not_kept_is_not_acknowledged(street, error, waiting_max):
    store = Store()
    store.let.set()
    store.error = BackendUnavailable(error)
    intake = Intake(store, waiting_max=waiting_max)  # type: ignore[arg-type]  # as above
    app = door(replace(street.runtime, intake=intake))
    signed = {"x-shopify-hmac-sha256": of_shop()}

    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        answer = await client.post("/webhooks/shop", content=BODY, headers=signed)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_no_secret_token_or_body_reaches_a_log(street, caplog):
    path = f"/webhooks/till/{TOKEN.decode()}"
    signature = of_shop()
    taken = await street.send(path)
    await street.send("/webhooks/shop", x_shopify_hmac_sha256=signature)
    await street.send(f"/webhooks/tlil/{TOKEN.decode()}", x_shopify_hmac_sha256=signature)
    await street.send(f"/gw{path}")
    async with street.house.client() as client:
        await client.get(path)

    lines = list(street.house.lines)
    assert taken.status_code == 200
    assert [(it["path"], it["status"], it.get("backend")) for it in lines] == [
        ("/webhooks", 200, "till"),
        ("/webhooks", 200, "shop"),
        ("/webhooks", 401, "unknown"),
        ("(another)", 404, None),
        ("/webhooks", 405, "till"),
    ]
    assert all(it["request_id"] for it in lines)
    told = json.dumps(lines, default=str) + caplog.text + repr(await street.kept("till"))
    for secret in (TOKEN.decode(), signature, "8209829119", SECRET.decode()):
        assert secret not in told


async def test_a_process_counts_what_came_in(street):
    await street.send("/webhooks/shop", x_shopify_hmac_sha256=of_shop())
    await street.send("/webhooks/" + "x" * 50)

    metrics = street.house.desk.telemetry.metrics.registry
    found = {
        (backend, result): metrics.get_sample_value(
            "gateway_webhooks_total", {"backend": backend, "result": result}
        )
        for backend, result in (("shop", "kept"), ("unknown", "refused"))
    }
    assert found == {("shop", "kept"): 1.0, ("unknown", "refused"): 1.0}
