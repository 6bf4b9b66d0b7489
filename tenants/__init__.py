"""Which campuses exist, and how to stand inside one. Knows Django, PostgreSQL and ``shared_apps.common`` only."""
