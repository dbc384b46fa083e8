"""Manifests of trusted documents: files that the builds of clients write, read and looked over.

Two forms are known: Relay's, an object of documents by id, and Apollo's
``apollo-persisted-query-manifest``. What they allow stands in ``gateway.documents``.
"""

import hashlib
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

BYTES_MAX = 16_777_216
"""Longest manifest."""

DOCUMENTS_MAX = 2000
"""Most documents of a manifest: looking over each takes a few milliseconds, before the start."""

ID_CHARS_MAX = 256

REMEMBERED = 128
"""Documents of a manifest that stay read and validated when it is looked over: half of what a
process remembers. The others are read again when they are first asked for."""

SHA256 = "sha256:"
"""What an id begins with that is the hash of its document."""

_APOLLO = "apollo-persisted-query-manifest"

Faults = Callable[[str, bool], list[str]]
"""What keeps a document from running; whether what was found out is to be remembered."""


class Unreadable(Exception):
    """A manifest is no manifest: the message says why, and names no more than an id."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One document of a manifest."""

    id: str
    document: str
    hash: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The documents of a manifest, by id and by hash."""

    entries: tuple[Entry, ...] = ()
    by_id: Mapping[str, str] = field(default_factory=dict)
    by_hash: Mapping[str, str] = field(default_factory=dict)

    def find(self, key: str) -> str | None:
        """The document of an id or a hash, with ``sha256:`` before it or not."""
        found = self.by_id.get(key)
        return found if found is not None else self.by_hash.get(key.removeprefix(SHA256))


@dataclass(frozen=True, slots=True)
class Faulty:
    """A document of a manifest that cannot run, and why."""

    entry: Entry
    problems: tuple[str, ...]

    def __str__(self) -> str:
        named = f" ({self.entry.name})" if self.entry.name else ""
        return f"{self.entry.id}{named}: {'; '.join(self.problems)}"


def hash_of(document: str) -> str:
    """The name by which every client knows a document: SHA-256 of its UTF-8, in small letters."""
    return hashlib.sha256(document.encode("utf-8", "surrogatepass")).hexdigest()


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file.

    Raises:
        Unreadable: it cannot be read, or is of neither form.
    """
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise Unreadable((error.strerror or "it cannot be opened").lower()) from error
    if len(content) > BYTES_MAX:
        raise Unreadable(f"more than {BYTES_MAX} bytes")
    try:
        said = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"no JSON: {error}") from error
    return _manifest_of(_entries(said))


def look_over(manifest: Manifest, faults: Faults, sound: Container[str] = ()) -> list[Faulty]:
    """The documents of a manifest that cannot run; those whose hashes are known to be ``sound`` are
    not looked at again.
    """
    found = []
    for at, entry in enumerate(manifest.entries):
        if entry.hash in sound:
            continue
        if problems := faults(entry.document, at < REMEMBERED):
            found.append(Faulty(entry, tuple(problems)))
    return found


def _entries(said: object) -> list[Entry]:
    if not isinstance(said, dict):
        raise Unreadable("no JSON object")
    if "format" not in said or isinstance(said.get("operations"), str):
        return [_entry(id, document, "") for id, document in said.items()]
    if said["format"] != _APOLLO:
        raise Unreadable(f'its "format" is not {_APOLLO}')
    if type(said.get("version")) is not int or said["version"] != 1:
        raise Unreadable('its "version" is not 1')
    operations = said.get("operations")
    if not isinstance(operations, list):
        raise Unreadable('its "operations" are no list')
    return [_of_apollo(operation, at) for at, operation in enumerate(operations, start=1)]


def _of_apollo(said: Any, at: int) -> Entry:
    if not isinstance(said, dict):
        raise Unreadable(f"operation {at} is no object")
    name = said.get("name", "")
    return _entry(said.get("id"), said.get("body"), name if isinstance(name, str) else "")


def _entry(id: object, document: object, name: str) -> Entry:
    if not isinstance(id, str) or not 0 < len(id) <= ID_CHARS_MAX or not id.isprintable():
        raise Unreadable(f"an id is 1 to {ID_CHARS_MAX} printable characters")
    if not isinstance(document, str) or not document.strip():
        raise Unreadable(f"{id} has no document")
    digest = hash_of(document)
    if id.startswith(SHA256) and id != f"{SHA256}{digest}":
        raise Unreadable(f"{id} is not the hash of its document, which is {digest}")
    return Entry(id, document, digest, name if name.isprintable() else "")


def _manifest_of(entries: list[Entry]) -> Manifest:
    if len(entries) > DOCUMENTS_MAX:
        raise Unreadable(f"{len(entries)} documents; {DOCUMENTS_MAX} are allowed")
    by_id: dict[str, str] = {}
    for entry in entries:
        if by_id.setdefault(entry.id, entry.document) != entry.document:
            raise Unreadable(f"{entry.id} stands for two documents")
    by_hash = {entry.hash: entry.document for entry in entries}
    return Manifest(tuple(entries), by_id, by_hash)
