"""How a sandbox system sends signed messages, with the bad manners that vendors have, and how such
a message is understood.
"""

import asyncio
import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import httpx2
import msgspec

from connectors.receiving import SignedReceiver, header_of, object_of
from connectors.webhooks import Endpoint
from resolvers.domain.errors import NotUnderstood
from resolvers.domain.inbox import Hint, Message
from resolvers.house import ORDERS

SCHEME = "sandbox"
"""By which row of the table they sign."""

TRIES_MAX = 10
TRY_AGAIN_SECONDS = 0.2
TIMEOUT_SECONDS = 5.0

_TOPIC = "x-sandbox-topic"
_SECRET_FILE = "webhook-secret"  # noqa: S105  # a file's name


@dataclass(frozen=True, slots=True)
class Manners:
    """How a courier behaves. ``doubled``: each message comes twice; ``swapped``: each comes after
    the next one; ``late_seconds``: it dawdles before each.
    """

    doubled: bool = False
    swapped: bool = False
    late_seconds: float = 0.0


class Courier:
    """Carries one system's messages to one address, and goes again while it is not thanked."""

    def __init__(
        self,
        url: str,
        secret: bytes,
        manners: Manners | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = url
        self._secret = secret
        self._manners = manners or Manners()
        self._client = httpx2.AsyncClient(transport=transport, timeout=TIMEOUT_SECONDS)
        self._held: httpx2.Request | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.undelivered = 0
        """Messages that were given up."""

    def tell(self, topic: str, body: Mapping[str, str]) -> None:
        """Sends a message; nobody waits for it."""
        content = msgspec.json.encode(body)
        signed = hmac.digest(self._secret, content, "sha256").hex()
        headers = {
            "content-type": "application/json",
            "x-sandbox-signature": signed,
            "x-sandbox-id": token_hex(8),
            _TOPIC: topic,
        }
        request = self._client.build_request("POST", self._url, content=content, headers=headers)
        if self._manners.swapped and self._held is None:
            self._held = request
            return
        before, self._held = self._held, None
        self._send([it for it in (request, before) if it is not None])

    async def close(self) -> None:
        """Sends what it still holds, and waits until all is delivered or given up."""
        if self._held is not None:
            self._send([self._held])
            self._held = None
        await asyncio.gather(*self._tasks)
        await self._client.aclose()

    def _send(self, requests: Sequence[httpx2.Request]) -> None:
        task = asyncio.create_task(self._deliver(requests), name="courier")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, requests: Sequence[httpx2.Request]) -> None:
        if self._manners.late_seconds:
            await asyncio.sleep(self._manners.late_seconds)
        for request in requests:
            for _ in range(1 + self._manners.doubled):
                self.undelivered += not await self._thanked(request)

    async def _thanked(self, request: httpx2.Request) -> bool:
        for tries in range(TRIES_MAX):
            if tries:
                await asyncio.sleep(TRY_AGAIN_SECONDS)
            try:
                if (await self._client.send(request)).is_success:
                    return True
            except httpx2.TransportError:
                continue
        return False


def understood(message: Message) -> Sequence[Hint]:
    """What a marketplace's message says: that orders have changed."""
    topic = header_of(message, _TOPIC)
    if not topic.startswith("orders/"):
        raise NotUnderstood("its topic is none of those that are known")
    if not isinstance(object_of(message).get("order"), str):
        raise NotUnderstood("it names no order")
    return [Hint(ORDERS)]


def receiver(endpoint: Endpoint) -> SignedReceiver:
    """Takes the messages of a marketplace."""
    return SignedReceiver(SCHEME, endpoint, understood)


def secret_of(data: Path) -> bytes:
    """The secret of the demo's marketplaces, made up on first use; whoever can read it may sign."""
    path = data / "sandbox" / _SECRET_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f"{_SECRET_FILE}.{token_hex(4)}")
    if not path.exists():
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(token_hex(24))
        try:
            os.link(made, path)  # the first of several processes wins
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return path.read_bytes()
