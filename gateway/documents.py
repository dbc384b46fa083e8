"""The library: every document that a request asks for is sent in it or found here, and may run.

It has the trusted documents of the manifest, and those that clients had kept by their hash. How a
request names one stands in ``gateway.wire``, how a manifest is read in ``gateway.manifests``.
"""

import logging
from collections import OrderedDict
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import Counter

from gateway.manifests import (
    SHA256,
    Faults,
    Faulty,
    Manifest,
    Unreadable,
    hash_of,
    look_over,
    read_manifest,
)
from gateway.settings_documents import ENFORCE, LOG, OFF, Documents
from gateway.settings_file import Problem, SettingsError
from gateway.telemetry import Telemetry
from gateway.wire import Asked, Reference, TurnedAway
from resolvers.access import Principal
from schema.documents import SOURCE_CHARS_MAX
from schema.operations import Operation

TOLD_MAX = 1000
"""Pairs of a document and a client that were told in the log and are not told again."""

FAULTY_TOLD = 20
"""Most documents of a manifest that are named as faulty; the command names all."""

log = logging.getLogger(__name__)


class Shelf:
    """Texts by their hash; the one that nobody has asked for longest makes room."""

    def __init__(self) -> None:
        self._texts: OrderedDict[str, str] = OrderedDict()
        self._bytes = 0

    def find(self, digest: str) -> str | None:
        """The text of a hash."""
        if digest in self._texts:
            self._texts.move_to_end(digest)
        return self._texts.get(digest)

    def put(self, digest: str, text: str, most: int, bytes_most: int) -> None:
        """Keeps one text more, with at most so many others and so many bytes in all."""
        size = _size(text)
        if size > bytes_most:
            return
        if self.find(digest) is None:
            self._texts[digest] = text
            self._bytes += size
        while len(self._texts) > most or self._bytes > bytes_most:
            self._bytes -= _size(self._texts.popitem(last=False)[1])


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


Stamp = tuple[int, int, int] | None
"""What tells a file from the one that was there before; None: there is none."""


def stamp_of(path: str | None) -> Stamp:
    """The stamp of a manifest now."""
    try:
        found = None if path is None else Path(path).stat()
    except OSError:
        return None
    return None if found is None else (found.st_mtime_ns, found.st_size, found.st_ino)


@dataclass(frozen=True, slots=True)
class Edition:
    """What a library goes by: the settings, and the manifest that they name."""

    settings: Documents = field(default_factory=Documents)
    manifest: Manifest = field(default_factory=Manifest)
    faulty: tuple[Faulty, ...] = ()
    stamp: Stamp = None

    @property
    def sound(self) -> AbstractSet[str]:
        """Hashes of documents that can run."""
        return self.manifest.by_hash.keys() - {at.entry.hash for at in self.faulty}

    @property
    def keeps(self) -> bool:
        """Whether clients may have documents kept."""
        return self.settings.automatic and self.settings.trusted != ENFORCE


class Library:
    """The documents of one process. What it goes by is exchanged whole, between two requests.

    ``faults`` says what keeps a document from running.
    """

    def __init__(self, faults: Faults, telemetry: Telemetry) -> None:
        self.edition = Edition()
        self._faults = faults
        self._log = telemetry.log
        self._of_callers, self._of_guests = Shelf(), Shelf()
        self._told: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._found = Counter(
            "gateway_documents",
            "Documents that requests asked for: trusted (in the manifest), kept (by hash), sent "
            "(as text), missing (a name that is not known) or refused (in no manifest).",
            ["found"],
            registry=telemetry.metrics.registry,
        )
        self._unknown = Counter(
            "gateway_unknown_documents",
            "Documents that ran although they are in no manifest.",
            registry=telemetry.metrics.registry,
        )

    # ---- what it goes by -----------------------------------------------------------------------

    def opened(self, settings: Documents) -> Edition:
        """Reads and looks over what some settings name. Nothing changes yet.

        Raises:
            SettingsError: the manifest cannot be used; under ``enforce``, or not all of it.
        """
        if settings.manifest is None:
            return Edition(settings)
        stamp = stamp_of(settings.manifest)  # before it is read: a later file has another one
        try:
            manifest = read_manifest(Path(settings.manifest))
        except Unreadable as error:
            expected = "a manifest of documents by id, or Apollo's"
            told = f"{settings.manifest}: {error}"
            raise SettingsError([Problem("documents.manifest", expected, told)]) from error
        faulty = look_over(manifest, self._faults, self.edition.sound)
        if faulty and settings.trusted == ENFORCE:
            raise SettingsError(
                [
                    Problem("documents.manifest", "only documents that can run here", str(at))
                    for at in faulty[:FAULTY_TOLD]
                ]
            )
        return Edition(settings, manifest, tuple(faulty), stamp)

    def adopt(self, edition: Edition) -> None:
        """Goes by something else from now on; requests that are under way have what they asked."""
        self.edition = edition
        for at in edition.faulty[:FAULTY_TOLD]:
            log.warning("a document of the manifest cannot run here: %s", at)
        if len(edition.faulty) > FAULTY_TOLD:
            log.warning("%d documents of the manifest cannot run here", len(edition.faulty))

    # ---- what is asked for ---------------------------------------------------------------------

    def operation(self, asked: Asked, caller: Principal, client: str) -> Operation:
        """What a request asks to run, with its document.

        Raises:
            TurnedAway: its name is not known, or is another document's; or it may not run here.
        """
        edition = self.edition
        if asked.text is None:
            assert asked.reference is not None, "a request without either is refused before"
            return self._named(edition, asked, asked.reference, client)
        digest = self._claimed(edition, asked.text, asked.reference)
        trusted = False
        if edition.settings.trusted != OFF and len(asked.text) <= SOURCE_CHARS_MAX:
            digest = digest or hash_of(asked.text)
            trusted = digest in edition.manifest.by_hash
        if not trusted:
            self._require_free(edition, caller)
            self._note(edition, digest, client)
        self._found.labels("trusted" if trusted else "sent").inc()
        wish = digest if asked.reference is not None and edition.keeps and not trusted else None
        return Operation(asked.text, asked.variables, asked.name, wish or None)

    def keep(self, digest: str, document: str, caller: Principal) -> None:
        """Keeps a document by its hash, if it can run: guests' apart from those of callers with a
        token, so that they do not push those out.
        """
        shelf = self._of_guests if caller.is_guest else self._of_callers
        if shelf.find(digest) is None and not self._faults(document, True):
            settings = self.edition.settings
            shelf.put(digest, document, settings.kept_max, settings.kept_bytes_max)

    def _named(
        self, edition: Edition, asked: Asked, reference: Reference, client: str
    ) -> Operation:
        """The document of a name."""
        digest = reference.name.removeprefix(SHA256)
        text = edition.manifest.find(reference.name)
        if text is not None:
            self._found.labels("trusted").inc()
            return Operation(text, asked.variables, asked.name)
        if edition.keeps:
            text = self._of_callers.find(digest) or self._of_guests.find(digest)
        if text is None:
            self._found.labels("missing").inc()
            raise _missing(reference, keeps=edition.keeps)
        self._found.labels("kept").inc()
        self._note(edition, digest, client)
        return Operation(text, asked.variables, asked.name)

    def _claimed(self, edition: Edition, text: str, reference: Reference | None) -> str:
        """The hash of a text that came with its name; "" if it came without, or is too long to be
        kept: then reading it says so.

        Raises:
            TurnedAway: the name is another document's.
        """
        if reference is None or len(text) > SOURCE_CHARS_MAX:
            return ""
        digest = hash_of(text)
        known = edition.manifest.by_id.get(reference.name)
        if reference.name.removeprefix(SHA256) != digest and known != text:
            told = "provided sha does not match query"
            raise TurnedAway(400, "PERSISTED_QUERY_HASH_MISMATCH", told)
        return digest

    def _require_free(self, edition: Edition, caller: Principal) -> None:
        if edition.settings.trusted == ENFORCE and caller.role not in edition.settings.free_roles:
            self._found.labels("refused").inc()
            told = "only documents of the manifest run here; name one by its documentId"
            raise TurnedAway(403, "DOCUMENT_NOT_TRUSTED", told)

    def _note(self, edition: Edition, digest: str, client: str) -> None:
        """Counts a document that no manifest has, and tells of it once for each client."""
        if edition.settings.trusted != LOG:
            return
        self._unknown.inc()
        if (digest, client) not in self._told:
            self._told[digest, client] = None
            self._log.info("unknown document", document=digest, client=client)
            if len(self._told) > TOLD_MAX:
                self._told.popitem(last=False)


def _missing(reference: Reference, *, keeps: bool) -> TurnedAway:
    """The refusal of a name that is not known, in the words that clients of its protocol heed."""
    if not reference.automatic:
        told = "there is no document of this documentId"
        return TurnedAway(404, "PERSISTED_DOCUMENT_NOT_FOUND", told)
    if keeps:
        told, code = "PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND"
        return TurnedAway(404, code, told, status_in_json=200)
    told, code = "PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED"
    return TurnedAway(400, code, told, status_in_json=200)
