"""Documents made to make a server work: each asks for as much as a thousand words can.

``mark`` goes into each, so that the same bomb can be thrown again as a document never seen.
"""

from collections.abc import Callable, Mapping
from typing import Any

Bomb = tuple[str, Mapping[str, Any]]
"""A document and its variables."""


def fan_out(fragments: int, mark: str = "x") -> str:
    """Every fragment spreads the next one twice."""
    made = [f"fragment F{fragments} on Variant {{ {mark}: sku }}"]
    for at in range(fragments):
        twice = f"...F{at + 1} ... on Variant {{ ...F{at + 1} }}"
        made.append(f"fragment F{at} on Variant {{ {twice} }}")
    return f'{{ variant(by: {{sku: "{mark}"}}) {{ ...F0 }} }} {" ".join(made)}'


def _chain(mark: str) -> Bomb:
    made = [f"fragment F{at} on Channel {{ ...F{at + 1} }}" for at in range(110)]
    return (
        f"{{ {mark}: channels {{ ...F0 }} }} {' '.join(made)} fragment F110 on Channel {{ code }}",
        {},
    )


def _circle(mark: str) -> Bomb:
    made = [f"fragment F{at} on Channel {{ {mark}: code ...F{(at + 1) % 80} }}" for at in range(80)]
    return f"{{ channels {{ ...F0 }} }} {' '.join(made)}", {}


def _aliases(mark: str) -> Bomb:
    return f"{{ {' '.join(f'{mark}{at}: channels {{ code }}' for at in range(165))} }}", {}


def _names(mark: str) -> Bomb:
    return f"{{ {' '.join(f'{mark}{at}: __typename' for at in range(330))} }}", {}


def _repeated(mark: str) -> Bomb:
    return f"{{ {mark}: __typename {'channels { code } ' * 245}}}", {}


def _leaves(mark: str) -> Bomb:
    return f"{{ channels {{ {mark}: code {'code ' * 985}}} }}", {}


def _inline(mark: str) -> Bomb:
    return f"{{ channels {{ {mark}: code {'... { code } ' * 245}}} }}", {}


def _allowed_pairs(mark: str) -> Bomb:
    twice = "product { id } " * 44
    return f'{{ variant(by: {{sku: "{mark}"}}) {{ {twice}}} }}', {}


def _directives(mark: str) -> Bomb:
    return f"{{ {mark}: channels {{ code {'@skip(if: false) ' * 140}}} }}", {}


def _unknown_directives(mark: str) -> Bomb:
    return f"{{ {mark}: channels {{ code {'@a ' * 490}}} }}", {}


def _deep(mark: str) -> Bomb:
    return f"{{ {mark}: channels {'{ a ' * 150}{'}' * 150} }}", {}


def _deep_inline(mark: str) -> Bomb:
    return f"{{ {mark}: channels {{ {'... { ' * 320}code {'}' * 320} }} }}", {}


def _deep_list(mark: str) -> Bomb:
    return f"{{ {mark}: product(by: {{handle: {'[' * 480}{']' * 480}}}) {{ id }} }}", {}


def _operations(mark: str) -> Bomb:
    return " ".join(f"query {mark}{at} {{ channels {{ code }} }}" for at in range(120)), {}


def _unknown(mark: str) -> Bomb:
    return f"{{ {' '.join(f'{mark}{at}' for at in range(990))} }}", {}


def _unknown_within(mark: str) -> Bomb:
    return f"{{ channels {{ {' '.join(f'{mark}{at}' for at in range(980))} }} }}", {}


def _arguments(mark: str) -> Bomb:
    return f"{{ {mark}: products({' '.join(f'{mark}{at}: 1' for at in range(320))}) {{ x }} }}", {}


def _defined(mark: str) -> Bomb:
    defined = " ".join(f"${mark}{at}: Int" for at in range(240))
    return f"query ({defined}) {{ channels {{ code }} }}", {}


def _words(mark: str) -> Bomb:
    return f"{{ {mark}: channels {{ code }} }}{' ' * 32_000}", {}


def _block(mark: str) -> Bomb:
    return f'{{ {mark}: product(by: {{handle: """{chr(10) * 32_000}"""}}) {{ id }} }}', {}


def _too_long(mark: str) -> Bomb:
    return f"{{ {mark}: channels {{ code }} }}{' ' * 1_000_000}", {}


def _values(mark: str) -> Bomb:
    return f"{{ {mark}: channels {{ code }} }}", {"a": list(range(200_000))}


def _nested_values(mark: str) -> Bomb:
    value: Any = []
    for _ in range(1000):
        value = [value]
    return f"{{ {mark}: channels {{ code }} }}", {"a": [value] * 100}


def _introspection(mark: str) -> Bomb:
    asked = " ".join(f"{mark}{at}: __schema {{ types {{ name }} }}" for at in range(95))
    return f"{{ {asked} }}", {}


BOMBS: Mapping[str, Callable[[str], Bomb]] = {
    "fragments, fan-out": lambda mark: (fan_out(63, mark), {}),
    "fragments, chain": _chain,
    "fragments, circle": _circle,
    "aliases": _aliases,
    "aliases of __typename": _names,
    "one object, repeated": _repeated,
    "one field, repeated": _leaves,
    "inline fragments": _inline,
    "pairs, just allowed": _allowed_pairs,
    "directives": _directives,
    "directives, unknown": _unknown_directives,
    "deep fields": _deep,
    "deep inline fragments": _deep_inline,
    "deep list": _deep_list,
    "operations": _operations,
    "unknown root fields": _unknown,
    "unknown fields": _unknown_within,
    "arguments": _arguments,
    "variables, defined": _defined,
    "white space": _words,
    "block text": _block,
    "a megabyte": _too_long,
    "variables, a list": _values,
    "variables, nested": _nested_values,
    "introspection": _introspection,
}
"""Each bomb by what it is about."""
