"""Values that a program may log, drawn by hypothesis."""

from typing import NoReturn

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

FEW = settings(max_examples=settings().max_examples // 3)  # where an example takes files, or is long


class Surly:
    def __repr__(self) -> NoReturn:
        raise RuntimeError


ALARMING = [
    "|",
    " | ",
    "=",
    '"',
    "\\",
    "\\u007c",
    "\n",
    "\r\n",
    "\x1b[0m",
    "\x85",
    "\u2028",
    "\ud800",
    "\\ud800",
    "-",
    " ",
]
TEXT = st.text(st.characters(), max_size=10) | st.lists(st.sampled_from(ALARMING) | st.characters(), max_size=8).map(
    "".join
)
WORDS = st.sampled_from(
    ["true", "false", "null", "NaN", "Infinity", "-Infinity", "-", "", "approve", "a=b", "1", "channel#2"]
)
KEYS = (TEXT | WORDS | st.from_regex(r"[A-Za-z_][\w]{0,5}", fullmatch=True)).filter(lambda key: key != "channel")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**2100), 2**2100)
    | st.floats()
    | st.floats(width=32).map(np.float32)
    | TEXT
    | WORDS
    | st.binary(max_size=5)
    | st.builds(Surly)
    | st.lists(st.floats(width=32), max_size=3).map(lambda items: np.array(items, np.float32))
)
VALUES = st.recursive(
    SCALARS,
    lambda items: st.lists(items, max_size=3) | st.dictionaries(KEYS | st.integers(), items, max_size=3),
    max_leaves=6,
)
