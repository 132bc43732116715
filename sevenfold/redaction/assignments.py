r"""Values of telling names within a text: ``password=...``, ``"key": "..."``, ``--token ...``, ``<pw>...</pw>``.

Only the value goes; quotation marks and an authorization scheme stay, so that JSON stays JSON. Quotation marks may be
escaped to any depth (``\"``, ``\\\"``, ``&quot;``, ``%22``), as in JSON within JSON.

Only a bounded part of a value is read until it is known to be a secret; then it is read once. So the time is linear in
the text.
"""

import re
from typing import Final

from sevenfold.redaction.judge import Judge
from sevenfold.redaction.places import FLAG, MARK, Found, found_at, lower_case
from sevenfold.redaction.rules.looks import (
    LEAST_DIGITS,
    SCHEMES,
    is_identifier,
    is_secret,
    is_state,
    is_telling,
    looks_random,
)
from sevenfold.redaction.rules.names import (
    DESCRIPTIVE,
    MAX_NAME,
    NONE,
    PERSONAL,
    SESSION,
    STRONG,
    WEAK,
    kind_of,
    words_of,
)
from sevenfold.redaction.texts import REDACTED

MAX_VALUE: Final = 8192  # characters of a value that are read
MAX_FOUND: Final = 20_000  # telling names in a text; all text behind the last is hidden, so that none takes seconds
_MAX_JUDGED: Final = 256  # characters that decide whether a bare value is a secret
_MAX_LIST: Final = 4096
_OPENING: Final = re.compile(rf"[@$]?[brfuBRFU]{{0,2}}({MARK})")
_OPENERS: Final = frozenset("\\\"'`&%@$brfuBRFU")
_IN_QUOTES: Final = {mark: re.compile(rf"(?:[^{mark}\\]|\\.){{0,{MAX_VALUE}}}+", re.DOTALL) for mark in "\"'`"}
_BACKSLASHED: Final = re.compile(r"(?<!\\)(\\*+)([\"'`])")
_STRING: Final = re.compile(r"(\\{0,15})([\"'])((?:(?!\1\2)[^\n]){0,1024}+)\1\2")
_BARE: Final = re.compile(r"[^\s,;&)}\]\"'<>|\\`]+")
_BARE_START: Final = re.compile(rf"[^\s,;&)}}\]\"'<>|\\`]{{1,{_MAX_JUDGED}}}+")
_WEAK_RUN: Final = r"(?:[^\s,;&)}\]\"'<>|\\`=:%]|%(?!3[ADad]|26))"
_WEAK_START: Final = re.compile(rf"={{0,2}}{_WEAK_RUN}{{1,{_MAX_JUDGED}}}+(?:=+{_WEAK_RUN}{{1,64}}+){{0,3}}+=*")
_ENCODED_END: Final = re.compile(r"%3[Bb]|%26")
_TO_LINE_END: Final = re.compile(rf"(?:[^\r\n\"'\\]|(?<==)\"[^\r\n\"\\]{{0,1024}}+\"){{1,{MAX_VALUE}}}+")
_CREDENTIALS: Final = re.compile(
    rf"(?:(?!\[redacted\])[\w-]{{2,24}}+ +)?[^\s,\"'\\;&<>]{{1,{MAX_VALUE}}}+(?:, ?\w+=\"?[^\s,\"]{{0,1024}}+\"?)*+"
)
_TYPED: Final = re.compile(r"(?<![\w.])(?:[\w.\[\]|]{1,40}+\s?){1,5}=\s{0,3}")
_TYPE: Final = re.compile(
    r"(?:str|bytes|int|bool|float|optional|final|union|any|list|dict|secretstr|none|classvar|literal|annotated|string)\b",
    re.IGNORECASE,
)
_DOTTED: Final = re.compile(r"\A[^\W\d]+(?:\.[^\W\d]+)+")
_CALL: Final = re.compile(r"\A[^\W\d]\w*(?:\.[^\W\d]\w*)*[(\[]")
_REFERENCE: Final = re.compile(r"\Af?[\"']?(?:\$[{(A-Z]|%\(|[<{])")
_FORMATTED: Final = re.compile(r"\{[\w.\[\]()'!:]{0,64}\}|\$\{")
_METHOD: Final = re.compile(r"[\"']\.[a-z_]{1,32}\(")  # "...".join()
_NUMBER: Final = re.compile(r"\A-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")
_PROSE: Final = re.compile(" [a-z]")

Span = tuple[int, int]


def redact_assignments(text: str, judge: Judge, pattern: re.Pattern[str]) -> str:
    """Replace the values of telling names in a text.

    Parameters
    ----------
    text : str
        Any text.
    judge : Judge
        Decides on names.
    pattern : re.Pattern
        Finds the names; see `places.finder`.
    """
    if "--" in text:
        text = _redact_flags(text, judge)
    lower = lower_case(text)
    parts: list[str] = []
    done = at = list_end = 0
    list_kind = NONE
    n_found = 0
    while match := pattern.search(lower, at):
        at = match.end("quote")
        found = found_at(text, match, judge)
        if found is None:
            continue
        n_found += 1
        if n_found > MAX_FOUND:
            return "".join([*parts, text[done : found.value_at], REDACTED])
        if text[found.value_at] in "[({" and found.joint in {":", "=", "labelled"}:
            if found.value_at < list_end and (list_kind is STRONG or list_kind is found.kind):
                continue  # its strings were looked at with those of the list around it
            spans, list_end = _list_spans(text, found)
            list_kind = found.kind
        else:
            span = _value_span(text, found)
            spans = [span] if span else []
        for start, end in spans:
            parts += [text[done:start], _instead(text[start:end], found, judge)]
            done = at = end
    return "".join([*parts, text[done:]]) if parts else text


def _instead(value: str, found: Found, judge: Judge) -> str:
    return str(judge.pseudonym(value)) if found.kind is PERSONAL else REDACTED


def _redact_flags(text: str, judge: Judge) -> str:
    """Replace the values of telling options of a command line: ``--password ...``."""
    parts: list[str] = []
    done = at = n_found = 0
    while match := FLAG.search(text, at):
        n_found += 1
        if n_found > MAX_FOUND:
            return "".join([*parts, text[done : match.start()], REDACTED])
        at = match.end()
        about = judge.about(match["name"])
        found = Found(match["name"], about.kind, about.hides_numbers, "=", at, match.start("name"), is_quoted=False)
        span = _value_span(text, found) if about.kind is not NONE else None
        if span:
            parts += [text[done : span[0]], _instead(text[slice(*span)], found, judge)]
            done = at = span[1]
    return "".join([*parts, text[done:]]) if parts else text


def _value_span(text: str, found: Found) -> Span | None:
    """Return where the secret part of a value stands, None if it is no secret."""
    if found.joint in {":", "space"} and _TYPE.match(text, found.value_at):
        typed = _TYPED.match(text, found.value_at)
        if typed is None or typed.end() == len(text):
            return None
        found = found._replace(joint="=", value_at=typed.end())
    if found.joint == "comma" and not found.is_quoted:
        return None
    if found.joint == "space" and (found.kind is not STRONG or found.is_quoted):
        return None
    if found.joint in {":", "="} and not found.is_quoted and found.name[-6:].lower() in {"cookie", "zation"}:
        return _header_span(text, found)
    opening = _OPENING.match(text, found.value_at) if text[found.value_at] in _OPENERS else None
    return _quoted_span(text, found, opening) if opening else _bare_span(text, found)


def _header_span(text: str, found: Found) -> Span | None:
    """Return where the secret of a cookie or an Authorization header stands."""
    opening = _OPENING.match(text, found.value_at)
    if opening:
        return _quoted_span(text, found, opening)
    if found.name[-6:].lower() == "cookie":
        whole = _TO_LINE_END.match(text, found.value_at) if found.joint == ":" else None
        if whole and "=" in whole[0]:
            return whole.span()
        return _bare_span(text, found)
    whole = _CREDENTIALS.match(text, found.value_at)
    if whole is None:
        return None
    first, _, rest = whole[0].partition(" ")
    rest = rest.lstrip()
    if rest and first.lower() in SCHEMES:
        is_secret_part = rest != REDACTED and not is_identifier(rest) and not is_state(rest)
        return (whole.end() - len(rest), whole.end()) if is_secret_part else None
    end = found.value_at + len(first)
    secret = len(first) > 9 and not (is_state(first) or is_identifier(first) or _is_code(text, first, end))  # noqa: PLR2004
    return (found.value_at, end) if secret else None


def _quoted_span(text: str, found: Found, opening: re.Match[str]) -> Span | None:
    start = opening.end()
    if not found.is_quoted and text[found.name_at - 1 : found.name_at] == opening[1]:
        return None  # it ends the string that the name is in: "Cookie:"
    end = _closing(text, start, opening[1])
    if found.kind is not STRONG and (line_end := text.find("\n", start, end)) >= 0:
        end = line_end  # a random value has no second line
    value = text[start:end]
    if (found.joint == "comma" and _is_name(value)) or value.endswith(REDACTED) or _METHOD.match(text, end):
        return None
    if "{" in value[:_MAX_JUDGED] and _FORMATTED.search(value[:_MAX_JUDGED]):
        return None
    scheme, _, rest = value[:40].partition(" ")
    if rest and scheme.lower() in SCHEMES:
        start += len(scheme) + 1
        value = text[start:end]
    if found.kind is PERSONAL:
        return None if is_state(value) else (start, end)
    known = WEAK if found.joint == "call" else found.kind
    if not is_secret(found.name, known, value) or (found.is_prose and not is_telling(value)):
        return None
    return start, end


def _is_name(value: str) -> bool:
    """Return whether a text in a list behind a telling name is just another name: ``["Cookie", "Authorization"]``."""
    return is_identifier(value) or kind_of(value) is not NONE or (value.isalpha() and not looks_random(value))


def _closing(text: str, start: int, mark: str) -> int:
    """Find the quotation mark that ends a string, at the depth of escaping that it began with."""
    limit = start + MAX_VALUE
    if mark in _IN_QUOTES:
        inside = _IN_QUOTES[mark].match(text, start, limit)
        end = inside.end() if inside else start
        end = end if text[end : end + 1] == mark else -1
    elif mark.strip("\\") in _IN_QUOTES:
        depth, quote = len(mark) - 1, mark[-1]
        marks = _BACKSLASHED.finditer(text, start, limit)
        ends = (m.end() - 1 - depth for m in marks if m[2] == quote and len(m[1]) % (2 * depth + 2) == depth)
        end = next(ends, -1)
    else:
        end = text.find(mark, start, limit)
    if end < 0:
        end = text.find("\n", start, limit)
    return end if end >= 0 else min(len(text), limit)


def _bare_span(text: str, found: Found) -> Span | None:
    i = found.value_at
    is_weak = (found.kind is WEAK or found.kind is SESSION) and not found.name.lower().endswith("auth")
    judged = (_WEAK_START if is_weak else _BARE_START).match(text, i)
    if judged is None or found.joint in {"comma", "call"}:
        return None
    value, end = judged[0], judged.end()
    if found.joint == "%" and (encoded := _ENCODED_END.search(value)):
        value, end = value[: encoded.start()], i + encoded.start()
    elif len(value) >= _MAX_JUDGED:
        whole = _BARE.match(text, i)
        end = max(end, whole.end()) if whole else end
    return (i, end) if value and _is_bare_secret(text, found, value, end) else None


def _is_bare_secret(text: str, found: Found, value: str, end: int) -> bool:
    first = value[0]
    if first in "=:>":
        return False
    value = value.rstrip(":.")  # of the sentence
    if found.kind is PERSONAL:
        return not (is_state(value) or _is_code(text, value, end))
    if first in "-0123456789" and _NUMBER.fullmatch(value):
        return value.isdigit() and found.hides_numbers and len(value) >= LEAST_DIGITS
    if _is_reference(found.name, value.lstrip("-")):
        return False
    if found.is_prose and not (is_telling(value) and any(map(str.isdigit, value))):
        return False
    if found.joint == ":" and value.isalpha() and not value[1:].isupper() and _PROSE.match(text, end):
        return False  # authorization: approved by
    return is_secret(found.name, found.kind, value) and not _is_code(text, value, end)


def _is_reference(name: str, value: str) -> bool:
    """Return whether a bare value names what it stands for: ``self.pw = pw``, ``secret_key=aws_secret_access_key``."""
    lower, name = value.lower(), name.lower()
    last = name.rpartition(".")[2]
    if (len(value) > 3 and lower in name) or last == lower.rpartition(".")[2]:  # noqa: PLR2004
        return True
    if not len(last) <= len(value) <= MAX_NAME or not value.replace("_", "").isalpha():
        return False
    return set(words_of(last)) <= set(words_of(value))


def _is_code(text: str, value: str, end: int) -> bool:
    """Return whether a bare value is an expression: ``config.password``, ``getpass()``, ``$(cat key)``."""
    if value[0] in "f$%<{\"'" and _REFERENCE.match(value):
        return True
    if "." in value and _DOTTED.fullmatch(value):
        return True
    call = _CALL.match(value) if "(" in value or "[" in value else None
    return call is not None and (call.end() == len(value) or text[end : end + 1] in {",", ")", "]", "'", '"'})


def _list_spans(text: str, found: Found) -> tuple[list[Span], int]:
    """Return where the secrets of a list or object stand, without values that describe it, and where it ends."""
    i = found.value_at
    end = text.find({"[": "]", "(": ")", "{": "}"}[text[i]], i, i + _MAX_LIST)
    end = end if end >= 0 else min(len(text), i + _MAX_LIST)
    spans, key = [], ""
    for item in _STRING.finditer(text, i, end):
        if text[item.end() : item.end() + 2].lstrip().startswith(":"):
            key = item[3].lower()
            continue
        if key not in DESCRIPTIVE and not is_identifier(item[3]) and is_secret("", found.kind, item[3]):
            spans.append(item.span(3))
        key = ""
    return spans, end
