"""The scoring service as a Starlette application: its routes, its answers, and its errors in one sentence each."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from pipeline.model.inference import Prediction, predict
from pipeline.service.openapi import ANSWER_FIELDS, document
from pipeline.service.payload import Payload, RequestError, read_payload, to_table
from sevenfold.asgi import note

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from starlette.requests import Request

    from pipeline.model.logistic import LogisticModel
    from pipeline.service.live_drift import DriftWatch

# Up to this length a body is scored in the event loop, which blocks it for a millisecond. A thread takes 0.1 ms longer,
# almost half the time of a single row.
INLINE_BYTES = 16_000

_ROUTES = {"/predict": "POST", "/health": "GET", "/schema": "GET", "/openapi.json": "GET"}
_HTTP_KINDS = {404: "not_found", 405: "method_not_allowed"}


class Scoring:
    """Answer requests with a model's predictions.

    Parameters
    ----------
    model : LogisticModel
        Scores the rows.
    watch : DriftWatch, optional
        Observes the scored rows.
    """

    def __init__(self, model: LogisticModel, watch: DriftWatch | None = None) -> None:
        self._model = model
        self._schema = model.schema
        self._watch = watch
        self._started = monotonic()

    def application(self, lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]]) -> Starlette:
        """Return the application; each of its answers is JSON."""
        answers = {
            "/predict": self._predict,
            "/health": self._health,
            "/schema": self._describe,
            "/openapi.json": self._openapi,
        }
        routes = [Route(path, answers[path], methods=[method]) for path, method in _ROUTES.items()]
        errors: Any = {RequestError: _refuse, HTTPException: _refuse_http, Exception: _fail}
        app = Starlette(routes=routes, exception_handlers=errors, lifespan=lifespan)
        app.router.redirect_slashes = False
        return app

    async def _predict(self, request: Request) -> Response:
        _require_plain(request.headers.get("content-encoding", ""))
        body, media_type = await request.body(), request.headers.get("content-type", "")
        arguments = body, media_type, request.state.request_id
        if len(body) <= INLINE_BYTES:
            payload, predictions = self._score(*arguments)
        else:
            payload, predictions = await asyncio.to_thread(self._score, *arguments)
        note(**_notes(predictions))
        answers = [{name: getattr(prediction, name) for name in ANSWER_FIELDS} for prediction in predictions]
        return _json({"predictions": answers} if payload.several else answers[0])

    def _score(self, body: bytes, media_type: str, request_id: str) -> tuple[Payload, list[Prediction]]:
        payload = read_payload(body, media_type, self._schema)
        predictions = predict(self._model, to_table(payload.rows, self._schema), prefix=request_id)
        if self._watch is not None:
            self._watch.observe(payload.rows, [prediction.probability for prediction in predictions])
        return payload, predictions

    async def _health(self, _request: Request) -> Response:
        uptime_s = round(monotonic() - self._started, 3)
        return _json({"status": "ok", "model_version": self._model.version, "uptime_s": uptime_s})

    async def _describe(self, _request: Request) -> Response:
        features = [{"name": name, "kind": kind} for name, kind in self._schema.items()]
        return _json({"model_version": self._model.version, "features": features})

    async def _openapi(self, _request: Request) -> Response:
        return _json(document(self._schema, self._model.version))


def _require_plain(encoding: str) -> None:
    if encoding.strip().lower() not in {"", "identity"}:
        message = f"expected no Content-Encoding, got {encoding[:80]!r}"
        raise RequestError(415, "unsupported_encoding", message, {"Accept-Encoding": "identity"})


def _notes(predictions: list[Prediction]) -> dict[str, Any]:
    """Return the fields about its predictions for the line of a request; windows sum them up."""
    if len(predictions) == 1:
        return {"decision": predictions[0].decision, "confidence": predictions[0].confidence}
    decisions = Counter(prediction.decision for prediction in predictions)
    return {"decision": dict(decisions), "confidence": float(np.mean([one.confidence for one in predictions]))}


def _json(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    # In ASCII, unlike Starlette's own: a client can send half a surrogate pair, which has no UTF-8.
    content = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
    return Response(content, status, headers, media_type="application/json")


def _error(request: Request, status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return _json({"error": message, "request_id": request.state.request_id}, status, headers)


async def _refuse(request: Request, error: RequestError) -> Response:
    note(error_type=error.kind)
    return _error(request, error.status, str(error), error.headers)


async def _refuse_http(request: Request, error: HTTPException) -> Response:
    """Answer what Starlette's router refuses, in this service's words."""
    note(error_type=_HTTP_KINDS.get(error.status_code, "http"))
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    method = _ROUTES.get(path)
    if method is None:
        return _error(request, error.status_code, f"expected one of {', '.join(_ROUTES)}, got {path[:80]}")
    allow = {"Allow": "GET, HEAD" if method == "GET" else method}
    return _error(request, error.status_code, f"{path} takes {method}, got {request.method[:20]}", allow)


async def _fail(request: Request, _: Exception) -> Response:
    return _error(request, 500, "the model failed on this request")
