"""The claim on a log folder: one process ships it, under one name."""

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

from sevenfold.files.locks import is_same_file, lock
from sevenfold.files.opening import open_beside
from sevenfold.files.shipped.notes import STATE_FILE, Shipping, read_shipping
from sevenfold.shipping.messages import check_name


class ShippingError(Exception):
    """A folder can't be shipped, with the reason."""


@contextlib.contextmanager
def shipping_of(folder: Path, host: str | None, default: str) -> Iterator[Shipping]:
    """Lock a folder for shipping while the context lasts.

    Parameters
    ----------
    folder : Path
        The log folder.
    host : str or None
        The host's name in the mirror; None for the name of an earlier run.
    default : str
        The name if `host` is None and there was no earlier run.

    Raises
    ------
    ShippingError
        If another process ships it, or it was shipped under another name.
    ValueError, OSError
        As `sevenfold.files.shipped.notes.read_shipping`, or if the name can't be one of a folder.
    """
    guard = folder / ".shipping.lock"
    fd = open_beside(guard)
    try:
        if not (lock(fd, exclusive=True) and is_same_file(fd, guard)):
            raise ShippingError(f"{folder}: another process ships it already")
        yield _claimed(folder, host, default)
    finally:
        fd.close()


def _claimed(folder: Path, host: str | None, default: str) -> Shipping:
    shipping = read_shipping(folder)
    if shipping is None:
        check_name("host", host or default)
        shipping = Shipping(secrets.token_hex(8), host or default)
        shipping.save(folder)
    elif host not in {None, shipping.host}:
        raise ShippingError(
            f"{folder}: is shipped as {shipping.host!r}, not as {host!r}: leave --host-name out, or delete "
            f"{folder / STATE_FILE} to have all of it shipped once more, under the new name"
        )
    return shipping
