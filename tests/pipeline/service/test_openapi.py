import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.data.table import Table
from pipeline.model.features import FeatureEncoder
from pipeline.model.logistic import LogisticModel, save
from pipeline.service.openapi import document
from sevenfold.drift import DriftDetector
from tests.support.servers import service

SCHEMA = {"income": "number", "owner": "category"}


def resolved(found: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    for part in found["$ref"].removeprefix("#/").split("/"):
        document = document[part]
    return document


def test_it_names_each_feature_each_answer_and_each_refusal() -> None:
    told = document(SCHEMA, "0123456789ab")
    predict = told["paths"]["/predict"]["post"]
    by_name, by_position, several = predict["requestBody"]["content"]["application/json"]["schema"]["anyOf"]
    assert list(by_name["properties"]) == by_name["required"] == list(SCHEMA)
    assert len(by_position["prefixItems"]) == by_position["minItems"] == by_position["maxItems"] == 2
    assert (several["minItems"], several["items"]) == (1, {"anyOf": [by_name, by_position]})
    assert set(predict["responses"]) == {"200", "400", "408", "413", "415", "422", "500", "503"}
    error = resolved(predict["responses"]["422"]["content"]["application/json"]["schema"], told)
    assert error["required"] == ["error", "request_id"]
    assert set(told["paths"]) == {"/predict", "/health", "/schema", "/openapi.json"}
    assert told["info"]["version"] == "0123456789ab"


@pytest.mark.whole("schemathesis")
@pytest.mark.timeout(300)
def test_schemathesis_has_nothing_to_find(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    owner = rng.choice(np.array(["yes", "no", None], dtype=object), 200)
    table = Table({"income": rng.normal(size=200), "age": rng.normal(40, 9, 200), "owner": owner})
    encoder = FeatureEncoder.fit(table)
    model = LogisticModel(encoder, np.ones(len(encoder.names)), bias=0.1)
    save(model, tmp_path / "model.npz", DriftDetector(table.columns))
    with service(tmp_path) as server:
        place = f"http://127.0.0.1:{server.port}/openapi.json"
        command = ["-m", "schemathesis.cli", "run", place, "--checks", "all", "--mode", "all", "--max-examples", "200"]
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False, timeout=280
        )
        assert (done.returncode, server.events("errors")) == (0, []), done.stdout[-5000:]
        assert "No issues found" in done.stdout
        assert len(server.events("api")) > 100
