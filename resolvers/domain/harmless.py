"""What no log line or record may hold, by its look: secrets, phone numbers, mail addresses.

No pattern knows a street or a name.
"""

import re
from hashlib import sha256

HIDDEN = "[hidden]"

HASHED = "sha256:"
"""Begins what stands for a key that is not kept as it was sent."""

_SECRETS = re.compile(
    r"""
    (?i:\b(?:bearer|basic|session|digest)\s+)[A-Za-z0-9._~+/=:-]{4,}        # Authorization
    | \beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)?           # JWT
    | ucg_[A-Za-z0-9_-]+                                                    # our API keys
    | (?i:(?:pass(?:word|wd)?|secret|token|api[_-]?key|authorization|session_key|openid|unionid)
      \\?["']?\s*[=:]\s*(?:(?:bearer|basic|session|digest)\s+)?)            # named as one
      (?:"[^"]*"|'[^']*'|\\"[^"]*"|[^\s"'&,;}\)]+)
    | (?<=://)[^\s/@:"']*:[^\s/@"']*(?=@)                                   # in an address
    """,
    re.VERBOSE,
)
_MAIL = re.compile(r"[^\s@\"'<>(),:;\[\]{}]{1,64}@[^\s@\"'<>(),:;\[\]{}]{1,255}")
_PHONE = re.compile(
    r"""
    (?<![0-9])(?:\+?86[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}(?![0-9]) # of the mainland
    | \+[0-9](?:[ ().-]?[0-9]){6,14}                                        # of any country
    | (?<![0-9])0[0-9]{2,3}[ -][0-9]{7,8}(?![0-9])                          # with an area code
    | (?<![0-9])\(?[0-9]{3}\)?[ .-][0-9]{3}[ .-][0-9]{4}(?![0-9])
    """,
    re.VERBOSE,
)
_DIGITS = re.compile("[0-9]{4}")
_MARKS = (
    *("bearer", "basic", "session", "digest", "eyj", "ucg_", "pass", "secret", "token", "api"),
    *("authorization", "openid", "unionid", "://"),
)
"""One of them, in small letters, stands in whatever ``_SECRETS`` finds."""


def hidden(text: str) -> str:
    """A text without secrets, phone numbers and mail addresses."""
    small = text.lower()
    for mark in _MARKS:
        if mark in small:
            text = _SECRETS.sub(HIDDEN, text)
            break
    if "@" in text:
        text = _MAIL.sub(HIDDEN, text)
    return _PHONE.sub(HIDDEN, text) if _DIGITS.search(text) is not None else text


def is_harmless(text: str) -> bool:
    """Says whether there is nothing in a text that ``hidden`` would take out."""
    return hidden(text) == text


def kept_key(key: str) -> str:
    """An idempotency key as records have it: its hash, if the key might say who somebody is."""
    return key if is_harmless(key) else f"{HASHED}{sha256(key.encode()).hexdigest()}"
