"""One canary, planted wherever a secret may stand, must not be found anywhere."""

import gzip
import json
import pickle
import re
import secrets
import sys
from base64 import b64encode
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from sevenfold.channel_log import ChannelLog
from sevenfold.lines.grammar import escape
from sevenfold.notices import notice
from sevenfold.redaction.assignments import MAX_FOUND
from sevenfold.redaction.redactor import SECRETS, Redactor
from sevenfold.redaction.texts import REDACTED
from sinks import CHANNELS, configure
from tests.support.log_files import read_events, read_json
from tests.support.loggers import in_a_thread

REDACTOR = Redactor()
RECORD: dict[str, Any] = {"message": "", "extra": {}, "exception": None}


def everything(folder: Path) -> str:
    texts = []
    for path in folder.iterdir():
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        texts.append(data.decode())
    return "\n".join(texts)


@pytest.fixture
def canary() -> str:
    return "canary" + secrets.token_hex(12)


def login(password: str, host: str) -> None:
    text = f"{host} refused {password}"
    raise ConnectionError(text)


class Client:
    def __init__(self, key: str) -> None:
        self.api_key = key
        self.settings = {"name": "x", "nested": [{"access_token": key}]}

    def call(self) -> float:
        return 1 / len(self.settings["nope"]) if self.api_key else 0


@dataclass
class Account:
    user: str
    secret: str


def plant_everywhere(canary: str) -> None:
    """Log a canary in every place that the documentation names."""
    bearer = f"Bearer {canary}"
    for row in CHANNELS:
        log = logger.bind(channel=row.name)
        log.info("login", password=canary, n=1)
        log.info("header Authorization: " + bearer)
        log.info("url postgres://user:" + canary + "@host/db")
        log.info(f"text with api_key={canary} in it, and 'token': '{canary}'")
        log.info("nested", request={"headers": [{"X-Api-Key": canary, "Cookie": f"a={canary}"}], "url": bearer})
        log.bind(session_token=canary).info(f"bound, and said again: {canary}")
        log.info("bytes", secret=canary.encode(), account=Account("x", canary))
        log.opt(raw=True).info(f"raw password: {canary}\n")
        try:
            login(canary, "example.org")
        except ConnectionError as error:
            log.exception("in a local variable and in the exception's text")
            try:
                raise RuntimeError("second") from error
            except RuntimeError:
                log.exception("in the cause")
        try:
            Client(canary).call()
        except KeyError:
            log.exception("in an attribute")
        try:
            account, config = Account("x", canary), {"user": "y" * 90, "password": canary}
            raise ExceptionGroup("group", [ValueError(f"{account} {config}"), TypeError(bearer)])
        except ExceptionGroup:
            log.exception("in a group, cut off")


@pytest.mark.usefixtures("own_logger")
def test_of_a_text_of_names_alone_the_rest_goes() -> None:
    text = "pw=x1," * MAX_FOUND + "pw=sesame1, and so on"
    assert REDACTOR.text(text) == f"pw={REDACTED}," * MAX_FOUND + f"pw={REDACTED}"
    harmless = "key=x1," * 2 * MAX_FOUND
    assert REDACTOR.text(harmless) == harmless


def test_a_canary_is_found_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str], canary: str) -> None:
    with configure(tmp_path, rotation="20 kB"):
        in_a_thread(partial(plant_everywhere, canary))
    texts = everything(tmp_path) + capsys.readouterr().err
    lines = [line for line in texts.splitlines() if canary[:8] in line]
    assert lines == []
    assert texts.count(REDACTED) > 100
    assert len(list(tmp_path.glob("errors.*.log.gz"))) >= 1


@pytest.mark.usefixtures("own_logger")
def test_without_rules_the_canary_is_everywhere(tmp_path: Path, canary: str) -> None:
    with configure(tmp_path, redact=(), console=None):
        in_a_thread(partial(plant_everywhere, canary))
    assert REDACTED not in everything(tmp_path)
    for row in CHANNELS:
        assert (tmp_path / row.file).read_text(encoding="utf-8").count(canary) >= 10


@pytest.mark.usefixtures("own_logger")
def test_the_rest_of_a_record_stays_as_it_is(tmp_path: Path) -> None:
    with configure(tmp_path, console=None):
        for channel in ("training", "audit"):
            logger.bind(channel=channel).info("login", user="ann", password="hunter22", n_tokens=512, has_password=True)  # noqa: S106
    (event,) = read_events(tmp_path / "ml_pipeline.log")
    expected = {"user": "ann", "password": REDACTED, "n_tokens": 512, "has_password": True}
    assert event.fields == expected
    assert read_json(tmp_path / "app_json.log")[0]["record"]["extra"] == {"channel": "audit", **expected}


@pytest.mark.usefixtures("own_logger")
def test_a_traceback_keeps_its_source_and_all_other_values(tmp_path: Path) -> None:
    def divide(numerator: int, password: str) -> float:
        return numerator / len(password[:0])

    with configure(tmp_path, console=None):
        try:
            divide(417, "sesame-open")
        except ZeroDivisionError:
            logger.bind(channel="errors").exception("failed")
    (error,) = read_events(tmp_path / "errors.log")
    assert error.exception is not None
    assert "return numerator / len(password[:0])" in error.exception
    assert "└ 417" in error.exception
    assert f"└ {REDACTED}" in error.exception
    assert "sesame-open" not in error.exception.replace('divide(417, "sesame-open")', "")  # a literal in the source


@pytest.mark.usefixtures("own_logger")
def test_names_and_patterns_of_ones_own(tmp_path: Path) -> None:
    rules = (*SECRETS, "iban", re.compile(r"(?P<keep>customer )\d+"))
    with configure(tmp_path, redact=rules, console=None):
        logger.bind(channel="training").info("customer 4711 pays", IBAN="DE02", password="p" * 8, kept="4711")
    (event,) = read_events(tmp_path / "ml_pipeline.log")
    assert event.message == f"customer {REDACTED} pays"
    assert event.fields == {"IBAN": REDACTED, "password": REDACTED, "kept": "4711"}


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (("password", 5), "redact takes names and compiled patterns, got ('password', 5)"),
        (("--",), "a secret's name needs a letter or a digit, got '--'"),
    ],
)
def test_a_rule_that_cannot_be_understood_is_named(rules: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"redact|secret") as raised:
        configure(tmp_path / "logs", redact=rules)
    assert str(raised.value) == message
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize(
    "name",
    [
        *("password", "PASSWORD", "db_password", "userPassword", "password2", "Pass-Word", "passwd", "pwd", "DB_PWD"),
        *("access_token", "accessToken", "X-Auth-Token", "csrf.token", "secret", "client_secret", "secret_key"),
        *("api_key", "apikey", "X-Api-Key", "API KEY", "aws_secret_access_key", "private-key", "Authorization"),
        *("Proxy-Authorization", "cookie", "Set-Cookie", "cookies", "credentials", "passphrase"),
    ],
)
def test_a_name_is_known_in_any_case_and_with_any_separator(name: str) -> None:
    assert REDACTOR.value({name: "x", "more": [{name: ["x"]}]}) == {name: REDACTED, "more": [{name: REDACTED}]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abc.DEF-123456", "Authorization: Bearer [redacted]"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [redacted]"),
        ("sent Basic dXNlcjpwYXNz", "sent Basic [redacted]"),
        ("Cookie: session=abc; csrf=def", "Cookie: [redacted]"),
        ("jwt eyJhbGciOi.eyJzdWIiOiIx.sIgNaTuRe ok", "jwt [redacted] ok"),
        ("a -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- b", "a [redacted] b"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE cut", "[redacted]"),
        ('{"k": "-----BEGIN PRIVATE KEY-----\\nMIIE cut", "n": 1}', '{"k": "[redacted]", "n": 1}'),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK-----.", "[redacted]."),
        ("PuTTY-User-Key-File-3: ssh\nAAAA\nPrivate-MAC: 0a1b end", "[redacted] end"),
        ("redis://:s3cr3t@cache:6379/0", "redis://:[redacted]@cache:6379/0"),
        ("db://svc:Zk9/pQ+aa77==@db:5432/x", "db://svc:[redacted]@db:5432/x"),
        ("db://svc:p@ss@db:5432/x", "db://svc:[redacted]@db:5432/x"),
        ("https://ann:p%40ss@example.org/x?token=abc&y=1", "https://ann:[redacted]@example.org/x?token=abc&y=1"),
        ("https://hooks.slack.com/services/T0/B0/abcDEF123 ok", "https://hooks.slack.com/services/[redacted] ok"),
        ("curl -u bob:hunter22 https://h.example", "curl -u bob:[redacted] https://h.example"),
        ("machine h login bob password hunter22", "machine h login bob password [redacted]"),
        ("key AKIAIOSFODNN7EXAMPLE", "key [redacted]"),
        ("password=a, user=b", "password=[redacted], user=b"),
        ('{"db_password": "a b", "n": 1}', '{"db_password": "[redacted]", "n": 1}'),
        ("{'api-key': 'a\\'b'}", "{'api-key': '[redacted]'}"),
        ('{"body": "{\\"password\\": \\"a\\\\\\"b\\"}"}', '{"body": "{\\"password\\": \\"[redacted]\\"}"}'),
        ("passwords=['abc1', 'missing']", "passwords=['[redacted]', 'missing']"),
        ("secret: {'current': 'abc1', 'type': 'aes1'}", "secret: {'current': '[redacted]', 'type': 'aes1'}"),
        ("--password hunter --fast", "--password [redacted] --fast"),
        ("the password is hunter22!", "the password is [redacted]"),
        ('password: str = "abc"', 'password: str = "[redacted]"'),
        ("password: |\n  hunter22\n", "password: |\n  [redacted]\n"),
        ("x?sig=abc%2Bdef&se=1", "x?sig=[redacted]&se=1"),
        ("AccountName=acme;AccountKey=abc1==;Endpoint=x", "AccountName=acme;AccountKey=[redacted];Endpoint=x"),
        ("password: None and token=True", "password: None and token=True"),
        ("password=[redacted]", "password=[redacted]"),
    ],
)
def test_a_text_that_looks_like_a_secret(text: str, expected: str) -> None:
    assert REDACTOR.text(text) == expected
    assert REDACTOR.text(expected) == expected


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        (
            {"event": "login_failed", "client_address": "10.66.0.77", "token": "10.66.0.77"},
            ["10.66.0.77", "login_failed"],
        ),
        ({"event": "login_failed", "password": "login_failed"}, ["event=login_failed"]),
        ({"password": "the message"}, ["| the message |"]),
        ({"password": "the-m3ssage", "note": "1"}, ["| the message |"]),
        ({"request_id": "password=1"}, ['request_id="password=1"']),
        ({"request_id": "sk-learn-nightly-run-00042-abc"}, ["sk-learn-nightly-run-00042-abc"]),
        ({"path": "/api/v1/users/77", "password": "/api/v1/users/77"}, ['path="/api/v1/users/77"']),
        ({"path": "zebra77kite", "password": "zebra77kite"}, ["path=zebra77kite"]),
        ({"actor": "mallory-77x", "api_key": "mallory-77x"}, ["actor=mallory-77x"]),
        ({"request": {"user": "mallory-77x"}, "api_key": "mallory-77x"}, ['"user":"mallory-77x"']),
        (
            {"next_token": "predictions", "text": "all predictions"},
            ['text="all predictions"', "next_token=predictions"],
        ),
    ],
    ids=str,
)
@pytest.mark.usefixtures("own_logger")
def test_what_a_client_sends_decides_nothing_but_its_own_place(
    fields: dict[str, Any], kept: list[str], tmp_path: Path
) -> None:
    with configure(tmp_path, console=None):
        logger.bind(channel="api").info("the message", **fields)
    written = (tmp_path / "api_requests.log").read_text(encoding="utf-8")
    assert [part for part in kept if part not in written] == []


@pytest.mark.usefixtures("own_logger")
def test_a_token_is_hidden_even_in_an_id_and_a_channel_never(tmp_path: Path) -> None:
    token = "ghp_" + secrets.token_hex(18)
    with configure(tmp_path, console=None, redact=(*SECRETS, "training")):
        logger.bind(channel="training", password="training").info("x", request_id=token)  # noqa: S106
        logger.bind(channel=token, password=token).warning("x")
    (event,) = read_events(tmp_path / "ml_pipeline.log")
    assert (event.channel, event.fields["request_id"]) == ("training", REDACTED)
    (unknown,) = read_events(tmp_path / "errors.log")
    assert (unknown.channel, unknown.fields["password"]) == (token, REDACTED)


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ('P@#!ss"word/23', 'P@#!ss"word/23'),
        ('P@#!ss"word/23', json.dumps('P@#!ss"word/23')),
        ('P@#!ss"word/23', json.dumps(json.dumps(json.dumps('P@#!ss"word/23')))),
        ("P@#!ss'word\\23", repr("P@#!ss'word\\23")),
        ('P@#!ss"word 23\nx', quote_plus('P@#!ss"word 23\nx')),
        ('P@#!ss"word/23', quote('P@#!ss"word/23', safe="")),
        ("Zebra77kite", b64encode(b"Zebra77kite").decode()),
        ("Zebra77kite", b64encode(b"user:Zebra77kite").decode()),
        ("Zebra77kite", b64encode(b"a user:Zebra77kite;").decode()),
        ("Zebra77kite", "https://h/Zebra77kite/1"),
    ],
)
def test_a_known_secret_is_hidden_in_whatever_encoding_the_record_repeats_it(secret: str, said: str) -> None:
    record = {**RECORD, "message": f"sent {said} to it", "extra": {"password": secret, "notes": [{"note": said}]}}
    contents = REDACTOR.contents_of(record)
    assert contents.message.startswith("sent ")
    assert contents.message.endswith(" to it")
    for text in (contents.message, contents.fields["notes"][0]["note"]):
        assert REDACTED in text
        assert said[4:12] not in text


def test_a_name_that_is_kept_is_no_secret_but_a_token_under_it_is() -> None:
    redactor = Redactor(keep=("sessionToken", "secret_santa", "api-key"))
    token = "ghp_" + secrets.token_hex(18)
    kept = {"session_token": "spring", "API_KEY": "sort", "note": "api_key='sort'"}
    assert redactor.value(kept) == kept
    assert redactor.value({"session_token": token, "auth_token": "spring"}) == {
        "session_token": REDACTED,
        "auth_token": REDACTED,
    }


def test_names_of_ones_own_are_whole_words_and_hide_whole_numbers() -> None:
    redactor = Redactor((*SECRETS, "account number", "token", "salary$"))
    hidden = {"accountNumber": 12345678, "old_account_number": "DE02", "next_token": "word", "base_salary": "much"}
    assert redactor.value(hidden) == dict.fromkeys(hidden, REDACTED)
    kept = {"n_tokens": 512, "time_per_token": 0.5, "max_token": 4096, "salary_band": "B", "accountnumbers": "x"}
    assert redactor.value(kept) == kept
    assert redactor.text("account_number=123456, token: word") == "account_number=[redacted], token: [redacted]"
    assert redactor.text("accountnumber: DE02 ok") == "accountnumber: [redacted] ok"


def test_without_the_policy_only_names_of_ones_own_count() -> None:
    redactor = Redactor(["iban"])
    fields = {"iban": "DE02", "password": "hunter22", "note": "password=hunter22 iban=DE02"}
    assert redactor.value(fields) == {
        "iban": REDACTED,
        "password": "hunter22",
        "note": "password=hunter22 iban=[redacted]",
    }


def test_two_keys_that_are_secrets_stay_two() -> None:
    tokens = ["ghp_" + secrets.token_hex(18) for _ in range(2)]
    assert REDACTOR.value({tokens[0]: 1, tokens[1]: 2}) == {REDACTED: 1, f"{REDACTED}#2": 2}


def test_a_list_of_secrets_may_name_them() -> None:
    assert REDACTOR.value({"secrets": ["db-password", "api_key"]}) == {"secrets": ["db-password", "api_key"]}
    assert REDACTOR.value({"secrets": ["db-password", "hunter22"]}) == {"secrets": REDACTED}


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), st.lists))
def test_redaction_raises_for_nothing_and_is_done_once(value: Any) -> None:
    once = REDACTOR.value({"a": value, "password": value})
    assert REDACTOR.value(once) == once


WORDS = st.sampled_from(
    ["epoch", "took", "the", "password", "pin", "cvv", "bearer", "iban", "account", "Token", "é", "x|y"]
)
NUMBERS = st.from_regex(r"-?[0-9]{1,16}(?:\.[0-9]{1,4})?", fullmatch=True)


@given(
    st.lists(WORDS | NUMBERS, min_size=2, max_size=8).map(" ".join),
    st.sampled_from([(), SECRETS, ["iban"], (*SECRETS, "account number"), [re.compile("[0-9]{4}")]]),
)
def test_what_passes_as_a_sentence_is_left_as_it_is(text: str, rules: Any) -> None:
    redactor = Redactor(rules)
    assert not redactor.is_sentence(text) or redactor.text(text) == escape(text) == text


@pytest.mark.parametrize(
    "text", ["Epoch 3 took 0.123 s", "loss fell by -0.25 in 3 epochs", "password 12345678 is prose"]
)
def test_words_and_numbers_are_a_sentence(text: str) -> None:
    assert REDACTOR.is_sentence(text)


@pytest.mark.parametrize(
    "text", ["too short", "password 12345678 -1", "user=eve and more", "Key AbC123 of mine", "to 1e5 now ok"]
)
def test_what_may_be_more_is_no_sentence(text: str) -> None:
    assert not REDACTOR.is_sentence(text)


def test_patterns_of_ones_own_are_asked_of_sentences_too() -> None:
    assert not Redactor([re.compile("[0-9]{4}")]).is_sentence("epoch 1234 took long")


def test_a_list_in_a_list_of_random_secrets_is_judged_by_its_own_name() -> None:
    text = 'token={"user": ["Zebra-77-kite"], "password": ["Zebra-77-kite"]}'
    assert Redactor().text(text) == 'token={"user": ["Zebra-77-kite"], "password": ["[redacted]"]}'


def test_a_redactor_pickles() -> None:
    again = pickle.loads(pickle.dumps(Redactor((*SECRETS, "iban"))))  # noqa: S301
    assert again.value({"iban": "x"}) == {"iban": REDACTED}


def test_the_fixture_shows_what_the_files_would(channel_log: ChannelLog) -> None:
    logger.bind(channel="api").info("password=hunter22", secret="abc")  # noqa: S106
    (record,) = channel_log.records
    assert (record.message, record.fields) == ("password=[redacted]", {"secret": REDACTED})
    assert "hunter22" not in channel_log.text


def test_a_notice_holds_no_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str], canary: str) -> None:
    notice(f"{tmp_path}: password={canary}")
    assert canary not in capsys.readouterr().err
    assert sys.stderr is not None


def test_a_secret_of_the_record_is_hidden_in_its_message_and_traceback(tmp_path: Path) -> None:
    secret = secrets.token_hex(8)
    with configure(tmp_path, console=None):
        logger.bind(channel="api").info("login with " + secret, users=[{"password": secret}])
        try:
            raise ValueError(f"cannot log in with {secret}")
        except ValueError:
            logger.bind(channel="api", password=secret).exception("failed")
    text = "".join(path.read_text(encoding="utf-8") for path in tmp_path.glob("*.log"))
    assert text.count("[redacted]") > 4
    assert secret not in text
