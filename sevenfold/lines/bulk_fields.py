"""The fields of many lines at once: their text is made JSON in a few sweeps, and handed to orjson.

``a=1 b=word c="x"`` becomes ``{"a":1,"b":"word","c":"x"}``: quotation marks around words and keys, a colon for each
``=``, a comma for each space. That is right only if strings hold neither, so these are masked if need be, and only for
text of the grammar, so the result is counted and checked. Texts that are refused here are read by
`sevenfold.lines.parse`, character by character, which reports errors.
"""

import contextlib
import re
from typing import Any

import orjson

from sevenfold.lines.grammar import RESERVED, WORD

_is_word = re.compile(WORD).fullmatch
_split_at_words = re.compile(rf"(=)((?!(?:{'|'.join(RESERVED)})(?![^ \n])){WORD}+)").split
# orjson rounds integers beyond 64 bits. Every digit -> 0, and what stands before an integer -> a comma: to find them.
_DIGITS = bytes.maketrans(b"0123456789[:-=", b"0000000000,,,,")
_LONG_INTEGER = b"," + b"0" * 19
_MAX_KEYS = 10_000

_known_keys: set[str] = set()  # all of them words; the same ones come with every line


def decode(texts: list[str]) -> list[dict[str, Any]]:
    """Read the fields of some lines.

    Parameters
    ----------
    texts : list of str
        The text behind the message of each line, ``""`` if there is none; no text has a line break.

    Returns
    -------
    list of dict
        The values of each line by key.

    Raises
    ------
    ValueError
        If a text isn't of the grammar, or has a quoted key, a key twice, or an integer of 19 digits or more.
    """
    if not texts:
        return []
    if not all(texts):
        decoded = iter(decode([text for text in texts if text]))
        return [next(decoded) if text else {} for text in texts]
    text = "\n".join(texts)
    n_fields = text.count("=")
    if n_fields == text.count(" ") + len(texts):  # so perhaps no string holds either
        with contextlib.suppress(ValueError):
            return _decode(text, len(texts), n_fields)
    text = _mask(text)
    n_fields = text.count("=")
    if n_fields != text.count(" ") + len(texts):
        raise ValueError("expected key=value, separated by single spaces")
    return _decode(text, len(texts), n_fields)


def _decode(text: str, n_lines: int, n_fields: int) -> list[dict[str, Any]]:
    if "\t" in text or "\r" in text:
        raise ValueError("expected no space but ' '")
    if _LONG_INTEGER in text.encode().translate(_DIGITS):
        raise ValueError("expected integers of 64 bits")
    parts = _split_at_words(text)
    parts[1::3] = [":"] * (len(parts) // 3)  # key=word -> key":"word"
    text = '"'.join(parts).replace("=", '":').replace(" ", ',"')
    # A raw line break inside a string is no JSON: no string reaches from one line into the next.
    found: list[dict[str, Any]] = orjson.loads('[{"' + text.replace("\n", '},\n{"') + "}]")
    if sum(map(len, found)) != n_fields or len(found) != n_lines:
        raise ValueError("expected as many fields as there are '='")
    if not all(map(_known_keys.issuperset, found)):
        _learn(set().union(*found))
    return found


def _mask(text: str) -> str:
    """Write the spaces and ``=`` in strings as escapes."""
    if "\\" in text:  # first the backslashes, so that each quotation mark left begins or ends a string
        text = text.replace("\\\\", "\\u005c").replace('\\"', "\\u0022")
        if "\\ " in text or "\\=" in text:  # no escapes, but they would become some
            raise ValueError("expected escapes as JSON has them")
    parts = text.split('"')
    if len(parts) > 1:
        strings = '"'.join(parts[1::2]).replace(" ", "\\u0020").replace("=", "\\u003d")
        parts[1::2] = strings.split('"')
    return '"'.join(parts)


def _learn(keys: set[str]) -> None:
    if not all(map(_is_word, keys)):
        raise ValueError("expected words as keys")
    if len(_known_keys) < _MAX_KEYS:
        _known_keys.update(keys)
