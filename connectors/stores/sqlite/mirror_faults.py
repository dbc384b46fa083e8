"""What is wrong with what a SQLite store mirrors: rows that cannot be read, or are not what they
are found by. Nothing of a person is named but the id.
"""

import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from msgspec import MsgspecError

from connectors.stores.rows import Mastered
from connectors.stores.sqlite.inbox import MESSAGE, message_from, message_key
from connectors.stores.sqlite.listings import (
    LISTING,
    listing_key,
    mastered,
    read_listing,
    read_mapping,
)
from connectors.stores.sqlite.members import (
    MEMBER,
    identity_keys,
    member_key,
    read_member,
    tags_of,
)
from connectors.stores.sqlite.publications import (
    PUBLICATION,
    publication_key,
    read_publication,
)
from resolvers.domain.listings import ListingMapping


def _rows(
    connection: sqlite3.Connection,
    *,
    table: str,
    called: str,
    key: str,
    body: str,
    read: Callable[..., Any],
    key_of: Callable[[Any], tuple[object, ...]],
    name: int = 0,
) -> Iterator[str]:
    """Rows of a table: ``key`` are the columns that they are found by, the ``name``-th of them
    calls them; ``body`` those that ``read`` takes.
    """
    width = key.count(",") + 1
    for row in connection.execute(f"SELECT {key}, {body} FROM {table}"):
        found_by = row[:width]
        try:
            known = read(*row[width:])
        except MsgspecError as error:
            yield f"{called} {found_by[name]} cannot be read: {error}"
            continue
        if key_of(known) != found_by:
            yield f"{called} {found_by[name]} is not what it is found by"


def _members(connection: sqlite3.Connection) -> Iterator[str]:
    """Members, beside what they are known by and their tags."""
    identities = "SELECT kind, value, system FROM member_identities WHERE member = ?"
    tags = "SELECT tag FROM member_tags WHERE member = ?"
    for *key, body in connection.execute(f"SELECT {MEMBER}, body FROM members"):
        id = key[0]
        try:
            known = read_member(body)
        except MsgspecError as error:
            yield f"member {id} cannot be read: {error}"
            continue
        if (
            member_key(known) != tuple(key)
            or identity_keys(known) != set(connection.execute(identities, (id,)))
            or tags_of(known) != {tag for (tag,) in connection.execute(tags, (id,))}
        ):
            yield f"member {id} is not what it is found by"


def _master_key(it: Mastered) -> tuple[object, ...]:
    return it.product.handle, it.backend


def _mapping_key(it: ListingMapping) -> tuple[object, ...]:
    return it.backend, it.listing, it.sku


MIRROR_LOOKS: tuple[Callable[[sqlite3.Connection], Iterator[str]], ...] = (
    partial(
        _rows,
        table="messages",
        called="message",
        key=MESSAGE,
        body="rest, body",
        read=message_from,
        key_of=message_key,
    ),
    _members,
    partial(
        _rows,
        table="masters",
        called="master data of",
        key="handle, backend",
        body="backend, body",
        read=mastered,
        key_of=_master_key,
    ),
    partial(
        _rows,
        table="listings",
        called="listing",
        key=LISTING,
        body="body",
        read=read_listing,
        key_of=listing_key,
        name=1,
    ),
    partial(
        _rows,
        table="mappings",
        called="the mapping of",
        key="backend, listing, sku",
        body="body",
        read=read_mapping,
        key_of=_mapping_key,
        name=1,
    ),
    partial(
        _rows,
        table="publications",
        called="the number of",
        key=PUBLICATION,
        body="body",
        read=read_publication,
        key_of=publication_key,
        name=1,
    ),
)
"""Every table of the mirror that is looked over, in the order in which it is told."""
