"""Settings of what backends are asked while somebody waits; `docs/live-reads.md` says what for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.settings_file import about
from resolvers.terms import LiveField, LiveTerms

LIVE_AFTER_MAX = 86_400


@dataclass(frozen=True, slots=True)
class Live:
    """When a backend is asked anew, for what, and how long a request waits for it."""

    after_seconds: float = field(
        default=0.0,
        metadata=about(
            "How old what is known of a backend may be until it is asked anew while somebody "
            "waits; 0: it never is.",
            low=0,
            high=LIVE_AFTER_MAX,
        ),
    )
    deadline_ms: int = field(
        default=300,
        metadata=about(
            "Longest wait of one request for all backends together, in milliseconds; what has not "
            "come by then is shown as it was known.",
            low=1,
            high=10_000,
        ),
    )
    fields: tuple[LiveField, ...] = field(
        default=tuple(LiveField), metadata=about("What backends are asked for.")
    )

    def terms(self, of_backend: Mapping[str, float | None]) -> LiveTerms:
        """What the flows obey of it; ``of_backend`` are the backends' own ages, where they have
        one.
        """
        own = {code: after for code, after in of_backend.items() if after is not None}
        return LiveTerms(self.after_seconds, self.deadline_ms / 1000, frozenset(self.fields), own)
