"""What the web server imports. ASGI is for live connections only: with psycopg2 it piles up connections."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
# What was loaded stays for good: the collector need not look at it again with every batch.
gc.collect()
gc.freeze()
