# ruff: noqa: PLC0415 - scikit-learn takes a second to load
from typing import Any

import pytest


@pytest.fixture(scope="session")
def sklearn() -> Any:
    """scikit-learn, which ours must equal; for tests marked ``whole("sklearn")``, as it loads slowly."""
    import sklearn.compose
    import sklearn.datasets
    import sklearn.impute
    import sklearn.linear_model
    import sklearn.metrics
    import sklearn.pipeline
    import sklearn.preprocessing

    return sklearn
