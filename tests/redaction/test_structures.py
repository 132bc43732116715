"""Values that stand behind or beside their names."""

from typing import Any

import pytest

from sevenfold.lines.values import plain
from sevenfold.redaction import Redactor

REDACTOR = Redactor()
R = "[redacted]"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["tool", "--password", "sesame", "--fast"], ["tool", "--password", R, "--fast"]),
        (["tool", "--password=sesame"], ["tool", f"--password={R}"]),
        (["tool", "--password", "--fast"], ["tool", "--password", "--fast"]),
        (["tool", "-token", "L81bwMhXBVCZqi9cHSkZ"], ["tool", "-token", R]),
        (["tool", "--token-limit", "4096"], ["tool", "--token-limit", "4096"]),
        ([b"tool", b"--password", b"sesame"], ["tool", "--password", R]),
        (["/usr/bin/curl", "-u", "bob:sesame", "https://h"], ["/usr/bin/curl", "-u", f"bob:{R}", "https://h"]),
        (["docker", "run", "-u", "1000:1000"], ["docker", "run", "-u", "1000:1000"]),
        (("X-Api-Key", "sesame1"), ["X-Api-Key", R]),
        (("Authorization", "Bearer abcdef"), ["Authorization", f"Bearer {R}"]),
        (("password", "email"), ["password", "email"]),
        ([5432, "--password", "sesame"], [5432, "--password", R]),
        ({"name": "DB_PASSWORD", "value": "sesame"}, {"name": "DB_PASSWORD", "value": R}),
        ({"value": "sesame", "Name": "DB_PASSWORD"}, {"value": R, "Name": "DB_PASSWORD"}),
        ({"key": "password", "value": {"stringValue": "sesame"}}, {"key": "password", "value": {"stringValue": R}}),
        ({"name": "LANG", "value": "C"}, {"name": "LANG", "value": "C"}),
        (
            {"name": "password", "type": "string", "required": True},
            {"name": "password", "type": "string", "required": True},
        ),
        (
            {"secret": {"current": "sesame", "type": "aes", "rotated": True}},
            {"secret": {"current": R, "type": "aes", "rotated": True}},
        ),
        ({"auth": {"type": "oauth2", "password": "sesame"}}, {"auth": {"type": "oauth2", "password": R}}),
        (
            {"credentials": {"client_id": "c1", "expires_at": "2026"}},
            {"credentials": {"client_id": "c1", "expires_at": "2026"}},
        ),
    ],
    ids=str,
)
def test_a_secret_is_found_by_the_name_beside_it(value: Any, expected: Any) -> None:
    assert REDACTOR.value(plain(value)) == expected
