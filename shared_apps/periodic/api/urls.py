"""Routes of periodic work: on the public site only."""

from django.urls import path

from shared_apps.periodic.api.views import RunListView

public_urls = [path("runs/", RunListView.as_view(), name="runs")]
