from django.apps import AppConfig


class FederationConfig(AppConfig):
    name = "shared_apps.federation"
    label = "federation"
