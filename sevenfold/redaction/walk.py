"""One pass over plain values: secrets under telling names are replaced, and remembered for the rest of the record."""

from typing import Any, Final

from sevenfold.redaction.judge import Judge
from sevenfold.redaction.rules.looks import LEAST_NUMBER, SCHEMES, is_identifier, is_secret
from sevenfold.redaction.rules.names import NAMED_IN_LISTS, NONE, PERSONAL, STRONG, About, Kind, singular, words_of
from sevenfold.redaction.structures import describes, named_value, neighbours
from sevenfold.redaction.texts import REDACTED, redact_shapes

#: A text that begins so is neither a secret nor personal: a place in a batch's line that its columns fill.
PLACEHOLDER: Final = "<sevenfold:"


class Walk:
    """Redact plain values.

    Parameters
    ----------
    judge : Judge
        Decides on names, texts and personal values.

    Attributes
    ----------
    found : dict of str to str
        The texts under telling names, and what is written instead.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.found: dict[str, str] = {}

    def value(self, value: Any) -> Any:
        """Redact a plain value by its looks and structure."""
        kind = type(value)
        if kind is str:
            return self._judge.text(value)
        if kind is list:
            return self._list(value)
        return self._dict(value) if kind is dict else value

    def under(self, name: str, value: Any) -> Any:
        """Redact a plain value that stands under a name."""
        about = self._judge.about(name)
        if about.kind is NONE:
            return redact_shapes(value) if about.as_it_came and type(value) is str else self.value(value)
        return self._personal(value) if about.kind is PERSONAL else self._judged(name, about, value)

    def _judged(self, name: str, about: About, value: Any) -> Any:
        kind = type(value)
        if kind is str:
            return self._text(name, about.kind, value)
        if kind is int:
            return REDACTED if about.hides_numbers and abs(value) >= LEAST_NUMBER else value
        if kind is list:
            return self._judged_list(name, about, value)
        return self._judged_dict(about, value) if kind is dict else value

    def _text(self, name: str, kind: Kind, text: str) -> str:
        """Redact a text under a telling name; its scheme stays."""
        if text.startswith(PLACEHOLDER) or not is_secret(name, kind, text):
            return self._judge.text(text)
        scheme, _, rest = text[:40].partition(" ")
        if not rest or scheme.lower() not in SCHEMES:
            return self._hidden(text)
        return f"{scheme} {self._hidden(text[len(scheme) + 1 :])}"

    def _hidden(self, secret: str) -> str:
        self.found[secret] = REDACTED
        return REDACTED

    def _judged_list(self, name: str, about: About, items: list[Any]) -> Any:
        last = words_of(name)[-1:]
        names_only = bool(last) and last[0] not in NAMED_IN_LISTS and singular(last[0]) in NAMED_IN_LISTS
        redacted = [
            item if names_only and type(item) is str and is_identifier(item) else self._judged(name, about, item)
            for item in items
        ]
        return REDACTED if about.kind is STRONG and REDACTED in redacted else redacted

    def _judged_dict(self, about: About, pairs: dict[str, Any]) -> Any:
        """Redact an object under a telling name; under a secret's, each text that doesn't describe the secret."""
        if about.kind is not STRONG:
            return self._dict(pairs)
        return {
            self._judge.key(key): self.under(key, item) if describes(key) else self._judged("secret", about, item)
            for key, item in pairs.items()
        }

    def _list(self, items: list[Any]) -> list[Any]:
        if str not in set(map(type, items)):
            return [item if type(item) is float else self.value(item) for item in items]
        secrets = dict(neighbours(items, self._judge.kind))
        return [
            item.removesuffix(secrets[i]) + self._hidden(secrets[i]) if i in secrets else self.value(item)
            for i, item in enumerate(items)
        ]

    def _dict(self, pairs: dict[str, Any]) -> dict[str, Any]:
        named = named_value(pairs, self._judge.kind)
        result: dict[str, Any] = {}
        for key, item in pairs.items():
            name = named[0] if named and key == named[1] else key
            written = base = self._judge.key(key)
            n_same = 1
            while written in result:
                n_same += 1
                written = f"{base}#{n_same}"
            result[written] = self.under(name, item)
        return result

    def _personal(self, value: Any) -> Any:
        """Write pseudonyms, and remember them for where the record repeats the value."""
        if type(value) is str:
            if value.startswith(PLACEHOLDER):
                return value
            self.found[value] = str(self._judge.pseudonym(value))
            return self.found[value]
        if type(value) is list:
            return [self._personal(item) for item in value]
        return self._judge.pseudonym(value)
