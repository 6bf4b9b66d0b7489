"""Presence: the scans that were tried, and what they amount to. The reason EAS exists."""
