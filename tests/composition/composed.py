"""What comes of composing the gateway's schema with a partner's: docs/composition.md.

``python -m tests.composition.composed > docs/composition.md`` writes it anew.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from graphql import (
    DirectiveNode,
    EnumValueNode,
    ObjectTypeDefinitionNode,
    StringValueNode,
    TypeDefinitionNode,
    parse,
)

from gateway.schema_text import federated_sdl
from tests.composition.house import HERE, composed, install, routed

REPORT = HERE.parents[1] / "docs" / "composition.md"
COMPOSERS = {
    "apollo": "@apollo/composition",
    "guild": "@theguild/federation-composition",
    "cosmo": "wgc",
}

HEAD = """# What the gateway composes to

Made by `make composition`; do not edit it here. A test composes anew and fails when it comes to
something else.

`gateway schema --federation` and [a partner's subgraph](../tests/composition/partner.graphql), put
together by the composers of others. `wgc router compose` writes its router's configuration, and
has no hints to tell.
"""

BOTH = """
Types of which both have a part, as `@apollo/composition` joins them; any other is of one alone:
"""


def report(folder: Path) -> str:
    """The whole report; what the composers wrote lies in the folder then.

    Raises:
        KeyError: one of them has written no supergraph.
    """
    sdl = folder / "gateway.graphql"
    sdl.write_text(federated_sdl(), encoding="utf-8")
    told = dict(composed(sdl, folder))
    told["cosmo"] = routed(sdl, folder)
    pins = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    composers = [
        (
            f"`{name}`",
            pins[name],
            len(told[key]["errors"]),
            len(told[key]["hints"]) if "hints" in told[key] else "-",
            len(list(types(folder / f"{key}.graphql"))),
        )
        for key, name in COMPOSERS.items()
    ]
    titles = ("Composer", "Version", "Errors", "Hints", "Types of the whole graph")
    shared = ("Type", "Found by", "The partner's fields")
    return "\n".join(
        [
            HEAD,
            *table(titles, composers),
            BOTH,
            *table(shared, list(joined(folder / "apollo.graphql"))),
            "",
        ]
    )


def table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Lines of a table of Markdown."""
    lines = [titles, *rows]
    shown = [f"| {' | '.join(str(cell) for cell in line)} |" for line in lines]
    return [shown[0], "|---" * len(titles) + "|", *shown[1:]]


def types(supergraph: Path) -> Iterator[TypeDefinitionNode]:
    """The types of a composed graph, the composer's own left out."""
    for node in parse(supergraph.read_text(encoding="utf-8")).definitions:
        if isinstance(node, TypeDefinitionNode) and "__" not in node.name.value:
            yield node


def joined(supergraph: Path) -> Iterator[tuple[str, str, str]]:
    """Each object type of both sides: the key that leads from one to the other, and what is the
    partner's.
    """
    for node in types(supergraph):
        if not isinstance(node, ObjectTypeDefinitionNode):
            continue
        sides = [given(it) for it in node.directives or () if it.name.value == "join__type"]
        if {side["graph"] for side in sides} != {"GATEWAY", "PARTNER"}:
            continue
        keys = [side["key"] for side in sides if side["graph"] == "PARTNER" and "key" in side]
        theirs = [
            field.name.value
            for field in node.fields or ()
            if any(
                given(it).get("graph") == "PARTNER"
                for it in field.directives or ()
                if it.name.value == "join__field"
            )
        ]
        found = ", ".join(f"`{key}`" for key in keys) or "the same on both sides"
        if node.name.value == "Query":
            found = "the root"
        yield f"`{node.name.value}`", found, ", ".join(f"`{name}`" for name in theirs) or "-"


def given(directive: DirectiveNode) -> Mapping[str, str]:
    """The words that a directive is given."""
    return {
        argument.name.value: argument.value.value
        for argument in directive.arguments or ()
        if isinstance(argument.value, StringValueNode | EnumValueNode)
    }


def main() -> None:
    """Prints the report."""
    install()
    with tempfile.TemporaryDirectory(prefix="composed-") as folder:
        sys.stdout.write(report(Path(folder)))


if __name__ == "__main__":
    main()
