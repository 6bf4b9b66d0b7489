"""Counting tries at a secret, so that guessing is slow. See docs/adr/0005."""

from datetime import datetime

from django.db import transaction

from shared_apps.accounts.models import SignInTry
from shared_apps.accounts.rules import is_forgotten, wait_after
from tenants.keys import digest


def try_key(*parts: str) -> str:
    """Return the key under which tries at that are counted: nothing can be read from it, and no two parts make one."""
    return digest(repr(parts)).hex()


@transaction.atomic
def count_try(*, key: str, at: datetime, anywhere: bool = False) -> int:
    """Count a try; return 0, or how many seconds it is too early, and then it is not counted.

    Call it before the secret is looked at, in a transaction of its own: a thousand tries at once are a thousand tries.
    """
    SignInTry.objects.bulk_create([SignInTry(key=key, failures=0, last_failed_at=at)], ignore_conflicts=True)
    row = SignInTry.objects.select_for_update(no_key=True).filter(key=key).first()
    if row is None:
        return 0  # somebody who was right this moment forgot the failures
    if is_forgotten(row.last_failed_at, at):
        row.failures, row.blocked_until = 0, None
    if row.blocked_until is not None and at < row.blocked_until:
        return int((row.blocked_until - at).total_seconds()) + 1
    row.failures += 1
    row.last_failed_at = at
    # No wait is no block: of two tries at once, the one that read the clock first may come second.
    wait = wait_after(row.failures, anywhere=anywhere)
    row.blocked_until = at + wait if wait else None
    row.save()
    return 0


def forget_tries(*keys: str) -> None:
    """Start again at nothing: the secret was known."""
    SignInTry.objects.filter(key__in=keys).delete()
