"""The filters, formats and sinks for ``logger.add``."""
