from django.apps import AppConfig


class LiveConfig(AppConfig):
    name = "tenant_apps.live"
    label = "live"
