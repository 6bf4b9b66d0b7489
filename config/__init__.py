"""Wiring only: settings, URLs, Celery, WSGI. No model, no rule, no SQL. Import-free on purpose."""
