"""Secrets out of fields, messages and tracebacks.

A secret is known by the name that it stands under and what it looks like (`names`, `looks`), by its shape (`shapes`,
`texts`), by what joins it to a name in a text (`places`, `assignments`) or a list (`structures`), or because the same
record holds it under its name elsewhere (`repeats`). docs/secrets.md has the promises and their limits.

It has more than 300 lines since one class answers for names, texts, records and tracebacks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    import numpy as np

from sevenfold.lines.record import Contents, Record, contents_of, has_exception
from sevenfold.redaction.assignments import redact_assignments
from sevenfold.redaction.places import STEMS, finder, glance
from sevenfold.redaction.pseudonyms import Pseudonyms
from sevenfold.redaction.repeats import Repeats
from sevenfold.redaction.rules.looks import LEAST_NUMBER, is_number_secret, is_telling, looks_random
from sevenfold.redaction.rules.names import (
    AS_THEY_CAME,
    COUNTING,
    IDENTITY,
    MAX_NAME,
    NONE,
    PERSONAL,
    STRONG,
    About,
    Kind,
    kind_of,
    normal,
)
from sevenfold.redaction.texts import ARE_IDS, REDACTED, redact_shapes, redact_text, token_pattern
from sevenfold.redaction.tracebacks import Exposed, Rendered
from sevenfold.redaction.walk import Walk


class Policy(Enum):
    """What `SECRETS` holds: the tables of this package."""

    SECRETS = "secrets by name, value, shape and place"


Rule = str | re.Pattern[str] | Policy
Known = tuple[Repeats, dict[str, str]]
_NOTHING: Final[Known] = (Repeats({}), {})

#: The default of ``redact``; names and patterns of your own go behind it: ``(*SECRETS, "iban", re.compile(...))``.
SECRETS: Final[tuple[Rule, ...]] = (Policy.SECRETS,)
_PATHS: Final = frozenset({"path", "route", "endpoint"})
# Keys of a record with an exception, while its handlers run: what its frames expose, and its known secrets.
EXPOSED: Final = "sevenfold_exposed"
_KNOWN: Final = "sevenfold_known"

_MAX_NAMES: Final = 4096  # remembered: names may come from outside
_SHORTEST: Final = 10  # characters of a text without a sign that may be a secret
_SHORT: Final = 400  # characters up to which a text is worth a glance
_MIXED: Final = re.compile(r"[0-9](?:(?<=[^\W\d_].)|(?=[^\W\d_]))")  # a digit beside a letter
_POINT: Final = re.compile(r"(?<![0-9])\.|\.(?![0-9])")  # one that isn't between digits
_SENTENCE: Final = re.compile(r"[A-Za-z][a-z]++(?: (?:[a-z]++|-?[0-9]++(?:\.[0-9]++)?))*+")
_JOINTS: Final = (" ", ":", "=", ",", ">", "(", "%", "\t", "&", "\\")  # between a name and its value


class Redactor:
    """Replace secrets by ``[redacted]``, and personal values by pseudonyms.

    Parameters
    ----------
    rules : iterable of str, re.Pattern or Policy
        `SECRETS`, names of your own (whole words, anywhere in a name; with "$" behind it only at its end) and patterns
        of texts, whose group "keep" stays; none at all switches redaction off.
    keep : iterable of str
        Names that are no secrets, in any style: ``("session_token",)``.
    pseudonymize : iterable of str
        Names of personal values; see `Pseudonyms`.
    key : bytes
        The key of the pseudonyms.

    Raises
    ------
    ValueError
        If an argument isn't several items, a rule is of another type, a name has no letter or digit, the key is too
        short, or only one of `pseudonymize` and `key` is given.

    Examples
    --------
    >>> redactor = Redactor((*SECRETS, "iban"), keep=["session_token"])
    >>> redactor.value({"iban": "DE02", "session_token": "spring", "n_password_resets": 3})
    {'iban': '[redacted]', 'session_token': 'spring', 'n_password_resets': 3}
    """

    def __init__(
        self,
        rules: Iterable[Rule] = SECRETS,
        *,
        keep: Iterable[str] = (),
        pseudonymize: Iterable[str] = (),
        key: bytes = b"",
    ) -> None:
        self.rules = _several(rules, "redact takes a tuple of names and patterns")
        if not all(isinstance(rule, str | re.Pattern | Policy) for rule in self.rules):
            raise ValueError(f"redact takes names and compiled patterns, got {self.rules!r}")
        self._keep = frozenset(_names(keep, "keep"))
        self._pseudonyms = Pseudonyms(_names(pseudonymize, "pseudonymize"), key)
        self.pseudonym = self._pseudonyms.of
        self._patterns = [rule for rule in self.rules if isinstance(rule, re.Pattern)]
        self._has_policy = Policy.SECRETS in self.rules
        own = [rule for rule in self.rules if isinstance(rule, str)]
        self._own = _own_names(own)
        stems = STEMS.union(name.strip("_\0").rpartition("_")[2] for name in self._own)
        stems = stems.union(name.rpartition("_")[2] for name in self._pseudonyms.names)
        self._finder, self._glance = finder(stems), glance(stems)
        token_pattern()  # here rather than in the first call that needs it: it takes as long as a thousand calls
        self._about: dict[str, About] = {}

    @property
    def _is_off(self) -> bool:
        return not self.rules and not self._pseudonyms.names

    @property
    def has_own_rules(self) -> bool:
        """Whether there are names or patterns besides those of `SECRETS`."""
        return bool(self._patterns or self._own or self._pseudonyms.names)

    def about(self, name: str) -> About:
        """Return all that a name says."""
        found = self._about.get(name)
        if found is None:
            found = self._about_anew(name)
            # A key may be a secret itself, or come from outside.
            if len(name) <= MAX_NAME and not looks_random(name) and self.text(name) == name:
                if len(self._about) >= _MAX_NAMES:
                    self._about.clear()
                self._about[name] = found
        return found

    def key(self, name: str) -> str:
        """Return a name as it is written."""
        self.about(name)
        return name if name in self._about else self.text(name)

    def kind(self, name: str) -> Kind:
        """Return what a name says about its value."""
        return self.about(name).kind

    def _about_anew(self, name: str) -> About:
        words = normal(name)
        own = next((own for own in self._own if own in f"_{words}_\0"), "")  # as whole words
        if words in self._pseudonyms.names:
            kind = PERSONAL
        elif words in self._keep:
            kind = NONE
        else:
            kind = STRONG if own else kind_of(name) if self._has_policy else NONE
        if own:
            numbers = COUNTING.isdisjoint(f"_{words}_\0".replace(own, "_").split("_"))
        else:
            numbers = is_number_secret(name, LEAST_NUMBER)
        as_it_came = self._has_policy and kind is NONE and words in AS_THEY_CAME
        return About(kind, kind is STRONG and numbers, kind is NONE and words in IDENTITY, as_it_came)

    def is_secret(self, name: Any) -> bool:
        """Return whether a name is telling: of any kind but NONE."""
        return isinstance(name, str) and self.kind(name) is not NONE

    def is_sentence(self, text: str) -> bool:
        """Return whether a short text is surely only words of ASCII and numbers: the quickest look."""
        if self._patterns or not _SHORTEST <= len(text) <= _SHORT or _SENTENCE.fullmatch(text) is None:
            return False
        return "-" not in text or self._glance.search(text.lower()) is None  # a sign is none of prose

    def text(self, text: str) -> str:
        """Return a text without what looks like a secret."""
        for pattern in self._patterns:
            text = pattern.sub(_redact, text)
        if _is_prose(text) or (" " not in text and ARE_IDS.fullmatch(text)):
            return text  # nearly all texts
        return self._looked_at(text) if self._has_policy or self._own or self._pseudonyms.names else text

    def _looked_at(self, text: str) -> str:
        if len(text) <= _SHORT and self._glance.search(text.lower()) is None:
            return redact_shapes(text) if self._has_policy else text
        if self._has_policy:
            text = redact_text(text)
        has_names = any(map(text.__contains__, _JOINTS))
        return redact_assignments(text, self, self._finder) if has_names else text

    def is_harmless(self, text: str) -> bool:
        """Return whether no rule matches in a text of several lines, nor in any line of it alone."""
        return self.text(text) == text

    def value(self, value: Any) -> Any:
        """Return a plain value without secrets: texts by their looks, and what stands under a secret's name."""
        return Walk(self).value(value)

    def under(self, name: str, value: Any) -> Any:
        """Return a plain value that stands under a name, without secrets."""
        return Walk(self).under(name, value)

    def contents_of(self, record: Record) -> Contents:
        """Return what a record says as plain values without secrets; a channel is written as it came."""
        contents = contents_of(record)
        if self._is_off:
            return contents
        walk = Walk(self)
        message, fields = self.text(contents.message), walk.value(contents.fields)
        repeats = self._known(record, walk.found)[0]
        if repeats:
            message = message if contents.message in repeats else repeats.hide(message)
            fields = self._hide_in(fields, repeats)
        return Contents(contents.channel, message, fields)

    def known(self, record: Record) -> Known:
        """Return the secrets of a record: those to be looked for everywhere, and those that read as ordinary text."""
        extra, known = record.get(_KNOWN, (None, None))
        if extra is not record["extra"]:
            walk = Walk(self)
            walk.value(contents_of(record).fields)
            known = self._known(record, walk.found)
        return cast("Known", known)

    def _known(self, record: Record, found: Mapping[str, str]) -> Known:
        if not has_exception(record):
            return _sorted(found)
        if EXPOSED not in record:  # the frames of a record are walked once
            record[EXPOSED] = Exposed(record["exception"][1], self).found
        known = _sorted({**record[EXPOSED], **found})
        record[_KNOWN] = record["extra"], known
        return known

    def _hide_in(self, value: Any, repeats: Repeats) -> Any:
        kind = type(value)
        if kind is str:
            return repeats.hide(value)
        if kind is list:
            return [self._hide_in(item, repeats) for item in value]
        if kind is dict:
            return {repeats.hide(key): self._hide_under(key, item, repeats) for key, item in value.items()}
        return value

    def _hide_under(self, name: str, value: Any, repeats: Repeats) -> Any:
        if self.about(name).is_identity and not (normal(name) in _PATHS and value not in repeats):
            return value
        return self._hide_in(value, repeats)

    def hides_numbers(self, name: str, array: np.ndarray[Any, Any]) -> bool:
        """Return whether a name makes the numbers of an array secret or personal."""
        about = self.about(name)
        return about.kind is PERSONAL or (about.hides_numbers and array.dtype.kind in "iu")

    def traceback(self, text: str, record: Record) -> str:
        """Return a record's rendered traceback without the secrets in it."""
        if self._is_off:
            return text
        return Rendered(self, self._source, *self.known(record)).text(text)

    def _source(self, line: str) -> str:
        for pattern in self._patterns:
            line = pattern.sub(_redact, line)
        return redact_text(line) if self._has_policy else line

    def __getstate__(self) -> dict[str, Any]:
        names, key = self._pseudonyms.names, self._pseudonyms.key
        return {"rules": self.rules, "keep": self._keep, "pseudonymize": names, "key": key}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


def _is_prose(text: str) -> bool:
    """Return whether a text is nothing but words, of which at most the first is capitalised, and numbers."""
    if len(text) < _SHORTEST:
        return text.isalnum()
    words = text.replace(" ", "")
    if "." in words and _POINT.search(words) is None:
        words = words.replace(".", "")
    return text[1:].islower() and words.isalnum() and (words.isalpha() or _MIXED.search(text) is None)


def _sorted(found: Mapping[str, str]) -> Known:
    if not found:
        return _NOTHING
    telling = {secret: instead for secret, instead in found.items() if is_telling(secret)}
    return Repeats(telling), {secret: instead for secret, instead in found.items() if secret not in telling}


def _redact(found: re.Match[str]) -> str:
    return (found.groupdict().get("keep") or "") + REDACTED


def _several(items: Iterable[Any], complaint: str) -> tuple[Any, ...]:
    if isinstance(items, str) or not isinstance(items, Iterable):
        raise ValueError(f"{complaint}, got {items!r}")  # noqa: TRY004 - as for all arguments
    return tuple(items)


def _names(names: Iterable[str], argument: str) -> list[str]:
    several = _several(names, f"{argument} takes a tuple of names")
    odd = next((name for name in several if not isinstance(name, str) or not normal(name)), None)
    if odd is not None:
        raise ValueError(f"{argument} takes names with a letter or a digit, got {odd!r}")
    return [normal(name) for name in several]


def _own_names(names: Iterable[str]) -> list[str]:
    """Return names in the form that finds whole words; one with a "$" is found only at the end of a name."""
    found = []
    for name in names:
        words = normal(name)
        if not words:
            raise ValueError(f"a secret's name needs a letter or a digit, got {name!r}")
        end = "_\0" if name.endswith("$") else "_"
        found += [f"_{words}{end}", f"_{words.replace('_', '')}{end}"]
    return found
