"""Ten thousand requests that are nearly right, dealt by a seed: none may be a failure of our own.

Each begins as a request that a client would send, and is then bent: in its bytes, in the values of
its JSON, in its headers, in its query string.
"""

import gzip
import random
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from gateway.manifests import hash_of
from tests.conformance.asking import POSTED, Heard, Sent, ask
from tests.conformance.conftest import failed
from tests.gateway.house import HOLD, PROMISE, opened

REQUESTS, REQUESTS_ALIKE = 10_000, 4_000
SEED = 20_260_302
BATCH_MAX = 3

ID = re.compile(rb"\b[0-9a-hjkmnp-tv-z]{26}\b")

KEPT = "{ channels { code kind } }"

GOOD: tuple[dict[str, Any], ...] = (
    {"query": "{ channels { code name } }"},
    {"query": PROMISE, "operationName": "Shelf", "variables": {}},
    {"query": HOLD, "variables": {"key": "k-1", "quantity": 1}},
    {
        "query": "query At($code: String!) { location(by: {code: $code}) { id code name } }",
        "variables": {"code": "ST-01"},
        "extensions": {"tracing": {"id": "0" * 64}},
    },
    {
        "query": KEPT,
        "extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_of(KEPT)}},
    },
    {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_of(KEPT)}}},
    {"documentId": f"sha256:{hash_of(KEPT)}", "variables": {}},
    {
        "query": "query Some($first: Int!, $after: String) { products(first: $first, after: $after)"
        " { nodes { id title variants { sku } } pageInfo { endCursor hasNextPage } } }",
        "variables": {"first": 3, "after": None},
    },
    {"query": 'query A { __typename } query B { node(id: "x") { id } }', "operationName": "B"},
    {"query": 'subscription { stockChanged(skus: ["A"]) { onHand } }'},
)

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**31, 2**53 + 1, 2**64 - 1, -(2**63), 1e308, 0.1, "", " ", "\0",
    "é" * 300, "😀", "Ω" * 5000, "__proto__", "{", [], {}, [[]], [None], {"": {}}, "\u202e",
    {"query": "{ a }"}, [{"query": "{ __typename }"}], "9" * 400, "A\nB", "\ufeff",
    "\u0000\u0001", "ＳＴ-０１",
)  # fmt: skip

SPLICES = (
    b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\\", b"\\ud800", b"\\u0000", b'"', b"'",
    b"{", b"}", b"[", b"]", b":", b",", b"...", b"@skip(if: true)", b"$x", b"!", b"#", b"\n",
    b'"""', b"on", b"fragment F on Query { ...F } ", b"mutation", b"1e999", b"NaN", b"9" * 400,
    b"[" * 400, b"{a " * 400,
)  # fmt: skip

HEADERS = (
    "", ";", "*/*", "application/json", "application/json; charset=utf-16", "text/plain", "Bearer",
    "Bearer a.b.c", "Basic YTpi", "gzip", "identity", "application/graphql-response+json",
    "application/json;q=0", "é\x80", "a" * 4000, "0", "-1", "1048577", "null", "weapp://x",
    "multipart/form-data; boundary=", "application/*;q=0.5, */*;q=nan", ",,,;;;===",
)  # fmt: skip

NAMES = (
    "accept", "authorization", "content-type", "content-length", "content-encoding", "x-request-id",
    "origin", "accept-encoding", "host", "apollo-require-preflight",
)  # fmt: skip


def bent_bytes(dice: random.Random, body: bytes) -> bytes:
    """Some bytes changed, dropped, doubled, or put in between."""
    for _ in range(dice.randint(1, 4)):
        at = dice.randint(0, len(body))
        until = min(len(body), at + dice.randint(0, 12))
        between = dice.choice(
            (b"", bytes([dice.randrange(256)]), dice.choice(SPLICES), body[at:until] * 2)
        )
        body = body[:at] + between + body[until:]
    return body if dice.random() < 0.9 else body[: dice.randint(0, len(body))]


def bent_values(dice: random.Random, body: Any) -> Any:
    """One value anywhere in some JSON replaced by one of another kind, or left out, or added."""
    if isinstance(body, dict) and body and dice.random() < 0.85:
        key = dice.choice(list(body))
        if dice.random() < 0.1:
            return {name: value for name, value in body.items() if name != key}
        return {**body, key: bent_values(dice, body[key])}
    if isinstance(body, dict) and dice.random() < 0.3:
        return {**body, str(dice.choice(ODD)): dice.choice(ODD)}
    return dice.choice(ODD)


def bent_text(dice: random.Random, body: dict[str, Any]) -> dict[str, Any]:
    """A document with words of it in other places."""
    if "query" not in body:
        return body
    words = body["query"].split(" ")
    for _ in range(dice.randint(1, 3)):
        words.insert(dice.randrange(len(words)), dice.choice(words))
        words.pop(dice.randrange(len(words)))
    return {**body, "query": " ".join(words)}


def dealt(dice: random.Random, tokens: list[str]) -> Sent:
    """One request."""
    body: Any = dice.choice(GOOD)
    if dice.random() < 0.4:
        body = bent_text(dice, body)
    if dice.random() < 0.5:
        body = bent_values(dice, body)
    if dice.random() < 0.08:
        body = [body, *dice.choices(GOOD[:5] + ODD, k=dice.randint(0, BATCH_MAX))]
    headers = list(POSTED)
    if dice.random() < 0.3:
        headers.append(("authorization", f"Bearer {dice.choice(tokens)}"))
    if dice.random() < 0.5:
        headers.append(("accept", "application/graphql-response+json"))
    while dice.random() < 0.15:
        headers.insert(dice.randint(0, 1), (dice.choice(NAMES), dice.choice(HEADERS)))
    if dice.random() < 0.2 and isinstance(body, dict):
        asked = urlencode(
            {
                name: value if isinstance(value, str) else orjson.dumps(value)
                for name, value in body.items()
            }
        ).encode()
        asked = bent_bytes(dice, asked) if dice.random() < 0.5 else asked
        return Sent("GET", asked, headers)
    method = "POST" if dice.random() < 0.97 else dice.choice(("HEAD", "PUT", "OPTIONS", "X" * 40))
    text = orjson.dumps(body)
    if dice.random() < 0.35:
        text = bent_bytes(dice, text)
    cut = dice.randint(0, len(text))
    return Sent(method, b"", headers, [text[:cut], text[cut:]])


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_ten_thousand_bent_requests_are_all_answered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    house = await opened(
        tmp_path, batch_max=BATCH_MAX, allowed_origins=("weapp://x",), cost_per_second=0
    )
    dice = random.Random(SEED)
    tokens = [house.token()["Authorization"].removeprefix("Bearer ")]
    heard: list[Heard] = []

    for _ in range(REQUESTS):
        sent = dealt(dice, tokens)
        answer = await ask(house.app, sent)
        heard.append(answer)

        assert answer.status in {200, 400, 401, 404, 405, 406, 413, 415}, sent
        assert "INTERNAL" not in answer.codes, sent

    await house.runtime.close()
    assert [record.getMessage() for record in caplog.records if failed(record)] == []
    ran = sum(answer.status == 200 and not answer.codes for answer in heard)
    assert REQUESTS // 10 < ran < REQUESTS // 2, "they are bent neither too much nor too little"


def said(heard: Heard) -> tuple[int, bytes]:
    """An answer without the id that it was given."""
    packed = heard.headers.get("content-encoding") == "gzip"
    content = gzip.decompress(heard.content) if packed else heard.content
    return heard.status, ID.sub(b"-", content)


@pytest.mark.timeout(600)
async def test_bent_requests_are_answered_alike_by_plans_and_without(tmp_path: Path) -> None:
    """G5: every document is compiled that can be, at its first run."""
    asked: Any = {"batch_max": BATCH_MAX, "allowed_origins": ("weapp://x",), "cost_per_second": 0}
    by_plans = await opened(tmp_path, compiled=True, **asked)
    without = await opened(tmp_path, compiled=False, **asked)
    schema: Any = by_plans.desk.schema
    schema.compiled.plans.after = 0
    dice = random.Random(SEED + 1)
    tokens = [by_plans.token()["Authorization"].removeprefix("Bearer ")]

    for _ in range(REQUESTS_ALIKE):
        sent = dealt(dice, tokens)
        assert said(await ask(by_plans.app, sent)) == said(await ask(without.app, sent)), sent

    assert schema.compiled.plans.made > 20, "some of them run"
    for house in (by_plans, without):
        await house.runtime.close()
