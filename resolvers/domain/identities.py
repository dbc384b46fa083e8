"""What somebody is known by, as it is compared, and what is left of it for whoever may not see it.

Phones become E.164 by the library phonenumbers, which only this module imports. What is refused is
never said back: it may be somebody's. Pure.
"""

import re
import unicodedata
from collections.abc import Sequence

import phonenumbers

from resolvers.domain.errors import InvalidInput
from resolvers.domain.members import IdentityKind
from resolvers.domain.personal import HIDDEN, hidden, masked_phone

PHONE_CHARS_MAX = 40
"""A number of 15 digits with every sign that people put between them."""

EMAIL_CHARS_MAX = 254
"""Longest mail address that can be sent to (RFC 5321)."""

CARD_CHARS_MAX = 64
KEY_CHARS_MAX = 255
"""Longest id of a person in a system."""

_PHONE = re.compile(r"\(?\+?[\d ().\-/]+")
_CARD_LAST, _CARD_SHORT = 4, 8


def is_region(text: str) -> bool:
    """Says whether a code is of a country or region with telephones (ISO 3166 alpha-2)."""
    return text in phonenumbers.SUPPORTED_REGIONS


def phone_of(text: str, region: str, *, field: Sequence[str | int] = ()) -> str:
    """A phone as E.164, like ``+8613800138000``, however it is written.

    One without its country's code is of ``region``. It is not asked whether anybody has it: new
    ranges come faster than libraries.

    Raises:
        InvalidInput: it can be no phone's, or names an extension.
    """
    written = "".join(
        "-" if unicodedata.category(sign) == "Pd" else sign
        for sign in unicodedata.normalize("NFKC", text[: PHONE_CHARS_MAX + 1])
        if unicodedata.category(sign) != "Cf"  # copied from an address book
    ).strip()
    refused = InvalidInput(
        f"this is no phone number of {region}; write +, the country's code and the number",
        field=field,
    )
    if len(text) > PHONE_CHARS_MAX or not _PHONE.fullmatch(written):
        raise refused
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        raise refused from None
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible != phonenumbers.ValidationResult.IS_POSSIBLE:  # or within one town only
        raise refused
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def phone_if_any(text: str | None, region: str) -> str | None:
    """The same of what a system says; None if it is no phone's."""
    try:
        return phone_of(text or "", region)
    except InvalidInput:
        return None


def email_of(text: str, *, field: Sequence[str | int] = ()) -> str:
    """A mail address, trimmed and in lower case. Whether anybody has it is not asked.

    Raises:
        InvalidInput: it can be no mail address.
    """
    address = text.strip().lower()
    name, _, host = address.rpartition("@")
    plain = _is_text(address) and not re.search(r"\s", address)
    if not (plain and name and host) or "@" in name or len(address) > EMAIL_CHARS_MAX:
        raise InvalidInput(
            f"this is no mail address of at most {EMAIL_CHARS_MAX} characters", field=field
        )
    return address


def card_of(text: str, *, field: Sequence[str | int] = ()) -> str:
    """A card's number as it is written, without blanks.

    Raises:
        InvalidInput: it can be no card's.
    """
    number = re.sub(r"\s", "", text[: 2 * CARD_CHARS_MAX + 1])
    if not 1 <= len(number) <= CARD_CHARS_MAX or not _is_text(number):
        raise InvalidInput(
            f"a card's number has 1 to {CARD_CHARS_MAX} characters beside blanks", field=field
        )
    return number


def key_of_person(text: str, *, field: Sequence[str | int] = ()) -> str:
    """A system's own id of somebody, as it is.

    Raises:
        InvalidInput: it can be none.
    """
    if not 1 <= len(text) <= KEY_CHARS_MAX or not _is_text(text):
        raise InvalidInput(f"an id has 1 to {KEY_CHARS_MAX} characters", field=field)
    return text


def masked_email(address: str) -> str:
    """A mail address's first character, and where its box is: ``l****@example.com``."""
    name, mark, host = address.rpartition("@")
    return f"{name[:1]}{HIDDEN}@{host}" if mark and name and _is_text(address) else HIDDEN


def masked_card(number: str) -> str:
    """A card's last four characters; of one that has less than eight, none."""
    shown = len(number) >= _CARD_SHORT and _is_text(number)
    return HIDDEN + (number[-_CARD_LAST:] if shown else "")


def masked_identity(kind: IdentityKind, value: str) -> str:
    """What is left of one thing that somebody is known by; of a system's own id, nothing."""
    if kind is IdentityKind.PHONE:
        return masked_phone(value)
    if kind is IdentityKind.EMAIL:
        return masked_email(value)
    return masked_card(value) if kind is IdentityKind.CARD else hidden(value)


def _is_text(text: str) -> bool:
    """Says whether a text can be stored and shown: no half of a pair of surrogates, no control."""
    return not any(unicodedata.category(sign) in ("Cs", "Cc") for sign in text)
