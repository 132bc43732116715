"""How the system opens, locks and moves files, chosen once: `posix` and `windows` have the same names."""

import sys

if sys.platform == "win32":
    from sevenfold.files.systems import windows as system
else:
    from sevenfold.files.systems import posix as system

__all__ = ["system"]
