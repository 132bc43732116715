"""The command line that comes with the package."""
