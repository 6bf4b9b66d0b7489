from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"
    label = "tenants"

    def ready(self) -> None:
        from tenants import checks, cors  # noqa: F401, PLC0415 -- they register themselves with Django and corsheaders
