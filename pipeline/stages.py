"""The stages of a run: each is logged when it begins, and a terminal shows how many are done."""

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from loguru import logger
from tqdm import tqdm

log = logger.bind(channel="training")


class Stages:
    """Tell which stage of a run begins; a context manager, which takes the progress bar off the terminal at its end.

    Parameters
    ----------
    names : iterable of str
        The stages that will be run, in order.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)
        self._bar = tqdm(total=len(self._names), unit="stage", leave=False, disable=None)

    def begin(self, name: str) -> bool:
        """Log that a stage begins; return whether it is one of those that will be run."""
        if name not in self._names:
            return False
        done = self._names.index(name)
        self._bar.set_description(name, refresh=False)
        self._bar.update(done - self._bar.n)
        self._bar.refresh()
        log.info("stage", stage=name, stage_number=done + 1, n_stages=len(self._names))
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
