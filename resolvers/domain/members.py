"""Members as the systems know them: one record for each that a source has.

Records of several sources that are one person stand apart here; which of them belong together is
decided elsewhere. Phones are E.164, mail addresses lower case; every value is as it is compared.
Pure.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from resolvers.domain.catalog import Provenance


class IdentityKind(StrEnum):
    """What somebody can be known by."""

    PHONE = "PHONE"
    EMAIL = "EMAIL"
    CARD = "CARD"
    OPEN_ID = "OPEN_ID"
    UNION_ID = "UNION_ID"
    EXTERNAL = "EXTERNAL"


@dataclass(frozen=True, slots=True)
class Identity:
    """One thing that a member is known by in a system; ``evidence`` says who vouches for it."""

    kind: IdentityKind
    system: str
    value: str
    linked_at: datetime
    evidence: str


@dataclass(frozen=True, slots=True)
class Consent:
    """What somebody allowed or forbade, and when it was said."""

    kind: str
    given: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """One person's record in one system.

    ``id`` follows from the system and its own id (``member_id``). ``points`` is None where the
    system keeps none. ``tags`` are in order. ``gone`` says that the system has it no more.
    """

    id: str
    display_name: str | None
    identities: tuple[Identity, ...]
    provenance: Provenance
    updated_at: datetime
    tier: str | None = None
    points: int | None = None
    tags: tuple[str, ...] = ()
    consents: tuple[Consent, ...] = ()
    gone: bool = False

    def first(self, kind: IdentityKind) -> str | None:
        """The first value of a kind that the member is known by."""
        return next((it.value for it in self.identities if it.kind is kind), None)


def member_id(system: str, external_id: str) -> str:
    """The id of a system's record: the same whoever reads it first."""
    return "m" + sha256(f"{system}\x1f{external_id}".encode()).hexdigest()[:25]
