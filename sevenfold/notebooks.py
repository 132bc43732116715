"""Exceptions of IPython's cells: logged, and shown as ever."""

import sys
from collections.abc import Callable
from typing import Any, TypeAlias

Log: TypeAlias = Callable[[tuple[Any, ...]], None]
KERNEL_LOGGER = "IPKernelApp"  # of Jupyter's kernel, which speaks of itself


def log_cells(log: Log) -> Callable[[], None]:
    """Have IPython hand over the exceptions of cells; do nothing outside of IPython.

    Parameters
    ----------
    log : callable
        Takes an exception as ``sys.exc_info()`` gives it.

    Returns
    -------
    callable
        Undoes it.
    """
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    if shell is None:
        return _nothing
    found, taken = getattr(shell, "CustomTB", None), shell.custom_exceptions

    def show(shell: Any, kind: type, error: BaseException, trace: Any, tb_offset: int | None = None) -> Any:
        log((kind, error, trace))
        if found is not None and taken and isinstance(error, taken):  # another extension shows it
            return found(kind, error, trace, tb_offset=tb_offset)
        return shell.showtraceback((kind, error, trace), tb_offset=tb_offset)

    shell.set_custom_exc((Exception,), show)

    def undo() -> None:
        shell.custom_exceptions = taken
        shell.CustomTB = found

    return undo


def _nothing() -> None:
    """Undo nothing."""
