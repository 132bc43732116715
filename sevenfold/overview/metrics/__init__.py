"""What is counted of events for Prometheus, and kept over restarts."""
