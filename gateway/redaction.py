"""What no log line may hold, taken out of it: what ``resolvers.domain.harmless`` knows by its look,
and the words of the request at hand.

The last is for errors that quote what they were given: no pattern knows a street or a name, but the
request says which texts came with it. Pure, but for the request that ``speaks`` notes.
"""

import re
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any

from graphql import GraphQLSyntaxError, Lexer, Source, TokenKind

from resolvers.domain.harmless import HIDDEN, hidden, is_harmless
from schema.documents import SOURCE_CHARS_MAX
from schema.operations import Operation

OWN = frozenset(
    {
        *("timestamp", "level", "logger", "trace_id", "path", "method", "kind", "role", "result"),
        *("request_id", "operation", "client", "client_version"),
    }
)
"""Keys whose values are the gateway's own words, and those of a client's that were looked through
where they were noted (``gateway.clients``, ``gateway.doorman``): each line has them.
"""

DEPTH_MAX = 6
TEXTS_MAX = 2_000
"""Most texts of one request that are looked for in an error."""

SHORT, SHORT_ELSEWHERE = 3, 2
"""Texts of fewer signs are left: taken out, they would leave nothing to read. The second number is
for texts that are not ASCII: most names of people in China have two or three signs.
"""

_WHOLE_MAX = 1_000_000
"""Whole numbers below are nobody's telephone."""

_LITERAL = re.compile(r'"""(.*?)"""|"((?:[^"\\\n]|\\.)*)"', re.DOTALL)

_speaking: ContextVar[Operation | None] = ContextVar("speaking", default=None)


def speaks(operation: Operation) -> None:
    """Notes what the request at hand says: what goes wrong in it is told without those words."""
    _speaking.set(operation)


def redacted(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog: the line without what it may not hold.

    A line that tells of an exception also loses every text that the request at hand has said.
    """
    said = _texts(_speaking.get()) if "exception" in event else []
    texts = []
    for name, value in event.items():
        if name in OWN:
            continue
        if type(value) is str and not said:
            texts.append(value)
        elif type(value) is not float and not (type(value) is int and -1 < value < _WHOLE_MAX):
            event[name] = _clean(value, said, DEPTH_MAX)
    together = "\n".join(texts)
    if hidden(together) != together:  # seldom: one look at all is cheaper than one at each
        for name, value in event.items():
            if type(value) is str and name not in OWN:
                event[name] = hidden(value)
    return event


def _clean(value: Any, said: list[str], depth: int) -> Any:
    if isinstance(value, str):
        for text in said:
            value = value.replace(text, HIDDEN)
        return hidden(value)
    if value is None or isinstance(value, int | float):
        return value if is_harmless(str(value)) else HIDDEN
    if depth == 0:
        return HIDDEN
    if isinstance(value, Mapping):
        return {_clean(k, said, 0): _clean(v, said, depth - 1) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(at, said, depth - 1) for at in value]
    return _clean(str(value), said, depth)


def _texts(operation: Operation | None) -> list[str]:
    """The texts of an operation, the longest first: variables, and what is quoted in a document."""
    if operation is None:
        return []
    found = {one or other for one, other in _LITERAL.findall(operation.document)}
    found |= _literals(operation.document)
    level: list[Any] = [operation.variables or {}]
    for _ in range(64):
        inner: list[Any] = []
        for held in level:
            if isinstance(held, Mapping):
                found.update(key for key in held if isinstance(key, str) and not key.isascii())
                inner += held.values()
            elif isinstance(held, list):
                inner += held
            elif isinstance(held, str):
                found.add(held)
        if not inner or len(found) > TEXTS_MAX:
            break
        level = inner
    written = {form for text in found for form in (text, repr(text)[1:-1])}
    told = (text for text in written if len(text) >= (SHORT if text.isascii() else SHORT_ELSEWHERE))
    return sorted(told, key=len, reverse=True)[:TEXTS_MAX]


def _literals(document: str) -> set[str]:
    """The texts that a document means by what it quotes, with all that is written by escapes; as
    far as it can be read, and none of one that is too long to be.
    """
    found: set[str] = set()
    if len(document) > SOURCE_CHARS_MAX:
        return found
    lexer = Lexer(Source(document))
    try:
        while (token := lexer.advance()).kind is not TokenKind.EOF:
            if token.kind in (TokenKind.STRING, TokenKind.BLOCK_STRING):
                found.add(token.value or "")
    except GraphQLSyntaxError:
        pass  # what comes after it never ran
    return found
