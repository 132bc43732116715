"""Gzip: by isal where it is installed (the extra ``fast``), else by the standard library. The format is the same."""

import gzip
import zlib
from typing import TYPE_CHECKING, Final

try:
    from isal import igzip, isal_zlib
except ImportError:
    HAS_ISAL = False
else:
    HAS_ISAL = True

if TYPE_CHECKING or not HAS_ISAL:
    from gzip import GzipFile as GzipFile  # noqa: PLC0414 - handed on

    _ERRORS: tuple[type[Exception], ...] = (zlib.error,)
    LEVEL = 3  # half the time of level 6 for 8 % more bytes
else:
    GzipFile = igzip.IGzipFile
    _ERRORS = (zlib.error, isal_zlib.error)
    LEVEL = 2  # as small as level 6 of zlib, in a tenth of its time

#: What reading raises if the file isn't whole, or isn't there.
UNREADABLE: Final[tuple[type[Exception], ...]] = (OSError, EOFError, *_ERRORS)
#: What reading raises if the file isn't whole.
DAMAGED: Final[tuple[type[Exception], ...]] = (EOFError, gzip.BadGzipFile, *_ERRORS)
