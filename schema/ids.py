"""Global ids: opaque to clients, the type and the key of a thing inside.

A key alone is never accepted, so that nobody builds on how keys look.
"""

from base64 import urlsafe_b64decode
from binascii import b2a_base64
from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from typing import Any

import strawberry

from resolvers.domain.errors import InvalidInput
from schema.fields import plain
from schema.payloads import each

ID_CHARS_MAX = 1024
"""Longer than any id of ours; a longer one is not looked at."""

BETWEEN = "\x1f"
"""Stands between the parts of a key that has several."""

_FOR_URLS = bytes.maketrans(b"+/", b"-_")


def seal(kind: str, *key: str) -> str:
    """The global id of a thing of some type."""
    return sealed_text(f"{kind}:{BETWEEN.join(key)}")


def sealed_text(text: str) -> str:
    """A text as signs that may stand in any address: base64 for URLs, without its ends."""
    return b2a_base64(text.encode(), newline=False).rstrip(b"=").translate(_FOR_URLS).decode()


def opened_text(sealed: str) -> str | None:
    """The text behind such signs; None if they are none of ours."""
    if len(sealed) > ID_CHARS_MAX:
        return None
    try:
        text = urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4)).decode()
    except ValueError:
        return None
    return text if sealed_text(text) == sealed else None


def opened(id: str) -> tuple[str, str] | None:
    """The type and key behind an id; None if it is none of ours."""
    kind, mark, key = (opened_text(id) or "").partition(":")
    return (kind, key) if mark and kind and key else None


def key_of(kind: str, id: str) -> str | None:
    """The key behind an id of one type; None if it is malformed or another type's."""
    found = opened(id)
    return found[1] if found is not None and found[0] == kind else None


def required_key(kind: str, id: str, field: Sequence[str | int]) -> str:
    """The key behind an id of one type.

    Raises:
        InvalidInput: malformed, or another type's.
    """
    key = key_of(kind, id)
    if key is None:
        raise InvalidInput(f"this is no id of the type {kind}", field=field)
    return key


def required_keys(kind: str, ids: Sequence[str], field: Sequence[str | int]) -> list[str]:
    """The keys behind a list of ids of one type.

    Raises:
        InvalidInput: one that is malformed, or another type's (several at once).
    """
    return each(partial(required_key, kind, id, (*field, at)) for at, id in enumerate(ids))


def sealed_member(key: str | None) -> str | None:
    """The global id of a member, None for nobody."""
    return None if key is None else seal("Member", key)


def member_key(id: str | None) -> str | None:
    """The key of a member that a caller named, by its id or, as tokens do, by the key itself."""
    return None if id is None else key_of("Member", id) or id


def identity(kind: str, *paths: str) -> Any:
    """The field ``id`` of a type whose key is these attributes."""
    parts = [attrgetter(path) for path in paths]

    def read(source: Any) -> str:
        return seal(kind, *[str(part(source)) for part in parts])

    def read_one(source: Any) -> str:  # half of the time of the other
        return sealed_text(f"{kind}:{first(source)!s}")

    first = parts[0]
    return plain(
        read_one if len(parts) == 1 else read,
        f"Opaque id of this {kind}, the same for ever; `node` finds it again by it.",
    )


@strawberry.interface(
    name="Node", description="Something that has an id of its own and can be asked for by it."
)
class NodeType:
    """Whatever ``node`` finds."""

    id: strawberry.ID = strawberry.field(description="Opaque id, the same for ever.")
