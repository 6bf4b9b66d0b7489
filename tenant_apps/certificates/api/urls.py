"""Routes of certificates; mounted under ``certificates/``."""

from django.urls import path

from tenant_apps.certificates.api import views

urls = [
    path("", views.CertificateListView.as_view(), name="certificates"),
    path("template/", views.TemplateView.as_view(), name="certificate-template"),
    path("templates/<uuid:event_id>/", views.EventTemplateView.as_view(), name="event-certificate-template"),
    path("runs/", views.RunListView.as_view(), name="certificate-runs"),
    path("runs/<uuid:run_id>/", views.RunView.as_view(), name="certificate-run"),
    path("verify/<uuid:code>/", views.VerifyView.as_view(), name="verify-certificate"),
    path("<uuid:certificate_id>/pdf/", views.CertificatePDFView.as_view(), name="certificate-pdf"),
    path("<uuid:certificate_id>/revoke/", views.RevokeView.as_view(), name="revoke-certificate"),
]
