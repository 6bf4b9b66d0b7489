"""Verbs of attendance, one file per noun."""
