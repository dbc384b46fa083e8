"""``gateway store``: what is wrong is named and ends with 1; a copy is compared (S2, G5)."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.bootstrap import STORE_FILE, place_in
from tests.support import SKU, open_shop

run = CliRunner().invoke


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """A data directory with a small store in it that nobody serves."""
    directory = tmp_path / "shop"
    directory.mkdir()
    shop = await open_shop(place_in(directory).open())
    await shop.stocked(SKU, "WH-01", 9)
    await shop.close()
    return directory


def test_a_sound_store_is_called_sound(data):
    told = run(app, ["store", "check", "--data", str(data)])

    assert (told.exit_code, "is sound: 1 SKUs" in told.output) == (0, True)


def test_a_quantity_that_nobody_moved_is_named_with_who_moved_the_place_last(data):
    with sqlite3.connect(data / STORE_FILE) as connection:
        connection.execute("UPDATE positions SET on_hand = 10")

    told = run(app, ["store", "check", "--data", str(data)])

    assert told.exit_code == 1
    assert f"{SKU} at WH-01: on_hand is 10, its entries say 9; last moved by erp" in (
        told.output + told.stderr
    )


def test_a_file_whose_middle_was_overwritten_is_called_damaged(data):
    path = data / STORE_FILE
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 40_000)

    told = run(app, ["store", "check", "--data", str(data)])

    assert told.exit_code == 1
    assert "damaged" in told.output + told.stderr


def test_a_copy_is_sound_and_is_made_once(data, tmp_path):
    target = tmp_path / "copy"

    first = run(app, ["store", "copy", str(data), str(target)])
    again = run(app, ["store", "copy", str(data), str(target)])
    checked = run(app, ["store", "check", "--data", str(target)])

    assert (first.exit_code, again.exit_code, checked.exit_code) == (0, 1, 0)
    assert "nothing is left to do" in again.stderr


def test_there_is_nothing_to_look_at_where_no_store_is(tmp_path):
    told = run(app, ["store", "check", "--data", str(tmp_path / "nowhere")])

    assert (told.exit_code, "there is no store in" in told.stderr) == (1, True)
    assert not (tmp_path / "nowhere").exists()


def test_a_young_store_has_nothing_to_fold(data):
    told = run(app, ["store", "compact", "--data", str(data)])

    assert told.exit_code == 0
    assert "0 entries from before " in told.output


async def test_what_is_from_before_a_day_is_folded_and_a_day_too_near_is_refused(tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    shop = await open_shop(place_in(old).open())  # its clock stands at noon of 2 March 2026
    await shop.stocked(SKU, "WH-01", 9)
    await shop.close()

    def folded(before: str) -> tuple[int, str]:
        told = run(app, ["store", "compact", "--data", str(old), "--before", before])
        return told.exit_code, told.output.partition(" UTC")[0].strip()

    outcomes = await asyncio.to_thread(
        lambda: [folded(day) for day in ("2026-03-02", "2026-03-03", "2999-01-01")]
    )

    assert outcomes == [
        (0, "0 entries from before 2026-03-02 00:00"),
        (0, "1 entries from before 2026-03-03 00:00"),
        (1, "gateway: what is younger than 48 hours cannot be folded yet"),
    ]


def test_a_name_that_should_be_a_file_of_settings_makes_no_directory(data, tmp_path):
    told = run(app, ["store", "copy", str(data), str(tmp_path / "gatway.toml")])

    assert told.exit_code == 2
    assert "gatway.toml" in told.stderr
    assert not (tmp_path / "gatway.toml").exists()


def test_a_store_that_forgets_everything_is_not_looked_over(tmp_path):
    config = tmp_path / "shop.toml"
    config.write_text('[store]\nengine = "memory"\n')

    told = run(app, ["store", "check", "--config", str(config)])

    assert (told.exit_code, "forgets everything at the stop" in told.stderr) == (1, True)


def test_who_looks_after_the_store_needs_no_backends_password(data, tmp_path):
    config = tmp_path / "shop.toml"
    config.write_text(
        '[[backends]]\ncode = "erp"\nvendor = "tryton"\nurl = "http://erp:8000"\n'
        'database = "erp"\nuser = "gateway"\npassword_env = "NOT_SET_HERE"\n'
    )

    told = run(app, ["store", "check", "--config", str(config), "--data", str(data)])

    assert (told.exit_code, "is sound" in told.output) == (0, True)
