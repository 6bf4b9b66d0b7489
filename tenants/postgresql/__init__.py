"""Database backend: django-tenants' PostgreSQL backend with one login per campus and no campus by default."""
