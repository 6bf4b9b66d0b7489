"""What can be exported, and how a value stands in a cell."""
