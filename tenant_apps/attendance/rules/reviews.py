"""What is suspicious: decided from values alone."""

from django.db import models


class FlagKind(models.TextChoices):
    """What was found."""

    TWO_DOORS = "two_doors", "Two devices admitted the same pass without knowing of each other"
    SHARED_DEVICE = "shared_device", "One device served many people"
    TOO_FAR = "too_far", "Present at two places too far apart for the time between"
    MANUAL_SHARE = "manual_share", "An unusual share of an event was marked by hand"
    SELF_MARKED = "self_marked", "An organizer marked themselves"
    WRONG_CLOCK = "wrong_clock", "A device's clock was far off"
    SEQUENCE_GAP = "sequence_gap", "Scans of a device have not arrived"
    SEQUENCE_RESTART = "sequence_restart", "A device counted its scans anew"


class FlagState(models.TextChoices):
    """What came of looking at it."""

    OPEN = "open"
    DISMISSED = "dismissed"
    CONFIRMED = "confirmed"
