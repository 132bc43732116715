"""Who ships a folder: one process, under one name."""

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

from sevenfold.files.locks import is_same_file, lock
from sevenfold.files.opening import open_beside
from sevenfold.files.shipped.notes import STATE_FILE, Shipping, read_shipping
from sevenfold.shipping.messages import check_name


class ShippingError(Exception):
    """A folder that can't be shipped, and why."""


@contextlib.contextmanager
def shipping_of(folder: Path, host: str | None, default: str) -> Iterator[Shipping]:
    """Be the one that ships a folder, for as long as the context lasts.

    Parameters
    ----------
    folder : Path
        The log folder.
    host : str or None
        The name that the host has in the mirror, if somebody says one.
    default : str
        The name where nobody says one, and none was said before.

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
        yield _begun(folder, host, default)
    finally:
        fd.close()


def _begun(folder: Path, host: str | None, default: str) -> Shipping:
    known = read_shipping(folder)
    if known is None:
        check_name("host", host or default)
        known = Shipping(secrets.token_hex(8), host or default)
        known.save(folder)
    elif host not in {None, known.host}:
        raise ShippingError(
            f"{folder}: is shipped as {known.host!r}, not as {host!r}: leave --host-name out, or delete "
            f"{folder / STATE_FILE} to have all of it shipped once more, under the new name"
        )
    return known
