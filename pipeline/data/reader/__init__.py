"""From the bytes of a text file to the cells of its columns; what they mean is said elsewhere."""
