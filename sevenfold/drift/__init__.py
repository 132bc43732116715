"""Compare a batch of rows with the rows that a model was trained on."""
