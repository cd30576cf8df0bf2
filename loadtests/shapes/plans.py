"""How many users there are at each second of a shape, as parts of its peak. No I/O."""

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class ShapePlan:
    """Points (second, part of the peak) with straight lines between them; it ends with the last one."""

    points: tuple[tuple[float, float], ...]

    def users(self, second: float, peak: int) -> int | None:
        """How many users there are; None: it is over. There is always one."""
        for (begins_s, before), (ends_s, after) in pairwise(self.points):
            if second < ends_s:
                part = before + (after - before) * (second - begins_s) / (ends_s - begins_s)
                return max(1, round(peak * part))
        return None


LAUNCH_MINUTE = ShapePlan(((0, 0), (10, 1), (60, 1)))
"""Everybody comes within ten seconds of the opening, and bids for the minute."""
STEADY = ShapePlan(((0, 0), (30, 1), (630, 1)))
"""Ten minutes of the same."""
SNIPE = ShapePlan(((0, 0.1), (60, 0.1), (65, 1), (95, 1)))
"""Few for a minute, everybody for the last half."""
RECONNECT_WAVE = ShapePlan(((0, 0), (20, 1), (60, 1), (60.5, 0.1), (65, 0.1), (67, 1), (120, 1)))
"""Nine of ten lose their connection at once, and are back within seconds."""
