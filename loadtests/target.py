"""What a load tester gives on locust's command line (or in its web page), and what it makes of the target.

--i-own-this-host HOST   for any target but this machine
--tokens FILE            session tokens of bidders, one a line; or --secret-key (AUCTION_SECRET_KEY) to make them
--staff-token TOKEN      a session token of staff; or --secret-key to make one
--lots ID,ID             the lots; else all that are open
--live-url URL           the live channel; else what the API's /config says
--calls-per-s N          planned calls of a bidder a second
--peak N                 users at the peak of a shape
--path-minutes N         how long the price takes along the published path

With `--master` and `--worker` (or `--processes`) every worker is given the same, and has users of its own.
"""

import itertools
import secrets
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from locust import events
from locust.runners import MasterRunner, WorkerRunner

from auction.scenarios.price_path import FOUR_HOURS_MS
from auction.services.identity.tokens import STAFF_LIFETIME_S_MAX, Role, TokenKeys

LOCAL_HOSTS = {"127.0.0.1", "localhost", "::1"}
TOKEN_LIFETIME_S = 7_200


@events.init_command_line_parser.add_listener
def add_arguments(parser: Any) -> None:
    """Add the arguments to locust's own."""
    group = parser.add_argument_group("auction")
    group.add_argument("--i-own-this-host", default="", metavar="HOST", help="needed for any target but this machine")
    group.add_argument("--tokens", default="", metavar="FILE", help="session tokens of bidders, one a line")
    parser.add_argument("--staff-token", default="", is_secret=True, help="a session token of staff")
    parser.add_argument(
        "--secret-key",
        default="",
        env_var="AUCTION_SECRET_KEY",
        is_secret=True,
        help="makes tokens if none are given",
    )
    group.add_argument("--lots", default="", metavar="IDS", help="ids of lots, with commas; else all open ones")
    group.add_argument("--live-url", default="", metavar="URL", help="the live channel; else as the API says")
    group.add_argument("--calls-per-s", type=float, default=0.5, help="planned calls of a bidder a second (0.5)")
    group.add_argument("--peak", type=int, default=100, help="users at the peak of a shape (100)")
    group.add_argument(
        "--path-minutes", type=float, default=240.0, help="minutes from 1 yuan to the end of the published path (240)"
    )


@events.init.add_listener
def refuse_other_hosts(environment: Any, **_: Any) -> None:
    """End locust unless its target is this machine, or one that the tester says is theirs."""
    host = urlsplit(environment.host or "").hostname
    owned = environment.parsed_options.i_own_this_host if environment.parsed_options else ""
    if host not in LOCAL_HOSTS and (not host or host != owned):
        raise SystemExit(
            f"load tests target {', '.join(sorted(LOCAL_HOSTS))}, not {environment.host}: for a host of yours give "
            f"--i-own-this-host {host or 'HOST'}"
        )


class Bidders:
    """Gives each user a bidder's token: those of a file in turn, or new ones made with the key."""

    def __init__(self, options: Any) -> None:
        if options.tokens:
            lines = Path(options.tokens).read_text(encoding="utf-8").split()
            if not lines:
                raise SystemExit(f"{options.tokens} has no tokens")
            self._tokens = itertools.cycle(lines)
            self._key = None
        elif options.secret_key:
            self._key = TokenKeys(options.secret_key)
        else:
            raise SystemExit("bidders need tokens: give --tokens FILE, or AUCTION_SECRET_KEY to make them")

    def token(self) -> str:
        """One more token."""
        if self._key is None:
            return next(self._tokens)
        subject = f"load-{secrets.token_hex(6)}"
        return self._key.issue(subject=subject, role=Role.BIDDER, now_s=int(time.time()), lifetime_s=TOKEN_LIFETIME_S)


class Staff:
    """Gives the clerk a token: the one that was given, or new ones made with the key, which live for an hour each."""

    def __init__(self, options: Any) -> None:
        if not options.staff_token and not options.secret_key:
            raise SystemExit("staff need a token: give --staff-token, or AUCTION_SECRET_KEY to make one")
        self._token: str = options.staff_token
        self._key = None if options.staff_token else TokenKeys(options.secret_key)
        self._renew_at_s = 0.0

    def token(self, now_s: float) -> str:
        """The token to use now."""
        if self._key is not None and now_s >= self._renew_at_s:
            self._renew_at_s = now_s + STAFF_LIFETIME_S_MAX / 2
            self._token = self._key.issue(
                subject="load-clerk", role=Role.OPS, now_s=int(now_s), lifetime_s=STAFF_LIFETIME_S_MAX
            )
        return self._token


CONNECTED = "watchers-connected"
"""What a worker tells its master once every watcher of its own is connected."""


class Measuring:
    """Begins the figures anew once every watcher has its first connection: what came before was the build-up.

    Each worker begins its own, and tells the master, which begins its sums when it has heard of all.
    """

    def __init__(self) -> None:
        self._waiting = 0
        self._has_begun = False
        self._workers: set[str] = set()

    def expect(self) -> None:
        """One more watcher connects."""
        self._waiting += 1

    def connected(self, environment: Any) -> None:
        """One of them is connected."""
        self._waiting -= 1
        if not self._waiting and not self._has_begun:
            self._has_begun = True
            environment.stats.reset_all()
            if isinstance(environment.runner, WorkerRunner):
                environment.runner.send_message(CONNECTED)

    def worker_connected(self, environment: Any, worker: str) -> None:
        """All watchers of one worker are connected."""
        self._workers.add(worker)
        if self._workers >= set(environment.runner.clients) and not self._has_begun:
            self._has_begun = True
            environment.stats.reset_all()


class Found:
    """What this process has found out of the target so far."""

    bidders: Bidders | None = None
    staff: Staff | None = None
    lots: tuple[str, ...] = ()
    live_url: str = ""
    began_s: float = 0.0
    """When the test began, in seconds since 1970."""


measuring = Measuring()
found = Found()


def bidders_of(environment: Any) -> Bidders:
    """The tokens of this process's bidders."""
    found.bidders = found.bidders or Bidders(environment.parsed_options)
    return found.bidders


@events.init.add_listener
def listen_to_workers(environment: Any, **_: Any) -> None:
    """A master begins its figures when the watchers of all workers are connected."""
    if isinstance(environment.runner, MasterRunner):
        environment.runner.register_message(
            CONNECTED, lambda environment, msg, **_: measuring.worker_connected(environment, msg.node_id)
        )


@events.test_start.add_listener
def note_the_beginning(environment: Any, **_: Any) -> None:
    """The path of prices begins with the test."""
    del environment
    found.began_s = time.time()


def path_speed(environment: Any) -> float:
    """How many times as fast as it was the published path is followed."""
    minutes: float = environment.parsed_options.path_minutes
    return FOUR_HOURS_MS / 60_000 / minutes


def staff_of(environment: Any) -> Staff:
    """The token of this process's clerk."""
    found.staff = found.staff or Staff(environment.parsed_options)
    return found.staff


def lots_of(user: Any) -> tuple[str, ...]:
    """The lots of the test: those that are named, or all that are open."""
    if not found.lots:
        named = (lot_id.strip() for lot_id in user.environment.parsed_options.lots.split(","))
        found.lots = tuple(filter(None, named)) or _open_lots(user)
    return found.lots


def _open_lots(user: Any) -> tuple[str, ...]:
    sales = user.read("/api/v1/sales")["sales"]
    lots = tuple(lot["lot_id"] for sale in sales for lot in sale["lots"] if lot["status"] == "open")
    if not lots:
        raise SystemExit("the target has no open lot: open one, or name lots with --lots")
    return lots


def live_url_of(user: Any) -> str:
    """The address of the live channel."""
    found.live_url = (
        found.live_url or user.environment.parsed_options.live_url or user.read("/api/v1/config")["live_url"]
    )
    return found.live_url
