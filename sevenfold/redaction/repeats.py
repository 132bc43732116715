"""Find where a record repeats a secret that it holds under its name, in any of several encodings."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote

from sevenfold.redaction.texts import REDACTED

MAX_KNOWN: Final = 32  # secrets of a record that are looked for, the longest first
CUT: Final = "..."  # what loguru writes behind the beginning of a long value
_SHORTEST: Final = 6  # characters of a form that is looked for
_SHORTEST_LINE: Final = 16
_MAX_LINES = 64
_SHORTEST_BASE64 = 8


class Repeats:
    """The secrets of one record, to be hidden wherever the record repeats them.

    Parameters
    ----------
    known : mapping of str to str
        What is written instead of each: ``[redacted]`` or a pseudonym.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = dict(sorted(known.items(), key=lambda item: len(item[0]), reverse=True)[:MAX_KNOWN])
        self._shortest = min((len(secret) for secret in self._known), default=0)
        self._forms: list[tuple[str, str]] | None = None

    def __bool__(self) -> bool:
        return bool(self._known)

    def __contains__(self, text: str) -> bool:
        """Whether a text is a secret as a whole."""
        return text in self._known

    def hide(self, text: str) -> str:
        """Replace the secrets in a text."""
        if len(text) < min(self._shortest, _SHORTEST_LINE):  # no form is shorter
            return text
        if self._forms is None:
            self._forms = [(form, instead) for secret, instead in self._known.items() for form in forms(secret)]
        for form, instead in self._forms:
            if form in text:
                text = text.replace(form, instead)
        return text

    def hide_cut(self, text: str) -> str:
        """Replace the beginning of a secret before the "..." of a text that was cut there."""
        for secret in self._known:
            at = text.find(secret[:_SHORTEST])
            while at >= 0:
                if secret.startswith(text[at:].removesuffix(CUT)):
                    return text[:at] + REDACTED
                at = text.find(secret[:_SHORTEST], at + 1)
        return text


def forms(secret: str) -> list[str]:
    """Return a text as it is, as repr, JSON (to three levels), URLs and Base64 write it, and its longer lines."""
    found = [form for form in _forms(secret) if len(form) >= _SHORTEST]
    return sorted(dict.fromkeys(found), key=len, reverse=True)


def _forms(secret: str) -> Iterator[str]:
    yield secret
    raw = secret.encode("utf-8", "backslashreplace")
    if not (secret.isascii() and secret.isalnum()):  # else none of these changes it
        yield from _escaped(secret)
        quoted = quote(raw, safe="")
        yield from (quoted, quoted.replace("%2F", "/"), quoted.replace("%20", "+"))
    if len(raw) >= _SHORTEST_BASE64:
        yield from _base64(raw)
    if "\n" in secret:
        yield from (line for line in secret.splitlines()[:_MAX_LINES] if len(line) >= _SHORTEST_LINE)


def _escaped(secret: str) -> Iterator[str]:
    yield repr(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    for _ in range(3):
        secret = json.dumps(secret)[1:-1]
        yield secret


def _base64(raw: bytes) -> Iterator[str]:
    """Yield the Base64 of bytes, for each offset at which they may begin within encoded bytes."""
    whole = base64.b64encode(raw).decode().rstrip("=")
    yield from (whole, whole.replace("+", "-").replace("/", "_"))
    for offset, n_mixed in ((0, 0), (1, 2), (2, 3)):  # letters that depend on the bytes before
        encoded = base64.b64encode(bytes(offset) + raw).decode().rstrip("=")
        n_sure = (offset + len(raw)) * 8 // 6
        yield encoded[n_mixed:n_sure]
