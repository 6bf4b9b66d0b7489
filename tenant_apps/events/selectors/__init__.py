"""Questions about events and places at them."""
