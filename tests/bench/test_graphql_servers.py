"""The pieces of the bench that runs the gateway beside other servers (G5): what it reads, what it
counts, and what it refuses to say. Nothing here is timed.
"""

import asyncio
import json
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from bench.over_http import Asker
from bench.servers import cases, house, page, processes
from bench.servers.figures import percentile, ratio, spread
from bench.servers.load import NotMeasured, Round, Told, round_of, told
from bench.servers.socket_client import CLOSE, PING, TEXT, frame, frames
from bench.servers.sockets import Idle, Telling
from gateway.schema_text import sdl

GOODS = cases.Goods("SKU-1", "SKU-2", "SKU-3")
LINE = (
    'measured {"requests": 3000, "micros": 2000000, "bytes": 900000, "refused": 0, "broken": 0,'
    ' "late": 0, "p50": 5100, "p99": 20400}'
)


def counted(**other: int) -> Told:
    figures = json.loads(LINE.removeprefix("measured "))
    return Told(**{**figures, **other})


def row(per_core: float) -> Round:
    return Round(1000, per_core / 2, per_core, 1.0, 2.0, 1000 / per_core, 50.0)


def test_what_wrk_has_counted_is_found_among_what_it_prints():
    text = f"Running 2s test @ http://127.0.0.1:1/graphql\n  1 threads\n{LINE}\nRequests/sec: 1\n"

    assert told(text) == Told(3000, 2_000_000, 900_000, 0, 0, 0, 5100, 20_400)


def test_a_wrk_that_told_no_figures_is_an_error_with_its_words():
    with pytest.raises(NotMeasured, match="unable to connect"):
        told("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_a_round_is_told_by_second_and_by_core():
    found = round_of(counted(), cpu=1.5, resident=64.04, length=300)

    assert found == Round(3000, 1500.0, 2000.0, 5.1, 20.4, 0.5, 64.0)


@pytest.mark.parametrize(
    ("other", "cpu", "length", "why"),
    [
        ({"refused": 1}, 1.5, 300, "1 were refused"),
        ({"broken": 2}, 1.5, 300, "2 broke off"),
        ({"late": 3}, 1.5, 300, "3 came too late"),
        ({"requests": 9, "bytes": 2700}, 1.5, 300, "too few"),
        ({}, 0.0, 300, "too few"),
        ({}, 1.5, 400, "answers have 300 bytes, the one looked at has 400"),
    ],
)
def test_a_round_in_which_not_all_were_answered_alike_is_none(other, cpu, length, why):
    with pytest.raises(NotMeasured, match=why):
        round_of(counted(**other), cpu, 64.0, length)


def test_a_percentile_is_one_of_the_figures():
    assert percentile(list(range(100, 0, -1)), 99) == 99
    assert percentile([7.0], 99) == 7.0
    assert percentile([1, 2, 3, 4], 50) == 2
    with pytest.raises(ValueError, match="no 99 % of 0 figures"):
        percentile([], 99)
    with pytest.raises(ValueError, match="no 0 % of 1 figures"):
        percentile([1], 0)


def test_the_spread_is_of_the_outermost_against_the_median():
    assert spread([90, 100, 115]) == 0.25
    assert spread([5]) == 0
    with pytest.raises(ValueError, match="no figures"):
        spread([])


def test_no_ratio_is_told_of_rounds_that_lie_too_far_apart():
    assert ratio([200, 220, 180], [100, 110, 90]) == 2
    assert ratio([200, 231, 170], [100, 110, 90]) is None, "ours"
    assert ratio([200, 220, 180], [100, 131, 100]) is None, "theirs"
    assert ratio([200, 260], [100, 130]) == pytest.approx(2), "just within"


def test_no_ratio_is_told_of_one_round():
    assert ratio([200], [100, 100]) is None


def test_a_table_has_the_spread_where_a_ratio_would_mislead():
    loads = {
        "a hold": {
            house.GATEWAY: [row(2000), row(2100)],
            house.YOGA: [row(1000), row(1050)],
            house.APOLLO: [row(1000), row(2000)],
        }
    }
    sockets = {
        house.GATEWAY: [(Idle(10, 4.0, 60.0), Telling(5, 3, 1.0, 2.0, 8.0))] * 2,
        house.YOGA: [(Idle(10, 2.0, 50.0), Telling(5, 3, 1.0, 2.0, 2.0))] * 2,
    }

    text = page.markdown(loads, sockets, {"a hold": "5 leaves"})

    lines = {line.split(" | ")[0].strip("| *"): line for line in text.splitlines()[:7]}
    assert lines["GraphQL Yoga"].endswith("| 5% | 2.00 x |")
    assert lines["Apollo Server"].endswith("| 67% | none: spread 67% |")
    assert lines["gateway"].startswith("| **gateway** | 1,025 | 2,050 |")
    assert text.splitlines()[-1].endswith("| 0% | 0.25 x |"), "a change takes us four times theirs"


def test_the_others_serve_a_part_of_the_gateways_own_schema():
    """Every document that is measured is good for both, so nobody is asked for less."""
    ours, theirs = build_schema(sdl()), build_schema((house.HERE / "schema.graphql").read_text())
    documents = [case.document for case in cases.cases(GOODS)]

    for document in (*documents, cases.WATCH):
        assert validate(ours, parse(document)) == []
        assert validate(theirs, parse(document)) == []
    for document in (cases.EVERYTHING, cases.ADJUST):
        assert validate(ours, parse(document)) == []


def test_every_hold_has_a_key_of_its_own():
    body = cases.hold("SKU-2").body

    assert cases.KEY in body
    assert cases.KEY not in cases.fresh(body)
    assert cases.fresh(body) != cases.fresh(body)


def test_ids_of_what_was_made_do_not_count_when_answers_are_compared():
    held = {"reserveStock": {"reservation": {"id": "1", "status": "HELD"}, "userErrors": []}}
    other = {"reserveStock": {"reservation": {"id": "2", "status": "HELD"}, "userErrors": []}}
    refused = {"reserveStock": {"reservation": None, "userErrors": [{"code": "X"}]}}

    assert cases.comparable(held) == cases.comparable(other)
    assert cases.comparable(held) != cases.comparable(refused)


def test_leaves_are_counted_as_they_are_answered():
    found = {"a": [{"b": 1, "c": None}, {"b": 2, "c": {"d": "x"}}], "e": ["x", "y"], "f": []}

    assert cases.leaves(found) == 6


def test_what_is_held_and_watched_lies_outside_the_lists_and_is_no_bundle(tmp_path):
    def product(at, units, components=()):
        variant = {
            "id": f"id-{at}",
            "sku": f"SKU-{at}",
            "title": "x",
            "components": list(components),
            "price": None,
            "availability": {"availableToPromise": units, "stale": False},
        }
        return {"handle": f"p-{at}", "variants": {"nodes": [variant]}}

    products = [product(at, 5) for at in range(cases.LIST_MAX)]
    products += [product(100, 5), product(101, 3), product(102, 0), product(103, 5, [{}])]
    file = tmp_path / "shop.json"

    goods = cases.written(file, products)

    assert goods == cases.Goods("SKU-0", "SKU-101", "SKU-100")
    kept = json.loads(file.read_text())
    assert kept["levels"] == {"SKU-101": cases.UNITS, "SKU-100": cases.UNITS}
    assert kept["products"][0]["variants"][0]["prices"] == {}


def test_frames_are_taken_off_as_they_come():
    long = b"x" * 300
    wire = bytes([0x80 | TEXT, 2]) + b"hi" + bytes([0x80 | TEXT, 126]) + b"\x01\x2c" + long
    received = bytearray()
    found = []
    for at in range(0, len(wire), 7):
        received += wire[at : at + 7]
        found += frames(received)

    assert found == [(TEXT, b"hi"), (TEXT, long)]
    assert frames(bytearray(bytes([0x80 | PING, 0, 0x80 | CLOSE, 0]))) == [
        (PING, b""),
        (CLOSE, b""),
    ]


def test_a_clients_frame_is_masked_as_the_protocol_asks():
    assert frame(TEXT, b"hi") == bytes([0x81, 0x82, 0, 0, 0, 0]) + b"hi"
    assert frame(TEXT, b"x" * 200)[:4] == bytes([0x81, 0xFE, 0, 200])


def test_cpu_and_memory_are_of_the_whole_tree_of_processes():
    with subprocess.Popen(
        ["sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE
    ) as shell:
        assert shell.stdout is not None
        child = int(shell.stdout.readline())
        try:
            assert set(processes.tree(shell.pid)) == {shell.pid, child}
            alone = sum(processes.resident_mib(pid) for pid in (child,))
            assert processes.resident_mib(shell.pid) > alone > 0
            assert processes.cpu_seconds(shell.pid) >= 0
        finally:
            with suppress(ProcessLookupError):
                os.kill(child, 9)
            shell.kill()


def test_what_the_machine_lacks_is_named_with_where_it_comes_from(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    told = house.missing()

    assert [line.partition(" ")[0] for line in told] == ["wrk", "Node.js", "npm"]
    assert "on Debian, install the package wrk" in told[0]


def test_an_old_node_is_told_apart_from_none(monkeypatch, tmp_path):
    for name, says in (("wrk", "wrk 4"), ("npm", "9"), ("node", "v18.1.0")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho {says}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{Path(shutil.which('sh') or '/bin/sh').parent}")

    assert house.missing() == ["Node.js 20 or later is needed; this is v18.1.0"]


async def test_a_server_that_ends_instead_of_listening_is_told_with_its_words(tmp_path):
    file = tmp_path / "shop.json"
    commands = {"broken": ("sh", "-c", "echo no shop in {file} >&2; exit 3")}

    with pytest.raises(RuntimeError, match=f"broken did not start: no shop in {file}"):
        async with asyncio.timeout(30), house.peer("broken", file, commands):
            pass


async def test_strawberry_serves_the_file_and_is_ended_by_its_process_id(tmp_path):
    """Of the others the one that is installed wherever this suite is."""
    variant = {
        "id": "v1",
        "sku": "SKU-1",
        "title": "One",
        "components": [],
        "price": {"amount": "9.50", "currencyCode": "CNY"},
        "availability": {"availableToPromise": 4, "stale": False},
    }
    names = {"id": "p", "title": "P", "brand": None, "description": None, "categories": ["a"]}
    products = [
        {
            **names,
            "handle": f"p-{at}",
            "variants": {"nodes": [{**variant, "id": f"v-{at}", "sku": f"SKU-{at}"}]},
        }
        for at in range(cases.LIST_MAX + 2)
    ]
    file = tmp_path / "shop.json"
    goods = cases.written(file, products)
    async with house.peer(house.STRAWBERRY, file) as server:
        made = await asyncio.get_running_loop().create_connection(Asker, server.host, server.port)
        five, many, available, hold = [
            (await cases.asked(made[1], server, case.body, "none"))[1]
            for case in cases.cases(goods)
        ]

    assert five["variant"] == {
        "sku": "SKU-0",
        "title": "One",
        "product": {"handle": "p-0"},
        "price": {"amount": "9.50", "currencyCode": "CNY"},
    }
    assert len(many["products"]["nodes"]) == 100
    [one] = available["products"]["nodes"][0]["variants"]["nodes"]
    assert one["availability"] == {"availableToPromise": 4, "stale": False}
    assert hold["reserveStock"]["reservation"]["lines"] == [{"sku": goods.held, "quantity": 1}]
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)
