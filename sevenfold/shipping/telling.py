"""Messages for people, without repeating them all the time."""

import time
from collections.abc import Callable
from typing import Final, TypeAlias

Tell: TypeAlias = Callable[[str], object]
_AGAIN_S: Final = 30.0


class Seldom:
    """Passes a message on, and the same one again after half a minute at the earliest.

    Parameters
    ----------
    tell : callable
        Called with a line.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._last_times: dict[str, float] = {}

    def __call__(self, text: str, topic: str = "") -> None:
        """Pass a message on, unless one with the same topic (by default, the same text) was passed on just now."""
        now, topic = time.monotonic(), topic or text
        if now - self._last_times.get(topic, -_AGAIN_S) >= _AGAIN_S:
            self._last_times[topic] = now
            self._tell(text)
