"""Settings of the gateway's own process: how it is reached, where its store is, whom it believes.

Those of the house that it serves stand in ``gateway/settings_sections.py``.
"""

import re
from dataclasses import dataclass, field

from gateway.origins import ORIGIN_KIND, SCRIPTS_KIND, is_origin, is_script_origin
from gateway.settings_file import Reader, about

_DAY = 86_400

WORKERS_MAX = 64
"""Most workers of one gateway: more cores than that are better used by several machines."""

_MONGO_KIND = "a mongodb or mongodb+srv address without a user or password in it"

FROM_VARIABLE = "Name of the environment variable that holds the user's password."
FROM_FILE = "File that holds the password; a relative path begins at the TOML file."


def _is_mongo(text: str) -> bool:
    scheme, found, rest = text.partition("://")
    hosts = re.split("[/?]", rest, maxsplit=1)[0]
    secret = re.search(r"[?&;]\w*(password|authMechanismProperties)=", rest, re.IGNORECASE)
    known = scheme in ("mongodb", "mongodb+srv")
    return known and bool(found and hosts) and "@" not in rest and not secret


class Secret:
    """A password that was read at start. It is never printed: its repr is ``***``."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The password itself, for the one place that logs in."""
        return self._text

    def __repr__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True)
class Server:
    """How the gateway is reached."""

    host: str = field(
        default="127.0.0.1",
        metadata=about("Address to listen on. Loopback unless you say otherwise."),
    )
    port: int = field(
        default=8000, metadata=about("Port to listen on; 0 takes any free one.", low=0, high=65_535)
    )
    workers: int = field(
        default=1,
        metadata=about(
            "Processes that serve behind the one port, on Linux (`docs/workers.md`): about as many"
            " as there are cores. Every limit of one process is each worker's own.",
            low=1,
            high=WORKERS_MAX,
        ),
    )
    mutations_per_second: int = field(
        default=5000,
        metadata=about(
            "Most mutations a second that one caller may send to one process; 0 is no limit.",
            low=0,
            high=1_000_000,
        ),
    )
    allowed_origins: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Origins of web pages elsewhere whose scripts may ask at `/graphql`; `*` alone lets any"
            " page. None unless you say so.",
            kind=f"a list of {SCRIPTS_KIND}",
            fits=is_script_origin,
        ),
    )
    batch_max: int = field(
        default=0,
        metadata=about(
            "Most operations that one request may send as a list; 0: a list is refused.",
            low=0,
            high=10,
        ),
    )
    compiled: bool = field(
        default=True,
        metadata=about(
            "Run documents that come again by code that is written for them (`docs/compiled.md`)."
            " Without it the answers are the same, and take longer."
        ),
    )
    drain_seconds: int = field(
        default=2,
        metadata=about(
            "How long a gateway that was told to stop (SIGTERM) still takes requests while"
            " `/health/ready` says 503: longer than the pause between two looks of your load"
            " balancer. Ctrl-C does not wait.",
            low=0,
            high=300,
        ),
    )
    shutdown_seconds: int = field(
        default=10,
        metadata=about("How long a stop then waits for what is under way.", low=0, high=300),
    )


@dataclass(frozen=True, slots=True)
class Sockets:
    """Connections that stay open, by WebSocket or as a stream of events (`docs/websocket.md`)."""

    origins: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Pages of other hosts that may connect; `weapp://*` stands for every page of a scheme"
            " that is not the web's, `null` for pages without an origin, which anybody can make.",
            kind=f"a list, each {ORIGIN_KIND}",
            fits=is_origin,
        ),
    )
    connections_max: int = field(
        default=2000, metadata=about("Most connections of one process.", low=1, high=4096)
    )
    guest_connections_max: int = field(
        default=1000,
        metadata=about("Most of them that all guests may have together.", low=0, high=4096),
    )
    caller_connections_max: int = field(
        default=32,
        metadata=about("Most of them that one caller with a token may have.", low=1, high=4096),
    )
    operations_max: int = field(
        default=100,
        metadata=about("Most operations under way on one WebSocket.", low=1, high=10_000),
    )
    init_seconds: float = field(
        default=10.0,
        metadata=about("How long a client may take to introduce itself.", low=1, high=300),
    )
    keep_alive_seconds: float = field(
        default=30.0,
        metadata=about(
            "Pause between two signs of life to a client: shorter than any proxy's patience.",
            low=1,
            high=3600,
        ),
    )
    idle_seconds: float = field(
        default=600.0,
        metadata=about(
            "A WebSocket without an operation for so long is closed, at the next sign of life.",
            low=1,
            high=86_400,
        ),
    )


@dataclass(frozen=True, slots=True)
class Storage:
    """Where the gateway keeps what it knows."""

    engine: str = field(
        default="sqlite",
        metadata=about(
            "`sqlite` keeps everything in the data directory; `mongo` in a MongoDB replica set or"
            " cluster, which many machines may share; `memory` forgets it at the stop.",
            kind="one of sqlite, mongo, memory",
            fits=lambda text: text in ("sqlite", "mongo", "memory"),
        ),
    )
    url: str | None = field(
        default=None,
        metadata=about(
            "Where MongoDB answers, with the driver's options: `mongodb://host/?replicaSet=rs0`.",
            kind=_MONGO_KIND,
            fits=_is_mongo,
        ),
    )
    database: str = field(
        default="gateway",
        metadata=about(
            "Name of the database in MongoDB; the gateway's alone.",
            kind="1 to 38 letters, digits, _ and -",
            fits=lambda text: re.fullmatch(r"[A-Za-z0-9_-]{1,38}", text) is not None,
        ),
    )
    user: str | None = field(
        default=None, metadata=about("The gateway's user in MongoDB; it needs readWrite there.")
    )
    password_env: str | None = field(default=None, metadata=about(FROM_VARIABLE))
    password_file: str | None = field(default=None, metadata=about(FROM_FILE))
    history_days: int = field(
        default=400,
        metadata=about(
            "Days of stock history that stay; what is older is folded into checkpoints.",
            low=2,
            high=36_500,
        ),
    )
    audit_days: int = field(
        default=400,
        metadata=about(
            "Days that records of what callers did stay; `docs/audit.md` says what they hold.",
            low=1,
            high=36_500,
        ),
    )
    password: Secret | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class InboxSettings:
    """Messages that backends send (`docs/webhooks.md`)."""

    retry_hours: float = field(
        default=24.0,
        metadata=about(
            "How long what a message hinted at is tried to be read before a person has to look.",
            low=0.1,
            high=720,
        ),
    )
    kept_days: float = field(
        default=7.0,
        metadata=about(
            "How long a message that is done is known again; longer than its vendor sends again.",
            low=2,
            high=365,
        ),
    )


@dataclass(frozen=True, slots=True)
class OutboxSettings:
    """What backends are told (`docs/outbox.md`)."""

    retry_hours: float = field(
        default=72.0,
        metadata=about(
            "How long a write is tried, from its first try on, before a person has to look.",
            low=0.1,
            high=2160,
        ),
    )


@dataclass(frozen=True, slots=True)
class Auth:
    """Tokens that the gateway signs and accepts, and API keys that it accepts."""

    issuer: str = field(
        default="unified-commerce-gateway",
        metadata=about("Name of who signs tokens; a token of another issuer is refused."),
    )
    token_ttl_seconds: int = field(
        default=_DAY,
        metadata=about("How long a new token is good, unless --ttl says.", low=1, high=31_536_000),
    )
    guest_token_ttl_seconds: int = field(
        default=0,
        metadata=about(
            "How long a guest's token is good (`guestLogin`); 0: guests are given none. Bound what"
            " guests can hold with `[reservations] live_units_max`.",
            low=0,
            high=2_592_000,
        ),
    )
    logins_per_minute: int = field(
        default=30,
        metadata=about(
            "Logins and guests' tokens a minute of one address, in one process; 0 is no limit.",
            low=0,
            high=1_000_000,
        ),
    )
    clock_skew_seconds: int = field(
        default=30,
        metadata=about("How far the clocks of two machines may differ.", low=0, high=300),
    )
    key_pause_seconds: float = field(
        default=5.0,
        metadata=about(
            "Pause between two readings of the API keys: every process knows of a new or revoked"
            " one after so long.",
            low=0.5,
            high=300,
        ),
    )


def check_store(reader: Reader, store: Storage) -> None:
    """Refuses a MongoDB without an address, a user without a password, and either without it."""
    given = [name for name in ("url", "user") if getattr(store, name) is not None]
    if store.engine == "mongo" and "url" not in given and reader.sound("store.url"):
        reader.refuse(
            "store.url", ("store",), "the address of MongoDB, which mongo needs", "nothing"
        )
    if store.engine != "mongo" and given and reader.sound("store.engine"):
        reader.refuse(f"store.{given[0]}", ("store", given[0]), 'only with engine = "mongo"', "one")
    secret = store.password_env is not None or store.password_file is not None
    if secret != (store.user is not None) and reader.sound("store.user", "store.password_env"):
        expected = "user and password_env (or password_file) together"
        reader.refuse("store.user", ("store",), expected, "one of them")
