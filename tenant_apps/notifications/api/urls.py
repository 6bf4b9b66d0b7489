"""Routes of notices; mounted under ``notifications/``."""

from django.urls import path

from tenant_apps.notifications.api import notices

urls = [
    path("", notices.NoticeListView.as_view(), name="notices"),
    path("unread/", notices.UnreadView.as_view(), name="unread-notices"),
    path("read-all/", notices.ReadAllView.as_view(), name="read-all-notices"),
    path("<uuid:notice_id>/read/", notices.ReadView.as_view(), name="read-notice"),
]
