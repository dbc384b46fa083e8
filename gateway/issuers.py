"""Tokens that others sign: whether an issuer has made one, and whom it says that calls.

An issuer may grant only the roles, members and places that its settings name, and every subject of
it bears its code, so that no issuer speaks for another, or for us.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.jwks import Algorithm, KeyRing
from gateway.jwt_parts import NAME_CHARS_MAX, Parts, good_until, text_of, texts_of
from gateway.settings_callers import IssuerSettings
from resolvers.access import Principal, Role
from resolvers.domain.errors import Unauthenticated
from resolvers.ports import Clock

_TYPES = ("jwt", "at+jwt", "application/jwt", "application/at+jwt")
"""Kinds of tokens that say who calls (RFC 9068); any other is made for something else."""

_BOUND_TO_LOCATIONS = (Role.ASSOCIATE, Role.MANAGER)
_BOUND_TO_CHANNELS = (Role.PARTNER,)


@dataclass(frozen=True, slots=True)
class Issuer:
    """One who signs tokens for this gateway."""

    grants: IssuerSettings
    keys: KeyRing
    clock: Clock
    skew_seconds: int

    async def verify(self, token: Parts) -> Principal:
        """Says who calls.

        Raises:
            Unauthenticated: the token cannot be trusted; the message says why.
            BackendUnavailable: its key is not known, and the issuer could not be asked for it.
        """
        await self._require_signature(token)
        claims = token.claims
        if claims.get("iss") != self.grants.issuer:
            raise Unauthenticated("the token is of another issuer")
        heard = claims.get("aud")
        if self.grants.audience not in (heard if isinstance(heard, list) else [heard]):
            raise Unauthenticated("the token is for another audience")
        ends = good_until(claims, self.clock(), self.skew_seconds)
        subject = text_of(claims.get("sub"), "sub")
        if subject is None:
            raise Unauthenticated("the token does not say who calls")
        role = self._role(claims)
        return Principal(
            role,
            f"issuer:{self.grants.code}:{subject}",
            self._name(claims, self.grants.member_claim),
            self._name(claims, self.grants.associate_claim),
            self._bound(claims, self.grants.locations_claim, role in _BOUND_TO_LOCATIONS),
            self._bound(claims, self.grants.channels_claim, role in _BOUND_TO_CHANNELS),
            good_until=ends,
        )

    async def _require_signature(self, token: Parts) -> None:
        """Takes the key from the issuer's set alone; what a header says of keys is not heeded."""
        header = token.header
        if "crit" in header or "b64" in header:
            raise Unauthenticated("the token asks for an extension that is not known here")
        kind = header.get("typ", "jwt")
        if not isinstance(kind, str) or kind.lower() not in _TYPES:
            raise Unauthenticated("the token is not of a kind that says who calls")
        kid = header.get("kid")
        if not isinstance(kid, str | None) or len(kid or "") > NAME_CHARS_MAX:
            raise Unauthenticated("the token's kid makes no sense")
        algorithm = Algorithm(header["alg"])
        if self.grants.algorithms and algorithm not in self.grants.algorithms:
            raise Unauthenticated("the token's algorithm is none that is trusted here")
        key = await self.keys.find(kid, algorithm)
        if key is None:
            raise Unauthenticated("the token's key is none of its issuer's")
        if not key.signed(token.signed, token.signature):
            raise Unauthenticated("the token was not signed by its issuer")

    def _role(self, claims: Mapping[str, Any]) -> Role:
        """The first of the roles which the issuer may grant that the token has."""
        if self.grants.role_claim is None:
            return self.grants.roles[0]
        said = _several(_claim(claims, self.grants.role_claim), self.grants.role_claim)
        known = self.grants.role_values or {str(role): str(role) for role in Role}
        has = {known[value] for value in said if value in known}
        for role in self.grants.roles:
            if str(role) in has:
                return role
        raise Unauthenticated("the token has no role that its issuer may grant")

    def _name(self, claims: Mapping[str, Any], name: str | None) -> str | None:
        return None if name is None else text_of(_claim(claims, name), name)

    def _bound(
        self,
        claims: Mapping[str, Any],
        name: str | None,
        must: bool,  # noqa: FBT001  # of the role
    ) -> tuple[str, ...]:
        """What the token binds its caller to. Saying nothing must not mean everything."""
        if name is None:
            return ()
        found = _several(_claim(claims, name), name)
        if must and not found:
            raise Unauthenticated(f"the token does not say its {name}")
        return found


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """A claim by its name, else by its path: ``realm_access.roles`` is in an object."""
    if name in claims:
        return claims[name]
    value: object = claims
    for part in name.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def _several(value: object, name: str) -> tuple[str, ...]:
    """One name or a list of them."""
    return texts_of([value] if isinstance(value, str) else value, name)
