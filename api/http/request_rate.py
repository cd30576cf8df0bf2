"""Bounds the requests of one client in one process, by class of route, before any work is done for them.

In front of everything. A client is whoever is signed in, else an address (IPv6: a /64 network), so that neighbours
behind one address do not use up what is a bidder's. Bids of a bidder have bounds of their own
(`auction.services.bid_rate`); those of nobody count here as writes. This machine's own requests are not bounded.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from api.http.networks import network_of
from api.http.problems import HttpCode, Problem
from auction.services.token_buckets import TokenBuckets

Headers = list[tuple[bytes, bytes]]

_SAFE = frozenset({b"GET", b"HEAD", b"OPTIONS"})
_API = b"/api/v1/"
_SIGN_IN = frozenset(
    {
        b"/api/v1/auth/token",
        b"/api/v1/auth/session",
        b"/api/v1/auth/accounts",
        b"/api/v1/auth/second-factor",
        b"/api/v1/auth/second-factor/confirm",
    }
)
_HEALTH = frozenset({b"/healthz", b"/readyz"})


class RouteClass(StrEnum):
    """What a request is counted with; the value is what a refused client is told."""

    ASSET = "files of pages"
    READ = "reads"
    WRITE = "writes"
    SIGN_IN = "sign-ins"
    NOTICE = "notices of a payment provider"


@dataclass(frozen=True, slots=True)
class Bound:
    """So many requests a second, and so many at once after a pause."""

    per_s: float
    burst: float


def bounds_of(per_s: int, sign_ins_per_minute: int) -> dict[RouteClass, Bound]:
    """The bounds for so many reads a second and sign-ins a minute of one client; 0: none of that class.

    A page loads some dozens of files at once; a provider sends what has gathered while it could not reach us.
    """
    bounds = {}
    if per_s:
        bounds = {
            RouteClass.ASSET: Bound(10 * per_s, 30 * per_s),
            RouteClass.READ: Bound(per_s, 3 * per_s),
            RouteClass.WRITE: Bound(per_s, 3 * per_s),
            RouteClass.NOTICE: Bound(10 * per_s, 30 * per_s),
        }
    if sign_ins_per_minute:
        bounds[RouteClass.SIGN_IN] = Bound(sign_ins_per_minute / 60, sign_ins_per_minute)
    return bounds


class RequestRate:
    """The requests of each client by class; a class without a bound is not counted."""

    def __init__(
        self,
        bounds: Mapping[RouteClass, Bound] | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._buckets = {
            route_class: TokenBuckets(bound.per_s, bound.burst, clock_s)
            for route_class, bound in (bounds or {}).items()
        }
        self.subject_of: Callable[[Headers], str | None] = _nobody
        """Who is signed in by these headers, as far as it is known without work; set by the application."""

    def refuse(self, address: str, method: bytes, target: bytes, headers: Headers) -> Problem | None:
        """Count a request of an address; the problem to answer it with where it is one too many, else None."""
        network = network_of(address)
        if not network or not self._buckets:
            return None
        route_class = class_of(method, target)
        buckets = self._buckets.get(route_class) if route_class else None
        if buckets is None:
            return None
        client = network
        if route_class is not RouteClass.SIGN_IN and (subject := self.subject_of(headers)) is not None:
            client = f"subject {subject}"
        wait_s = buckets.take(client)
        return _problem(route_class, wait_s) if wait_s else None


def class_of(method: bytes, target: bytes) -> RouteClass | None:
    """The class of a request; None for what watches over the process."""
    path = target.partition(b"?")[0]
    if method in _SAFE:
        if path in _HEALTH:
            return None
        return RouteClass.ASSET if path.startswith(b"/static/") else RouteClass.READ
    if path in _SIGN_IN and method == b"POST":
        return RouteClass.SIGN_IN
    return RouteClass.NOTICE if path.startswith(_API + b"payments/webhooks/") else RouteClass.WRITE


def _problem(route_class: RouteClass | None, wait_s: float) -> Problem:
    retry_after_s = max(1, math.ceil(wait_s))
    return Problem(
        HttpCode.TOO_MANY_REQUESTS,
        f"Too many {route_class} from one client. Nothing was done; try again in {retry_after_s} s.",
        {"retry_after_s": retry_after_s},
        ((b"retry-after", b"%d" % retry_after_s),),
    )


def _nobody(_headers: Headers) -> None:
    return None
