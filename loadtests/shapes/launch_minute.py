"""`locust -f loadtests/locustfile.py,loadtests/shapes/launch_minute.py --peak 200 ...`: see `plans.LAUNCH_MINUTE`."""

from locust import LoadTestShape

from loadtests.shapes.plans import LAUNCH_MINUTE


class LaunchMinute(LoadTestShape):
    """The shape, up to `--peak` users."""

    def tick(self) -> tuple[int, float] | None:
        """How many users there are now, and how fast they come."""
        peak: int = self.runner.environment.parsed_options.peak
        users = LAUNCH_MINUTE.users(self.get_run_time(), peak)
        return None if users is None else (users, peak)
