"""The command `metrics`: serve what is in a log folder to Prometheus."""

import argparse
import importlib.util
import sys
from pathlib import Path

from sevenfold.cli.parser import WRONG_INPUT, add_log_dir
from sevenfold.cli.streams import one_line
from sevenfold.overview.metrics.following import Follower

OK, FAILED = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of the command."""
    add_log_dir(parser)
    add = parser.add_argument
    add("--port", type=int, default=9464, metavar="N", help="where to answer (default: %(default)s)")
    add("--host", default="127.0.0.1", metavar="ADDRESS", help="on which address (default: %(default)s)")
    add("--checkpoint", type=Path, metavar="FILE", help="keep counters there, so that they don't fall when files go")


def run(options: argparse.Namespace) -> int:
    """Count what is there and what comes, and answer Prometheus, until Ctrl-C.

    Parameters
    ----------
    options : argparse.Namespace
        What a parser with `add_arguments` gave.

    Returns
    -------
    int
        The exit status: 0 after Ctrl-C, 1 when a file can't be read or the port is taken, 2 without prometheus-client.
    """
    if importlib.util.find_spec("prometheus_client") is None:
        sys.stderr.write(f"{options.prog}: needs prometheus-client: pip install 'sevenfold[metrics]'\n")
        return WRONG_INPUT
    from sevenfold.overview.metrics.serving import serve  # noqa: PLC0415 - the extra

    follower = Follower(Path(options.log_dir), options.checkpoint)
    try:
        port = serve(follower, options.port, options.host)
        sys.stdout.write(f"metrics of {options.log_dir} at http://{options.host}:{port}/metrics; Ctrl-C stops\n")
        sys.stdout.flush()
        follower.run()
    except OSError as error:
        sys.stderr.write(f"{options.prog}: {one_line(error)}\n")
        return FAILED
    except KeyboardInterrupt:
        follower.save()
    return OK
