r"""Names and values within a text: ``password=...``, ``"api_key": "..."``, ``--token ...``, ``<secret>...</secret>``.

Only the value goes; quotation marks and an authorization scheme stay, so that JSON stays JSON. Quotation marks may be
escaped to any depth (``\"``, ``\\\"``, ``&quot;``, ``%22``), as in JSON within JSON.

A name is found by a stem that all telling names have (`STEMS`), so that text without one is passed in one sweep. What
is read of a name and a value is bounded until the value is known to be a secret, and then read once: the whole takes
time linear in the text.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from sevenfold.redaction.looks import SCHEMES, is_digits_secret, is_identifier, is_secret, is_state, is_telling
from sevenfold.redaction.names import (
    DESCRIPTIVE,
    MAX_NAME,
    NONE,
    PERSONAL,
    SESSION,
    STRONG,
    WEAK,
    Kind,
    word_set,
)
from sevenfold.redaction.texts import REDACTED

#: Each telling name has one of these in it.
STEMS: Final = word_set(
    "pass pw pswd secret cred token key auth cookie jwt otp sess sid sig code pin cvv cvc csc srf psk dsn conn webhook"
    " hmac bearer salt nonce id_rsa id_dsa id_ec id_ed phrase mnemonic contrase mot_de mot-de kennwort senha wachtw"
    " parola haslo hasło losenord lösenord adgangs salasana heslo пароль 密码 密碼 パスワード 비밀번호"
)
MAX_VALUE: Final = 8192  # characters of a value that are read
_MAX_JUDGED: Final = 256  # characters that decide whether a bare value is a secret
_MAX_LIST: Final = 4096
_BY_FREQUENCY: Final = " etaoinsrhldcumfpgwybvkxjqz"  # letters of English text; what isn't among them is rarest of all
_N_LETTERS: Final = 10**6
_SIGNS: Final = (":", "=", "'", '"', ">", "(", "%", "&", "`", "\\", "\t", "--")  # one is in each text that a rule finds

_MARK: Final = r"(?:\\{0,15}[\"'`]|&(?:quot|apos|#3[49]|#x2[27]);|%2[27]|\\u002[27]|\\x2[27])"  # a quotation mark
_SIGN: Final = r"(?:[:?+.|&!]{0,3}={1,3}>?|:{1,3}(?!//)|%3[ad]|\\u003[ad]|&#6[01];|&#x3[ad];)"
_VALUE: Final = r"(?=[^\s,;&)}\]<>|]|&(?:quot|apos|#))"
# Words alone join a name and a value only where the value can be told from prose, or a type or attribute follows.
_TELLING: Final = rf"(?={_MARK}|[^\s\"'`,;&)}}\]<>|]{{0,60}}\d|[\w:-]{{1,40}}\s?=)"
# What joins a name and its value; the group that matched says how.
_JOINT: Final = (
    rf"(?P<quote>{_MARK}?\]?)(?:"
    rf"(?P<assign>\s{{0,3}}{_SIGN}(?:\s{{0,2}}[|>][-+]?[ \t]{{0,2}}\r?\n)?\s{{0,16}}){_VALUE}"
    rf"|(?P<labelled>\s{{0,2}},?\s{{0,16}}{_MARK}?\b(?:value|val){_MARK}?\s{{0,2}}[:=]\s{{0,2}})"
    rf"|(?P<comma>\s{{0,2}},\s{{0,2}})(?=b?{_MARK})"
    r"|(?P<tag>>\s{0,16})(?=[^\s<])"
    rf"|(?P<call>\()(?={_MARK})"
    rf"|(?P<copula>[ \t]{{1,2}}(?:is|was)[ \t]{{1,2}}){_TELLING}"
    rf"|(?P<space>[ \t]{{1,2}}){_TELLING})"
)
_FLAG: Final = re.compile(rf"(?<![\w-])--(?P<name>[A-Za-z][\w.-]{{1,{MAX_NAME}}}+)[ \t]{{1,2}}(?=[^\s-])")
_NAME_BACKWARDS: Final = re.compile(rf"[\w.-]{{0,{MAX_NAME}}}+")
_OPENING: Final = re.compile(rf"[@$]?[brfuBRFU]{{0,2}}({_MARK})")
_OPENERS: Final = frozenset("\\\"'`&%@$brfuBRFU")
_IN_QUOTES: Final = {mark: re.compile(rf"(?:[^{mark}\\]|\\.){{0,{MAX_VALUE}}}+", re.DOTALL) for mark in "\"'`"}
_BACKSLASHED: Final = re.compile(r"(\\*)([\"'`])")
_STRING: Final = re.compile(r"(\\{0,15})([\"'])((?:(?!\1\2)[^\n]){0,1024}+)\1\2")
_BARE: Final = re.compile(r"[^\s,;&)}\]\"'<>|\\`]+")
_BARE_START: Final = re.compile(rf"[^\s,;&)}}\]\"'<>|\\`]{{1,{_MAX_JUDGED}}}+")
_WEAK_RUN: Final = r"(?:[^\s,;&)}\]\"'<>|\\`=:%]|%(?!3[ADad]|26))"
_WEAK_START: Final = re.compile(rf"={{0,2}}{_WEAK_RUN}{{1,{_MAX_JUDGED}}}+(?:=+{_WEAK_RUN}{{1,64}}+){{0,3}}+=*")
_ENCODED_END: Final = re.compile(r"%3[Bb]|%26")
_TO_LINE_END: Final = re.compile(rf"[^\r\n\"'\\]{{1,{MAX_VALUE}}}+")
_CREDENTIALS: Final = re.compile(
    rf"(?:(?!\[redacted\])[\w-]{{2,24}}+ +)?[^\s,\"'\\;&<>]{{1,{MAX_VALUE}}}+(?:, ?\w+=\"?[^\s,\"]{{0,1024}}+\"?)*+"
)
_TAG_END: Final = re.compile(r"\s[^<>]{0,200}>\s{0,16}(?=[^\s<])")
_TYPED: Final = re.compile(r"[\w.\[\]| ]{1,60}?\s?=\s{0,3}")
_TYPE: Final = re.compile(
    r"(?:str|bytes|int|bool|float|optional|final|union|any|list|dict|secretstr|none|classvar|literal|annotated|string)\b",
    re.IGNORECASE,
)
_DOTTED: Final = re.compile(r"[^\W\d]+(?:\.[^\W\d]+)+")
_CALL: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*[(\[]")
_REFERENCE: Final = re.compile(r"f?[\"']?(?:\$[{(A-Z]|%\(|[<{])")
_FORMATTED: Final = re.compile(r"\{\w*\}|\$\{")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")
_PROSE: Final = re.compile(" [a-z]")
#: Names of one word that say more with the word before them: ``API KEY: ...``.
_LONELY: Final = word_set("key keys token tokens code string id")
#: Parameters of a URL that sign or grant it.
_PARAMETERS: Final = {"sig": STRONG, "signature": STRONG, "hmac": STRONG, "key": WEAK, "code": WEAK}

Judge = Callable[[str], Kind]
Span = tuple[int, int]


class _Found(NamedTuple):
    """A telling name and what joins it to its value."""

    name: str
    kind: Kind
    joint: str  # the name of a group of _JOINT; of "assign" its sign
    value_at: int
    is_quoted: bool

    @property
    def is_prose(self) -> bool:
        """Whether nothing but words stands between: only a telling value is one then."""
        return self.joint in {"copula", "space"}


def finder(stems: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern that finds telling names by their stems, in a text in lower case."""
    return re.compile(rf"(?:{_any_of(stems)})[\w.-]{{0,{MAX_NAME}}}+{_JOINT}")


def glance(stems: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern without which a text in lower case has no rule's sign and no telling name in it."""
    return re.compile("|".join([*map(re.escape, _SIGNS), _any_of([*stems, "machine"])]))


def _any_of(stems: Iterable[str]) -> str:
    """Return a pattern of stems, each looked for at its rarest letter, "token" at its "k": most letters are left at once."""
    by_letter: dict[str, list[str]] = {}
    for stem in sorted(set(stems)):
        at = max(range(len(stem)), key=lambda i: _BY_FREQUENCY.find(stem[i]) % _N_LETTERS)
        behind = f"(?<={re.escape(stem[: at + 1])})" if at else ""
        by_letter.setdefault(re.escape(stem[at]), []).append(behind + re.escape(stem[at + 1 :]))
    return "|".join(f"{letter}(?:{'|'.join(rests)})" for letter, rests in by_letter.items())


FINDER: Final = finder(STEMS)
GLANCE: Final = glance(STEMS)


def redact_assignments(text: str, kind: Judge, pattern: re.Pattern[str] = FINDER) -> str:
    """Replace the values of telling names in a text.

    Parameters
    ----------
    text : str
        Any text.
    kind : callable
        What a name says; see `names.kind_of`.
    pattern : re.Pattern
        Finds the names; see `finder`.
    """
    if "--" in text:
        text = _redact_flags(text, kind)
    lower = _lower(text)
    parts: list[str] = []
    done = at = list_end = 0
    list_kind = NONE
    while match := pattern.search(lower, at):
        at = match.end("quote")
        found = _found(text, match, kind)
        if found is None:
            continue
        if text[found.value_at] in "[({" and found.joint in {":", "=", "labelled"}:
            if found.value_at < list_end and (list_kind is STRONG or list_kind is found.kind):
                continue  # its strings were looked at with those of the list around it
            spans, list_end = _list_spans(text, found)
            list_kind = found.kind
        else:
            span = _value_span(text, found)
            spans = [span] if span else []
        for start, end in spans:
            parts += [text[done:start], REDACTED]
            done = at = end
    return "".join([*parts, text[done:]]) if parts else text


def _redact_flags(text: str, kind: Judge) -> str:
    """Replace what stands behind the telling options of a command line: ``--password ...``."""
    parts: list[str] = []
    done = at = 0
    while match := _FLAG.search(text, at):
        at = match.end()
        known = kind(match["name"])
        if known is not NONE and known is not PERSONAL:
            span = _value_span(text, _Found(match["name"], known, "=", at, is_quoted=False))
            if span:
                parts += [text[done : span[0]], REDACTED]
                done = at = span[1]
    return "".join([*parts, text[done:]]) if parts else text


def _lower(text: str) -> str:
    """Return a text in lower case, character by character, so that places in both are the same."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(c if len(c.lower()) > 1 else c.lower() for c in text)


def _found(text: str, match: re.Match[str], kind: Judge) -> _Found | None:
    stem_at, name_end = match.start(), match.start("quote")
    start = _name_start(text, stem_at)
    behind = text[start - 1 : start] if start else ""
    if behind == "\\" and start < stem_at and text[start] in "nrtfbv":
        start += 1  # the letter of an escape: \nPASSWORD=
    name = text[start:name_end].strip(".-")
    known = kind(name)
    if behind in {"?", "&", " ", "_"}:
        known = _kind_here(text, name, start, known, kind)
    if known is NONE or known is PERSONAL:
        return None
    joint, value_at = str(match.lastgroup), match.end()
    if joint == "assign":
        sign = match["assign"]
        joint = ":" if ":" in sign else "%" if "%" in sign else "="
        if behind == ":" == joint:
            return None  # arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db
    elif joint == "space" and behind == "<":
        tag = _TAG_END.match(text, name_end)
        joint, value_at = ("tag", tag.end()) if tag else (joint, value_at)
    if joint == "tag" and behind != "<" and text.rfind("<", max(0, start - 24), start) < 0:
        return None
    return _Found(name, known, joint, value_at, is_quoted=name_end != match.end("quote"))


def _name_start(text: str, stem_at: int) -> int:
    """Return where the name begins that has a stem in it, at most 64 characters before."""
    if stem_at == 0 or not (text[stem_at - 1].isalnum() or text[stem_at - 1] in "_.-"):
        return stem_at
    before = _NAME_BACKWARDS.match(text[max(0, stem_at - MAX_NAME) : stem_at][::-1])
    return stem_at - (before.end() if before else 0)


def _kind_here(text: str, name: str, start: int, known: Kind, kind: Judge) -> Kind:
    """Return what a name says in its place: as a parameter of a URL, behind another word."""
    lower = name.lower()
    if text[start - 1] in "?&":
        return known if known is STRONG else _PARAMETERS.get(lower, known)
    if lower not in _LONELY or not (known is NONE or known is WEAK):
        return known
    words = text[max(0, start - 24) : start].rstrip().rsplit(None, 1)
    with_word = kind(f"{words[-1].strip('([{')} {name}") if words else NONE
    return known if with_word is NONE else with_word


def _value_span(text: str, found: _Found) -> Span | None:
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


def _header_span(text: str, found: _Found) -> Span | None:
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
    if rest:
        secret = first.lower() in SCHEMES and rest != REDACTED and not is_identifier(rest)
        return (whole.end() - len(rest), whole.end()) if secret else None
    secret = len(first) > 9 and not is_state(first) and not _is_code(text, first, whole.end())  # noqa: PLR2004
    return whole.span() if secret else None


def _quoted_span(text: str, found: _Found, opening: re.Match[str]) -> Span | None:
    start = opening.end()
    end = _closing(text, start, opening[1])
    if found.kind is not STRONG and (line_end := text.find("\n", start, end)) >= 0:
        end = line_end  # what is drawn at random has no second line
    value = text[start:end]
    if (found.joint == "comma" and is_identifier(value)) or value.endswith(REDACTED):
        return None
    if "{" in value[:_MAX_JUDGED] and _FORMATTED.search(value[:_MAX_JUDGED]):
        return None
    scheme, _, rest = value[:40].partition(" ")
    if rest and scheme.lower() in SCHEMES:
        start += len(scheme) + 1
        value = text[start:end]
    known = WEAK if found.joint == "call" else found.kind
    if not is_secret(found.name, known, value) or (found.is_prose and not is_telling(value)):
        return None
    return start, end


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


def _bare_span(text: str, found: _Found) -> Span | None:
    i = found.value_at
    is_weak = (found.kind is WEAK or found.kind is SESSION) and not found.name.lower().endswith("auth")
    judged = (_WEAK_START if is_weak else _BARE_START).match(text, i)
    if judged is None or found.joint in {"comma", "call"}:
        return None
    value, end = judged[0], judged.end()
    if found.joint == "%" and (encoded := _ENCODED_END.search(value)):
        value, end = value[: encoded.start()], i + encoded.start()
    elif len(value) >= _MAX_JUDGED:
        end = max(end, _BARE.match(text, i).end())  # type: ignore[union-attr] - it matched already
    return (i, end) if value and _is_bare_secret(text, found, value, end) else None


def _is_bare_secret(text: str, found: _Found, value: str, end: int) -> bool:
    first = value[0]
    if first in "=:>-0123456789" and (first in "=:>" or _NUMBER.fullmatch(value)):
        return value.isdigit() and found.kind is STRONG and is_digits_secret(found.name, value)
    if len(value) > 3 and value.lower() in found.name.lower():  # noqa: PLR2004
        return False  # self.password = password
    if found.is_prose and not (is_telling(value) and any(map(str.isdigit, value))):
        return False
    if found.joint == ":" and value.isalpha() and value.islower() and _PROSE.match(text, end):
        return False  # authorization: approved by
    return is_secret(found.name, found.kind, value) and not _is_code(text, value, end)


def _is_code(text: str, value: str, end: int) -> bool:
    """Return whether a bare value is an expression: ``config.password``, ``getpass()``, ``$(cat key)``."""
    if value[0] in "f$%<{\"'" and _REFERENCE.match(value):
        return True
    if "." in value and _DOTTED.fullmatch(value):
        return True
    call = _CALL.match(value) if "(" in value or "[" in value else None
    return call is not None and (call.end() == len(value) or text[end : end + 1] in {",", ")", "]", "'", '"'})


def _list_spans(text: str, found: _Found) -> tuple[list[Span], int]:
    """Return where the secrets of a list or object stand, and its end: of an object values that don't describe it."""
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
