"""Requests as clients send them: most of them good, some malformed, and one with numbers too large for the model."""

import contextlib
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import islice
from urllib.parse import urlsplit

import orjson

from pipeline.data.table import Table
from pipeline.service.payload import MEDIA_TYPE

_TIMEOUT_S = 30.0
_EVERY = 20  # one request in so many is malformed
# Finite, as JSON has it, but an overflow where a model standardises it.
_OVERFLOWS = 1.7e308


@dataclass(frozen=True, slots=True)
class Request:
    """A request to send."""

    method: str
    path: str
    body: bytes = b""
    content_type: str = MEDIA_TYPE


def make_requests(table: Table, count: int) -> Iterator[Request]:
    """Make requests for scoring the rows of a table, over and over.

    Parameters
    ----------
    table : Table
        Its rows are the features.
    count : int
        How many requests. The last one is finite but so large that the model overflows, if the table has a numeric
        column; every twentieth is malformed, in a different way each.

    Yields
    ------
    Request
    """
    for number, row in enumerate(islice(_rows(table, count), count)):
        if number == count - 1 and table.numeric:
            yield _post(row | dict.fromkeys(table.numeric, _OVERFLOWS))
        elif number % _EVERY == _EVERY - 1:
            yield _malformed(row, number // _EVERY)
        else:
            yield _post(row)


def _rows(table: Table, at_once: int) -> Iterator[dict[str, float | str | None]]:
    first = table.take(slice(at_once))
    while True:
        yield from first.rows()


def send(requests: Iterable[Request], url: str) -> int:
    """Send requests over one connection, each once the one before is answered.

    The connection is direct, without the proxies of the environment.

    Returns
    -------
    int
        How many were answered.

    Raises
    ------
    OSError
        If nobody answers.
    """
    count, place = 0, urlsplit(url)
    with contextlib.closing(HTTPConnection(place.hostname or "", place.port, timeout=_TIMEOUT_S)) as connection:
        for count, request in enumerate(requests, start=1):  # noqa: B007 - the count is the result
            headers = {"Content-Type": request.content_type} if request.body else {}
            connection.request(request.method, request.path, request.body or None, headers)
            connection.getresponse().read()
    return count


def _post(row: dict[str, float | str | None]) -> Request:
    return Request("POST", "/predict", orjson.dumps(row))


def _malformed(row: dict[str, float | str | None], number: int) -> Request:
    first = next(iter(row))
    ways = (
        Request("POST", "/predict", b'{"income": 0.12,'),
        _post({name: value for name, value in row.items() if name != first}),
        _post(row | {"no_such_feature": 1.0}),
        Request("POST", "/predict", json.dumps(row | {first: math.nan}).encode()),
        Request("GET", "/predict"),
        Request("POST", "/predictions", json.dumps(row).encode()),
        Request("POST", "/predict", b"income=0.12", content_type="application/x-www-form-urlencoded"),
    )
    return ways[number % len(ways)]
