"""One HTML file that shows an overview: no scripts, nothing loaded; texts from logs are escaped."""
