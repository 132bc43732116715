"""Pseudonyms: the same for the same value, and nothing without the key."""

import hashlib
import hmac
import pickle
import secrets
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from sevenfold import make_key
from sevenfold.channel_log import ChannelLog
from sevenfold.redaction import SECRETS, Redactor
from sevenfold.redaction.pseudonyms import Pseudonyms
from sinks import configure
from tests.support.log_files import read_events

KEY = b"k" * 32
REDACTOR = Redactor(pseudonymize=("email", "userId"), key=KEY)


def expected(text: str, key: bytes = KEY) -> str:
    return "p_" + hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:20]


@given(st.text(), st.binary(min_size=16, max_size=100))
def test_a_pseudonym_is_the_beginning_of_an_hmac(text: str, key: bytes) -> None:
    said = text.strip().casefold() if "@" in text else text.strip()
    if said.isascii():
        assert Pseudonyms(["x"], key).of(text) == expected(said, key)


def test_spaces_case_and_the_kind_of_a_number_do_not_matter() -> None:
    of = Pseudonyms(["email"], KEY).of
    assert of("Ann@Example.org ") == of("ann@example.org") == expected("ann@example.org")
    assert of(42) == of(42.0) == of("42") == of(" 42")
    assert of(["a", None, True, {"b": "a"}]) == [of("a"), None, True, {"b": of("a")}]
    assert of("Ann") != of("ann")
    assert of("\ud800").startswith("p_")


def test_a_personal_field_is_pseudonymised_wherever_it_stands() -> None:
    fields = {"email": "ann@h.example", "users": [{"User-ID": 42, "n": 1}], "email_sent": True}
    said = {"email": expected("ann@h.example"), "users": [{"User-ID": expected("42"), "n": 1}], "email_sent": True}
    assert REDACTOR.value(fields) == said
    assert REDACTOR.value({"batch": {"email": ["a@b.c"]}}) == {"batch": {"email": [expected("a@b.c")]}}
    text = 'user_id=42 {"email": "Ann@h.example", "n": 1} email: None'
    pseudonym = expected("ann@h.example")
    assert REDACTOR.text(text) == f'user_id={expected("42")} {{"email": "{pseudonym}", "n": 1}} email: None'


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    make_key(path)
    return path


@pytest.mark.usefixtures("own_logger")
def test_a_personal_value_is_written_nowhere_and_joins_work(tmp_path: Path, key_file: Path) -> None:
    address = f"{secrets.token_hex(6)}@h.example"

    def send(email: str) -> None:
        raise OSError("no route to " + email)

    with configure(tmp_path / "logs", console=None, pseudonymize=("email",), pseudonym_key=key_file):
        log = logger.bind(channel="training")
        log.info(f"mail to {address}", email=address)
        log.info("sent", batch={"email": [address, "x@h.example"], "n": [1, 2]})
        try:
            send(address)
        except OSError:
            log.exception("not sent")
    with configure(tmp_path / "logs", console=None, pseudonymize=("email",), pseudonym_key=key_file):
        logger.bind(channel="training").info("sent", email=address.upper())
    first, row, _, failed, again = read_events(tmp_path / "logs" / "ml_pipeline.log")
    pseudonym = expected(address, key_file.read_bytes())
    assert first.message == f"mail to {pseudonym}"
    assert {first.fields["email"], row.fields["email"], again.fields["email"]} == {pseudonym}
    assert failed.fields["exception_message"] == f"no route to {pseudonym}"
    (error,) = read_events(tmp_path / "logs" / "errors.log")
    assert error.exception is not None
    assert f"└ {pseudonym}" in error.exception
    assert address not in "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "logs").glob("*.log"))


def test_the_fixture_shows_pseudonyms_too(channel_log: ChannelLog, tmp_path: Path, key_file: Path) -> None:
    configure(tmp_path / "logs", pseudonymize=["email"], pseudonym_key=key_file)
    logger.bind(channel="api").info("x", email="a@b.c")
    assert channel_log.records[-1].fields == {"email": expected("a@b.c", key_file.read_bytes())}


def test_a_redactor_with_a_key_pickles() -> None:
    again = pickle.loads(pickle.dumps(REDACTOR))  # noqa: S301
    assert again.value({"email": "a@b.c", "password": "x"}) == REDACTOR.value({"email": "a@b.c", "password": "x"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pseudonymize": ("email",)}, "pseudonymize and pseudonym_key need each other"),
        ({"key": KEY}, "pseudonymize and pseudonym_key need each other"),
        ({"pseudonymize": ("email",), "key": b"short"}, "pseudonym_key must have at least 16 bytes, got 5"),
        ({"pseudonymize": "email", "key": KEY}, "pseudonymize takes a tuple of names, got 'email'"),
        ({"pseudonymize": ["--"], "key": KEY}, "pseudonymize takes names with a letter or a digit, got '--'"),
        ({"keep": "token"}, "keep takes a tuple of names, got 'token'"),
        ({"keep": [5]}, "keep takes names with a letter or a digit, got 5"),
    ],
)
def test_what_cannot_be_understood_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="^" + message.replace("(", r"\(")):
        Redactor(SECRETS, **arguments)


@pytest.mark.skipif(sys.platform == "win32", reason="modes are those of POSIX")
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, key_file: Path) -> None:
    key_file.chmod(0o644)
    with pytest.raises(ValueError, match="others may read the key"):
        configure(tmp_path / "logs", pseudonymize=["email"], pseudonym_key=key_file)
    assert not (tmp_path / "logs").exists()


def test_a_column_of_numbers_is_pseudonymised_as_its_values() -> None:
    ids = np.arange(3)
    assert [REDACTOR.under("user_id", int(one)) for one in ids] == [expected(str(one)) for one in ids]
