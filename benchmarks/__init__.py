"""What Sevenfold costs and keeps, measured beside its peers."""
