"""A JSON Web Token taken apart, and what its claims say: strict, and before anything is trusted.

Whose signature it must bear stands in ``gateway/tokens.py`` (our own) and ``gateway/issuers.py``.
Instants are aware UTC.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from resolvers.domain.errors import Unauthenticated

NAME_CHARS_MAX = 256
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")


@dataclass(frozen=True, slots=True)
class Parts:
    """A token as it was sent. Nothing of it is known to be true yet."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes


def taken_apart(token: str) -> Parts:
    """Splits a token, and reads it as JSON that says every member once.

    Raises:
        Unauthenticated: it is no token in the compact form.
    """
    found = _COMPACT.fullmatch(token)
    if found is None:
        raise Unauthenticated("this is not a token")
    header, claims = (_object(part) for part in found.group(1, 2))
    signed = token[: found.end(2)].encode("ascii")
    try:
        return Parts(header, claims, signed, _bytes(found[3]))
    except ValueError as error:
        raise Unauthenticated("this is not a token") from error


def good_until(claims: Mapping[str, Any], now: datetime, skew_seconds: int) -> datetime | None:
    """The first instant at which a token is refused; None: later than there are dates.

    Raises:
        Unauthenticated: it does not say, is over already, or is not good yet.
    """
    issued, expires, begins = (claims.get(name) for name in ("iat", "exp", "nbf"))
    if type(issued) is not int or type(expires) is not int:
        raise Unauthenticated("the token does not say when it was made and when it ends")
    if begins is not None and type(begins) is not int:
        raise Unauthenticated("the token's nbf makes no sense")
    at = now.timestamp()
    if issued > at + skew_seconds:
        raise Unauthenticated("the token was made in the future: compare the clocks")
    if begins is not None and begins > at + skew_seconds:
        raise Unauthenticated("the token is not good yet: compare the clocks")
    if at >= expires + skew_seconds:
        raise Unauthenticated("the token has expired; ask for a new one")
    try:
        return datetime.fromtimestamp(expires + skew_seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def text_of(value: object, name: str) -> str | None:
    """A claim that is one name; None if the token does not have it.

    Raises:
        Unauthenticated: it is something else, or has signs that nobody can see.
    """
    if value is None:
        return None
    if isinstance(value, str) and 0 < len(value) <= NAME_CHARS_MAX and value.isprintable():
        return value
    raise Unauthenticated(f"the token's {name} makes no sense")


def texts_of(value: object, name: str) -> tuple[str, ...]:
    """A claim that is a list of names; none if the token does not have it.

    Raises:
        Unauthenticated: it is something else.
    """
    told = () if value is None else value
    if isinstance(told, Sequence) and not isinstance(told, str):
        found = [text_of(part, name) for part in told]
        if None not in found:
            return tuple(part for part in found if part is not None)
    raise Unauthenticated(f"the token's {name} makes no sense")


def _object(part: str) -> Mapping[str, Any]:
    try:
        told = json.loads(
            _bytes(part).decode(), object_pairs_hook=_said_once, parse_constant=_no_number
        )
    except (ValueError, RecursionError) as error:
        raise Unauthenticated("this is not a token") from error
    if not isinstance(told, dict):
        raise Unauthenticated("this is not a token")
    return told


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _said_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object's members; of one said twice, two readers might each heed another."""
    told = dict(pairs)
    if len(told) < len(pairs):
        raise Unauthenticated("the token says a member twice")
    return told


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")
