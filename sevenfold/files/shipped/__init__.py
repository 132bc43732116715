"""What of a log folder is in a mirror, and what is only here."""
