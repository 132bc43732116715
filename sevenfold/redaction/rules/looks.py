"""What a value looks like: a state, drawn at random, unlike ordinary text; each answer in time linear in the value."""

import base64
import binascii
import re
from typing import Final

from sevenfold.redaction.rules.names import (
    COUNTING,
    LOCATOR,
    NONE,
    PERSONAL,
    SESSION,
    STRONG,
    WEAK,
    Kind,
    word_set,
    words_of,
)

_LOOKED_AT: Final = 256  # characters: enough to see whether a text is drawn at random
MAX_TELLING: Final = 8192  # characters of a secret that is looked for elsewhere
LEAST_DIGITS: Final = 3
LEAST_NUMBER: Final = 100  # a PIN or CVV has three digits at least

#: Texts that say how a secret is, and aren't one.
STATES: Final = word_set(
    "true false yes no none null nil undefined nan inf -inf infinity -infinity missing required optional ok invalid"
    " valid expired set unset present"
    " absent enabled disabled unknown n/a na empty approved denied declined pending accepted rejected active inactive"
    " revoked default string str bytes int bool float any object text password secret token key hidden redacted masked"
    " filtered removed changed failed wrong incorrect correct not closed open lax strict sent used unused needed"
    " forbidden allowed basic digest bearer oauth oauth2 header cookie query env vault keycloak iam local never always"
    " required. auto manual rotated unchanged mismatch matches ask prompt"
)
#: What stands for a secret: stars, ``${DB_PASSWORD}``, ``{{ token }}``, ``<your key>``, ``%s``, ``[MASK]``.
_STAND_IN: Final = re.compile(
    r"\A(?:[*•·#-]{3,}|x{4,}|\.{3}|\[?<?(?:redacted|filtered|hidden|masked|removed|secret)>?\]?|\$\{.*|\$\(.*|\$[A-Z][A-Z_]*"
    r"|\{\{.*|\{\w*\}|%\(?\w*\)?s|SecretStr\(.*|<.*>|\[[A-Z]+\])",
    re.IGNORECASE | re.DOTALL,
)
_STAND_IN_STARTS: Final = frozenset("*•·#-xX.[<${%sSrRfFhHmM")
_UUID: Final = re.compile(r"\A[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_RUN: Final = re.compile(r"[^\W_]+")
_DIGIT: Final = re.compile(r"\d")
_DIGIT_TURN: Final = re.compile(r"(?<=\d)[^\W\d_]|(?<=[^\W\d_])\d")
_CASE_TURN: Final = re.compile(r"(?<=[a-z])[A-Z]|(?<=[A-Z])[a-z]")
_CAPITALISED: Final = re.compile(r"[A-Z]?[a-z]{3,}")
_INNER_DIGITS: Final = re.compile(r"[a-z]\d{2,20}[a-z]")
_ORDINARY: Final = re.compile(r"\A(?:[\d.,:/\s+-]*|/.*|\d{4}-\d\d-\d\d.*|[a-z][a-z0-9+.-]{0,20}://\S*)", re.DOTALL)
_IDENTIFIER: Final = re.compile(r"\A(?:[a-z][a-z_.-]*|[A-Z][A-Z_]*)")
_SYMBOL: Final = re.compile(r"[^\w./: -]")

#: The words before the credentials in an Authorization header (RFC 7235, and what services use besides).
SCHEMES: Final = word_set(
    "basic bearer token apikey api-key key digest negotiate ntlm hmac aws4-hmac-sha256 aws sharedkey"
    " sharedaccesssignature hawk oauth dpop privatetoken gss"
)
#: Last words of names under which a whole number is a secret.
NUMERIC_SECRETS: Final = word_set("password passwd passcode pwd pin otp totp cvv cvc cvv2 cvc2 code")


def is_state(text: str) -> bool:
    """Return whether a text says how a secret is, or stands for one: ``missing``, ``***``, ``${DB_PASSWORD}``."""
    bare = text.strip() if len(text) < 2 * _LOOKED_AT else text
    if not bare or len(bare) >= 40:  # noqa: PLR2004
        return not bare
    return bare.lower() in STATES or (bare[0] in _STAND_IN_STARTS and _STAND_IN.fullmatch(bare) is not None)


def is_identifier(text: str) -> bool:
    """Return whether a text is a plain name in one case: ``income``, ``db-password``, ``API_KEY``."""
    return _IDENTIFIER.fullmatch(text) is not None


def looks_random(text: str) -> bool:
    """Return whether a text looks drawn at random: digits and letters, or cases, take turns more than in words.

    Examples
    --------
    >>> looks_random("L81bwMhXBVCZqi9cHSkZPxEG58K4dpEn"), looks_random("bert-base-uncased-2024")
    (True, False)
    """
    text = text[:_LOOKED_AT]
    if len(text) < 10 or " " in text or (text.islower() and _DIGIT.search(text) is None):  # noqa: PLR2004
        return False
    longest = max(map(len, _RUN.findall(text)), default=0)
    turns = len(_DIGIT_TURN.findall(text))
    cases = len(_CASE_TURN.findall(text))
    often = longest >= 8 and turns >= 3  # noqa: PLR2004
    mixed = longest >= 10 and turns >= 2 and cases > 0  # noqa: PLR2004
    dense = len(text) >= 20 and longest >= 6 and cases + 2 * turns > 0.36 * len(text)  # noqa: PLR2004
    return (often or mixed or dense) and not _is_camel_case(text)


def _is_camel_case(text: str) -> bool:
    """Return whether a text is mostly capitalised words: ``S3ObjectPermissions2``."""
    if text.islower() or text.isupper() or _INNER_DIGITS.search(text):
        return False
    return sum(map(len, _CAPITALISED.findall(text))) > 0.65 * len(text)


def is_telling(text: str) -> bool:
    """Return whether a secret differs enough from ordinary text to be looked for elsewhere in its record.

    A secret that reads as a word, a date, a number, an address or a path doesn't: what a client sends as a password
    must not decide what of its record is written.

    Examples
    --------
    >>> is_telling("Zebra77kite"), is_telling("login failed"), is_telling("10.66.0.77")
    (True, False, False)
    """
    text = text.strip() if len(text) <= MAX_TELLING else ""
    if len(text) < 6 or _ORDINARY.fullmatch(text) or is_state(text):  # noqa: PLR2004
        return False
    if " " in text and "\n" not in text:
        return False
    has_letter, has_digit = any(map(str.isalpha, text)), any(map(str.isdigit, text))
    has_symbol = _SYMBOL.search(text) is not None
    if len(text) < 8:  # noqa: PLR2004
        return has_letter and has_digit and (has_symbol or text.lower() != text)
    return has_letter and (has_digit or has_symbol or (len(text) >= 16 and text.isalpha()) or looks_random(text))  # noqa: PLR2004


def is_number_secret(name: str, value: int) -> bool:
    """Return whether a whole number is a PIN or a password: ``otp=493021``; never where the name counts something."""
    if value < LEAST_NUMBER:
        return False
    words = words_of(name)
    return bool(words) and words[-1] in NUMERIC_SECRETS and COUNTING.isdisjoint(words)


def is_secret(name: str, kind: Kind, text: str) -> bool:
    """Return whether a text is a secret under a name.

    Parameters
    ----------
    name : str
        The name it stands under.
    kind : Kind
        What `names.kind_of` says of the name.
    text : str
        The value; a scheme before it (``Basic``) is not part of the secret.
    """
    if kind is NONE or kind is PERSONAL:
        return False
    value = without_scheme(text)
    if is_state(value):
        return False
    if kind is STRONG:
        return not _repeats(name, value)
    if kind is WEAK:
        return (looks_random(value) and not _is_path(value)) or _is_pair(name, value)
    if kind is SESSION:
        return looks_random(value) and _UUID.fullmatch(value) is None
    assert kind is LOCATOR  # noqa: S101 - for the next kind that is added
    return "://" not in value and "=" not in value.rstrip("=") and (looks_random(value) or is_telling(value))


def without_scheme(text: str) -> str:
    """Return a header's value without its scheme."""
    scheme, _, rest = text[:40].partition(" ")
    return text[len(scheme) + 1 :] if rest and scheme.lower() in SCHEMES else text


def _is_path(value: str) -> bool:
    return value[0] in "/.~" or value.count("/") * 9 > len(value)


def _repeats(name: str, value: str) -> bool:
    """Return whether the value of a key or token says its name again: ``IAM_AUTH_KEY = "IAM_AUTH"``."""
    if len(value) > 64 or ("_" not in value and "-" not in value):  # noqa: PLR2004
        return False
    if not value.replace("_", "").replace("-", "").isalpha():
        return False
    words = words_of(name)
    value_words = words_of(value)
    return len(value_words) > 1 and words[-1:] != ["password"] and set(value_words) <= set(words)


def _is_pair(name: str, value: str) -> bool:
    """Return whether a value is ``user:password``, as it is or in Base64 as RFC 7617 has it."""
    if name[-4:].lower() != "auth":
        return False
    return (":" in value and "://" not in value) or is_basic(value)


def is_basic(value: str) -> bool:
    """Return whether a text is the Base64 of ``user:password`` (RFC 7617)."""
    try:
        decoded = base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (ValueError, binascii.Error):
        return False
    return b":" in decoded and all(byte >= 32 and byte != 127 for byte in decoded)  # noqa: PLR2004
