"""The log collectors' configurations in docs/collectors/ name the fields of our lines, and read their times right."""

import fnmatch
import json
import re
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from sevenfold.lines.parsing import Event
from sevenfold.reading.folder import read
from sinks import CHANNELS, configure
from tests.support.pages import ROOT

FOLDER = ROOT / "docs" / "collectors"
TRACE = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Return a folder with a line of flat JSON and one of loguru's."""
    from tests.support.loggers import own_logger  # noqa: PLC0415 - pytest must be the first to import its plugin

    flat = tuple(one if one.serialize else replace(one, format="json") for one in CHANNELS)
    with own_logger(), configure(tmp_path, channels=flat, console=None):
        logger.bind(channel="predictions", **TRACE).info("prediction", decision="approve", timestamp=5)
        logger.bind(channel="audit").critical("model_deployed", odd={"time": {"timestamp": 1.5}})
    return tmp_path


class Line:
    """A line of a file, as a collector meets it, and the event that it is."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text(encoding="utf-8").rstrip("\n")
        self.object: dict[str, Any] = json.loads(self.text)
        self.event: Event = next(read(path))

    def at(self, path: str) -> Any:
        """Return what stands at a path such as record.level.name."""
        found: Any = self.object
        for name in path.split("."):
            found = found[name]
        return found


@pytest.fixture
def flat(logs: Path) -> Line:
    return Line(logs / "predictions.log")


@pytest.fixture
def loguru(logs: Path) -> Line:
    return Line(logs / "app_json.log")


def time_of(text: str, layout: str) -> datetime:
    """Read a time by a layout of strptime, with what Fluent Bit and Vector have instead of Python's letters."""
    for theirs, python in (("%L", "%f"), ("%.f", ".%f"), ("%:z", "%z")):
        layout = layout.replace(theirs, python)
    time = datetime.strptime(text, layout)  # noqa: DTZ007 - as UTC below
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def test_vector(flat: Line, loguru: Line) -> None:
    config = tomllib.loads((FOLDER / "vector.toml").read_text(encoding="utf-8"))
    assert sources_of(config["sources"]["flat"]) == ("predictions.log", None)
    assert sources_of(config["sources"]["loguru"]) == (None, "app_json.log")
    program = config["transforms"]["flat_events"]["source"]
    (name,) = re.findall(r"del\(\.(\w+)\)", program)
    assert ('"%+"' in program, datetime.fromisoformat(flat.at(name))) == (True, flat.event.time)
    program = config["transforms"]["loguru_events"]["source"]
    assert "event.record" in program
    found = {path: loguru.at(f"record.{path}") for path in re.findall(r"\brecord\.([\w.]+)", program)}
    assert found["message"] == "model_deployed"
    assert found["level.name"] == "CRITICAL"
    (layout,) = re.findall(r'record\.time\.repr, "(.*)"', program)
    assert time_of(found["time.repr"], layout) == loguru.event.time
    for label in re.findall(r"{{ (\w+) }}", str(config["sinks"]["loki"]["labels"])):
        assert label in flat.object
        assert label in found["extra"] or f".{label} =" in program


def sources_of(source: dict[str, list[str]]) -> tuple[str | None, str | None]:
    """Return which of two files a source reads."""
    names = ("predictions.log", "app_json.log")
    read = [
        any(fnmatch.fnmatch(f"/var/log/model/{name}", one) for one in source["include"])
        and not any(fnmatch.fnmatch(f"/var/log/model/{name}", one) for one in source.get("exclude", ()))
        for name in names
    ]
    return (names[0] if read[0] else None, names[1] if read[1] else None)


@pytest.mark.whole("yaml")
def test_fluent_bit(flat: Line, loguru: Line) -> None:
    config = yaml_of("fluent-bit.yaml")
    parsers = {one["name"]: one for one in config["parsers"]}
    one = parsers["flat"]
    assert time_of(flat.at(one["time_key"]), one["time_format"]) == flat.event.time
    inner = re.match(parsers["loguru_time"]["regex"].replace("(?<", "(?P<"), loguru.text)
    assert inner is not None
    assert json.loads(inner["log"]) == loguru.object
    assert parsers["loguru_time"]["time_format"] == "%s.%L"
    assert datetime.fromtimestamp(float(inner["time"]), UTC) == loguru.event.time
    inputs = {one["tag"]: one for one in config["pipeline"]["inputs"]}
    said = {tag: {"include": [one["path"]], "exclude": [one.get("exclude_path", "-")]} for tag, one in inputs.items()}
    assert sources_of(said["flat"]) == ("predictions.log", None)
    assert sources_of(said["loguru"]) == (None, "app_json.log")
    assert {one["parser"] for one in (*inputs.values(), *config["pipeline"]["filters"])} == parsers.keys()
    for output in config["pipeline"]["outputs"]:
        line = {"flat": flat, "loguru": loguru}[output["match"]]
        for key in output["label_keys"].split(","):
            assert isinstance(line.at(".".join(re.findall(r"\w+", key))), str)


@pytest.mark.whole("yaml")
def test_the_collector_of_opentelemetry(flat: Line, loguru: Line) -> None:
    config = yaml_of("otel-collector.yaml")
    receivers = {name.partition("/")[2]: one for name, one in config["receivers"].items()}
    assert sources_of(receivers["flat"]) == ("predictions.log", None)
    assert sources_of(receivers["loguru"]) == (None, "app_json.log")
    for line, receiver in ((flat, receivers["flat"]), (loguru, receivers["loguru"])):
        paths = re.findall(r"attributes\.([\w.]+)", json.dumps(receiver["operators"]))
        assert all(line.at(path) is not None for path in paths)
        parser, *_, body = receiver["operators"]
        assert line.at(parser["severity"]["parse_from"].removeprefix("attributes.")) == line.event.level
        assert line.at(body["from"].removeprefix("attributes.")) == line.event.message
        found, time = line.at(parser["timestamp"]["parse_from"].removeprefix("attributes.")), parser["timestamp"]
        if time.get("layout_type") == "epoch":
            assert datetime.fromtimestamp(found, UTC) == line.event.time
        else:
            assert (time_of(found, time["layout"]), time["location"]) == (line.event.time, "UTC")
    pipeline = config["service"]["pipelines"]["logs"]
    assert pipeline == {"receivers": [*config["receivers"]], "exporters": [*config["exporters"]]}


def test_alloy(flat: Line, loguru: Line) -> None:
    config = (FOLDER / "config.alloy").read_text(encoding="utf-8")
    assert config.count("{") == config.count("}")
    for name, line in (("flat", flat), ("loguru", loguru)):
        (stages,) = re.findall(rf'^loki\.process "{name}" \{{(.*?)^\}}', config, flags=re.DOTALL | re.MULTILINE)
        (expressions,) = re.findall(r"expressions = \{(.*?)\}", stages, flags=re.DOTALL)
        found = {key: line.at(path) for key, path in re.findall(r'(\w+)\s*= "([\w.]+)"', expressions)}
        assert (found["level"], found["channel"]) == (line.event.level, line.event.channel)
        assert set(re.findall(r'(\w+) = ""', stages)) == {"level", "channel"}
        if 'format = "Unix"' in stages:
            assert datetime.fromtimestamp(found["time"], UTC) == line.event.time
        else:
            assert ("RFC3339Nano" in stages, datetime.fromisoformat(found["time"])) == (True, line.event.time)


def yaml_of(name: str) -> Any:
    yaml: Any = pytest.importorskip("yaml")
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
