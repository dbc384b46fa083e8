"""Who a credential belongs to: each kind of it is looked at by whoever can tell.

What a caller may do then stands in ``resolvers/access.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.issuers import Issuer
from gateway.jwks import Algorithm
from gateway.jwt_parts import taken_apart
from gateway.tokens import Tokens
from resolvers.access import Principal
from resolvers.domain.errors import Unauthenticated

TOKEN_CHARS_MAX = 8192
"""Longest token of an issuer: those with many groups in them take some 4,000."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom this gateway believes: itself, and issuers by the name that their tokens bear."""

    tokens: Tokens
    issuers: Mapping[str, Issuer]

    async def authenticate(self, credential: str) -> Principal:
        """Says who calls, by what stood behind ``Bearer``.

        The algorithm decides who looks: a token with a secret's signature is never held against
        an issuer's public key, nor the other way round.

        Raises:
            Unauthenticated: it cannot be trusted; the message says why.
            Unready: whoever could tell gave no answer.
        """
        if not self.issuers:
            return self.tokens.verify(credential)
        if len(credential) > TOKEN_CHARS_MAX:
            raise Unauthenticated("the token is longer than any that is trusted here")
        token = taken_apart(credential)
        match token.header.get("alg"):
            case "HS256":
                return self.tokens.verify(credential)
            case str(name) if name in set(Algorithm):
                named = token.claims.get("iss")
                issuer = self.issuers.get(named) if isinstance(named, str) else None
                if issuer is None:
                    raise Unauthenticated("the token is of an issuer that is not known here")
                return await issuer.verify(token)
            case _:
                raise Unauthenticated("the token's algorithm is none that is trusted here")
