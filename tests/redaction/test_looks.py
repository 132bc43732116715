"""What a value looks like."""

import random
import string
from base64 import b64encode

import pytest

from sevenfold.redaction.rules.looks import is_basic, is_secret, is_state, is_telling, looks_random, without_scheme
from sevenfold.redaction.rules.names import LOCATOR, SESSION, STRONG, WEAK

ALPHABETS = [string.ascii_letters + string.digits, "0123456789abcdef", string.ascii_lowercase + string.digits]


@pytest.mark.parametrize("alphabet", ALPHABETS)
@pytest.mark.parametrize("length", [20, 32, 64])
def test_what_is_drawn_at_random_looks_so(alphabet: str, length: int) -> None:
    rng = random.Random(alphabet)
    drawn = ["".join(rng.choices(alphabet, k=length)) for _ in range(500)]
    assert sum(map(looks_random, drawn)) >= 475


@pytest.mark.parametrize(
    "text",
    [
        "information",
        "bert-base-uncased",
        "gpt-4o-mini-2024-07-18",
        "feature_01",
        "Llama-3.1-8B-Instruct",
        "2026-11-25T08:36:11Z",
        "v1.2.3-rc4",
        "S3ObjectPermissions2",
        "GetAgentReplicationInfo",
        "customer_id",
        "model:v2:income",
        "123456789012",
        "eu-west-1",
        "int64(int64)",
        "E1234",
        "us-east-1.amazonaws.com",
        "README.md",
        "x86_64-linux-gnu",
        "utf-8",
        "ABC-12345",
        "short1",
    ],
)
def test_a_word_does_not(text: str) -> None:
    assert not looks_random(text)


@pytest.mark.parametrize(
    "text", ["", " ", "missing", "***", "${DB_PASSWORD}", "{{ token }}", "<your key>", "%s", "[MASK]", "xxxx"]
)
def test_a_state_is_no_secret(text: str) -> None:
    assert is_state(text)
    assert not is_secret("password", STRONG, text)


@pytest.mark.parametrize("text", ["Zebra77kite", "P@5s!x", "aB3!xy", "correct1horse", "a\nb c d e f g 1"])
def test_a_secret_unlike_ordinary_text_is_telling(text: str) -> None:
    assert is_telling(text)


@pytest.mark.parametrize(
    "text",
    [
        "training",
        "login failed",
        "10.66.0.77",
        "2026-11-25",
        "/api/v1/users/77",
        "https://h/x1",
        "123456",
        "abc",
        "x" * 9000,
    ],
)
def test_ordinary_text_is_not(text: str) -> None:
    assert not is_telling(text)


def test_a_kind_of_name_decides_with_the_value() -> None:
    uuid = "bcd49f79-5e85-4e2c-8568-7f9b3b21b52b"
    assert is_secret("password", STRONG, "sesame")
    assert is_secret("auth", WEAK, "bob:sesame")
    assert is_secret("auth", WEAK, b64encode(b"bob:sesame").decode())
    assert not is_secret("token", WEAK, "sesame")
    assert not is_secret("key", WEAK, "/models/2026/a1b2c3d4e5f6/x")
    assert not is_secret("session_id", SESSION, uuid)
    assert is_secret("session_id", SESSION, uuid[:23].replace("-", ""))
    assert not is_secret("dsn", LOCATOR, "postgresql://db:5432/x")
    assert is_secret("dsn", LOCATOR, "Zebra77kite")
    assert not is_secret("IAM_AUTH_KEY", STRONG, "IAM_AUTH")


def test_basic_is_what_decodes_to_a_name_and_a_password() -> None:
    assert is_basic(b64encode(b"bob:sesame").decode().rstrip("="))
    assert not is_basic("feature1")
    assert not is_basic(b64encode(b"\x00\x01:").decode())
    assert without_scheme("Bearer abc") == "abc"
    assert without_scheme("no scheme") == "no scheme"
