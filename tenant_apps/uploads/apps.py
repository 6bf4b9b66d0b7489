from django.apps import AppConfig


class UploadsConfig(AppConfig):
    name = "tenant_apps.uploads"
    label = "uploads"
