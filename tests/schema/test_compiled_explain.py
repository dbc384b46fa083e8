"""What a person is told of a plan, and the setting that there are none (G5)."""

import pytest
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.tokens import principal_of
from resolvers.access import Role
from schema.compiled.explain import Unexplained, explained
from schema.root import BOUNDS, build_schema

TEXT = """query Shelf($with: Boolean!) { variant(by: {sku: "A"}) {
  sku unitCost { amount } barcodes @include(if: $with) product { handle } } }"""


def of(role: Role, **said: bool) -> str:
    return explained(build_schema(), TEXT, BOUNDS, principal_of(role), said)


def test_it_says_of_each_field_how_it_is_made() -> None:
    told = of(Role.SHOPPER).splitlines()

    assert told[:6] == [
        "variant: Query.variant is resolved, since it may wait; what it answers, by code",
        "  sku: Variant.sku by code",
        "  unitCost: Variant.unitCost by code",
        "    amount: Money.amount by code",
        "  barcodes: Variant.barcodes by code",
        "  product: Variant.product is waited for, once for all of a list; what it is, by code",
    ]
    assert "It is for callers who have the same of: catalog:read, costs:read." in told


def test_it_is_of_a_role_and_of_what_directives_leave() -> None:
    assert "Variant.unitCost, which is hidden" in of(Role.SHOPPER)
    assert "= parent.unit_cost  # Variant.unitCost" in of(Role.OPERATOR)
    assert "Variant.barcodes" not in of(Role.OPERATOR, **{"with": False})


def test_what_cannot_run_has_no_plan() -> None:
    with pytest.raises(Unexplained, match="Cannot query field 'nothing'"):
        explained(build_schema(), "{ nothing }", BOUNDS, principal_of(Role.ADMIN), {})


def test_the_command_explains_a_document_or_a_file(tmp_path) -> None:
    file = tmp_path / "shelf.graphql"
    file.write_text(TEXT)

    runner = CliRunner()
    of_text = runner.invoke(app, ["schema", "--explain-plan", TEXT, "--role", "operator"])
    of_file = runner.invoke(app, ["schema", "--explain-plan", str(file), "--role", "operator"])
    of_none = runner.invoke(app, ["schema", "--explain-plan", str(tmp_path / "none")])

    assert of_text.exit_code == 0
    assert of_text.output == of_file.output == of(Role.OPERATOR) + "\n"
    assert of_none.exit_code == 1


def test_a_schema_may_be_built_without_plans() -> None:
    assert build_schema(compiled=False).compiled is None
    assert build_schema().compiled is not None
