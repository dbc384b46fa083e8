"""The keys of one issuer: read out of its JWK set (RFC 7517), cached, and looked for anew.

How the set is fetched stands in ``connectors/identity``. A key is good for the one algorithm that
its type fits, whatever a token says. Ages and pauses are in seconds.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from resolvers.domain.errors import BackendUnavailable, CommerceError

RSA_BITS = range(2048, 8193)
"""Sizes of RSA keys that are used: shorter ones can be broken, longer ones take long to use."""

KEYS_MAX = 100

log = logging.getLogger(__name__)

Fetch = Callable[[], Awaitable[bytes]]
"""Asks an issuer for its set. Raises a CommerceError if there is no answer."""


class Algorithm(StrEnum):
    """How a token of an issuer may be signed."""

    RS256 = "RS256"
    ES256 = "ES256"
    EDDSA = "EdDSA"


@dataclass(frozen=True, slots=True)
class Key:
    """A public key and the one algorithm that it is used with. ``kid`` is its name in the set."""

    kid: str | None
    algorithm: Algorithm
    public: Any

    def signed(self, text: bytes, signature: bytes) -> bool:
        """Says whether the key's owner has signed a text."""
        rule = jwt.PyJWS().get_algorithm_by_name(str(self.algorithm))
        return bool(rule.verify(text, self.public, signature))


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of a set that are used here; ``ignored`` counts the others."""

    keys: tuple[Key, ...]
    ignored: int = 0

    def find(self, kid: str | None, algorithm: Algorithm) -> Key | None:
        """The key of a name; without one, the only key of the algorithm."""
        fitting = [key for key in self.keys if key.algorithm is algorithm]
        if kid is None:
            return fitting[0] if len(fitting) == 1 else None
        return next((key for key in fitting if key.kid == kid), None)


def key_set(document: bytes) -> KeySet:
    """Reads a set. A key that cannot be used is left out: others may need it.

    Raises:
        ValueError: it is no set.
    """
    told = orjson.loads(document)
    entries = told.get("keys") if isinstance(told, dict) else None
    if not isinstance(entries, list) or len(entries) > KEYS_MAX:
        raise ValueError(f"it is no object with a list of at most {KEYS_MAX} keys")
    found = [_key(entry) for entry in entries]
    keys = tuple(key for key in found if key is not None)
    return KeySet(keys, len(found) - len(keys))


def _key(entry: object) -> Key | None:
    """A public key for signatures; None if it is for something else, weak, damaged, or secret."""
    if not isinstance(entry, dict) or "d" in entry or entry.get("use", "sig") != "sig":
        return None
    kid, uses = entry.get("kid"), entry.get("key_ops", ["verify"])
    if not isinstance(kid, str | None) or not isinstance(uses, list) or "verify" not in uses:
        return None
    try:
        found = _public(entry)
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, KeyError):
        return None
    if found is None or entry.get("alg", found[0]) != found[0]:
        return None
    return Key(kid, *found)


def _public(entry: Mapping[str, Any]) -> tuple[Algorithm, Any] | None:
    """A key and the algorithm that its type fits. A symmetric key is none of ours."""
    public: Any
    match entry.get("kty"):
        case "RSA":
            public = RSAAlgorithm.from_jwk(dict(entry))
            fits = isinstance(public, RSAPublicKey) and public.key_size in RSA_BITS
            return (Algorithm.RS256, public) if fits else None
        case "EC":
            public = ECAlgorithm.from_jwk(dict(entry))
            fits = isinstance(public, EllipticCurvePublicKey)
            return (Algorithm.ES256, public) if fits and _is_p256(public) else None
        case "OKP":
            public = OKPAlgorithm.from_jwk(dict(entry))
            return (Algorithm.EDDSA, public) if isinstance(public, Ed25519PublicKey) else None
        case _:
            return None


def _is_p256(public: EllipticCurvePublicKey) -> bool:
    return isinstance(public.curve, SECP256R1)


class KeyRing:
    """The keys of one issuer, as they were when last looked at.

    They are looked at again when they are ``fresh_seconds`` old, or for a key that is not among
    them; not sooner than ``pause_seconds`` after the last look, whoever asks. While the issuer does
    not answer, what is known goes on for ``outage_seconds``.
    """

    def __init__(
        self,
        code: str,
        fetch: Fetch,
        *,
        fresh_seconds: float,
        outage_seconds: float,
        pause_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._code = code
        self._fetch = fetch
        self._fresh = fresh_seconds
        self._kept = fresh_seconds + outage_seconds
        self._pause = pause_seconds
        self._clock = clock
        self._known = KeySet(())
        self._known_at = -math.inf
        self._next_look = -math.inf
        self._failed = False
        self._look: asyncio.Task[None] | None = None

    async def find(self, kid: str | None, algorithm: Algorithm) -> Key | None:
        """A key of the issuer's; None if it has none of this name.

        Raises:
            BackendUnavailable: it is not known, and the issuer could not be asked.
        """
        key = self._found(kid, algorithm)
        is_fresh = self._clock() - self._known_at < self._fresh
        if key is not None and (is_fresh or self._look is not None):
            return key
        await self._looked()
        key = self._found(kid, algorithm)
        if key is None and self._failed:
            told = f"the keys of issuer {self._code} cannot be had now"
            raise BackendUnavailable(told, backend=self._code)
        return key

    async def close(self) -> None:
        """Ends a look that is under way."""
        if self._look is not None:
            self._look.cancel()
            await asyncio.wait([self._look])

    def _found(self, kid: str | None, algorithm: Algorithm) -> Key | None:
        if self._clock() - self._known_at >= self._kept:
            return None
        return self._known.find(kid, algorithm)

    async def _looked(self) -> None:
        """Waits for one look, which all who want one share, and which no caller's leaving ends."""
        if self._look is None:
            if self._clock() < self._next_look:
                return
            self._look = asyncio.create_task(self._look_once(), name=f"keys of {self._code}")
        await asyncio.shield(self._look)

    async def _look_once(self) -> None:
        try:
            self._known = key_set(await self._fetch())
            self._known_at, self._failed = self._clock(), False
        except (CommerceError, ValueError) as error:
            self._failed = True
            log.warning("issuer %s: its keys cannot be had: %s", self._code, error)
        finally:
            self._next_look = self._clock() + self._pause
            self._look = None
