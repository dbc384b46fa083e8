"""Asks an issuer of tokens for its set of keys, by HTTP: bounded in time and size, told nothing.

What the set means stands with whoever asks.
"""

import asyncio

import httpx2

from resolvers.domain.errors import BackendTimedOut, BackendUnavailable

ANSWER_BYTES_MAX = 262_144
"""Longest set: a hundred RSA keys with their certificates take less."""


async def fetch_key_set(
    code: str,
    url: str,
    timeout_seconds: float,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> bytes:
    """The set as it stands at its address; a redirect is not followed. ``code`` is for errors.

    Raises:
        BackendUnavailable, BackendTimedOut: there is no such answer.
    """
    try:
        async with (
            asyncio.timeout(timeout_seconds),
            httpx2.AsyncClient(
                transport=transport, timeout=timeout_seconds, trust_env=False
            ) as client,
            client.stream("GET", url, headers=_HEADERS) as response,
        ):
            if response.status_code != 200:
                raise _unavailable(code, f"HTTP {response.status_code} instead of keys")
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    raise _unavailable(code, f"more than {ANSWER_BYTES_MAX} bytes of keys")
            return bytes(body)
    except (httpx2.ConnectError, httpx2.ConnectTimeout):
        raise _unavailable(code, f"no connection to {url}") from None
    except (httpx2.TimeoutException, TimeoutError):
        told = f"{code}: no keys within {timeout_seconds:g} s"
        raise BackendTimedOut(told, backend=code) from None
    except (httpx2.RequestError, httpx2.StreamError) as error:
        raise _unavailable(code, type(error).__name__) from None


_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


def _unavailable(code: str, why: str) -> BackendUnavailable:
    return BackendUnavailable(f"{code}: {why}", backend=code)
