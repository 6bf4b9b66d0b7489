"""Progress for people: one plain line a step, with the seconds since the start."""

import time

_started = time.monotonic()


def say(text: str) -> None:
    """Print ``text`` with the time; never wrapped, so that addresses can be clicked and copied."""
    print(f"{time.monotonic() - _started:6.1f}s  {text}", flush=True)
