"""Decisions of events: values in, values out."""
