"""What happened, from the log files: one pass over the events, shown as a page."""
