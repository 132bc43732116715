r"""Where in a text a telling name stands, and what joins it to its value: ``=``, ``:``, ``>``, ``is``, a space.

A name is found by a stem that all telling names have (`STEMS`), so that text without one is passed in one sweep.
"""

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Final, NamedTuple

from sevenfold.redaction.judge import Judge
from sevenfold.redaction.rules.names import MAX_NAME, NONE, STRONG, WEAK, Kind, word_set

#: Each telling name has one of these in it.
STEMS: Final = word_set(
    "pass pw pswd secret cred token key auth cookie jwt otp sess sid sig code pin cvv cvc srf psk dsn conn webhook"
    " hmac bearer salt nonce id_rsa id_dsa id_ec id_ed phrase mnemonic contrase mot_de mot-de kennwort senha wachtw"
    " parola haslo hasło losenord lösenord adgangs salasana heslo пароль 密码 密碼 パスワード 비밀번호"
)
_ESCAPED: Final = re.compile(r"\\{1,15}u([0-9a-fA-F]{4})")  # a letter of a name, as JSON may write it
_REST: Final = rf"[\w.-]{{0,{MAX_NAME}}}+(?:\\{{1,15}}u[0-9a-f]{{4}}[\w.-]{{0,{MAX_NAME}}}+){{0,16}}+"
_BY_FREQUENCY: Final = " etaoinsrhldcumfpgwybvkxjqz"  # letters of English text; any other is rarer
_N_LETTERS: Final = 10**6
_SIGNS: Final = (":", "=", "'", '"', ">", "(", "%", "&", "`", "\\", "\t", "--")  # a rule finds nothing without one

MARK: Final = r"(?:\\{0,15}[\"'`]|&(?:quot|apos|#3[49]|#x2[27]);|%2[27]|\\u002[27]|\\x2[27])"  # a quotation mark
_SIGN: Final = r"(?:[:?+.|&!]{0,3}={1,3}>?|:{1,3}(?!//)|%3[ad]|\\u003[ad]|&#6[01];|&#x3[ad];)"
_VALUE: Final = r"(?=[^\s,;&)}\]<>|]|&(?:quot|apos|#))"
# Words alone join a name and a value only where the value can be told from prose, or a type or attribute follows.
_TELLING: Final = rf"(?={MARK}|[^\s\"'`,;&)}}\]<>|]{{0,60}}\d|[\w:-]{{1,40}}\s?=)"
# What joins a name and its value; the group that matched says how.
_JOINT: Final = (
    rf"(?P<quote>{MARK}?\]?)(?:"
    rf"(?P<assign>\s{{0,3}}{_SIGN}(?:\s{{0,2}}[|>][-+]?[ \t]{{0,2}}\r?\n)?\s{{0,16}}){_VALUE}"
    rf"|(?P<labelled>\s{{0,2}},?\s{{0,16}}{MARK}?\b(?:value|val){MARK}?\s{{0,2}}[:=]\s{{0,2}}){_VALUE}"
    rf"|(?P<comma>\s{{0,2}},\s{{0,2}})(?=b?{MARK})"
    r"|(?P<tag>>\s{0,16})(?=[^\s<])"
    rf"|(?P<call>\()(?={MARK})"
    rf"|(?P<copula>[ \t]{{1,2}}(?:is|was)[ \t]{{1,2}}){_TELLING}"
    rf"|(?P<space>[ \t]{{1,2}}){_TELLING})"
)
#: An option of a command line with its value behind a space.
FLAG: Final = re.compile(rf"(?<![\w-])--(?P<name>[A-Za-z][\w.-]{{1,{MAX_NAME}}}+)[ \t]{{1,2}}(?=[^\s-])")
_NAME_BACKWARDS: Final = re.compile(rf"\A[\w.-]{{0,{MAX_NAME}}}+")
_WORD_BEFORE: Final = re.compile(r"([^\W_][\w.-]{0,24}+)[ _]\Z")
_TAG_END: Final = re.compile(r"(?<!\s)\s[^<>]{0,100}+>\s{0,16}(?=[^\s<])")
#: Names of one word that say more with the word before them: ``API KEY: ...``.
_LONELY: Final = word_set("key keys token tokens code string id")
#: Parameters of a URL that sign or grant it.
_PARAMETERS: Final = {"sig": STRONG, "signature": STRONG, "hmac": STRONG, "key": WEAK, "code": WEAK}


class Found(NamedTuple):
    """A telling name and what joins it to its value."""

    name: str
    kind: Kind
    hides_numbers: bool
    joint: str  # the name of a group of _JOINT; of "assign" its sign
    value_at: int
    name_at: int
    is_quoted: bool

    @property
    def is_prose(self) -> bool:
        """Whether only words join name and value: then only a telling value is a secret."""
        return self.joint in {"copula", "space"}


@cache
def finder(stems: frozenset[str] = STEMS) -> re.Pattern[str]:
    """Return the pattern that finds telling names by their stems, in a text in lower case."""
    return re.compile(rf"(?:{_any_of(stems)}){_REST}{_JOINT}")


@cache
def glance(stems: frozenset[str] = STEMS) -> re.Pattern[str]:
    """Return a pattern that matches each lower-case text that has a rule's sign or a telling name in it."""
    return re.compile("|".join([*map(re.escape, _SIGNS), _any_of([*stems, "machine"])]))


def _any_of(stems: Iterable[str]) -> str:
    """Return a pattern of stems, each looked for at its rarest letter ("token" at its "k"), which few texts have."""
    by_letter: dict[str, list[str]] = {}
    escaped = {json.dumps(stem)[1:-1] for stem in stems}
    for stem in sorted(escaped.union(stems)):
        at = max(range(len(stem)), key=lambda i: _BY_FREQUENCY.find(stem[i]) % _N_LETTERS)
        at = stem.find("\\") if "\\" in stem else at
        behind = f"(?<={re.escape(stem[: at + 1])})" if at else ""
        rest = re.escape(stem[at:])[len(re.escape(stem[at])) :].replace(r"\\u", r"\\{1,15}u")  # in JSON within JSON
        by_letter.setdefault(re.escape(stem[at]), []).append(behind + (r"\\{0,14}" if stem[at] == "\\" else "") + rest)
    return "|".join(f"{letter}(?:{'|'.join(rests)})" for letter, rests in by_letter.items())


def lower_case(text: str) -> str:
    """Return a text in lower case, character by character, so that places in both are the same."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(c if len(c.lower()) > 1 else c.lower() for c in text)


def found_at(text: str, match: re.Match[str], judge: Judge) -> Found | None:
    """Return the telling name that `finder` found, and what joins it to its value; None if it tells nothing there."""
    stem_at, name_end = match.start(), match.start("quote")
    start = _name_start(text, stem_at)
    behind = text[start - 1 : start] if start else ""
    if behind == "\\" and start < stem_at and text[start] in "nrtfbv":
        start += 1  # the letter of an escape: \nPASSWORD=
    name = text[start:name_end].strip(".-")
    if "\\u" in name:
        name = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), name)
    about = judge.about(name)
    known = about.kind
    if behind in {"?", "&", " ", "_"}:
        known = _kind_here(text, name, start, known, judge)
    if known is NONE:
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
    return Found(name, known, about.hides_numbers, joint, value_at, start, is_quoted=name_end != match.end("quote"))


def _name_start(text: str, stem_at: int) -> int:
    """Return where the name around a stem begins, at most 64 characters before it."""
    if stem_at == 0 or not (text[stem_at - 1].isalnum() or text[stem_at - 1] in "_.-"):
        return stem_at
    before = _NAME_BACKWARDS.match(text[max(0, stem_at - MAX_NAME) : stem_at][::-1])
    return stem_at - (before.end() if before else 0)


def _kind_here(text: str, name: str, start: int, known: Kind, judge: Judge) -> Kind:
    """Return what a name says in its place: as a parameter of a URL, behind another word."""
    lower = name.lower()
    if text[start - 1] in "?&":
        return _PARAMETERS.get(lower, known) if known is NONE or known is WEAK else known
    if lower not in _LONELY or not (known is NONE or known is WEAK):
        return known
    word = _WORD_BEFORE.search(text, max(0, start - 24), start)
    with_word = judge.kind(f"{word[1]} {name}") if word else NONE
    return known if with_word is NONE else with_word
