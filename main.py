"""The command line: ``python main.py`` runs the reference pipeline and fills the seven log files.

``python main.py serve`` answers requests with the model; all other commands are those of `sevenfold.cli`.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import sinks
from pipeline.arguments import add_run_arguments, add_serve_arguments
from pipeline.data.columns import Options
from pipeline.data.loading import load_dataset, load_score_table
from pipeline.data.messages import DataError
from pipeline.data.table import Dataset, Table, make_synthetic
from pipeline.run import RunReport, Settings, run
from sevenfold import Redactor, cli
from sevenfold.cli.parser import WRONG_INPUT, Parser, unknown
from sevenfold.cli.streams import need_streams, one_line, reader_may_leave

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pipeline.data.load_report import LoadReport
    from pipeline.model.logistic import SavedModel
    from pipeline.service.application import Settings as ServiceSettings
    from sevenfold.asgi import ApiLog

OK, FAILED, INTERRUPTED = 0, 1, 130
STARTUP_FAILED = 3  # uvicorn's: a worker that ends so isn't started again
_OF_A_TABLE = ("target", "positive", "drop", "sep", "decimal", "na", "categories", "dates", "ignore_index", "score")
_REDACTOR = Redactor()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    int
        The exit status: 0 when all went well, 1 when the pipeline, its report or the server failed, 2 when the user's
        input was wrong, 130 after Ctrl-C; of another command, as `sevenfold.cli.main`.
    """
    arguments = sys.argv[1:] if argv is None else argv
    need_streams()
    command, rest = (arguments[0], arguments[1:]) if arguments and arguments[0][:1] != "-" else ("run", arguments)
    try:
        if command in cli.COMMANDS:
            return cli.main(arguments, prog="main.py")
        if command not in COMMANDS:
            _parser().error(unknown("command", command, [*COMMANDS, *cli.COMMANDS]))
        return COMMANDS[command](rest)
    except KeyboardInterrupt:
        print("main.py: interrupted; what was logged is kept", file=sys.stderr)
        return INTERRUPTED


def _pipeline(arguments: Sequence[str]) -> int:
    options = _parse(arguments)
    try:
        source = _read(options)
        handle = sinks.configure(options.log_dir, console_traceback=False)
    except (DataError, OSError, ValueError) as error:
        print(f"main.py: {one_line(error)}", file=sys.stderr)
        return WRONG_INPUT
    began = datetime.now(UTC)
    with handle:
        status = _run(options, source, handle)
    return _report(Path(options.log_dir), began) if status == OK else status


def create_app(settings: ServiceSettings | None = None) -> ApiLog:
    """Make the application that an ASGI server runs: ``uvicorn main:create_app --factory --workers 4``.

    Each worker calls it, so that each has its own sinks, in the same folder. Without `settings`, environment variables
    give them, see `pipeline.service.application.Settings`; if these are wrong, the process ends with a line that says
    so, and the exit status by which uvicorn knows that a worker needn't be started again.
    """
    from pipeline.service import application  # noqa: PLC0415 - a run or a command may need no server

    try:
        settings = settings or application.Settings.read(os.environ)
        saved = application.load(settings.model)
        handle = sinks.configure(settings.log_dir, intercept=True)
        return _make_app(saved, settings, handle.close)
    except (OSError, ValueError) as error:
        print(f"main.py: {one_line(error)}", file=sys.stderr)
        sys.exit(STARTUP_FAILED)


def accept_id(request_id: str) -> bool:
    """Whether a client's id for its request is taken: not one that redaction would change in the log alone."""
    return bool(_REDACTOR.under("request_id", request_id) == request_id)


def _make_app(saved: SavedModel, settings: ServiceSettings, at_end: Callable[[], object] | None = None) -> ApiLog:
    from pipeline.service import application  # noqa: PLC0415

    worker_id = f"pid-{os.getpid()}"
    return application.make_app(saved, settings, worker_id=worker_id, accept_id=accept_id, at_end=at_end)


def _serve(arguments: Sequence[str]) -> int:
    from pipeline.service import application, server  # noqa: PLC0415 - a run or a command may need no server

    description = (
        "Answer requests for predictions with a saved model, until Ctrl-C or SIGTERM; GET /openapi.json says how."
    )
    parser = Parser(prog="main.py serve", description=description, example="--workers 4 --port 8000 --log-dir logs")
    add_serve_arguments(parser)
    options = parser.parse_args(arguments)
    try:
        settings, tls = application.Settings.of(options), server.tls_of(vars(options))
        saved = application.load(settings.model)
        app = _make_app(saved, settings)  # for several workers, too: what is wrong is said before one starts
        with (
            server.listen(options.host, options.port) as listening,
            _metrics(options) as metrics,
            sinks.configure(options.log_dir, intercept=True),
        ):
            with reader_may_leave():
                place = server.url(listening, "https" if tls else "http")
                print(f"serving {place}, model {saved.model.version}{metrics}; Ctrl-C stops", flush=True)
            served = app if options.workers == 1 else partial(create_app, settings)
            well = server.serve(served, listening, workers=options.workers, tls=tls)
    except (OSError, ValueError) as error:
        print(f"main.py serve: {one_line(error)}", file=sys.stderr)
        return WRONG_INPUT
    return OK if well else FAILED


@contextmanager
def _metrics(options: argparse.Namespace) -> Iterator[str]:
    """Answer Prometheus for all workers, if an option says so, and yield the words about it for the first line."""
    if options.metrics_port is None:
        yield ""
        return
    from sevenfold.cli.metrics import exporter  # noqa: PLC0415 - a service may need none

    with exporter(options.log_dir, options.metrics_port, options.metrics_host) as port:
        yield f", metrics at http://{options.metrics_host}:{port}/metrics"


@dataclass(frozen=True, slots=True)
class _Source:
    dataset: Dataset
    loaded: LoadReport | None = None
    score_table: Table | None = None


def _read(options: argparse.Namespace) -> _Source:
    if options.data is None:
        return _Source(make_synthetic(options.rows, options.features, np.random.default_rng(options.seed)))
    reading = Options(options.sep, options.decimal, options.na, options.categories, options.dates, options.ignore_index)
    dataset, loaded = load_dataset(options.data, options.target, options.positive, options.drop, reading)
    score = options.score and load_score_table(options.score, dataset.table, loaded.meanings, reading)
    return _Source(dataset, loaded, score)


def _run(options: argparse.Namespace, source: _Source, handle: sinks.Sinks) -> int:
    settings = Settings(
        epochs=options.epochs,
        seed=options.seed,
        batches=options.batches,
        requests=options.requests,
        model_path=options.model,
        shift_some=options.data is None,
        faults=options.data is None and not options.no_faults,
    )
    try:
        report = run(source.dataset, settings, loaded=source.loaded, score_table=source.score_table)
    except Exception as error:  # the boundary of the program: the traceback is in errors.log
        where = Path(options.log_dir) / "errors.log"
        print(f"main.py: the pipeline failed: {one_line(error)}; the traceback is in {where}", file=sys.stderr)
        return FAILED
    with reader_may_leave():
        print(_summary(report, source.loaded, handle))
    return OK


def _report(folder: Path, began: datetime) -> int:
    """Write the page of this run, and say where it is."""
    from sevenfold import report  # noqa: PLC0415 - what only shows is loaded when everything is done

    try:
        path = report(folder, since=began)
    except OSError as error:
        print(f"main.py: no report was written: {one_line(error)}", file=sys.stderr)
        return FAILED
    with reader_may_leave():
        print(f"\nreport: {path}")
    return OK


def _summary(report: RunReport, loaded: LoadReport | None, handle: sinks.Sinks) -> str:
    majority, accuracy, auc = report.baseline_accuracy, report.val_accuracy, report.val_auc
    table = "" if loaded is None else f"\n{loaded}"
    return f"""{table}
validation accuracy {accuracy:.3f} (majority {majority:.3f}), AUC {auc:.3f}, \
average precision {report.val_average_precision:.3f}
{report.n_predictions:,} rows scored in {report.n_batches} batches, {report.n_drifted} of them drifted
{report.n_requests:,} requests answered
run_id {report.run_id}, logged in {Path(handle.log_dir or "").resolve()}

{_table(handle)}"""


def _table(handle: sinks.Sinks) -> str:
    """Return a table of what this run wrote; earlier runs may have written to the same files."""
    width = max(map(len, handle.written))
    rows = [f"{'file':{width}} {'events':>9} {'warnings':>9} {'written':>9}"]
    rows += [
        f"{file:{width}} {one.n_events:>9,} {one.n_warnings:>9,} {_size(one.n_bytes):>9}"
        for file, one in handle.written.items()
    ]
    return "\n".join(rows)


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(argv)
    needs_data = [name for name in _OF_A_TABLE if getattr(options, name)]
    if options.data is None and needs_data:
        parser.error(f"--{needs_data[0].replace('_', '-')} goes with --data FILE.csv")
    if options.data is not None and options.target is None:
        parser.error("--data needs --target COLUMN, the column to predict")
    return options


def _parser() -> argparse.ArgumentParser:
    summaries = {"serve": "answer requests for predictions over HTTP"}
    summaries |= {name: command.summary for name, command in cli.COMMANDS.items()}
    commands = "\n".join(f"  {name:9} {summary}" for name, summary in summaries.items())
    parser = Parser(
        prog="main.py",
        description="Train a model, score and serve with it; log all of it to seven files.",
        epilog=f"other commands, each with a --help of its own, as in 'main.py logs --help':\n{commands}",
        example="--data applicants.csv --target card --positive yes --log-dir logs",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_run_arguments(parser)
    return parser


COMMANDS = {"run": _pipeline, "serve": _serve}


if __name__ == "__main__":
    sys.exit(main())
