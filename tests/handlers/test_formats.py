import pytest

from sevenfold.handlers.json_sinks import _encoded
from sevenfold.lines.values import _UNSAFE_IN_JSON, escape_json

ICON = "\u2139\ufe0f"


def test_every_character_that_json_must_not_hold_raw_is_escaped_in_the_audit_file() -> None:
    unsafe = [chr(code) for code in range(0x11000) if _UNSAFE_IN_JSON.match(chr(code))]
    assert len(unsafe) > 2000
    for character in unsafe:
        for icon in (ICON, character):
            text = f'{{"icon": "{icon}", "x": "{character}"}}'
            assert _encoded(text, icon) == escape_json(text).encode()


@pytest.mark.parametrize("text", ["", '"x": "é£ß"', '"x": "„“ 漢字 😀"', f'"x": "{ICON}"'])
def test_other_json_is_encoded_as_it_is(text: str) -> None:
    text = f'{{"icon": "{ICON}", {text}}}'
    assert _encoded(text, ICON) == text.encode()


@pytest.mark.parametrize("icon", ["", "i", "\x7f", "\u2028", "é"])
def test_an_icon_hides_nothing(icon: str) -> None:
    text = f'{{"icon": "{icon}", "x": "\u2028"}}'
    assert _encoded(text, icon) == escape_json(text).encode()
