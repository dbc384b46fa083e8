"""The retailer's terms: times to live, deadlines, staleness. Configuration, frozen at start."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Terms:
    """Bounds that the flows obey. ``number_prefix`` opens every order number.

    ``preparation_minutes`` is how long a shop takes to lay goods ready for pick-up.
    """

    ttl_default_seconds: int = 900
    ttl_max_seconds: int = 3600
    life_max_seconds: int = 86_400
    stale_after_seconds: float = 300.0
    preparation_minutes: int = 60
    number_prefix: str = "UC"
    time_zone: str = "Asia/Shanghai"
