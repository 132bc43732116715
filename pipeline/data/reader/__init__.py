"""From the bytes of a text file to the cells of its columns; `pipeline.data.columns` finds their meaning."""
