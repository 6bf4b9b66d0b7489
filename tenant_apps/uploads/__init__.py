"""Pictures and proofs that people of a campus hand in."""
