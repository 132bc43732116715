import signal
import threading
import time

import pytest

from pipeline.service.embedded.signals import stop_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_and_the_handlers_are_put_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_signals() as wait:
        timer = threading.Timer(0.05, signal.raise_signal, [number])
        timer.start()
        wait()
        timer.join()
        signal.raise_signal(number)  # a second one, at the wrong moment
    assert signal.getsignal(number) is before
    assert signal.set_wakeup_fd(-1) == -1


def test_a_signal_that_came_before_the_wait_ends_it_at_once() -> None:
    with stop_signals() as wait:
        signal.raise_signal(signal.SIGTERM)
        wait()


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="Windows has no such signal")
def test_a_signal_of_somebody_elses_does_not_end_it() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: heard.append(number))
    try:
        with stop_signals() as wait:
            signal.raise_signal(signal.SIGUSR1)
            timer = threading.Timer(0.05, signal.raise_signal, [signal.SIGTERM])
            timer.start()
            began = time.monotonic()
            wait()
            assert time.monotonic() - began > 0.03
            assert heard == [signal.SIGUSR1]
            timer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
