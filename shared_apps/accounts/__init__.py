"""People who may sign in, what is known of them, their roles and tokens. On a campus and on the public site."""
