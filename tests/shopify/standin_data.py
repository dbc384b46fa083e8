"""How the stand-in pages and searches what it has."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

Row = dict[str, Any]

FIRST_MAX = 250
_WORD = re.compile(r"(id|updated_at):>='?([^ ']+)'?")


def connection(rows: Sequence[Row], first: int, after: str | None = None, **_: Any) -> Row:
    """A page of rows, behind one."""
    assert 0 < first <= FIRST_MAX
    start = 0 if after is None else 1 + [row["id"] for row in rows].index(after)
    page = rows[start : start + first]
    return {
        "nodes": page,
        "pageInfo": {
            "hasNextPage": start + first < len(rows),
            "endCursor": page[-1]["id"] if page else None,
        },
    }


def matching(rows: Sequence[Row], query: str, now: datetime) -> list[Row]:
    """Rows that a search finds, in order of id; by the stamps that the index has already."""
    asked = dict(_WORD.findall(query or ""))
    assert len(asked) == len((query or "").split()), f"{query} is no search that it knows"
    least = int(asked.get("id", 0))
    found = [row for row in rows if _number(row) >= least]
    if "updated_at" in asked:
        found = [row for row in found if _indexed(row, now) >= asked["updated_at"]]
    return sorted(found, key=_number)


def _number(row: Mapping[str, Any]) -> int:
    return int(row["id"].rpartition("/")[2])


def _indexed(row: Mapping[str, Any], now: datetime) -> str:
    return max((stamp for at, stamp in row["_stamps"] if at <= now), default="")
