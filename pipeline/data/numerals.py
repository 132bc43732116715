"""Numbers as people and programs spell them: 1234.5, 1,234.5, 1.234,5, 1 234, 12 %, -$5, 1e-3."""

import math
import re

# Words for a missing value in a column of numbers or dates, in upper or lower case.
MISSING = frozenset(
    {
        "?",
        "-",
        "--",
        ".",
        "..",
        "na",
        "n/a",
        "n.a.",
        "#n/a",
        "#na",
        "nan",
        "nat",
        "<na>",
        "null",
        "(null)",
        "none",
        "nil",
    }
    | {"missing", "\\n", "#null!", "#value!", "#ref!", "#div/0!", "#name?", "#num!"}
)

_SIGNS = str.maketrans({"\u2212": "-", "\u00a0": " ", "\u202f": " ", "\u2019": "'"})
_GROUPED = r"[1-9]\d{{0,2}}(?:(?P<mark>[{marks}])\d{{3}})(?:(?P=mark)\d{{3}})*"
_NUMBER = (
    r"(?P<sign>[+-]?) ?(?P<currency>[$€£¥]?) ?(?P<number>(?:\d+|{grouped})?(?:{point}\d*)?)(?P<exponent>[eE][+-]?\d+)?"
    r" ?(?P<unit>[%$€£¥]?)"
)
_FORMATS = {
    ".": re.compile(_NUMBER.format(grouped=_GROUPED.format(marks=",' "), point=r"\.")),
    ",": re.compile(_NUMBER.format(grouped=_GROUPED.format(marks=".' "), point=",")),
}
_CODE = re.compile(r"0\d+")
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)


def read_number(text: str, decimal: str = ".") -> float | None:
    """Return the number that a text spells; None if it is none. A percentage is its fraction.

    Parameters
    ----------
    text : str
        A cell, trimmed.
    decimal : {".", ","}
        What stands before the fraction; of the two the other may stand between thousands, as may a blank or an
        apostrophe.

    Examples
    --------
    >>> read_number("1,234.5"), read_number("1.234,5", ","), read_number("12.5%"), read_number("1,23")
    (1234.5, 1234.5, 0.125, None)
    """
    text = text.translate(_SIGNS)
    found = _FORMATS[decimal].fullmatch(text)
    if found is None or not any(map(str.isdecimal, found["number"])):
        return float(text) if _INFINITE.fullmatch(text) else None
    if found["currency"] and found["unit"]:
        return None
    digits = found["number"]
    if found["mark"]:
        digits = digits.replace(found["mark"], "")
    value = float(found["sign"] + digits.replace(decimal, ".") + (found["exponent"] or ""))
    return value / 100 if found["unit"] == "%" else value


def is_grouped(text: str, decimal: str = ".") -> bool:
    """Whether a number has a mark between its thousands.

    Examples
    --------
    >>> is_grouped("1,234"), is_grouped("1 %"), is_grouped("1.234", ",")
    (True, False, True)
    """
    found = _FORMATS[decimal].fullmatch(text.translate(_SIGNS))
    return found is not None and found["mark"] is not None


def is_code(text: str) -> bool:
    """Whether a text is digits that begin with a needless 0, as codes do and numbers don't.

    Examples
    --------
    >>> is_code("01001"), is_code("1001"), is_code("0"), is_code("0.5")
    (True, False, False, False)
    """
    return _CODE.fullmatch(text) is not None


def is_missing(text: str) -> bool:
    """Whether a text stands for a missing number.

    Examples
    --------
    >>> is_missing("#N/A"), is_missing("none"), is_missing("0")
    (True, True, False)
    """
    return text.lower() in MISSING


def spelled(value: float) -> str:
    """Spell equal numbers alike: 1 for 1.0.

    Examples
    --------
    >>> spelled(1.0), spelled(0.5), spelled(float("1e3"))
    ('1', '0.5', '1000')
    """
    return repr(value).removesuffix(".0") if math.isfinite(value) else str(value)
