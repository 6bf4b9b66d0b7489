"""Campuses, as the documentation of django-tenants has them."""

from django.db import models
from django_tenants.models import DomainMixin, TenantMixin


class Campus(TenantMixin):
    """One campus."""

    name = models.CharField(max_length=100)
    code = models.CharField(max_length=10, unique=True)
    timezone = models.CharField(max_length=50, default="Asia/Manila")
    auto_create_schema = True


class Domain(DomainMixin):
    """Its host."""
