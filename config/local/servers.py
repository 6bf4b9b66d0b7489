"""The two servers a local run stands on: embedded ones, or those the caller names."""

import os
from pathlib import Path

from config.local.environment import read_secrets
from config.local.postgres import EmbeddedPostgres
from config.local.processes import Supervisor
from config.local.say import say
from config.local.valkey import EmbeddedValkey


def start_servers(
    folder: Path, supervisor: Supervisor, *, settings: dict[str, str], createdb: bool
) -> tuple[dict[str, str], EmbeddedPostgres | None]:
    """Start what DATABASE_URL and REDIS_URL do not name; return the environment that leads to them."""
    known = read_secrets(folder)
    environment = {"EAS_MASTER_KEY": os.environ.get("EAS_MASTER_KEY", known["master_key"])}
    postgres = None
    if os.environ.get("DATABASE_URL"):
        environment["DATABASE_URL"] = os.environ["DATABASE_URL"]
        say("PostgreSQL: the one DATABASE_URL names")
    else:
        postgres = EmbeddedPostgres(folder, passwords=known, settings=settings, createdb=createdb)
        postgres.start(supervisor)
        environment["DATABASE_URL"] = postgres.owner_url()
        say(f"PostgreSQL {postgres.data.name.removeprefix('pg')} (embedded) is ready")
    if os.environ.get("REDIS_URL"):
        environment["REDIS_URL"] = os.environ["REDIS_URL"]
        say("Valkey or Redis: the one REDIS_URL names")
    else:
        valkey = EmbeddedValkey(folder)
        valkey.start(supervisor)
        environment["REDIS_URL"] = valkey.url
        say("Valkey (embedded) is ready")
    return environment, postgres
