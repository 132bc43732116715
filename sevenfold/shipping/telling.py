"""What a person should know, and not again and again."""

import time
from collections.abc import Callable
from typing import Final, TypeAlias

Tell: TypeAlias = Callable[[str], object]
_AGAIN_S: Final = 30.0


class Seldom:
    """Tells what lasts once, and twice a minute while it does.

    Parameters
    ----------
    tell : callable
        Is called with a line.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._told_at: dict[str, float] = {}

    def __call__(self, text: str, about: str = "") -> None:
        """Tell something, unless the same, or something about the same, was told just now."""
        now, about = time.monotonic(), about or text
        if now - self._told_at.get(about, -_AGAIN_S) >= _AGAIN_S:
            self._told_at[about] = now
            self._tell(text)
