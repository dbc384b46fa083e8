"""Bytes that are no HTTP, or HTTP that lies, sent to the real server over loopback.

The server hangs up or answers 4xx; it goes on serving, and its log has no traceback.
"""

import socket
from collections.abc import Iterator

import pytest

from tests.e2e.child import Child, started

SETTINGS = """
[server]
shutdown_seconds = 1

[[channels]]
code = "web"
name = "Web"
kind = "ONLINE"

[[backends]]
code = "erp"
vendor = "sandbox-erp"
"""
ASKED = b'{"query": "{ channels { code } }"}'
POST = b"POST /graphql HTTP/1.1\r\nHost: shop.test\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
SPACES = b"10000\r\n" + b" " * 65_536 + b"\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(ASKED)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    folder = tmp_path_factory.mktemp("raw")
    config = folder / "shop.toml"
    config.write_text(SETTINGS)
    with started(folder / "data", "serve", "--config", str(config)) as child:
        child.read_until("\n")
        yield child


def said(child: Child, request: bytes) -> bytes:
    """What the server says to some bytes of a client that then sends no more."""
    host, _, port = child.address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        answer = b""
        try:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            while part := client.recv(65_536):
                answer += part
        except ConnectionError:  # it hung up while bytes were still on their way
            return answer
    return answer


REQUESTS = {
    "no HTTP": (b"hello\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64, 400),
    "null bytes": (b"\0" * 1000, 400),
    "HTTP/9.9": (b"POST /graphql HTTP/9.9\r\n\r\n", 400),
    "a null byte in a header": (POST + b"X: a\0b\r\n" + LENGTH + b"\r\n" + ASKED, 400),
    "a header without a name": (POST + b": x\r\n" + LENGTH + b"\r\n" + ASKED, 400),
    "two lengths": (POST + LENGTH + b"Content-Length: 5\r\n\r\n" + ASKED, 400),
    "a length and chunks": (CHUNKED + LENGTH + b"\r\n" + ASKED, 400),
    "a negative length": (POST + b"Content-Length: -5\r\n\r\n" + ASKED, 400),
    "a length in words": (POST + b"Content-Length: five\r\n\r\n" + ASKED, 400),
    "a length beyond 64 bits": (POST + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n", 400),
    "a length beyond the bound": (POST + b"Content-Length: 1048577\r\n\r\n{", 413),
    "a chunk's length in words": (CHUNKED + b"\r\nfive\r\n" + ASKED, 400),
    "a length too short": (POST + b"Content-Length: 5\r\n\r\n" + ASKED, 400),
    "a length too long": (POST + b"Content-Length: 500\r\n\r\n" + ASKED, 0),
    "chunks without an end": (CHUNKED + b"\r\n5\r\n{    \r\n", 0),
    "a chunk cut short": (CHUNKED + b"\r\nffff\r\n" + ASKED, 0),
    "chunks beyond the bound": (CHUNKED + b"\r\n" + SPACES * 17, 413),
    "nothing": (b"", 0),
    "a head without an end": (POST, 0),
}  # fmt: skip


@pytest.mark.parametrize(("request_bytes", "status"), REQUESTS.values(), ids=REQUESTS.keys())
def test_bytes_that_lie_are_refused_or_hung_up_on(
    served: Child, request_bytes: bytes, status: int
) -> None:
    answer = said(served, request_bytes)

    first, _, _ = answer.partition(b"\r\n")
    if status:
        assert first.startswith(b"HTTP/1.1 %d" % status), answer
    else:
        assert answer == b"" or first.startswith(b"HTTP/1.1 400"), answer
    well = said(served, POST + LENGTH + b"Connection: close\r\n\r\n" + ASKED)
    assert well.startswith(b"HTTP/1.1 200"), well
    assert "Traceback" not in served.log()
