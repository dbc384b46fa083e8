"""Which program calls, as it says itself: its name and version, bounded before anybody keeps them.

Nobody proves them; they are for counting and reading, never for deciding.
"""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache

from resolvers.domain.harmless import is_harmless

NAMES = ("apollographql-client-name", "graphql-client-name", "x-client-name")
VERSIONS = ("apollographql-client-version", "graphql-client-version", "x-client-version")

CHARS_MAX = 64
REMEMBERED = 512
"""Names and versions whose look is remembered: the same few come with every request."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/+-]{0,63}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,31}")
_OPERATION = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,63}")


@dataclass(frozen=True, slots=True)
class Client:
    """A program that calls."""

    name: str
    version: str = ""


UNNAMED = Client("unnamed")
"""One that does not say its name, or says one that cannot be taken for a program's."""

_calling: ContextVar[Client] = ContextVar("calling", default=UNNAMED)


def client_of(said: Mapping[str, object]) -> Client:
    """The client that names itself in headers, by their names in small letters, or in the payload
    of ``connection_init``.
    """
    name = _first(said, NAMES)
    return _client(name, _first(said, VERSIONS)) if name else UNNAMED


def _first(said: Mapping[str, object], names: tuple[str, ...]) -> str:
    for name in names:
        value = said.get(name)
        if value is not None:
            return value if isinstance(value, str) and len(value) <= CHARS_MAX else ""
    return ""


@lru_cache(REMEMBERED)
def _client(name: str, version: str) -> Client:
    if not _NAME.fullmatch(name) or not is_harmless(name):
        return UNNAMED
    good = _VERSION.fullmatch(version) and is_harmless(version)
    return Client(name, version if good else "")


def calls(client: Client) -> None:
    """Notes who calls, for the request or the connection at hand."""
    _calling.set(client)


def calling() -> Client:
    """Who calls in the request or on the connection at hand."""
    return _calling.get()


def shown_name(name: str | None) -> str:
    """The name of an operation as it may be written down; "" if it has none that may."""
    return name if name and len(name) <= CHARS_MAX and _is_shown(name) else ""


@lru_cache(REMEMBERED)
def _is_shown(name: str) -> bool:
    return _OPERATION.fullmatch(name) is not None and is_harmless(name)
