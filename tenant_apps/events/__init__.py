"""Something people attend, and the time windows of it in which presence is taken."""
