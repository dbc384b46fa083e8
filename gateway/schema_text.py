"""The published schema as text: what ``gateway schema`` prints, and ``schema.graphql`` keeps."""

from schema.federation import federated
from schema.root import build_schema


def sdl() -> str:
    """The schema in GraphQL's own language, with every description."""
    return f"{build_schema().as_str()}\n"


def federated_sdl() -> str:
    """The same for composers of Federation 2: with keys, and ready to join a partner's graph."""
    return federated(build_schema())
