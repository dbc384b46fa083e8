"""A developer's visit to the GraphiQL page, in a browser that reaches nothing but the gateway."""

import pytest

from tests.browser.graphiql import HEADERS, QUERY, GraphiQL
from tests.e2e.child import Child

pytestmark = pytest.mark.browser

SKU = "BT-0001-30ML"
PROMISED = """query ($sku: String!) {
  availability(skus: [$sku], channel: "mini-program") { availableToPromise }
}"""
LEVEL = """query ($sku: String!) {
  variant(by: {sku: $sku}) {
    stockLevels(first: 20) { nodes { location { code } softReserved } }
  }
}"""
HOLD = """mutation ($key: String!, $sku: String!) {
  reserveStock(input: {
    idempotencyKey: $key, channel: "mini-program", lines: [{sku: $sku, quantity: 1}]
  }) { reservation { lines { pins { locationCode } } } }
}"""
SUGGESTED = """(names => names.includes('products') && names)(
  [...document.querySelectorAll('.suggest-widget.visible .monaco-list-row')].map(e => e.ariaLabel)
)"""
REFUSED = "Failed to load resource: the server responded with a status of 400 (Bad Request)"
EXPLORED = ".graphiql-explorer-channels [data-field-name=currencyCode]"
MARKED = "document.querySelector('.graphiql-query-editor .squiggly-error')"


def promised(shop: Child) -> int:
    [answer] = shop.ask(PROMISED, sku=SKU)["data"]["availability"]
    return int(answer["availableToPromise"])


def held(shop: Child) -> int:
    """Units of the warehouse that are held for buyers."""
    nodes = shop.ask(LEVEL, sku=SKU)["data"]["variant"]["stockLevels"]["nodes"]
    [level] = [node for node in nodes if node["location"]["code"] == "WH-01"]
    return int(level["softReserved"])


TABS = ["Browse", "Reserve", "Order", "Watch", "Follow", "Explain", "WhoBought", "Listings"]


def test_it_opens_with_a_tab_for_each_journey(graphiql: GraphiQL) -> None:
    assert graphiql.tabs() == TABS
    assert f"{graphiql.address}/graphql" in graphiql.page.requests


def test_it_completes_the_name_of_a_field(graphiql: GraphiQL) -> None:
    graphiql.write("{ prod")

    assert graphiql.page.see(SUGGESTED) == ["product", "products"]


def test_it_runs_a_query(graphiql: GraphiQL, shop: Child, pytestconfig: pytest.Config) -> None:
    graphiql.choose("Explain")

    graphiql.run()

    answer = graphiql.answer('"explain": [')
    assert f'"availableToPromise": {promised(shop)},' in answer
    if picture := pytestconfig.getoption("--picture", None):
        graphiql.page.picture(picture)


def test_the_catalogue_is_browsed(graphiql: GraphiQL) -> None:
    graphiql.run()

    assert f'"sku": "{SKU}"' in graphiql.answer('"price": {')


def test_the_demo_lets_a_shopper_reserve(graphiql: GraphiQL, shop: Child) -> None:
    before = promised(shop)
    graphiql.choose("Reserve")

    graphiql.run()

    answer = graphiql.answer('"userErrors"')
    assert '"status": "HELD"' in answer
    assert '"replayed": false' in answer
    assert promised(shop) == before - 1


def test_the_demo_lets_a_shopper_order(graphiql: GraphiQL, shop: Child) -> None:
    before = promised(shop)
    graphiql.choose("Order")

    graphiql.run()

    assert '"status": "PENDING"' in graphiql.answer('"number": "')
    assert promised(shop) == before - 1


def test_a_subscription_shows_what_is_and_then_what_changes(
    graphiql: GraphiQL, shop: Child
) -> None:
    before = held(shop)
    graphiql.choose("Watch")

    graphiql.run()
    graphiql.answer(f'"softReserved": {before},')
    shop.ask(HOLD, "shopper", key="seen in the browser", sku=SKU)

    graphiql.answer(f'"softReserved": {before + 1},')
    assert graphiql.address.replace("http", "ws") + "/graphql" in graphiql.page.requests


def test_a_wrong_field_is_marked_and_its_error_is_shown(graphiql: GraphiQL) -> None:
    graphiql.write("{ channels { nonsense")
    graphiql.page.see(MARKED)

    graphiql.run()

    assert "Cannot query field 'nonsense'" in graphiql.answer("GRAPHQL_VALIDATION_FAILED")
    assert graphiql.page.complaints == [REFUSED]
    graphiql.page.complaints.clear()


def test_the_explorer_writes_a_query(graphiql: GraphiQL) -> None:
    graphiql.write("{ channels { code")
    graphiql.button("Show GraphiQL Explorer")

    graphiql.page.click(f"document.querySelector('{EXPLORED}')")

    written = graphiql.page.see(f"(text => text.includes('currencyCode') && text)({QUERY})")
    assert written.split() == ["{", "channels", "{", "code", "currencyCode", "}", "}"]


def test_the_documentation_shows_the_schema(graphiql: GraphiQL) -> None:
    graphiql.button("Show Documentation Explorer")

    docs = graphiql.page.see("document.querySelector('.graphiql-doc-explorer')?.innerText")

    assert "Subscription" in docs


def test_a_second_visit_finds_its_tabs_and_no_token_was_kept(graphiql: GraphiQL) -> None:
    graphiql.choose("Reserve")
    graphiql.run()
    graphiql.answer('"userErrors"')
    graphiql.page.see("localStorage.getItem('graphiql:tabState')?.includes('\"activeTabIndex\":1')")
    kept = graphiql.kept()

    graphiql.visit()
    graphiql.tool("Headers")

    assert "Bearer" not in kept
    assert "Bearer" not in graphiql.kept()
    assert graphiql.tabs() == TABS
    assert graphiql.page.see(f'{HEADERS}.includes(\'"Authorization": "Bearer \') && {HEADERS}')


def test_a_page_that_reaches_for_another_host_is_stopped_and_found_out(
    graphiql: GraphiQL,
) -> None:
    reaching = "fetch('http://gateway.example/').then(() => 'reached', () => 'refused')"

    by_policy = graphiql.page.do(reaching)
    complaints = graphiql.page.complaints.copy()
    graphiql.page.call("Page.setBypassCSP", enabled=True)
    graphiql.visit()
    by_name = graphiql.page.do(reaching)

    assert (by_policy, by_name) == ("refused", "refused")
    assert "violates the following Content Security Policy directive" in complaints[0]
    assert graphiql.strangers() == ["http://gateway.example/"]
    graphiql.page.complaints.clear()
    graphiql.page.requests.clear()
