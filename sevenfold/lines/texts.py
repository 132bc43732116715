"""The texts of one field in many lines, and the values that they stand for."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sevenfold.lines.shapes import value_of

_NUMBERS: Final = frozenset({int, float})
_MOST_REMEMBERED, _LONGEST_REMEMBERED = 5_000, 100  # values, and characters of one


class Texts(list[str]):
    """The texts of one field, one for each line; "" where a line lacks the field.

    Examples
    --------
    >>> texts = Texts(["1", "0.5", "approve", ""])
    >>> texts.values(), texts.numbers().tolist()
    ([1, 0.5, 'approve', None], [1.0, 0.5, nan, nan])
    """

    def values(self) -> list[Any]:
        """Return the values as an `Event` has them; None where a line lacks the field."""
        return list(map(_VALUES.__getitem__, self))

    def numbers(self) -> NDArray[np.float64]:
        """Return the values as numbers; NaN for a value that is no number."""
        if not any(self):
            return np.full(len(self), np.nan)
        try:
            numbers = np.array(list(map(float, [text or "nan" for text in self] if "" in self else self)))
        except ValueError:  # text
            return numbers_of(self.values())
        return numbers_of(self.values()) if np.isinf(numbers).any() else numbers  # inf is a word


class _Values(dict[str, Any]):
    """Values by their texts; short texts are remembered, since a field often has few different values."""

    def __missing__(self, text: str) -> Any:
        value = value_of(text)
        if len(self) < _MOST_REMEMBERED and len(text) <= _LONGEST_REMEMBERED:
            self[text] = value
        return value


_VALUES: Final = _Values()


def numbers_of(values: list[Any]) -> NDArray[np.float64]:
    """Return values as numbers; NaN for a value that is no number, or too large for a float."""
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
