"""Settings of the documents that clients send: which may run, and which are kept by their hash.

What they do stands in ``gateway/documents.py``; for people, in ``docs/documents.md``.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

from gateway.settings_file import Reader, about
from resolvers.access import Role

OFF, LOG, ENFORCE = "off", "log", "enforce"
"""Values of ``trusted``."""


@dataclass(frozen=True, slots=True)
class Documents:
    """Documents that clients name instead of sending them (`docs/documents.md`). Read again at
    SIGHUP, all of it.
    """

    manifest: str | None = field(
        default=None,
        metadata=about(
            "File of trusted documents, as Relay or Apollo write it; a relative path begins at the"
            " TOML file."
        ),
    )
    trusted: str = field(
        default=OFF,
        metadata=about(
            "`enforce` runs only documents of the manifest; `log` runs others too, counts them and"
            " logs their hashes; `off` does not look.",
            kind="one of off, log, enforce",
            fits=lambda text: text in (OFF, LOG, ENFORCE),
        ),
    )
    free_roles: tuple[Role, ...] = field(
        default=(Role.OPERATOR, Role.ADMIN),
        metadata=about(
            "Roles that may send any document all the same: GraphiQL and a partner's router make"
            " their own."
        ),
    )
    look_seconds: float = field(
        default=5.0,
        metadata=about(
            "Pause between two looks whether the manifest has changed; 0: only SIGHUP says so.",
            low=0,
            high=86_400,
        ),
    )
    automatic: bool = field(
        default=True,
        metadata=about(
            "Whether clients may have documents kept by their hash (automatic persisted queries)."
            " Never under `enforce`."
        ),
    )
    kept_max: int = field(
        default=1000,
        metadata=about(
            "Most documents that are kept so in one process, for callers with a token and for"
            " guests each.",
            low=1,
            high=100_000,
        ),
    )
    kept_bytes_max: int = field(
        default=4_194_304,
        metadata=about(
            "Most bytes of text that they have, for each of the two.", low=1024, high=1_073_741_824
        ),
    )


def checked_documents(reader: Reader, found: Documents, folder: Path) -> Documents:
    """The section with its file named from here; nothing can be enforced without one."""
    key = "documents.manifest"
    if found.trusted == ENFORCE and found.manifest is None and reader.sound(key):
        reader.refuse_value(key, 'a file, which trusted = "enforce" needs', "nothing")
    return (
        found if found.manifest is None else replace(found, manifest=str(folder / found.manifest))
    )
