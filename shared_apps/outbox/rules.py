"""Decisions about messages from values alone."""

from typing import Final

# After that many the relay carries a message no more: somebody has to look.
MOST_ATTEMPTS: Final = 8
