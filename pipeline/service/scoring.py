"""The scoring service without a server: a request in, a status and a JSON body out, and one api line a request."""

import json
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic, perf_counter
from typing import Any
from uuid import uuid4

from loguru import logger

from pipeline.model.inference import Prediction, predict
from pipeline.model.logistic import LogisticModel
from pipeline.service.live_drift import DriftWatch
from pipeline.service.monitoring import Monitor, Outcome
from pipeline.service.payload import MEDIA_TYPE, RequestError, read_payload, to_table

log = logger.bind(channel="api")

UNKNOWN_METHOD = "_OTHER"  # what OpenTelemetry calls the method of a request that couldn't be read

# What a client may name its request: nothing that has a meaning in a header, a log line, a shell or a query.
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:@+/=-]{1,128}")
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_TOLD = ("prediction_id", "model_version", "probability", "decision", "confidence")
_RETRY_AFTER = {"Retry-After": "1"}


@dataclass(frozen=True, slots=True)
class Request:
    """What a server hands over; nothing in it has been checked.

    Attributes
    ----------
    method, path : str
        As in the request line, such as ``POST`` and ``/predict``: the path decoded, and without a query. Where they
        couldn't be read, ``_OTHER`` and an empty path.
    body : bytes
        As it came.
    content_type : str
        The media type, with or without parameters; empty where there is none.
    client_address : str
        Logged with the request; the body never is.
    request_id : str or None
        What the client calls the request. It is kept where it is short and harmless; otherwise one is made up.
    traceparent : str or None
        The W3C header. Where it is valid, its trace id stands in every record of the request as ``trace_id``.
    """

    method: str
    path: str
    body: bytes = b""
    content_type: str = MEDIA_TYPE
    client_address: str = "in-process"
    request_id: str | None = None
    traceparent: str | None = None


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
        The request's, safe to be sent as a header.
    headers : dict
        What must be sent besides Content-Type, Content-Length and X-Request-ID: Allow with 405, Retry-After with 503.
    """

    status: int
    body: dict[str, Any]
    request_id: str
    headers: dict[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """Return the body as it is sent, in JSON; not to be sent where the method was HEAD."""
        return json.dumps(self.body, separators=(",", ":"), allow_nan=False).encode()


@dataclass(frozen=True, slots=True)
class _Answer:
    body: dict[str, Any]
    status: int = 200
    predictions: list[Prediction] = field(default_factory=list)
    failure: Exception | None = None
    headers: dict[str, str] = field(default_factory=dict)


class ScoringService:
    """Answer requests with a model's predictions; threads may share one.

    Parameters
    ----------
    model : LogisticModel
        Scores the rows.
    monitor : Monitor
        Is told how each request ended.
    watch : DriftWatch, optional
        Is given the rows that were scored.
    max_in_flight : int
        Requests that are scored at a time, at least 1; those above are answered with 503 at once, since each of them
        would only make all others late.

    Attributes
    ----------
    model : LogisticModel
        As given.

    Raises
    ------
    ValueError
        If ``max_in_flight`` is less than 1.
    """

    def __init__(
        self, model: LogisticModel, monitor: Monitor, watch: DriftWatch | None = None, *, max_in_flight: int = 64
    ) -> None:
        if max_in_flight < 1:
            raise ValueError(f"max_in_flight must be at least 1, got {max_in_flight}")
        self.model = model
        self._schema = model.schema
        self._monitor = monitor
        self._watch = watch
        self._started = monotonic()
        self._free = deque(range(max_in_flight))  # no lock: one that is held during a fork stays held in the child
        self._routes: dict[str, tuple[tuple[str, ...], Callable[[Request, str], _Answer]]] = {
            "/predict": (("POST",), self._predict),
            "/health": (("GET", "HEAD"), self._health),
            "/schema": (("GET", "HEAD"), self._describe),
        }

    def handle(self, request: Request) -> Response:
        """Answer a request; never raises, whatever the request or the model does.

        Logs one line on the channel ``api``. When the model fails, that line is an error with its traceback in
        errors.log, and the answer says nothing of it but the request_id.
        """
        return self._respond(request, self._answer)

    def refuse(
        self, request: Request, status: int, kind: str, message: str, headers: dict[str, str] | None = None
    ) -> Response:
        """Answer a request that the server itself can't take: too large, too slow, no HTTP, one too many.

        It is logged and counted as every other.

        Parameters
        ----------
        request : Request
            As much of it as is known.
        status, kind, message, headers
            As those of `RequestError`.
        """
        error = RequestError(status, kind, message, headers)
        return self._respond(request, lambda _, request_id: _refusal(error, request_id))

    def _respond(self, request: Request, answer_to: Callable[[Request, str], _Answer]) -> Response:
        started = perf_counter()
        ids = _ids(request)
        request_id = ids["request_id"]
        with logger.contextualize(**ids):
            answer = answer_to(request, request_id)
            duration_ms = (perf_counter() - started) * 1000
            self._log(request, answer, duration_ms)
        decisions = tuple([prediction.decision for prediction in answer.predictions])
        confidences = tuple([prediction.confidence for prediction in answer.predictions])
        self._monitor.observe(Outcome(answer.status, duration_ms, decisions, confidences))
        return Response(answer.status, answer.body, request_id, answer.headers)

    def _answer(self, request: Request, request_id: str) -> _Answer:
        try:
            return self._route(request)(request, request_id)
        except RequestError as error:
            return _refusal(error, request_id)
        except Exception as error:  # whatever broke, the client gets an answer and the log its traceback
            return _Answer({"error": "the model failed on this request", "request_id": request_id}, 500, failure=error)

    def _route(self, request: Request) -> Callable[[Request, str], _Answer]:
        if request.path not in self._routes:
            known = ", ".join(self._routes)
            raise RequestError(404, "not_found", f"expected one of {known}, got {request.path[:80]}")
        methods, answer = self._routes[request.path]
        if request.method not in methods:
            message = f"{request.path} takes {methods[0]}, got {request.method[:20]}"
            raise RequestError(405, "method_not_allowed", message, {"Allow": ", ".join(methods)})
        return answer

    def _health(self, _request: Request, _request_id: str) -> _Answer:
        uptime_s = round(monotonic() - self._started, 3)
        return _Answer({"status": "ok", "model_version": self.model.version, "uptime_s": uptime_s})

    def _describe(self, _request: Request, _request_id: str) -> _Answer:
        features = [{"name": name, "kind": kind} for name, kind in self._schema.items()]
        return _Answer({"model_version": self.model.version, "features": features})

    def _predict(self, request: Request, request_id: str) -> _Answer:
        try:
            slot = self._free.pop()
        except IndexError:
            message = "too many requests at once, try again in a moment"
            raise RequestError(503, "overloaded", message, _RETRY_AFTER) from None
        try:
            return self._score(request, request_id)
        finally:
            self._free.append(slot)

    def _score(self, request: Request, request_id: str) -> _Answer:
        payload = read_payload(request.body, request.content_type, self._schema)
        predictions = predict(self.model, to_table(payload.rows, self._schema), prefix=request_id)
        if self._watch is not None:
            self._watch.observe(payload.rows)
        told = [{name: getattr(prediction, name) for name in _TOLD} for prediction in predictions]
        return _Answer({"predictions": told} if payload.several else told[0], predictions=predictions)

    def _log(self, request: Request, answer: _Answer, duration_ms: float) -> None:
        failure = answer.failure
        fields: dict[str, Any] = {
            "http_request_method": request.method,
            "http_route": request.path if request.path in self._routes else None,
            "url_path": request.path or None,
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


def _ids(request: Request) -> dict[str, str]:
    """Return what the records of a request are found by."""
    sent, trace = request.request_id, request.traceparent
    request_id = sent if sent is not None and _REQUEST_ID.fullmatch(sent) else f"req-{uuid4().hex}"
    traced = None if trace is None else _TRACEPARENT.fullmatch(trace)
    return {"request_id": request_id} | ({} if traced is None else {"trace_id": traced[1]})


def _refusal(error: RequestError, request_id: str) -> _Answer:
    body = {"error": str(error), "request_id": request_id}
    return _Answer(body, error.status, failure=error, headers=error.headers)
