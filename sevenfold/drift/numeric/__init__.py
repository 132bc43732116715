"""Columns of numbers, times and durations: their cells of the reference, and all of them compared with a batch."""
