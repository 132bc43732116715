"""Tables of data: made up, or read from a file."""
