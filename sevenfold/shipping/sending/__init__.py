"""On each host: from a log folder to the broker."""
