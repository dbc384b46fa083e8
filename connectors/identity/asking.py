"""One question to a server by GET, bounded in time and size; whoever asks says what failure means.

It is asked below the library's client, which would log the address, and secrets may stand there.
Nothing is followed, kept between questions, or taken from the environment.
"""

import asyncio
from collections.abc import Mapping

import httpx2

HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


class NoAnswer(Exception):
    """The server said nothing of use. The message says why, without the address."""


class Late(NoAnswer):
    """It did not answer in time."""


def door() -> httpx2.AsyncBaseTransport:
    """A way out to be used again and again: making one reads every certificate of the machine."""
    return httpx2.AsyncHTTPTransport(
        trust_env=False, limits=httpx2.Limits(max_keepalive_connections=0)
    )


async def ask(
    transport: httpx2.AsyncBaseTransport,
    url: str,
    timeout_seconds: float,
    bytes_max: int,
    params: Mapping[str, str] | None = None,
) -> bytes:
    """What stands at an address.

    Raises:
        NoAnswer: no connection, another status than 200, or more than ``bytes_max``.
        Late: not within ``timeout_seconds``.
    """
    times = httpx2.Timeout(timeout_seconds).as_dict()
    request = httpx2.Request(
        "GET", url, params=params, headers=HEADERS, extensions={"timeout": times}
    )
    try:
        async with asyncio.timeout(timeout_seconds):
            response = await transport.handle_async_request(request)
            try:
                return await _body(response, bytes_max)
            finally:
                await response.aclose()
    except (httpx2.ConnectError, httpx2.ConnectTimeout):
        raise NoAnswer("no connection") from None
    except (httpx2.TimeoutException, TimeoutError):
        raise Late(f"no answer within {timeout_seconds:g} s") from None
    except (httpx2.RequestError, httpx2.StreamError) as error:
        raise NoAnswer(type(error).__name__) from None


async def _body(response: httpx2.Response, bytes_max: int) -> bytes:
    if response.status_code != 200:
        raise NoAnswer(f"HTTP {response.status_code}")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > bytes_max:
            raise NoAnswer(f"more than {bytes_max} bytes")
    return bytes(body)
