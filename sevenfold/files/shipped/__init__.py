"""Which files of a log folder a mirror has, and which are only here."""
