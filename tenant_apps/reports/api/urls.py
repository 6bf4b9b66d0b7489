"""Routes of reports."""

from django.urls import path

from tenant_apps.reports.api import sheets, views

urls = [
    path("figures/", views.FiguresView.as_view(), name="report-figures"),
    path("rows/", views.RowsView.as_view(), name="report-rows"),
    path("arrivals/", views.ArrivalsView.as_view(), name="report-arrivals"),
    path("comparison/", views.ComparisonView.as_view(), name="report-comparison"),
    path("visits/", views.VisitsView.as_view(), name="report-visits"),
    path("transcript/", views.TranscriptView.as_view(), name="report-transcript"),
    path("events/<uuid:pk>/", views.EventReportView.as_view(), name="report-event"),
]

# Mounted under ``events/``: they are papers of an event.
event_urls = [
    path("events/<uuid:event_id>/signature-sheet/", sheets.SignatureSheetView.as_view(), name="event-signature-sheet"),
    path("events/<uuid:event_id>/attendance-list/", sheets.AttendanceListView.as_view(), name="event-attendance-list"),
]
