"""What the settings say of one CRM: which custom field means what. Read once, and checked."""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.options import BadOption
from resolvers.domain.identities import is_region


@dataclass(frozen=True, slots=True)
class Terms:
    """What stands where in a contact.

    ``region`` is where telephone numbers without a country are dialed. A tag that begins with
    ``tier_prefix`` names a tier; ``tiers`` are in order, the lowest first, and empty if nobody
    said. The fields are keys of custom fields; ``external`` are those that hold the ids of other
    systems, by key.
    """

    region: str = "CN"
    tier_prefix: str = "tier:"
    tiers: tuple[str, ...] = ()
    points_field: str = "points"
    union_id_field: str = "wechat_unionid"
    open_id_field: str = "wechat_openid"
    card_field: str = "member_card"
    external: tuple[tuple[str, str], ...] = ()
    consent_prefix: str = "consent_"


_PLAIN: Mapping[str, str] = {
    "tier_prefix": "tier_prefix",
    "points_field": "points_field",
    "union_id_field": "union_id_field",
    "open_id_field": "open_id_field",
    "card_field": "card_field",
    "consent_prefix": "consent_prefix",
}
_KNOWN = (*_PLAIN, "phone_region", "tiers", "external_fields")


def terms_of(options: Mapping[str, str]) -> Terms:
    """The terms that options say.

    Raises:
        BadOption: there is no such option, or its value cannot be meant.
    """
    for option, value in options.items():
        if option not in _KNOWN:
            raise BadOption(option, f"one of {', '.join(_KNOWN)}", option)
        if option in _PLAIN and not value.strip():
            raise BadOption(option, "a text that is not empty", value)
    region = options.get("phone_region", "CN")
    if not is_region(region):
        raise BadOption("phone_region", "a region of two letters, such as CN", region)
    return Terms(
        region=region,
        tiers=_listed(options.get("tiers", "")),
        external=tuple(_pair(told) for told in _listed(options.get("external_fields", ""))),
        **{_PLAIN[name]: options[name].strip() for name in _PLAIN if name in options},
    )


def _listed(told: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in told.split(",") if part.strip())


def _pair(told: str) -> tuple[str, str]:
    """``field=system``: a custom field, and the code of the system whose ids it holds."""
    key, mark, system = (part.strip() for part in told.partition("="))
    if not (key and mark and system):
        expected = "custom fields with the systems whose ids they hold: pos_customer_id=pos"
        raise BadOption("external_fields", expected, told)
    return key, system
