"""The texts of a field of many lines, and what they say."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sevenfold.lines.shapes import value_of

_NUMBERS: Final = frozenset({int, float})
_MOST_REMEMBERED, _LONGEST_REMEMBERED = 5_000, 100  # values, and characters of one


class Texts(list[str]):
    """Values of a field as lines have them, "" where one has none.

    Examples
    --------
    >>> texts = Texts(["1", "0.5", "approve", ""])
    >>> texts.values(), texts.numbers().tolist()
    ([1, 0.5, 'approve', None], [1.0, 0.5, nan, nan])
    """

    def values(self) -> list[Any]:
        """Return them as an event has them, None where it has none."""
        return list(map(_VALUES.__getitem__, self))

    def numbers(self) -> NDArray[np.float64]:
        """Return them as numbers, NaN where they are none."""
        if not any(self):
            return np.full(len(self), np.nan)
        try:
            found = np.array(list(map(float, [one or "nan" for one in self] if "" in self else self)))
        except ValueError:  # text
            return numbers_of(self.values())
        return numbers_of(self.values()) if np.isinf(found).any() else found  # inf is a word


class _Values(dict[str, Any]):
    """Values by their texts; the shorter ones are remembered, as there are often few different ones."""

    def __missing__(self, text: str) -> Any:
        value = value_of(text)
        if len(self) < _MOST_REMEMBERED and len(text) <= _LONGEST_REMEMBERED:
            self[text] = value
        return value


_VALUES: Final = _Values()


def numbers_of(values: list[Any]) -> NDArray[np.float64]:
    """Return values as numbers, NaN where they are none, or too large."""
    if not set(map(type, values)) <= _NUMBERS:
        values = [one if type(one) in _NUMBERS else np.nan for one in values]
    try:
        return np.array(values, np.float64)
    except OverflowError:  # an integer that no float reaches
        return np.array([_float(one) for one in values])


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.nan
