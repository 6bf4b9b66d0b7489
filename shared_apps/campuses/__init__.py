"""The registry as people see it: its API, its commands, and who becomes the first admin. Public site only."""
