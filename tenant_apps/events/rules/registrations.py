"""Who has a place at an event: decided from values alone."""

from django.db import models


class RegistrationMode(models.TextChoices):
    """How one comes by a place at an event."""

    NONE = "none", "There are no places to take: whoever comes, comes"
    OPEN = "open", "One may register; whoever has not is let in all the same"
    REQUIRED = "required", "Only those who have a place are let in"
    APPROVAL = "approval", "Only those are let in whose request was approved"


class PlaceState(models.TextChoices):
    """What a registration amounts to. None of them counts as presence."""

    REQUESTED = "requested"
    REGISTERED = "registered"
    WAITING = "waiting"
    WITHDRAWN = "withdrawn"
    DECLINED = "declined"
    RELEASED = "released"
