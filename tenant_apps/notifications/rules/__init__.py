"""Decisions about telling people, from values alone."""
