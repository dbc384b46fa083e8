"""Settings of answers that are given twice: shared while they are made, kept afterwards."""

from dataclasses import dataclass, field

from gateway.settings_file import about


@dataclass(frozen=True, slots=True)
class Cache:
    """Answers that one process gives to more than one request; `docs/caching.md` says which."""

    share_reads: bool = field(
        default=True,
        metadata=about(
            "Whether the same public query, asked again while it runs, waits for the one answer."
        ),
    )
    answers_max_bytes: int = field(
        default=0,
        metadata=about(
            "Memory of a process for answers of public queries, kept for as long as each is good;"
            " 0 keeps none.",
            low=0,
            high=100_000_000_000,
        ),
    )
