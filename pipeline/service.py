"""The scoring service without a server: a request in, a status and a JSON body out, and one api line a request."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from time import perf_counter
from typing import Any
from uuid import uuid4

import numpy as np
from loguru import logger

from pipeline.data import Table
from pipeline.inference import Prediction, predict
from pipeline.model import LogisticModel
from pipeline.monitoring import Monitor, Outcome

log = logger.bind(channel="api")

MAX_BODY_BYTES = 1_000_000
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """What a server hands over.

    Attributes
    ----------
    method, path : str
        As in the request line, such as ``POST`` and ``/predict``.
    body : bytes
        As it came.
    content_type : str
        The media type, with or without parameters.
    client_address : str
        Logged with the request; the body never is.
    request_id : str or None
        Links the lines of one request; made up where None.
    """

    method: str
    path: str
    body: bytes = b""
    content_type: str = _JSON
    client_address: str = "in-process"
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """The answer.

    Attributes
    ----------
    status : int
        HTTP status.
    body : dict
        To be sent as JSON; ``error`` is one sentence where the status is 400 or above.
    request_id : str
        The request's.
    """

    status: int
    body: dict[str, Any]
    request_id: str


class RequestError(Exception):
    """A request that can't be answered as asked.

    Attributes
    ----------
    status : int
        HTTP status of the answer, 4xx.
    kind : str
        A short constant name, logged as ``error_type``.
    """

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


@dataclass(frozen=True, slots=True)
class _Answer:
    body: dict[str, Any]
    status: int = 200
    predictions: tuple[Prediction, ...] = ()
    failure: Exception | None = None


class ScoringService:
    """Answer requests with a model's predictions.

    Parameters
    ----------
    model : LogisticModel
        Scores the rows.
    monitor : Monitor
        Is told how each request ended.
    """

    def __init__(self, model: LogisticModel, monitor: Monitor) -> None:
        self._model = model
        self._monitor = monitor
        self._routes: dict[str, tuple[str, Callable[[Request, str], _Answer]]] = {
            "/predict": ("POST", self._predict),
            "/health": ("GET", self._health),
        }

    def handle(self, request: Request) -> Response:
        """Answer a request; never raises, whatever the request or the model does.

        Logs one line on the channel ``api``. When the model fails, that line is an error with its traceback in
        errors.log, and the answer says nothing of it but the request_id.
        """
        request_id = request.request_id or f"req-{uuid4().hex}"
        started = perf_counter()
        with logger.contextualize(request_id=request_id):
            answer = self._answer(request, request_id)
            duration_ms = (perf_counter() - started) * 1000
            _log_request(request, answer, duration_ms)
        decisions = tuple(prediction.decision for prediction in answer.predictions)
        confidences = tuple(prediction.confidence for prediction in answer.predictions)
        self._monitor.observe(Outcome(answer.status, duration_ms, decisions, confidences))
        return Response(answer.status, answer.body, request_id)

    def _answer(self, request: Request, request_id: str) -> _Answer:
        try:
            return self._route(request)(request, request_id)
        except RequestError as error:
            return _Answer({"error": str(error), "request_id": request_id}, error.status, failure=error)
        except Exception as error:  # whatever broke, the client gets an answer and the log its traceback
            return _Answer({"error": "the model failed on this request", "request_id": request_id}, 500, failure=error)

    def _route(self, request: Request) -> Callable[[Request, str], _Answer]:
        if request.path not in self._routes:
            raise RequestError(404, "not_found", f"expected one of {', '.join(self._routes)}, got {request.path[:80]}")
        method, answer = self._routes[request.path]
        if request.method != method:
            raise RequestError(405, "method_not_allowed", f"{request.path} takes {method}, got {request.method[:20]}")
        return answer

    def _health(self, request: Request, request_id: str) -> _Answer:  # noqa: ARG002 - every route takes both
        return _Answer({"status": "ok", "model_version": self._model.version})

    def _predict(self, request: Request, request_id: str) -> _Answer:
        row = _parse_row(request)
        _validate(row, self._model.schema)
        table = Table({name: _column(row[name], kind) for name, kind in self._model.schema.items()})
        (prediction,) = predict(self._model, table, prefix=request_id)
        told = ("prediction_id", "model_version", "probability", "decision", "confidence")
        return _Answer({name: getattr(prediction, name) for name in told}, predictions=(prediction,))


def _parse_row(request: Request) -> dict[str, Any]:
    if request.content_type.partition(";")[0].strip().lower() != _JSON:
        raise RequestError(415, "unsupported_media_type", f"expected {_JSON}, got {request.content_type[:80]}")
    if len(request.body) > MAX_BODY_BYTES:
        raise RequestError(413, "too_large", f"expected at most {MAX_BODY_BYTES} bytes, got {len(request.body)}")
    try:
        row = json.loads(request.body)
    except (ValueError, RecursionError):
        raise RequestError(400, "not_json", "the body isn't JSON") from None
    if not isinstance(row, dict):
        raise RequestError(422, "wrong_fields", f"expected an object of features by name, got {type(row).__name__}")
    return row


def _validate(row: dict[str, Any], schema: dict[str, str]) -> None:
    """Name every field that is wrong, at once, so that a client mends them in one go."""
    wrong = [f"{name}: missing" for name in schema if name not in row]
    wrong += [f"{name[:80]}: unknown" for name in row if name not in schema]
    wrong += [
        f"{name}: expected a {kind}, got {_shown(row[name])}"
        for name, kind in schema.items()
        if name in row and not _fits(row[name], kind)
    ]
    if wrong:
        raise RequestError(422, "wrong_fields", "; ".join(wrong[:20]))


def _fits(value: object, kind: str) -> bool:
    if value is None:  # a missing value, which the model knows how to take
        return True
    if kind == "category":
        return isinstance(value, str)
    return isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the floats
        return False


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."  # noqa: PLR2004


def _column(value: Any, kind: str) -> np.ndarray[Any, Any]:
    if kind == "category":
        return np.array([value], dtype=object)
    return np.array([np.nan if value is None else value], dtype=np.float64)


def _log_request(request: Request, answer: _Answer, duration_ms: float) -> None:
    failure = answer.failure
    fields: dict[str, Any] = {
        "http_request_method": request.method,
        "http_route": None if answer.status == HTTPStatus.NOT_FOUND else request.path,
        "url_path": request.path,
        "http_response_status_code": answer.status,
        "duration_ms": duration_ms,
        "client_address": request.client_address,
    }
    if failure is None:
        log.info("request", **fields)
    elif isinstance(failure, RequestError):
        log.info("request", **fields, error_type=failure.kind)
    else:
        log.opt(exception=failure).error("request", **fields, error_type=type(failure).__name__)
