"""Tracebacks without secrets: values by the name that they stand under, and secrets that a variable holds."""

import linecache
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from loguru import logger

from sevenfold.redaction import Redactor
from sevenfold.redaction.texts import REDACTED
from sevenfold.redaction.tracebacks import MAX_ALL, Exposed

REDACTOR = Redactor()


@pytest.fixture
def rendered() -> Callable[[str, str], tuple[str, str]]:
    """Run code that raises; give the traceback as loguru renders it, raw and redacted."""

    def run(code: str, value: str) -> tuple[str, str]:
        name = f"code-{secrets.token_hex(4)}.py"
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        found: list[Any] = []
        handler = logger.add(found.append, format="{exception}", level=0, backtrace=False, diagnose=True, catch=False)
        try:
            space: dict[str, Any] = {}
            exec(compile(code, name, "exec"), space)  # noqa: S102 - a test's own
            space["call"](value)
        except Exception:
            logger.exception("x")
        finally:
            logger.remove(handler)
        return str(found[0]), REDACTOR.traceback(str(found[0]), found[0].record)

    return run


ROWS = {
    "a variable": "def call(password):\n    return len(password) / 0\n",
    "a text of bytes": "def call(value):\n    password = value.encode()\n    return len(password) / 0\n",
    "an attribute": "class C: pass\ndef call(value):\n    c = C(); c.api_key = value\n    return c.api_key.nope\n",
    "a dict": "def call(value):\n    form = {'user': 'bob', 'password': value}\n    return form['nope']\n",
    "a list under its name": "def call(value):\n    secrets = [value, 'x1']\n    return secrets[5]\n",
    "a loop": "def call(value):\n    for user, password in [('eve', value)]:\n        raise KeyError(user)\n",
    "a command": "def call(value):\n    args = ['tool', '--password', value]\n    raise OSError(str(args))\n",
    "a cause": "def call(password):\n    try: 1 / 0\n    except Exception as e: raise OSError(password) from e\n",
    "a group": "def call(password):\n    raise ExceptionGroup('g', [ValueError(password), OSError(password)])\n",
}


@pytest.mark.parametrize("what", ROWS)
@pytest.mark.parametrize("secret", ["Zebra-77-kite", "L81bwMhXBVCZqi9cHSkZ", "hunter22!x"])
def test_a_secret_is_hidden_in_the_row_of_its_name_and_in_the_message(
    what: str, secret: str, rendered: Callable[[str, str], tuple[str, str]]
) -> None:
    raw, redacted = rendered(ROWS[what], secret)
    assert secret in raw
    assert secret not in redacted
    assert REDACTED in redacted


def test_a_secret_that_reads_as_a_word_is_hidden_in_rows_alone(
    rendered: Callable[[str, str], tuple[str, str]],
) -> None:
    code = "def call(password):\n    again = password\n    raise ValueError('sesame is no seed') if again else None\n"
    raw, redacted = rendered(code, "sesame")
    assert "└ 'sesame'" in raw
    assert "└ 'sesame'" not in redacted
    assert "ValueError: sesame is no seed" in redacted


def test_a_number_is_hidden_under_a_name_of_numbers_alone(rendered: Callable[[str, str], tuple[str, str]]) -> None:
    code = "def call(value):\n    otp, n_tokens = 493021, 493022\n    return otp / (n_tokens - n_tokens)\n"
    _, redacted = rendered(code, "")
    assert "493021" not in redacted
    assert "493022" in redacted


def test_what_loguru_cut_of_a_secret_is_hidden_too(rendered: Callable[[str, str], tuple[str, str]]) -> None:
    code = "def call(value):\n    password = value\n    text = 'x' * 100 + value\n    return text / len(password)\n"
    raw, redacted = rendered(code, "Zebra77kite-and-so-on" * 3)
    assert "Zebra77kite" in raw
    assert "Zebra77" not in redacted
    assert f"x{REDACTED}" in redacted


def test_source_and_harmless_values_stay(rendered: Callable[[str, str], tuple[str, str]]) -> None:
    code = "def call(x):\n    eos_token, token, cost = '</s>', 'word', 1.5e-06\n    return {eos_token: token}[cost]\n"
    raw, redacted = rendered(code, "x")
    assert redacted == raw
    assert "'</s>'" in redacted


def test_a_private_key_of_several_lines_is_hidden_as_one(rendered: Callable[[str, str], tuple[str, str]]) -> None:
    code = "def call(x):\n    raise ValueError(x)\n"
    raw, redacted = rendered(code, "-----BEGIN PRIVATE" + " KEY-----\nMIIEvQIBADANBgkqh\nkiG9w0BAQ")
    assert "kiG9w0BAQ" in raw
    assert "kiG9w0BAQ" not in redacted


class Hostile:
    """What takes part in nothing: its attributes, its repr and its class raise."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise ReferenceError("gone")

    def __getattr__(self, name: str) -> Any:
        raise ReferenceError(name)

    def __repr__(self) -> str:
        raise ReferenceError("gone")


def test_whatever_a_frame_holds_is_walked_once_and_in_bounds() -> None:
    wide = {f"k{i}": {"password": f"Zebra{i}kite"} for i in range(40)}
    deep: Any = {"password": "Zebra-deep-1"}
    for _ in range(10):
        deep = [deep]
    itself: list[Any] = []
    itself.append(itself)
    hostile = Hostile()
    try:
        raise ValueError(len(wide) + len(deep) + len(itself) + id(hostile))
    except ValueError as error:
        found = Exposed(error, REDACTOR).found
    assert sum(one.startswith("Zebra") for one in found) == 40
    assert "Zebra-deep-1" not in found


def test_what_is_within_a_secret_is_looked_at_in_bounds_and_by_its_own_name() -> None:
    credentials = {"username": "bob77x", "api_key": "Zebra77kite", "more": ["Zebra78kite"], "expires_at": "Zebra79"}
    stored_secrets = {i: {j: {k: f"Zebra{i}-{j}-{k}" for k in "abc"} for j in range(99)} for i in range(99)}
    try:
        raise ValueError(len(credentials) + len(stored_secrets))
    except ValueError as error:
        found = Exposed(error, REDACTOR).found
    assert {"Zebra77kite", "Zebra78kite"} <= found.keys()
    assert found.keys().isdisjoint({"bob77x", "Zebra79"})
    assert len(found) < MAX_ALL


def test_the_frames_are_walked_once_for_all_files(monkeypatch: pytest.MonkeyPatch) -> None:
    walks: list[Any] = []

    class Counted(Exposed):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            walks.append(self)

    monkeypatch.setattr("sevenfold.redaction.redactor.Exposed", Counted)
    try:
        raise ValueError("x")
    except ValueError as error:
        record = {
            "message": "",
            "extra": {"password": "Zebra77kite"},
            "exception": (ValueError, error, error.__traceback__),
        }
    for _ in range(3):
        REDACTOR.contents_of(record)
        assert REDACTOR.traceback("ValueError: Zebra77kite", record) == "ValueError: [redacted]"
    assert len(walks) == 1


def test_what_is_bound_after_a_traceback_was_written_is_hidden_in_the_next() -> None:
    try:
        raise ValueError("x")
    except ValueError as error:
        record = {
            "message": "",
            "extra": {"password": "Zebra77kite"},
            "exception": (ValueError, error, error.__traceback__),
        }
    assert REDACTOR.traceback("ValueError: Zebra77kite", record) == "ValueError: [redacted]"
    record["extra"] = {"password": "Zebra88kite"}
    assert REDACTOR.traceback("ValueError: Zebra88kite", record) == "ValueError: [redacted]"
