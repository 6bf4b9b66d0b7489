"""Decisions of attendance: values in, values out."""
