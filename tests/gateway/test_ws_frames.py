"""What a client may send over WebSocket that it must not: every such frame ends the connection with
the protocol's code, and none of them with a traceback.
"""

import json
import logging
import random
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.wire import BYTES_MAX
from tests.gateway.house import PROMISE, House, Talk, talking

INIT: dict[str, Any] = {"type": "connection_init"}
ASK = {"type": "subscribe", "id": "1", "payload": {"query": PROMISE}}
STATES = 'subscription { stockChanged(skus: ["BT-0001-30ML"]) { onHand } }'
WATCH = {"type": "subscribe", "id": "w", "payload": {"query": STATES}}
SENTINEL = "{ __typename }"

BINARY = b'{"type":"ping"}'

TABLE: dict[str, tuple[list[Any], int]] = {
    "binary before the introduction": ([BINARY], 4400),
    "binary": ([INIT, BINARY], 4400),
    "empty": ([INIT, ""], 4400),
    "no json": ([INIT, "{'type': 'ping'}"], 4400),
    "half of it": ([INIT, '{"type":"ping"'], 4400),
    "two at once": ([INIT, '{"type":"ping"}{"type":"ping"}'], 4400),
    "a number without end": ([INIT, '{"type":"ping","payload":{"at":NaN}}'], 4400),
    "half a character": ([INIT, '{"type":"subscribe","id":"\\ud800"}'], 4400),
    "an array": ([INIT, [{"type": "ping"}]], 4400),
    "null": ([INIT, "null"], 4400),
    "too deep": ([INIT, "[" * 100_000], 4400),
    "no type": ([INIT, {"id": "1"}], 4400),
    "a type that is no text": ([INIT, {"type": ["ping"]}], 4400),
    "an unknown type": ([INIT, {"type": "subscribes", "id": "1"}], 4400),
    "a type of the legacy protocol": ([INIT, {**ASK, "type": "start"}], 4400),
    "a message of the server": ([INIT, {"type": "next", "id": "1", "payload": {}}], 4400),
    "ack of a client": ([{"type": "connection_ack"}], 4400),
    "a ping with a list": ([INIT, {"type": "ping", "payload": [1]}], 4400),
    "a pong with a text": ([INIT, {"type": "pong", "payload": "x"}], 4400),
    "an introduction with a number": ([{**INIT, "payload": 1}], 4400),
    "an introduction whose token is a list": ([{**INIT, "payload": {"token": []}}], 4400),
    "no id": ([INIT, {"type": "subscribe", "payload": {"query": PROMISE}}], 4400),
    "a number as id": ([INIT, {**ASK, "id": 1}], 4400),
    "an object as id": ([INIT, {**ASK, "id": {}}], 4400),
    "an empty id": ([INIT, {**ASK, "id": ""}], 4400),
    "an id that is too long": ([INIT, {**ASK, "id": "x" * 129}], 4400),
    "complete without id": ([INIT, {"type": "complete"}], 4400),
    "complete of a list": ([INIT, {"type": "complete", "id": ["1"]}], 4400),
    "no payload": ([INIT, {"type": "subscribe", "id": "1"}], 4400),
    "a payload of null": ([INIT, {**ASK, "payload": None}], 4400),
    "no query": ([INIT, {**ASK, "payload": {"variables": {}}}], 4400),
    "a query of null": ([INIT, {**ASK, "payload": {"query": None}}], 4400),
    "variables as a list": ([INIT, {**ASK, "payload": {"query": "{a}", "variables": []}}], 4400),
    "a name as a list": ([INIT, {**ASK, "payload": {"query": "{a}", "operationName": []}}], 4400),
    "extensions as text": ([INIT, {**ASK, "payload": {"query": "{a}", "extensions": ""}}], 4400),
    "subscribe before the introduction": ([ASK], 4401),
    "subscribe after a ping": ([{"type": "ping"}, ASK], 4401),
    "a documentId as a number": ([INIT, {**ASK, "payload": {"documentId": 5}}], 4400),
    "a documentId that is empty": ([INIT, {**ASK, "payload": {"documentId": ""}}], 4400),
    "a hash of no version": (
        [INIT, {**ASK, "payload": {"extensions": {"persistedQuery": {"sha256Hash": "a"}}}}],
        4400,
    ),
    "a persistedQuery as a list": (
        [INIT, {**ASK, "payload": {"extensions": {"persistedQuery": []}}}],
        4400,
    ),
    "a token that is none": ([{**INIT, "payload": {"token": "x"}}], 4403),
    "an id twice": ([INIT, WATCH, WATCH], 4409),
    "an id twice, of another kind": ([INIT, WATCH, {**ASK, "id": "w"}], 4409),
    "a second introduction": ([INIT, INIT], 4429),
    "a second introduction that makes no sense": ([INIT, {**INIT, "payload": 1}], 4429),
    "too big": ([INIT, json.dumps({"type": "ping"}).ljust(BYTES_MAX + 1)], 1009),
}


@pytest.mark.parametrize(("frames", "code"), TABLE.values(), ids=TABLE)
async def test_a_frame_that_makes_no_sense_ends_with_its_code(
    house: House, caplog: pytest.LogCaptureFixture, frames: list[Any], code: int
) -> None:
    async with talking(house.app) as talk:
        for frame in frames:
            await put(talk, frame)
        event = await talk.event()
        while event["type"] != "websocket.close":
            event = await talk.event()

    assert event["code"] == code
    assert 0 < len(event["reason"].encode()) <= 123  # as much as a close frame can carry
    assert bugs(caplog) == []


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "complete", "id": "never heard of"},
        {"type": "pong"},
        {"type": "pong", "payload": None},
        {"type": "pong", "payload": {"at": 1}},
        {"type": "ping", "payload": {}, "more": [1]},
        json.dumps({"type": "pong"}).ljust(BYTES_MAX),
    ],
    ids=lambda frame: str(frame)[:50],
)
async def test_what_a_client_may_say_goes_on(house: House, frame: Any) -> None:
    async with talking(house.app) as talk:
        await put(talk, INIT)
        await put(talk, frame)

        assert await ending(talk, "1") is None


@pytest.mark.parametrize("offered", [(), ("graphql-ws",), ("graphql-ws", "soap"), ("",)])
async def test_no_other_protocol_is_spoken(house: House, offered: tuple[str, ...]) -> None:
    async with talking(house.app, subprotocols=offered) as talk:
        assert (await talk.event())["subprotocol"] is None
        assert await talk.closed() == (4406, "Subprotocol not acceptable")


async def test_who_offers_the_legacy_protocol_too_is_spoken_to_in_ours(house: House) -> None:
    offered = ("graphql-ws", "graphql-transport-ws")
    async with talking(house.app, subprotocols=offered) as talk:
        assert (await talk.event())["subprotocol"] == "graphql-transport-ws"


FRAMES = 5_000
CODES = {1009, 4400, 4401, 4403, 4409, 4429}


async def test_whatever_is_sent_there_is_a_code_for_it(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    fuzz = Fuzz(random.Random(2026_11_27))
    sent = 0
    seen: set[int] = set()
    while sent < FRAMES:
        async with talking(house.app) as talk:
            await talk.event()
            if fuzz.random.random() < 0.8:
                await talk.introduce()
            code = None
            while code is None and sent < FRAMES:
                await put(talk, fuzz.frame())
                sent += 1
                code = await ending(talk, f"sentinel {sent}")
            if code is not None:
                seen.add(code)

    assert seen <= CODES
    assert seen >= {4400, 4401, 4403, 4409, 4429}
    assert bugs(caplog) == []


async def put(talk: Talk, frame: Any) -> None:
    if isinstance(frame, bytes):
        await talk.sent.put({"type": "websocket.receive", "bytes": frame})
    else:
        await talk.say(frame)


async def ending(talk: Talk, id: str) -> int | None:
    """Whether a connection still answers an operation; if not, the code that it ended with."""
    await talk.subscribe(id, SENTINEL)
    while True:
        event = await talk.event()
        if event["type"] == "websocket.close":
            return int(event["code"])
        message = json.loads(event.get("text", "{}"))
        if message.get("id") == id and message["type"] == "complete":
            return None


def bugs(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log says of failures in our own code."""
    return [told.getMessage() for told in caplog.records if told.levelno >= logging.ERROR]


@dataclass
class Fuzz:
    """Frames that are nearly right, out of one seed."""

    random: random.Random

    def frame(self) -> str | bytes:
        if self.random.random() < 0.03:
            return self.random.randbytes(self.random.randrange(40))
        message: dict[str, Any] = {
            "type": self.random.choice(["subscribe"] * 6 + ["complete"] * 3 + ["ping", "pong"]),
            "id": self.random.choice(["a", "b", "w"]),
            "payload": {"query": self.random.choice([SENTINEL, STATES, "{"])},
        }
        if self.random.random() < 0.03:
            message = self.random.choice([INIT, {**INIT, "payload": {"token": "x"}}])
        if self.random.random() < 0.3:
            message = self.spoilt(message)
        text = json.dumps(message)
        return self.torn(text) if self.random.random() < 0.2 else text

    def spoilt(self, message: dict[str, Any]) -> dict[str, Any]:
        """A message of which one value, at some depth, is another."""
        message = dict(message)
        name = self.random.choice([*message, "more"])
        inner = message.get(name)
        spoilt = isinstance(inner, dict) and self.random.random() < 0.6
        message[name] = self.spoilt(inner) if spoilt and inner else self.value(3)
        if self.random.random() < 0.2:
            message.pop(self.random.choice(list(message)))
        return message

    def value(self, depth: int) -> Any:
        plain = [None, True, 0, -1, 1e308, 10**30, "", "x" * 200, "\ud800", "\x00", "subscribe"]
        pick = self.random.randrange(len(plain) + 2)
        if depth and pick == len(plain):
            return [self.value(depth - 1) for _ in range(self.random.randrange(3))]
        if depth and pick > len(plain):
            return {self.random.choice(["query", "id", "a"]): self.value(depth - 1)}
        return plain[pick % len(plain)]

    def torn(self, text: str) -> str:
        """A text with some characters lost, doubled or changed."""
        at = self.random.randrange(len(text))
        to = at + self.random.randrange(4)
        between = self.random.choice(["", text[at:to] * 2, "\x00", '"', "{", "[", "\\", "\ufeff"])
        return text[:at] + between + text[to:]
