"""EAS on one machine with nothing but Python: virtual environment, embedded servers, supervised processes."""
