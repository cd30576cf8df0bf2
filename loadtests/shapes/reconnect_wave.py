"""`locust -f loadtests/locustfile.py,loadtests/shapes/reconnect_wave.py --peak 200 ...`: see `plans.RECONNECT_WAVE`."""

from locust import LoadTestShape

from loadtests.shapes.plans import RECONNECT_WAVE


class ReconnectWave(LoadTestShape):
    """The shape, up to `--peak` users."""

    def tick(self) -> tuple[int, float] | None:
        """How many users there are now, and how fast they come."""
        peak: int = self.runner.environment.parsed_options.peak
        users = RECONNECT_WAVE.users(self.get_run_time(), peak)
        return None if users is None else (users, peak)
