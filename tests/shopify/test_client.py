"""How Shopify is asked: points, tokens, and every way to say no."""

import asyncio
import json
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from connectors.marketplace.shopify_health import SCOPES
from connectors.options import BadOption
from resolvers.backend_ports import Backend, Publication, Throttle
from resolvers.domain.errors import (
    BackendRefused,
    BackendThrottled,
    BackendUnavailable,
    CommerceError,
    UnknownOutcome,
)
from tests.shopify.conftest import OPTIONS, Connect
from tests.shopify.standin import CLIENT_ID, CLIENT_SECRET, POINTS_MAX, ShopifyStandin

VARIANT = "gid://shopify/ProductVariant/9"


async def look(backend: Backend) -> Any:
    assert backend.publication is not None
    return await backend.publication.published([VARIANT])


# ---- points -----------------------------------------------------------------------------------


async def test_our_own_questions_are_never_throttled_however_many(
    shop: ShopifyStandin, backend: Backend
) -> None:
    assert backend.listings is not None
    for at in range(400):
        shop.offer(f"Tea {at}", {"sku": f"S{at}"})
    began = shop.clock()
    async for _ in backend.listings.listings(""):
        pass

    assert shop.throttled == 0
    # forty pages of 51 points that are taken for 631 each; 2,000 are there, 100 come each second
    assert timedelta(seconds=6) < shop.clock() - began < timedelta(seconds=8)


async def test_points_that_others_spend_are_waited_for(
    shop: ShopifyStandin, backend: Backend
) -> None:
    await look(backend)
    shop.spend(POINTS_MAX)
    assert await look(backend) == {}
    assert shop.throttled == 1


async def test_a_write_that_is_throttled_was_not_done_and_is_asked_again(
    shop: ShopifyStandin, backend: Backend
) -> None:
    [id] = shop.offer("Tea", {"sku": "A", "available": 5})
    assert backend.publication is not None
    await backend.publication.published([id])
    shop.spend(POINTS_MAX)
    [result] = await backend.publication.publish([Publication("p-1", id, 3, seen=5)])

    assert (result.error, shop.available(id), shop.throttled) == (None, 3, 1)


async def test_who_is_throttled_again_and_again_hears_of_it(connect: Connect) -> None:
    cost = {"maximumAvailable": 2000, "currentlyAvailable": 0, "restoreRate": 100}
    told = {
        "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
        "extensions": {"cost": {"requestedQueryCost": 50, "throttleStatus": cost}},
    }
    backend = connect(ShopifyStandin(), user=None, transport=saying(200, told))
    with pytest.raises(BackendThrottled) as refused:
        await look(backend)

    assert refused.value.retry_after == 0.5


async def test_too_dear_a_question_is_asked_in_smaller_parts_and_that_is_remembered(
    shop: ShopifyStandin, backend: Backend
) -> None:
    shop.cost_max = 400
    ids = shop.offer("Tea", *({"sku": f"S{at}", "available": at} for at in range(250)))
    assert backend.publication is not None
    assert await backend.publication.published(ids) == {id: at for at, id in enumerate(ids)}

    assert [len(told["ids"]) for _, told in shop.asked] == [62, 62, 62, 62, 2]


# ---- tokens -----------------------------------------------------------------------------------


async def test_many_callers_ask_for_one_token(shop: ShopifyStandin, backend: Backend) -> None:
    await asyncio.gather(*(look(backend) for _ in range(6)))
    assert shop.granted == ["client_credentials"]


async def test_a_token_is_renewed_before_it_ends(shop: ShopifyStandin, backend: Backend) -> None:
    await look(backend)
    shop.clock.advance(hours=23, minutes=59)
    await look(backend)
    assert len(shop.granted) == 2


async def test_a_static_token_that_was_taken_away_is_refused(
    shop: ShopifyStandin, connect: Connect
) -> None:
    backend = connect(shop, user=None, password="shpat_static")
    await look(backend)
    shop.tokens.clear()
    with pytest.raises(BackendRefused, match="access token is not good") as refused:
        await look(backend)
    assert refused.value.kind == "AUTH"
    assert "shpat_static" not in str(refused.value)


async def test_a_wrong_secret_is_not_tried_again_at_once(
    shop: ShopifyStandin, connect: Connect
) -> None:
    tried: list[str] = []

    async def counting(request: httpx2.Request) -> httpx2.Response:
        tried.append(request.url.path)
        return httpx2.Response(401, json={"error": "invalid_client"})

    backend = connect(shop, password="wrong", transport=httpx2.MockTransport(counting))
    for _ in range(3):
        with pytest.raises(BackendRefused, match="gives no access token"):
            await look(backend)
    assert tried == ["/admin/oauth/access_token"]
    shop.clock.advance(seconds=61)
    with pytest.raises(BackendRefused):
        await look(backend)
    assert len(tried) == 2


def refreshing(connect: Connect, shop: ShopifyStandin, folder: Path) -> Backend:
    (folder / "first").write_text("shprt_0\n", encoding="utf-8")
    return connect(shop, options={**OPTIONS, "refresh_token_file": "first"})


async def test_a_refresh_token_is_kept_for_who_comes_after(
    shop: ShopifyStandin, connect: Connect, tmp_path: Path
) -> None:
    await look(refreshing(connect, shop, tmp_path))
    shop.clock.advance(hours=1)
    later = refreshing(connect, shop, tmp_path)
    await look(later)
    shop.clock.advance(hours=1)
    await look(later)

    assert shop.granted == ["refresh_token"] * 3
    assert set(shop.refresh_tokens) == {"shprt_2", "shprt_3"}
    kept = tmp_path / "tokens" / "shop.json"
    assert json.loads(kept.read_text(encoding="utf-8"))["refresh_token"] == "shprt_3"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


async def test_a_refresh_whose_answer_is_lost_is_made_again(
    shop: ShopifyStandin, connect: Connect, tmp_path: Path
) -> None:
    backend = refreshing(connect, shop, tmp_path)
    shop.lost = 1
    with pytest.raises(BackendUnavailable):
        await look(backend)
    await look(backend)
    shop.clock.advance(hours=1)
    await look(backend)
    assert shop.granted == ["refresh_token"] * 3


async def test_another_first_refresh_token_begins_anew(
    shop: ShopifyStandin, connect: Connect, tmp_path: Path
) -> None:
    await look(refreshing(connect, shop, tmp_path))
    (tmp_path / "first").write_text("shprt_new", encoding="utf-8")
    shop.refresh_tokens = {"shprt_new": ""}
    backend = connect(shop, options={**OPTIONS, "refresh_token_file": "first"})
    await look(backend)
    assert len(shop.granted) == 2


# ---- no ---------------------------------------------------------------------------------------


def saying(status: int, body: Any, first: Any = None) -> httpx2.MockTransport:
    """Answers so every time, but for the first if that is said."""
    firsts = [] if first is None else [first]

    async def handler(_: httpx2.Request) -> httpx2.Response:
        if firsts:
            return httpx2.Response(200, json=firsts.pop())
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx2.Response(status, content=content)

    return httpx2.MockTransport(handler)


def failing(code: str) -> dict[str, Any]:
    return {"errors": [{"message": "no", "extensions": {"code": code}}], "data": None}


@pytest.mark.parametrize(
    ("status", "body", "read", "write"),
    [
        (200, failing("ACCESS_DENIED"), "AUTH", "AUTH"),
        (200, failing("BAD_REQUEST"), "PERMANENT", "PERMANENT"),
        (200, {"errors": "Not Found"}, "PERMANENT", "PERMANENT"),
        (200, failing("INTERNAL_SERVER_ERROR"), BackendUnavailable, UnknownOutcome),
        (200, b"<html>", BackendUnavailable, UnknownOutcome),
        (200, [], BackendUnavailable, UnknownOutcome),
        (200, {"data": None}, BackendUnavailable, UnknownOutcome),
        (200, {"data": {"nodes": "many"}}, BackendUnavailable, UnknownOutcome),
        (401, {"errors": "no"}, "AUTH", "AUTH"),
        (402, {"errors": "no"}, "AUTH", "AUTH"),
        (404, {"errors": "no"}, "NOT_FOUND", "NOT_FOUND"),
        (301, b"", "PERMANENT", "PERMANENT"),
        (500, b"", BackendUnavailable, UnknownOutcome),
    ],
)
async def test_each_no_has_its_own_error(
    connect: Connect, status: int, body: Any, read: Any, write: Any
) -> None:
    level = {"isActive": True, "quantities": [{"quantity": 5}]}
    item = {"id": "gid://shopify/InventoryItem/1", "tracked": True, "inventoryLevel": level}
    looked = {"data": {"nodes": [{"id": VARIANT, "inventoryItem": item}]}}
    transport = saying(status, body, first=looked)
    backend = connect(ShopifyStandin(), user=None, transport=transport)
    assert await look(backend) == {VARIANT: 5}
    assert backend.publication is not None
    tries = (
        (backend.publication.published([VARIANT]), read),
        (backend.publication.publish([Publication("p-1", VARIANT, 3, seen=5)]), write),
    )
    for asked, expected in tries:
        with pytest.raises(CommerceError) as told:
            await asked
        if isinstance(expected, str):
            assert isinstance(told.value, BackendRefused)
            assert told.value.kind == expected
        else:
            assert type(told.value) is expected


# ---- what it declares -------------------------------------------------------------------------


async def test_what_the_shop_is_able_to_do(shop: ShopifyStandin, connect: Connect) -> None:
    told = connect(shop).capabilities
    assert told.throttle is Throttle.COST_BUCKET
    assert (told.publications_per_call, told.publication_cas, told.idempotency) == (
        250,
        "NATIVE",
        "NATIVE_KEY",
    )
    assert (told.webhooks, told.deletions, told.cancels) == ("shopify", False, False)
    assert connect(shop, user=None).capabilities.webhooks is None
    assert connect(shop, user=None, webhook_secrets=(b"x",)).capabilities.webhooks == "shopify"


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({}, "location"),
        ({"location": "Shanghai"}, "location"),
        ({"location": "7", "pos_locations": "ST-01"}, "pos_locations"),
        ({"location": "7", "pos_locations": "7="}, "pos_locations"),
        ({"location": "7", "phone_region": "China"}, "phone_region"),
        ({"location": "7", "refresh_token_file": "none"}, "refresh_token_file"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(
    shop: ShopifyStandin, connect: Connect, options: dict[str, str], option: str
) -> None:
    with pytest.raises(BadOption) as wrong:
        connect(shop, options=options)
    assert wrong.value.option == option


@pytest.mark.parametrize(
    ("spoil", "detail", "remedy"),
    [
        (lambda shop: None, "Blue Tea, CNY, API 2026-10, stock of Online stock", ""),
        (
            lambda shop: shop.scopes.remove("write_inventory"),
            "the app may not read_inventory, write_inventory",
            "give the app these access scopes",
        ),
    ],
)
async def test_how_it_is(
    shop: ShopifyStandin, backend: Backend, spoil: Any, detail: str, remedy: str
) -> None:
    spoil(shop)
    probe = await backend.health.probe()
    assert (probe.good, probe.detail) == (not remedy, detail)
    assert probe.remedy.startswith(remedy)


async def test_what_to_do_when_it_is_not_well(shop: ShopifyStandin, connect: Connect) -> None:
    elsewhere = connect(shop, options={"location": "8"})
    assert "backends.shop.options.location" in (await elsewhere.health.probe()).remedy
    stranger = connect(shop, user=CLIENT_ID, password=f"not {CLIENT_SECRET}")
    assert "backends.shop.password_env" in (await stranger.health.probe()).remedy
    gone = connect(shop, user=None, transport=saying(404, {}))
    assert "backends.shop.url" in (await gone.health.probe()).remedy


async def test_a_version_that_is_over_is_told(connect: Connect) -> None:
    told = {
        "shop": {"name": "Blue Tea", "currencyCode": "CNY"},
        "location": {"id": "gid://shopify/Location/7", "name": "Online stock", "isActive": True},
        "currentAppInstallation": {"accessScopes": [{"handle": it} for it in SCOPES]},
    }

    async def handler(_: httpx2.Request) -> httpx2.Response:
        headers = {"X-Shopify-API-Version": "2027-01"}
        return httpx2.Response(200, json={"data": told}, headers=headers)

    backend = connect(ShopifyStandin(), user=None, transport=httpx2.MockTransport(handler))
    probe = await backend.health.probe()
    assert (probe.good, probe.detail) == (False, "it answers as 2027-01, not as 2026-10")
