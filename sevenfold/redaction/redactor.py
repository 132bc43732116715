r"""Secrets out of fields, messages and tracebacks.

A secret is known by the name that it stands under, by what it looks like, or because the same record holds it under a
telling name elsewhere: what ``password`` was bound to isn't written in the message either. What stands under a harmless
name and looks like nothing in particular can't be known.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

from sevenfold.lines.record import Contents, Record, contents_of, has_exception
from sevenfold.redaction.tracebacks import MAX_MEMBERS, MAX_NESTING, REDACTED, exposed, hide, hide_in, members, written

Rule = str | re.Pattern[str]

#: Names match anywhere in a key, whatever its case and separators; with "$" only at its end: ``access_token`` is a
#: secret, ``n_tokens`` isn't. Patterns match in values; their group "keep" stays.
SECRETS: Final[tuple[Rule, ...]] = (
    *("password", "passwd", "passphrase", "pwd$", "secret", "token$", "api key", "access key", "private key"),
    *("signing key", "authorization", "cookie", "credential"),
    re.compile(r"(?P<keep>\b(?:bearer|basic)\s+)(?=\S*\d|\S{20})[\w.~+/=-]{8,}", re.IGNORECASE),
    re.compile(r"(?P<keep>\bcookie\s*:\s*)[^\r\n]+", re.IGNORECASE),  # a header, to the end of its line
    re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"),  # JSON Web Token, RFC 7519
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"(?P<keep>\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/]+(?=@)", re.IGNORECASE),  # user:password@host
    re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),  # AWS access key
    re.compile(r"\b(?:gh[pousr]_\w{20,}|xox[abprs]-[\w-]{10,}|sk-[\w-]{20,}|AIza[\w-]{35})"),  # of well-known services
)

# Without one of these in it, a text matches none of the rules above: most texts are done with here.
# Looked for one by one, in lower case: a regular expression of them takes 2.5 times as long.
_HINTS: Final[tuple[str, ...]] = (
    *(":", "=", "eyj", "akia", "asia", "-----begin", "bearer", "basic", "xox", "sk-", "aiza"),
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
)
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")
_FRAME_LINE = re.compile(r"[ |>+-]*File .*, line \d+")


class Redactor:
    """Replace secrets by ``[redacted]``.

    Parameters
    ----------
    rules : iterable of str or re.Pattern
        Names of keys and patterns of values, as in `SECRETS`; none at all switches redaction off.

    Raises
    ------
    ValueError
        If these aren't several, one is neither, or a name has no letter or digit.
    """

    def __init__(self, rules: Iterable[Rule] = SECRETS) -> None:
        if isinstance(rules, str) or not isinstance(rules, Iterable):
            raise ValueError(f"redact takes a tuple of names and patterns, got {rules!r}")  # noqa: TRY004 - as for all arguments
        self.rules = tuple(rules)
        names = [rule for rule in self.rules if isinstance(rule, str)]
        patterns = [rule for rule in self.rules if isinstance(rule, re.Pattern)]
        if len(names) + len(patterns) != len(self.rules):
            raise ValueError(f"redact takes names and compiled patterns, got {self.rules!r}")
        self._name = _name_pattern(names)
        self._patterns = patterns
        self._assignment = _assignment_pattern(names)
        self._knows_hints = set(self.rules) <= set(SECRETS)
        self.is_secret = lru_cache(maxsize=4096)(self._is_secret)

    def contents_of(self, record: Record) -> Contents:
        """Give what a record says as plain values without secrets."""
        contents = contents_of(record)
        if not self.rules:
            return contents
        channel = contents.channel and self.text(contents.channel)
        message, fields = self.text(contents.message), self.value(contents.fields)
        known = self._known(record, contents)
        if known:
            channel, message, fields = hide_in(channel, known), hide(message, known), hide_in(fields, known)
        return Contents(channel, message, fields)

    def _known(self, record: Record, contents: Contents) -> set[str]:
        """Collect what a record holds under a secret's name, in its fields and in the variables of its exception."""
        known = set(self._secrets_in(contents.fields))
        return known | self.secrets_of(record["exception"][1]) if has_exception(record) else known

    def value(self, value: Any) -> Any:
        """Redact a plain value: texts by their looks, and what stands under a secret's name."""
        kind = type(value)
        if kind is str:
            return self.text(value)
        if kind is list:
            return [item if type(item) is float else self.value(item) for item in value]
        if kind is dict:
            return {
                self.text(key): REDACTED if self._names_secret(key, item) else self.value(item)
                for key, item in value.items()
            }
        return value

    def text(self, text: str) -> str:
        """Redact what looks like a secret in a text."""
        if self.is_harmless(text):
            return text
        for pattern in self._patterns:
            text = pattern.sub(_redact, text)
        return text if self._assignment is None else self._assignment.sub(_redact, text)

    def is_harmless(self, text: str) -> bool:
        """Whether it can be seen at a glance that no rule matches in a text, nor in any line of it alone."""
        if not self._knows_hints:
            return False
        lower = text.lower()
        for hint in _HINTS:  # noqa: SIM110 - any() takes twice the time
            if hint in lower:
                return False
        return True

    def traceback(self, text: str, record: Record) -> str:
        """Redact a record's rendered traceback, with the values of variables that loguru's diagnose shows in it.

        In source lines only what looks like a secret is redacted: ``token = tokens[i]`` is worth reading, and a
        password written into the source can't be told from other texts.
        """
        if not self.rules:
            return text
        text = hide(text, self._known(record, contents_of(record)))
        for pattern in self._patterns:
            text = pattern.sub(_redact, text)
        lines = text.split("\n")
        if self._assignment is not None:
            for i, line in enumerate(lines):
                if i == 0 or not _FRAME_LINE.match(lines[i - 1]):
                    lines[i] = self._assignment.sub(_redact, line)
        return "\n".join(lines)

    def secrets_of(self, exception: BaseException | None) -> set[str]:
        """Collect what stands under a secret's name in the variables of an exception's frames, and in their members."""
        found: set[str] = set()
        for name, value in exposed(exception):
            found.update(self._secrets_below(name, value))
        return found

    def _secrets_below(self, name: str, value: Any) -> Iterator[str]:
        queue = deque([(name, value, 0)])
        for _ in range(MAX_MEMBERS):
            if not queue:
                return
            name, value, depth = queue.popleft()
            if self._names_secret(name, value):
                yield from written(value)
            elif depth < MAX_NESTING:
                queue += [(inner_name, inner, depth + 1) for inner_name, inner in members(value)]

    def _names_secret(self, name: Any, value: Any) -> bool:
        # Not isinstance, which asks the value for its class: a weak reference whose object is gone raises then.
        return isinstance(name, str) and value is not None and type(value) is not bool and self.is_secret(name)

    def _secrets_in(self, fields: Any) -> Iterator[str]:
        if type(fields) is list:
            for value in fields:
                yield from self._secrets_in(value)
        elif type(fields) is dict:
            for key, value in fields.items():
                if self._names_secret(key, value):
                    yield from written(value)
                else:
                    yield from self._secrets_in(value)

    def _is_secret(self, name: str) -> bool:
        return self._name is not None and self._name.search(_NOT_ALPHANUMERIC.sub("", name).lower()) is not None

    def __getstate__(self) -> dict[str, Any]:
        return {"rules": self.rules}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["rules"])  # type: ignore[misc]


def _redact(found: re.Match[str]) -> str:
    return (found.groupdict().get("keep") or "") + REDACTED


def _split(names: Iterable[str]) -> tuple[list[list[str]], list[list[str]]]:
    """Split names into their words: those found anywhere in a key, and those at its end."""
    anywhere: list[list[str]] = []
    at_end: list[list[str]] = []
    for name in names:
        words = [word for word in _NOT_ALPHANUMERIC.sub(" ", name).lower().split() if word]
        if not words:
            raise ValueError(f"a secret's name needs a letter or a digit, got {name!r}")
        (at_end if name.endswith("$") else anywhere).append(words)
    return anywhere, at_end


def _name_pattern(names: list[str]) -> re.Pattern[str] | None:
    anywhere, at_end = _split(names)
    parts = ["".join(words) for words in anywhere] + ["".join(words) + r"\d*$" for words in at_end]
    return re.compile("|".join(parts)) if parts else None


def _assignment_pattern(names: list[str]) -> re.Pattern[str] | None:
    """Match ``password=...``, ``"api_key": "..."`` and the like within a text."""
    anywhere, at_end = _split(names)
    parts = ["[ _.-]?".join(words) + r"[\w-]*" for words in anywhere]
    parts += ["[ _.-]?".join(words) + r"\d*" for words in at_end]
    if not parts:
        return None
    scheme = r"(?:(?:bearer|basic|digest|token)\s+)?"
    value = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;&)}\]]+)"""
    name = rf"""(?P<keep>(?:{"|".join(parts)})["']?\s*[:=][=>]?\s*)"""
    return re.compile(
        rf"{name}(?!{scheme}\[redacted\]|(?:None|True|False|null|true|false)\b){scheme}{value}", re.IGNORECASE
    )
