"""Verbs of the federation, one file per noun."""
