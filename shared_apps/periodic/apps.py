from django.apps import AppConfig


class PeriodicConfig(AppConfig):
    name = "shared_apps.periodic"
    label = "periodic"
