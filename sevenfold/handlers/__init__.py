"""What is handed to ``logger.add``: filters, formats and sinks."""
