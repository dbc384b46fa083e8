"""What is wrong with those who say who calls, and what to do: a part of ``gateway doctor``.

It only looks: issuers are asked for their keys as the gateway asks, WeChat with a code of no phone.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

from gateway.doctor import Finding
from gateway.jwks import Fetch, KeySet, key_set
from gateway.settings import IssuerSettings, Settings, WechatAppSettings
from resolvers.domain.errors import CommerceError, InvalidInput
from resolvers.login_port import AppUsers

NO_CODE = "doctor"
"""A code that no phone was given."""

FetcherOf = Callable[[IssuerSettings], Fetch]
"""How an issuer is asked."""

AppOf = Callable[[WechatAppSettings], AppUsers]
"""How an app's users are asked for."""


def examine(settings: Settings, fetcher_of: FetcherOf, app_of: AppOf) -> list[Finding]:
    """Asks all of them at once."""
    return [*asyncio.run(_examine(settings, fetcher_of, app_of)), *_guests(settings)]


async def _examine(settings: Settings, fetcher_of: FetcherOf, app_of: AppOf) -> list[Finding]:
    issuers = (_examine_issuer(one, fetcher_of(one)) for one in settings.issuers)
    apps = (_examine_app(one.code, app_of(one)) for one in settings.wechat_apps)
    return list(await asyncio.gather(*issuers, *apps))


async def _examine_issuer(issuer: IssuerSettings, fetch: Fetch) -> Finding:
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
    told = ", ".join(f"{count} {way}" for way, count in sorted(Counter(trusted).items()))
    if trusted:
        return Finding(name, "keys", True, f"{told}{_others(known, len(trusted))}")
    remedy = "let it sign with RS256 (2048 bits and more), ES256 or EdDSA, as `algorithms` allows"
    return Finding(name, "keys", False, f"no key to use{_others(known, 0)}", remedy)


def _others(known: KeySet, used: int) -> str:
    others = len(known.keys) + known.ignored - used
    return f"; {others} not used here" if others else ""


async def _examine_app(code: str, app: AppUsers) -> Finding:
    """An app that is let in is told that the code is none; one that is not hears of itself."""
    name, remedy = f"app {code}", f"compare wechat_apps.{code} with the app's own settings"
    try:
        await app.user(NO_CODE)
    except InvalidInput:
        return Finding(name, "logs in", True, "WeChat lets the app in")
    except CommerceError as error:
        return Finding(name, "logs in", False, str(error), remedy)
    finally:
        await app.close()
    return Finding(name, "logs in", False, "it takes a code that no phone was given", remedy)


def _guests(settings: Settings) -> list[Finding]:
    if settings.auth.guest_token_ttl_seconds == 0 or settings.reservations.live_units_max:
        return []
    told = "guests are given tokens, and each may hold any number of units"
    remedy = "set live_units_max in [reservations]"
    return [Finding("settings", "guests", False, told, remedy, grave=False)]
