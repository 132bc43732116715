"""Secrets in tracebacks: what the variables of an exception's frames hold, and what loguru's diagnose shows of them."""

import contextlib
import linecache
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from types import BuiltinFunctionType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any, Final

import numpy as np

from sevenfold.lines.values import clean
from sevenfold.redaction.judge import Judge
from sevenfold.redaction.repeats import CUT, Repeats
from sevenfold.redaction.rules.looks import LEAST_DIGITS, is_secret
from sevenfold.redaction.rules.names import MAX_NAME, NONE, PERSONAL, STRONG, Kind
from sevenfold.redaction.structures import describes, neighbours
from sevenfold.redaction.texts import REDACTED, redact_text

MAX_MEMBERS: Final = 100  # looked at of one value: loguru shows the first 128 characters of its repr
MAX_ALL: Final = 5000  # looked at below the variables of one record
MAX_NESTING: Final = 4  # levels, the variables' own among them
_NAME: Final = re.compile(r"[^\W\d]\w*")
_HOLDS_NOTHING: Final = frozenset(
    {int, float, bool, complex, type(None), type, range, slice, np.ndarray, np.float64, np.int64}
    | {FunctionType, BuiltinFunctionType, MethodType, ModuleType}
)
# A line that shows a value, under the column of its name in the source: "    │     └ 417".
_ROW: Final = re.compile(r"\A([ │|]*)(?:└|->) (.*)")
_MARGIN: Final = " │└|"
_FRAME: Final = ('  File "', '> File "')
# What stands before frames, and before the source of one.
_HEAD: Final = re.compile(r"\A[ |>+-]*(?:(?P<frame>File .*, line \d)|(?:Exception Group )?Traceback \(most recent)")
_TEXT: Final = re.compile(r"\Ab?['\"](.*?)['\"]?\Z", re.DOTALL)


class Exposed:
    """What a record's exception exposes: the texts that stand under telling names in the variables of its frames.

    It looks at all variables of the frames that the exception, its causes and its groups passed. Of the frames that
    called these (loguru's backtrace), it looks at the variables that the line being executed names.

    Parameters
    ----------
    exception : BaseException or None
        The logged exception.
    judge : Judge
        Decides on names.

    Attributes
    ----------
    found : dict of str to str
        The texts, and what is written instead.
    """

    def __init__(self, exception: BaseException | None, judge: Judge) -> None:
        self._judge = judge
        self._room = MAX_ALL
        self._seen: dict[tuple[int, Kind], Any] = {}
        self.found: dict[str, str] = {}
        level = [(name, NONE, value) for name, value in _variables(exception)]
        for _ in range(MAX_NESTING):  # all of the first level, before any below them
            level = [inner for name, above, value in level for inner in self._look_at(name, above, value)]

    def _look_at(self, name: Any, above: Kind, value: Any) -> list[tuple[Any, Kind, Any]]:
        """Remember a text under a telling name, or within a value under one; return the members of any other value."""
        # By its own type, since isinstance reads the value's __class__, which may raise.
        if type(value) in _HOLDS_NOTHING:
            return []
        kind = self._kind(name, above)
        text = _text(value)
        if text is None:
            return self._look_into(kind, value)
        if kind is PERSONAL:
            self.found[text] = str(self._judge.pseudonym(text))
        elif is_secret(name if type(name) is str else "", kind, text):
            self.found[text] = REDACTED
        return []

    def _kind(self, name: Any, above: Kind) -> Kind:
        """Return what a name says of its value, given what the name above it says."""
        if not issubclass(type(name), str):
            return above
        own = self._judge.about(name[-MAX_NAME:]).kind
        return above if own is NONE and above is not NONE and not describes(name) else own

    def _look_into(self, kind: Kind, value: Any) -> list[tuple[Any, Kind, Any]]:
        key = id(value), kind
        if key in self._seen:
            return []
        self._seen[key] = value  # held, so that no other gets its id
        if type(value) in {list, tuple}:
            for _, secret in neighbours(value[:MAX_MEMBERS], self._judge.kind):
                self.found[secret] = REDACTED
        members = _members(value, min(self._room, MAX_MEMBERS))
        self._room -= len(members)
        return [(name, kind, inner) for name, inner in members]


def _text(value: Any) -> str | None:
    """Return a str or bytes as a text, None for any other value."""
    kind = type(value)
    if issubclass(kind, str):
        return clean(value)
    return bytes(value).decode("utf-8", "backslashreplace") if issubclass(kind, bytes | bytearray) else None


def _members(value: Any, room: int) -> list[tuple[Any, Any]]:
    """Return the items of a container, or the attributes of an object, by name; but none that can't hold a text."""
    try:
        found: Iterable[tuple[Any, Any]]
        if isinstance(value, dict):
            found = islice(value.items(), room)
        elif isinstance(value, list | tuple | set | frozenset):
            found = ((None, item) for item in islice(value, room))
        else:
            slots = [name for name in getattr(type(value), "__slots__", ()) if hasattr(value, name)]
            own = getattr(value, "__dict__", {})
            found = [*islice(own.items(), room), *((name, getattr(value, name)) for name in slots)]
        return [(name, item) for name, item in found if type(item) not in _HOLDS_NOTHING]
    except Exception:  # a class may raise anything; what it hides here, its repr hides from the log
        return []


def _variables(exception: BaseException | None) -> Iterator[tuple[str, Any]]:
    """Yield the variables that a rendered traceback, or the message of its exception, may show values of."""
    passed, callers = _frames(exception)
    for frame, lines in passed.values():
        variables = frame.f_locals
        yield from variables.items()
        if variables is not frame.f_globals:
            for line in lines:
                yield from _named(frame, line, (frame.f_globals,))
    for key, frame in callers.items():
        if key not in passed:
            yield from _named(frame, frame.f_lineno, (frame.f_locals, frame.f_globals))


def _frames(exception: BaseException | None) -> tuple[dict[int, tuple[FrameType, set[int]]], dict[int, FrameType]]:
    """Return each frame that was passed, with its lines, and each frame that called these, once."""
    passed: dict[int, tuple[FrameType, set[int]]] = {}
    callers: dict[int, FrameType] = {}
    queue, seen = [exception], set()
    while queue:
        error = queue.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        queue += [_of(error, "__cause__"), _of(error, "__context__")]
        with contextlib.suppress(Exception):  # a class may raise anything
            queue += error.exceptions if isinstance(error, BaseExceptionGroup) else ()
        trace = _of(error, "__traceback__")
        caller = trace.tb_frame.f_back if trace else None
        while trace:
            passed.setdefault(id(trace.tb_frame), (trace.tb_frame, set()))[1].add(trace.tb_lineno)
            trace = trace.tb_next
        while caller and id(caller) not in callers:
            callers[id(caller)] = caller
            caller = caller.f_back
    return passed, callers


def _of(error: BaseException, name: str) -> Any:
    """Return an attribute that each exception has, even if its class overrides how it is read."""
    return getattr(BaseException, name).__get__(error)


def _named(frame: FrameType, line: int, scopes: tuple[dict[str, Any], ...]) -> Iterator[tuple[str, Any]]:
    """Yield the variables that a source line names."""
    for name in _NAME.findall(linecache.getline(frame.f_code.co_filename, line)):
        for variables in scopes:
            if name in variables:
                yield name, variables[name]
                break


class Rendered:
    """A rendered traceback, to be written without secrets.

    The name that loguru shows a value under decides on that value. In lines of source only shapes are redacted, and
    what a variable of the traceback is known to hold: ``token = tokens[i]`` is worth reading.

    Parameters
    ----------
    judge : Judge
        Decides on names and texts.
    source : callable
        Returns a line of source without the shapes in it.
    repeats : Repeats
        What the record is known to hold.
    untelling : dict of str to str
        Known secrets that read as ordinary text: hidden only where one is the whole value.
    """

    def __init__(self, judge: Judge, source: Callable[[str], str], repeats: Repeats, untelling: dict[str, str]) -> None:
        self._judge = judge
        self._source = source
        self._repeats = repeats
        self._untelling = untelling

    def text(self, text: str) -> str:
        """Return the traceback without secrets."""
        if "PRIVATE KEY" in text:  # it has several lines
            text = redact_text(text)
        lines = text.split("\n")
        plain = "\n".join(line.lstrip(_MARGIN) for line in lines if not line.startswith(_FRAME))
        is_quiet = self._judge.text(plain) == plain  # one look at the whole costs less than one at each line
        if not is_quiet or "└" in text or "->" in text:
            text = "\n".join(self._parts(lines, is_quiet=is_quiet))
        return self._repeats.hide(text) if self._repeats else text

    def _parts(self, lines: Iterable[str], *, is_quiet: bool) -> Iterator[str]:
        """Yield the lines without secrets: those of a message together, all others one by one."""
        source, is_source = "", False
        message: list[str] = []
        for line in lines:
            row = _ROW.match(line) if ("└" in line or "->" in line) and not is_source else None
            head = _HEAD.match(line) if "File " in line or "Traceback " in line else None
            if not (row or is_source or head):
                message.append(line)
                continue
            if message:
                yield self._redacted("\n".join(message), is_quiet=is_quiet)
                message = []
            if row:
                name = _NAME.match(source, len(row[1]))
                yield line[: row.start(2)] + self._row(name, row[2], is_quiet=is_quiet)
            elif is_source:
                source = line
                yield line if is_quiet else self._source(line)
            else:
                yield self._redacted(line, is_quiet=is_quiet)
            is_source = head is not None and head["frame"] is not None and not is_source
        if message:
            yield self._redacted("\n".join(message), is_quiet=is_quiet)

    def _redacted(self, text: str, *, is_quiet: bool) -> str:
        return text if is_quiet else self._judge.text(text)

    def _row(self, name: re.Match[str] | None, value: str, *, is_quiet: bool) -> str:
        """Redact a value by the name that loguru shows it under."""
        kind = self._judge.kind(name[0]) if name else NONE
        if kind is not NONE and name:
            judged = self._judged(name[0], kind, value)
            if judged is not None:
                return judged
        if self._untelling and (bare := _bare(value)) in self._untelling:
            return self._untelling[bare]
        value = self._redacted(value, is_quiet=is_quiet)
        return self._repeats.hide_cut(value) if value.endswith(CUT) and self._repeats else value

    def _judged(self, name: str, kind: Kind, value: str) -> str | None:
        """Return what is written in place of a value under a telling name, None if the name doesn't decide."""
        bare = _bare(value)
        if kind is PERSONAL:
            return str(self._judge.pseudonym(bare))
        if bare != value and is_secret(name, kind, bare):
            return REDACTED
        if value.isdigit() and len(value) >= LEAST_DIGITS and self._judge.about(name).hides_numbers:
            return REDACTED
        if kind is STRONG and value[:1] in {"[", "(", "{"}:
            return self._judge.text(f"secret={value}").removeprefix("secret=")
        return None


def _bare(value: str) -> str:
    """Return the text that a shown value is the repr of, or the value as it is."""
    quoted = _TEXT.fullmatch(value)
    return quoted[1] if quoted else value
