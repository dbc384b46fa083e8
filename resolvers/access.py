"""Who calls, and what each role may do: the one scope table of the house.

A scope is what a caller may do; a role is a set of scopes. Which scope a GraphQL field asks for
stands in ``schema/access.py``; object rules (own orders, own location, own channels) stand here.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from resolvers.domain.errors import Forbidden, Unauthenticated

GUESTS = "guest:"
"""Begins the subject of a guest with a token of its own; a number follows."""

APP_USERS = "wechat:"
"""Begins the subject of an app's user; a hash follows."""


class Role(StrEnum):
    """What a caller is to the retailer."""

    GUEST = "guest"
    SHOPPER = "shopper"
    ASSOCIATE = "associate"
    MANAGER = "manager"
    PARTNER = "partner"
    OPERATOR = "operator"
    ADMIN = "admin"


class Scope(StrEnum):
    """One thing that a caller may do."""

    BROWSE = "catalog:read"
    STOCK_LEVELS = "stock:read"
    SIGNALS = "stock:signals"
    HISTORY = "stock:history"
    COSTS = "costs:read"
    RESERVE = "stock:reserve"
    ADJUST = "stock:adjust"
    ORDER = "orders:place"
    ORDERS_OWN = "orders:own"
    ORDERS_ALL = "orders:read"
    PERSONAL = "personal:read"
    MEMBERS = "members:read"
    TRUSTED_TERMS = "orders:terms"
    PAY = "payments:record"
    RULES_READ = "rules:read"
    RULES = "rules:set"
    HOUSE = "house:read"
    OPERATE = "house:operate"
    AUDIT = "audit:read"
    LISTINGS_READ = "listings:read"
    LISTINGS = "listings:map"


_SHOPPER = frozenset(
    {Scope.BROWSE, Scope.STOCK_LEVELS, Scope.RESERVE, Scope.ORDER, Scope.ORDERS_OWN}
)
_ASSOCIATE = _SHOPPER | {
    Scope.SIGNALS,
    Scope.ORDERS_ALL,
    Scope.MEMBERS,
    Scope.TRUSTED_TERMS,
    Scope.PAY,
}
_MANAGER = _ASSOCIATE | {
    Scope.PERSONAL,
    Scope.ADJUST,
    Scope.HISTORY,
    Scope.COSTS,
    Scope.RULES_READ,
    Scope.LISTINGS_READ,
}
_PARTNER = _SHOPPER | {Scope.ORDERS_ALL, Scope.PERSONAL, Scope.TRUSTED_TERMS, Scope.PAY}
_OPERATOR = _MANAGER | {Scope.HOUSE, Scope.OPERATE, Scope.RULES, Scope.AUDIT, Scope.LISTINGS}

SCOPES: Mapping[Role, frozenset[Scope]] = {
    Role.GUEST: frozenset({Scope.BROWSE, Scope.STOCK_LEVELS}),
    Role.SHOPPER: _SHOPPER,
    Role.ASSOCIATE: _ASSOCIATE,
    Role.MANAGER: _MANAGER,
    Role.PARTNER: _PARTNER,
    Role.OPERATOR: _OPERATOR,
    Role.ADMIN: frozenset(Scope),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """One authenticated caller, the same over all of its tokens.

    ``subject`` scopes idempotency keys. An empty ``locations`` or ``channels`` means: not bound.
    ``narrowed_to`` leaves of the role's scopes only those that are in it; None: all. ``good_until``
    is when the token or key that said so ends; None: it does not. ``key_id`` is the shown part of a
    key that was sent. ``address`` is where somebody calls from who has no token, or got it by
    logging in here: it is counted by, and never shown or kept.
    """

    role: Role
    subject: str
    member_id: str | None = None
    associate_code: str | None = None
    locations: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    narrowed_to: frozenset[Scope] | None = None
    good_until: datetime | None = field(default=None, compare=False)
    key_id: str | None = field(default=None, compare=False)
    address: str = field(default="", compare=False, repr=False)

    @property
    def is_guest(self) -> bool:
        """Whether nothing is known of the caller but that it is here."""
        return self.role is Role.GUEST or self.subject.startswith(GUESTS)

    @property
    def logged_in_here(self) -> bool:
        """Whether the subject is one that our own logins give out, to whoever asks."""
        return self.subject.startswith((GUESTS, APP_USERS))

    def may(self, scope: Scope) -> bool:
        """Says whether this caller's role has the scope, and its key leaves it."""
        narrowed = self.narrowed_to is not None and scope not in self.narrowed_to
        return not narrowed and scope in SCOPES[self.role]

    def require(self, scope: Scope) -> None:
        """Refuses a caller without the scope.

        Raises:
            Unauthenticated: nobody has said who calls.
            Forbidden: the role does not have the scope, or the key leaves it out.
        """
        if self.may(scope):
            return
        if self == NOBODY:
            raise Unauthenticated("send a token: Authorization: Bearer …")
        who = "this key" if scope in SCOPES[self.role] else f"the role {self.role}"
        raise Forbidden(f"{who} may not do this; it asks for {scope}")

    def require_channel(self, channel: str) -> None:
        """Refuses a partner that acts in a channel it is not bound to."""
        if self.channels and channel not in self.channels:
            raise Forbidden(f"this token is not for channel {channel}")

    def require_location(self, location: str) -> None:
        """Refuses shop staff that acts for a location it is not bound to."""
        if self.locations and location not in self.locations:
            raise Forbidden(f"this token is not for location {location}")

    def works_at(self, location: str | None) -> bool:
        """Says whether a place is one that the caller is bound to; who is bound to none, to all."""
        return not self.locations or location in self.locations

    def owns(
        self, subject: str, member_id: str | None, channel: str, places: Collection[str | None]
    ) -> bool:
        """Says whether a hold or an order of this subject, member, channel and places is the
        caller's to see and change: its own, or its shop's, or its channel's.
        """
        if self.channels and channel not in self.channels:
            return False
        if self.is_self(subject, member_id):
            return True
        return self.may(Scope.ORDERS_ALL) and any(map(self.works_at, places))

    def is_self(self, subject: str, member_id: str | None) -> bool:
        """Says whether what was made by this subject or for this member is the caller's own."""
        return subject == self.subject or (
            self.member_id is not None and member_id == self.member_id
        )


NOBODY = Principal(Role.GUEST, "nobody")
"""The caller that sent no token: it may browse as a guest may, else it is told to send one."""
