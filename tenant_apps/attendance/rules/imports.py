"""Files of scans: decided from values alone."""

from django.db import models


class ImportState(models.TextChoices):
    """How far a file is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
