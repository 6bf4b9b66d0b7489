"""What campuses share: today the passes that any of them can check; later the events and the ledger."""
