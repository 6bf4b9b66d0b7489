from django.apps import AppConfig


class AdministrationConfig(AppConfig):
    name = "shared_apps.administration"
    label = "administration"
