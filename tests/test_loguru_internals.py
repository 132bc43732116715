"""What is used of loguru's private parts; these tests fail first when loguru changes them."""

from typing import Any

import pytest
from loguru import logger

from sevenfold.loguru_internals import borrowed_logger, handler_ids, report_failures_to

pytestmark = pytest.mark.usefixtures("own_logger")


def test_the_handlers_are_listed() -> None:
    before = handler_ids()
    added = logger.add(print)
    assert handler_ids() == (*before, added)


def test_a_handler_that_fails_is_reported_instead_of_printing_the_record(capfd: pytest.CaptureFixture[str]) -> None:
    logger.remove()
    failures: list[BaseException] = []

    def fail(_message: Any) -> None:
        raise OSError("no room")

    report_failures_to(failures.append, logger.add(fail, catch=True))
    logger.info("password is 1234")
    assert [str(error) for error in failures] == ["no room"]
    assert capfd.readouterr() == ("", "")


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
