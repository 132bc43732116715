"""The command line that comes with the package: ``sevenfold``, or ``python -m sevenfold``."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from sevenfold.cli.parser import Parser, unknown
from sevenfold.cli.streams import need_streams

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    Attributes
    ----------
    summary : str
        What it does, in a few words, for the list of commands.
    description : str
        What its own help says.
    module : str
        Where its functions are; it is imported for the command that is called alone.
    add_arguments : str
        The function that gives a parser its arguments.
    run : str
        The function that takes what the parser read, with the name of the program as ``prog``, and returns the exit
        status.
    example : str
        Arguments of it that show what it is for, for the end of its help.
    """

    summary: str
    description: str
    module: str
    add_arguments: str = "add_arguments"
    run: str = "run"
    example: str = ""


COMMANDS: Final = {
    "logs": Command(
        "print what was logged: one channel, one request, one level, as it comes",
        "Print the events of all log files, merged by time: as they stand there, each error with its traceback.",
        "logs",
        example="--channel api --where 'http_response_status_code>=500' --since 1h",
    ),
    "performance": Command(
        "how right the model was: what labels say, and what the scores promise",
        "Join predictions with the outcomes that came later: accuracy, AUC and Brier score, with 95 % limits, beside"
        " what the scores alone promise; and an alarm for days that were worse than the validation rows allow.",
        "performance",
        example="--by model_version --since '7 days'",
    ),
    "report": Command(
        "make one HTML page of what happened: charts, drift, errors, the audit trail",
        "Write one HTML file without scripts: training curves, decisions and scores, drift by feature and batch,"
        " latency, statuses, errors by type and place, what was audited and whether that is proved.",
        "report",
        example="--since '7 days' --out report.html",
    ),
    "summary": Command(
        "the same in the terminal: sparklines, drift, errors, the audit trail",
        "Print what happened in 80 columns and up: training curves, decisions, scores, latency and statuses as"
        " sparklines, drift by feature, errors by type and place, and whether the audit trail is proved.",
        "report",
        "add_summary_arguments",
        "run_summary",
        example="--since 1h",
    ),
    "metrics": Command(
        "serve what is in the log files to Prometheus",
        "Follow the log files and answer Prometheus: requests, predictions, scores, drift and errors of all processes"
        " that write the folder, running or not. Needs prometheus-client, the extra 'metrics'.",
        "metrics",
        example="--port 9464 --checkpoint metrics.json",
    ),
    "verify": Command(
        "prove the audit trail",
        "Prove that no audit event was edited, cut, removed, added or moved; the last line is a checkpoint.",
        "verify",
        example="--log-dir logs --key /etc/sevenfold/audit.key",
    ),
    "audit-key": Command(
        "make a key that seals the audit trail",
        "Make a key file for configure(audit_key=PATH): 32 random bytes that only you can read.",
        "verify",
        "add_key_arguments",
        "make",
        example="/etc/sevenfold/audit.key",
    ),
    "ship": Command(
        "send a log folder to a server, byte for byte, as it is written",
        "Send a log folder to a NATS server with JetStream, byte for byte, as it is written; `sevenfold collect` puts"
        " it into a mirror. State is in the folder: whatever is killed, each byte arrives once.",
        "fleet",
        "add_ship_arguments",
        "ship",
        example="logs --to nats://127.0.0.1:4222 --host-name web-1",
    ),
    "collect": Command(
        "put the log folders of many hosts into one place",
        "Put what `sevenfold ship` has sent into a mirror: a folder for each host, with the files that the host has.",
        "fleet",
        "add_collect_arguments",
        "collect",
        example="mirror --from nats://127.0.0.1:4222",
    ),
}


def main(argv: Sequence[str] | None = None, *, prog: str = "sevenfold") -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.
    prog : str
        What the user called, for messages.

    Returns
    -------
    int
        The exit status: 0 when all is well, 1 when it isn't, 2 when the input was wrong, 130 after Ctrl-C.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    need_streams()
    parser = _parser(prog, arguments[:1])
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        parser.error(unknown("command", arguments[0], COMMANDS))
    options, unread = parser.parse_known_args(arguments)
    if unread:
        options.parser.error(f"unrecognized arguments: {' '.join(unread)}")
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        print(f"{options.prog}: interrupted", file=sys.stderr)
        return INTERRUPTED


def _parser(prog: str, called: Sequence[str]) -> Parser:
    description = "Read and prove what Sevenfold has logged."
    parser = Parser(prog=prog, description=description, example="logs --level WARNING --since 1h")
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        added = commands.add_parser(
            name, help=command.summary, description=command.description, example=command.example
        )
        if name in called:
            module = import_module(f"{__name__}.{command.module}")
            added.set_defaults(run=getattr(module, command.run), parser=added, prog=added.prog)
            getattr(module, command.add_arguments)(added)
    return parser


class _Version(argparse.Action):
    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002 - argparse's name
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        import sevenfold  # noqa: PLC0415 - only asked for here

        parser.exit(message=f"{parser.prog} {sevenfold.__version__}\n")
