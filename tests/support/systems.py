"""Marks for tests that some systems can't run, each with its reason."""

import sys

import pytest


def unix(reason: str) -> pytest.MarkDecorator:
    """Skip a test on Windows."""
    return pytest.mark.skipif(sys.platform == "win32", reason=reason)


# As on Windows itself before 10.1809, and on file systems other than NTFS.
deletes_open_files = unix("under Wine a file that is deleted while it is open stays there until it is closed")
