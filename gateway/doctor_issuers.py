"""What is wrong with the issuers of tokens, and what to do: a part of ``gateway doctor``.

It only looks: each issuer is asked once for its keys, as the gateway would ask.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

from gateway.doctor import Finding
from gateway.jwks import Fetch, KeySet, key_set
from gateway.settings import IssuerSettings, Settings
from resolvers.domain.errors import CommerceError

FetcherOf = Callable[[IssuerSettings], Fetch]
"""How an issuer is asked."""


def examine(settings: Settings, fetcher_of: FetcherOf) -> list[Finding]:
    """Asks every issuer at once for its keys."""
    return asyncio.run(_examine(settings, fetcher_of))


async def _examine(settings: Settings, fetcher_of: FetcherOf) -> list[Finding]:
    asked = (_examine_one(issuer, fetcher_of(issuer)) for issuer in settings.issuers)
    return list(await asyncio.gather(*asked))


async def _examine_one(issuer: IssuerSettings, fetch: Fetch) -> Finding:
    name = f"issuer {issuer.code}"
    try:
        known = key_set(await fetch())
    except (CommerceError, ValueError) as error:
        remedy = f"open {issuer.jwks_url} from this machine: it must answer 200 with a JWK set"
        return Finding(name, "keys", False, str(error), remedy)
    trusted = [
        key.algorithm
        for key in known.keys
        if not issuer.algorithms or key.algorithm in issuer.algorithms
    ]
    told = ", ".join(
        f"{count} {algorithm}" for algorithm, count in sorted(Counter(trusted).items())
    )
    if trusted:
        return Finding(name, "keys", True, f"{told}{_others(known, len(trusted))}")
    remedy = "let it sign with RS256 (2048 bits and more), ES256 or EdDSA, as `algorithms` allows"
    return Finding(name, "keys", False, f"no key to use{_others(known, 0)}", remedy)


def _others(known: KeySet, used: int) -> str:
    others = len(known.keys) + known.ignored - used
    return f"; {others} not used here" if others else ""
