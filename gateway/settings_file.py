"""Reads one TOML file and its environment overrides into dataclasses, and says what is wrong.

It knows kinds, ranges, lines and names of variables. Which settings exist, and what they mean
together, stands in ``gateway/settings.py``.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from datetime import date, time
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from gateway.settings_values import fitted, from_text, without_none

PREFIX = "GATEWAY_"
_FILE_BYTES_MAX = 1_048_576
_SHOWN_MAX = 60
SECRET_NAME = re.compile(r"(^|_)(passwd|password|secret|token|api_?key)$")
_USER_IN_ADDRESS = re.compile(r"//\S*@")
_SECRET_IN_ADDRESS = re.compile(
    r"([?&;]\w*(?:password|secret|token|properties)=)[^&;]*", re.IGNORECASE
)
_NAME = r"(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')"
_DOTTED = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]\]?\s*(?:#.*)?$")
_PAIR = re.compile(rf"\s*({_DOTTED})\s*=")

Place = tuple[str | int, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the dotted key, what belongs there, what stood there, and where."""

    key: str
    expected: str
    found: str
    source: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = self.source if self.line is None else f"{self.source}:{self.line}"
        told = f"{self.key}: expected {self.expected}, found {self.found}"
        return f"{place}: {told}" if place else told


class SettingsError(Exception):
    """The configuration cannot be used. All problems are told at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def about(
    doc: str,
    *,
    low: float | None = None,
    high: float | None = None,
    kind: str = "",
    fits: Callable[[str], bool] | None = None,
) -> dict[str, Any]:
    """Metadata of one setting: its meaning, its range, and for text what it must look like."""
    return {"doc": doc, "low": low, "high": high, "kind": kind, "fits": fits}


def documented(shape: type) -> tuple[Field[Any], ...]:
    """The fields of a dataclass that are settings: those with a ``doc``."""
    return tuple(item for item in fields(shape) if "doc" in item.metadata)


def kind_of(item: Field[Any], hint: Any) -> str:
    """What belongs into a setting, in words."""
    if item.metadata["kind"]:
        return str(item.metadata["kind"])
    bare = without_none(hint)
    if get_origin(bare) is tuple:
        element = get_args(bare)[0]
        return f"a list of {_choices(element)}" if element is not str else "a list of text"
    if get_origin(bare) is Mapping:
        return "a table of text"
    if bare is bool:
        return "true or false"
    if bare in (int, float):
        kind = "a whole number" if bare is int else "a number"
        return f"{kind} from {item.metadata['low']} to {item.metadata['high']}"
    return "text that is not empty" if bare is str else f"one of {_choices(bare)}"


def shown(value: object) -> str:
    """A found value for an error message: short, and without a password that an address holds."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        hidden = _SECRET_IN_ADDRESS.sub(r"\1***", _USER_IN_ADDRESS.sub("//***@", value))
        text = f'"{hidden}"'
    elif isinstance(value, list):
        text = "[" + ", ".join(shown(element) for element in value[:20]) + "]"
    elif isinstance(value, dict):
        return "a table"
    elif isinstance(value, date | time):
        return f"the date or time {value}"
    elif isinstance(value, int) and abs(value) >= 10**_SHOWN_MAX:
        return "a number of very many digits"
    else:
        text = str(value)
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 1] + "…"


def spelled(code: str) -> str:
    """A code as names of environment variables spell it: ``main-erp`` is ``MAIN_ERP``."""
    return "".join(letter if letter.isalnum() else "_" for letter in code).upper()


@dataclass(frozen=True, slots=True)
class Source:
    """A TOML file that was parsed: its name, its tables, and the line of each key and table."""

    name: str
    tables: Mapping[str, Any]
    lines: Mapping[Place, int]

    def line(self, place: Place) -> int | None:
        """The line of a place, or of the nearest thing around it."""
        known = (self.lines.get(place[:length]) for length in range(len(place), 0, -1))
        return next((line for line in known if line is not None), None)


def read_source(path: Path | None) -> Source:
    """Parses a file; without one, nothing is set.

    Raises:
        SettingsError: it cannot be read, is too large, or is not TOML.
    """
    if path is None:
        return Source("", {}, {})

    name, expected = str(path), "a TOML file in UTF-8"
    try:
        with path.open("rb") as file:
            content = file.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        reason = (error.strerror or "no file").lower()
        expected = "a TOML file (begin with a copy from examples/, and name it: --config)"
        raise SettingsError([Problem("(file)", expected, reason, name)]) from error
    if len(content) > _FILE_BYTES_MAX:
        raise SettingsError([Problem("(file)", "at most 1 MiB", "more", name)])
    try:
        text = content.decode()
        return Source(name, tomllib.loads(text), lines_of(text))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SettingsError([Problem("(file)", expected, "other bytes", name, line)]) from error
    except (ValueError, RecursionError) as error:
        at = re.search(r"\(at line (\d+)", str(error))
        told = str(error).split(" (at ")[0][:1].lower() + str(error).split(" (at ")[0][1:]
        line_of_error = int(at[1]) if at else None
        raise SettingsError([Problem("(file)", expected, told, name, line_of_error)]) from error


def lines_of(text: str) -> dict[Place, int]:
    """Finds the line of every table and key by scanning; inline tables are not looked into."""
    lines: dict[Place, int] = {}
    last_index: dict[Place, int] = {}
    table: Place = ()
    quote = ""
    for number, line in enumerate(text.split("\n"), start=1):
        if quote:
            quote = "" if line.count(quote) % 2 else quote
            continue
        if header := _HEADER.match(line):
            table = _table_of(_parts(header[2]), last_index, entry=header[1] == "[[")
            lines.setdefault(table, number)
        elif pair := _PAIR.match(line):
            parts = _parts(pair[1])
            for length in range(1, len(parts) + 1):
                lines.setdefault((*table, *parts[:length]), number)
        quote = next((mark for mark in ('"""', "'''") if line.count(mark) % 2), "")
    return lines


def _table_of(parts: Sequence[str], last_index: dict[Place, int], *, entry: bool) -> Place:
    table: Place = ()
    for position, part in enumerate(parts):
        table = (*table, part)
        if entry and position == len(parts) - 1:
            last_index[table] = last_index.get(table, -1) + 1
        if table in last_index:
            table = (*table, last_index[table])
    return table


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_NAME, dotted))


class Reader:
    """Takes sections out of a source and its environment, and collects what is wrong."""

    def __init__(self, source: Source, environ: Mapping[str, str], ignored: frozenset[str]) -> None:
        self.problems: list[Problem] = []
        self._source = source
        self._environ = {
            name: value
            for name, value in environ.items()
            if name.startswith(PREFIX) and name not in ignored
        }

    def refuse(self, key: str, place: Place, expected: str, found: str) -> None:
        """Notes a problem of the file."""
        line = self._source.line(place)
        self.problems.append(Problem(key, expected, found, self._source.name, line))

    def refuse_value(self, key: str, expected: str, found: str) -> None:
        """Notes a problem of ``section.key`` where its value stands: a variable, or the file."""
        variable = PREFIX + key.replace(".", "_").upper()
        if variable in self._environ:
            self.problems.append(Problem(key, expected, found, f"environment {variable}"))
        else:
            self.refuse(key, tuple(key.split(".")), expected, found)

    def sound(self, *keys: str) -> bool:
        """Says whether none of these keys has a problem yet, so that they may be compared."""
        return not {problem.key for problem in self.problems} & set(keys)

    def sections(self, singles: Sequence[str], lists: Sequence[str]) -> None:
        """Refuses what stands at the top of the file and is no section."""
        names = (*(f"[{name}]" for name in singles), *(f"[[{name}]]" for name in lists))
        for name in self._source.tables:
            if name not in (*singles, *lists):
                self.refuse(name, (name,), "one of " + ", ".join(names), "an unknown section")

    def single(self, name: str, shape: type[T]) -> T:
        """Reads ``[name]``; what is absent or wrong has its default."""
        table = self._source.tables.get(name, {})
        if not isinstance(table, dict):
            self.refuse(name, (name,), f"a section [{name}]", shown(table))
            table = {}
        names = {item.name: item for item in documented(shape)}
        prefix = f"{PREFIX}{name.upper()}_"
        overrides: dict[str, str] = {}
        for variable in sorted(self._environ):
            if not variable.startswith(prefix):
                continue
            key = variable.removeprefix(prefix).lower()
            overrides[key] = variable
            if key not in names:
                self._unknown(f"{name}.{key}", tuple(names), variable, None)
        values = self._values(shape, table, name, (name,), overrides)
        return shape(**values)

    def many(self, name: str, shape: type[T]) -> tuple[T, ...]:
        """Reads every ``[[name]]``; an entry that lacks what it must have is left out."""
        tables = self._source.tables.get(name, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self.refuse(name, (name,), f"sections [[{name}]]", shown(tables))
            return ()
        overrides = self._overrides(name, shape, [table.get("code") for table in tables])
        entries = []
        for index, table in enumerate(tables):
            code = table.get("code")
            key = f"{name}.{code}" if isinstance(code, str) and code else f"{name}[{index}]"
            values = self._values(shape, table, key, (name, index), overrides[index])
            required = [
                item.name
                for item in documented(shape)
                if item.default is MISSING and item.default_factory is MISSING
            ]
            if all(name in values for name in required):
                entries.append(shape(**values))
        return tuple(entries)

    def _overrides(
        self, name: str, shape: type, codes: Sequence[object]
    ) -> tuple[dict[str, str], ...]:
        """Finds which variable belongs to which entry; the longest code that fits has it."""
        prefix = f"{PREFIX}{name.upper()}_"
        keys = tuple(item.name for item in documented(shape) if item.name != "code")
        known = [f"{spelled(code)}_" if isinstance(code, str) else None for code in codes]
        overrides: tuple[dict[str, str], ...] = tuple({} for _ in codes)
        for variable in sorted(self._environ):
            if not variable.startswith(prefix):
                continue
            rest = variable.removeprefix(prefix)
            fitting = [code for code in known if code and rest.startswith(code)]
            fitting.sort(key=lambda code: (rest[len(code) :].lower() in keys, len(code)))
            if not fitting or known.count(fitting[-1]) > 1:
                told = ", ".join(str(code) for code in codes) or "none is configured"
                expected = f"{prefix}<CODE>_<KEY> with the code of one entry ({told})"
                self.problems.append(Problem(name, expected, variable, "environment"))
                continue
            index = known.index(fitting[-1])
            key = rest[len(fitting[-1]) :].lower()
            overrides[index][key] = variable
            if key not in keys:
                self._unknown(f"{name}.{codes[index]}.{key}", keys, variable, None)
        return overrides

    def _values(
        self,
        shape: type,
        table: Mapping[str, Any],
        key: str,
        place: Place,
        overrides: Mapping[str, str],
    ) -> dict[str, Any]:
        """The good values of one table. Of a bad one, the problem is noted."""
        items = documented(shape)
        hints = get_type_hints(shape)
        for name in table:
            if name not in {item.name for item in items}:
                names = tuple(item.name for item in items)
                self._unknown(f"{key}.{name}", names, self._source.name, (*place, name))
        values: dict[str, Any] = {}
        for item in items:
            variable = overrides.get(item.name)
            dotted = f"{key}.{item.name}"
            expected = kind_of(item, hints[item.name])
            if variable is not None:
                found = from_text(self._environ[variable], hints[item.name])
            elif item.name in table:
                found = table[item.name]
            else:
                if item.default is MISSING and item.default_factory is MISSING:
                    self.refuse(dotted, place, expected, "nothing")
                continue
            try:
                values[item.name] = fitted(found, without_none(hints[item.name]), item.metadata)
            except ValueError:
                if variable is not None:
                    source = f"environment {variable}"
                    self.problems.append(Problem(dotted, expected, shown(found), source))
                else:
                    self.refuse(dotted, (*place, item.name), expected, shown(found))
        return values

    def _unknown(self, key: str, names: Sequence[str], source: str, place: Place | None) -> None:
        name = key.rpartition(".")[2]
        secret = SECRET_NAME.search(name) and "password_env" in names
        instead = name if f"{name}_env" in names else "password"
        named = f'{instead}_env = "NAME" or {instead}_file = "path"'
        expected = named if secret else "one of " + ", ".join(names)
        found = "a secret in plain text" if secret else "an unknown key"
        if place is not None:
            self.refuse(key, place, expected, found)
        else:
            self.problems.append(Problem(key, expected, found, f"environment {source}"))


def _choices(enum: type[StrEnum]) -> str:
    return ", ".join(member.value for member in enum)
