"""Asks an issuer of tokens for its set of keys. What the set means stands with whoever asks."""

from collections.abc import Awaitable, Callable

from connectors.identity.asking import Late, NoAnswer, ask, door
from resolvers.domain.errors import BackendTimedOut, BackendUnavailable

ANSWER_BYTES_MAX = 262_144
"""Longest set: a hundred RSA keys with their certificates take less."""


def key_fetcher(code: str, url: str, timeout_seconds: float) -> Callable[[], Awaitable[bytes]]:
    """Asks for the set as it stands at its address. ``code`` is for errors.

    It raises BackendUnavailable or BackendTimedOut if there is none.
    """
    transport = door()

    async def fetch() -> bytes:
        try:
            return await ask(transport, url, timeout_seconds, ANSWER_BYTES_MAX)
        except Late as late:
            raise BackendTimedOut(f"{code}: {late}: {url}", backend=code) from None
        except NoAnswer as silence:
            raise BackendUnavailable(f"{code}: {silence}: {url}", backend=code) from None

    return fetch
