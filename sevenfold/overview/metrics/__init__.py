"""Metrics of events for Prometheus, which survive restarts."""
