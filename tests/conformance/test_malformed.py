"""Requests that are none: each gets a 4xx with a GraphQL response, and no failure of our own.

What stock servers answered with 500 is all here. Frames of WebSockets have their own tests.
"""

import codecs
import gzip
from typing import Any
from urllib.parse import quote

import pytest

from gateway.wire import BYTES_MAX
from tests.conformance.asking import Sent, ask
from tests.gateway.house import House

ASK = "{ channels { code } }"
ASKED = b'{"query": "{ channels { code } }"}'
BY_CODE = "query At($code: String!) { location(by: {code: $code}) { code } }"
SEVERAL = "query A { channels { code } } query B { channels { code } }"
NEW = ("accept", "application/graphql-response+json")


def variables(text: bytes) -> bytes:
    """A request with some bytes where its variables stand."""
    return b'{"query": "{ channels { code } }", "variables": ' + text + b"}"


def deep(lists: int) -> Any:
    """A number in so many lists."""
    value: Any = 5
    for _ in range(lists):
        value = [value]
    return value


BODIES = {
    "nothing": b"",
    "spaces": b" \r\n\t ",
    "an open brace": b"{",
    "cut short": ASKED[:-3],
    "two values": ASKED + ASKED,
    "a trailing comma": b'{"query": "{ channels { code } }",}',
    "single quotes": b"{'query': '{ channels { code } }'}",
    "no quotes": b"{query: 1}",
    "a comment": b"/* hi */" + ASKED,
    "GraphQL itself": ASK.encode(),
    "a form": b"query=%7B+channels+%7B+code+%7D+%7D",
    "XML": b"<?xml version='1.0'?><query/>",
    "null": b"null",
    "true": b"true",
    "a number": b"5",
    "a string": b'"{ channels { code } }"',
    "an empty list": b"[]",
    "a list of a number": b"[1]",
    "a list of null": b"[null]",
    "a list of operations": b"[" + ASKED + b"]",
    "a null byte before": b"\0" + ASKED,
    "a null byte behind": ASKED + b"\0",
    "a null byte in a string": b'{"query": "{ channels { code } }\0"}',
    "a control character": b'{"query": "{ channels\x01{ code } }"}',
    "only null bytes": b"\0" * 4096,
    "a byte order mark": codecs.BOM_UTF8 + ASKED,
    "UTF-16": ASKED.decode().encode("utf-16"),
    "UTF-32": ASKED.decode().encode("utf-32"),
    "latin-1": '{"query": "{ channels { code } } # é"}'.encode("latin-1"),
    "no UTF-8": b'{"query": "\xff"}',
    "overlong UTF-8": b'{"query": "{ channels { code } } #\xc0\xaf"}',
    "a surrogate as bytes": b'{"query": "{ channels { code } } #\xed\xa0\x80"}',
    "a high surrogate": b'{"query": "{ channels { code } } #\\ud800"}',
    "a low surrogate": b'{"query": "{ channels { code } } #\\udc00"}',
    "surrogates the wrong way round": variables(b'{"n": "\\udc00\\ud800"}'),
    "a surrogate in a name": variables(b'{"\\ud83d": 1}'),
    "half an escape": b'{"query": "\\u00"}',
    "a query twice": b'{"query": "{ a }", "query": "{ channels { code } }"}',
    "a query twice, in disguise": b'{"query": "{ a }", "\\u0071uery": "{ channels { code } }"}',
    "variables twice": b'{"query": "{ channels { code } }", "variables": {}, "variables": {}}',
    "a number of 5,000 digits": variables(b'{"n": ' + b"9" * 5000 + b"}"),
    "an infinite number": variables(b'{"n": 1e999}'),
    "not a number": variables(b'{"n": NaN}'),
    "minus infinity": variables(b'{"n": -Infinity}'),
    "a hexadecimal number": variables(b'{"n": 0x10}'),
    "a number with a leading zero": variables(b'{"n": 010}'),
    "lists 10,000 deep": variables(b'{"n": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"),
    "objects 10,000 deep": variables(b'{"n":' * 10_000 + b"1" + b"}" * 10_000),
    "an escape and lists 1,000 deep": variables(
        b'{"n": "\\u00e9", "m": ' + b"[" * 1000 + b"]" * 1000 + b"}"
    ),
    "100,000 open lists": b"[" * 100_000,
    "100,000 open objects": b'{"query":' * 100_000,
    "gzip": gzip.compress(ASKED),
    "no query": b"{}",
    "a query that is null": b'{"query": null}',
    "an empty query": b'{"query": ""}',
    "a query of spaces": b'{"query": " \\n\\t "}',
    "a query that is a number": b'{"query": 5}',
    "a query that is true": b'{"query": true}',
    "a query in a list": b'{"query": ["{ channels { code } }"]}',
    "a query in an object": b'{"query": {"query": "{ channels { code } }"}}',
    "variables in a list": variables(b"[]"),
    "variables in a string": variables(b'"{}"'),
    "variables as a number": variables(b"0"),
    "variables as false": variables(b"false"),
    "a name that is a number": b'{"query": "{ channels { code } }", "operationName": 5}',
    "a name in a list": b'{"query": "{ channels { code } }", "operationName": []}',
    "a name in an object": b'{"query": "{ channels { code } }", "operationName": {}}',
    "extensions in a list": b'{"query": "{ channels { code } }", "extensions": []}',
    "extensions in a string": b'{"query": "{ channels { code } }", "extensions": "{}"}',
    "extensions as a number": b'{"query": "{ channels { code } }", "extensions": 1}',
    "a documentId twice": b'{"documentId": "a", "documentId": "b"}',
    "a documentId twice, in disguise": b'{"documentId": "a", "document\\u0049d": "b"}',
}

NO_NAMES = ("true", "5", "0.5", '""', "[]", '["a"]', "{}", f'"{"a" * 257}"')
NO_HASHES = (*NO_NAMES, "null")
PERSISTED = '{"extensions": {"persistedQuery": %s}}'
HASHED = PERSISTED % '{"version": 1, "sha256Hash": %s}'
OF_VERSION = PERSISTED % ('{"version": %s, "sha256Hash": "' + "0" * 64 + '"}')

BODIES |= {
    **{f"a documentId {at[:9]}": f'{{"documentId": {at}}}'.encode() for at in NO_NAMES},
    **{
        f"a documentId {at[:9]} beside a query": b'{"query": "{ a }", "documentId": %b}'
        % at.encode()
        for at in NO_NAMES
    },
    **{f"a persistedQuery {at[:9]}": (PERSISTED % at).encode() for at in (*NO_NAMES, '"a"')},
    **{f"a hash {at[:9]}": (HASHED % at).encode() for at in NO_HASHES},
    **{
        f"a hash of version {at}": (OF_VERSION % at).encode()
        for at in ("null", "true", "0", "2", "1.0", '"1"', "[1]", "{}")
    },
    "a persistedQuery that is null": (PERSISTED % "null").encode(),
    "a hash and the name of another": b'{"documentId": "a", "extensions": {"persistedQuery":'
    b' {"version": 1, "sha256Hash": "b"}}}',
    "a documentId that is null": b'{"documentId": null}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_a_body_that_is_no_request_is_400(house: House, body: bytes) -> None:
    heard = await ask(house.app, Sent.body(body))

    assert (heard.status, heard.codes) == (400, ["BAD_REQUEST"])


DOCUMENTS: dict[str, dict[str, Any]] = {
    "a null byte": {"query": "{ channels { code\0 } }"},
    "a word that is no GraphQL": {"query": "select * from channels"},
    "a comment alone": {"query": "# hello"},
    "commas alone": {"query": ",,,"},
    "an open string": {"query": '{ location(by: {code: "'},
    "a surrogate in a string": {"query": '{ location(by: {code: "\\uD800"}) { code } }'},
    "a long escape beyond Unicode": {"query": '{ location(by: {code: "\\u{110000}"}) { code } }'},
    "a fragment alone": {"query": "fragment F on Channel { code }"},
    "a type alone": {"query": "type Query { a: Int }"},
    "fragments in a circle": {"query": "{ ...F } fragment F on Query { ...F }"},
    "an unknown fragment": {"query": "{ ...F }"},
    "selections 10,000 deep": {"query": "{ a " * 10_000 + "}" * 10_000},
    "values 10,000 deep": {"query": "{ a(b: " + "[" * 10_000 + "]" * 10_000 + ") }"},
    "types 10,000 deep": {"query": "query ($n: " + "[" * 10_000 + "Int" + "]" * 10_000 + ") { a }"},
    "inline fragments 300 deep": {"query": "{ ... " * 300 + "{ channels { code } }" + " }" * 300},
    "a number of 5,000 digits": {
        "query": f"{{ products(first: {'9' * 5000}) {{ nodes {{ id }} }} }}"
    },
    "10,000 directives": {"query": "{ channels " + "@include(if: true) " * 10_000 + "{ code } }"},
    "an unnamed one of several": {"query": SEVERAL},
    "several without a name": {"query": "{ channels { code } } { channels { code } }"},
    "a name of none": {"query": SEVERAL, "operationName": "C"},
    "a name of something else": {"query": SEVERAL, "operationName": "__proto__"},
    "a variable that nobody defines": {"query": "{ location(by: {code: $code}) { code } }"},
    "a variable that nobody defines, in a fragment": {
        "query": "fragment F on Query { location(by: {code: $code}) { code } } { ...F }"
    },
    "a variable that may be null, in a fragment": {
        "query": "fragment F on Query { location(by: {code: $code}) { code } }"
        " query A($code: String) { ...F } query B($code: String!) { ...F }",
        "operationName": "B",
    },
    "a variable that is missing": {"query": BY_CODE, "variables": {}},
    "a variable that is null": {"query": BY_CODE, "variables": {"code": None}},
    "a variable that is a number": {"query": BY_CODE, "variables": {"code": 5}},
    "a variable that is true": {"query": BY_CODE, "variables": {"code": True}},
    "a variable in a list": {"query": BY_CODE, "variables": {"code": ["ST-01"]}},
    "a variable in an object": {"query": BY_CODE, "variables": {"code": {"code": "ST-01"}}},
    "a variable in lists 120 deep": {
        "query": 'query ($skus: [String!]!) { availability(skus: $skus, channel: "web") { sku } }',
        "variables": {"skus": deep(120)},
    },
}


@pytest.mark.parametrize("body", DOCUMENTS.values(), ids=DOCUMENTS.keys())
async def test_a_document_that_cannot_run_is_400_where_clients_look_for_it(
    house: House, body: dict[str, Any]
) -> None:
    heard = await ask(house.app, Sent.body(body, NEW))
    plain = await ask(house.app, Sent.body(body))

    assert heard.status == 400
    assert set(heard.codes) <= {
        "GRAPHQL_PARSE_FAILED",
        "GRAPHQL_VALIDATION_FAILED",
        "BAD_USER_INPUT",
        "LIMIT_EXCEEDED",
    }
    assert plain.status == 200
    assert plain.codes == heard.codes
    assert b'"data"' not in plain.content


async def test_a_fragment_before_its_operation_may_use_its_variables(house: House) -> None:
    fragment = "fragment F on Query { location(by: {code: $code}) { code } }"
    body = {
        "query": f"{fragment} query At($code: String!) {{ ...F }}",
        "variables": {"code": "ST-01"},
    }

    heard = await ask(house.app, Sent.body(body))

    assert heard.content == b'{"data":{"location":{"code":"ST-01"}}}'


JSON = ("content-type", "application/json")

HEADERS: dict[str, tuple[list[tuple[str, str]], int, str]] = {
    "no content type": ([], 415, "UNSUPPORTED_MEDIA_TYPE"),
    "an empty one": ([("content-type", "")], 415, "UNSUPPORTED_MEDIA_TYPE"),
    "semicolons": ([("content-type", ";;;")], 415, "UNSUPPORTED_MEDIA_TYPE"),
    "two that agree": ([JSON, JSON], 415, "UNSUPPORTED_MEDIA_TYPE"),
    "two that differ": ([JSON, ("content-type", "text/plain")], 415, "UNSUPPORTED_MEDIA_TYPE"),
    "two in one": (
        [("content-type", "text/plain, application/json")],
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    "one in another": (
        [("content-type", "text/plain; application/json")],
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    "one like it": ([("content-type", "xapplication/jsonfoo")], 415, "UNSUPPORTED_MEDIA_TYPE"),
    "its response's": (
        [("content-type", "application/graphql-response+json")],
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    "multipart": (
        [("content-type", "multipart/form-data; boundary=x")],
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    "latin-1": (
        [("content-type", "application/json; charset=iso-8859-1")],
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    "an unknown charset": (
        [("content-type", "application/json; charset=é")],
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    "gzip": ([JSON, ("content-encoding", "gzip")], 415, "UNSUPPORTED_MEDIA_TYPE"),
    "brotli over gzip": ([JSON, ("content-encoding", "gzip, br")], 415, "UNSUPPORTED_MEDIA_TYPE"),
    "images only": ([JSON, ("accept", "image/png")], 406, "NOT_ACCEPTABLE"),
    "UTF-16 only": (
        [JSON, ("accept", "application/json;charset=utf-16")],
        406,
        "NOT_ACCEPTABLE",
    ),
    "nothing at all": ([JSON, ("accept", "*/*;q=0")], 406, "NOT_ACCEPTABLE"),
    "no accept that makes sense": ([JSON, ("accept", "é;;q=;=,,/")], 406, "NOT_ACCEPTABLE"),
    "no bearer": ([JSON, ("authorization", "é")], 401, "UNAUTHENTICATED"),
    "an endless token": (
        [JSON, ("authorization", "Bearer " + "." * 30_000)],
        401,
        "UNAUTHENTICATED",
    ),
    "a length too long": ([JSON, ("content-length", "9" * 12)], 413, "PAYLOAD_TOO_LARGE"),
}


@pytest.mark.parametrize(("headers", "status", "code"), HEADERS.values(), ids=HEADERS.keys())
async def test_headers_that_do_not_fit_are_told_so(
    house: House, headers: list[tuple[str, str]], status: int, code: str
) -> None:
    heard = await ask(house.app, Sent(headers=headers, parts=[ASKED]))

    assert (heard.status, heard.codes) == (status, [code])


QUERY_STRINGS = {
    "nothing": b"",
    "no query": b"variables=%7B%7D",
    "an empty query": b"query=",
    "a query twice": b"query={__typename}&query={channels{code}}",
    "variables twice": b"query={__typename}&variables={}&variables={}",
    "variables that are no JSON": b"query={__typename}&variables={",
    "variables in a list": b"query={__typename}&variables=[]",
    "variables 10,000 deep": b"query={__typename}&variables=" + b"[" * 10_000,
    "variables that are no UTF-8": b"query={__typename}&variables=%ff",
    "a surrogate in variables": b"query={__typename}&variables=" + quote('"\\ud800"').encode(),
    "extensions that are no object": b"query={__typename}&extensions=5",
    "a documentId that is empty": b"documentId=",
    "a documentId twice": b"documentId=a&documentId=b",
    "a documentId that is long": b"documentId=" + b"a" * 257,
    "a persistedQuery in a list": b"extensions=" + quote('{"persistedQuery": []}').encode(),
    "no text at all": b"%00%ff&&==&%",
}


@pytest.mark.parametrize("query_string", QUERY_STRINGS.values(), ids=QUERY_STRINGS.keys())
async def test_a_query_string_that_is_no_request_is_400(house: House, query_string: bytes) -> None:
    heard = await ask(house.app, Sent("GET", query_string))

    assert (heard.status, heard.codes) == (400, ["BAD_REQUEST"])


async def test_a_body_without_end_is_cut_off_at_its_bound(house: House) -> None:
    parts = [b" " * 4096] * (BYTES_MAX // 4096 + 2)

    heard = await ask(house.app, Sent(parts=parts))

    assert (heard.status, heard.codes) == (413, ["PAYLOAD_TOO_LARGE"])
    assert heard.headers["connection"] == "close"


@pytest.mark.parametrize("length", ["-1", "five", "1e3", "0x10", "1, 2", "²", "9" * 40])
async def test_a_length_that_makes_no_sense_leaves_the_bytes_that_came(
    house: House, length: str
) -> None:
    sent = Sent(headers=[JSON, ("content-length", length)], parts=[ASKED])

    assert (await ask(house.app, sent)).status == 200
