"""Corrections and excuses: decided from values alone."""

from django.db import models


class RequestKind(models.TextChoices):
    """What is asked for: an absence excused (also before the event), or a record corrected."""

    EXCUSE = "excuse"
    CORRECTION = "correction"


class WantedStatus(models.TextChoices):
    """What one may ask to be recorded as; an excuse asks for ``excused``."""

    PRESENT = "present"
    LATE = "late"
    EXCUSED = "excused"


class RequestState(models.TextChoices):
    """How far a request is."""

    OPEN = "open"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
