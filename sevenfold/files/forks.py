"""Let a forked process forget files and threads that its parent goes on with."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from types import MethodType

_methods: WeakKeyDictionary[object, Callable[[Any], object]] = WeakKeyDictionary()


def forget_in_children(method: Callable[[], object]) -> None:
    """Call an object's method in each child that is forked from now on, for as long as the object lives.

    Parameters
    ----------
    method : callable
        A bound method without parameters. It closes what the parent has open, and drops threads, which don't go on in
        a child.
    """
    bound = cast("MethodType", method)
    _methods[bound.__self__] = bound.__func__


def _after_fork() -> None:
    for owner, method in list(_methods.items()):
        method(owner)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
