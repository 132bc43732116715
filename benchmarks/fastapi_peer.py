"""The peer in `benchmarks.service`: FastAPI, with loguru used as loguru's documentation does, for the same lines."""

import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from loguru import logger

from pipeline.model.inference import predict
from pipeline.model.logistic import load_saved
from pipeline.service.payload import to_table
from pipeline.service.scoring import ANSWER_FIELDS

FORMAT = "{time:YYYY-MM-DD HH:mm:ss.SSS} | {level: <8} | {extra[channel]} | {message} | {extra}"


def configure(folder: str) -> None:
    """Log two channels to two files, by filters."""
    logger.remove()
    for channel, file in (("api", "api_requests.log"), ("predictions", "predictions.log")):
        logger.add(
            Path(folder, file),
            format=FORMAT,
            filter=lambda record, channel=channel: record["extra"].get("channel") == channel,
            rotation="10 MB",
            compression="gz",
        )


def make_app(model_path: str) -> FastAPI:
    app, model = FastAPI(), load_saved(model_path).model

    @app.middleware("http")
    async def log_request(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        began, request_id = time.perf_counter(), f"req-{uuid.uuid4().hex}"
        request.state.request_id = request_id
        with logger.contextualize(request_id=request_id):
            response = await answer(request)
            logger.bind(channel="api").info(
                "request",
                http_request_method=request.method,
                http_route=getattr(request.scope.get("route"), "path", None),
                url_path=request.url.path,
                http_response_status_code=response.status_code,
                duration_ms=(time.perf_counter() - began) * 1000,
                client_address=request.client.host if request.client else None,
            )
        response.headers["X-Request-ID"] = request_id
        return response

    @app.post("/predict")
    async def score(row: dict[str, float | None], request: Request) -> dict[str, Any]:
        table = to_table([tuple(row[name] for name in model.schema)], model.schema)
        (prediction,) = predict(model, table, prefix=request.state.request_id)
        return {name: getattr(prediction, name) for name in ANSWER_FIELDS}

    return app
