"""The doors of exports."""
