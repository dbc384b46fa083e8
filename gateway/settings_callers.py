"""Settings of those who say who calls beside the gateway itself: issuers of tokens, WeChat's apps.

What the gateway signs by itself stands in ``Auth`` (``gateway/settings_process.py``).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from gateway.jwks import Algorithm
from gateway.settings_file import Place, Reader, about, shown
from gateway.settings_process import Secret
from gateway.settings_rules import CODE_KIND, is_code
from resolvers.access import Role

_DAY = 86_400
_URL_KIND = "an https address (http on this machine alone) without a user or password in it"
_NO_CLAIM = "Absent: no token of this issuer says so."


def is_safe_url(text: str) -> bool:
    """Says whether what is sent to an address, and what comes back, can be read by nobody else."""
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or parts.fragment or not text.isprintable():
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_here(host))


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class IssuerSettings:
    """One who signs tokens for this gateway with keys that it publishes (JWKS): your identity
    provider, a partner. `docs/identity.md` says what a token must hold.
    """

    code: str = field(
        metadata=about(
            "Your name for it; begins its callers' subjects, so never changed later.",
            kind=CODE_KIND,
            fits=is_code,
        )
    )
    issuer: str = field(metadata=about("What its tokens have as `iss`, sign for sign."))
    jwks_url: str = field(metadata=about("Where its keys are.", kind=_URL_KIND, fits=is_safe_url))
    audience: str = field(metadata=about("What its tokens for this gateway have as `aud`."))
    roles: tuple[Role, ...] = field(
        metadata=about(
            "Roles that it may grant. A caller has the first of them that its token names."
        )
    )
    role_claim: str | None = field(
        default=None,
        metadata=about(
            "Claim that names the role, or several; `a.b` is `b` in the object `a`. Absent: every"
            " caller has the one role of `roles`."
        ),
    )
    role_values: Mapping[str, str] = field(
        default_factory=dict,
        metadata=about(
            "Our role for each of the claim's values; empty: they are our roles' names."
        ),
    )
    algorithms: tuple[Algorithm, ...] = field(
        default=(), metadata=about("How its tokens may be signed; empty: in any of these ways.")
    )
    member_claim: str | None = field(
        default=None, metadata=about(f"Claim that names the member. {_NO_CLAIM}")
    )
    associate_claim: str | None = field(
        default=None, metadata=about(f"Claim that names the associate by code. {_NO_CLAIM}")
    )
    locations_claim: str | None = field(
        default=None,
        metadata=about(
            "Claim with the codes of the locations that the token is bound to; an associate's or"
            " manager's token without it is refused. Absent: no token is bound to a location."
        ),
    )
    channels_claim: str | None = field(
        default=None,
        metadata=about(
            "Claim with the codes of the channels that the token is bound to; a partner's token"
            " without it is refused. Absent: no token is bound to a channel."
        ),
    )
    cache_seconds: int = field(
        default=600,
        metadata=about(
            "How long its keys are good before they are fetched again; a key that it has taken back"
            " opens nothing after that.",
            low=10,
            high=_DAY,
        ),
    )
    outage_seconds: int = field(
        default=_DAY,
        metadata=about(
            "How much longer the keys that are known go on while it does not answer.",
            low=0,
            high=604_800,
        ),
    )
    pause_seconds: float = field(
        default=10.0,
        metadata=about(
            "Shortest pause between two fetches, however many tokens name a key that is not known.",
            low=0.1,
            high=3600,
        ),
    )
    timeout_seconds: float = field(
        default=5.0, metadata=about("Longest wait for its keys.", low=0.1, high=30)
    )


def check_issuers(
    reader: Reader, own: str, issuers: Sequence[IssuerSettings], place_of: Callable[[str], Place]
) -> None:
    """Refuses issuers that cannot be told apart, and roles that cannot be told."""
    named = [own]
    for issuer in issuers:
        key, place = f"issuers.{issuer.code}", place_of(issuer.code)
        if issuer.issuer in named:
            expected = "a name that is not the gateway's own ([auth]) nor another issuer's"
            reader.refuse(f"{key}.issuer", (*place, "issuer"), expected, shown(issuer.issuer))
        named.append(issuer.issuer)
        if not issuer.roles:
            reader.refuse(f"{key}.roles", (*place, "roles"), "at least one role", "none")
        elif issuer.role_claim is None and len(issuer.roles) > 1:
            expected = "role_claim, where there is more than one role"
            reader.refuse(f"{key}.role_claim", place, expected, "nothing")
        grants = [str(role) for role in issuer.roles]
        for value, role in issuer.role_values.items():
            if role not in grants:
                where = (*place, "role_values", value)
                expected = f"one of its roles ({', '.join(grants)})"
                reader.refuse(f"{key}.role_values.{value}", where, expected, shown(role))


@dataclass(frozen=True, slots=True)
class WechatAppSettings:
    """A mini-program whose users log in by `wechatLogin` (`docs/identity.md`)."""

    code: str = field(metadata=about("Your name for it.", kind=CODE_KIND, fits=is_code))
    app_id: str = field(
        metadata=about(
            "Its AppID.",
            kind="1 to 64 letters, digits, - and _",
            fits=lambda text: re.fullmatch("[A-Za-z0-9_-]{1,64}", text) is not None,
        )
    )
    password_env: str | None = field(
        default=None, metadata=about("Name of the environment variable that holds its AppSecret.")
    )
    password_file: str | None = field(
        default=None,
        metadata=about("File that holds its AppSecret; a relative path begins at the TOML file."),
    )
    url: str = field(
        default="https://api.weixin.qq.com/sns/jscode2session",
        metadata=about(
            "Where a login's code is exchanged (code2session).", kind=_URL_KIND, fits=is_safe_url
        ),
    )
    timeout_seconds: float = field(
        default=5.0, metadata=about("Longest wait for an exchange.", low=0.1, high=30)
    )
    password: Secret | None = field(default=None, compare=False)


def check_wechat_apps(
    reader: Reader, apps: Sequence[WechatAppSettings], place_of: Callable[[str], Place]
) -> None:
    """Refuses an app without its secret, and one that is there twice."""
    seen: set[str] = set()
    for app in apps:
        key, place = f"wechat_apps.{app.code}", place_of(app.code)
        names = [f"{key}.password_env", f"{key}.password_file"]
        if app.password_env is None and app.password_file is None and reader.sound(*names):
            reader.refuse(names[0], place, "password_env or password_file", "nothing")
        if app.app_id in seen:
            expected = "an AppID that no other of [[wechat_apps]] has"
            reader.refuse(f"{key}.app_id", (*place, "app_id"), expected, shown(app.app_id))
        seen.add(app.app_id)
