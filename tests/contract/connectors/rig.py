"""What a connector's rig is: how the facts that the suite needs are made in one system, by that
system's own means, and what of it the system cannot do.

A rig names its roles. Each ability that its roles ask for is answered by a method, or named in
``cannot`` with the reason; a test sees to it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from inspect import isawaitable
from pathlib import Path
from typing import Any, ClassVar

from resolvers.backend_ports import Backend, Role
from resolvers.domain.outbox import Adjustment, GiveBack, Sale, Transfer, TransferStep
from resolvers.event_ports import RawMessage
from resolvers.live_ports import Spot
from tests.contract.connectors.reading import FEEDS

SECRET = b"the-secret-that-is-agreed"
"""What systems sign their messages with."""

WRONG = "wrong-secret"
"""The credential of a stranger."""

Reasons = Mapping[str, str]
"""Why a system cannot do something, by the name of the ability."""


class Unanswered(Exception):
    """A test has asked for something that is neither answered nor left out for a reason."""

    def __init__(self, who: object, ability: str) -> None:
        rig = type(who).__name__
        super().__init__(
            f"{rig} neither answers {ability} nor names it in `cannot`: write the method, or the"
            " reason why its system has no such thing"
        )


class Things:
    """The things of one feed as the system's own people see and change them. Ids are those that the
    connector tells: handles of products, the system's ids of all else.
    """

    cannot: ClassVar[Reasons] = {}
    edge: ClassVar[int] = 101
    """So many changes are more than one page of the connector."""

    def __init__(self, rig: Any) -> None:
        self.rig = rig

    async def there(self) -> set[str]:
        """All that are there now, by the system's own word: more than a page of them."""
        raise Unanswered(self, "there")

    async def change(self, count: int) -> set[str]:
        """Changes so many, or adds them; which."""
        raise Unanswered(self, "change")

    async def change_at_once(self, count: int) -> set[str]:
        """Changes so many, all of which bear the same stamp then; which."""
        raise Unanswered(self, "change_at_once")

    async def delete(self) -> str:
        """Takes one out of the system; which."""
        raise Unanswered(self, "delete")

    async def twins(self) -> set[str]:
        """Two that bear the same SKU; which."""
        raise Unanswered(self, "twins")


Feeds = Mapping[Role, type[Things]]
"""The things of each feed that a rig has."""


class Rig(ABC):
    """One system with its connector, for one test."""

    name: ClassVar[str]
    mark: ClassVar[str | None] = None
    """The marker of tests that need it to be installed; None runs everywhere."""
    roles: ClassVar[tuple[Role, ...]]
    feeds: ClassVar[Feeds] = {}
    cannot: ClassVar[Reasons] = {}
    secret: bytes = SECRET
    """What the messages that it sends are signed with."""
    renews: ClassVar[bool] = True
    """Whether the connector gets itself a new credential when one has ended."""

    def __init__(self, system: Any, folder: Path) -> None:
        """``system`` is what ``running`` gave; ``folder`` is empty and the test's own."""
        self.system = system
        self.folder = folder
        self.passed = timedelta(0)
        self._made: list[Backend] = []

    @staticmethod
    @contextmanager
    def running(folder: Path) -> Iterator[Any]:
        """The system that the tests of one run share, started once; nothing if each has its own."""
        yield None

    @abstractmethod
    def made(self, **otherwise: Any) -> Backend:
        """A connector, as ``bootstrap`` makes it; ``otherwise`` replaces some of its settings."""

    def connect(self, **otherwise: Any) -> Backend:
        """A connector that knows nothing yet, as in a process of its own."""
        backend = self.made(**otherwise)
        self._made.append(backend)
        return backend

    @cached_property
    def backend(self) -> Backend:
        """The connector that most of a test speaks to."""
        return self.connect()

    @abstractmethod
    async def ask(self, backend: Backend) -> object:
        """One short question that needs to be let in."""

    async def close(self) -> None:
        """Lets go of all connectors that were made."""
        for backend in self._made:
            ended = None if backend.close is None else backend.close()
            if isawaitable(ended):
                await ended

    def clock(self) -> datetime:
        """The time, and what a test has let pass besides."""
        return datetime.now(UTC) + self.passed

    def timer(self) -> float:
        return self.clock().timestamp()

    # ---- bad days -----------------------------------------------------------------------------

    def stranger(self) -> Backend:
        """A connector with a credential that the system does not know."""
        raise Unanswered(self, "stranger")

    def elsewhere(self) -> Backend:
        """A connector that finds nobody."""
        raise Unanswered(self, "elsewhere")

    async def expire(self) -> None:
        """Ends the credential that the connector uses."""
        raise Unanswered(self, "expire")

    def logins(self) -> int:
        """How often somebody has tried to log in since the test began."""
        raise Unanswered(self, "logins")

    def throttle(self) -> None:
        """From the next call on, the system says for a second that it is asked too much."""
        raise Unanswered(self, "throttle")

    def turned_away(self) -> int:
        """How many calls it has answered so."""
        raise Unanswered(self, "turned_away")

    async def fall_silent(self) -> None:
        """The system answers no question in time from now on."""
        raise Unanswered(self, "fall_silent")

    # ---- writes -------------------------------------------------------------------------------

    async def lose_answer(self) -> None:
        """The next write is done, and its answer is lost."""
        raise Unanswered(self, "lose_answer")

    async def lose_question(self) -> None:
        """The next write is lost on its way there; nobody can tell."""
        raise Unanswered(self, "lose_question")

    async def mend(self) -> None:
        """All is well again."""
        raise Unanswered(self, "mend")

    # ---- stock --------------------------------------------------------------------------------

    async def shelf(self) -> Spot:
        """A SKU and a place where units may come and go."""
        raise Unanswered(self, "shelf")

    async def adjustment(self, reference: str, delta: int) -> Adjustment:
        """A change of stock that the system takes."""
        raise Unanswered(self, "adjustment")

    async def on_hand(self, location: str, sku: str) -> int:
        """What lies there, as a person counts it."""
        raise Unanswered(self, "on_hand")

    async def move(self, location: str, sku: str, units: int) -> None:
        """The system's people add units to a shelf, or take some away."""
        raise Unanswered(self, "move")

    # ---- sales --------------------------------------------------------------------------------

    async def sale(self, reference: str, sku: str | None = None) -> Sale:
        """A sale that the system takes, unless it is of a ``sku`` that it does not know."""
        raise Unanswered(self, "sale")

    async def bad_sale(self, reference: str) -> Sale:
        """A sale that the system does not take."""
        raise Unanswered(self, "bad_sale")

    async def unknown_sale(self, reference: str) -> Sale:
        """A sale that the system was never told, and says so of."""
        raise Unanswered(self, "unknown_sale")

    async def booked(self, reference: str) -> int:
        """How many sales that stand the system has of a reference."""
        raise Unanswered(self, "booked")

    # ---- what came back, and what goes from place to place ------------------------------------

    async def give_back(self, reference: str) -> GiveBack:
        """Units of one SKU that came back, which the system takes."""
        raise Unanswered(self, "give_back")

    async def returned(self, reference: str) -> int:
        """How many returns that stand the system has of a reference."""
        raise Unanswered(self, "returned")

    async def transfer(self, reference: str, step: TransferStep, units: int = 2) -> Transfer:
        """A step of a transfer of one SKU that the system takes; at least 5 units may leave."""
        raise Unanswered(self, "transfer")

    async def transfers(self, reference: str) -> int:
        """How many transfers that stand the system has of a reference."""
        raise Unanswered(self, "transfers")

    # ---- what may be sold ---------------------------------------------------------------------

    async def offered(self, count: int) -> Sequence[str]:
        """Listings whose units are counted: so many, none of which another test touches."""
        raise Unanswered(self, "offered")

    async def for_sale(self, listing: str) -> int:
        """The units that a listing may sell, as the system's people see it."""
        raise Unanswered(self, "for_sale")

    async def sell(self, listing: str) -> None:
        """A buyer takes one unit."""
        raise Unanswered(self, "sell")

    async def reprice(self, listing: str) -> None:
        """The seller has a listing cost something else from now on."""
        raise Unanswered(self, "reprice")

    # ---- points -------------------------------------------------------------------------------

    async def count_points(self, member: str, points: int) -> None:
        """The system's people set a member's points right."""
        raise Unanswered(self, "count_points")

    # ---- messages -----------------------------------------------------------------------------

    async def messages(self) -> Sequence[RawMessage]:
        """Two messages of two events, and the second once more, as they came: signed by
        ``secret``.
        """
        raise Unanswered(self, "messages")

    def receiving(self, *secrets: bytes) -> Backend:
        """A connector that believes these secrets, the newest first."""
        raise Unanswered(self, "receiving")

    async def stale(self) -> RawMessage:
        """A message that was signed an hour ago and comes only now."""
        raise Unanswered(self, "stale")

    async def lay_down(self, name: str) -> set[str]:
        """The system has one more message to be fetched; the ids of what it is about."""
        raise Unanswered(self, "lay_down")

    async def lay_anew(self, name: str) -> set[str]:
        """The system changes a message that nobody has acknowledged; ids as before."""
        raise Unanswered(self, "lay_anew")


BAD_DAYS = (
    "stranger", "elsewhere", "expire", "logins", "throttle", "turned_away", "fall_silent", "mend",
)  # fmt: skip
LOST = ("lose_answer", "lose_question")
ABILITIES: Mapping[Role | None, Sequence[str]] = {
    None: BAD_DAYS,
    Role.STOCK_FEED: ("shelf", "on_hand", "move"),
    Role.STOCK_SINK: ("adjustment", "on_hand", *LOST),
    Role.ORDER_SINK: ("sale", "bad_sale", "unknown_sale", "booked", *LOST),
    Role.RETURN_SINK: ("give_back", "returned", "on_hand", *LOST),
    Role.TRANSFER_SINK: ("transfer", "transfers", "on_hand", *LOST),
    Role.LIVE_STOCK: ("shelf", "on_hand", "move"),
    Role.LIVE_PRICES: ("reprice",),
    Role.LOYALTY: ("count_points",),
    Role.EVENT_PULLER: ("lay_down", "lay_anew"),
    Role.PUBLICATION_SINK: ("offered", "for_sale", "sell", *LOST),
    Role.EVENT_RECEIVER: ("messages", "receiving", "stale"),
}
"""What a rig of a role is asked for; of any role under None."""

OF_THINGS = ("there", "change", "change_at_once")
MORE: Mapping[Role, Sequence[str]] = {
    Role.LISTING_SOURCE: ("delete", "twins"),
    Role.MEMBER_SOURCE: ("delete",),
}
"""What the things of a feed are asked for, and those of some feeds besides."""


def asked_of(rig: type[Rig]) -> list[tuple[type, str, Reasons, type]]:
    """Every ability that the roles of a rig ask for: who answers it, its name, and why not."""
    names = [name for role in (None, *rig.roles) for name in ABILITIES.get(role, ())]
    asked: list[tuple[type, str, Reasons, type]] = [
        (rig, name, rig.cannot, Rig) for name in dict.fromkeys(names)
    ]
    for role in FEEDS:
        if role in rig.roles:
            things = rig.feeds[role]
            names = [*OF_THINGS, *MORE.get(role, ())]
            asked += [(things, name, things.cannot, Things) for name in names]
    return asked
