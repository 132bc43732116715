"""The options of the commands that run and serve."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_PATH: dict[str, Any] = {"type": Path, "metavar": "PATH"}


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of a run."""
    add = parser.add_argument
    add("--log-dir", **_PATH, default="logs", help="folder of the log files (default: %(default)s)")
    add("--model", **_PATH, default="artifacts/model.npz", help="where the model is saved (default: %(default)s)")
    add("--seed", **_number(0), default=7, help="same seed, same numbers (default: %(default)s)")
    add("--epochs", **_number(1), default=30, help="most steps to the optimum (default: %(default)s)")
    add("--batches", **_number(1), default=6, help="most batches to check for drift and score (default: %(default)s)")
    add("--requests", **_number(0), default=200, help="requests to the scoring service (default: %(default)s)")
    add = parser.add_argument_group("synthetic data").add_argument
    add("--rows", **_number(100), default=10_000, help="rows to make, at least 100 (default: %(default)s)")
    add("--features", **_number(1), default=8, help="columns to make (default: %(default)s)")
    add("--no-faults", action="store_true", help="leave out the two faults that a run on made-up data provokes")
    add = parser.add_argument_group("a table of your own, instead").add_argument
    add("--data", type=_file, metavar="FILE.csv", help="table with a header, to learn from; also FILE.csv.gz")
    add("--target", metavar="COLUMN", help="the column to predict")
    positive = "the value of the target that is to be approved, or a bound such as '>250000'"
    add("--positive", metavar="VALUE", help=positive)
    add("--drop", type=_names, default=(), metavar="COL,...", help="columns to leave out")
    add("--sep", type=_separator, metavar="CHAR", help="what separates the columns, if it isn't found: , ; | tab")
    add("--decimal", choices=[".", ","], help="what stands before the fraction of a number, if it isn't found")
    add("--na", type=_names, default=(), metavar="WORD,...", help="spellings of a missing value, in every column")
    add("--categories", type=_names, default=(), metavar="COL,...", help="columns that are text, such as codes")
    add("--dates", type=_names, default=(), metavar="COL,...", help="columns of dates, such as 20241231")
    add("--ignore-index", action="store_true", help="leave out a first column without a name")
    second = "a second table, to score and to compare with the first for drift"
    add("--score", type=_file, metavar="FILE.csv", help=second)


def add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of the server."""
    add = parser.add_argument
    add("--host", metavar="HOST", default="127.0.0.1", help="where to listen (default: %(default)s, this machine only)")
    add("--port", **_number(0, 65_535), default=8000, help="0 is any that is free (default: %(default)s)")
    add("--workers", **_number(1), default=1, help="processes (default: %(default)s)")
    add("--model", **_PATH, default="artifacts/model.npz", help="what a run has saved (default: %(default)s)")
    add("--log-dir", **_PATH, default="logs", help="folder of the log files (default: %(default)s)")
    window = "a window of monitoring.log ends after so many"
    add("--window-requests", **_number(1), default=1000, help=f"{window} requests (default: %(default)s)")
    add("--window-seconds", **_number(1), default=60, help=f"{window} seconds (default: %(default)s)")
    rows = "scored rows that are compared at a time with the training rows, 0 for none (default: %(default)s)"
    add("--drift-rows", **_number(0), default=500, help=rows)
    proxies = "addresses or networks whose X-Forwarded-For is believed, such as 10.0.0.0/8"
    add("--trusted-proxies", metavar="NET,...", default="", help=proxies)
    add = parser.add_argument_group("Prometheus").add_argument
    answered = "answer Prometheus for all workers there, 0 is any that is free (default: not)"
    add("--metrics-port", **_number(0, 65_535), help=answered)
    add("--metrics-host", metavar="HOST", default="127.0.0.1", help="on which address (default: %(default)s)")
    add = parser.add_argument_group("TLS, as uvicorn has it").add_argument
    add("--ssl-certfile", metavar="PATH", help="the certificate, and those that it is signed with")
    add("--ssl-keyfile", metavar="PATH", help="its key, if that isn't in the same file")
    add("--ssl-keyfile-password", metavar="TEXT", help="of the key")
    add("--ssl-ca-certs", metavar="PATH", help="whose certificates clients may have")
    add("--ssl-cert-reqs", type=int, choices=(0, 1, 2), metavar="N", help="2: clients must have one")
    add("--ssl-ciphers", metavar="TEXT", help="in OpenSSL's words")


def _number(least: int, most: float = math.inf) -> dict[str, Any]:
    return {"type": _between(least, most), "metavar": "N"}


def _between(least: int, most: float) -> Callable[[str], int]:
    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}") from None
        if value < least:
            raise argparse.ArgumentTypeError(f"expected at least {least}, got {value}")
        if value > most:
            raise argparse.ArgumentTypeError(f"expected at most {most}, got {value}")
        return value

    return number


def _file(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("expected the path of a file, got ''")
    return Path(text)


def _separator(text: str) -> str:
    character = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(character) != 1 or character in '"\r\n':
        raise argparse.ArgumentTypeError(f"expected one character, or tab, got {text!r}")
    return character


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
