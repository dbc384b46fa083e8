"""What one operation carries: the flows' context, and what its answer must say about itself.

Made anew for every operation; what flows need stands in ``resolvers.context``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import strawberry

from resolvers.context import Context
from schema.errors import Telling

WARNINGS_MAX = 100
"""Most warnings of one answer; more would say nothing new."""


@dataclass(slots=True)
class RequestContext:
    """One operation of one caller.

    ``warnings`` go into the answer's ``extensions.warnings``; ``request_id`` is what a caller
    quotes when something went wrong in here; ``telling`` which names its errors may tell;
    ``client`` the program that the caller says it is.
    """

    ctx: Context
    warnings: list[dict[str, Any]]
    request_id: str
    telling: Telling = Telling.WRONG
    client: str | None = None

    def renew(self) -> None:
        """Forgets what was read: before each mutation, and each state of a subscription."""
        self.ctx = self.ctx.renewed()

    def warn_stale(
        self, message: str, *, sku: str | None = None, path: Sequence[str | int] = ()
    ) -> None:
        """Says that the answer, for a SKU or at a path, rests on facts that are out of date."""
        about = {"sku": sku} if sku is not None else {"path": list(path)}
        self._warn({"code": "STALE", "message": message, **about})

    def warn_unconfirmed(self, backend: str, field: str, why: str) -> None:
        """Says that a backend was asked for a field of this answer and has not said it: what is
        shown of it is what was known before. Once for each reason, however many things it is of.
        """
        message = f"{backend} was asked for {field}: {why}; shown is what it said before"
        self._warn({"code": "STALE", "message": message, "backend": backend, "field": field})

    def _warn(self, warning: dict[str, Any]) -> None:
        if len(self.warnings) < WARNINGS_MAX and warning not in self.warnings:
            self.warnings.append(warning)


Info = strawberry.Info[RequestContext, None]
"""What a field may ask for beside its parent and its arguments."""
