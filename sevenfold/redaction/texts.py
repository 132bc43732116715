"""Find secrets in a text by their own looks: shapes, key blocks, schemes, URLs, command lines.

Each rule stands in `RULES` with its reason and its source. A rule takes time linear in the text: it begins at a literal
or at the start of a run, reads a bounded stretch, and goes on behind what it has read.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from sevenfold.redaction.rules.looks import is_basic, is_state, looks_random
from sevenfold.redaction.rules.shapes import INNER_SHAPES, PATH_SECRETS, SHAPES, compiled

REDACTED: Final = "[redacted]"
# What is no token: a word and numbers (batch-001-0000042), a number in hexadecimal (a UUID, a digest), a time, a
# decimal number; one a line.
_ID: Final = (
    r"(?:(?!x)[a-z]{1,16}+(?:[-_.][0-9]{1,12}+)*+(?![^\n])"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{2,18}+(?:Z|[+-][0-9:]{5,8}+)?+|-?[0-9]{1,40}+\.[0-9]{1,40}+"
    r"|[0-9a-f]{1,128}+(?:-[0-9a-f]{1,32}+)*+)"
)
ARE_IDS: Final = re.compile(rf"{_ID}(?:\n{_ID})*+\n?")
_INNER: Final = tuple((*literals, re.compile(pattern, re.ASCII)) for _, literals, pattern, _ in INNER_SHAPES)
_SHORTEST_INNER: Final = 36
LONGEST_WORD: Final = 11  # characters of a word that is no token
_FEW_WORDS: Final = 10_000  # characters
_PATHS: Final = tuple(
    re.compile(rf"(?P<keep>{before})[^\s\"'<>`\\?#&)[\]}}|,;]{{8,}}", re.ASCII) for _, before, _ in PATH_SECRETS
)

_KEY_BEGINS: Final = re.compile(r"-{4,5} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}|PuTTY-User-Key-File-\d")
_KEY_ENDS: Final = re.compile(r"-{4,5} ?END [A-Z0-9 ]{0,40}KEY(?: BLOCK)? ?-{4,5}|Private-MAC: \w+")
_QUOTES: Final = re.compile(r"[\"'`<>]")
_SCHEME: Final = re.compile(
    r"(?<![\w.-])([bB][aA][sS][iI][cC]|[bB][eE][aA][rR][eE][rR]|[nN][eE][gG][oO][tT][iI][aA][tT][eE]|N[tT][lL][mM])"
    r"\s{1,3}([\w.~+/=-]{8,}+)"
)
_USERINFO: Final = re.compile(r"://(?P<user>[^\s/:@\"'<>`?#\[]{0,256}+)(?P<sign>[:@])")
_PORT: Final = re.compile(r"\d{1,5}(?:[/?#,;\s\"'`)\]}\\]|$)")
_URL_STOPS: Final = re.compile(r"[\s\"'<>`]")
_MAX_USERINFO = 1024
_LEAST_USER_TOKEN = 20
_LEAST_BEARER = 16
_CURL: Final = re.compile(
    r"(?P<keep>(?<![\w-])(?:-u|-U|--user|--proxy-user)[ =]?[\"']?[^\s:\"'-][^\s:\"']{0,128}:)[^\s\"'/][^\s\"']{0,255}"
)
_LOGIN: Final = re.compile(
    r"(?P<keep>\bmachine\s{1,3}\S{1,255}+\s{1,3}login\s{1,3}\S{1,128}+\s{1,3}password\s{1,3})\S+"
)


@dataclass(frozen=True, slots=True)
class TextRule:
    """A rule for texts.

    Attributes
    ----------
    name : str
        What it finds.
    why : str
        Why that is a secret.
    source : str
        Where its form is defined or published.
    needs : str
        A character in each text that has such a secret: quicker to look for than hints.
    hints : tuple of str
        Literals, one of which is in each such text.
    redact : callable
        Takes a text and returns it without the secrets.
    """

    name: str
    why: str
    source: str
    needs: str
    hints: tuple[str, ...]
    redact: Callable[[str], str]


def _keep(found: re.Match[str]) -> str:
    return found["keep"] + REDACTED


def _token(found: re.Match[str]) -> str:
    return found[0][: found.start(1) - found.start()] + REDACTED


@cache
def token_pattern(*, behind_escapes: bool = False) -> re.Pattern[str]:
    """Return the regular expression of all shapes with a prefix."""
    return compiled(SHAPES, behind_escapes=behind_escapes)


def redact_shapes(text: str) -> str:
    """Replace the tokens of known services."""
    if len(text) <= _FEW_WORDS:  # each token is a long word, and few words are long
        words = " ".join([word for word in text.split() if len(word) > LONGEST_WORD])
        return _redact_tokens(text) if words and _redact_tokens(words) != words else text
    return _redact_tokens(text)


def _redact_tokens(text: str) -> str:
    shape = token_pattern(behind_escapes=True) if "%" in text or "\\" in text or "\x1b" in text else token_pattern()
    if shape.search(" " + text):
        text = shape.sub(_token, " " + text)[1:]
    if len(text) >= _SHORTEST_INNER:
        for sign, literal, pattern in _INNER:
            if sign in text and literal in text:
                text = pattern.sub(REDACTED, text)
    return text


def _redact_paths(text: str) -> str:
    for pattern in _PATHS:
        text = pattern.sub(_keep, text)
    return text


def _redact_key_blocks(text: str) -> str:
    """Replace private keys; one without an end is replaced up to the next quotation mark."""
    parts, at, has_end = [], 0, True
    while found := _KEY_BEGINS.search(text, at):
        end = _KEY_ENDS.search(text, found.end()) if has_end else None
        has_end = end is not None
        end = end or _QUOTES.search(text, found.end())
        parts += [text[at : found.start()], REDACTED]
        at = len(text) if end is None else end.end() if has_end else end.start()
    return "".join([*parts, text[at:]])


def _redact_schemes(text: str) -> str:
    return _SCHEME.sub(_scheme, text)


def _scheme(found: re.Match[str]) -> str:
    scheme, value = found[1].lower(), found[2]
    if scheme == "basic":
        secret = is_basic(value.rstrip("."))
    elif scheme == "bearer":
        secret = len(value) >= _LEAST_BEARER and looks_random(value)
    else:
        secret = value.startswith(("YII", "TlRM", "oYI", "YHQ"))  # GSS-API and NTLMSSP in Base64
    return found[0][: found.start(2) - found.start()] + REDACTED if secret else found[0]


def _redact_urls(text: str) -> str:
    """Replace the password in ``scheme://user:password@host``, or a token that stands for both."""
    parts: list[str] = []
    done = at = 0
    while found := _USERINFO.search(text, at):
        at = found.end()
        user = found["user"]
        if found["sign"] == "@":
            start, end = found.start("user"), found.end("user")
            if len(user) < _LEAST_USER_TOKEN or not looks_random(user):
                continue
        else:
            start, end = found.end(), _end_of_password(text, found.end())
        if end > start and not is_state(text[start:end]):
            parts += [text[done:start], REDACTED]
            done = at = end
    return "".join([*parts, text[done:]])


def _end_of_password(text: str, start: int) -> int:
    """Find the last "@" of a URL; 0 if there is none, or a port stands there."""
    limit = start + _MAX_USERINFO
    if text.find("@", start, limit) < 0 or _PORT.match(text, start):
        return 0
    stop = _URL_STOPS.search(text, start, limit)
    return max(text.rfind("@", start, stop.start() if stop else limit), 0)


def _redact_curl(text: str) -> str:
    return _CURL.sub(_keep, text)


def _redact_logins(text: str) -> str:
    return _LOGIN.sub(_keep, text)


#: The rules, in the order of their application.
RULES: Final = (
    TextRule(
        "private key",
        "its holder passes for its owner; PEM, PGP, SSH and PuTTY files",
        "RFC 7468, RFC 9580, PuTTY manual appendix C",
        "-",
        ("PRIVATE KEY", "PuTTY-User-Key"),
        _redact_key_blocks,
    ),
    TextRule("token", "a service's keys have its shape", "see shapes", "", ("",), redact_shapes),
    TextRule(
        "webhook",
        "its path is all that is needed to call it",
        "see shapes.PATH_SECRETS",
        "/",
        ("hooks", "hook.", "/bot", "/with/key/", "hc-ping", "integration/"),
        _redact_paths,
    ),
    TextRule(
        "credentials behind their scheme",
        "Basic is a password in Base64, and who bears a token may use it",
        "RFC 7617, RFC 6750, RFC 4559",
        " ",
        ("asic", "earer", "ASIC", "EARER", "egotiate", "NTLM"),
        _redact_schemes,
    ),
    TextRule("URL", "a password may stand before its host", "RFC 3986, section 3.2.1", ":", ("://",), _redact_urls),
    TextRule(
        "command line",
        "curl and wget take user:password",
        "man curl, -u",
        "-",
        ("curl", "wget", "http", "-user"),
        _redact_curl,
    ),
    TextRule("netrc", "it names a password without a sign", "man netrc", " ", ("machine ",), _redact_logins),
)


def redact_text(text: str) -> str:
    """Replace each text that looks like a secret by itself, under any name."""
    for rule in RULES:
        if rule.needs in text and any(map(text.__contains__, rule.hints)):
            text = rule.redact(text)
    return text
