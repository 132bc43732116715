"""One daemon thread beside the callers: started when it is first needed, and anew in a process that was forked."""

import contextvars
import os
import threading

_RENEWING = threading.Lock()


class Background:
    """What callers and one thread of their process share.

    A subclass guards its state with ``_changed``, begins it in `_begin`, calls `_here` before it touches it, and says
    in `_work` what the thread does until ``_closing``.

    Parameters
    ----------
    name : str
        The thread's.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        # A new thread has an empty context: with this one, what it logs has the run_id of the thread that made it.
        self._context = contextvars.copy_context()
        self._pid = -1
        self._here()

    def close(self, timeout_s: float | None = 10.0) -> None:
        """Let the thread finish its work, and end it; calling twice is fine."""
        self._here()
        with self._changed:
            self._closing = True
            thread = self._thread
            self._changed.notify_all()
        if thread is not None:
            thread.join(timeout_s)

    def _begin(self) -> None:
        """Forget everything: the state that a fork copied is the parent's, and so may be a lock that nobody frees."""
        self._changed = threading.Condition(threading.Lock())
        self._thread: threading.Thread | None = None
        self._closing = False

    def _here(self) -> None:
        if self._pid != os.getpid():
            with _RENEWING:
                if self._pid != os.getpid():
                    self._begin()
                    self._pid = os.getpid()

    def _need_thread(self) -> None:
        """Start the thread unless it runs; to be called with ``_changed`` held."""
        if self._thread is None and not self._closing:
            work = self._context.copy().run
            self._thread = threading.Thread(target=work, args=(self._work,), name=self._name, daemon=True)
            self._thread.start()

    def _work(self) -> None:
        raise NotImplementedError
