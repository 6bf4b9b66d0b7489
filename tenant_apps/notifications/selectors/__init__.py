"""Questions about what people were told."""
