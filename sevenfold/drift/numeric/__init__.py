"""Columns of numbers, times and durations: the reference's counts in cells, and their comparison with a batch."""
