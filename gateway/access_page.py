"""Makes ``docs/access.md`` from the table of access: ``python -m gateway.access_page``.

It only prints; a test compares the committed page with what is made here.
"""

import sys
from collections.abc import Sequence
from itertools import groupby

from resolvers.access import Role
from schema.reach import Shown, Sight, shown
from schema.root import build_schema

_OPENING = """\
# Which role sees which field

Made from the code by `python -m gateway.access_page > docs/access.md`; do not edit it here.

A field asks for the scope beside it, or for nothing beyond what led to it. **yes**: a caller of
this role can reach it and sees it. **masked**: it sees something like `138****5678`, and the whole
where the order is its own. Empty: it is refused (`FORBIDDEN`) or null, or nothing leads there that
the role may ask for. Whose orders, which locations and which channels are a caller's is another
question, which [Who may do what](roles.md) answers. Without a token or key a caller sees what a
guest sees, and every mutation is refused (`UNAUTHENTICATED`). A key that is
[narrowed](api-keys.md) lacks scopes of its role.

`Query.node`, `Query.nodes` and `Query._entities` find anything by a key, and show of it what the
fields that lead there show.
"""
_WORDS = {Sight.WHOLE: "yes", Sight.MASKED: "masked", Sight.NOTHING: ""}


def page() -> str:
    """The whole page, as it is committed."""
    fields = shown(build_schema())
    parts = [_OPENING]
    for kind, rows in groupby(fields, key=lambda row: row.kind):
        parts.append(_section(kind, list(rows)))
    return "\n".join(parts)


def _section(kind: str, rows: Sequence[Shown]) -> str:
    head = "| Field | Asks for | " + " | ".join(Role) + " |"
    rule = "|---" * (2 + len(Role)) + "|"
    return "\n".join([f"## `{kind}`\n", head, rule, *map(_row, rows), ""])


def _row(row: Shown) -> str:
    scope = "" if row.scope is None else f"`{row.scope}`"
    cells = [f"`{row.field}`", scope, *(_WORDS[row.sights[role]] for role in Role)]
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


if __name__ == "__main__":
    sys.stdout.write(page())
