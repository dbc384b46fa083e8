"""Which ids changed since a cursor, on two tables whose rows may appear late."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.erp.tryton_changes import OVERLAP, Changes, Found, Kind, Watched
from connectors.erp.tryton_rpc import PAGE
from connectors.erp.tryton_wire import decoded
from resolvers.domain.errors import BackendRefused, BackendUnavailable
from tests.connectors.tryton_scripted import Clock, Scripted, Status, client_of, stamp

TEMPLATES, VARIANTS = "model.template.search_read", "model.variant.search_read"

KIND = Kind(
    "product",
    "template",
    [],
    (
        Watched("template", [], (), lambda row: row["id"]),
        Watched("variant", [], ("template",), lambda row: row["template"]),
    ),
)


class Tables:
    """Two tables with stamps, searched by id and by stamp as the connector does."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[int, dict[str, Any]]] = {"template": {}, "variant": {}}
        self.server = Scripted(
            {TEMPLATES: self._search("template"), VARIANTS: self._search("variant")}
        )
        self.clock = Clock()
        self.changes = self.feed()

    def feed(self) -> Changes:
        """As a process that has just started has it."""
        return Changes(client_of(self.server.handle, self.clock), self.clock, [KIND])

    def put(self, table: str, id: int, second: int, minute: int = 0, **more: int) -> None:
        self.rows[table][id] = {"id": id, "last_modified_at": stamp(second, minute), **more}

    def _search(self, table: str):
        def search(params: list[Any]) -> Any:
            domain, _, limit, order, *_ = params
            found = list(self.rows[table].values())
            for field, sign, value in domain:
                if sign == ">":
                    found = [row for row in found if row[field] > value]
                else:
                    assert sign == ">="
                    found = [row for row in found if moment(row[field]) >= moment(value)]
            if order[0][0] == "id":
                return sorted(found, key=lambda row: row["id"])[:limit]
            return sorted(found, key=lambda row: moment(row["last_modified_at"]))[::-1][:limit]

        return search


def moment(value: dict[str, Any]) -> tuple[int, ...]:
    return tuple(
        value[part] for part in ("year", "month", "day", "hour", "minute", "second", "microsecond")
    )


async def told(found: AsyncIterator[Found]) -> tuple[list[int], str]:
    """The ids of a pass, and the cursor that it ended on ("" if there was nothing to say)."""
    ids: list[int] = []
    cursor = ""
    async for part in found:
        ids += part.ids
        cursor = part.cursor
    return ids, cursor


async def test_the_first_pass_tells_everything_and_the_next_only_what_changed():
    tables = Tables()
    for id in (1, 2, 3):
        tables.put("template", id, second=id)
        tables.put("variant", id, second=id, template=id)

    everything, cursor = await told(tables.changes.since(""))
    _, cursor = await told(tables.changes.since(cursor))
    tables.put("template", 2, second=0, minute=30)
    changed, cursor = await told(tables.changes.since(cursor))
    nothing, _ = await told(tables.changes.since(cursor))

    assert everything == [1, 2, 3]
    assert changed == [2]
    assert nothing == []


async def test_a_change_of_a_part_is_a_change_of_the_whole():
    tables = Tables()
    tables.put("template", 1, second=1)
    tables.put("template", 2, second=1)
    _, cursor = await told(tables.changes.since(""))
    _, cursor = await told(tables.changes.since(cursor))

    tables.put("variant", 9, second=0, minute=30, template=2)
    changed, _ = await told(tables.changes.since(cursor))

    assert changed == [2]


async def test_changes_after_a_clock_that_was_ahead_was_set_right_are_told():
    """A cursor at the stamp from the future would leave them out for ever (P2)."""
    tables = Tables()
    tables.clock.now = datetime(2026, 11, 25, 2, 20, tzinfo=UTC)
    tables.put("template", 1, second=0, minute=1)
    tables.put("template", 2, second=0, minute=30)  # ten minutes ahead
    _, cursor = await told(tables.changes.since(""))
    _, cursor = await told(tables.changes.since(cursor))

    tables.clock.now += timedelta(minutes=1)
    tables.put("template", 1, second=0, minute=21)  # set right
    changed, _ = await told(tables.changes.since(cursor))

    assert changed == [1]


async def test_a_row_that_appears_behind_the_newest_stamp_is_told():
    """A transaction that began before the last pass may end after it."""
    tables = Tables()
    tables.put("template", 1, second=50)
    _, cursor = await told(tables.changes.since(""))
    _, cursor = await told(tables.changes.since(cursor))

    tables.put("template", 2, second=10)
    late, _ = await told(tables.changes.since(cursor))

    assert late == [2]


async def test_what_was_told_is_told_again_only_to_who_comes_with_an_older_cursor():
    tables = Tables()
    tables.put("template", 1, second=50)
    _, first = await told(tables.changes.since(""))
    overlap, second = await told(tables.changes.since(first))
    tables.put("template", 2, second=51)

    changed, third = await told(tables.changes.since(second))
    nothing, _ = await told(tables.changes.since(third))
    not_taken, _ = await told(tables.changes.since(second))

    assert (overlap, changed, nothing) == ([1], [2], [])
    assert not_taken == [1, 2]


async def test_a_process_that_starts_anew_tells_the_overlap_again():
    tables = Tables()
    tables.put("template", 1, second=50)
    _, cursor = await told(tables.changes.since(""))
    _, cursor = await told(tables.changes.since(cursor))

    again, _ = await told(tables.feed().since(cursor))

    assert again == [1]


async def test_once_no_late_row_can_come_a_quiet_poll_asks_for_the_newest_stamps_only():
    tables = Tables()
    tables.put("template", 1, second=50)
    _, cursor = await told(tables.changes.since(""))
    tables.clock.now += OVERLAP
    _, cursor = await told(tables.changes.since(cursor))
    tables.server.calls.clear()

    found, _ = await told(tables.changes.since(cursor))

    assert found == []
    assert [params[1:4] for _, params in tables.server.calls] == [
        [0, 1, [["last_modified_at", "DESC"]]],
        [0, 1, [["last_modified_at", "DESC"]]],
    ]


async def test_a_pass_that_broke_off_goes_on_where_it_was():
    tables = Tables()
    for id in range(1, PAGE + 3):
        tables.put("template", id, second=1)
    parts = tables.changes.since("")
    first = await anext(parts)
    tables.put("template", 1, second=0, minute=30)

    rest, cursor = await told(tables.feed().since(first.cursor))
    changed, _ = await told(tables.changes.since(cursor))

    assert first.ids == tuple(range(1, PAGE + 1))
    assert rest == [PAGE + 1, PAGE + 2]
    assert 1 in changed, "what changed meanwhile is younger than the pass"


async def test_a_pass_that_fails_leaves_its_cursor_good():
    tables = Tables()
    tables.put("template", 1, second=1)
    _, cursor = await told(tables.changes.since(""))
    tables.put("template", 1, second=0, minute=30)

    def busy(_):
        raise Status(503)

    working = tables.server.answers[VARIANTS]
    tables.server.answers[VARIANTS] = busy
    with pytest.raises(BackendUnavailable):
        await told(tables.changes.since(cursor))
    tables.server.answers[VARIANTS] = working
    changed, _ = await told(tables.changes.since(cursor))

    assert changed == [1]


async def test_an_empty_table_has_a_cursor_too():
    tables = Tables()

    nothing, cursor = await told(tables.changes.since(""))
    tables.put("template", 1, second=1)
    changed, _ = await told(tables.changes.since(cursor))

    assert nothing == []
    assert changed == [1]


@pytest.mark.parametrize(
    "cursor",
    [
        "320",
        "{}",
        "[]",
        '{"since":"now","seen":"now","settled":true}',
        '{"since":"2026-11-25T02:00:00+00:00","settled":true}',
        '{"until":"2026-11-25T02:00:00+00:00","seen":"2026-11-25T02:00:00+00:00","kind":"order",'
        '"after":1,"settled":false}',
    ],
)
async def test_a_cursor_of_another_system_is_refused(cursor):
    tables = Tables()

    with pytest.raises(BackendRefused) as raised:
        await told(tables.changes.since(cursor))

    assert raised.value.kind == "INVALID"
    assert tables.server.calls == []


async def test_a_cursor_says_the_newest_stamp_in_words_that_a_person_can_read():
    tables = Tables()
    tables.put("template", 1, second=50)

    _, cursor = await told(tables.changes.since(""))

    assert decoded(cursor.encode()) == {
        "since": "2026-11-25T02:00:50+00:00",
        "seen": "2026-11-25T04:00:00+00:00",
        "settled": False,
    }


def test_the_overlap_is_longer_than_any_write_waits():
    assert timedelta(seconds=90) < OVERLAP
