"""One HTTP request to an app as raw parts, without a client that would mend it first."""

import asyncio
import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

Headers = Sequence[tuple[str, str]]

POSTED: Headers = (("content-type", "application/json"),)


@dataclass(frozen=True)
class Sent:
    """A request: the body in the parts in which it comes, header values as latin-1."""

    method: str = "POST"
    query_string: bytes = b""
    headers: Headers = POSTED
    parts: Sequence[bytes] = (b"",)

    @classmethod
    def body(cls, body: Any, *headers: tuple[str, str]) -> "Sent":
        """A POST of some JSON, or of bytes as they are."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        return cls(headers=[*POSTED, *headers], parts=[content])


@dataclass
class Heard:
    """An answer."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""

    @property
    def codes(self) -> list[str]:
        """The codes of its errors; it must be a GraphQL response of the type that it says."""
        media = self.headers["content-type"].partition(";")[0]
        assert media in ("application/json", "application/graphql-response+json"), media
        packed = self.headers.get("content-encoding") == "gzip"
        said = orjson.loads(gzip.decompress(self.content) if packed else self.content)
        bodies = said if isinstance(said, list) else [said]
        assert bodies == [said] or (bodies and self.status == 200), said
        return [code for body in bodies for code in _codes(body, self.status)]


def _codes(body: Any, status: int) -> list[str]:
    assert isinstance(body, dict) and body.keys() <= {"data", "errors", "extensions"}, body
    errors = body.get("errors", [])
    assert "data" in body or errors, body
    assert status < 400 or "data" not in body, body
    assert all(isinstance(error["message"], str) for error in errors)
    return [error["extensions"]["code"] for error in errors]


async def ask(app: Any, sent: Sent) -> Heard:
    """Sends a request and hears the whole answer."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": sent.method,
        "scheme": "http",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": sent.query_string,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.headers],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8000),
    }
    last = len(sent.parts) - 1
    messages = [
        {"type": "http.request", "body": part, "more_body": at < last}
        for at, part in enumerate(sent.parts)
    ]
    coming = iter(messages)
    heard = Heard()

    async def receive() -> Any:
        message = next(coming, None)
        if message is None:
            await asyncio.Event().wait()  # the client stays and says no more
        return message

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            heard.status = message["status"]
            heard.headers = {
                name.decode().lower(): value.decode() for name, value in message["headers"]
            }
        else:
            heard.content += message.get("body", b"")

    await app(scope, receive, send)
    return heard
