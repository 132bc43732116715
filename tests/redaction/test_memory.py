"""No secret is kept: once a call has returned, no object of the process holds a secret that it hid."""

import gc
import secrets
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from loguru import logger

from sevenfold.redaction import SECRETS, redacted
from sinks import configure
from tests.support.loggers import in_a_thread

pytestmark = pytest.mark.whole


def strings_that_hold(part: str) -> Iterator[str]:
    """Find each string that an object of the process refers to with a text in it."""
    gc.collect()
    for holder in gc.get_objects():
        if type(holder) is FrameType:  # by type: an object of another test may say that it is of another class
            continue
        for held in gc.get_referents(holder):
            text = held.decode("latin-1") if type(held) is bytes else held
            if type(text) is str and part in text:
                yield f"{type(holder).__name__}: {text[:200]}"


class Client:
    def __init__(self, key: str) -> None:
        self.api_key = key


def log_secrets(half: list[str]) -> None:
    secret = "".join(half)
    log = logger.bind(channel="api")
    for _ in range(3):
        log.info("login with " + secret, password=secret)
        log.info("said", note=f"svc/{secret}/1", nested={"user": "bob", "password": secret}, api_key=secret)
        log.info("tags", tags=[secret, "x"], nested={"password": secret})
        log.info(f"password={secret}")
        log.info("key", names={secret: 1}, token=secret)
        log.info("rows", batch={"api_key": [secret, "x"], "n": [1, 2]})
        log.info("named", name="DB_PASSWORD", value=secret)
    try:
        client = Client(secret)
        raise ValueError(f"no luck with {client.api_key}")
    except ValueError:
        log.exception("failed")
        logger.bind(channel="audit", password=secret).error("failed")


@pytest.mark.usefixtures("own_logger")
@pytest.mark.parametrize("rules", [SECRETS, (*SECRETS, "iban")], ids=["default", "own"])
def test_what_was_hidden_is_held_by_no_object(rules: Any, tmp_path: Path) -> None:
    half = [secrets.token_hex(6), secrets.token_hex(6)]
    with configure(tmp_path, redact=rules, console=None):
        own = logger.add(redacted(lambda _: None), serialize=True)
        in_a_thread(lambda: log_secrets(half))
        held = [one for one in strings_that_hold(half[0]) if one != f"list: {half[0]}"]
        logger.remove(own)
    assert held == []
    assert "".join(half) not in "".join(path.read_text(encoding="utf-8") for path in tmp_path.glob("*.log"))
