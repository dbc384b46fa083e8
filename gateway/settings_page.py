"""Makes ``docs/settings.md`` from the settings themselves: ``python -m gateway.settings_page``.

It only prints; a test compares the committed page with what is made here.
"""

import sys
from collections.abc import Mapping
from dataclasses import MISSING, Field
from enum import StrEnum
from inspect import cleandoc
from typing import Any, get_type_hints

from gateway.serve_commands import DEMO, DEMO_HEEDS
from gateway.settings_file import PREFIX, documented, kind_of
from gateway.settings_sections import LISTS, SECTIONS

_OPENING = """\
# Settings

Made from the code by `python -m gateway.settings_page > docs/settings.md`; do not edit it here.

One TOML file holds everything; each setting can be overridden by the environment variable named
beside it, where a list is separated by commas. `<CODE>` is the entry's code in capitals, with `_`
for every other sign: `main-erp` is `MAIN_ERP`. A key that is not listed here is an error, in the
file and, within these sections, in the environment. A password never stands in the file: name a
variable with `password_env` or a file with `password_file`.

`gateway demo` reads no file. Of the environment it heeds {heeded}.
Its own defaults: {own}.
"""
_HEAD = "| Key | Kind | Default | Meaning | Environment |\n|---|---|---|---|---|"


def page() -> str:
    """The whole page, as it is committed."""
    heeded = ", ".join(f"`[{name}]`" for name in DEMO_HEEDS)
    own = {f"{name}.{key}": at for name, held in DEMO.items() for key, at in held.items()}
    told = ", ".join(f"`{key} = {_in_toml(at)}`" for key, at in own.items())
    parts = [_OPENING.format(heeded=heeded, own=told)]
    for name, shape in SECTIONS.items():
        parts.append(_section(f"[{name}]", f"{PREFIX}{name.upper()}_", shape))
    for name, shape in LISTS.items():
        parts.append(_section(f"[[{name}]]", f"{PREFIX}{name.upper()}_<CODE>_", shape))
    return "\n".join(parts)


def _section(title: str, prefix: str, shape: type) -> str:
    hints = get_type_hints(shape)
    rows = [_row(item, hints[item.name], prefix) for item in documented(shape)]
    return "\n".join([f"## `{title}`\n", f"{cleandoc(shape.__doc__ or '')}\n", _HEAD, *rows, ""])


def _row(item: Field[Any], hint: Any, prefix: str) -> str:
    fixed = item.name == "code" or hint == Mapping[str, str]
    variable = "" if fixed else f"`{prefix}{item.name.upper()}`"
    cells = (f"`{item.name}`", kind_of(item, hint), _default(item), item.metadata["doc"], variable)
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _default(item: Field[Any]) -> str:
    if item.default is MISSING:
        return "required" if item.default_factory is MISSING else "empty"
    if item.default is None:
        return "absent"
    if item.default == ():
        return "empty"
    return f"`{_in_toml(item.default)}`"


def _in_toml(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{each}"' for each in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    is_text = isinstance(value, str) and not isinstance(value, StrEnum)
    return f'"{value}"' if is_text else str(value)


if __name__ == "__main__":
    sys.stdout.write(page())
