"""The reference service as `main.py serve` runs it, with a test's settings from an environment variable."""

import json
import os
import sys
from typing import Any

import sinks
from pipeline.service import application, deadline
from pipeline.service.application import Settings, load, make_app
from pipeline.service.server import listen, serve, url
from sevenfold.asgi import ApiLog


def options() -> dict[str, Any]:
    defaults = {"workers": 1, "settings": {}, "sinks": {}, "app": {}, "head_s": 10.0, "audits": True}
    return {**defaults, **json.loads(os.environ["TEST_OPTIONS"])}


def full_disk(*_: Any, **__: Any) -> None:
    raise OSError("no space left on device")


def create_app() -> ApiLog:
    given = options()
    deadline.HEAD_S = given["head_s"]
    if not given["audits"]:
        setattr(application, "audit", full_disk)  # noqa: B010 - it isn't the module's to give away
    handle = sinks.configure("logs", intercept=True, **given["sinks"])
    settings = Settings(model="model.npz", **given["settings"])
    return make_app(load("model.npz"), settings, worker_id=f"pid-{os.getpid()}", at_end=handle.close, **given["app"])


if __name__ == "__main__":
    n_workers = options()["workers"]
    with listen("127.0.0.1", 0) as listening:
        print(url(listening), flush=True)  # noqa: T201 - the test reads it
        sys.exit(not serve(create_app if n_workers > 1 else create_app(), listening, workers=n_workers))
