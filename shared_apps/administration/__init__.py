"""The public site's admin: pages for super admins over the services that the API calls. No tables."""
