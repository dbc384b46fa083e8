"""Documents for the schema of ``corners``, dealt by a seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

LEAVES = [
    "name",
    "text",
    "number",
    "maybeNumber",
    "ratio",
    "flag",
    "key",
    "color",
    "maybeColor",
    "fussy",
    "hardFussy",
    "words",
    "maybeWords",
    "colors",
    "grid",
    "rough",
    "street",
    "secret",
    "weight",
    "deepText",
    "sealed",
    "askedBy",
    "sometimes",
    "toldSimply",
    "later",
    "counted",
    "surelyCounted",
    "hiddenWhisper",
    "__typename",
]  # a list of a line each would be a page
OF_BOX = ["inner", "sure", "boxes", "someBoxes", "boxGrid", "loaded", "loadedMany", "beside"]
OF_NAMED = ["named", "nameds"]
OF_THING = ["thing", "things"]
NAMES = ("a", "b", "v0", "run", "parent", "known_1", "__proto", "None_", "import", "def", "class_")
BADLY = {"fussy", "hardFussy", "weight", "maybeColor", "rough", "loadedMany", "surelyCounted"}
"""Fields that often fail; they are asked for less, so that not all answers are null."""


@dataclass
class Documents:
    """Deals documents."""

    dice: random.Random
    fragments: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    left: int = 40

    def document(self) -> tuple[str, dict[str, Any]]:
        """One document and its variables."""
        roots = " ".join(self._roots())
        given = {name: value for name, (_, _, value) in self.variables.items() if value is not ...}
        defined = ", ".join(
            f"${name}: {kind}{'' if default is None else f' = {default}'}"
            for name, (kind, default, _) in self.variables.items()
        )
        head = f"query Dealt({defined})" if defined else "query Dealt"
        return f"{head} {{ {roots} }} {' '.join(self.fragments)}", given

    def _roots(self) -> Iterator[str]:
        for at in range(self.dice.randrange(1, 4)):
            kind = self.dice.choice(("box", "box", "sureBox", "boxes", "nameds", "guarded"))
            alias = f"r{at}: "
            if kind in ("box", "sureBox"):
                seed = self.dice.randrange(10**6)
                yield f"{alias}{kind}(seed: {seed}){self._condition()} {{ {self._box(0)} }}"
            elif kind == "boxes":
                yield f"{alias}boxes(first: {self.dice.randrange(4)}) {{ {self._box(0)} }}"
            elif kind == "nameds":
                yield f"{alias}nameds {{ {self._named(0)} }}"
            else:
                yield f"{alias}guarded"

    def _box(self, depth: int) -> str:
        return " ".join(self._fields(depth)) or "name"

    def _fields(self, depth: int) -> Iterator[str]:
        for _ in range(self.dice.randrange(1, 7)):
            self.left -= 1
            sort = self.dice.random()
            if sort < 0.6 or depth > 3 or self.left < 0:
                name = self.dice.choice(LEAVES)
                if name in BADLY and self.dice.random() < 0.7:
                    name = "name"
                yield f"{self._alias(name)}{name}{self._condition()}"
            elif sort < 0.68:
                yield f"s{abs(self.left)}: {self._called()}{self._condition()}"
            elif sort < 0.78:
                name = self.dice.choice(OF_BOX)
                inner = self._box(depth + 1)
                yield f"{self._alias(name, depth)}{name}{self._condition()} {{ {inner} }}"
            elif sort < 0.88:
                name = self.dice.choice(OF_NAMED + OF_THING)
                inner = self._named(depth + 1) if name in OF_NAMED else self._thing(depth + 1)
                yield f"{self._alias(name, depth)}{name}{self._condition()} {{ {inner} }}"
            elif sort < 0.94:
                yield f"...{self._on('Box')}{self._condition()} {{ {self._box(depth + 1)} }}"
            else:
                yield f"...{self._fragment(depth)}{self._condition()}"

    def _called(self) -> str:
        if self.dice.random() < 0.3:
            return f'where(words: ["a", "{self.dice.randrange(3)}"])'
        said = []
        if self.dice.random() < 0.7:
            said.append(f"times: {self._variable('Int', '2', 3)}")
        if self.dice.random() < 0.5:
            said.append(f"loud: {self._variable('Boolean', 'true', False)}")
        if self.dice.random() < 0.5:
            said.append("color: BLUE")
        return f"shout({', '.join(said)})" if said else "shout"

    def _named(self, depth: int) -> str:
        parts = ["__typename name"]
        if self.dice.random() < 0.7:
            parts.append(f"... on Box {{ {self._box(depth + 1)} }}")
        if self.dice.random() < 0.5:
            parts.append("... on Bag { weight inner { name } }")
        if self.dice.random() < 0.3:
            parts.append("... on Tag { t: name }")
        return " ".join(parts)

    def _thing(self, depth: int) -> str:
        parts = [f"... on Named {{ name }} ... on Box {{ {self._box(depth + 1)} }}"]
        if self.dice.random() < 0.5:
            parts.insert(0, "__typename")
        if self.dice.random() < 0.5:
            parts.append("... on Bag { w: weight text }")
        return " ".join(parts)

    def _fragment(self, depth: int) -> str:
        name = f"F{len(self.fragments)}"
        self.fragments.append("")
        at = len(self.fragments) - 1
        self.fragments[at] = f"fragment {name} on Box {{ {self._box(depth + 1)} }}"
        return name

    def _alias(self, name: str, depth: int = 0) -> str:
        """Mostly none, so that fields of one name meet; else one that is this field's alone."""
        if name in OF_BOX + OF_NAMED + OF_THING:
            return f"o{abs(self.left)}_{depth}: "
        if self.dice.random() < 0.8:
            return ""
        return f"{self.dice.choice(NAMES)}_{name.strip('_')}: "

    def _on(self, kind: str) -> str:
        return self.dice.choice(
            ("", f" on {kind}", " on Named" if kind == "Named" else f" on {kind}")
        )

    def _condition(self) -> str:
        if self.dice.random() < 0.85:
            return ""
        which = self.dice.choice(("skip", "include"))
        if self.dice.random() < 0.3:
            return f" @{which}(if: {self.dice.choice(('true', 'false'))})"
        return f" @{which}(if: {self._variable('Boolean!', 'true', self.dice.random() < 0.5)})"

    def _variable(self, kind: str, default: str, value: Any) -> str:
        name = f"x{self.dice.randrange(4)}{kind.strip('!')}"
        if name not in self.variables:
            with_default = self.dice.random() < 0.5
            given = ... if with_default and self.dice.random() < 0.5 else value
            whole = kind if kind.endswith("!") else f"{kind}!"
            self.variables[name] = (whole, default if with_default else None, given)
        return f"${name}"
