"""API keys of partners: their text, and the ring of them that each process believes.

A key is ``ucg_<id>_<secret><check>``: an id that may be shown, 256 random bits, and a checksum that
tells a slip of the hand from a stranger. The store has the SHA-256 of the whole, which is enough:
nobody guesses 256 bits, so that no salt and no slow hash is needed.
"""

import asyncio
import hashlib
import hmac
import logging
import re
import secrets
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager

from resolvers.access import Principal, Role, Scope
from resolvers.callers_port import CallerStore
from resolvers.domain.callers import ApiKey
from resolvers.domain.errors import BackendUnavailable, Unauthenticated
from resolvers.domain.partner_keys import KeyState, Minted, state_of
from resolvers.ports import Clock

WORD = "ucg"
"""What each key begins with, so that people and scanners of leaked secrets know one by sight."""

BELIEVED_READINGS = 12
"""Pauses between two readings for which the last one is believed while the store is not to be read:
long enough for a store that starts again, and no key outlives its end for longer.
"""

_ID_CHARS = 10
_SECRET_BYTES = 32
_SECRET_CHARS, _CHECK_CHARS = 43, 6  # what 256 and 32 bits take in base 62
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_DIGITS = "0123456789abcdefghijkmnpqrstuvwxyz"  # without l and o, which are read as 1 and 0
_TAIL_CHARS = _SECRET_CHARS + _CHECK_CHARS
_TEXT = re.compile(rf"{WORD}_([0-9a-z]{{{_ID_CHARS}}})_[0-9A-Za-z]{{{_TAIL_CHARS}}}")
_SHOWN = re.compile(rf"(?:{WORD}_)?([0-9a-z]{{{_ID_CHARS}}})(?:_\w*)?")
_NO_DIGEST = "0" * 64

log = logging.getLogger(__name__)


# ---- the text ----------------------------------------------------------------------------------


def mint() -> tuple[str, Minted]:
    """A new key: its text, which is told once, and what is kept of it."""
    id = "".join(secrets.choice(_ID_DIGITS) for _ in range(_ID_CHARS))
    secret = _in_base_62(int.from_bytes(secrets.token_bytes(_SECRET_BYTES)), _SECRET_CHARS)
    body = f"{WORD}_{id}_{secret}"
    text = body + _check_of(body)
    return text, Minted(id, digest_of(text))


def digest_of(text: str) -> str:
    """What the store has of a key."""
    return hashlib.sha256(text.encode()).hexdigest()


def prefix_of(id: str) -> str:
    """The part of a key that is shown."""
    return f"{WORD}_{id}"


def is_key(text: str) -> bool:
    """Says whether a text means to be a key; no signed token begins so."""
    return text.startswith(f"{WORD}_")


def id_in(text: str) -> str | None:
    """The id in a key, in its shown part, or alone; None if it is none of them."""
    found = _SHOWN.fullmatch(text)
    return found[1] if found else None


def _in_base_62(number: int, chars: int) -> str:
    digits = []
    for _ in range(chars):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def _check_of(body: str) -> str:
    return _in_base_62(zlib.crc32(body.encode()), _CHECK_CHARS)


def _id_of(text: str) -> str:
    """The id in the text of a whole key.

    Raises:
        Unauthenticated: it is no key, and no word of it is said back.
    """
    found = _TEXT.fullmatch(text)
    body, check = text[:-_CHECK_CHARS], text[-_CHECK_CHARS:]
    if found is None or not hmac.compare_digest(check, _check_of(body)):
        raise Unauthenticated(
            "this is no whole API key: copy it again, from its first sign to its last"
        )
    return found[1]


# ---- who is believed ---------------------------------------------------------------------------


class KeyRing:
    """The keys as this process last read them. ``pause_seconds`` lie between two readings.

    Whoever sends a key is looked up here and nowhere else: a flood of unknown keys costs the store
    nothing. ``ticks`` counts seconds and cannot be set.
    """

    def __init__(
        self,
        store: CallerStore,
        clock: Clock,
        pause_seconds: float,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._clock = clock
        self._pause_seconds = pause_seconds
        self._ticks = ticks
        self._keys: Mapping[str, ApiKey] = {}
        self._callers: Mapping[str, Principal] = {}
        self._read: Sequence[ApiKey] = ()
        self._good_until: float | None = None
        self._listening: dict[object, tuple[str, Callable[[], None]]] = {}

    async def read(self) -> None:
        """Reads every key again, and ends what was opened with one that opens nothing any more."""
        began = self._ticks()
        found = await self._store.api_keys()
        if found != self._read:
            self._keys = {key.id: key for key in found}
            self._callers = {key.id: _principal(key) for key in found}
            self._read = found
        self._good_until = began + self._pause_seconds * BELIEVED_READINGS
        now = self._clock()
        for id, end in list(self._listening.values()):
            key = self._keys.get(id)
            if key is None or not key.is_live(now):
                end()

    def holder(self, text: str) -> Principal:
        """Says who calls with a key. No error says a word of it.

        Raises:
            Unauthenticated: it is no key, or unknown, or has ended; the message says which.
            BackendUnavailable: the store has not been read for too long to know.
        """
        id = _id_of(text)
        if self._good_until is None or self._ticks() > self._good_until:
            raise BackendUnavailable("API keys cannot be looked up now; a token can")
        key = self._keys.get(id)
        digest = _NO_DIGEST if key is None else key.digest
        if not hmac.compare_digest(digest_of(text), digest) or key is None:
            raise Unauthenticated("this API key is not known here")
        match state_of(key, self._clock()):
            case KeyState.REVOKED:
                raise Unauthenticated("this API key was revoked")
            case KeyState.EXPIRED:
                raise Unauthenticated("this API key has expired")
        return self._callers[id]

    @contextmanager
    def ending(self, caller: Principal, end: Callable[[], None]) -> Iterator[None]:
        """Calls ``end`` when, within the block, the key that a caller came with has ended; what
        came without one is left alone.
        """
        if caller.key_id is None:
            yield
            return
        ticket = object()
        self._listening[ticket] = (caller.key_id, end)
        try:
            yield
        finally:
            del self._listening[ticket]

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Reads the keys, and again and again for as long as the block lasts."""
        await self._tried()
        task = asyncio.create_task(self._keep(), name="API keys")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._pause_seconds)
            await self._tried()

    async def _tried(self) -> None:
        try:
            await self.read()
        except Exception:  # a store that is away comes back, and its drivers raise what they like
            log.exception("reading the API keys failed; trying again")


def _principal(key: ApiKey) -> Principal:
    """The caller of a key: the same over all keys of its partner."""
    return Principal(
        Role.PARTNER,
        f"partner:{key.partner}",
        locations=key.locations,
        channels=key.channels,
        narrowed_to=frozenset(scope for scope in Scope if scope in key.scopes),
        good_until=key.expires_at,
        key_id=key.id,
    )
