"""Staff on a launch day: a clerk whose desk stays open beside the storm, as the page keeps it up to date."""

import random
import time
from typing import Any

from locust import FastHttpUser, constant_throughput, tag, task

from loadtests.target import lots_of, staff_of

TIMEOUT_S = 10.0
LOOKS_A_S = 1.0
"""How often the desk asks for its lots."""


class Clerk(FastHttpUser):
    """Looks at the desk each second, and now and then at one lot or the house's state. Changes nothing."""

    fixed_count = 1
    network_timeout = connection_timeout = TIMEOUT_S
    wait_time = constant_throughput(LOOKS_A_S)

    def on_start(self) -> None:
        """Sign in, and find the lots."""
        self.staff = staff_of(self.environment)
        lots_of(self)

    def read(self, path: str) -> Any:
        """A JSON answer that must be there."""
        headers = {"Authorization": f"Bearer {self.staff.token(time.time())}"}
        return self.client.get(path, headers=headers, name=f"desk: {path.rpartition('/')[2]}").json()

    @tag("staff")
    @task(8)
    def look_at_the_desk(self) -> None:
        """All lots, as the desk shows them."""
        self.read("/api/v1/ops/lots")

    @tag("staff")
    @task(2)
    def look_at_a_lot(self) -> None:
        """What has happened to one lot."""
        self.read(f"/api/v1/ops/lots/{random.choice(lots_of(self))}/events")

    @tag("staff")
    @task(1)
    def look_at_the_board(self) -> None:
        """Whether everything runs."""
        self.read("/readyz")
