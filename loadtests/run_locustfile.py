"""What locust runs for `python -m loadtests`: the users of `loadtests.bidder` or `loadtests.watcher`, here only.

Started by `python -m loadtests`, once for the bidders and once for the watchers, with these variables in the
environment: AUCTION_SECRET_KEY, LOAD_LOTS (ids, separated by commas), LOAD_LIVE_URL (the live channel), LOAD_STATISTICS
(the file that the statistics are written to) and LOAD_SECONDS (how long bidders bid from their first accepted bid).
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gevent
from locust import events

from loadtests import bidder, watcher
from loadtests.bidder import Bidder
from loadtests.watcher import FeedWatcher, StateWatcher

__all__ = ["Bidder", "FeedWatcher", "StateWatcher"]

LOCAL_HOSTS = {"127.0.0.1", "localhost", "::1"}


@events.init.add_listener
def refuse_other_hosts(environment: Any, **_: Any) -> None:
    """End locust unless its target is this machine."""
    if urlsplit(environment.host or "").hostname not in LOCAL_HOSTS:
        raise SystemExit(f"load tests may target {', '.join(sorted(LOCAL_HOSTS))} only, not {environment.host}")


@events.test_start.add_listener
def stop_in_time(environment: Any, **_: Any) -> None:
    """End the run of bidders so long after their first accepted bid; watchers end it themselves."""
    if Bidder in environment.user_classes and (seconds := os.environ.get("LOAD_SECONDS")):
        gevent.spawn(_stop_after, environment.runner, float(seconds))


def _stop_after(runner: Any, seconds: float) -> None:
    while not bidder.statistics.accepted:
        gevent.sleep(0.01)
    gevent.sleep(seconds)
    runner.quit()


@events.test_stop.add_listener
def write_statistics(environment: Any, **_: Any) -> None:
    """Write the statistics for the process that started this one."""
    role = bidder if Bidder in environment.user_classes else watcher
    role.final_statistics(environment).write(Path(os.environ["LOAD_STATISTICS"]))
