"""Periodic work: which turn ran where, and what came of it. Public."""
