"""Settings of issuers and WeChat apps: what they mean, and what each mistake is answered with."""

from pathlib import Path

import pytest

from gateway.jwks import Algorithm
from gateway.settings import IssuerSettings
from gateway.settings_callers import is_safe_url
from resolvers.access import Role
from tests.gateway.test_settings import problems, read

ISSUER = (
    '[[issuers]]\ncode = "acme"\nissuer = "https://login.example"\n'
    'jwks_url = "https://login.example/jwks"\naudience = "gateway"\nroles = ["shopper"]\n'
)
APP = '[[wechat_apps]]\ncode = "mini"\napp_id = "wx0123456789abcdef"\npassword_env = "WORD"\n'


def test_an_issuer_is_read_with_its_grants(tmp_path: Path) -> None:
    text = ISSUER.replace('["shopper"]', '["manager", "associate"]')
    more = 'role_claim = "job"\nalgorithms = ["EdDSA"]\nrole_values = {lead = "manager"}\n'

    [issuer] = read(tmp_path, text + more, GATEWAY_ISSUERS_ACME_CACHE_SECONDS="60").issuers

    assert issuer == IssuerSettings(
        "acme",
        "https://login.example",
        "https://login.example/jwks",
        "gateway",
        (Role.MANAGER, Role.ASSOCIATE),
        role_claim="job",
        role_values={"lead": "manager"},
        algorithms=(Algorithm.EDDSA,),
        cache_seconds=60,
    )


def test_an_apps_secret_is_read_and_never_printed(tmp_path: Path) -> None:
    settings = read(tmp_path, APP, WORD="hush")

    [app] = settings.wechat_apps
    assert app.password is not None and app.password.reveal() == "hush"
    assert app.url == "https://api.weixin.qq.com/sns/jscode2session"
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            ISSUER.replace("https://login.example/jwks", "http://login.example/jwks"),
            "shop.toml:4: issuers.acme.jwks_url: expected an https address (http on this machine "
            "alone) without a user or password in it, found "
            '"http://login.example/jwks"',
        ),
        (
            ISSUER.replace('audience = "gateway"\n', ""),
            "shop.toml:1: issuers.acme.audience: expected text that is not empty, found nothing",
        ),
        (
            ISSUER.replace('"https://login.example"', '"unified-commerce-gateway"'),
            "shop.toml:3: issuers.acme.issuer: expected a name that is not the gateway's own "
            '([auth]) nor another issuer\'s, found "unified-commerce-gateway"',
        ),
        (
            ISSUER + ISSUER.replace("acme", "other"),
            "shop.toml:9: issuers.other.issuer: expected a name that is not the gateway's own "
            '([auth]) nor another issuer\'s, found "https://login.example"',
        ),
        (
            ISSUER.replace('["shopper"]', "[]"),
            "shop.toml:6: issuers.acme.roles: expected at least one role, found none",
        ),
        (
            ISSUER.replace('["shopper"]', '["shopper", "partner"]'),
            "shop.toml:1: issuers.acme.role_claim: expected role_claim, where there is more than "
            "one role, found nothing",
        ),
        (
            ISSUER + 'role_claim = "job"\n[issuers.role_values]\nboss = "admin"\n',
            "shop.toml:9: issuers.acme.role_values.boss: expected one of its roles (shopper), "
            'found "admin"',
        ),
        (
            ISSUER + 'algorithms = ["HS256"]\n',
            "shop.toml:7: issuers.acme.algorithms: expected a list of RS256, ES256, EdDSA, found "
            '["HS256"]',
        ),
        (
            APP.replace('password_env = "WORD"\n', ""),
            "shop.toml:1: wechat_apps.mini.password_env: expected password_env or password_file, "
            "found nothing",
        ),
        (
            APP.replace("password_env", "password"),
            'shop.toml:4: wechat_apps.mini.password: expected password_env = "NAME" or '
            'password_file = "path", found a secret in plain text',
        ),
        (
            APP + APP.replace("mini", "other"),
            "shop.toml:7: wechat_apps.other.app_id: expected an AppID that no other of "
            '[[wechat_apps]] has, found "wx0123456789abcdef"',
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    assert told in problems(tmp_path, text, WORD="hush")


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("https://login.example/jwks", True),
        ("http://127.0.0.1:8080/jwks", True),
        ("http://[::1]/jwks", True),
        ("http://localhost/jwks", True),
        ("http://localhost.evil.example/jwks", False),
        ("http://127.0.0.1.evil.example/jwks", False),
        ("http://10.0.0.1/jwks", False),
        ("https://me:hush@login.example/", False),
        ("https://login.example:port/", False),
        ("https://[login/", False),
        ("https:///jwks", False),
        ("file:///etc/passwd", False),
    ],
)
def test_keys_and_secrets_go_where_nobody_else_reads_them(address: str, *, safe: bool) -> None:
    assert is_safe_url(address) is safe
