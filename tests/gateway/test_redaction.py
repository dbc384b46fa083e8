"""What is taken out of log lines: secrets, numbers and addresses of people, the request's words."""

from typing import Any

import pytest

from gateway.redaction import redacted, speaks
from resolvers.domain.harmless import hidden
from schema.operations import Operation


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("call 13800138000 now", "call [hidden] now"),
        ("Op_13800138000", "Op_[hidden]"),
        ("+86 138 0013 8000", "[hidden]"),
        ("021-12345678", "[hidden]"),
        ("+44 20 7946 0958", "[hidden]"),
        ("(415) 555-0134", "[hidden]"),
        ("<zhang.san+x@mail.example.cn>", "<[hidden]>"),
        ("张三@例子.中国", "[hidden]"),
        ("Authorization: Bearer abc.def.ghi", "[hidden]"),
        ("Basic dXNlcjpwdw==", "[hidden]"),
        ("eyJhbGciOi.eyJzdWIi.c2ln", "[hidden]"),
        ("key ucg_live_a1B2", "key [hidden]"),
        ("mongodb://me:hush@db/", "mongodb://[hidden]@db/"),
        ("https://shop/?token=hush&page=1", "https://shop/?[hidden]&page=1"),
        ('{"password": "hush now", "x": 1}', '{"[hidden], "x": 1}'),
    ],
)
def test_secrets_and_what_reaches_a_person_are_taken_out(text: str, kept: str) -> None:
    assert hidden(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "6901234567892",
        "BT-0001-30ML",
        "UC20260302120000",
        "2026-03-02T12:00:00Z",
        "127.0.0.1:48221",
        "erp: stock of ST-01 not read yet",
        "GRAPHQL_PARSE_FAILED",
    ],
)
def test_what_the_trade_says_stays(text: str) -> None:
    assert hidden(text) == text


def test_a_bug_is_told_without_the_words_of_its_request() -> None:
    document = 'mutation { placeOrder(note: "ring twice") { id } }'
    speaks(Operation(document, {"to": {"lines": ["12 长乐路", "o'clock\n"]}}))
    told: dict[str, Any] = {
        "event": "failed",
        "exception": "KeyError: '12 长乐路'\nValueError: \"o'clock\\n\" ring twice",
        "request_id": "13800138000",
    }

    line = redacted(None, "error", told)

    assert line == {
        "event": "failed",
        "exception": "KeyError: '[hidden]'\nValueError: \"[hidden]\" [hidden]",
        "request_id": "13800138000",
    }


def test_a_name_of_two_signs_and_what_escapes_write_are_taken_out_too() -> None:
    document = r'{ a(x: "ring\u0020twice", y: "say \"no\"", z: """ to\n\u674e """) b(x: "wrong\q'
    speaks(Operation(document, {"name": "张伟", "country": "CN"}))

    line = redacted(None, "error", {"exception": 'KeyError: 张伟, CN: ring twice, say "no"'})

    assert line == {"exception": "KeyError: [hidden], CN: [hidden], [hidden]"}


def test_values_of_every_shape_are_looked_through() -> None:
    told = {"event": "x", "n": 13800138000, "deep": [{"a@b.cn": ("ucg_x1",)}], "ok": 1.5}

    line = redacted(None, "info", told)

    assert line == {
        "event": "x",
        "n": "[hidden]",
        "deep": [{"[hidden]": ["[hidden]"]}],
        "ok": 1.5,
    }
