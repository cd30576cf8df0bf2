"""`locust -f loadtests/locustfile.py,loadtests/shapes/steady.py --peak 200 ...`: see `plans.STEADY`."""

from locust import LoadTestShape

from loadtests.shapes.plans import STEADY


class Steady(LoadTestShape):
    """The shape, up to `--peak` users."""

    def tick(self) -> tuple[int, float] | None:
        """How many users there are now, and how fast they come."""
        peak: int = self.runner.environment.parsed_options.peak
        users = STEADY.users(self.get_run_time(), peak)
        return None if users is None else (users, peak)
