"""Traces and metrics over OTLP, read by a collector on loopback; nothing of a person goes out."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from connectors.erp import tryton
from connectors.sandbox import chain, goods
from gateway.backend_calls import watched
from gateway.bootstrap import assemble
from gateway.monitor import watching
from gateway.otlp import OtlpTracing
from gateway.settings import Settings, Storage, TelemetrySettings
from gateway.telemetry import telemetry_of
from gateway.tracing import UNTRACED, tracing_of
from resolvers.access import Role
from resolvers.domain.errors import BackendUnavailable
from tests.gateway.collector import Collector, attributes, collecting
from tests.gateway.house import HOLD, NOON, PROMISE, SKU, House, house_of, talking

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"
SECRET = "13800138000"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


async def traced(data: Path, collector: Collector, **given: Any) -> House:
    telemetry = TelemetrySettings(
        otlp_endpoint=collector.address, **{"trace_ratio": 1.0, "service_name": "shop", **given}
    )
    settings = Settings(store=Storage("memory"), telemetry=telemetry)
    tracing = tracing_of(telemetry)
    runtime = assemble(settings, data, [], chain.CHANNELS, lambda: NOON, tracing=tracing)
    await runtime.store.catalog.save_locations(chain.LOCATIONS)
    await runtime.store.catalog.save_products(goods.catalogue()[:10], NOON)
    return house_of(runtime, telemetry=telemetry_of(runtime))


@pytest.fixture
async def house(tmp_path: Path, collector: Collector) -> AsyncIterator[House]:
    house = await traced(tmp_path, collector)
    yield house
    await house.runtime.close()


async def test_an_operation_is_one_span_in_the_trace_of_its_request(
    house: House, collector: Collector
) -> None:
    await house.post(
        {"query": PROMISE}, traceparent=SAMPLED, x_client_name="web", **house.token(Role.PARTNER)
    )
    await house.runtime.close()

    [span] = collector.spans()
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.name) == (TRACE, PARENT, "query")
    assert {
        name: value for name, value in attributes(span).items() if name != "graphql.document.hash"
    } == {
        "graphql.operation.type": "query",
        "graphql.operation.name": "Shelf",
        "gateway.result": "ok",
        "gateway.client": "web",
        "gateway.role": "partner",
    }
    assert attributes(span)["graphql.document.hash"].startswith("sha256:")
    assert span.end_time_unix_nano > span.start_time_unix_nano
    [resource] = [sent.resource_spans[0].resource for sent in collector.traces]
    assert attributes(resource)["service.name"] == "shop"
    [line] = house.lines
    assert line["trace_id"] == TRACE


async def test_what_a_person_said_is_in_no_span(house: House, collector: Collector) -> None:
    variables = {"key": SECRET, "quantity": SECRET}
    await house.post({"query": HOLD, "variables": variables, "operationName": "Hold"})
    await house.post({"query": f'{{ variant(by: {{sku: "{SECRET}"}}) {{ sku }} }}'})
    await house.post({"query": f"{{ x{SECRET} }}"}, x_client_name=SECRET, traceparent=SECRET)
    await house.runtime.close()

    assert len(collector.spans()) == 3
    assert SECRET.encode() not in b"".join(collector.raw)
    failed = [attributes(span).get("error.type") for span in collector.spans()]
    assert failed == ["UNAUTHENTICATED", None, "GRAPHQL_VALIDATION_FAILED"]


async def test_the_caller_decides_what_is_traced_if_it_is_believed(
    tmp_path: Path, collector: Collector
) -> None:
    believing = await traced(tmp_path, collector, trace_ratio=0.0)
    await believing.post({"query": PROMISE})
    await believing.post({"query": PROMISE}, traceparent=UNSAMPLED)
    await believing.post({"query": PROMISE}, traceparent="00-nonsense-01")
    await believing.post({"query": PROMISE}, traceparent=SAMPLED)
    await believing.runtime.close()
    wary = await traced(tmp_path, collector, trace_ratio=0.0, trust_traceparent=False)
    await wary.post({"query": PROMISE}, traceparent=SAMPLED)
    await wary.runtime.close()

    assert [span.trace_id.hex() for span in collector.spans()] == [TRACE]


async def test_a_subscription_is_one_span_however_much_it_tells(
    house: House, collector: Collector
) -> None:
    watch = f'subscription Watch {{ stockChanged(skus: ["{SKU}"]) {{ onHand }} }}'
    await house.stocked("WH-01", 7)
    async with talking(house.app, {"traceparent": SAMPLED}) as talk:
        await talk.event()
        await talk.introduce()
        await talk.subscribe("w", watch)
        await talk.message()
    await house.runtime.close()

    [span] = collector.spans()
    assert (span.name, span.trace_id.hex()) == ("subscription", TRACE)
    assert attributes(span)["graphql.operation.name"] == "Watch"


async def test_a_call_to_a_backend_is_a_span_and_carries_the_trace_on(
    house: House, collector: Collector
) -> None:
    heard: list[str | None] = []

    def vendor(request: httpx2.Request) -> httpx2.Response:
        heard.append(request.headers.get("traceparent"))
        return httpx2.Response(500)

    tracing = house.desk.telemetry.tracing
    erp = tryton.backend(
        code="erp",
        url="http://erp.test",
        database="d",
        user="u",
        password="p",
        channels=[],
        transport=httpx2.MockTransport(vendor),
        headers=tracing.headers,
    )
    locations = watched({"erp": erp}, house.desk.telemetry)["erp"].locations
    assert locations is not None
    tracing.arrived({"traceparent": SAMPLED})
    with tracing.operation("query"), pytest.raises(BackendUnavailable):
        await locations.locations()
    await house.runtime.close()

    call, operation = collector.spans()
    assert call.name == "locations erp"
    assert call.parent_span_id == operation.span_id
    assert attributes(call) == {
        "gateway.backend": "erp",
        "gateway.call": "locations",
        "error.type": "BackendUnavailable",
    }
    assert set(heard) == {f"00-{TRACE}-{call.span_id.hex()}-01"}


async def test_the_metrics_are_those_of_prometheus(house: House, collector: Collector) -> None:
    async with watching(house.runtime, house.desk.telemetry):
        await house.post({"query": PROMISE})
    await house.runtime.close()

    points = collector.points()
    [operations] = points["gateway_operations"].sum.data_points
    assert attributes(operations) == {"type": "query", "result": "ok"}
    assert operations.as_double == 1.0
    assert points["gateway_operations"].sum.is_monotonic
    [seconds] = points["gateway_operation_seconds"].histogram.data_points
    assert (seconds.count, sum(seconds.bucket_counts)) == (1, 1)
    assert len(seconds.bucket_counts) == len(seconds.explicit_bounds) + 1
    assert points["gateway_stock_queue"].gauge.data_points[0].as_double == 0.0


async def test_a_collector_that_does_not_answer_holds_nobody_up_and_drops_are_counted(
    tmp_path: Path, collector: Collector
) -> None:
    collector.go.clear()
    house = await traced(tmp_path, collector)
    settings = house.runtime.settings.telemetry
    tracing = OtlpTracing(settings, collector.address, queue_max=4)
    house = house_of(house.runtime, telemetry=telemetry_of(replace(house.runtime, tracing=tracing)))

    for _ in range(300):
        answer = await house.post({"query": PROMISE})
        assert answer.status_code == 200

    dropped = tracing.dropped
    counted = (await house.get("/metrics")).text
    assert dropped > 0
    assert f"gateway_dropped_spans {float(dropped)}" in counted
    collector.go.set()
    tracing.close()
    told_late = len(collector.spans()) + tracing.dropped - 300
    assert 0 <= told_late <= 4, "a batch that was given up may have arrived all the same"
    await house.runtime.close()


def test_without_a_collector_nothing_is_traced() -> None:
    assert tracing_of(TelemetrySettings()) is UNTRACED


def test_without_the_extra_a_collector_cannot_be_named_and_nothing_else_changes() -> None:
    """In a process of its own, in which the packages are not to be found."""
    program = """
import sys
sys.modules["opentelemetry"] = None
from gateway.settings import SettingsError, TelemetrySettings
from gateway.tracing import tracing_of
import gateway.app
tracing_of(TelemetrySettings())
try:
    tracing_of(TelemetrySettings(otlp_endpoint="http://127.0.0.1:4318"))
except SettingsError as error:
    import json
    print(json.dumps(str(error)))
"""
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True, timeout=60
    )

    assert json.loads(told.stdout) == (
        "telemetry.otlp_endpoint: expected nothing, or the packages that send to a collector:"
        " pip install 'unified-commerce-gateway[telemetry]',"
        " found an endpoint, without the package opentelemetry"
    )
