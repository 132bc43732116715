"""The private parts of loguru that are used; these tests fail first when loguru changes them."""

from __future__ import annotations

import json
import sysconfig
from typing import TYPE_CHECKING, Any

import pytest
from loguru import logger

from sevenfold.loguru_internals import (
    attach,
    borrowed_logger,
    contextualized,
    handler_ids,
    new_handlers,
    once_idle,
    serialize_with,
    serialized,
    swap_handlers,
)

if TYPE_CHECKING:
    from loguru import Logger

pytestmark = pytest.mark.usefixtures("own_logger")


def test_the_handlers_are_listed() -> None:
    before = handler_ids()
    added = logger.add(print)
    assert handler_ids() == (*before, added)


def test_the_folders_of_libraries_are_listed_once_and_as_loguru_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend("/nowhere")  # a path that wasn't listed before
    listings = 0

    def get_path(name: str, scheme: str) -> str:
        nonlocal listings
        listings += (name, scheme) == ("stdlib", first)
        return original(name, scheme)

    original, first = sysconfig.get_path, sysconfig.get_scheme_names()[0]
    monkeypatch.setattr(sysconfig, "get_path", get_path)
    handlers = [*new_handlers(add_three).values(), *new_handlers(add_three).values()]
    assert listings == 1
    logger.remove()
    own = logger.add(print)
    assert listings == 2
    expected = logger._core.handlers[own]._exception_formatter._lib_dirs  # type: ignore[attr-defined]
    assert [handler._exception_formatter._lib_dirs for handler in handlers] == [expected] * 6


def add_three(to: Logger) -> None:
    for _ in range(3):
        to.add(print)


class FailingSink:
    handler: Any = None

    def __init__(self, *, rescues: bool) -> None:
        self.failures: list[BaseException] = []
        self.rescued: list[str] = []
        self.rescues = rescues

    def write(self, _message: Any) -> None:
        raise LookupError("can't be rendered") if self.rescues else OSError("no room")

    def lose(self, error: BaseException) -> None:
        self.failures.append(error)

    def rescue(self, record: Any) -> bool:
        self.rescued.append(record["message"])
        return self.rescues


@pytest.mark.parametrize("rescues", [False, True])
def test_a_handler_that_fails_tells_its_sink_instead_of_printing_the_record(
    capfd: pytest.CaptureFixture[str], rescues: bool
) -> None:
    logger.remove()
    sink = FailingSink(rescues=rescues)
    attach(sink, logger.add(sink, catch=True), logger, report_failures=True)
    logger.info("password is 1234")
    assert [str(error) for error in sink.failures] == ([] if rescues else ["no room"])
    assert sink.rescued == (["password is 1234"] if rescues else [])
    assert capfd.readouterr() == ("", "")


def test_a_handler_dumps_its_records_with_the_serializer_that_it_is_given() -> None:
    logger.remove()
    seen: list[str] = []
    handler = logger.add(seen.append, format="line {message}", serialize=True)
    serialize_with(handler, logger, lambda text, record: f"{text.strip()} of {record['function']}")
    logger.info("one")
    function = "test_a_handler_dumps_its_records_with_the_serializer_that_it_is_given"
    assert seen == [f"line one of {function}"]


def test_handlers_are_swapped_in_one_step_and_get_ids_of_their_own() -> None:
    logger.remove()
    seen: list[str] = []
    before = logger.add(lambda message: seen.append("before " + message), format="{message}", level="INFO")
    made = new_handlers(
        lambda aside: aside.add(lambda message: seen.append("after " + message), format="{message}", level=5)
    )
    logger.info("one")
    taken = swap_handlers([before], made)
    logger.trace("two")
    assert logger.add(print, level="ERROR") not in {before, *made}
    assert swap_handlers([*made, 99], taken) == made
    logger.debug("below the level")
    logger.info("three")
    assert seen == ["before one\n", "after two\n", "before three\n"]


def test_nothing_is_written_through_a_handler_while_it_is_held() -> None:
    logger.remove()
    calls: list[str] = []
    errors: list[str] = []

    def write(_message: Any) -> None:
        try:
            once_idle(handler, lambda: calls.append("busy"))
        except RuntimeError as error:
            errors.append(str(error)[:30])

    def add(aside: Logger) -> None:
        aside.add(write)

    made = new_handlers(add)
    (handler,) = made.values()
    once_idle(handler, lambda: calls.append("idle"))
    swap_handlers([], made)
    logger.info("written")
    assert (calls, len(errors)) == (["idle"], 1)


def test_a_borrowed_logger_is_given_back_with_handlers_levels_and_patcher() -> None:
    seen: list[str] = []
    logger.remove()
    logger.add(seen.append, format="{message}", level="INFO")
    with borrowed_logger() as keep:
        keep(logger.add(seen.append, format="kept {message} {function}"))
        logger.remove()
        logger.configure(patcher=lambda record: record.update(function="patched"))  # type: ignore[call-arg]
        logger.level("INFO", color="<red>")
        logger.info("inside")
    logger.info("outside")
    assert seen == ["kept inside patched\n", "outside\n"]


def test_what_is_set_aside_is_out_of_reach() -> None:
    seen: list[str] = []
    logger.remove()
    aside = logger.add(seen.append, format="{message}")
    with borrowed_logger(set_aside=(aside,)):
        logger.info("inside")
    logger.info("outside")
    assert seen == ["outside\n"]


def test_a_record_is_serialized_as_a_handler_does() -> None:
    logger.remove()
    seen: list[Any] = []
    logger.add(seen.append, serialize=True, format="{message}")
    logger.bind(n=1).info("stored")
    (message,) = seen
    assert json.loads(serialized("stored\n", message.record)) == json.loads(message)


def test_what_a_context_adds_is_known_in_it_alone() -> None:
    with logger.contextualize(run_id="r-1"):
        assert contextualized() == {"run_id": "r-1"}
    assert contextualized() == {}
