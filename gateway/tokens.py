"""Tokens: who calls, signed with the key of one data directory (HS256).

What a role may do stands in ``resolvers/access.py``. Instants are aware UTC; the clock is given.
"""

import os
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import jwt

from gateway.jwt_parts import good_until, text_of, texts_of
from resolvers.access import Principal, Role
from resolvers.domain.errors import Unauthenticated
from resolvers.ports import Clock

_ALGORITHM = "HS256"
_TOKEN_CHARS_MAX = 4096
_KEY_BYTES = 32

PROVED_MAX = 4096
"""Most tokens that are known again without another look: some 700 bytes each."""

_KEY_TEXT = re.compile(r"[0-9a-f]{64}\n?")
_OWN_CHECKS = {f"verify_{claim}": False for claim in ("exp", "iat", "nbf", "aud", "iss", "sub")}


class KeyUnusable(Exception):
    """The file that should hold a signing key holds something else."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The secret of one data directory. It is never printed."""

    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, data: Path) -> "SigningKey":
        """The directory's key, made now if there is none; of two who make one, one wins.

        Raises:
            KeyUnusable: ``token.key`` is not a key.
            OSError: it can be neither read nor made.
        """
        path = data / "token.key"
        if not path.exists():
            _make_key(path)
        with path.open("rb") as file:
            text = file.read(_KEY_BYTES * 2 + 2).decode("ascii", errors="replace")
        if not _KEY_TEXT.fullmatch(text):
            raise KeyUnusable(f"{path} is not a signing key: move it away and one will be made")
        return cls(bytes.fromhex(text.strip()))


def _make_key(path: Path) -> None:
    """Writes a whole key aside, then links it into place: nobody ever reads half a key."""
    aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(aside)
        except FileExistsError:
            return
    finally:
        aside.unlink()


def principal_of(
    role: Role,
    *,
    member: str | None = None,
    associate: str | None = None,
    locations: Sequence[str] = (),
    channels: Sequence[str] = (),
) -> Principal:
    """A principal whose subject is the same over all of its tokens: member, associate, or role.

    Partners of different channels are different partners.
    """
    subject = str(role)
    if role is Role.PARTNER and channels:
        subject = f"{role}:{','.join(sorted(channels))}"
    if associate is not None:
        subject = f"associate:{associate}"
    if member is not None:
        subject = f"member:{member}"
    return Principal(role, subject, member, associate, tuple(locations), tuple(channels))


@dataclass(frozen=True, slots=True)
class _Proved:
    """Whose a token is, and since and until when that may be said without another look."""

    principal: Principal
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Tokens:
    """Signs tokens of one issuer and trusts them again.

    Whose a good token is, is remembered until it ends: a look at its signature and claims took a
    fifth of the shortest request. Nothing ends such a token early but another key, which a process
    reads once. What is not trusted is looked at each time, and takes nobody's room.
    """

    key: SigningKey
    issuer: str
    clock: Clock
    skew_seconds: int = 30
    _proved: OrderedDict[bytes, _Proved] = field(
        default_factory=OrderedDict, repr=False, compare=False
    )

    def issue(self, principal: Principal, ttl_seconds: int) -> str:
        """Signs a token that is good from now for ``ttl_seconds``."""
        assert ttl_seconds > 0, "the command refuses this before it comes here"

        now = int(self.clock().timestamp())
        claims: dict[str, Any] = {
            "sub": principal.subject,
            "role": str(principal.role),
            "iat": now,
            "exp": now + ttl_seconds,
            "iss": self.issuer,
        }
        if principal.member_id is not None:
            claims["member"] = principal.member_id
        if principal.associate_code is not None:
            claims["associate"] = principal.associate_code
        if principal.locations:
            claims["loc"] = list(principal.locations)
        if principal.channels:
            claims["ch"] = list(principal.channels)
        return jwt.encode(claims, self.key.secret, algorithm=_ALGORITHM)

    def verify(self, token: str) -> Principal:
        """Says who calls.

        Raises:
            Unauthenticated: the token cannot be trusted; the message says why.
        """
        if len(token) > _TOKEN_CHARS_MAX:
            raise Unauthenticated("the token is longer than any that is signed here")
        now = self.clock()
        digest = blake2b(token.encode(errors="surrogatepass"), digest_size=32).digest()
        proved = self._proved.get(digest)
        if proved is not None and proved.since <= now < proved.until:
            self._proved.move_to_end(digest)
            return proved.principal
        principal = self._looked_at(token, now)
        if principal.good_until is not None:
            self._proved[digest] = _Proved(principal, now, principal.good_until)
            self._proved.move_to_end(digest)
            if len(self._proved) > PROVED_MAX:
                self._proved.popitem(last=False)
        return principal

    def _looked_at(self, token: str, now: datetime) -> Principal:
        try:
            claims = jwt.decode(
                token,
                self.key.secret,
                algorithms=[_ALGORITHM],
                options=_OWN_CHECKS,  # type: ignore[arg-type]
            )
        except jwt.InvalidAlgorithmError as error:
            raise Unauthenticated("the token is not signed with HS256") from error
        except jwt.InvalidSignatureError as error:
            raise Unauthenticated("the token was not signed here") from error
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise Unauthenticated("this is not a token; make one with: gateway token") from error

        if claims.get("iss") != self.issuer:
            raise Unauthenticated("the token is of another issuer")
        ends = good_until(claims, now, self.skew_seconds)
        return replace(_principal(claims), good_until=ends)


def _principal(claims: Mapping[str, Any]) -> Principal:
    try:
        role = Role(str(claims.get("role")))
    except ValueError as error:
        raise Unauthenticated("the token names no role that is known here") from error
    subject = text_of(claims.get("sub"), "sub")
    if subject is None:
        raise Unauthenticated("the token does not say who calls")
    return Principal(
        role,
        subject,
        text_of(claims.get("member"), "member"),
        text_of(claims.get("associate"), "associate"),
        texts_of(claims.get("loc"), "loc"),
        texts_of(claims.get("ch"), "ch"),
    )
