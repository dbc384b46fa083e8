"""Which pages may open a connection that stays: those of our own host, and those that are named.
And how pages are named in the settings.

Programs send no ``Origin`` and are let in. A token is never sent by a browser of its own accord, so
this keeps strangers' pages from using up their visitors' connections rather than their rights.
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

ORIGIN_KIND = "an origin such as https://shop.example, weapp://* or null"
"""What ``is_origin`` takes, in words."""

SCRIPTS_KIND = "origins in small letters such as https://shop.example, or *"
"""What ``is_script_origin`` takes, in words."""

_SCRIPTS = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9.\-\[\]:]+")
_DEFAULT_PORT = re.compile(r"https://.*:443|http://.*:80")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[A-Za-z0-9._:\[\]-]+")
_ANY = re.compile(r"(?!https?:)[a-z][a-z0-9+.-]*://\*")


def is_origin(text: str) -> bool:
    """Says whether a text can stand among allowed origins.

    ``*`` may stand for every page of a scheme that is not the web's.
    """
    return text == "null" or bool(_ORIGIN.fullmatch(text) or _ANY.fullmatch(text))


def is_script_origin(text: str) -> bool:
    """Says whether a browser would name a page's origin so, letter by letter; or ``*``: any."""
    named = bool(_SCRIPTS.fullmatch(text)) and not _DEFAULT_PORT.fullmatch(text)
    return text == "*" or named


def may_connect(
    origin: str | None, host: str, allowed: Iterable[str], site: str | None = None
) -> bool:
    """Says whether a page of ``origin`` may connect to us under the name ``host``. ``site`` is what
    a browser says of a page that it does not name (``Sec-Fetch-Site``): nobody can name one of
    another host.
    """
    if origin is None:
        return site not in ("cross-site", "same-site")
    given = origin.lower()
    try:
        own = urlsplit(given).netloc == host.lower() != ""
    except ValueError:
        return False
    return own or any(_fits(given, pattern.lower()) for pattern in allowed)


def _fits(origin: str, pattern: str) -> bool:
    if pattern.endswith("://*"):
        return origin.startswith(pattern[:-1])
    return origin == pattern
