"""Routes of notices; mounted under ``notifications/``."""

from django.urls import path

from tenant_apps.notifications.api import notices, preferences

urls = [
    path("", notices.NoticeListView.as_view(), name="notices"),
    path("unread/", notices.UnreadView.as_view(), name="unread-notices"),
    path("read-all/", notices.ReadAllView.as_view(), name="read-all-notices"),
    path("preferences/", preferences.PreferenceView.as_view(), name="notice-preferences"),
    path("<uuid:notice_id>/read/", notices.ReadView.as_view(), name="read-notice"),
]
