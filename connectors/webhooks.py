"""How vendors sign their messages: one table, and what each row does to raw bytes.

Each check compares in constant time, with every secret that is live, and says no more than yes or
no. Sources of each scheme are the vendors' own pages on verifying webhooks; the tests hold known
answers.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from resolvers.domain.inbox import DEDUPE_CHARS_MAX
from resolvers.event_ports import Acknowledgement, RawMessage

SECRETS_MAX = 2
"""Secrets that are live at the same time: the old one signs for a while after it was renewed."""

WINDOW = timedelta(minutes=5)
"""How old, or how far ahead, a signed time may be."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What is agreed with one backend about its messages.

    ``secrets`` are those that are live, the newest first. ``url`` is the address that the vendor
    has been given: schemes that sign it take it from here, never from what a proxy made of it.
    """

    secrets: tuple[bytes, ...] = field(repr=False)
    url: str = ""

    def __post_init__(self) -> None:
        assert 1 <= len(self.secrets) <= SECRETS_MAX
        assert all(self.secrets), "an empty secret signs everything"


Check = Callable[[RawMessage, bytes, Endpoint], bool]
"""Says whether one secret has signed a message."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """One vendor's way: how a message is signed, by what it is known again, and what it is
    answered.

    ``dedupe`` are headers that are the same when the message is sent again; without any of them the
    body's own digest is. ``kept`` are the headers that say what the message is about.
    """

    check: Check
    dedupe: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    acknowledgement: Acknowledgement = field(default_factory=Acknowledgement)


def verified(scheme: str, raw: RawMessage, endpoint: Endpoint) -> bool:
    """Says whether the backend has sent a message, and not too long ago."""
    check = SCHEMES[scheme].check
    # Every secret is tried, so that the time taken does not tell which one it was.
    return sum(check(raw, secret, endpoint) for secret in endpoint.secrets) > 0


def dedupe_key(scheme: str, raw: RawMessage) -> str:
    """What is the same for the same message sent again."""
    for name in SCHEMES[scheme].dedupe:
        told = raw.headers.get(name, "")
        if 0 < len(told) <= DEDUPE_CHARS_MAX and told.isprintable():
            return told
    return f"sha256:{hashlib.sha256(raw.body).hexdigest()}"


def kept_headers(scheme: str, raw: RawMessage) -> Mapping[str, str]:
    """The headers that say what a message is about."""
    kept = SCHEMES[scheme].kept
    return {name: raw.headers[name][:DEDUPE_CHARS_MAX] for name in kept if name in raw.headers}


# ---- the checks -------------------------------------------------------------------------------


def _base64_of_body(header: str) -> Check:
    """Base64 of HMAC-SHA256 over the body, in a header."""

    def check(raw: RawMessage, secret: bytes, _: Endpoint) -> bool:
        return _same_base64(raw.headers.get(header), _hmac(secret, raw.body))

    return check


def _hex_of_body(header: str, prefix: str = "") -> Check:
    """Hexadecimal HMAC-SHA256 over the body, in a header, behind a prefix."""

    def check(raw: RawMessage, secret: bytes, _: Endpoint) -> bool:
        told = raw.headers.get(header, "")
        return told.startswith(prefix) and _same_hex(
            told.removeprefix(prefix), _hmac(secret, raw.body)
        )

    return check


def _square(raw: RawMessage, secret: bytes, endpoint: Endpoint) -> bool:
    """Base64 of HMAC-SHA256 over the configured address and the body."""
    signed = endpoint.url.encode() + raw.body
    return _same_base64(raw.headers.get("x-square-hmacsha256-signature"), _hmac(secret, signed))


def _hubspot(raw: RawMessage, secret: bytes, endpoint: Endpoint) -> bool:
    """Base64 of HMAC-SHA256 over method, configured address, body and a time in milliseconds."""
    told = raw.headers.get("x-hubspot-request-timestamp", "")
    if not _is_recent(told, 1000, raw.received_at):
        return False
    signed = raw.method.encode() + endpoint.url.encode() + raw.body + told.encode()
    return _same_base64(raw.headers.get("x-hubspot-signature-v3"), _hmac(secret, signed))


_TIMED = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")


def _bottlecrm(raw: RawMessage, secret: bytes, _: Endpoint) -> bool:
    """``t=seconds,v1=hex`` of HMAC-SHA256 over the time, a dot and the body."""
    told = _TIMED.fullmatch(raw.headers.get("x-bottlecrm-signature", ""))
    if told is None or not _is_recent(told[1], 1, raw.received_at):
        return False
    return _same_hex(told[2], _hmac(secret, told[1].encode() + b"." + raw.body))


def _path_token(raw: RawMessage, secret: bytes, _: Endpoint) -> bool:
    """The secret itself is the last part of the path, for systems that sign nothing."""
    told = raw.path.rpartition("/")[2].encode()
    return hmac.compare_digest(told, secret)


def _hmac(secret: bytes, signed: bytes) -> bytes:
    return hmac.digest(secret, signed, hashlib.sha256)


def _same_base64(told: str | None, expected: bytes) -> bool:
    try:
        given = base64.b64decode(told or "", validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(given, expected)


def _same_hex(told: str, expected: bytes) -> bool:
    try:
        given = bytes.fromhex(told)
    except ValueError:
        return False
    return hmac.compare_digest(given, expected)


def _is_recent(told: str, per_second: int, now: datetime) -> bool:
    """Says whether a signed time, in parts of a second since 1970, is close to now."""
    if not told.isascii() or not told.isdigit() or len(told) > 16:
        return False
    return abs(int(told) / per_second - now.timestamp()) <= WINDOW.total_seconds()


# ---- the table --------------------------------------------------------------------------------


SCHEMES: Mapping[str, Scheme] = {
    "shopify": Scheme(
        _base64_of_body("x-shopify-hmac-sha256"),
        dedupe=("x-shopify-webhook-id",),
        kept=("x-shopify-topic", "x-shopify-shop-domain", "x-shopify-triggered-at"),
    ),
    "woocommerce": Scheme(
        _base64_of_body("x-wc-webhook-signature"),
        dedupe=("x-wc-webhook-delivery-id",),
        kept=("x-wc-webhook-topic", "x-wc-webhook-resource"),
    ),
    "frappe": Scheme(_base64_of_body("x-frappe-webhook-signature")),
    "square": Scheme(_square),
    "hubspot": Scheme(_hubspot),
    "bottlecrm": Scheme(_bottlecrm, kept=("x-bottlecrm-event",)),
    "vendure": Scheme(
        _hex_of_body("x-vendure-signature", "sha256="),
        dedupe=("x-vendure-event-id",),
        kept=("x-vendure-topic",),
    ),
    "sandbox": Scheme(
        _hex_of_body("x-sandbox-signature"),
        dedupe=("x-sandbox-id",),
        kept=("x-sandbox-topic",),
    ),
    "path-token": Scheme(_path_token),
}
"""Every scheme by its name in the settings and in ``Capabilities.webhooks``.

A header that is not signed is good enough to know a message again: who may forge it needs the
secret for the body. A body sent again under another id is done twice, which comes to the same.
"""
