"""`locust -f loadtests/locustfile.py,loadtests/shapes/published_sale.py PathBidder Watcher --path-minutes 10 ...`.

Bidders follow the published price path to 78,193,399 yuan, and bid as often as people did then: see
`loadtests.users.bidders.PathBidder`.
"""

from locust import LoadTestShape

from loadtests.users.bidders import PathBidder

__all__ = ["PathBidder", "PublishedSale"]


class PublishedSale(LoadTestShape):
    """`--peak` users from the beginning to the end of the path."""

    def tick(self) -> tuple[int, float] | None:
        """How many users there are now, and how fast they come."""
        options = self.runner.environment.parsed_options
        return None if self.get_run_time() >= options.path_minutes * 60 else (options.peak, options.peak)
