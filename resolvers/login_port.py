"""What a login needs from outside: who signs, who knows an app's users, how many may come: ports.

Apart from the other ports because no commerce flow needs it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn, Protocol

from resolvers.access import Principal

Sign = Callable[[Principal, int], str]
"""Makes a token of a caller that is good for so many seconds."""

Gate = Callable[[str], float]
"""Lets one more login of an address in: 0.0, or the seconds after which it is worth trying."""


class AppUsers(Protocol):
    """The users of one app, as its operator knows them."""

    async def user(self, code: str) -> str:
        """The user whose phone was given a code, by the app's own name for them: personal data.

        A code is good once.

        Raises:
            InvalidInput: it is no code, or was used before.
            Forbidden: the app's operator lets the user in nowhere.
            Unready: it could not be told; a new code may be tried.
            BackendRefused: the app itself is not let in.
        """

    async def close(self) -> None:
        """Lets go of the network."""


@dataclass(frozen=True, slots=True)
class Logins:
    """How somebody comes by a token. Without ``apps`` nobody logs in; ``guest_ttl_seconds`` of 0
    gives no token to guests.
    """

    sign: Sign
    gate: Gate
    apps: Mapping[str, AppUsers]
    ttl_seconds: int
    guest_ttl_seconds: int


def _signs_nothing(caller: Principal, ttl_seconds: int) -> NoReturn:
    raise AssertionError(f"no token is given to {caller.subject} for {ttl_seconds} s")


CLOSED = Logins(_signs_nothing, lambda _: 0.0, {}, 1, 0)
"""A house that gives out no tokens."""
