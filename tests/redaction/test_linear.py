"""No text makes a rule take more than linear time: the sender of a text must not stop the program that logs it.

The tests find each rule by themselves: the compiled patterns of all modules, each shape, each text rule, each function
of a text. Each is tried on texts that repeat near matches, and on texts that have been trouble elsewhere.
"""

import importlib
import itertools
import pkgutil
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sevenfold.redaction
from sevenfold.redaction import Redactor
from sevenfold.redaction.places import finder, glance
from sevenfold.redaction.repeats import Repeats
from sevenfold.redaction.rules.shapes import SHAPES, compiled
from sevenfold.redaction.texts import RULES, token_pattern
from tests.support.patterns import functions_of_a_text, near_matches, patterns_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="CPU time comes in steps of 16 ms there")
RATIO = 2.5  # of times, when a text doubles: 4 would be quadratic
FAST_S_A_MB = 0.6
SECONDS_A_MB = 1.0
REDACTOR = Redactor()
MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(sevenfold.redaction.__path__, "sevenfold.redaction.")
]
PATTERNS = {
    **patterns_in(MODULES),
    "finder": finder(),
    "glance": glance(),
    "tokens": token_pattern(),
    "tokens behind escapes": token_pattern(behind_escapes=True),
    **{f"shape {i} {shape.issuer}": compiled([shape]) for i, shape in enumerate(SHAPES)},
}


def traceback(text: str) -> str:
    record: dict[str, Any] = {"extra": {}, "message": "", "exception": None}
    return REDACTOR.traceback(text, record)


WHOLE: dict[str, Callable[[str], Any]] = {
    **{f"rule {rule.name}": rule.redact for rule in RULES},
    **functions_of_a_text(MODULES),
    "text": REDACTOR.text,
    **{f"field {name}": partial(REDACTOR.under, name) for name in ("note", "password", "token", "dsn", "request_id")},
    "key": lambda text: REDACTOR.value({text: 1}),
    "traceback": traceback,
    "rows": lambda text: traceback(
        "\n".join(f'  File "x", line 1\n    password\n    └ {text[i : i + 99]}' for i in range(0, len(text), 99)[:1000])
    ),
    "repeats": Repeats({"Zebra77kite": "", "aaaaaa1": ""}).hide,
    "repeated": lambda text: Repeats({text: ""}).hide("nothing here"),
}
# What texts are made of, besides what each pattern nearly matches.
# fmt: off
UNITS = [
    "a", "A", "0", "-", ".", "_", " ", "\\", "'", '"', "`", "\n", "/", "=", ":", "%", "&", "<", "é", "İ", "密", "🔑",
    "a.", "ab-", "a b ", "://", "://a:", "://a:b@", "a://b:c", "=> ", "::", "= ", "''", '\\"', "%3D", "&quot;",
    "\x1b[0m", "password", "password ", "password=", "password:", "password: ", "password='", "password=\\'",
    "password\n", "pw((", "password=['a','b',", "password=[", "password is ", "password: str = ", "'password', ",
    "('password','x'),", "token",
    "token ", "token: x\n", "token=a=", "token=token=", "'token','", "secret_", "--password x ", "<password>",
    "<pw a", "pw=x,", "pin 1 ", "key=abc,", "cookie: a=b\n", "cookie ", "authorization: token ", "auth=a:b,",
    'authorization: digest x=", ', "basic ", "basic abcdefgh ", "bearer ", "bearer Aa1-", "eyJabcde-", "eyJabcde.",
    "sk-", "sk-abcdefghij-", "ghp_a", "1//0", "xoxb-", "AKIA", "12345678:AA", "0123456789abcdef", "abc8Q~", "MNOab.",
    "abcdefghijklmn.atlasv1.", "patabcdefghijklmn.", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "QUJD",
    "-----BEGIN RSA PRIVATE KEY-----x-----END ", "hooks.slack.com/services/", "curl -u a:",
    "machine h login a password ", '{"token": "abc", "n": 1}\n', '{"name": "password", "value": "', "...",
    '  File "x", line 1\n', "└ ", "│ ", "u\\u003dtoken", "пароль=", "İtoken=x1 ", "\ud800",
]
# fmt: on


def texts_for(name: str, units: list[str]) -> Iterator[str]:
    """What a rule is tried on: its own near matches where it has a pattern, and what is trouble for any."""
    yield from units
    if name in PATTERNS:
        yield from near_matches(PATTERNS[name], random.Random(name))


def takes(rule: Callable[[str], Any], text: str) -> float:
    start = time.process_time()
    rule(text)
    return time.process_time() - start


def repeated(unit: str, size: int) -> str:
    return (unit * (size // len(unit) + 1))[:size] + " ="


def growth(rule: Callable[[str], Any], unit: str, size: int, n_tries: int) -> list[float]:
    """Measure by how much the time grows when the text doubles, up to a size: each time is the least of some."""
    texts = [repeated(unit, size // part) for part in (8, 4, 2, 1)]
    times = [min(takes(rule, text) for _ in range(n_tries)) for text in texts]
    return [later / earlier for earlier, later in itertools.pairwise(times)]


def seconds(rule: Callable[[str], Any], unit: str, size: int) -> float:
    """Return how long a rule takes; raise AssertionError if that isn't linear in the size."""
    text = repeated(unit, size)
    for n_tries in (3, 3, 6, 12, 24, 48):  # a busy machine makes any single measurement long
        time_taken = takes(rule, text)
        if time_taken < FAST_S_A_MB * size / 1e6:  # quadratic time would be a hundred times as long
            return time_taken
        found = growth(rule, unit, size, n_tries)
        if sorted(found)[1] < RATIO:  # the median
            return min(time_taken, takes(rule, text), takes(rule, text))
    raise AssertionError(f"{unit!r} repeated: the times grew by {found} when the text doubled")


def rule_of(name: str) -> Callable[[str], Any]:
    if name not in PATTERNS:
        return WHOLE[name]
    pattern = PATTERNS[name]
    return lambda text: pattern.sub("", text)


def test_the_rules_are_found() -> None:
    assert len(PATTERNS) > 200
    assert {"texts._SCHEME.0", "assignments._BARE.0", "tracebacks._ROW.0", "rule URL", "looks.is_telling"} <= {
        *PATTERNS,
        *WHOLE,
    }


@pytest.mark.whole
@pytest.mark.parametrize("name", [*PATTERNS, *WHOLE])
def test_no_rule_takes_more_than_linear_time(name: str) -> None:
    for unit in texts_for(name, UNITS[::3] if name in WHOLE else UNITS[::8]):
        seconds(rule_of(name), unit, 4_000)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*PATTERNS, *WHOLE])
def test_no_rule_takes_more_than_linear_time_up_to_a_megabyte(name: str) -> None:
    for unit in texts_for(name, UNITS if name in WHOLE else UNITS[::2]):
        assert seconds(rule_of(name), unit, 1_000_000) < SECONDS_A_MB, repr(unit)


@given(st.lists(st.sampled_from(UNITS), min_size=1, max_size=4))
def test_no_mixture_takes_more_than_linear_time(units: list[str]) -> None:
    seconds(REDACTOR.text, "".join(units), 4_000)


def test_a_rule_that_is_quadratic_is_found_out() -> None:
    with pytest.raises(AssertionError, match="grew"):
        seconds(lambda text: re.sub(r"a+b", "", text), "a", 2_000)
    module: Any = SimpleNamespace(__name__="x", TABLE={"one": (re.compile("a"), [re.compile("b")])})
    assert [pattern.pattern for pattern in patterns_in([module]).values()] == ["a", "b"]
