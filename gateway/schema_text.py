"""The published schema as text: what ``gateway schema`` prints, and ``schema.graphql`` keeps; and
how a document runs on it.
"""

from pathlib import Path

from gateway.tokens import principal_of
from resolvers.access import Role
from schema.compiled.explain import explained
from schema.federation import federated
from schema.root import BOUNDS, build_schema


def sdl() -> str:
    """The schema in GraphQL's own language, with every description."""
    return f"{build_schema().as_str()}\n"


def federated_sdl() -> str:
    """The same for composers of Federation 2: with keys, and ready to join a partner's graph."""
    return federated(build_schema())


def plan(document: str, role: Role) -> str:
    """The plan of a document, or of the one in a file, for a caller of a role.

    Raises:
        Unexplained: it has none.
        OSError: there is no such file.
    """
    text = document if "{" in document else Path(document).read_text(encoding="utf-8")
    return explained(build_schema(), text, BOUNDS, principal_of(role), {})
