"""A corpus of the project's own: none of its secrets is written, and no harmless value is lost."""

import random
from typing import Any

import pytest

from sevenfold.lines.values import plain, to_json
from sevenfold.redaction import Redactor
from sevenfold.redaction.texts import REDACTED
from tests.support.made_secrets import (
    FORMATS,
    HARMLESS_NAMES,
    HARMLESS_TEXTS,
    HARMLESS_VALUES,
    NAMES,
    TEXTS,
    leaks,
    made,
    nested,
    passwords,
)

REDACTOR = Redactor()
AROUND = [
    "{}",
    "client answered for {} within 20 ms",
    '{{"note": "{}", "ok": true}}',
    "note='{}'",
    "https://h/cb?t={}&y=2",
]
AROUND += ["first\\n{}", "x%3D{}", "({},{})", "\x1b[36m{}\x1b[0m", "b'note {}'", "<{}>", "[1, {}]"]


@pytest.mark.parametrize("issuer", FORMATS)
def test_a_token_of_a_known_shape_is_hidden_wherever_it_stands(issuer: str) -> None:
    rng = random.Random(issuer)
    for around in AROUND:
        token = made(FORMATS[issuer], rng)
        text = REDACTOR.text(around.format(token, token))
        assert REDACTED in text, around
        assert not leaks(text, token[6:]), around


@pytest.mark.parametrize("name", NAMES)
def test_what_stands_under_a_secrets_name_is_hidden_in_every_text(name: str) -> None:
    rng = random.Random(name)
    for what, text in TEXTS.items():
        if what in {"query", "pairs of bytes"} and not name.isascii():
            continue  # a name in escaped bytes isn't promised
        for secret in passwords(rng):
            written = REDACTOR.text(text(name, secret))
            assert not leaks(written, secret), f"{what}: {written}"


@pytest.mark.parametrize("name", NAMES)
def test_what_stands_under_a_secrets_name_is_hidden_in_every_field(name: str) -> None:
    rng = random.Random(name)
    for secret in passwords(rng):
        for case in nested(name, secret):
            written = to_json(REDACTOR.value(plain(case.fields)))
            assert not leaks(written, secret), f"{case.what}: {written}"


@pytest.mark.parametrize("name", HARMLESS_NAMES)
def test_a_harmless_name_loses_nothing(name: str) -> None:
    for style in (name, name.upper(), name.title().replace("_", ""), name.replace("_", "-")):
        for value in HARMLESS_VALUES:
            fields: dict[str, Any] = {style: value, "metrics": {style: value}, "rows": [{style: value}]}
            assert REDACTOR.value(fields) == fields
            assert REDACTOR.text(to_json(fields)) == to_json(fields)
        assert REDACTOR.text(f"loaded {style}='income' step=3") == f"loaded {style}='income' step=3"


@pytest.mark.parametrize("text", HARMLESS_TEXTS)
def test_a_text_without_a_secret_stays(text: str) -> None:
    assert REDACTOR.text(text) == text
    assert REDACTOR.value({"note": text, "notes": [text, [text]]}) == {"note": text, "notes": [text, [text]]}


def test_numbers_flags_and_arrays_of_floats_are_no_secrets_under_any_name() -> None:
    fields = {name: value for name in NAMES for value in (0.5, True, None, [0.5, 0.25], 12)}
    assert REDACTOR.value(fields) == fields
