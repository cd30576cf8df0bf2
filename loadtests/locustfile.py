"""What locust runs: `loadtests.bidder` against this machine only, and the counts left behind at the end.

Started by `python -m loadtests`, which says in the environment where the house is: AUCTION_SECRET_KEY, LOAD_LOTS
(ids, by comma) and LOAD_TALLY (the file for the counts).
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from locust import events

from loadtests.bidder import Bidder, tally

__all__ = ["Bidder"]

OUR_OWN = {"127.0.0.1", "localhost", "::1"}


@events.init.add_listener
def only_here(environment: Any, **_: Any) -> None:
    """Refuse to load anything but this machine."""
    if urlsplit(environment.host or "").hostname not in OUR_OWN:
        raise SystemExit(f"this load is for {', '.join(sorted(OUR_OWN))} only, not for {environment.host}")


@events.test_stop.add_listener
def leave_counts(environment: Any, **_: Any) -> None:
    """Write the counts where the run will read them."""
    bids = environment.stats.get("bid", "POST")
    tally.p50_ms = bids.get_response_time_percentile(0.5) or 0.0
    tally.p99_ms = bids.get_response_time_percentile(0.99) or 0.0
    tally.write(Path(os.environ["LOAD_TALLY"]))
