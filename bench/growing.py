"""More campuses: run as a program of its own, as the owner.

    python -m bench.growing FROM TO FILE

Creates the campuses numbered FROM up to, not including, TO as the product does, and writes what requests are made from,
and how many seconds each creation took. The first few have much to scan, the many hardly more than an empty campus.
"""

import json
import sys
import time
from pathlib import Path

import django

django.setup()

from django.db import connection  # noqa: E402

from bench.marks import refuse_other_databases  # noqa: E402
from bench.parts import PASSWORD  # noqa: E402
from bench.world import fill, make_campus  # noqa: E402
from tenants.context import owner_context  # noqa: E402

# From which number on a campus has so many students and events.
_SIZES = ((0, 1000, 60), (4, 60, 8), (40, 24, 3))


def main(first: int, end: int, file: Path) -> None:
    """Make the campuses."""
    with owner_context(), connection.cursor() as cursor:
        refuse_other_databases(cursor)
    campuses, seconds = [], []
    for number in range(first, end):
        begin = time.perf_counter()
        entry = make_campus(number)
        seconds.append(time.perf_counter() - begin)
        _, students, events = next(size for size in reversed(_SIZES) if number >= size[0])
        password = PASSWORD if number < 4 else None
        campuses.append(fill(entry, students=students, events=events, guests=[], password=password))
    file.write_text(json.dumps({"campuses": campuses, "seconds": seconds}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
