"""The classifier: features, training, prediction, and the file it is kept in."""
