"""What stands around the endpoint: pages of other origins."""

from pathlib import Path

import pytest

from gateway.settings import Server
from gateway.settings_process import is_origin
from tests.gateway.house import House, opened

SHOP = "https://shop.example"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-anything",
}
ASKED = {"query": "{ channels { code } }"}


def allowing(headers: object) -> dict[str, str]:
    """What an answer says to the browser of a page elsewhere."""
    return {
        name.removeprefix("access-control-"): value
        for name, value in dict(headers).items()  # type: ignore[call-overload]
        if name.startswith("access-control-")
    }


async def test_no_page_elsewhere_is_let_in_by_default(house: House) -> None:
    async with house.client() as client:
        before = await client.options("/graphql", headers={"Origin": SHOP, **PREFLIGHT})
    sent = await house.post(ASKED, Origin=SHOP)

    assert Server().allowed_origins == ()
    assert (before.status_code, allowing(before.headers)) == (405, {})
    assert allowing(sent.headers) == {}


async def test_a_named_page_is_let_in_and_asks_seldom(tmp_path: Path) -> None:
    house = await opened(tmp_path, allowed_origins=(SHOP,))
    async with house.client() as client:
        before = await client.options("/graphql", headers={"Origin": SHOP, **PREFLIGHT})
        health = await client.get("/health/live", headers={"Origin": SHOP})
    sent = await house.post(ASKED, Origin=SHOP)
    refused = await house.post(b"{", Origin=SHOP)

    assert before.status_code == 200
    assert allowing(before.headers) == {
        "allow-origin": SHOP,
        "allow-methods": "GET, POST",
        "allow-headers": "authorization,content-type,x-anything",
        "max-age": "7200",
    }
    letting = {"allow-origin": SHOP, "expose-headers": "X-Request-Id, Retry-After"}
    assert allowing(sent.headers) == allowing(refused.headers) == letting
    assert (sent.status_code, refused.status_code, sent.headers["vary"]) == (200, 400, "Origin")
    assert allowing(health.headers) == {}


@pytest.mark.parametrize(
    "origin",
    ["https://shop.example.evil.test", "http://shop.example", "https://SHOP.example", "null"],
)
async def test_a_page_that_is_not_named_is_not_let_in(tmp_path: Path, origin: str) -> None:
    house = await opened(tmp_path, allowed_origins=(SHOP,))
    async with house.client() as client:
        before = await client.options("/graphql", headers={"Origin": origin, **PREFLIGHT})
    sent = await house.post(ASKED, Origin=origin)

    assert before.status_code == 400
    assert "allow-origin" not in allowing(before.headers) | allowing(sent.headers)


async def test_any_page_is_let_in_without_its_cookies(tmp_path: Path) -> None:
    house = await opened(tmp_path, allowed_origins=("*",))
    async with house.client() as client:
        before = await client.options("/graphql", headers={"Origin": SHOP, **PREFLIGHT})
    sent = await house.post(ASKED, Origin=SHOP, Cookie="a=b")

    assert allowing(before.headers)["allow-origin"] == allowing(sent.headers)["allow-origin"] == "*"
    assert "allow-credentials" not in allowing(before.headers) | allowing(sent.headers)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("*", True),
        ("https://shop.example", True),
        ("http://localhost:5173", True),
        ("http://[::1]:8000", True),
        ("shop.example", False),
        ("https://shop.example/", False),
        ("https://Shop.example", False),
        ("https://shop.example:443", False),
        ("http://shop.example:80", False),
        ("https://*.shop.example", False),
        ("https://me@shop.example", False),
        ("null", False),
        ("", False),
    ],
)
def test_an_origin_is_written_as_browsers_send_it(text: str, *, fits: bool) -> None:
    assert is_origin(text) is fits
