"""The published schema as text: what ``gateway schema`` prints, and ``schema.graphql`` keeps."""

from schema.root import build_schema


def sdl() -> str:
    """The schema in GraphQL's own language, with every description."""
    return f"{build_schema().as_str()}\n"
