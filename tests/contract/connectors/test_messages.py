"""Messages of backends, on their raw bytes: whose they are, and which are the same (S2)."""

from dataclasses import replace

from resolvers.backend_ports import Role
from resolvers.domain.inbox import DEDUPE_CHARS_MAX, Message
from resolvers.event_ports import RawMessage
from tests.contract.connectors.cases import shows
from tests.contract.connectors.rig import Rig

OTHER = b"some-other-secret-altogether"

RECEIVER = Role.EVENT_RECEIVER


def flipped(raw: RawMessage, at: int) -> RawMessage:
    body = bytearray(raw.body)
    body[at] ^= 1
    return replace(raw, body=bytes(body))


@shows("what it has sent is believed; one bit otherwise it is not", RECEIVER,
       needs=["messages", "receiving"])  # fmt: skip
async def test_one_flipped_bit_is_refused(case, rig: Rig) -> None:
    came = await rig.messages()
    events = rig.receiving(rig.secret).events
    assert events is not None
    for raw in came:
        assert events.verify(raw)
        for at in range(len(raw.body)):
            assert not events.verify(flipped(raw, at)), f"byte {at} was changed"
        assert not events.verify(replace(raw, body=raw.body + b" "))
        assert not events.verify(replace(raw, headers={}))


@shows("two secrets are live at a time, and no third", RECEIVER, needs=["messages", "receiving"])
async def test_two_secrets_are_live(case, rig: Rig) -> None:
    [raw, *_] = await rig.messages()
    secret = rig.secret

    def believes(*secrets: bytes) -> bool:
        events = rig.receiving(*secrets).events
        assert events is not None
        return events.verify(raw)

    assert believes(OTHER, secret)
    assert believes(secret, OTHER)
    assert not believes(OTHER)


@shows("a message has one key however often it comes, and another has another", RECEIVER,
       needs=["messages", "receiving"])  # fmt: skip
async def test_the_same_message_has_the_same_key(case, rig: Rig) -> None:
    first, second, again = await rig.messages()
    events = rig.receiving(rig.secret).events
    assert events is not None

    keys = [events.dedupe_key(raw) for raw in (first, second, again)]

    assert keys[1] == keys[2]
    assert keys[0] != keys[1]
    assert all(0 < len(key) <= DEDUPE_CHARS_MAX and key.isprintable() for key in keys)


@shows("a message leads to hints, and no secret is kept with it", RECEIVER,
       needs=["messages", "receiving"])  # fmt: skip
async def test_a_message_leads_to_hints(case, rig: Rig) -> None:
    came = await rig.messages()
    events = rig.receiving(rig.secret).events
    assert events is not None
    for raw in came:
        kept = events.kept_headers(raw)
        told = Message("1", rig.backend.code, "k", raw.received_at, raw.body, tuple(kept.items()))
        assert events.hints(told)
        assert set(kept.items()) <= set(raw.headers.items())
        assert not any("signature" in name or "hmac" in name for name in kept)


@shows("a message that was signed an hour ago is not believed", RECEIVER,
       needs=["stale", "receiving"])  # fmt: skip
async def test_a_message_of_an_hour_ago_is_refused(case, rig: Rig) -> None:
    raw = await rig.stale()
    events = rig.receiving(rig.secret).events
    assert events is not None

    assert not events.verify(raw)
    assert events.verify(replace(raw, received_at=rig.clock())), "it is the hour that is refused"
