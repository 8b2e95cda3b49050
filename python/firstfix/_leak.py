"""Growth of memory from request to request, called before it kills: "+14 MB a request, about 37 requests left".

A worker's first requests fill caches, so growth counts only when it goes on: over the last requests nearly every step
is upwards and their median is what a request costs.
"""
from __future__ import annotations

from collections import deque
from typing import Optional

WINDOW = 16
STEADY = 0.8             # share of the steps that go up
STEP_MIN = 64 * 1024     # smaller steps are noise
GROWTH_MIN = 8 << 20     # over the window


class Growth:
    """One quantity, read once after each request while nothing else is in work."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._readings: deque[int] = deque(maxlen=WINDOW)
        self._warned_at = 0

    def add(self, used: int) -> Optional[int]:
        """Bytes a request that is steadily lost, or None. Says so again only when use has grown by half since."""
        self._readings.append(used)
        if len(self._readings) < WINDOW:
            return None
        rows = list(self._readings)
        steps = sorted(b - a for a, b in zip(rows, rows[1:]))
        upwards = sum(1 for step in steps if step >= STEP_MIN)
        median = steps[len(steps) // 2]
        if upwards < STEADY * len(steps) or median < STEP_MIN or rows[-1] - rows[0] < GROWTH_MIN:
            return None
        if used < self._warned_at * 1.5:
            return None
        self._warned_at = used
        return median


def sentence(what: str, growth: int, left: Optional[int]) -> str:
    """The warning in words; `left` is how many bytes are still free."""
    text = f"{what} grows by {growth / (1 << 20):.1f} MB a request"
    return text if left is None else f"{text}, about {max(left, 0) // growth} requests left"
