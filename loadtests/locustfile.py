"""For load testers: people who bid and watch, against any running service.

    locust -f loadtests/locustfile.py --host http://127.0.0.1:8000
    locust -f loadtests/locustfile.py,loadtests/shapes/launch_minute.py --peak 500 \\
        --host https://staging.example --i-own-this-host staging.example --tokens tokens.txt --headless

Classes may be named (`Bidder Watcher`), tasks chosen by tags (bid, low, snipe, path, read,
watch, reconnect, staff); arguments are
those of `loadtests.target`. Bidders are limited as in production: `AUCTION_BIDS_PER_BIDDER_S` of the target counts.
`python -m loadtests` is the short run on embedded servers.
"""

from loadtests import target
from loadtests.users.bidders import Bidder, LowBidder, Sniper
from loadtests.users.staff import Clerk
from loadtests.users.watchers import Reconnector, Watcher

__all__ = ["Bidder", "Clerk", "LowBidder", "Reconnector", "Sniper", "Watcher", "target"]
