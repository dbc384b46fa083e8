"""A partner composes the gateway with a subgraph of its own, and asks both in one query."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.schema_text import federated_sdl
from tests.composition.composed import REPORT, report
from tests.composition.house import Router, composed, install, routed, routing
from tests.e2e.child import Child, demo
from tests.schema.asking import PLACE, SHIP

pytestmark = [pytest.mark.composition, pytest.mark.timeout(900)]

SKU = "BT-0001-30ML"
JOURNEY = """{
  latestReviews { stars product { handle title variants(first: 1) { nodes {
    sku offers { points } availability(channel: "mini-program") { sku }
  } } } }
  offers(first: 1) { nodes { off { amount } variant { sku unitCost { amount } } } }
}"""


@pytest.fixture(scope="module")
def gateway_sdl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The text for composers, where composers can read it."""
    install()
    path = tmp_path_factory.mktemp("composed") / "gateway.graphql"
    path.write_text(federated_sdl(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with demo(tmp_path_factory.mktemp("demo") / "data") as child:
        yield child


@pytest.fixture(scope="module")
def router(gateway_sdl: Path, child: Child) -> Iterator[Router]:
    composed(gateway_sdl, gateway_sdl.parent)
    supergraph = gateway_sdl.with_name("apollo.graphql")
    with routing(supergraph, f"{child.address}/graphql") as router:
        yield router


def test_two_composers_take_the_schema_without_an_error_or_a_hint(
    gateway_sdl: Path, tmp_path: Path
) -> None:
    told = composed(gateway_sdl, tmp_path)

    good: dict[str, list[str]] = {"errors": [], "hints": []}
    assert told == {"apollo": good, "guild": good}
    for name in told:
        assert "pointsEarned" in (tmp_path / f"{name}.graphql").read_text(encoding="utf-8")


def test_a_third_composes_it_for_its_router(gateway_sdl: Path, tmp_path: Path) -> None:
    told = routed(gateway_sdl, tmp_path)

    assert told == {"errors": [], "subgraphs": ["gateway", "partner"]}


def test_the_report_tells_what_they_compose_it_to(gateway_sdl: Path, tmp_path: Path) -> None:
    assert report(tmp_path) == REPORT.read_text(encoding="utf-8"), "run `make composition`"


def test_one_query_is_answered_by_both_and_what_is_nobodys_is_null(
    router: Router, child: Child
) -> None:
    answer = router.ask(JOURNEY, child.token("manager"))

    assert "errors" not in answer
    assert answer["data"] == {
        "latestReviews": [
            {
                "stars": 5,
                "product": {
                    "handle": "amber-essence-001",
                    "title": "琥珀水润精华",
                    "variants": {
                        "nodes": [
                            {"sku": SKU, "offers": [{"points": 300}], "availability": {"sku": SKU}}
                        ]
                    },
                },
            },
            {"stars": 2, "product": None},
        ],
        "offers": {
            "nodes": [
                {
                    "off": {"amount": "30.00"},
                    "variant": {"sku": SKU, "unitCost": {"amount": "220.40"}},
                }
            ]
        },
    }


def test_an_order_is_shown_through_a_router_to_its_buyer_alone(
    router: Router, child: Child
) -> None:
    lines = [{"sku": SKU, "quantity": 1}]
    asked = {"idempotencyKey": "c", "channel": "mini-program", "lines": lines, "delivery": SHIP}
    order = child.ask(PLACE, "shopper", input=asked)["data"]["placeOrder"]["order"]
    query = """query ($number: String!) {
      purchase(number: $number) { number pointsEarned status }
      latestReviews { stars }
    }"""

    own = router.ask(query, child.token("shopper"), number=order["number"])
    nobodys = router.ask(query, number=order["number"])

    purchase = {"number": order["number"], "pointsEarned": 760, "status": "PENDING"}
    assert own["data"]["purchase"] == purchase
    assert nobodys["data"] == {"purchase": None, "latestReviews": [{"stars": 5}, {"stars": 2}]}
    [error] = nobodys["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
