"""One HTML file that shows an overview: no script, nothing from elsewhere, what comes from logs only as text."""
