"""The collector: from the broker into a mirror."""
