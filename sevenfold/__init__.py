"""The parts that Sevenfold's sinks are made of; they know nothing of machine learning.

One module, one job: `values` (any Python value -> plain JSON), `lines` (a record <-> a line of text),
`files` (the log files), `notices` (what the sinks have to say themselves), `capture` (the pytest plugin).
"""
