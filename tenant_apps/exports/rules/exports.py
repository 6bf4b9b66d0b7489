"""How far an export is, and what it may come to."""

from datetime import timedelta
from typing import Final

from django.db import models


class ExportState(models.TextChoices):
    """How far an export is."""

    QUEUED = "queued", "To be made"
    RUNNING = "running", "Is being made"
    DONE = "done", "The file is there"
    FAILED = "failed", "Could not be made"


class ExportFormat(models.TextChoices):
    """What kind of file is made."""

    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"


ENDED: Final = (ExportState.DONE, ExportState.FAILED)
KEPT_FOR: Final = timedelta(days=7)
# A worker says so often that it is alive; one that was not heard for so long is not.
BEAT: Final = timedelta(seconds=2)
SILENT_FOR: Final = timedelta(seconds=30)
MOST_ATTEMPTS: Final = 3
MOST_UNFINISHED: Final = 5
# A sheet has 1,048,576 rows, one of them the head.
MOST_ROWS: Final = {ExportFormat.CSV: 5_000_000, ExportFormat.XLSX: 1_048_575, ExportFormat.PDF: 5_000}
