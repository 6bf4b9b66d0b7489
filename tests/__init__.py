"""Mirrors the code path for path; besides: isolation/, faults/, journeys/ and the cast."""
