"""Values whose name isn't their key: behind it in command lines and pairs, beside it in name/value objects."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from sevenfold.redaction.rules.looks import is_identifier, is_secret, without_scheme
from sevenfold.redaction.rules.names import DESCRIPTIVE, MAX_NAME, NONE, Kind, word_set, words_of


def _in_any_case(text: str) -> frozenset[str]:
    return word_set(f"{text} {text.title()} {text.upper()}")


#: Keys that hold a name, and those that hold its value, in ``{"name": "DB_PASSWORD", "value": "..."}``.
NAME_KEYS: Final = _in_any_case("name key header field variable var env param parameter attribute k id")
VALUE_KEYS: Final = _in_any_case("value val v content contents default data")
#: Programs whose option -u takes user:password.
TAKES_USER: Final = word_set("curl wget http https httpie xh mosquitto_pub mosquitto_sub")

_Judge = Callable[[str], Kind]


def neighbours(items: Sequence[Any], kind: _Judge) -> Iterator[tuple[int, str]]:
    """Yield the place of each secret that stands behind its name in a list, and the secret, which ends the text there.

    ``["tool", "--password", "x"]`` and ``("X-Api-Key", "x")``; bytes are read as text.
    """
    texts = [_text(item) for item in items]
    if len(texts) == 2 and None not in texts:  # noqa: PLR2004 - a pair
        name, value = str(texts[0]), str(texts[1])
        if (
            name[:1] != "-"
            and len(name) <= MAX_NAME
            and not is_identifier(value)
            and is_secret(name, kind(name), value)
        ):
            yield 1, without_scheme(value)
            return
    takes_user = False
    flag = ""
    for i, text in enumerate(texts):
        takes_user = takes_user or (text is not None and text.rpartition("/")[2] in TAKES_USER)
        if flag and text and text[0] != "-":
            yield from ((i, secret) for secret in _after_flag(flag, text, kind))
        flag = text if text and text[0] == "-" and "=" not in text and len(text) <= MAX_NAME else ""
        if flag and kind(flag.strip("-")) is NONE and not (takes_user and flag in {"-u", "-U", "--user"}):
            flag = ""


def _after_flag(flag: str, text: str, kind: _Judge) -> Iterator[str]:
    name = flag.strip("-")
    known = kind(name)
    if known is NONE:
        password = text.partition(":")[2]
        if password:
            yield password
    elif is_secret(name, known, text):
        yield without_scheme(text)


def _text(item: Any) -> str | None:
    if type(item) is str:
        return item
    return item.decode("utf-8", "backslashreplace") if type(item) is bytes else None


def named_value(pairs: Mapping[Any, Any], kind: _Judge) -> tuple[str, str] | None:
    """Return the telling name in an object like ``{"name": ..., "value": ...}``, and the key of its value."""
    if NAME_KEYS.isdisjoint(pairs) or VALUE_KEYS.isdisjoint(pairs):
        return None
    name = next((item for key, item in pairs.items() if key in NAME_KEYS and type(item) is str), "")
    value_key = next((key for key in pairs if key in VALUE_KEYS), "")
    if name and value_key and len(name) <= MAX_NAME and kind(name) is not NONE:
        return name, value_key
    return None


def describes(key: str) -> bool:
    """Return whether a key within a secret's object describes the secret: ``type``, ``expires_at``, ``client_id``."""
    words = words_of(key)
    while len(words) > 1 and words[-1] in {"at", "on", "in", "by"}:
        words.pop()
    return not words or words[-1] in DESCRIPTIVE
