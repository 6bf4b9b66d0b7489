"""Routes of uploads; mounted under ``uploads/``."""

from django.urls import path

from tenant_apps.uploads.api import uploads

urls = [
    path("", uploads.UploadListView.as_view(), name="uploads"),
    path("usage/", uploads.UsageView.as_view(), name="upload-usage"),
    path("logo/", uploads.LogoView.as_view(), name="logo"),
    path("photo/", uploads.OwnPhotoView.as_view(), name="own-photo"),
    path("photos/<uuid:user_id>/", uploads.PhotoView.as_view(), name="photo"),
]
