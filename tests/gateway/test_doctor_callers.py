"""What the doctor says of issuers, of WeChat's apps, and of guests."""

import asyncio
from typing import Any

import pytest

from gateway import doctor_callers
from gateway.bootstrap import key_fetcher, wechat_app
from gateway.doctor import Finding
from gateway.settings import Auth, Reservations, Settings, WechatAppSettings
from tests.connectors.wechat_desk import APP_ID, SECRET, Wechat, app_of
from tests.gateway.issuing import ec_pen, publishing, rsa_pen, settings


@pytest.mark.parametrize(
    ("pens", "status", "found"),
    [
        ((rsa_pen(), ec_pen()), "200 OK", (True, "1 ES256, 1 RS256")),
        ((rsa_pen(), rsa_pen("weak", 1024)), "200 OK", (True, "1 RS256; 1 not used here")),
        ((rsa_pen("weak", 1024),), "200 OK", (False, "no key to use; 1 not used here")),
        ((rsa_pen(),), "404 Not Found", (False, "acme: HTTP 404: URL")),
    ],
)
async def test_each_issuer_is_asked_for_its_keys(
    pens: Any, status: str, found: tuple[bool, str]
) -> None:
    async with publishing(*pens) as keys:
        keys.status = status
        configured = Settings(issuers=(settings(keys),))

        [finding] = await asyncio.to_thread(
            doctor_callers.examine, configured, key_fetcher, wechat_app
        )

    told = finding.detail.replace(keys.url, "URL")
    assert (finding.backend, finding.good, told) == ("issuer acme", *found)
    assert bool(finding.remedy) is not found[0]


@pytest.mark.parametrize(
    ("secret", "found"),
    [
        (SECRET, (True, "WeChat lets the app in")),
        ("other", (False, "mini: errcode 40125: the AppSecret is wrong")),
    ],
)
def test_each_app_is_tried_with_a_code_that_is_none(secret: str, found: tuple[bool, str]) -> None:
    configured = Settings(wechat_apps=(WechatAppSettings("mini", APP_ID),))

    [finding] = doctor_callers.examine(configured, key_fetcher, lambda _: app_of(Wechat(), secret))

    assert (finding.backend, finding.good, finding.detail) == ("app mini", *found)


def test_guests_who_may_hold_everything_are_warned_of() -> None:
    auth = Auth(guest_token_ttl_seconds=60)

    def found(reservations: Reservations) -> list[Finding]:
        told = Settings(auth=auth, reservations=reservations)
        return doctor_callers.examine(told, key_fetcher, wechat_app)

    [warning] = found(Reservations())
    assert (warning.check, warning.good, warning.wrong) == ("guests", False, False)
    assert found(Reservations(live_units_max=5)) == []
