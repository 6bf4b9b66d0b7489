"""Messages that must leave this transaction: written with the change, carried to Celery afterwards. Both."""
