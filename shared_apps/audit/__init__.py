"""Who did what: append-only, in the place where it was done (public site or campus)."""
