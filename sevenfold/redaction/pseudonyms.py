"""Pseudonyms for personal data: the same text gives the same one, and the text can't be found without the key."""

import hashlib
from collections.abc import Iterable
from typing import Any, Final

from sevenfold.redaction.rules.names import normal

KEY_BYTES: Final = 16  # the least that a key may have
_BLOCK = 64  # bytes of a block of SHA-256
_DIGITS = 20  # of hexadecimal: 80 bits, so that a billion pseudonyms collide with a chance of one in two million


class Pseudonyms:
    """Write the values of some names as ``p_`` and the first 80 bits of their HMAC-SHA-256 (RFC 2104).

    Parameters
    ----------
    names : iterable of str
        Names whose values are personal data, in any style.
    key : bytes
        At least 16 bytes. It tells whether a pseudonym belongs to a text; once it is erased, nothing does.

    Raises
    ------
    ValueError
        If the key is too short, or only one of names and key is given.

    Examples
    --------
    >>> pseudonyms = Pseudonyms(["email"], bytes(16))
    >>> pseudonyms.of("Ann@Example.org") == pseudonyms.of(" ann@example.org")
    True
    """

    def __init__(self, names: Iterable[str], key: bytes) -> None:
        self.names = frozenset(map(normal, names))
        self.key = key
        if bool(self.names) != bool(key):
            raise ValueError("pseudonymize and pseudonym_key need each other: name the fields, and the file of the key")
        if self.names and len(key) < KEY_BYTES:
            raise ValueError(f"pseudonym_key must have at least {KEY_BYTES} bytes, got {len(key)}")
        # The two hashes of RFC 2104, begun once: copying them costs a third of what the module hmac does.
        block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def of(self, value: Any) -> Any:
        """Return the pseudonym of a plain value; None and booleans stay, and a list has one for each item.

        Spaces around a text don't count, nor does the case of an address, nor whether a whole number is a float.
        """
        if type(value) is not str:
            return self._of_other(value)
        text = value.strip()
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update((text.casefold() if "@" in text else text).encode("utf-8", "backslashreplace"))
        outer.update(inner.digest())
        return f"p_{outer.hexdigest()[:_DIGITS]}"

    def _of_other(self, value: Any) -> Any:
        kind = type(value)
        if kind is list:
            return [self.of(item) for item in value]
        if kind is dict:
            return {key: self.of(item) for key, item in value.items()}
        if value is None or kind is bool:
            return value
        return self.of(str(int(value) if kind is float and value.is_integer() else value))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.names, self.key)
