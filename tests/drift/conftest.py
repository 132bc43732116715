from typing import Any

import pytest


@pytest.fixture(scope="session")
def stats() -> Any:
    """SciPy, which ours must equal; for tests marked ``whole("scipy")``, as it loads slowly."""
    import scipy.stats  # noqa: PLC0415

    return scipy.stats
