"""Routes of exports; mounted under ``reports/exports/``."""

from django.urls import path

from tenant_apps.exports.api import views

urls = [
    path("", views.ExportListView.as_view(), name="exports"),
    path("<uuid:export_id>/", views.ExportView.as_view(), name="export"),
    path("<uuid:export_id>/file/", views.ExportFileView.as_view(), name="export-file"),
]
