"""A reference pipeline that logs through bound loguru channels."""
