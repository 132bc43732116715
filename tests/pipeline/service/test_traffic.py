import json
import socket

import numpy as np
import pytest

from pipeline.data.table import Table
from pipeline.service.embedded.server import Server
from pipeline.service.monitoring import Monitor
from pipeline.service.scoring import ScoringService
from pipeline.service.traffic import make_requests, send
from sevenfold.channel_log import ChannelLog
from tests.support.small_model import ROW, trained

STATUSES = [400, 422, 422, 422, 405, 404, 415]  # of every twentieth, in turn


def table() -> Table:
    return trained()[1]


def test_most_requests_are_good_some_malformed_and_the_last_one_makes_the_model_fail() -> None:
    requests = list(make_requests(table(), 200))
    assert [json.loads(requests[i].body) for i in (0, 18)] == [table().row(0), table().row(18)]
    assert set(json.loads(requests[-1].body).values()) == {1.7e308}
    assert len(requests) == 200
    assert list(make_requests(table(), 0)) == []


def test_a_short_table_is_gone_through_again_and_text_is_sent_as_it_is() -> None:
    short = Table({"owner": np.array(["é", None], dtype=object)})
    assert [json.loads(one.body) for one in make_requests(short, 4)] == [{"owner": "é"}, {"owner": None}] * 2


def test_each_request_is_answered_over_one_connection_whatever_proxy_is_set(
    channel_log: ChannelLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Server(ScoringService(trained()[0], Monitor()), port=0) as server:
        count = send(make_requests(table(), 160), "127.0.0.1", server.port)
    statuses = [record.fields["http_response_status_code"] for record in channel_log.channel("api")]
    assert count == len(statuses) == 160
    assert statuses[19:159:20] == STATUSES
    assert statuses[-1] == 500
    assert sum(status == 200 for status in statuses) == 160 - 7 - 1
    assert {record.fields["client_address"] for record in channel_log.channel("api")} == {"127.0.0.1"}


def test_nobody_there_is_an_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            send(
                make_requests(Table({name: np.array([value]) for name, value in ROW.items()}), 1), *unused.getsockname()
            )
