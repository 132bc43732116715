"""The audit chain: seal each event over the one before, and prove that nothing was changed."""
