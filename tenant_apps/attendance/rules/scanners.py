"""Devices at the door: decided from values alone."""

from django.db import models


class ScannerKind(models.TextChoices):
    """What an enrolled device may do: a kiosk records and lists nothing."""

    SCANNER = "scanner"
    KIOSK = "kiosk"
