"""Log files that several processes append to, rotate, compress and delete."""
