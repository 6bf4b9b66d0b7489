#!/usr/bin/env python3
"""EAS from the command line.

    python3 manage.py up      everything, embedded, with a demo university
    python3 manage.py test    the same set-up, then all tests
    python3 manage.py bench   what a scan costs, measured beside others
    python3 manage.py help    every other command

The first call makes ``.venv`` and installs requirements.txt; only Python 3.11 and a package index are needed.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def main() -> None:
    """Enter the virtual environment, then run the command."""
    if sys.version_info < (3, 11):  # noqa: UP036 -- this line is for those who have another one
        sys.exit(f"EAS needs Python 3.11 or newer; this is {sys.version.split()[0]} ({sys.executable}).")
    sys.path.insert(0, str(ROOT))
    from config.local.venv import enter_venv

    enter_venv(ROOT)
    command, arguments = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("help", [])
    if command == "up":
        from config.local.up import main as up

        sys.exit(up(ROOT, arguments))
    if command == "test":
        from config.local.testing import main as test

        sys.exit(test(ROOT, arguments))
    if command == "bench":
        from bench.main import main as bench

        sys.exit(bench(ROOT, arguments))

    from config.local.environment import load_local_environment

    load_local_environment(ROOT)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line([sys.argv[0], command, *arguments])


if __name__ == "__main__":
    main()
