"""In the middle: from the broker into a mirror."""
