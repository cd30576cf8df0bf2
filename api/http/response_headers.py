"""Headers that every answer carries: what a browser may make of it. Added on the way out, to whatever lacks them.

A page brings a policy of its own; an HTML answer without one, such as one that a library makes, may load nothing and
be framed by nobody.
"""

from starlette.types import Scope

Headers = list[tuple[bytes, bytes]]

NO_SNIFFING = (b"x-content-type-options", b"nosniff")
NO_FRAMES = (b"x-frame-options", b"DENY")
"""The same as `frame-ancestors 'none'`, for browsers that do not know that."""
NOTHING = (
    b"content-security-policy",
    b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
)
TLS_ONLY = (b"strict-transport-security", b"max-age=31536000")
"""For a client that came by TLS: a year by TLS alone. Not for other hosts of the domain: they may be other people's."""


def guard(headers: Headers, scope: Scope) -> Headers:
    """The headers of an answer with those that guard it."""
    given = dict(headers)
    wanted = [NO_SNIFFING]
    if given.get(b"content-type", b"").startswith(b"text/html"):
        wanted += [NO_FRAMES, NOTHING]
    if scope.get("scheme") == "https":
        wanted.append(TLS_ONLY)
    return [*headers, *(header for header in wanted if header[0] not in given)]
