"""What a record exposes of a known secret: the values in a traceback's frames, and the texts that they appear as."""

import contextlib
import linecache
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from types import FrameType
from typing import Any

from sevenfold.lines.values import clean

REDACTED = "[redacted]"
MAX_MEMBERS = 100  # looked at below one variable: loguru shows the first 128 characters of its repr
MAX_NESTING = 3
_NAME = re.compile(r"[^\W\d]\w*")
_SHORTEST = 6  # a shorter text is a secret only where it is the whole value: else half the traceback would go


def written(value: Any, depth: int = 0) -> Iterator[str]:
    """Give the texts that a value may appear as."""
    # By its own type: isinstance asks a value for its class, and somebody's may raise.
    kind = type(value)
    if issubclass(kind, str):
        yield clean(value)
    elif issubclass(kind, bytes | bytearray):
        yield bytes(value).decode("utf-8", "backslashreplace")
    elif depth < MAX_NESTING:
        for _, inner in members(value):
            yield from written(inner, depth + 1)
    with contextlib.suppress(Exception):
        yield clean(repr(value))


def members(value: Any) -> list[tuple[Any, Any]]:
    """Give the items of a container, or the attributes of an object, by name."""
    try:
        if isinstance(value, dict):
            return list(islice(value.items(), MAX_MEMBERS))
        if isinstance(value, list | tuple | set | frozenset):
            return [(None, item) for item in islice(value, MAX_MEMBERS)]
        slots = [name for name in getattr(type(value), "__slots__", ()) if hasattr(value, name)]
        own = getattr(value, "__dict__", {})
        return list(islice(own.items(), MAX_MEMBERS)) + [(name, getattr(value, name)) for name in slots]
    except Exception:  # somebody's class: what it hides from us, repr hides from the log
        return []


def exposed(exception: BaseException | None) -> Iterator[tuple[str, Any]]:
    """Give the variables that a rendered traceback, or the message of its exception, may show values of.

    These are all variables of the frames that the exception, its causes and its groups passed; and of the frames that
    called these (loguru's backtrace), those that the line being executed names.
    """
    callers: dict[int, FrameType] = {}
    queue, seen = [exception], set()
    while queue:
        error = queue.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        queue += [_of(error, "__cause__"), _of(error, "__context__")]
        with contextlib.suppress(Exception):  # somebody's class
            queue += error.exceptions if isinstance(error, BaseExceptionGroup) else ()
        trace = _of(error, "__traceback__")
        caller = trace.tb_frame.f_back if trace else None
        while trace:
            yield from trace.tb_frame.f_locals.items()
            yield from _named(trace.tb_frame, trace.tb_lineno)
            trace = trace.tb_next
        while caller:
            callers[id(caller)] = caller
            caller = caller.f_back
    for frame in callers.values():
        yield from _named(frame, frame.f_lineno)


def _of(error: BaseException, name: str) -> Any:
    """Give an attribute that each exception has, whatever its class makes of attributes."""
    return getattr(BaseException, name).__get__(error)


def _named(frame: FrameType, line: int) -> Iterator[tuple[str, Any]]:
    """Give the variables that a source line names."""
    for name in _NAME.findall(linecache.getline(frame.f_code.co_filename, line)):
        for variables in (frame.f_locals, frame.f_globals):
            if name in variables:
                yield name, variables[name]
                break


def hide(text: str, secrets: Iterable[str]) -> str:
    """Replace known secrets, and what loguru left of those that it cut."""
    for secret in sorted({form for known in secrets for form in _forms(known)}, key=len, reverse=True):
        if len(secret) < _SHORTEST:
            text = re.sub(rf"(?m)(?<=[└>] )(['\"]?){re.escape(secret)}\1$", REDACTED, text)
        elif secret.isdigit():
            text = re.sub(rf"(?<!\d){secret}(?!\d)", REDACTED, text)
        else:
            text = text.replace(secret, REDACTED)
            if "..." in text:
                text = _hide_cut(text, secret)
    return text


def _forms(secret: str) -> list[str]:
    """Give a text as it is, as repr escapes it, and its lines where they are long enough to be told from others."""
    lines = [line for line in secret.splitlines() if len(line) >= _SHORTEST]
    return [form for form in (secret, repr(secret)[1:-1], *lines) if form]


def _hide_cut(text: str, secret: str) -> str:
    *parts, last = text.split("...")
    for i, part in enumerate(parts):
        left = next((n for n in range(min(len(secret), len(part)), _SHORTEST - 1, -1) if part.endswith(secret[:n])), 0)
        parts[i] = part[: len(part) - left] + REDACTED if left else part
    return "...".join([*parts, last])


def hide_in(value: Any, secrets: set[str]) -> Any:
    """Replace known secrets in the texts of a plain value."""
    if isinstance(value, str):
        return hide(value, secrets)
    if isinstance(value, list):
        return [hide_in(item, secrets) for item in value]
    if isinstance(value, dict):
        return {key: hide_in(item, secrets) for key, item in value.items()}
    return value
