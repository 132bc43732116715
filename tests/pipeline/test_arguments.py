"""The options of the server, as they are read."""

import argparse

import pytest

from pipeline.arguments import add_serve_arguments


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_serve_arguments(parser)
    return parser.parse_args(arguments)


def test_metrics_are_answered_on_the_loopback_and_only_if_asked_for() -> None:
    assert parsed().metrics_port is None
    options = parsed("--metrics-port", "9464")
    assert (options.metrics_port, options.metrics_host) == (9464, "127.0.0.1")


@pytest.mark.parametrize("port", ["-1", "65536", "http", ""])
def test_a_port_for_metrics_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], port: str) -> None:
    with pytest.raises(SystemExit):
        parsed("--metrics-port", port)
    assert "argument --metrics-port: expected" in capsys.readouterr().err
