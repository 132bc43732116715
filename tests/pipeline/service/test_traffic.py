import json
import socket

import numpy as np
import pytest

from pipeline.data.table import Table
from pipeline.service.traffic import make_requests, send
from tests.support.small_model import ROW, trained


def table() -> Table:
    return trained()[1]


def test_most_requests_are_good_some_malformed_and_the_last_one_is_too_large_for_the_model() -> None:
    requests = list(make_requests(table(), 200))
    assert [json.loads(requests[i].body) for i in (0, 18)] == [table().row(0), table().row(18)]
    assert set(json.loads(requests[-1].body).values()) == {1.7e308}
    assert len(requests) == 200
    assert list(make_requests(table(), 0)) == []


def test_a_short_table_is_gone_through_again_and_text_is_sent_as_it_is() -> None:
    short = Table({"owner": np.array(["é", None], dtype=object)})
    assert [json.loads(one.body) for one in make_requests(short, 4)] == [{"owner": "é"}, {"owner": None}] * 2


def test_nobody_there_is_an_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        rows = Table({name: np.array([value]) for name, value in ROW.items()})
        with pytest.raises(ConnectionRefusedError):
            send(make_requests(rows, 1), f"http://127.0.0.1:{unused.getsockname()[1]}")
