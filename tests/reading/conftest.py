from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def api(tmp_path: Path) -> Path:
    return tmp_path / "api_requests.log"


@pytest.fixture(autouse=True)
def silent(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """See that nothing was said that a test didn't read."""
    yield
    assert capfd.readouterr() == ("", "")
