"""What is counted: by names that are bounded, with what shows how full the process is."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox import chain
from connectors.sandbox.erp import SandboxErp
from connectors.sandbox.knobs import Fault, Knobs
from connectors.sandbox.retailer import backends
from gateway.backend_calls import watched
from gateway.bootstrap import assemble
from gateway.clients import Client, client_of, shown_name
from gateway.doorman import PATHS
from gateway.metrics import CODES_MAX, NAMES_MAX, Metrics
from gateway.monitor import look_at_backends, probe, watching
from gateway.settings import Settings, Storage
from gateway.telemetry import Telemetry, telemetry_of
from gateway.workers import sync_once
from resolvers.access import Role
from resolvers.domain.errors import BackendUnavailable
from tests.gateway.house import NOON, PROMISE, House, house_of


async def counted(house: House) -> list[str]:
    return (await house.get("/metrics")).text.splitlines()


async def test_an_operation_is_counted_by_name_once_staff_has_sent_it(house: House) -> None:
    named = 'gateway_named_operation_seconds_count{operation="%s",result="ok"} %s'
    await house.post({"query": PROMISE})
    await house.post({"query": PROMISE}, **house.token(Role.SHOPPER, member="M-1"))
    assert named % ("other", "2.0") in await counted(house)

    await house.post({"query": PROMISE}, **house.token(Role.PARTNER))
    await house.post({"query": PROMISE})

    lines = await counted(house)
    assert named % ("other", "2.0") in lines
    assert named % ("Shelf", "2.0") in lines


async def test_a_name_of_the_settings_is_counted_whoever_sends_it(house: House) -> None:
    telemetry = Telemetry(Metrics(lambda: 0, ["Shelf"]))
    house = house_of(house.runtime, telemetry=telemetry)

    await house.post({"query": PROMISE, "operationName": "Shelf"})

    line = 'gateway_named_operation_seconds_count{operation="Shelf",result="ok"} 1.0'
    assert line in await counted(house)


async def test_every_metric_is_explained_and_every_alert_is_about_one(house: House) -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "observability.md").read_text(encoding="utf-8")
    rules = (root / "examples" / "alerts.yml").read_text(encoding="utf-8")
    registry = house.desk.telemetry.metrics.registry
    ours = [it for it in registry.collect() if it.name.startswith("gateway_")]
    suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
    names = {it.name: suffixes.get(it.type, [""]) for it in ours}
    told = {name + (suffix if suffix == "_total" else "") for name, [suffix, *_] in names.items()}
    told.add(
        "gateway_worker_up"
    )  # of several workers only; it is made where theirs are put together
    samples = {name + suffix for name, every in names.items() for suffix in every}

    assert [name for name in sorted(told) if f"`{name}`" not in page] == []
    assert set(re.findall(r"\bgateway_\w+", page)) - told == set()
    assert set(re.findall(r"\bgateway_\w+", rules)) - samples == set()
    assert rules.count("- alert:") == rules.count("expr:") == rules.count("summary:") == 15


def test_labels_stay_bounded_whatever_is_sent() -> None:
    metrics = Metrics(lambda: 0)
    for at in range(NAMES_MAX * 10):
        metrics.ended("query", "ok", [f"CODE_{at}"], 0.1, name=f"Op{at}", trusted=True)

    families = {family.name: family for family in metrics.registry.collect()}
    for family, label, most in (
        ("gateway_named_operation_seconds", "operation", NAMES_MAX + 1),
        ("gateway_errors", "code", CODES_MAX + 1),
    ):
        values = {sample.labels[label] for sample in families[family].samples}
        assert len(values) == most
        assert "other" in values


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ({"x-client-name": "web/2", "x-client-version": "1.0.3"}, Client("web/2", "1.0.3")),
        ({"apollographql-client-name": "iOS app"}, Client("iOS app")),
        ({"graphql-client-name": "a", "x-client-name": "b"}, Client("a")),
        ({"x-client-name": "13800138000"}, Client("unnamed")),
        ({"x-client-name": "me@mail.example"}, Client("unnamed")),
        ({"x-client-name": 'a"}\n{"level":"error'}, Client("unnamed")),
        ({"x-client-name": "a" * 65}, Client("unnamed")),
        ({"x-client-name": 7}, Client("unnamed")),
        ({"x-client-name": "web", "x-client-version": "1\n"}, Client("web")),
        ({"x-client-version": "1"}, Client("unnamed")),
    ],
)
def test_a_client_is_named_if_its_name_is_a_programs(
    said: dict[str, object], taken: Client
) -> None:
    assert client_of(said) == taken


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Shelf_2", "Shelf_2"), ("a" * 65, ""), ("x-y", ""), ("Op_13800138000", ""), (None, "")],
)
def test_the_name_of_an_operation_is_written_down_if_it_is_one(
    name: str | None, shown: str
) -> None:
    assert shown_name(name) == shown


async def test_the_line_of_a_request_names_its_client(house: House) -> None:
    await house.post(
        {"query": PROMISE},
        apollographql_client_name="web",
        apollographql_client_version="4.2",
    )

    [line] = house.lines
    assert (line["client"], line["client_version"]) == ("web", "4.2")
    assert (line["operation"], line["kind"], line["role"]) == ("Shelf", "query", "guest")
    assert line["read_ms"] + line["run_ms"] <= line["milliseconds"] + 1


async def test_a_path_of_a_stranger_is_not_written_down(house: House) -> None:
    await house.get("/12-Zhang-San-Road")

    [line] = house.lines
    assert (line["path"], line["status"]) == ("(another)", 404)


def test_every_route_has_its_path_written_down(house: House) -> None:
    routes: Any = house.app.routes
    apart = {"/graphiql/assets", "/webhooks/{backend}", "/webhooks/{backend}/{token}"}
    assert {route.path for route in routes} - apart | {"/webhooks"} == PATHS


async def test_what_fills_the_process_is_shown(house: House) -> None:
    await house.stocked("WH-01", 1)
    telemetry = telemetry_of(house.runtime)
    house = house_of(house.runtime, telemetry=telemetry)
    async with watching(house.runtime, telemetry):
        await house.stocked("WH-01", 5)
        with house.desk.crowd.one_more():
            lines = await counted(house)

    assert "gateway_operations_under_way 1.0" in lines
    assert "gateway_stock_batch_commands_count 1.0" in lines
    assert 'gateway_stock_batch_commands_bucket{le="1.0"} 1.0' in lines
    assert "gateway_stock_batch_seconds_count 1.0" in lines
    assert "gateway_stock_wait_seconds_count 1.0" in lines
    assert any(re.match(r"process_resident_memory_bytes \d", line) for line in lines)
    assert any(re.match(r"process_cpu_seconds_total \d", line) for line in lines)


async def test_the_lag_of_the_event_loop_is_probed(house: House) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await probe(house.desk.telemetry.metrics, 0.001)

    [line] = [at for at in await counted(house) if "loop_lag_seconds_count" in at]
    assert float(line.split()[1]) >= 1


async def test_backends_show_their_age_their_calls_and_what_they_wait_for(tmp_path: Path) -> None:
    erp = SandboxErp(tmp_path)
    settings = Settings(store=Storage("memory"))
    runtime = assemble(settings, tmp_path, backends(tmp_path), chain.CHANNELS, lambda: NOON)
    telemetry = telemetry_of(runtime)
    house = house_of(runtime, telemetry=telemetry)
    runtime = replace(runtime, backends=watched(runtime.backends, telemetry))
    try:
        assert await sync_once(runtime, "erp")
        await look_at_backends(runtime, telemetry.metrics)
        lines = await counted(house)
        await erp.set_knobs(Knobs(fail=Fault.UNAVAILABLE))
        locations = runtime.backends["erp"].locations
        assert locations is not None
        with pytest.raises(BackendUnavailable):
            await locations.locations()
        failed = await counted(house)
    finally:
        erp.close()
        await runtime.close()

    assert 'gateway_backend_lag_seconds{backend="erp",entity="catalog"} 0.0' in lines
    assert 'gateway_backend_failing{backend="erp",entity="catalog"} 0.0' in lines
    assert 'gateway_backend_failing{backend="pos",entity="orders"} 1.0' in lines
    assert 'gateway_backend_pending_writes{backend="erp"} 0.0' in lines
    seconds = 'gateway_backend_call_seconds_count{backend="erp",call="locations",result="%s"} 1.0'
    assert seconds % "ok" in lines
    assert seconds % "failed" in failed
