import pytest

from sevenfold.handlers import _encoded
from sevenfold.values import _UNSAFE_IN_JSON, escape_json


def test_every_character_that_json_must_not_hold_raw_is_escaped_in_the_audit_file() -> None:
    unsafe = [chr(code) for code in range(0x11000) if _UNSAFE_IN_JSON.match(chr(code))]
    assert len(unsafe) > 2000
    for character in unsafe:
        assert (
            _encoded(f'{{"icon": "\u2139\ufe0f", "x": "{character}"}}')
            == escape_json(f'{{"icon": "\u2139\ufe0f", "x": "{character}"}}').encode()
        )


@pytest.mark.parametrize("text", ["{}", '{"icon": "\u2139\ufe0f"}', '{"x": "é£ß"}', '{"x": "„“ 漢字 😀"}'])
def test_other_json_is_encoded_as_it_is(text: str) -> None:
    assert _encoded(text) == text.encode()
