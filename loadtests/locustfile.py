"""What locust runs: `loadtests.bidder` or `loadtests.watcher` against this machine only, and the counts left behind.

Started by `python -m loadtests`, once with the bidders and once with the watchers. It says in the environment where the
house is: AUCTION_SECRET_KEY, LOAD_LOTS (ids, by comma), LOAD_LIVE (the live channel) and LOAD_TALLY (the file for the
counts).
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from locust import events

from loadtests import bidder, watcher
from loadtests.bidder import Bidder
from loadtests.watcher import FeedWatcher, StateWatcher

__all__ = ["Bidder", "FeedWatcher", "StateWatcher"]

OUR_OWN = {"127.0.0.1", "localhost", "::1"}


@events.init.add_listener
def only_here(environment: Any, **_: Any) -> None:
    """Refuse to load anything but this machine."""
    if urlsplit(environment.host or "").hostname not in OUR_OWN:
        raise SystemExit(f"this load is for {', '.join(sorted(OUR_OWN))} only, not for {environment.host}")


@events.test_stop.add_listener
def leave_counts(environment: Any, **_: Any) -> None:
    """Write the counts where the run will read them."""
    role = bidder if Bidder in environment.user_classes else watcher
    role.counted(environment).write(Path(os.environ["LOAD_TALLY"]))
