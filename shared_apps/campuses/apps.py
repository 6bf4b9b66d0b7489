from django.apps import AppConfig


class CampusesConfig(AppConfig):
    name = "shared_apps.campuses"
    label = "campuses"
