"""What caches on the way may do with an answer: its headers, and what is said if it is the same.

How long an answer is good stands in ``schema.hints``.
"""

import re
from hashlib import blake2b

from starlette.requests import Request
from starlette.responses import Response

from resolvers.access import NOBODY, Principal
from schema.operations import Answer

NO_STORE = "no-store"

_UNCHANGED = ("cache-control", "etag")
"""What an answer without a body still says; ``Vary`` is laid around all of them."""

_TAGS = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


def cache_control(answer: Answer, caller: Principal) -> str:
    """The value of Cache-Control.

    Nothing is kept that has errors or warnings, or tells what the caller has left to spend. Only
    an answer to nobody, who sent no token, is for everybody. Who sent one may change stock, and
    then must not be shown by its own cache what was before.
    """
    policy = answer.policy
    if not policy.kept or answer.refused or answer.body.keys() != {"data"}:
        return NO_STORE
    if caller == NOBODY and policy.public:
        return f"public, max-age={policy.seconds}" if policy.seconds else "public, no-cache"
    if policy.public and policy.seconds and "stock" not in policy.topics:
        return f"private, max-age={policy.seconds}"
    return "private, no-cache"


def tag_of(content: bytes, media: str) -> str:
    """The value of ETag. It is weak: compressed or not, the answer is the same."""
    digest = blake2b(content, digest_size=16, key=media.encode()).hexdigest()
    return f'W/"{digest}"'


def has(if_none_match: str, tag: str) -> bool:
    """Says whether a client has the answer of a tag, by the value of its If-None-Match header."""
    if if_none_match.strip() == "*":
        return True
    return tag.removeprefix("W/").strip('"') in _TAGS.findall(if_none_match)


def revalidated(request: Request, response: Response, media: str) -> Response:
    """An answer by GET with its tag, or, if the client has the same one, only that it is so."""
    headers = response.headers
    if request.method != "GET" or headers["cache-control"] == NO_STORE:
        return response
    headers["etag"] = tag_of(bytes(response.body), media)
    if not has(",".join(request.headers.getlist("if-none-match")), headers["etag"]):
        return response
    return Response(status_code=304, headers={name: headers[name] for name in _UNCHANGED})
