import numpy as np
import pytest

from pipeline.data.numerals import is_code, is_missing, read_number


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("50,123", ".", 50123),
        ("1,234,567.25", ".", 1234567.25),
        ("1.234.567,25", ",", 1234567.25),
        ("1.234", ",", 1234),
        ("1,234", ",", 1.234),
        ("0,5", ",", 0.5),
        (",5", ",", 0.5),
        ("1 234 567", ".", 1234567),
        ("1\u00a0234,5", ",", 1234.5),
        ("1\u202f234,5", ",", 1234.5),
        ("1'234.5", ".", 1234.5),
        ("1\u2019234.5", ".", 1234.5),
        ("12.5%", ".", 0.125),
        ("12,5 %", ",", 0.125),
        ("$1,200.50", ".", 1200.5),
        ("-€5", ".", -5),
        ("1.200,50 €", ",", 1200.5),
        ("\u22125", ".", -5),
        ("+1e-3", ".", 0.001),
        ("5.", ".", 5),
        ("-.5E2", ".", -50),
        ("inf", ".", np.inf),
        ("-Infinity", ",", -np.inf),
    ],
)
def test_a_number_is_read_as_it_is_meant(text: str, decimal: str, value: float) -> None:
    assert read_number(text, decimal) == value


@pytest.mark.parametrize(
    "text", ["", ".", "-", "%", "1_000", "1,23", "12,34,567", "0,123", "1,234,56", "1.2.3", "5 kg", "1 2", "$5€"]
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert read_number(text) is None


def test_codes_and_missing_values() -> None:
    assert [is_code(text) for text in ("01001", "007", "0", "0.5", "10", "0x1")] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]
    assert all(map(is_missing, ("?", "-", ".", "#N/A", "NA", "None", "NaN", "null")))
    assert not any(map(is_missing, ("0", "", "no", "unknown")))
