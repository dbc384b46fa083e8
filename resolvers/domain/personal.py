"""What is left of personal data for whoever may see that there is some, but not what it says.

Pure. A mask never says how long the whole is, and never fails: what was stored is not looked over
here. Half of a pair of surrogates, which no answer can hold, is never left over.
"""

import unicodedata

HIDDEN = "****"

_LONG, _FIRST, _LAST = 11, 3, 4
_SHORT, _SHORT_LAST = 7, 2


def masked_phone(phone: str) -> str:
    """A long number's first three and last four digits, ``138****5678``; a short one's last two.

    Of less than seven digits nothing is left. Signs between them are dropped; ``+`` at the
    beginning stays, so that nobody takes a country's code for an area's.
    """
    digits = "".join(sign for sign in phone if sign.isdecimal())
    plus = "+" if phone.strip().startswith("+") else ""
    if len(digits) >= _LONG:
        return f"{plus}{digits[:_FIRST]}{HIDDEN}{digits[-_LAST:]}"
    return HIDDEN + (digits[-_SHORT_LAST:] if len(digits) >= _SHORT else "")


def masked_name(name: str) -> str:
    """A name's first character, ``林**``: enough to tell two parcels apart."""
    first = name.strip()[:1]
    return f"{first if _is_visible(first) else ''}**"


def hidden(_: str) -> str:
    """Nothing of it: of a street or a door no part is safe to show."""
    return HIDDEN


def _is_visible(sign: str) -> bool:
    """Says whether a character can stand alone and be seen: no half of a pair, no accent."""
    return bool(sign) and unicodedata.category(sign)[0] not in "CMZ"
