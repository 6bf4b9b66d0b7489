from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"
    label = "tenants"

    def ready(self) -> None:
        from django.db.models.signals import post_delete  # noqa: PLC0415
        from django_tenants.signals import tenant_delete_callback  # noqa: PLC0415

        from tenants import checks, cors  # noqa: F401, PLC0415 -- they register themselves with Django and corsheaders

        # It drops the schema of a deleted campus, which here only commands do. And while anybody listens to every
        # deletion, Django reads the rows before it deletes them, a hundred in a statement.
        post_delete.disconnect(tenant_delete_callback)
