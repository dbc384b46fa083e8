"""Writes the code of a plan: one function for each level that needs no library, which makes its
part of the answer of an object.

No word of a request stands in the code. Names in it are the schema's own, or are numbers; what a
request says (the names that it gives to fields) stands in a table beside it.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLString,
    is_abstract_type,
    is_enum_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from strawberry.types.field import StrawberryField

from resolvers.access import Principal
from schema.access import Masked, admitted
from schema.compiled.kept import FIELDS_MIN, Kept, Uses, keeping
from schema.compiled.plain import Call, Read, domain_of
from schema.compiled.tree import TYPENAME, Asked, Level, is_hidden
from schema.compiled.values import (
    Arguments,
    Finish,
    Space,
    abstract_of,
    binding,
    items,
    leaf,
    names_of,
    object_of,
)
from schema.compiled.waiting import Wait

CHARS_MAX = 200_000
"""Longest code of one plan."""

_LOOKS = {
    GraphQLString: "type({v}) is str",
    GraphQLID: "type({v}) is str",
    GraphQLBoolean: "type({v}) is bool",
    GraphQLInt: "type({v}) is int and -2147483648 <= {v} <= 2147483647",
    GraphQLFloat: "type({v}) is float and -inf < {v} < inf",
}
"""By what a value is known that the library would leave as it is."""

_AS_TEXT = _LOOKS[GraphQLString]


def _is_written_by_str(kind: Any) -> bool:
    """Whether a scalar of ours leaves a text as it is."""
    return getattr(kind, "coerce_output_value", None) is str


@dataclass(slots=True)
class Code:
    """What was written, and the names that it goes by. ``arguments`` counts the fields that have
    any.
    """

    schema: GraphQLSchema
    converter: Any
    caller: Principal
    kept: Kept
    hide_suggestions: bool = False
    lines: list[str] = field(default_factory=list)
    space: Space = field(default_factory=dict)
    arguments: int = 0
    places: int = 0
    _levels: dict[int, str] = field(default_factory=dict)
    _names: dict[tuple[object, ...], str] = field(default_factory=dict)
    _count: int = 0
    _uses: dict[str, Uses] = field(default_factory=dict)
    _writing: list[Uses] = field(default_factory=lambda: [Uses()])
    _inside: int = 0

    def __post_init__(self) -> None:
        builtins = {"type": type, "str": str, "int": int, "float": float, "bool": bool}
        more = {"list": list, "tuple": tuple, "id": id, "inf": math.inf}
        self.space.update(builtins, **more, __builtins__={})

    # ---- functions -------------------------------------------------------------------------------

    def level(self, level: Level) -> str:
        """The name of the function that makes a level's part of the answer."""
        if id(level) not in self._levels:
            self._levels[id(level)] = self.part(level, level.fields)
        name = self._levels[id(level)]
        self._writing[-1].add(self._uses[name])
        return name

    def part(self, level: Level, fields: Iterable[Asked]) -> str:
        """The name of a function that makes some fields of a level, and notes which of them are
        open until something was waited for.
        """
        body: list[str] = []
        made: list[str] = []
        waits: list[str] = []
        self._writing.append(Uses())
        for at, asked in enumerate(fields):
            if isinstance(asked.how, Call):
                made.append(f"{self._key(asked.name)}: None")
                waits.append(self._wait(asked, asked.how))
                continue
            made.append(f"{self._key(asked.name)}: {self._field(level, asked, f'v{at}', body)}")
        name = self._new("level")
        self._uses[name] = self._writing.pop()
        self.lines += [f"def {name}(parent, run):  # {level.kind.name}"]
        self.lines += [f"    {line}" for line in body]
        if waits:
            self.lines += [f"    made = {{{', '.join(made)}}}"]
            self.lines += [f"    run.wait({wait}, parent, made)" for wait in waits]
            self.lines += ["    return made", ""]
        else:
            self.lines += [f"    return {{{', '.join(made)}}}", ""]
        return name

    def value(self, asked: Asked) -> str:
        """The name of a function that completes what a field's resolver answered."""
        body = self._completed("value", asked.definition.type, asked)
        name = self._new("value")
        self.lines += [f"def {name}(value, run):  # {asked.coordinate}", f"    return {body}", ""]
        return name

    def made(self) -> Space:
        """Compiles what was written; the functions stand in the space by their names."""
        text = self.text
        assert len(text) <= CHARS_MAX, "its fields were counted"
        exec(compile(text, "<plan>", "exec"), self.space)  # noqa: S102  # of our own words only
        return self.space

    @property
    def text(self) -> str:
        """All that was written."""
        return "\n".join(self.lines)

    # ---- fields ----------------------------------------------------------------------------------

    def _field(self, level: Level, asked: Asked, name: str, body: list[str]) -> str:
        """Writes how a field is made; what stands for it then."""
        how = asked.how
        assert isinstance(how, Read), "it is plain"
        self._writing[-1].fields += 1
        if how is TYPENAME:
            return self._put("typename", level.kind.name)
        if is_hidden(how, self.caller):
            body.append(f"{name} = None  # {asked.coordinate}, which is hidden")
            return name
        body.append(f"{name} = {self._read(asked, how)}  # {asked.coordinate}")
        if isinstance(how.ask, Masked):
            whole = admitted(self.caller, how.ask)
            mask = f"{name} = {self._put('mask', how.ask.mask)}({name})"
            body.append(f"if {name} is not None and not parent.is_own:")
            body.append("    pass" if whole else f"    {mask}")
        completed = self._completed(name, asked.definition.type, asked)
        if completed != name:
            body.append(f"{name} = {completed}")
        return name

    def _read(self, asked: Asked, how: Read) -> str:
        if how.path:
            return f"parent.{how.path}"
        if how.function is not None:
            return f"{self._put('read', how.function)}(parent)"
        assert how.resolver is not None, "there is no fourth way"
        number = self.arguments
        bind = binding(how, self._arguments(asked, how.resolver), number)
        self.arguments += 1
        uses, resolver = self._writing[-1], how.resolver.base_resolver
        uses.binds.append((number, bind))
        uses.request |= how.then is None and resolver is not None and bool(resolver.info_parameter)
        return f"(run.given[{number}] or {self._put('bind', bind)}(run))(parent)"

    def _wait(self, asked: Asked, how: Call) -> str:
        """Writes what completes a field that is waited for; what stands for the field."""
        assert how.direct is not None, "it was proved to have a resolver"
        assert how.many is not None, "it was proved to be read together"
        uses = self._writing[-1]
        uses.request = True  # nothing around it can be kept
        inside, self._inside = self._inside, 0
        self._writing.append(Uses())
        completed = self.value(asked)
        self._writing.pop()
        self._inside = inside
        arguments = self._arguments(asked, how.direct)
        return self._put("wait", Wait(asked.name, how.many, arguments, self.space, completed))

    def _arguments(self, asked: Asked, resolver: StrawberryField) -> Arguments:
        hides = self.hide_suggestions
        return Arguments(
            asked.definition, asked.details, resolver, self.converter, hide_suggestions=hides
        )

    # ---- values ----------------------------------------------------------------------------------

    def _completed(self, v: str, kind: GraphQLOutputType, asked: Asked) -> str:
        """An expression of a value as it stands in the answer."""
        nullable = not is_non_null_type(kind)
        if is_non_null_type(kind):
            kind = kind.of_type
        if is_list_type(kind):
            return self._list(v, kind.of_type, asked, nullable=nullable)
        if is_object_type(kind):
            domain = None if asked.levels[kind.name].waits else self._kept_domain(kind)
            self._inside += domain is not None
            level = self.level(asked.levels[kind.name])
            self._inside -= domain is not None
            known: set[type] = set()
            ok = self._put("known", known)
            other = self._put("other", object_of(kind, level, self.space, known, nullable=nullable))
            made = f"{level}({v}, run) if type({v}) in {ok} else {other}({v}, run)"
            keeps = None if domain is None else self._keeping(level)
            if keeps is None:
                return made
            return f"{keeps}({v}, run) if type({v}) is {self._put('kept', domain)} else ({made})"
        if is_abstract_type(kind):
            levels = {name: self.level(level) for name, level in asked.levels.items()}
            called = asked.details[0].node.name.value
            finish = abstract_of(self.schema, kind, called, levels, self.space, nullable=nullable)
            return f"{self._put('one_of', finish)}({v}, run)"
        return self._leaf(v, kind, nullable=nullable)

    def _kept_domain(self, kind: GraphQLObjectType) -> type | None:
        """The class of which something may be kept; none within what is kept as a whole."""
        if self._inside:
            return None
        domain = domain_of(kind)
        return domain if domain in self.kept.classes else None

    def _keeping(self, level: str) -> str | None:
        """What makes a level of a record that is kept; None if it is not to be."""
        uses = self._uses[level]
        if uses.request or uses.fields < FIELDS_MIN:
            return None
        place = self.places
        self.places += 1
        return self._put("keeping", keeping(self.kept, self.space, level, place, uses))

    def _leaf(self, v: str, kind: Any, *, nullable: bool) -> str:
        other = self._shared(("leaf", kind.name, nullable), lambda: leaf(kind, nullable=nullable))
        if is_enum_type(kind):
            names = self._shared(("names", kind.name), lambda: names_of(kind))
            return f"{names}.get(id({v})) or {other}({v})"
        look = _AS_TEXT if _is_written_by_str(kind) else _LOOKS.get(kind)
        if look is None:
            return f"{other}({v})"
        look = look.format(v=v)
        return f"{v} if {f'{v} is None or {look}' if nullable else look} else {other}({v})"

    def _list(self, v: str, kind: GraphQLOutputType, asked: Asked, *, nullable: bool) -> str:
        other = self._shared(("items", nullable), lambda: items(nullable=nullable))
        inner = f"{v}i"
        each = self._completed(inner, kind, asked)
        made = f"[{each} for {inner} in {v}]"
        return f"{made} if type({v}) is list or type({v}) is tuple else {other}({v})"

    # ---- names -----------------------------------------------------------------------------------

    def _key(self, name: str) -> str:
        """What stands for a name that the request gives to a field."""
        return self._shared(("key", name), lambda: name, "key")

    def _shared(
        self, known_as: tuple[object, ...], make: Callable[[], Any], word: str = "other"
    ) -> str:
        if known_as not in self._names:
            self._names[known_as] = self._put(word, make())
        return self._names[known_as]

    def _put(self, word: str, value: Finish | Any) -> str:
        name = self._new(word)
        self.space[name] = value
        return name

    def _new(self, word: str) -> str:
        self._count += 1
        return f"{word}_{self._count}"
