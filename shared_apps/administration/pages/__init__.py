"""The doors of the admin. A page has one shape: read, one selector or service call, answer."""
