"""``gateway keys``: what is printed where, and that a key is nowhere but in that one line."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from connectors.stores.memory.engine import open_memory
from gateway.__main__ import _told
from gateway.__main__ import app as gateway
from gateway.api_keys import digest_of
from gateway.bootstrap import Place, place_in
from gateway.key_commands import DEFAULT_SCOPES, Door, keys_app
from tests.support import Clock

RUN = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})


class Desk:
    """The commands over one store in memory."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = open_memory()
        place = Place("memory", lambda: self.store)
        self.app = keys_app(Door(lambda *_: place, _told, self.clock))

    def __call__(self, *words: str) -> Result:
        return RUN.invoke(self.app, words)

    def listed(self) -> list[dict[str, Any]]:
        told = self("list", "--json")
        assert told.exit_code == 0
        return list(json.loads(told.stdout))


@pytest.fixture
def keys() -> Desk:
    return Desk()


def test_a_new_key_is_all_that_stands_on_stdout(keys: Desk) -> None:
    told = keys("create", "agency-1", "--channel", "live-stream", "--days", "30")

    [text] = told.stdout.splitlines()
    [shown] = keys.listed()
    assert (told.exit_code, text[:15]) == (0, f"{shown['prefix']}_")
    assert told.stderr == (
        "gateway: a key of agency-1; it is shown this once and kept nowhere: hand it over safely\n"
    )
    assert shown == {
        "prefix": text[:14],
        "partner": "agency-1",
        "scopes": list(DEFAULT_SCOPES),
        "channels": ["live-stream"],
        "locations": [],
        "createdAt": "2026-03-02T12:00:00+00:00",
        "expiresAt": "2026-04-01T12:00:00+00:00",
        "revokedAt": None,
        "state": "live",
    }


def test_a_key_is_hashed_at_rest(keys: Desk) -> None:
    told = keys("create", "agency-1", "--json")
    text = json.loads(told.stdout)["key"]

    [kept] = asyncio.run(keys.store.callers.api_keys())
    at_rest = msgspec.json.encode([kept]).decode()
    assert kept.digest == digest_of(text)
    assert kept.digest in at_rest
    assert text[15:] not in at_rest
    assert kept.digest not in repr(kept)


def test_no_file_of_a_store_holds_a_key(tmp_path: Path) -> None:
    async def make() -> None:
        await place_in(tmp_path).open().close()

    asyncio.run(make())

    told = RUN.invoke(gateway, ["keys", "create", "agency-1", "--data", str(tmp_path)])

    secret = told.stdout.strip()[15:].encode()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert (told.exit_code, len(secret), len(files) > 0) == (0, 49, True)
    assert [path.name for path in files if secret in path.read_bytes()] == []


def test_the_list_shows_no_digest_and_no_secret(keys: Desk) -> None:
    text = keys("create", "agency-1", "--scope", "orders:own", "--location", "ST-01").stdout
    keys.clock.advance(days=1)

    told = keys("list").stdout

    row = [cell.strip() for cell in told.splitlines()[3].strip("│").split("│")]
    assert row == [
        text[:14],
        "agency-1",
        "orders:own",
        "all",
        "ST-01",
        "2026-03-02 12:00 UTC",
        "never",
        "live",
    ]
    assert text[15:60] not in told
    assert digest_of(text.strip())[:10] not in told + keys("list", "--json").stdout


def test_a_key_is_rotated_and_the_old_one_ends_in_its_time(keys: Desk) -> None:
    first = keys("create", "agency-1", "--scope", "orders:own", "--channel", "live").stdout
    keys.clock.advance(days=10)

    told = keys("rotate", "agency-1", "--old-hours", "72")

    second = told.stdout.strip()
    assert told.stderr.splitlines()[1] == (
        f"gateway: {first[:14]} stays good until 2026-03-15 12:00 UTC;"
        f" end it with: gateway keys revoke {first[4:14]}"
    )
    assert [(key["prefix"], key["scopes"], key["channels"]) for key in keys.listed()] == [
        (first[:14], ["orders:own"], ["live"]),
        (second[:14], ["orders:own"], ["live"]),
    ]
    third = keys("rotate", "agency-1")
    assert (third.exit_code, "revoke one first" in third.stderr) == (1, True)
    keys.clock.now += timedelta(hours=72)
    assert [key["state"] for key in keys.listed()] == ["expired", "live"]
    assert keys("rotate", "agency-1").exit_code == 0


def test_a_key_is_revoked_by_its_shown_part_or_by_itself(keys: Desk) -> None:
    first, second = (keys("create", "agency-1").stdout.strip() for _ in range(2))

    by_prefix = keys("revoke", first[:14])
    by_text = keys("revoke", second, "--json")

    assert (by_prefix.stdout, by_prefix.stderr) == (
        "",
        f"gateway: {first[:14]} of agency-1 is revoked\n",
    )
    assert json.loads(by_text.stdout)["state"] == "revoked"
    assert second[15:] not in by_text.output
    assert [key["state"] for key in keys.listed()] == ["revoked", "revoked"]


@pytest.mark.parametrize(
    "words",
    [
        ["create"],
        ["create", ""],
        ["create", "a,b"],
        ["create", "agency-1", "--scope", "house:read"],
        ["create", "agency-1", "--scope", "nonsense"],
        ["create", "agency-1", "--channel", " "],
        ["create", "agency-1", "--days", "0"],
        ["rotate", "agency-1", "--old-hours", "0"],
        ["revoke", "nonsense"],
    ],
)
def test_wrong_usage_ends_with_2_and_makes_nothing(keys: Desk, words: list[str]) -> None:
    told = keys(*words)

    assert (told.exit_code, told.stdout) == (2, "")
    assert keys.listed() == []


def test_what_is_not_there_is_neither_rotated_nor_revoked(keys: Desk) -> None:
    rotated, revoked = keys("rotate", "agency-1"), keys("revoke", "ucg_0123456789")

    assert (rotated.exit_code, "agency-1 has no live key" in rotated.stderr) == (1, True)
    assert (revoked.exit_code, "there is no key 0123456789" in revoked.stderr) == (1, True)


def test_the_command_line_has_them_with_examples(tmp_path: Path) -> None:
    told = {
        name: RUN.invoke(gateway, ["keys", name, "--help"]).stdout
        for name in ("create", "list", "rotate", "revoke")
    }
    absent = RUN.invoke(gateway, ["keys", "list", "--data", str(tmp_path / "nowhere")])

    assert all(f"Example: gateway keys {name}" in text for name, text in told.items())
    assert (absent.exit_code, "there is no store in" in absent.stderr) == (1, True)
