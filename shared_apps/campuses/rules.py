"""Decisions about the registry from values alone."""

from datetime import timedelta
from typing import Final

# How long a grant to act in a campus waits to be exchanged there.
GRANT_TIME: Final = timedelta(minutes=5)
# What the provisioner does for a new campus, in this order.
PROVISIONING_STEPS: Final = ("login", "schema", "grants", "keys", "first_admin", "ready")
