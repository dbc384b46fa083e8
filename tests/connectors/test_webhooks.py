"""Messages of vendors: signed by them, by a live secret, just now, or refused (S2, G6).

Known answers: the secret is ``s3cr3t``, the body UTF-8 of ``{"id":1,"名":"丝绒"}``.
"""

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.webhooks import SCHEMES, Endpoint, dedupe_key, kept_headers, verified
from resolvers.event_ports import RawMessage

SECRET = b"s3cr3t"
BODY = '{"id":1,"名":"丝绒"}'.encode()
BODY_BASE64 = "emuGEdYIHSaaUEg8BYXVisk0bauzsXnLuvLllk++UFs="
NOW = datetime.fromtimestamp(1_790_000_000, UTC)
SQUARE_URL = "https://gw.example.test/hooks/square"
HUBSPOT_URL = "https://gw.example.test/hooks/hubspot"


def hexed(signed: bytes) -> str:
    return hmac.new(SECRET, signed, hashlib.sha256).hexdigest()


def raw(path: str = "/webhooks/it", **headers: str) -> RawMessage:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return RawMessage("POST", path, "", named, BODY, NOW)


CASES: dict[str, tuple[RawMessage, str]] = {
    "shopify": (raw(x_shopify_hmac_sha256=BODY_BASE64), ""),
    "woocommerce": (raw(x_wc_webhook_signature=BODY_BASE64), ""),
    "frappe": (raw(x_frappe_webhook_signature=BODY_BASE64), ""),
    "square": (
        raw(x_square_hmacsha256_signature="sQxXH1X9neSxTK5YDiStSRGqKxY8YMP9nq4zSPQhLJY="),
        SQUARE_URL,
    ),
    "hubspot": (
        raw(
            x_hubspot_signature_v3="Ru9VAcU/s9uGD91qracq6pLiWqqvtHnLmh74TbBEVFQ=",
            x_hubspot_request_timestamp="1790000000000",
        ),
        HUBSPOT_URL,
    ),
    "bottlecrm": (
        raw(x_bottlecrm_signature=f"t=1790000000,v1={hexed(b'1790000000.' + BODY)}"),
        "",
    ),
    "vendure": (raw(x_vendure_signature=f"sha256={hexed(BODY)}"), ""),
    "sandbox": (raw(x_sandbox_signature=hexed(BODY)), ""),
    "path-token": (raw("/webhooks/it/s3cr3t"), ""),
}


def test_every_scheme_of_the_table_is_shown_here() -> None:
    assert CASES.keys() == SCHEMES.keys()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_the_vendor_has_signed_is_believed_by_either_live_secret(scheme: str) -> None:
    message, url = CASES[scheme]

    assert verified(scheme, message, Endpoint((SECRET,), url))
    assert verified(scheme, message, Endpoint((b"the new one", SECRET), url))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_another_secret_and_no_signature_are_refused(scheme: str) -> None:
    message, url = CASES[scheme]

    assert not verified(scheme, message, Endpoint((b"another",), url))
    bare = replace(message, headers={}, path="/webhooks/it")
    assert not verified(scheme, bare, Endpoint((SECRET,), url))


@pytest.mark.parametrize("scheme", [name for name in SCHEMES if name != "path-token"])
def test_one_byte_more_is_refused(scheme: str) -> None:
    message, url = CASES[scheme]

    assert not verified(scheme, replace(message, body=BODY + b" "), Endpoint((SECRET,), url))


@pytest.mark.parametrize("scheme", [name for name in SCHEMES if name != "path-token"])
@pytest.mark.parametrize("told", ["", "丝绒", "%%%", "t=1,v1=zz", "sha256=", "\ud800", "A" * 9999])
def test_a_signature_that_is_none_is_refused_and_breaks_nothing(scheme: str, told: str) -> None:
    message, url = CASES[scheme]
    headers = dict.fromkeys(message.headers, told)

    assert not verified(scheme, replace(message, headers=headers), Endpoint((SECRET,), url))


@pytest.mark.parametrize(
    ("seconds", "believed"), [(-301, False), (-299, True), (299, True), (301, False)]
)
@pytest.mark.parametrize("scheme", ["hubspot", "bottlecrm"])
def test_a_signed_time_is_good_for_five_minutes(
    scheme: str, seconds: int, *, believed: bool
) -> None:
    message, url = CASES[scheme]
    later = datetime.fromtimestamp(1_790_000_000 + seconds, UTC)

    at = Endpoint((SECRET,), url)
    assert verified(scheme, replace(message, received_at=later), at) is believed


@pytest.mark.parametrize("scheme", ["square", "hubspot"])
def test_a_signed_address_is_the_configured_one(scheme: str) -> None:
    message, _ = CASES[scheme]

    assert not verified(scheme, message, Endpoint((SECRET,), "https://elsewhere.test/"))


def test_a_message_is_known_again_by_its_own_id_or_by_its_bytes() -> None:
    named = raw(x_shopify_webhook_id="b54557e4-bdd9-4b37-8a5f-bf7d70bcd043")

    assert dedupe_key("shopify", named) == "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"
    assert dedupe_key("shopify", raw()) == f"sha256:{hashlib.sha256(BODY).hexdigest()}"
    assert dedupe_key("shopify", raw(x_shopify_webhook_id="x" * 256)) == dedupe_key("frappe", raw())


def test_only_headers_that_say_what_it_is_about_are_kept() -> None:
    message = raw(
        x_shopify_topic="orders/create",
        x_shopify_hmac_sha256=BODY_BASE64,
        authorization="Bearer no",
    )

    assert kept_headers("shopify", message) == {"x-shopify-topic": "orders/create"}
