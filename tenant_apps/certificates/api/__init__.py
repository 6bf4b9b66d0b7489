"""The doors of certificates."""
