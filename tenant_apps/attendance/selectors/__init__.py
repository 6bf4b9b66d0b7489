"""Questions about presence."""
