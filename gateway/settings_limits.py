"""Settings of what one document, one caller and one moment may ask of the process."""

from dataclasses import dataclass, field

from gateway.settings_file import about


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for, and one caller; `docs/limits.md` says what is counted."""

    tokens_max: int = field(
        default=1000, metadata=about("Most words and signs of a document.", low=50, high=10_000)
    )
    depth_max: int = field(default=15, metadata=about("Deepest level of fields.", low=1, high=100))
    fields_max: int = field(
        default=2000,
        metadata=about(
            "Most fields of an operation, fragments counted wherever they are spread.",
            low=1,
            high=100_000,
        ),
    )
    answer_fields_max: int = field(
        default=200_000,
        metadata=about(
            "Most fields of an answer, every list as long as it is asked for.",
            low=1,
            high=10_000_000,
        ),
    )
    aliases_max: int = field(
        default=100, metadata=about("Most aliases of an operation.", low=0, high=10_000)
    )
    root_fields_max: int = field(
        default=50, metadata=about("Most fields at the root of an operation.", low=1, high=10_000)
    )
    directives_max: int = field(
        default=50, metadata=about("Most directives of an operation.", low=0, high=10_000)
    )
    operations_max: int = field(
        default=50, metadata=about("Most operations of a document.", low=1, high=1000)
    )
    overlaps_max: int = field(
        default=2000,
        metadata=about(
            "Most pairs of fields that stand under one name in one place.", low=0, high=100_000
        ),
    )
    variables_max: int = field(
        default=5000,
        metadata=about("Most values in the variables of a request.", low=1, high=1_000_000),
    )
    cost_max: int = field(
        default=50_000, metadata=about("Most points of an operation.", low=1, high=10_000_000)
    )
    cost_per_second: int = field(
        default=50_000,
        metadata=about(
            "Points a second that one caller may spend in one process; 0 is no limit.",
            low=0,
            high=10_000_000,
        ),
    )
    cost_saved_max: int = field(
        default=100_000,
        metadata=about("Points that a caller who was silent has saved up.", low=1, high=10_000_000),
    )
    show_cost: bool = field(
        default=False,
        metadata=about("Every answer says what it cost in `extensions.cost`, asked or not."),
    )
    deadline_seconds: float = field(
        default=10.0,
        metadata=about("Longest that a query or mutation may take.", low=0.1, high=300),
    )
    concurrent_max: int = field(
        default=1000,
        metadata=about(
            "Most queries and mutations under way in one process; 0 is no limit.",
            low=0,
            high=1_000_000,
        ),
    )
    wait_seconds: float = field(
        default=1.0,
        metadata=about(
            "Longest that one more operation may wait in a busy process for those before it, in a"
            " burst; in a load that stands a fifth, with 64 under way at most. Else it is refused"
            " (503). 0 is no limit.",
            low=0,
            high=300,
        ),
    )
    introspection: bool = field(
        default=True,
        metadata=about("Whether clients may ask for the schema; without it GraphiQL is of no use."),
    )
    suggestions: bool = field(
        default=False,
        metadata=about("Whether errors say what may have been meant. For development only."),
    )
