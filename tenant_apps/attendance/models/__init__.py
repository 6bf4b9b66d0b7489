"""The nouns of attendance."""

from tenant_apps.attendance.models.attendance import Attendance, Correction, Expected, Visitor
from tenant_apps.attendance.models.imports import ScanImport
from tenant_apps.attendance.models.requests import AttendanceRequest
from tenant_apps.attendance.models.reviews import Flag
from tenant_apps.attendance.models.scanners import CodeTry, DeviceUse, Scanner
from tenant_apps.attendance.models.scans import Scan
from tenant_apps.attendance.models.seals import Seal

__all__ = [
    "Attendance",
    "AttendanceRequest",
    "CodeTry",
    "Correction",
    "DeviceUse",
    "Expected",
    "Flag",
    "Scan",
    "ScanImport",
    "Scanner",
    "Seal",
    "Visitor",
]
