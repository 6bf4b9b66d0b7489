"""Verbs of events, one file per kind: what people change, and what follows the federation."""
